//! A JSON string, number or boolean, in the one form that equals by meaning.

use std::borrow::Cow;

use serde_json::{Number, Value};

use crate::priority::{Priority, PriorityWord};

/// A value that filters compare. 1, 1.0 and 1e0 are the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scalar<'a> {
    Flag(bool),
    /// Any number without a fraction, exactly.
    Whole(i128),
    /// The bits of a number with a fraction, or of one beyond all integers.
    Fraction(u64),
    Text(Cow<'a, str>),
    /// A priority's word.
    Word(PriorityWord),
}

impl<'a> Scalar<'a> {
    /// The scalar of a value; null, lists and objects are none.
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Bool(flag) => Some(Self::Flag(*flag)),
            Value::Number(number) => Self::of_number(number),
            Value::String(text) => Some(Self::Text(Cow::Borrowed(text))),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// What was asked of a priority: a word or a whole number from 1 to 10.
    pub(super) fn of_priority(value: &'a Value) -> Option<Self> {
        match Self::of(value)? {
            Self::Text(word) => PriorityWord::parse(&word).map(Self::Word),
            Self::Whole(number) => priority(number).map(|_| Self::Whole(number)),
            _ => None,
        }
    }

    /// What a priority answers to: its word and its number.
    pub(super) fn faces_of_priority(value: &'a Value) -> Option<[Self; 2]> {
        let priority = match Self::of_priority(value)? {
            Self::Word(word) => Priority::from(word),
            Self::Whole(number) => priority(number)?,
            _ => return None,
        };
        let number = priority.level().into();
        Some([Self::Word(priority.word()), Self::Whole(number)])
    }

    /// The same, of its own.
    pub(super) fn into_owned(self) -> Scalar<'static> {
        match self {
            Self::Flag(flag) => Scalar::Flag(flag),
            Self::Whole(number) => Scalar::Whole(number),
            Self::Fraction(bits) => Scalar::Fraction(bits),
            Self::Text(text) => Scalar::Text(Cow::Owned(text.into_owned())),
            Self::Word(word) => Scalar::Word(word),
        }
    }

    fn of_number(number: &Number) -> Option<Self> {
        if let Some(whole) = number.as_i128() {
            return Some(Self::Whole(whole));
        }
        let float = number.as_f64()?;
        // Below 2^96 every float without a fraction is an i128 to the last digit.
        let is_whole = float.fract() == 0.0 && float.abs() < 2f64.powi(96);
        Some(if is_whole {
            Self::Whole(float as i128)
        } else {
            Self::Fraction(float.to_bits())
        })
    }
}

fn priority(number: i128) -> Option<Priority> {
    u8::try_from(number).ok().and_then(Priority::new)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Scalar;

    fn read(text: &str) -> Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_are_equal_by_value() {
        for (left, right, expected) in [
            ("1", "1.0", true),
            ("1", "1e0", true),
            ("0", "-0.0", true),
            ("0.5", "5e-1", true),
            ("18446744073709551615", "18446744073709551615", true),
            ("1e300", "1e300", true),
            ("9007199254740993", "9007199254740992.0", false),
            ("18446744073709551615", "18446744073709551616.0", false),
            ("1", "\"1\"", false),
            ("1", "true", false),
            ("0.5", "0.25", false),
        ] {
            let (left, right) = (read(left), read(right));
            let equal = Scalar::of(&left) == Scalar::of(&right);
            assert_eq!(equal, expected, "{left} {right}");
        }
    }

    #[test]
    fn only_scalars_are_scalars() {
        for value in [json!(null), json!([]), json!([1]), json!({"a": 1})] {
            assert_eq!(Scalar::of(&value), None);
        }
    }

    #[test]
    fn a_priority_is_a_word_or_a_number_and_answers_to_both() {
        let high = json!("HIGH");
        let faces = Scalar::faces_of_priority(&high).unwrap();
        for (asked, expected) in [(json!("high"), true), (json!(8), true), (json!(7), false)] {
            let asked = Scalar::of_priority(&asked).unwrap().into_owned();
            assert_eq!(faces.contains(&asked), expected, "{asked:?}");
        }
        for none in [
            json!("urgent"),
            json!(0),
            json!(11),
            json!(5.5),
            json!(true),
            json!(1e300),
        ] {
            assert_eq!(Scalar::of_priority(&none), None, "{none}");
            assert_eq!(Scalar::faces_of_priority(&none), None, "{none}");
        }
    }
}
