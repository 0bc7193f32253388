//! Decides whether the pages tell the truth: inputs are accepted, commands run and answer as shown,
//! links lead somewhere, and the pages of kinds are those that the program writes.

mod common;
use common::{Case, expect_code, project};
use nishina::calculation::Registry;
use nishina::commands::pages::pages;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A fenced block of a page.
struct Block {
    language: String,
    /// The comment above it, such as `base: first-run`.
    marker: String,
    text: String,
}

/// All pages in Markdown below a folder.
fn below(folder: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(project().join(folder)).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let inner = path.strip_prefix(project()).unwrap();
            found.extend(below(inner.to_str().unwrap()));
        } else if path.extension().is_some_and(|e| e == "md") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The pages whose blocks are held true.
fn guide() -> Vec<PathBuf> {
    let mut pages = below("docs/guide");
    pages.push(project().join("README.md"));
    pages
}

fn blocks(page: &Path) -> Vec<Block> {
    let text = std::fs::read_to_string(page).unwrap();
    let (mut found, mut open, mut above) = (Vec::<Block>::new(), false, String::new());
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(language) if !open => {
                let marker = above.trim_start_matches("<!-- ").trim_end_matches(" -->");
                found.push(Block {
                    language: language.into(),
                    marker: if above.starts_with("<!--") {
                        marker
                    } else {
                        ""
                    }
                    .into(),
                    text: String::new(),
                });
                open = true;
            }
            Some(_) => open = false,
            None if open => {
                let block = found.last_mut().unwrap();
                block.text.push_str(line);
                block.text.push('\n');
            }
            None => {}
        }
        if !line.trim().is_empty() {
            above = line.into();
        }
    }
    assert!(!open, "{}: a block has no end", page.display());
    found
}

/// The whole input of a page of the guide.
fn base(page: &str) -> String {
    let page = project().join(format!("docs/guide/{page}.md"));
    let whole = blocks(&page).into_iter();
    let mut whole = whole.filter(|b| b.language == "toml" && b.marker.is_empty());
    whole.next().expect("a base has a whole input").text
}

/// Writes the files that a page shows.
fn write_files(case: &Case, blocks: &[Block]) {
    for block in blocks {
        if let Some(name) = block.marker.strip_prefix("file: ") {
            std::fs::write(case.path(name), &block.text).unwrap();
        }
    }
}

/// The input that a block stands for: itself, or the base with the sections of the block.
fn input(block: &Block) -> String {
    let Some(name) = block.marker.strip_prefix("base: ") else {
        return block.text.clone();
    };
    let mut table: toml::Table = base(name).parse().unwrap();
    let sections: toml::Table = block.text.parse().unwrap();
    table.extend(sections);
    toml::to_string(&table).unwrap()
}

#[test]
fn every_input_is_accepted() {
    let mut count = 0;
    for page in guide() {
        let blocks = blocks(&page);
        for block in blocks.iter().filter(|b| b.language == "toml") {
            let case = Case::new(&input(block));
            write_files(&case, &blocks);
            let output = case.alone(&["check", "x.toml", "--quick"]);
            let error = String::from_utf8_lossy(&output.stderr);
            let place = page.display();
            assert_eq!(
                output.status.code(),
                Some(0),
                "{place}\n{}\n{error}",
                block.text
            );
            count += 1;
        }
    }
    assert!(count >= 9, "{count} inputs: the pages have lost some");
}

/// A line with every word that holds a digit replaced: what is compared of an output.
fn shape(line: &str) -> String {
    let words = line.split_whitespace();
    let words = words.map(|w| {
        if w.contains(|c: char| c.is_ascii_digit()) {
            "#"
        } else {
            w
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Runs the commands of a page in one folder; shown outputs have the shape of real ones.
fn follow(page: &Path) {
    let case = Case::new("");
    for (file, name) in [
        ("first.toml", "first-run"),
        ("symmetry.toml", "symmetry"),
        ("dynamics.toml", "dynamics"),
        ("classical.toml", "classical"),
        ("holography.toml", "holography"),
        ("phases.toml", "phases"),
        ("regression.toml", "regression"),
        ("learning.toml", "learning"),
        ("autoregressive.toml", "autoregressive"),
        ("deep.toml", "deep"),
        ("imaginary.toml", "imaginary-time"),
        ("tensor-networks.toml", "tensor-networks"),
        ("disorder.toml", "disorder"),
    ] {
        std::fs::write(case.path(file), base(name)).unwrap();
    }
    let blocks = blocks(page);
    write_files(&case, &blocks);
    // Pages can be read alone: files that earlier pages made are there.
    let reads_results = blocks.iter().any(|b| b.text.contains("first.h5"));
    if reads_results && !blocks.iter().any(|b| b.text.contains("run first.toml\n")) {
        expect_code(&case.alone(&["run", "first.toml"]), 0);
    }
    let mut said = String::new();
    for block in &blocks {
        if block.language == "sh" {
            said.clear();
            for line in block.text.lines() {
                let words: Vec<_> = line.split_whitespace().collect();
                for script in words.iter().filter(|w| w.starts_with("jobs/")) {
                    assert!(project().join(script).exists(), "{line}");
                }
                if block.marker.starts_with("not run: ") {
                    continue;
                }
                assert_eq!(words[0], "nishina", "{}: {line}", page.display());
                let output = case.alone(&words[1..]);
                expect_code(&output, 0);
                said.push_str(&String::from_utf8_lossy(&output.stdout));
                said.push_str(&String::from_utf8_lossy(&output.stderr));
            }
        }
        if block.language == "text" && !said.is_empty() {
            let real: BTreeSet<_> = said.lines().map(shape).collect();
            for line in block.text.lines() {
                let place = page.display();
                assert!(
                    real.contains(&shape(line)),
                    "{place}: not said: {line}\n{said}"
                );
            }
        }
    }
}

#[test]
fn every_command_runs_and_answers_as_shown() {
    for page in guide() {
        follow(&page);
    }
}

#[test]
fn the_message_of_a_wrong_key_is_the_shown_one() {
    let page = std::fs::read_to_string(project().join("docs/guide/problems.md")).unwrap();
    let case = Case::new(&base("first-run").replace("size = 10", "sise = 10"));
    let output = case.alone(&["run", "x.toml"]);
    expect_code(&output, 64);
    let said = String::from_utf8_lossy(&output.stderr);
    let error = said.lines().find(|l| l.starts_with("error: ")).unwrap();
    assert!(page.contains(error), "the page does not say: {error}");
}

/// The name by which a link finds a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.trim_start_matches(['#', ' ']).to_lowercase();
    let kept = kept
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() {
    let mut pages = below("docs");
    pages.extend(["README.md", "CONTRIBUTING.md", "benches/README.md"].map(|p| project().join(p)));
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for link in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'))
        {
            let (file, place) = link.0.split_once('#').unwrap_or((link.0, ""));
            if file.starts_with("http") {
                continue;
            }
            let target = match file {
                "" => page.clone(),
                _ => page.parent().unwrap().join(file),
            };
            assert!(target.exists(), "{}: {}", page.display(), link.0);
            if !place.is_empty() {
                let text = std::fs::read_to_string(&target).unwrap();
                let mut headings = text.lines().filter(|l| l.starts_with('#'));
                let found = headings.any(|l| anchor(l) == place);
                assert!(found, "{}: {}", page.display(), link.0);
            }
        }
    }
}

#[test]
fn the_readme_is_short_and_names_the_commands() {
    let text = std::fs::read_to_string(project().join("README.md")).unwrap();
    assert!(
        text.lines().count() <= 120,
        "the README has more than 120 lines"
    );
    for command in ["jobs/local.sh configs/quickstart.toml", "jobs/test.sh"] {
        assert!(text.contains(&format!("\n    {command} ")), "{command}");
        for file in command.split(' ') {
            assert!(project().join(file).exists(), "{file}");
        }
    }
}

#[test]
fn the_pages_of_kinds_are_those_of_the_program() {
    let folder = project().join("docs/kinds");
    let written = pages(&Registry::default());
    for page in &written {
        let kept = std::fs::read_to_string(folder.join(&page.path)).unwrap_or_default();
        let remedy = "run `nishina schema --pages docs/kinds`";
        assert!(
            kept == page.text,
            "docs/kinds/{} is old: {remedy}",
            page.path
        );
    }
    let names: BTreeSet<_> = written.iter().map(|p| folder.join(&p.path)).collect();
    let kept: BTreeSet<_> = below("docs/kinds").into_iter().collect();
    assert_eq!(names, kept, "pages of kinds that are no longer there");
}

/// The code of a file of tests or a room, or of all files of a folder of that name; `::` parts
/// names.
fn code_of(name: &str) -> Option<String> {
    let path = name.replace("::", "/");
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    ["tests", "src"].iter().find_map(|top| {
        let place = project().join(top).join(&path);
        let files = std::fs::read_dir(&place).into_iter().flatten().flatten();
        let inside: String = files.filter_map(|f| read(&f.path())).collect();
        let code = read(&place.with_extension("rs")).unwrap_or_default() + &inside;
        (!code.is_empty()).then_some(code)
    })
}

#[test]
fn the_tests_that_the_faults_name_exist() {
    let page = std::fs::read_to_string(project().join("docs/faults.md")).unwrap();
    let (mut missing, mut count) = (Vec::new(), 0);
    for line in page.lines().filter(|l| l.starts_with("| ")) {
        let mut code = String::new();
        let cell = line.split('|').nth(3).unwrap_or_default();
        for word in cell.split('`').skip(1).step_by(2) {
            if let Some(text) = code_of(word) {
                code = text;
            } else if !word.contains('/') {
                let head = match word.strip_suffix("...") {
                    Some(start) => format!("fn {start}"),
                    None => format!("fn {word}("),
                };
                count += 1;
                if !code.contains(&head) {
                    missing.push(word.to_string());
                }
            }
        }
    }
    assert!(count > 20, "{count} tests");
    assert!(missing.is_empty(), "{missing:?}");
}
