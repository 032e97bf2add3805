//! What `ARCHITECTURE.md` says in tables, beside what the sources say: layers, files, close reasons.

use std::collections::BTreeSet;

use agnt::domain::DisconnectReason;

/// The cells of a table's rows, trimmed, found by the row of its head.
pub(crate) fn rows<'a>(document: &'a str, head: &str) -> Vec<Vec<&'a str>> {
    document
        .lines()
        .skip_while(|line| *line != head)
        .skip(2)
        .map_while(|line| line.strip_prefix('|')?.strip_suffix('|'))
        .map(|row| row.split('|').map(str::trim).collect())
        .collect()
}

/// The words in backticks.
fn quoted(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

/// Rows of the table of layers that differ from `layers`, given as module and imports.
pub(crate) fn layers_that_differ(document: &str, layers: &[(&str, &[&str])]) -> Vec<String> {
    let told: Vec<(Vec<&str>, Vec<&str>)> = rows(document, "| module | may import |")
        .iter()
        .map(|row| (quoted(row[0]), quoted(row.get(1).unwrap_or(&""))))
        .collect();
    let mut problems: Vec<String> = layers
        .iter()
        .filter(|(module, below)| {
            !told
                .iter()
                .any(|(name, imports)| name[..] == [*module] && imports == below)
        })
        .map(|(module, below)| format!("layer {module}: expected `{}`", below.join("`, `")))
        .collect();
    if told.len() != layers.len() {
        problems.push(format!("{} layers, expected {}", told.len(), layers.len()));
    }
    problems
}

/// Files that the code map lacks, and those of the map that don't exist. A heading names the folder
/// of the table below it; a row may name a folder in it, which stands for all its files.
pub(crate) fn files_that_differ(document: &str, files: &[String]) -> Vec<String> {
    let mut folder = "";
    let mut told = BTreeSet::new();
    for line in document.lines() {
        if line.starts_with('#') {
            let heading = line.trim_start_matches('#').trim();
            folder = quoted(heading).first().copied().unwrap_or("");
        } else if let Some(row) = line.strip_prefix('|').filter(|_| !folder.is_empty()) {
            let names = quoted(row.split('|').next().unwrap_or(""));
            told.extend(names.iter().map(|name| format!("{folder}{name}")));
        }
    }
    let stands_for = |told: &String, file: &String| {
        file == told || told.ends_with('/') && file.starts_with(told.as_str())
    };
    let lacking = files
        .iter()
        .filter(|file| !told.iter().any(|told| stands_for(told, file)))
        .map(|file| format!("{file}: the code map lacks it"));
    let gone = told
        .iter()
        .filter(|told| !files.iter().any(|file| stands_for(told, file)))
        .map(|told| format!("{told}: the code map names it, and it does not exist"));
    lacking.chain(gone).collect()
}

/// Reasons of a disconnect whose row is missing or has another code, and rows of no reason.
pub(crate) fn close_reasons_that_differ(document: &str) -> Vec<String> {
    let told = rows(document, "| label | code | when |");
    let expected = DisconnectReason::ALL
        .map(|reason| (format!("`{}`", reason.label()), reason.code().to_string()));
    let has = |(label, code): &&(String, String)| told.iter().any(|row| row[..2] == [label, code]);
    let missing = expected.iter().filter(|row| !has(row));
    let mut problems: Vec<String> = missing
        .map(|(label, code)| format!("close reason {label}: expected code {code}"))
        .collect();
    if told.len() != expected.len() {
        let (told, expected) = (told.len(), expected.len());
        problems.push(format!("{told} close reasons, expected {expected}"));
    }
    problems
}

mod tries {
    use super::*;

    const DOCUMENT: &str = "## Layers\n\n| module | may import |\n|---|---|\n| `low` | |\n\
        | `high` | `low` |\n\n### `src/high/`\n\n| file | noun |\n|---|---|\n| `one.rs`, `two.rs` | x |\n\
        | `all/` | y |\n";

    #[test]
    fn a_layer_that_the_document_tells_otherwise_is_found() {
        let layers: [(&str, &[&str]); 2] = [("low", &[]), ("high", &["low"])];
        assert_eq!(layers_that_differ(DOCUMENT, &layers), [""; 0]);
        let other: [(&str, &[&str]); 2] = [("low", &["high"]), ("high", &["low"])];
        assert_eq!(layers_that_differ(DOCUMENT, &other).len(), 1);
        assert_eq!(layers_that_differ(DOCUMENT, &layers[..1]).len(), 1);
        assert_eq!(layers_that_differ("", &layers).len(), 3);
    }

    #[test]
    fn a_file_that_is_missing_or_gone_is_found() {
        let files = ["one.rs", "two.rs", "all/three.rs"].map(|file| format!("src/high/{file}"));
        assert_eq!(files_that_differ(DOCUMENT, &files), [""; 0]);
        assert_eq!(files_that_differ(DOCUMENT, &files[1..]).len(), 1);
        let more = [files.to_vec(), vec!["src/high/four.rs".to_owned()]].concat();
        assert_eq!(
            files_that_differ(DOCUMENT, &more),
            ["src/high/four.rs: the code map lacks it"]
        );
    }

    #[test]
    fn every_close_reason_is_asked_for() {
        let all = close_reasons_that_differ("");
        assert_eq!(all.len(), DisconnectReason::ALL.len() + 1);
    }
}
