//! Random changes of texts, at the places where readers break.

use super::project;
use nishina::rng::{Generator, RngExt};
use std::path::PathBuf;

/// Files of a folder of the project with an ending, and what they hold.
pub fn texts(folder: &str, ending: &str) -> Vec<(PathBuf, String)> {
    let mut all: Vec<_> = std::fs::read_dir(project().join(folder))
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == ending))
        .map(|p| (p.clone(), std::fs::read_to_string(p).unwrap()))
        .collect();
    all.sort();
    assert!(!all.is_empty());
    all
}

/// Values at which readers break, where they break.
const NASTY: &[&str] = &[
    "0",
    "-1",
    "1",
    "2",
    "3",
    "7",
    "1e308",
    "-1e308",
    "1e-320",
    "nan",
    "inf",
    "-inf",
    "9223372036854775807",
    "-9223372036854775808",
    "18446744073709551615",
    "4294967296",
    "1048577",
    "65536",
    "0.5",
    "1e9",
    "true",
    "\"\"",
    "\"x\"",
    "[]",
    "[0]",
    "[1, 2, 3, 4]",
    "{}",
    "[[]]",
    "[[1.0, \"X0 Z1\"]]",
    "\"\\u0000\"",
    "\"σ\"",
    "''",
    "1979-05-27",
    "{ kind = \"rbm\" }",
    "[1e6, 1e6]",
    "{ total_sz = 0 }",
    "\"../../etc/passwd\"",
    "\"full-sum\"",
    "\"periodic\"",
];

/// A number in 0..n.
pub fn below(rng: &mut Generator, n: usize) -> usize {
    rng.random_range(0..n.max(1))
}

/// The start of a character at or before a byte.
fn boundary(text: &str, mut at: usize) -> usize {
    at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One to four changes of a text: characters, pieces, lines, values, splices.
pub fn mutate(text: &str, other: &str, rng: &mut Generator) -> String {
    let mut text = text.to_string();
    for _ in 0..1 + below(rng, 4) {
        let a = boundary(&text, below(rng, text.len() + 1));
        let span = 1 + below(rng, 12);
        let b = boundary(&text, a + span).max(a);
        let lines = text.lines().map(String::from).collect::<Vec<_>>();
        match below(rng, 9) {
            0 => text.replace_range(a..b, ""),
            1 => text.insert(
                a,
                char::from_u32(below(rng, 0x3000) as u32).unwrap_or('\u{fffd}'),
            ),
            2 => {
                let piece = text[a..b].repeat(1 + below(rng, 40));
                text.insert_str(a, &piece);
            }
            3 => text.truncate(a),
            4 if !lines.is_empty() => {
                let mut lines = lines;
                let (k, l) = (below(rng, lines.len()), below(rng, lines.len()));
                lines.swap(k, l);
                text = lines.join("\n");
            }
            5 | 6 if !lines.is_empty() => {
                // A value after `=` or between commas becomes another.
                let mut lines = lines;
                let k = below(rng, lines.len());
                let nasty = NASTY[below(rng, NASTY.len())];
                lines[k] = match lines[k].find('=') {
                    Some(at) => format!("{}= {nasty}", &lines[k][..at]),
                    None => {
                        let mut fields: Vec<&str> = lines[k].split(',').collect();
                        let f = below(rng, fields.len());
                        fields[f] = nasty;
                        fields.join(",")
                    }
                };
                text = lines.join("\n");
            }
            7 => {
                let at = boundary(other, below(rng, other.len() + 1));
                let end = boundary(other, at + below(rng, 80));
                text.insert_str(a, &other[at..end.max(at)]);
            }
            _ => {
                let byte = [b'0', b'-', b'e', b'[', b'"', b'\n', b'.', b','][below(rng, 8)] as char;
                text.replace_range(a..b, &byte.to_string());
            }
        }
        if text.len() > 100_000 {
            text.truncate(boundary(&text, 100_000));
        }
    }
    text
}

/// The pieces of a text that are numbers or quoted words: their places.
fn tokens(text: &str) -> Vec<(usize, usize)> {
    let bytes = text.as_bytes();
    let number = |b: u8| b.is_ascii_digit() || [b'.', b'-', b'e'].contains(&b);
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let end = match bytes[at] {
            quote @ (b'"' | b'\'') => {
                let inside = bytes[at + 1..].iter().take_while(|&&b| b != quote).count();
                (at + inside + 2).min(bytes.len())
            }
            b if b.is_ascii_digit() || b == b'-' => {
                at + bytes[at..].iter().take_while(|&&b| number(b)).count()
            }
            _ => at + 1,
        };
        if end > at + 1 || bytes[at].is_ascii_digit() {
            tokens.push((at, end));
        }
        at = end;
    }
    tokens
}

/// A mild change: one number becomes another that may make sense, one quoted word another one of
/// the texts.
pub fn nudge(text: &str, other: &str, rng: &mut Generator) -> String {
    const NUMBERS: &[&str] = &[
        "0", "1", "2", "3", "4", "5", "7", "12", "64", "0.5", "-1", "1e-3", "-0.25", "1e3",
    ];
    let mut text = text.to_string();
    let all = tokens(&text);
    if all.is_empty() {
        return text;
    }
    let (a, b) = all[below(rng, all.len())];
    let word = |piece: &str| piece.starts_with(['"', '\'']);
    let new = if word(&text[a..b]) {
        let words: Vec<&str> = tokens(other)
            .into_iter()
            .map(|(a, b)| &other[a..b])
            .filter(|w| word(w))
            .collect();
        words
            .get(below(rng, words.len()))
            .copied()
            .unwrap_or("\"\"")
            .to_string()
    } else {
        NUMBERS[below(rng, NUMBERS.len())].to_string()
    };
    text.replace_range(a..b, &new);
    text
}
