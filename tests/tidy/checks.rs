//! The checks themselves: each looks at one source and tells what is wrong, line by line. Each
//! is tried below on a source made up to break it.

use super::source::{Source, is_word};

/// A word that code may hold in few places only.
pub(crate) struct Ban {
    /// The word.
    pub(crate) word: &'static str,
    /// What to do instead.
    pub(crate) instead: &'static str,
    /// Whether a module of tests may hold it.
    pub(crate) in_tests: bool,
    /// Files, or folders ending in `/`, that may hold it.
    pub(crate) allowed: &'static [&'static str],
}

/// A module of `src`, and the modules that it may import.
pub(crate) struct Layer {
    /// The module's name.
    pub(crate) module: &'static str,
    /// The modules that it may import.
    pub(crate) below: &'static [&'static str],
}

/// Every byte offset of `word` in `text` where it is no part of a longer word.
pub(crate) fn words<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> {
    text.match_indices(word)
        .map(|(at, _)| at)
        .filter(move |&at| {
            let before = text[..at].chars().next_back();
            let after = text[at + word.len()..].chars().next();
            let inner = |outer: Option<char>, own: Option<char>| {
                outer.is_some_and(is_word) && own.is_some_and(is_word)
            };
            !inner(before, word.chars().next()) && !inner(after, word.chars().next_back())
        })
}

fn problem(source: &Source, line: usize, what: &str) -> String {
    format!("{}:{line}: {what}", source.path)
}

/// The module of `src` that a file belongs to.
pub(crate) fn module_of(path: &str) -> Option<&str> {
    let inner = path.strip_prefix("src/")?;
    inner.split('/').next()?.split('.').next()
}

/// Imports that point upward: `crate::X` where the file's module may not import X.
pub(crate) fn upward_imports(source: &Source, layers: &[Layer]) -> Vec<String> {
    let Some(module) = module_of(&source.path).filter(|module| *module != "lib") else {
        return Vec::new();
    };
    let Some(layer) = layers.iter().find(|layer| layer.module == module) else {
        return vec![problem(
            source,
            1,
            &format!("module {module} is in no layer"),
        )];
    };
    let root = if module == "main" {
        "agnt::"
    } else {
        "crate::"
    };
    let mut problems = Vec::new();
    for at in words(&source.code, root) {
        for import in first_names(&source.code[at + root.len()..]) {
            if import != module && !layer.below.contains(&import.as_str()) {
                let what = format!("{module} may not import {import}");
                problems.push(problem(source, Source::line_of(&source.code, at), &what));
            }
        }
    }
    problems
}

/// Imports that climb to the crate's root by `super`, past the table of layers.
pub(crate) fn climbing_imports(source: &Source) -> Vec<String> {
    let Some(inner) = source.path.strip_prefix("src/") else {
        return Vec::new();
    };
    let folders = inner.matches('/').count();
    let depth = if inner.ends_with("mod.rs") {
        folders
    } else {
        folders + 1
    };
    let own_code = source.code_under_test().len();
    let climbs = source.code.match_indices("super::").filter(|(at, _)| {
        let chain = source.code[*at..]
            .split("super::")
            .take_while(|gap| gap.is_empty())
            .count();
        // An inline module of tests is one level deeper than its file.
        chain >= depth + usize::from(*at >= own_code)
    });
    climbs
        .filter(|(at, _)| !inner.starts_with("lib.rs") && *at > 0)
        .map(|(at, _)| {
            let line = Source::line_of(&source.code, at);
            problem(source, line, "say crate::, so that the layers can be seen")
        })
        .collect()
}

/// The first names of a path or of each path in a group: `a` of `a::b`, `a` and `c` of `{a::b, c}`.
fn first_names(path: &str) -> Vec<String> {
    let name = |path: &str| {
        path.chars()
            .take_while(|&letter| is_word(letter))
            .collect::<String>()
    };
    let Some(group) = path.strip_prefix('{') else {
        return vec![name(path)];
    };
    let (mut names, mut depth) = (vec![], 0);
    let mut part = String::new();
    for letter in group.chars() {
        match letter {
            '}' if depth == 0 => break,
            ',' if depth == 0 => names.push(name(std::mem::take(&mut part).trim())),
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if letter != ',' || depth > 0 {
            part.push(letter);
        }
    }
    names.push(name(part.trim()));
    names.retain(|name| !name.is_empty());
    names
}

/// Words where they may not be.
pub(crate) fn banned_words(source: &Source, bans: &[Ban]) -> Vec<String> {
    let mut problems = Vec::new();
    for ban in bans {
        let allowed = |place: &str| source.path == place || is_below(&source.path, place);
        if ban.allowed.iter().any(|place| allowed(place)) {
            continue;
        }
        let code = if ban.in_tests {
            source.code_under_test()
        } else {
            &source.code
        };
        for at in words(code, ban.word) {
            let what = format!("{}: {}", ban.word, ban.instead);
            problems.push(problem(source, Source::line_of(code, at), &what));
        }
    }
    problems
}

fn is_below(path: &str, folder: &str) -> bool {
    folder.ends_with('/') && path.starts_with(folder)
}

/// A file longer than `lines_max`.
pub(crate) fn long_file(source: &Source, lines_max: usize) -> Option<String> {
    let lines = source.text.lines().count();
    (lines > lines_max).then(|| {
        problem(
            source,
            lines,
            &format!("{lines} lines, at most {lines_max}"),
        )
    })
}

/// Functions longer than `lines_max`, from `fn` to the closing brace.
pub(crate) fn long_functions(source: &Source, lines_max: usize) -> Vec<String> {
    let code = &source.code;
    let mut problems = Vec::new();
    for at in words(code, "fn") {
        let Some(length) = function_length(&code[at..]) else {
            continue;
        };
        let lines = code[at..at + length].lines().count();
        if lines > lines_max {
            let name: String = code[at + 3..]
                .chars()
                .take_while(|&it| is_word(it))
                .collect();
            let what = format!("fn {name} has {lines} lines, at most {lines_max}");
            problems.push(problem(source, Source::line_of(code, at), &what));
        }
    }
    problems
}

/// The length in bytes of the function at the start of `code`; nothing for a type or a signature.
fn function_length(code: &str) -> Option<usize> {
    let (mut braces, mut brackets) = (0, 0);
    for (at, letter) in code.char_indices() {
        match letter {
            '(' | '[' => brackets += 1,
            ')' | ']' => brackets -= 1,
            ';' | ',' | '=' if braces == 0 && brackets == 0 => return None,
            '{' => braces += 1,
            '}' if braces <= 1 => return (braces == 1).then_some(at + 1),
            '}' => braces -= 1,
            _ => {}
        }
        if brackets < 0 {
            return None;
        }
    }
    None
}

/// Comments that look like code: no sentence ends as a statement does.
pub(crate) fn commented_code(source: &Source) -> Vec<String> {
    let begins = [
        "let ", "use ", "fn ", "pub ", "if ", "for ", "while ", "match ", "return ",
    ];
    let looks_like_code = |comment: &str| {
        let body = comment.trim();
        let statement = body.ends_with(';') || body.ends_with('{') || body.ends_with(')');
        let marked = body.contains(" = ") || body.contains("::") || body.contains("();");
        body == "}"
            || body.ends_with(");")
            || (statement && (marked || begins.iter().any(|word| body.starts_with(word))))
    };
    let comments = source.text.lines().enumerate().filter_map(|(index, line)| {
        let comment = line.trim_start().strip_prefix("//")?;
        (!comment.starts_with(['/', '!'])).then_some((index + 1, comment))
    });
    comments
        .filter(|(_, comment)| looks_like_code(comment))
        .map(|(line, _)| problem(source, line, "code in a comment"))
        .collect()
}

/// A file that does not open with what it is.
pub(crate) fn missing_module_doc(source: &Source) -> Option<String> {
    (!source.text.starts_with("//! ")).then(|| problem(source, 1, "opens without a //! sentence"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYERS: &[Layer] = &[
        Layer {
            module: "low",
            below: &[],
        },
        Layer {
            module: "high",
            below: &["low"],
        },
        Layer {
            module: "main",
            below: &["high"],
        },
    ];

    fn upward(path: &str, text: &str) -> usize {
        upward_imports(&Source::new(path, text), LAYERS).len()
    }

    #[test]
    fn an_upward_import_is_seen_in_every_form() {
        assert_eq!(
            upward("src/high/a.rs", "use crate::low::X; use crate::high::Y;"),
            0
        );
        assert_eq!(upward("src/low.rs", "use crate::high::X;"), 1);
        assert_eq!(upward("src/low/a/b.rs", "fn f() { crate::high::f() }"), 1);
        assert_eq!(
            upward("src/low/a.rs", "use crate::{low::{a, b}, high::{c, d}};"),
            1
        );
        assert_eq!(
            upward("src/low/a.rs", "use crate::{\n    high,\n    main,\n};"),
            2
        );
        assert_eq!(
            upward("src/low/a.rs", "// crate::high\nlet a = \"crate::high\";"),
            0
        );
        assert_eq!(upward("src/low/a.rs", "pub(in crate::low) struct A;"), 0);
        assert_eq!(upward("src/main.rs", "use agnt::{high, low};"), 1);
        assert_eq!(upward("src/new/a.rs", ""), 1);
        assert_eq!(
            upward("src/lib.rs", "pub mod high; pub use crate::high::X;"),
            0
        );
    }

    #[test]
    fn a_climb_past_the_layers_is_seen() {
        let climbs = |path: &str, text: &str| climbing_imports(&Source::new(path, text)).len();
        assert_eq!(climbs("src/low/a.rs", "use x; use super::b;"), 0);
        assert_eq!(climbs("src/low/mod.rs", "use x; use super::high;"), 1);
        assert_eq!(climbs("src/low/a.rs", "use x; use super::super::high;"), 1);
        assert_eq!(
            climbs(
                "src/low.rs",
                "use x;\n#[cfg(test)]\nmod tests {\n use super::*;\n}"
            ),
            0
        );
        assert_eq!(
            climbs(
                "src/low.rs",
                "x\n#[cfg(test)]\nmod tests {\n use super::super::a;\n}"
            ),
            1
        );
    }

    #[test]
    fn a_banned_word_is_seen_outside_its_places() {
        let ban = |in_tests, allowed| {
            [Ban {
                word: "Instant::now",
                instead: "pass time in",
                in_tests,
                allowed,
            }]
        };
        let text = "// Instant::now\nlet a = Instant::now();\nlet b = \"Instant::now\";\n\
                    #[cfg(test)]\nmod tests {\n    Instant::now();\n}\n";
        let source = Source::new("src/a/b.rs", text);
        assert_eq!(
            banned_words(&source, &ban(true, &[])),
            ["src/a/b.rs:2: Instant::now: pass time in"]
        );
        assert_eq!(banned_words(&source, &ban(false, &[])).len(), 2);
        assert_eq!(banned_words(&source, &ban(false, &["src/a/b.rs"])).len(), 0);
        assert_eq!(banned_words(&source, &ban(false, &["src/a/"])).len(), 0);
        assert_eq!(banned_words(&source, &ban(false, &["src/"])).len(), 0);
        assert_eq!(banned_words(&source, &ban(false, &["src/a"])).len(), 2);
    }

    #[test]
    fn words_have_edges() {
        assert_eq!(words("stop stops nonstop stop! (stop)", "stop").count(), 3);
        assert_eq!(words("eprintln!() println!()", "println!").count(), 1);
        assert_eq!(words("a(/place/x) some/place/", "/place/").count(), 2);
    }

    #[test]
    fn lengths_are_counted() {
        let source = Source::new(
            "src/a.rs",
            "fn a(x: [u8; 3]) {\n    if x {\n    }\n}\nfn b();\n",
        );
        assert_eq!(long_functions(&source, 4), Vec::<String>::new());
        assert_eq!(
            long_functions(&source, 3),
            ["src/a.rs:1: fn a has 4 lines, at most 3"]
        );
        assert_eq!(long_file(&source, 5), None);
        assert!(long_file(&source, 4).is_some());
        let types = Source::new("src/a.rs", "struct A { f: fn(u8) -> u8,\n b: fn() }\n\n\n");
        assert_eq!(long_functions(&types, 1), Vec::<String>::new());
    }

    #[test]
    fn code_in_comments_is_seen_and_prose_is_not() {
        let found = |text: &str| commented_code(&Source::new("src/a.rs", text)).len();
        for code in [
            "// let a = b;",
            "    // }",
            "//x.push(1);",
            "// use a::b;",
            "// if a == b {",
        ] {
            assert_eq!(found(code), 1, "{code}");
        }
        for prose in [
            "// The log is bounded; so is the outbox.",
            "// One writes, others read;",
            "/// let a = b;",
            "//! use a::b;",
            "// Bytes (or a hole)",
            "let a = b; // ends a line",
        ] {
            assert_eq!(found(prose), 0, "{prose}");
        }
    }

    #[test]
    fn a_file_says_what_it_is() {
        assert!(missing_module_doc(&Source::new("src/a.rs", "fn a() {}")).is_some());
        assert!(missing_module_doc(&Source::new("src/a.rs", "//! A.\nfn a() {}")).is_none());
    }
}
