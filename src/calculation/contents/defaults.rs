//! Decides how an input is written with every default: those of the schemas of its sections and
//! kinds, and those that other keys decide. What has no value stands behind it as a comment.

use crate::calculation::{Registry, optimize};
use crate::error::Result;
use crate::input::{
    BasisInput, HamiltonianCommon, Input, LatticeInput, OutputInput, SamplerInput, Source,
};
use crate::operator::models::Units;
use crate::optimizer::MetricKeys;
use crate::table::{Entry, schema_of};
use serde_json::Value;
use toml::{Table, Value as Key};

/// Defaults that other keys decide.
#[derive(Debug, Clone, Copy, Default)]
pub struct Decided<'d> {
    /// The method of `[optimize]`.
    pub method: Option<&'d str>,
    /// What the operators of `[hamiltonian]` are.
    pub units: Option<Units>,
    /// The move of Markov chains where the input names none.
    pub movement: Option<&'d str>,
    /// The largest occupation of a site of bosons.
    pub occupation: Option<u8>,
    /// The group that ties filters where the input names none.
    pub symmetry: Option<&'d str>,
}

/// The input as TOML with every default. Fails with `Error::Input` where a section cannot be read.
pub fn complete(source: &Source, registry: &Registry, decided: Decided) -> Result<String> {
    let mut filler = Filler {
        registry,
        absent: Vec::new(),
    };
    let mut table = source.table.clone();
    filler.top(&mut table, source);
    filler.sampler(&mut table, source, decided);
    filler.physics(&mut table, decided);
    for section in registry.sections.iter() {
        let name = section.declaration.name;
        let Some(Key::Table(own)) = table.get_mut(name) else {
            continue;
        };
        let schema = section.schema();
        let other = (section.effective)(source, name)?.into_iter();
        let known = |key: &String| schema["properties"].get(key).is_some();
        for (key, value) in other.filter(|(key, _)| known(key)) {
            own.entry(key).or_insert(value);
        }
        filler.section(own, &schema, name, decided);
    }
    let head = "# Every key with its value. The keys at the end have none.\n";
    Ok(format!("{head}{table}\n{}", filler.absent.join("\n")))
}

/// A key whose default holds only where none of the others is given.
const INSTEAD_OF: (&str, [&str; 3]) = (
    "shift",
    ["pseudo_inverse", "carleo_troyer", "scale_invariant"],
);

struct Filler<'f, 'r> {
    registry: &'f Registry<'r>,
    /// A comment for each key without a value.
    absent: Vec<String>,
}

impl Filler<'_, '_> {
    /// Keys above all sections, and files.
    fn top(&mut self, table: &mut Table, source: &Source) {
        let mut root = schema_of::<Input>();
        let sections = [
            "basis",
            "lattice",
            "hamiltonian",
            "ansatz",
            "sampler",
            "output",
        ];
        if let Some(own) = root["properties"].as_object_mut() {
            own.retain(|key, _| !sections.contains(&key.as_str()));
        }
        let input = &source.input;
        table.insert("title".into(), input.title.clone().into());
        self.fill(table, &root, &root, "");
        let name = input.output.name.clone().unwrap_or_default();
        if let Key::Table(own) = table.entry("output").or_insert(Table::new().into()) {
            own.insert("name".into(), name.into());
            let schema = schema_of::<OutputInput>();
            self.fill(own, &schema, &schema, "output");
        }
    }

    /// `[sampler]`, with moves as tables; keys of chains only where there are any.
    fn sampler(&mut self, table: &mut Table, source: &Source, decided: Decided) {
        let used = ["ansatz", "classical", "sampler"];
        if !used.iter().any(|name| table.contains_key(*name)) {
            return;
        }
        let method = source.input.sampler.clone().unwrap_or_default().method;
        let Key::Table(own) = table.entry("sampler").or_insert(Table::new().into()) else {
            return;
        };
        if let Ok(name) = Key::try_from(method) {
            own.insert("method".into(), name);
        }
        let mut schema = schema_of::<SamplerInput>();
        if !method.has_chains()
            && let Some(keys) = schema["properties"].as_object_mut()
        {
            let chains = ["chains", "moves", "sweeps", "burn_in", "power", "tempering"];
            keys.retain(|key, _| !chains.contains(&key.as_str()));
        }
        if let Some(kind) = decided.movement {
            let moves = vec![Key::String(kind.into())];
            own.entry("moves").or_insert(Key::Array(moves));
        }
        self.fill(own, &schema, &schema, "sampler");
        let shelf = self.registry.moves;
        let of = |kind: &str| shelf.find(kind, "").ok().map(Entry::schema);
        self.list(own.get_mut("moves"), "sampler.moves", &of);
        let moves = own.get_mut("moves").and_then(Key::as_array_mut);
        for one in moves.into_iter().flatten().filter_map(Key::as_table_mut) {
            one.entry("weight").or_insert(Key::Float(1.0));
        }
    }

    /// What the sites hold, the lattice, the model, the wave function.
    fn physics(&mut self, table: &mut Table, decided: Decided) {
        if table.contains_key("lattice") {
            let spins = Table::from_iter([("kind".to_string(), Key::from("spin"))]);
            table.entry("basis").or_insert(spins.into());
        }
        if let Some(Key::Table(own)) = table.get_mut("basis") {
            let bosons = own.get("kind").and_then(Key::as_str) == Some("boson");
            if let Some(most) = decided.occupation {
                let most = Key::Integer(most.into());
                own.entry("max_occupation").or_insert(most);
            }
            let other = if bosons { "s" } else { "max_occupation" };
            let schema = without(schema_of::<BasisInput>(), &[other]);
            self.fill(own, &schema, &schema, "basis");
        }
        if let Some(Key::Table(own)) = table.get_mut("lattice") {
            let graph = own.get("kind").and_then(Key::as_str) == Some("graph");
            let other: &[&str] = if graph {
                &["size", "boundary"]
            } else {
                &["file", "sites"]
            };
            let schema = without(schema_of::<LatticeInput>(), other);
            self.fill(own, &schema, &schema, "lattice");
        }
        if let Some(Key::Table(own)) = table.get_mut("hamiltonian") {
            if let Some(Ok(units)) = decided.units.map(Key::try_from) {
                own.entry("units").or_insert(units);
            }
            let common = schema_of::<HamiltonianCommon>();
            let kind = own.get("kind").and_then(Key::as_str).unwrap_or_default();
            let model = self.registry.models.find(kind, "").ok().map(Entry::schema);
            for schema in std::iter::once(common).chain(model) {
                self.fill(own, &schema, &schema, "hamiltonian");
            }
        }
        if let Some(Key::Table(own)) = table.get_mut("ansatz") {
            if let Some(name) = decided.symmetry {
                own.insert("symmetry".into(), name.into());
            }
            self.wave_function(own, "ansatz");
        }
    }

    /// A wave function and those within it.
    fn wave_function(&mut self, own: &mut Table, path: &str) {
        let kind = own.get("kind").and_then(Key::as_str).unwrap_or_default();
        let Ok(entry) = self.registry.ansatze.find(kind, "") else {
            return;
        };
        let schema = entry.schema();
        self.fill(own, &schema, &schema, path);
        for (key, value) in own.iter_mut() {
            match value {
                Key::Table(inner) => self.wave_function(inner, &format!("{path}.{key}")),
                Key::Array(list) => {
                    for (k, one) in list.iter_mut().enumerate() {
                        if let Key::Table(inner) = one {
                            self.wave_function(inner, &format!("{path}.{key}[{k}]"));
                        }
                    }
                }
                _ => {}
            }
        }
    }

    /// A section that calculates something.
    fn section(&mut self, own: &mut Table, schema: &Value, name: &str, decided: Decided) {
        let mut schema = schema.clone();
        if let Some(kind) = decided.method.filter(|_| name == "optimize") {
            own.insert("method".into(), kind.into());
            let instead = INSTEAD_OF.1.iter().any(|other| own.contains_key(*other));
            for (key, value) in optimize::decided_by(kind) {
                if !(instead && key == INSTEAD_OF.0) {
                    own.entry(key).or_insert(value);
                }
            }
            schema = self.optimize(schema, kind);
        }
        self.fill(own, &schema, &schema, name);
        let shelf = self.registry.observables;
        let of = |kind: &str| shelf.find(kind, "").ok().map(Entry::schema);
        self.list(
            own.get_mut("observables"),
            &format!("{name}.observables"),
            &of,
        );
    }

    /// The schema of `[optimize]` with the keys of one method.
    fn optimize(&self, mut schema: Value, kind: &str) -> Value {
        let methods = self.registry.optimizers;
        let keys = |own: &Value| own["properties"].as_object().cloned().unwrap_or_default();
        let Ok(chosen) = methods.find(kind, "") else {
            return schema;
        };
        let own = keys(&chosen.schema());
        let metric = keys(&schema_of::<MetricKeys>());
        let of_methods = methods.iter().flat_map(|e| keys(&e.schema()));
        let mut others: Vec<String> = of_methods.map(|(key, _)| key).collect();
        if !chosen.metric {
            others.extend(metric.keys().cloned());
        }
        if let Some(all) = schema["properties"].as_object_mut() {
            all.retain(|key, _| !others.contains(key) || metric.contains_key(key) && chosen.metric);
            all.extend(own);
        }
        schema
    }

    /// Names and tables of kinds: each becomes a table with the keys of its kind.
    fn list(
        &mut self,
        list: Option<&mut Key>,
        path: &str,
        schema_of_kind: &dyn Fn(&str) -> Option<Value>,
    ) {
        let list = list.and_then(Key::as_array_mut);
        for (k, one) in list.into_iter().flatten().enumerate() {
            let kind = one.as_str().or(one.get("kind").and_then(Key::as_str));
            let kind = kind.unwrap_or_default().to_string();
            let Some(schema) = schema_of_kind(&kind) else {
                continue;
            };
            if !one.is_table() {
                *one = Table::from_iter([("kind".to_string(), Key::String(kind))]).into();
            }
            if let Key::Table(own) = one {
                self.fill(own, &schema, &schema, &format!("{path}[{k}]"));
            }
        }
    }

    /// Gives the keys of `own` that a schema has their defaults; `whole` holds its definitions.
    fn fill(&mut self, own: &mut Table, schema: &Value, whole: &Value, path: &str) {
        let (replaced, others) = INSTEAD_OF;
        let is_replaced = others.iter().any(|other| own.contains_key(*other));
        for (key, about) in schema["properties"].as_object().into_iter().flatten() {
            if is_replaced && key == replaced {
                continue;
            }
            let place = match path.is_empty() {
                true => key.clone(),
                false => format!("{path}.{key}"),
            };
            match own.get_mut(key) {
                Some(Key::Table(inner)) => {
                    if let Some(schema) = fitting(about, whole, inner) {
                        self.fill(inner, &schema.clone(), whole, &place);
                    }
                }
                Some(_) => {}
                None => match as_key(&about["default"]) {
                    Some(value) => {
                        own.insert(key.clone(), value);
                    }
                    None => {
                        let text = about["description"].as_str().unwrap_or_default();
                        self.absent
                            .push(format!("# {place}: {}", text.replace('\n', " ")));
                    }
                },
            }
        }
    }
}

/// A schema without some of its keys.
fn without(mut schema: Value, keys: &[&str]) -> Value {
    if let Some(own) = schema["properties"].as_object_mut() {
        own.retain(|key, _| !keys.contains(&key.as_str()));
    }
    schema
}

/// The schema of a table, among those that a key allows: one that has all the keys of the table.
fn fitting<'s>(about: &'s Value, whole: &'s Value, own: &Table) -> Option<&'s Value> {
    if let Some(keys) = about["properties"].as_object() {
        let fits = |(key, value): (&String, &Key)| match keys.get(key) {
            Some(known) => known["const"].is_null() || known["const"].as_str() == value.as_str(),
            None => false,
        };
        return own.iter().all(fits).then_some(about);
    }
    if let Some(name) = about["$ref"].as_str() {
        return fitting(whole.pointer(name.trim_start_matches('#'))?, whole, own);
    }
    let lists = ["anyOf", "oneOf", "allOf"].map(|name| about[name].as_array());
    let mut parts = lists.into_iter().flatten().flatten();
    parts.find_map(|part| fitting(part, whole, own))
}

/// A default as TOML; `None` for null and for what TOML cannot say.
fn as_key(default: &Value) -> Option<Key> {
    match default {
        Value::Null => None,
        other => Key::try_from(other).ok(),
    }
}
