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

/// The tables of a kind within that of a wave function.
fn tables<'a>(table: &'a Table, kind: &str, found: &mut Vec<&'a Table>) {
    if table.get("kind").and_then(Value::as_str) == Some(kind) {
        found.push(table);
    }
    let factors = table.get("factors").and_then(Value::as_array);
    let parts = factors.into_iter().flatten().chain(table.get("of"));
    let parts = parts.filter_map(Value::as_table);
    parts.for_each(|part| tables(part, kind, found));
}

impl Meaning {
    /// Whether the wave function of a file with this input is positive and this one is not; `grows`
    /// says whether it may be.
    ///
    /// Errors: what differs, in words. A file that does not tell is believed.
    pub fn lacks_phases(&self, input: &Table, grows: bool) -> Result<bool, String> {
        let mut found = Vec::new();
        if let Some(ansatz) = input.get("ansatz").and_then(Value::as_table) {
            tables(ansatz, self.kind, &mut found);
        }
        let [theirs] = found[..] else {
            return Ok(false);
        };
        for (key, own) in &self.keys {
            match theirs.get(*key) {
                Some(value) if value != own => {
                    return Err(format!("has {key} = {value}, and the input {key} = {own}"));
                }
                _ => {}
            }
        }
        let complex = theirs.get("complex").and_then(Value::as_bool);
        match (complex, self.complex) {
            (Some(true), false) => Err("has complex = true, and the input complex = false".into()),
            (Some(false), true) if !grows => Err(
                "has complex = false, and the input complex = true: phases are added with load = \
                 { file, grow = true }"
                    .into(),
            ),
            (theirs, own) => Ok(own && theirs == Some(false)),
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
            meaning(complex).lacks_phases(&input.parse().unwrap(), grows)
        };
        let inner = "[ansatz]\nkind = 'symmetrised'\n[ansatz.of]\nkind = 'resnet'\n";
        assert_eq!(says("", true, false), Ok(false));
        assert_eq!(
            says("[ansatz]\nkind = 'vit'\nhead = 'sinh'", true, false),
            Ok(false)
        );
        let sinh = says(&format!("{inner}head = 'sinh'"), true, true).unwrap_err();
        assert!(sinh.contains("head = \"sinh\""), "{sinh}");
        let positive = format!("{inner}head = 'exp'\ncomplex = false");
        assert_eq!(says(&positive, false, false), Ok(false));
        assert_eq!(says(&positive, true, true), Ok(true));
        assert!(says(&positive, true, false).unwrap_err().contains("grow"));
        assert!(says(&format!("{inner}complex = true"), false, true).is_err());
    }
}
