//! The broken inputs of `tests/inputs/cases.toml`: sound inputs with one change each.

use super::project;
use toml::{Table, Value};

/// An input that the program has to refuse.
pub struct Broken {
    /// Name of the case.
    pub name: String,
    /// What the message has to name.
    pub key: String,
    /// Words of the message.
    pub says: String,
    /// The input.
    pub text: String,
}

/// The table that holds the last key of `path`, made where it is missing, and that key.
fn place<'a>(input: &'a mut Table, path: &str) -> (&'a mut Table, String) {
    let mut keys: Vec<&str> = path.split('.').collect();
    let last = keys.pop().unwrap().to_string();
    let inner = keys.into_iter().fold(input, |table, key| {
        table
            .entry(key)
            .or_insert_with(|| Value::Table(Table::new()))
            .as_table_mut()
            .unwrap()
    });
    (inner, last)
}

fn broken(input: &Table, case: &Table) -> Broken {
    let word = |name: &str| case.get(name).map_or("", |v| v.as_str().unwrap());
    let list = |name: &str| {
        let all = case.get(name).map(|v| v.as_array().unwrap().clone());
        let texts = all.unwrap_or_default();
        texts.into_iter().map(|v| v.as_str().unwrap().to_string())
    };
    let mut changed = input.clone();
    for path in list("remove") {
        let (table, key) = place(&mut changed, &path);
        assert!(table.remove(&key).is_some(), "{path} is not there");
    }
    for (path, value) in case.get("set").iter().flat_map(|v| v.as_table().unwrap()) {
        let (table, key) = place(&mut changed, path);
        table.insert(key, value.clone());
    }
    let mut text = toml::to_string(&changed).unwrap();
    let replaced: Vec<String> = list("replace").collect();
    if let [from, to] = &replaced[..] {
        assert!(text.contains(from.as_str()), "{from} is not there");
        text = text.replacen(from, to, 1);
    }
    Broken {
        name: word("case").into(),
        key: word("key").into(),
        says: word("says").into(),
        text,
    }
}

fn file() -> Table {
    let path = project().join("tests/inputs/cases.toml");
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

/// All of them.
pub fn inputs() -> Vec<Broken> {
    let mut all = Vec::new();
    for group in file().values() {
        let input = group["input"].as_table().unwrap();
        let cases = group["cases"].as_array().unwrap();
        all.extend(cases.iter().map(|c| broken(input, c.as_table().unwrap())));
    }
    all
}

/// The sound inputs, by name.
pub fn bases() -> Vec<(String, String)> {
    file()
        .iter()
        .map(|(name, group)| (name.clone(), toml::to_string(&group["input"]).unwrap()))
        .collect()
}
