//! Why a batch isn't inflated.

use thiserror::Error;

use super::Algorithm;

/// Why a batch wasn't inflated. Whatever it is, nothing of the batch was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum InflateError {
    /// The batch announces more than is inflated; its data wasn't looked at.
    #[error("original: {original_bytes} bytes; at most {bytes_max} are inflated")]
    TooLarge {
        /// What the batch announces.
        original_bytes: u32,
        /// The bound.
        bytes_max: usize,
    },
    /// The data is of another algorithm than the one that is in force.
    #[error(
        "data: begins with {}{}; {expected} is in force, which begins with {}",
        hex(.first_bytes), as_known(*.guess), .expected.beginning()
    )]
    WrongAlgorithm {
        /// What is in force.
        expected: Algorithm,
        /// What the data looks like.
        guess: Option<Algorithm>,
        /// The data's first bytes, four at most.
        first_bytes: Vec<u8>,
    },
    /// The data breaks the algorithm's format.
    #[error("data: no valid {algorithm} stream: {reason}")]
    Corrupt {
        /// What is in force.
        algorithm: Algorithm,
        /// What is wrong, in the words of the decoder.
        reason: String,
    },
    /// The data ends before its stream does.
    #[error("data: ends after {data_bytes} bytes, and the {algorithm} stream goes on")]
    Truncated {
        /// What is in force.
        algorithm: Algorithm,
        /// Bytes of data.
        data_bytes: usize,
    },
    /// The data holds more than the batch announces. It wasn't inflated further.
    #[error("data: inflates to more than original, which is {original_bytes} bytes")]
    Longer {
        /// What the batch announces.
        original_bytes: u32,
    },
    /// The data holds less than the batch announces.
    #[error("data: inflates to {inflated_bytes} bytes; original is {original_bytes}")]
    Shorter {
        /// What the batch announces.
        original_bytes: u32,
        /// What it holds.
        inflated_bytes: usize,
    },
    /// Something follows the end of the stream.
    #[error("data: {trailing_bytes} bytes follow the end of the {algorithm} stream; none may")]
    Trailing {
        /// What is in force.
        algorithm: Algorithm,
        /// How many bytes follow.
        trailing_bytes: usize,
    },
}

fn hex(bytes: &[u8]) -> String {
    let digits: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.join(" ")
}

fn as_known(guess: Option<Algorithm>) -> String {
    guess.map_or_else(String::new, |known| format!(" as {known} does"))
}
