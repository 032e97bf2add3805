//! What someone may say before the handshake: little, for nobody knows yet whose it is.

/// As long as the head of a request, which may have a token as well.
const TEXT_BYTES_MAX: usize = 16 << 10;

const TEXTS_MAX: u32 = 64;

/// The texts that came before the handshake.
#[derive(Debug, Default)]
pub(super) struct EarlyTexts(u32);

/// What is to be done with one.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Early {
    /// It is read.
    Heard,
    /// It is malformed.
    TooLong(String),
    /// The session ends.
    TooMany(String),
}

impl EarlyTexts {
    /// One of so many bytes came.
    pub(super) fn hear(&mut self, bytes: usize) -> Early {
        self.0 = self.0.saturating_add(1);
        if self.0 > TEXTS_MAX {
            return Early::TooMany(format!(
                "more than {TEXTS_MAX} messages before the handshake"
            ));
        }
        if bytes > TEXT_BYTES_MAX {
            let text = format!(
                "message: {bytes} bytes; before the handshake {TEXT_BYTES_MAX} are allowed"
            );
            return Early::TooLong(text);
        }
        Early::Heard
    }
}
