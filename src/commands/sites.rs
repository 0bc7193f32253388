//! Decides what `lattice` says of an input: its sites with numbers and places, its bonds, its
//! symmetries, and a drawing.

use super::{answer, tools};
use crate::error::{Error, Result};
use crate::lattice::{Bond, Lattice, bipartition};
use crate::{input, io};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Says what the lattice of an input is, and draws it to `drawing`.
pub fn lattice(
    path: &Path,
    settings: &[String],
    shell: usize,
    drawing: Option<PathBuf>,
    json: bool,
) -> Result<()> {
    let source = input::read(path, settings)?;
    let keys = input::section(&source.input.lattice, "lattice")?;
    let lattice = Lattice::new(&keys.spec(&source.folder)?).map_err(|e| source.located(e))?;
    let bonds = lattice.bonds(shell.max(1))?;
    if let Some(file) = drawing {
        draw(&lattice, &bonds, &file)?;
    }
    match json {
        true => answer(&object(&lattice, &bonds).to_string()),
        false => answer(&text(&lattice, &bonds, shell.max(1))),
    }
}

fn draw(lattice: &Lattice, bonds: &[Bond], file: &Path) -> Result<()> {
    if !file.extension().is_some_and(|e| e == "png" || e == "svg") {
        return Err(Error::input(
            "--draw",
            format!("{} is no picture", file.display()),
            "give a file that ends with .png or .svg",
        ));
    }
    let failed = |e| Error::output(file, format!("cannot be written: {e}"));
    io::atomic::probe(&io::atomic::followed(file)).map_err(failed)?;
    let pairs: Vec<_> = bonds.iter().map(|b| (b.i, b.j)).collect();
    tools::draw_lattice(lattice, &pairs, file)
}

/// The sublattices of the bonds, where they have two.
fn sublattices(lattice: &Lattice, bonds: &[Bond]) -> Option<Vec<bool>> {
    bipartition(lattice.sites, bonds).ok()
}

/// How many translations and elements of the space group there are, where the lattice has any.
fn symmetries(lattice: &Lattice) -> Option<(usize, usize)> {
    let translations = lattice.translations().ok()?.permutations.len();
    let group = lattice.space_group().ok()?.permutations.len();
    Some((translations, group))
}

fn text(lattice: &Lattice, bonds: &[Bond], shell: usize) -> String {
    let parts = sublattices(lattice, bonds);
    let mut lines = vec![format!(
        "{}: {} sites, {} bonds of shell {shell}",
        lattice.spec.kind,
        lattice.sites,
        bonds.len()
    )];
    lines.push(match &parts {
        Some(_) if !bonds.is_empty() => {
            "bipartite: sublattices A and B; sign_rule = \"marshall\" can be used".into()
        }
        Some(_) => "without bonds of its own; the model brings them".into(),
        None => "not bipartite: sign_rule = \"marshall\" cannot be used".into(),
    });
    if let Some((translations, group)) = symmetries(lattice) {
        lines.push(format!(
            "{translations} translations, space group of {group} elements"
        ));
    }
    lines.push("site  cell         place  x        y        z        sublattice".into());
    for i in 0..lattice.sites {
        let ([x, y, z], p) = (lattice.cells[i], lattice.positions[i]);
        let cell = format!("({x}, {y}, {z})");
        let name = parts.as_ref().map_or("-", |a| if a[i] { "A" } else { "B" });
        lines.push(format!(
            "{i:<4}  {cell:<11}  {:<5}  {:<7.4}  {:<7.4}  {:<7.4}  {name}",
            lattice.sublattice[i], p[0], p[1], p[2]
        ));
    }
    let pairs: Vec<_> = bonds.iter().map(|b| format!("{}-{}", b.i, b.j)).collect();
    lines.push("pairs of sites with a bond".into());
    lines.extend(pairs.chunks(12).map(|row| format!("  {}", row.join("  "))));
    lines.join("\n")
}

fn object(lattice: &Lattice, bonds: &[Bond]) -> Value {
    let symmetries = symmetries(lattice);
    json!({
        "kind": lattice.spec.kind,
        "sites": lattice.sites,
        "positions": lattice.positions,
        "cells": lattice.cells,
        "place_in_cell": lattice.sublattice,
        "pairs": bonds.iter().map(|b| json!([b.i, b.j, b.kind])).collect::<Vec<_>>(),
        "sublattice_a": sublattices(lattice, bonds),
        "translations": symmetries.map(|s| s.0),
        "space_group": symmetries.map(|s| s.1),
    })
}
