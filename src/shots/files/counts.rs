//! Decides how counts in JSON are read: nothing that a file repeats is lost, and each error names
//! the path inside the file.

use crate::error::{Error, Result};
use crate::lattice::files::read_text;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::path::Path;

/// Largest count: beyond it not every integer has a number of its own.
const LARGEST_COUNT: f64 = (1u64 << 53) as f64;
const FORMS: &str = "give { \"ZZ\": { \"01\": 512 } }, [{ \"basis\": \"ZZ\", \"counts\": { \"01\": \
                     512 } }], or { \"01\": 512 } for all Z";

/// A value of JSON; objects keep keys that come twice.
enum Node {
    Number(f64),
    Text(String),
    List(Vec<Node>),
    Object(Vec<(String, Node)>),
    Other(&'static str),
}

struct NodeVisitor;

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str("a value of JSON")
    }

    fn visit_bool<E>(self, value: bool) -> std::result::Result<Node, E> {
        Ok(Node::Other(if value { "true" } else { "false" }))
    }

    fn visit_unit<E>(self) -> std::result::Result<Node, E> {
        Ok(Node::Other("null"))
    }

    fn visit_u64<E>(self, value: u64) -> std::result::Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_i64<E>(self, value: i64) -> std::result::Result<Node, E> {
        Ok(Node::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> std::result::Result<Node, E> {
        Ok(Node::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> std::result::Result<Node, E> {
        Ok(Node::Text(value.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> std::result::Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> std::result::Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = map.next_entry()? {
            entries.push(entry);
        }
        Ok(Node::Object(entries))
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

impl Node {
    /// As messages show it.
    fn show(&self) -> String {
        match self {
            Node::Number(value) => value.to_string(),
            Node::Text(text) => format!("{:?}", text.chars().take(80).collect::<String>()),
            Node::List(_) => "a list".into(),
            Node::Object(_) => "an object".into(),
            Node::Other(word) => (*word).into(),
        }
    }
}

/// A file of counts, for its errors.
pub(super) struct CountFile<'a> {
    pub(super) path: &'a Path,
    pub(super) key: &'a str,
}

/// The counts of one basis: the letters of the basis, all z where there are none; the place inside
/// the file.
pub(super) struct BasisCounts {
    pub(super) basis: Option<String>,
    pub(super) place: String,
    pub(super) counts: Vec<(String, f64)>,
}

impl CountFile<'_> {
    /// The error of a place inside the file, which may be empty.
    pub(super) fn error(&self, place: &str, problem: impl AsRef<str>, remedy: &str) -> Error {
        let comma = if place.is_empty() { "" } else { ", " };
        let problem = format!(
            "{}{comma}{place}: {}",
            self.path.display(),
            problem.as_ref()
        );
        Error::input(self.key, problem, remedy)
    }

    /// All counts in the order of the file.
    pub(super) fn read(&self) -> Result<Vec<BasisCounts>> {
        let text = read_text(self.path, self.key)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
        if text.trim().is_empty() {
            return Err(self.error("", "the file is empty", FORMS));
        }
        let root: Node = serde_json::from_str(text)
            .map_err(|e| self.error("", format!("it is not JSON: {e}"), FORMS))?;
        let all = match root {
            Node::Object(entries) if matches!(entries.first(), Some((_, Node::Object(_)))) => {
                entries
                    .into_iter()
                    .map(|(basis, node)| self.counts(node, basis.clone(), Some(basis)))
                    .collect::<Result<Vec<_>>>()?
            }
            Node::Object(entries) if !entries.is_empty() => {
                vec![self.counts(Node::Object(entries), String::new(), None)?]
            }
            Node::List(items) => (items.into_iter().enumerate())
                .map(|(k, node)| self.entry(node, format!("[{k}]")))
                .collect::<Result<Vec<_>>>()?,
            Node::Object(_) => Vec::new(),
            other => return Err(self.error("", format!("it holds {}", other.show()), FORMS)),
        };
        match all.is_empty() {
            true => Err(self.error("", "there are no shots", FORMS)),
            false => Ok(all),
        }
    }

    /// An entry of the list of bases; keys of other programs are left alone.
    fn entry(&self, node: Node, place: String) -> Result<BasisCounts> {
        let Node::Object(entries) = node else {
            return Err(self.error(&place, format!("{} is given", node.show()), FORMS));
        };
        let (mut basis, mut counts) = (Vec::new(), Vec::new());
        for (name, node) in entries {
            match name.as_str() {
                "basis" => basis.push(node),
                "counts" => counts.push(node),
                _ => {}
            }
        }
        let one = |nodes: Vec<Node>, name: &str| {
            let count = nodes.len();
            let mut nodes = nodes.into_iter();
            match (nodes.next(), count) {
                (Some(node), 1) => Ok(node),
                (None, _) => Err(self.error(&place, format!("`{name}` is missing"), FORMS)),
                _ => Err(self.error(&place, format!("`{name}` is there {count} times"), FORMS)),
            }
        };
        let basis = match one(basis, "basis")? {
            Node::Text(text) => text,
            other => {
                let problem = format!("{} is no basis", other.show());
                return Err(self.error(&format!("{place}.basis"), problem, FORMS));
            }
        };
        let counts = one(counts, "counts")?;
        self.counts(counts, format!("{place}.counts"), Some(basis))
    }

    /// An object of bit strings.
    fn counts(&self, node: Node, place: String, basis: Option<String>) -> Result<BasisCounts> {
        let Node::Object(entries) = node else {
            let problem = format!("{} is no object of counts", node.show());
            return Err(self.error(&place, problem, FORMS));
        };
        let mut counts = Vec::with_capacity(entries.len());
        for (bits, node) in entries {
            match node {
                Node::Number(n) if n.fract() == 0.0 && (0.0..=LARGEST_COUNT).contains(&n) => {
                    counts.push((bits, n));
                }
                other => {
                    let problem = format!("{} is no count", other.show());
                    let remedy = "counts are whole numbers from 0 to 2^53";
                    return Err(self.error(&within(&place, &bits), problem, remedy));
                }
            }
        }
        Ok(BasisCounts {
            basis,
            place,
            counts,
        })
    }
}

/// The place of a key inside a place.
pub(super) fn within(place: &str, key: &str) -> String {
    match place {
        "" => key.to_string(),
        _ => format!("{place}.{key}"),
    }
}
