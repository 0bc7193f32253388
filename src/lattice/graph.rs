//! Decides what follows from edges alone: checked edge lists, two-colourings and orbits.
//!
//! A graph is bipartite exactly when it has no cycle of odd length; the cycle found is the proof
//! that it is not. Reference: R. Diestel, Graph Theory, 5th ed. (2017), prop. 1.6.1.

use super::{Bond, Group};
use crate::error::{Error, Result};
use std::collections::{BTreeSet, VecDeque};

/// Checks the edges of a graph and returns its number of sites with its bonds, i < j, sorted.
pub(super) fn check(
    edges: Option<&[(usize, usize, u32)]>,
    sites: Option<usize>,
) -> Result<(usize, Vec<Bond>)> {
    let edges = match (edges, sites) {
        (None, None) => {
            return Err(Error::input(
                "lattice.file",
                "a graph needs edges or a number of sites",
                "give file = \"edges.csv\", or sites = n where the Hamiltonian brings its own \
                 bonds",
            ));
        }
        (edges, _) => edges.unwrap_or_default(),
    };
    let largest = edges.iter().map(|e| e.0.max(e.1)).max();
    let count = sites.unwrap_or_else(|| largest.map_or(0, |l| l.saturating_add(1)));
    super::check_count(
        if sites.is_some() {
            "lattice.sites"
        } else {
            "lattice.file"
        },
        count,
    )?;
    let fault = |e: &(usize, usize, u32), what: String, remedy: &str| {
        Err(Error::input(
            "lattice.file",
            format!("edge {},{} {what}", e.0, e.1),
            remedy,
        ))
    };
    let mut pairs = BTreeSet::new();
    let mut bonds = Vec::with_capacity(edges.len());
    for e in edges {
        let (i, j) = (e.0.min(e.1), e.0.max(e.1));
        if i == j {
            return fault(e, "joins a site to itself".into(), "remove it");
        }
        if j >= count {
            return fault(
                e,
                format!("leaves the {count} sites, which count from 0"),
                "correct it or raise lattice.sites",
            );
        }
        if !pairs.insert((i, j)) {
            return fault(
                e,
                "is listed twice".into(),
                "list every pair once, in either order",
            );
        }
        bonds.push(Bond { i, j, kind: e.2 });
    }
    bonds.sort_unstable();
    check_alone(&bonds, count, sites.is_some())?;
    Ok((count, bonds))
}

/// An error where site 0 alone has no edge, as if sites were counted from 1, and a warning where
/// others have none; `sites` are `given` where that is meant.
fn check_alone(bonds: &[Bond], count: usize, given: bool) -> Result<()> {
    let mut joined = vec![false; count];
    for bond in bonds {
        (joined[bond.i], joined[bond.j]) = (true, true);
    }
    let alone: Vec<usize> = (0..count).filter(|&i| !joined[i]).collect();
    match alone[..] {
        [0] if !given && count > 1 => Err(Error::input(
            "lattice.file",
            "site 0 has no edge",
            "sites are counted from 0; set lattice.sites if a free site is meant",
        )),
        [_, ..] if !given && !bonds.is_empty() => {
            log::warn!("lattice.file: no edge leads to the sites {alone:?}, which stay in the run");
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Two-colours the graph of these bonds, site 0 in sublattice A (`true`); each further component
/// starts in A. The error side is a cycle of odd length.
pub fn bipartition(sites: usize, bonds: &[Bond]) -> std::result::Result<Vec<bool>, Vec<usize>> {
    let mut neighbours = vec![Vec::new(); sites];
    for b in bonds {
        neighbours[b.i].push(b.j);
        neighbours[b.j].push(b.i);
    }
    let mut colour: Vec<Option<bool>> = vec![None; sites];
    let mut parent: Vec<usize> = (0..sites).collect();
    for start in 0..sites {
        if colour[start].is_some() {
            continue;
        }
        colour[start] = Some(true);
        let mut queue = VecDeque::from([(start, true)]);
        while let Some((i, own)) = queue.pop_front() {
            for &j in &neighbours[i] {
                match colour[j] {
                    None => {
                        colour[j] = Some(!own);
                        parent[j] = i;
                        queue.push_back((j, !own));
                    }
                    Some(other) if other == own => return Err(cycle(&parent, i, j)),
                    Some(_) => {}
                }
            }
        }
    }
    Ok(colour.into_iter().map(|c| c == Some(true)).collect())
}

/// The cycle that the bond i-j closes in the tree of parents.
fn cycle(parent: &[usize], i: usize, j: usize) -> Vec<usize> {
    let path = |mut site: usize| {
        let mut path = vec![site];
        while parent[site] != site {
            site = parent[site];
            path.push(site);
        }
        path
    };
    let (mut left, mut right) = (path(i), path(j));
    while left.len() > 1 && right.len() > 1 && left[left.len() - 2] == right[right.len() - 2] {
        left.pop();
        right.pop();
    }
    right.pop();
    left.extend(right.into_iter().rev());
    left
}

/// Sites that a group maps onto each other share a number, from 0 in order of the first site.
pub fn orbits(sites: usize, group: &Group) -> Vec<usize> {
    let mut orbit = vec![usize::MAX; sites];
    let mut count = 0;
    for site in 0..sites {
        if orbit[site] != usize::MAX {
            continue;
        }
        orbit[site] = count;
        for g in &group.permutations {
            orbit[g[site] as usize] = count;
        }
        count += 1;
    }
    orbit
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bonds(pairs: &[(usize, usize)]) -> Vec<Bond> {
        pairs.iter().map(|&(i, j)| Bond { i, j, kind: 1 }).collect()
    }

    #[test]
    fn colours_components_and_finds_odd_cycles() {
        assert_eq!(
            bipartition(5, &bonds(&[(0, 1), (1, 2), (3, 4)])),
            Ok(vec![true, false, true, true, false])
        );
        let ring = bonds(&[(0, 1), (1, 2), (2, 3), (3, 4), (4, 2), (5, 0)]);
        let mut found = bipartition(6, &ring).expect_err("there is a triangle");
        found.sort_unstable();
        assert_eq!(found, [2, 3, 4]);
        let five = bonds(&[(0, 1), (1, 2), (2, 3), (3, 4), (4, 0)]);
        assert_eq!(bipartition(5, &five).expect_err("odd ring").len(), 5);
    }

    #[test]
    fn orbits_of_a_reflection() {
        let group = Group {
            permutations: vec![vec![0, 1, 2], vec![2, 1, 0]],
        };
        assert_eq!(orbits(3, &group), [0, 1, 0]);
    }

    #[test]
    fn refuses_bad_edges() {
        for (edges, sites, word) in [
            (vec![(0, 0, 1)], None, "itself"),
            (vec![(0, 1, 1), (1, 0, 2)], None, "twice"),
            (vec![(0, 5, 1)], Some(4), "4 sites"),
            (vec![(0, usize::MAX, 1)], None, "65536"),
            (vec![], None, "one site"),
        ] {
            let message = check(Some(&edges), sites).expect_err(word).to_string();
            assert!(message.contains(word), "{message}");
        }
        assert!(check(None, None).is_err());
        assert_eq!(check(None, Some(3)).map(|c| c.0), Ok(3));
        assert_eq!(
            check(Some(&[(2, 1, 7)]), Some(4)),
            Ok((
                4,
                vec![Bond {
                    i: 1,
                    j: 2,
                    kind: 7
                }]
            ))
        );
    }
}
