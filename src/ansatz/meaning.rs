//! Decides whether the parameters of a file mean what those of the input mean, where they have the
//! same names and shapes: results know the input that they are of.

use toml::{Table, Value};

/// Keys that give parameters their meaning and change no shape.
#[derive(Debug, Clone)]
pub struct Meaning {
    /// The kind of the wave function.
    pub kind: &'static str,
    /// Those keys, with the values of the input.
    pub keys: Vec<(&'static str, Value)>,
    /// The key `complex`.
    pub complex: bool,
}

/// The tables of the wave function of an input and of all that it is made of, with their kinds.
fn parts(input: &Table) -> Vec<(&str, &Table)> {
    fn visit<'a>(table: &'a Table, found: &mut Vec<(&'a str, &'a Table)>) {
        let kind = table.get("kind").and_then(Value::as_str);
        found.extend(kind.map(|kind| (kind, table)));
        let factors = table.get("factors").and_then(Value::as_array);
        let parts = factors.into_iter().flatten().chain(table.get("of"));
        let parts = parts.filter_map(Value::as_table);
        parts.for_each(|part| visit(part, found));
    }
    let mut found = Vec::new();
    let ansatz = input.get("ansatz").and_then(Value::as_table);
    ansatz
        .into_iter()
        .for_each(|table| visit(table, &mut found));
    found
}

/// The tables of a kind among them.
pub(super) fn of_kind<'a>(input: &'a Table, kind: &str) -> Vec<&'a Table> {
    let all = parts(input).into_iter();
    all.filter_map(|(own, table)| (own == kind).then_some(table))
        .collect()
}

impl Meaning {
    /// Whether the wave function of a file with this input is positive, where it tells; `grows`
    /// says whether phases may be added to it.
    ///
    /// Errors: what differs, in words. A file that does not tell is believed.
    pub fn compare(&self, input: &Table, grows: bool) -> Result<Option<bool>, String> {
        let others = parts(input)
            .into_iter()
            .map(|(kind, _)| format!("\"{kind}\""));
        let others: Vec<String> = others.collect();
        let theirs = match of_kind(input, self.kind)[..] {
            [theirs] => theirs,
            [] if !others.is_empty() => {
                let (own, others) = (self.kind, others.join(", "));
                return Err(format!(
                    "is of the kind {others}, and the input of \"{own}\""
                ));
            }
            _ => return Ok(None),
        };
        for (key, own) in &self.keys {
            match theirs.get(*key) {
                Some(value) if value != own => {
                    return Err(format!("has {key} = {value}, and the input {key} = {own}"));
                }
                _ => {}
            }
        }
        let flag = |key: &str| theirs.get(key).and_then(Value::as_bool);
        // Another word for complex = false, beside which the default of the first stands.
        let positive = match flag("positive") {
            Some(true) => Some(true),
            _ => flag("complex").map(|complex| !complex),
        };
        match (positive, self.complex) {
            (Some(false), false) => Err("has complex = true, and the input complex = false".into()),
            (Some(true), true) if !grows => Err(
                "has complex = false, and the input complex = true: phases are added with load = \
                 { file, grow = true }"
                    .into(),
            ),
            (positive, _) => Ok(positive),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_mean_something_else_are_told_apart() {
        let meaning = |complex: bool| Meaning {
            kind: "resnet",
            keys: vec![("head", "exp".into())],
            complex,
        };
        let says = |input: &str, complex: bool, grows: bool| {
            meaning(complex).compare(&input.parse().unwrap(), grows)
        };
        let inner = "[ansatz]\nkind = 'symmetrised'\n[ansatz.of]\nkind = 'resnet'\n";
        assert_eq!(says("", true, false), Ok(None));
        let other = says("[ansatz]\nkind = 'vit'\nhead = 'sinh'", true, false).unwrap_err();
        assert!(other.contains("the kind \"vit\", and"), "{other}");
        let sinh = says(&format!("{inner}head = 'sinh'"), true, true).unwrap_err();
        assert!(sinh.contains("head = \"sinh\""), "{sinh}");
        let positive = format!("{inner}head = 'exp'\ncomplex = false");
        assert_eq!(says(&positive, false, false), Ok(Some(true)));
        assert_eq!(says(&positive, true, true), Ok(Some(true)));
        assert!(says(&positive, true, false).unwrap_err().contains("grow"));
        let word = format!("{inner}complex = true\npositive = true");
        assert_eq!(says(&word, true, true), Ok(Some(true)));
        assert_eq!(
            says(&format!("{inner}complex = true"), true, true),
            Ok(Some(false))
        );
        assert!(says(&format!("{inner}complex = true"), false, true).is_err());
    }
}
