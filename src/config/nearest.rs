//! The known word that is spelled most like an unknown one.

/// The word of `known` with the least edit distance to `word`, the first among equals; empty
/// where `known` is.
pub(super) fn nearest(word: &str, known: impl IntoIterator<Item = &'static str>) -> &'static str {
    known
        .into_iter()
        .min_by_key(|candidate| distance(word, candidate))
        .unwrap_or_default()
}

/// Levenshtein's distance: the least number of letters to insert, remove or replace.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (line, letter) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for column in 0..to.len() {
            let replaced = diagonal + usize::from(letter != to[column]);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_known_from_textbooks() {
        for (from, to, want) in [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("saturday", "sunday", 3),
            ("intention", "execution", 5),
        ] {
            assert_eq!(distance(from, to), want);
            assert_eq!(distance(to, from), want);
        }
    }

    #[test]
    fn the_nearest_word_is_named() {
        assert_eq!(
            nearest("max-connection", ["listen", "max_connections"]),
            "max_connections"
        );
    }
}
