//! Which files the `mod` declarations reach.

use std::collections::BTreeSet;

use super::checks::words;
use super::source::{Source, is_word};

/// The files of `sources` that `mod` declarations reach from `root`, the root itself included;
/// and what is wrong with the declarations.
pub(crate) fn reached(root: &str, sources: &[Source]) -> (BTreeSet<String>, Vec<String>) {
    let mut reached = BTreeSet::from([root.to_owned()]);
    let mut problems = Vec::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(path) = waiting.pop() {
        let Some(source) = sources.iter().find(|source| source.path == path) else {
            continue;
        };
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", &path));
        let has_folder = ["lib.rs", "main.rs", "mod.rs"].contains(&file);
        for module in declared(source) {
            let name = &module.name;
            let candidates = match &module.path {
                Some(path) if module.is_test => vec![format!("{folder}/{path}")],
                Some(_) => {
                    problems.push(format!("{path}: mod {name} hides where its file is"));
                    continue;
                }
                None if has_folder => {
                    vec![
                        format!("{folder}/{name}.rs"),
                        format!("{folder}/{name}/mod.rs"),
                    ]
                }
                None => {
                    problems.push(format!("{path}: mod {name} belongs into a mod.rs"));
                    continue;
                }
            };
            let found = candidates
                .iter()
                .find(|path| sources.iter().any(|it| it.path == **path));
            match found {
                Some(path) if reached.insert(path.clone()) => waiting.push(path.clone()),
                Some(_) => {}
                None => problems.push(format!("{path}: mod {name} has no file")),
            }
        }
    }
    (reached, problems)
}

/// A module that is a file of its own.
struct Declared {
    name: String,
    /// What a `#[path]` attribute says.
    path: Option<String>,
    is_test: bool,
}

fn declared(source: &Source) -> Vec<Declared> {
    let read = |at: usize| {
        let rest = source.code[at + 3..].strip_prefix(' ')?;
        let name: String = rest.chars().take_while(|&letter| is_word(letter)).collect();
        if name.is_empty() || !rest[name.len()..].starts_with(';') {
            return None;
        }
        // The attributes stand on the lines right above; the literal in them is in the text only.
        let above = source.text[..at]
            .lines()
            .rev()
            .skip_while(|line| !line.starts_with('#'));
        let attributes: Vec<_> = above.take_while(|line| line.starts_with("#[")).collect();
        let direct = source.text[..at].trim_end().ends_with(']');
        let attributes = if direct { &attributes[..] } else { &[] };
        let path = attributes
            .iter()
            .find_map(|line| line.strip_prefix("#[path = \""));
        Some(Declared {
            name,
            path: path.and_then(|path| Some(path.split_once('"')?.0.to_owned())),
            is_test: attributes.contains(&"#[cfg(test)]"),
        })
    };
    words(&source.code, "mod").filter_map(read).collect()
}

#[test]
fn a_dead_file_is_not_reached() {
    let sources = [
        Source::new(
            "src/lib.rs",
            "pub mod a;\nmod b;\n// mod dead;\nmod inline { }\n",
        ),
        Source::new("src/a/mod.rs", "pub(crate) mod c;"),
        Source::new("src/a/c.rs", ""),
        Source::new("src/b.rs", ""),
        Source::new("src/dead.rs", ""),
    ];
    let (reached, problems) = reached("src/lib.rs", &sources);
    let want = ["src/a/c.rs", "src/a/mod.rs", "src/b.rs", "src/lib.rs"];
    assert_eq!(reached, want.map(str::to_owned).into());
    assert_eq!(problems, Vec::<String>::new());
}

#[test]
fn a_module_without_a_file_or_outside_a_mod_file_is_told() {
    let sources = [
        Source::new("src/lib.rs", "mod a;\nmod gone;"),
        Source::new("src/a.rs", "mod b;"),
        Source::new("src/b.rs", ""),
    ];
    let (_, problems) = reached("src/lib.rs", &sources);
    assert_eq!(problems.len(), 2, "{problems:?}");
}

#[test]
fn only_a_test_module_may_name_its_file() {
    let sources = [
        Source::new("src/lib.rs", "pub mod a;\n\n#[path = \"b/c.rs\"]\nmod c;\n"),
        Source::new(
            "src/a.rs",
            "fn a() {}\n\n#[cfg(test)]\n#[path = \"b/t.rs\"]\nmod tests;\n",
        ),
        Source::new("src/b/c.rs", ""),
        Source::new("src/b/t.rs", ""),
    ];
    let (reached, problems) = reached("src/lib.rs", &sources);
    assert!(
        reached.contains("src/b/t.rs") && !reached.contains("src/b/c.rs"),
        "{reached:?}"
    );
    assert_eq!(problems, ["src/lib.rs: mod c hides where its file is"]);
}
