//! One Rust file, seen as a checker needs it: its text, and its code alone.

/// A Rust source file.
#[derive(Debug)]
pub(crate) struct Source {
    /// The path from the repository's root, with `/` between its parts.
    pub(crate) path: String,
    /// The text as it is.
    pub(crate) text: String,
    /// The text with comments and the insides of literals made blank, byte for byte.
    pub(crate) code: String,
}

impl Source {
    /// The file of this path and text.
    pub(crate) fn new(path: &str, text: &str) -> Self {
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code: code_of(text),
        }
    }

    /// The code before the test module, which stands last; nothing in a file of tests.
    pub(crate) fn code_under_test(&self) -> &str {
        if self.path.ends_with("tests.rs") || self.path.split('/').any(|part| part == "tests") {
            return "";
        }
        let opens_tests = |&(at, _): &(usize, &str)| {
            let mut after = self.code[at..]
                .lines()
                .skip_while(|line| line.starts_with("#["));
            after.next().is_some_and(|line| line.starts_with("mod "))
        };
        let tests = self.code.match_indices("#[cfg(test)]").find(opens_tests);
        tests.map_or(&self.code, |(at, _)| &self.code[..at])
    }

    /// The line, counted from 1, of a byte of text or code.
    pub(crate) fn line_of(text: &str, at: usize) -> usize {
        1 + text[..at].matches('\n').count()
    }
}

/// `text` with comments and the insides of string and character literals made blank. Every
/// byte that stays, stays where it is.
fn code_of(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < letters.len() {
        let rest = &letters[at..];
        let begins_word = at == 0 || !is_word(letters[at - 1]);
        let (kept, skipped) = match rest {
            ['/', '/', ..] => (0, rest.iter().take_while(|&&letter| letter != '\n').count()),
            ['/', '*', ..] => (0, block_comment(rest)),
            ['"', ..] => (1, string(&rest[1..])),
            ['r' | 'b' | 'c', ..] if begins_word && raw_string(rest).is_some() => {
                (0, raw_string(rest).unwrap_or_default())
            }
            ['\'', '\\', ..] => (1, string_until(&rest[1..], '\'')),
            ['\'', _, '\'', ..] => (1, 2),
            _ => (1, 0),
        };
        code.extend(&rest[..kept]);
        for &letter in &rest[kept..kept + skipped] {
            let blank = if letter == '\n' { '\n' } else { ' ' };
            code.extend(std::iter::repeat_n(blank, letter.len_utf8()));
        }
        at += kept + skipped;
    }
    code
}

/// Whether `letter` can be part of an identifier.
pub(crate) fn is_word(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The length of the block comment at the start of `rest`; such comments nest.
fn block_comment(rest: &[char]) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        match &rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            break;
        }
    }
    at.min(rest.len())
}

fn string(rest: &[char]) -> usize {
    string_until(rest, '"')
}

/// The length of a literal's inside and its end.
fn string_until(rest: &[char], end: char) -> usize {
    let mut at = 0;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            letter if letter == end => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// The length of the raw string at the start of `rest`, if one is there.
fn raw_string(rest: &[char]) -> Option<usize> {
    let prefix = rest
        .iter()
        .take_while(|letter| matches!(letter, 'b' | 'c'))
        .count();
    let hashes = rest
        .get(prefix + 1..)?
        .iter()
        .take_while(|&&letter| letter == '#')
        .count();
    let open = prefix + 1 + hashes;
    if rest[prefix] != 'r' || rest.get(open) != Some(&'"') {
        return None;
    }
    let closes = |at: &usize| {
        rest[*at] == '"'
            && rest
                .get(at + 1..at + 1 + hashes)
                .is_some_and(|it| it.iter().all(|&it| it == '#'))
    };
    let end = (open + 1..rest.len()).find(closes)?;
    Some(end + 1 + hashes)
}

#[test]
fn comments_and_literals_are_blank() {
    let text = "let a = \"x // y \\\" z\"; // flume::\n/* a /* b */ c */ let b = r#\"q\" w\"#;\n\
                let c = '\"'; let d: &'a str = b\"x\"; let e = '\\''; let f = br\"y\";\nrest\n";
    let code = code_of(text);
    assert_eq!(code.lines().count(), text.lines().count());
    assert_eq!(code_of("/* é */ a").find('a'), "/* é */ a".find('a'));
    for gone in ["flume", "x //", "z\"", " b *", "c */", "q\"", "'\\'"] {
        assert!(!code.contains(gone), "{gone} in {code}");
    }
    for kept in [
        "let a = ",
        "let b = ",
        "let c = ",
        "let d: &'a str = b",
        "let f = ",
        "rest",
    ] {
        assert!(code.contains(kept), "{kept} not in {code}");
    }
}

#[test]
fn tests_are_not_under_test() {
    let source = Source::new(
        "src/a.rs",
        "fn a() {}\n#[cfg(test)]\nmod tests {\n    b();\n}\n",
    );
    assert_eq!(source.code_under_test(), "fn a() {}\n");
    assert_eq!(
        Source::new("src/a/tests.rs", "fn a() {}").code_under_test(),
        ""
    );
    assert_eq!(
        Source::new("src/a.rs", "fn a() {}").code_under_test(),
        "fn a() {}"
    );
}
