//! One line of CSV as RFC 4180 has it, split into a fixed number of fields.
//!
//! A field in double quotes may hold commas and doubled quotes; a quoted field does not span
//! lines. Fields without quotes are borrowed from the line.

use std::borrow::Cow;

/// Why a line could not be split.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum CsvError {
    /// The line has another number of fields than its columns.
    #[error("has {found} fields; allowed is exactly {allowed}")]
    Count {
        /// Fields found in the line.
        found: usize,
        /// Fields that belong there.
        allowed: usize,
    },
    /// A quoted field does not end in a quote before a comma or the line's end.
    #[error("field {field} has a quote that is not closed before a comma or the line's end")]
    Quote {
        /// Number of the field, from 1.
        field: usize,
    },
}

/// Splits `line`, which has no line end, into exactly `N` fields.
pub(super) fn fields<const N: usize>(line: &str) -> Result<[Cow<'_, str>; N], CsvError> {
    let mut fields = [const { Cow::Borrowed("") }; N];
    let mut found = 0;
    let mut rest = Some(line);
    while let Some(text) = rest {
        let (field, after) = match text.strip_prefix('"') {
            None => match text.split_once(',') {
                Some((field, after)) => (Cow::Borrowed(field), Some(after)),
                None => (Cow::Borrowed(text), None),
            },
            Some(quoted) => split_quoted(quoted).ok_or(CsvError::Quote { field: found + 1 })?,
        };
        if let Some(place) = fields.get_mut(found) {
            *place = field;
        }
        found += 1;
        rest = after;
    }
    if found == N {
        Ok(fields)
    } else {
        Err(CsvError::Count { found, allowed: N })
    }
}

/// Splits after a quoted field whose opening quote is gone already.
fn split_quoted(text: &str) -> Option<(Cow<'_, str>, Option<&str>)> {
    let mut from = 0;
    loop {
        let end = from + text[from..].find('"')?;
        let after = &text[end + 1..];
        if after.starts_with('"') {
            from = end + 2;
            continue;
        }
        let field = match &text[..end] {
            plain if !plain.contains('"') => Cow::Borrowed(plain),
            doubled => Cow::Owned(doubled.replace("\"\"", "\"")),
        };
        return match after.strip_prefix(',') {
            Some(after) => Some((field, Some(after))),
            None if after.is_empty() => Some((field, None)),
            None => None,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_fields_are_split_at_commas() {
        assert_eq!(fields("a,,c"), Ok(["a".into(), "".into(), "c".into()]));
        assert_eq!(fields(""), Ok(["".into()]));
    }

    #[test]
    fn quoted_fields_keep_commas_and_doubled_quotes() {
        let line = r#"1,"Ada, ""the"" first","","#;
        let expected = [
            "1".into(),
            r#"Ada, "the" first"#.into(),
            "".into(),
            "".into(),
        ];
        assert_eq!(fields(line), Ok(expected));
    }

    #[test]
    fn a_wrong_count_says_how_many() {
        assert_eq!(
            fields::<2>("a,b,c"),
            Err(CsvError::Count {
                found: 3,
                allowed: 2
            })
        );
        assert_eq!(
            fields::<2>("a"),
            Err(CsvError::Count {
                found: 1,
                allowed: 2
            })
        );
    }

    #[test]
    fn an_open_quote_is_named_by_its_field() {
        assert_eq!(fields::<2>(r#"a,"b"#), Err(CsvError::Quote { field: 2 }));
        assert_eq!(fields::<2>(r#""a"b,c"#), Err(CsvError::Quote { field: 1 }));
    }
}
