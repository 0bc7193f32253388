//! Decides how the text format of Carleo and Troyer is read.
//!
//! N, M, then a_0 … a_{N−1}, b_0 … b_{M−1}, W_00, W_01, … W_{N−1,M−1} row by row, each as `(re,im)`
//! or a real number, with white space between (G. Carleo, M. Troyer, Science 355, 602 (2017), and
//! the files published with it).

use super::growth::Arrays;
use num_complex::Complex64;

/// The arrays of a text.
///
/// Errors: what is wrong, in words.
pub(super) fn from_text(bytes: &[u8]) -> std::result::Result<Arrays, String> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| "is neither an HDF5 file nor a text".to_string())?;
    let mut words = text.split_whitespace();
    if words
        .clone()
        .next()
        .is_none_or(|word| number(word).is_none())
    {
        return Err("is neither an HDF5 file nor a text that begins with two numbers".into());
    }
    let mut count = |name: &str| {
        let word = words.next().ok_or_else(|| format!("ends before {name}"))?;
        word.parse::<usize>()
            .ok()
            .filter(|n| (1..=1 << 20).contains(n))
            .ok_or_else(|| format!("{name} is `{word}`"))
    };
    let (n, m) = (count("N")?, count("M")?);
    let mut block = |name: &str, shape: Vec<usize>| {
        let mut values = Vec::new();
        for k in 0..shape.iter().product::<usize>() {
            let word = words
                .next()
                .ok_or_else(|| format!("ends before entry {k} of {name}, with N = {n}, M = {m}"))?;
            values.push(
                number(word)
                    .ok_or_else(|| format!("entry {k} of {name} is `{word}`, not (re,im)"))?,
            );
        }
        Ok::<_, String>((name.to_string(), (shape, values)))
    };
    let arrays = Arrays::from([
        block("a", vec![n])?,
        block("b", vec![m])?,
        block("W", vec![n, m])?,
    ]);
    match words.next() {
        None => Ok(arrays),
        Some(word) => Err(format!(
            "goes on with `{word}` after the last weight, with N = {n}, M = {m}"
        )),
    }
}

/// `(re,im)` or a real number.
fn number(word: &str) -> Option<Complex64> {
    match word.strip_prefix('(').and_then(|w| w.strip_suffix(')')) {
        None => word.parse::<f64>().ok().map(Complex64::from),
        Some(pair) => {
            let (re, im) = pair.split_once(',')?;
            Some(Complex64::new(
                re.trim().parse().ok()?,
                im.trim().parse().ok()?,
            ))
        }
    }
}
