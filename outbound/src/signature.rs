//! The signature by which a receiver knows that a callback is from this server, and fresh.

use std::fmt::{self, Write as _};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The header that carries the signature.
pub const SIGNATURE_HEADER: &str = "x-agnt-signature";

/// Shorter keys can be guessed.
const KEY_BYTES_MIN: usize = 32;
const KEY_BYTES_MAX: usize = 1024;
/// The newest and the one before it, so that receivers can change over while both are good.
const KEYS_MAX: usize = 2;
const FILE_BYTES_MAX: u64 = 4096;

/// The keys that callbacks are signed with. They are never shown, not even to a debugger's format.
#[derive(Clone)]
pub struct SigningKeys {
    keys: Vec<Hmac<Sha256>>,
}

/// Why a file holds no signing keys.
#[derive(Debug, thiserror::Error)]
pub enum SigningKeysError {
    /// It can't be read.
    #[error("the file of signing keys {path:?} can't be read: {cause}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// It has no key or too many.
    #[error("{keys} signing keys are not allowed; allowed: 1 or {KEYS_MAX}, one a line")]
    Count {
        /// How many lines hold something.
        keys: usize,
    },
    /// A key is too short or too long.
    #[error(
        "a signing key of {length_bytes} bytes is not allowed; allowed: {KEY_BYTES_MIN} to \
         {KEY_BYTES_MAX}"
    )]
    Length {
        /// How long the key is.
        length_bytes: usize,
    },
}

impl SigningKeys {
    /// Reads the keys of a file: one a line, the newest first.
    pub fn read(path: &Path) -> Result<Self, SigningKeysError> {
        let mut text = Vec::new();
        File::open(path)
            .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text))
            .map_err(|cause| SigningKeysError::Unreadable {
                path: path.to_owned(),
                cause,
            })?;
        Self::parse(&text)
    }

    /// Reads the keys of a text: one a line, the newest first, spaces round them ignored.
    pub fn parse(text: &[u8]) -> Result<Self, SigningKeysError> {
        let lines: Vec<&[u8]> = text
            .split(|byte| *byte == b'\n')
            .map(<[u8]>::trim_ascii)
            .filter(|line| !line.is_empty())
            .collect();
        if lines.is_empty() || lines.len() > KEYS_MAX {
            return Err(SigningKeysError::Count { keys: lines.len() });
        }
        let keys = lines.into_iter().map(|line| {
            let length_bytes = line.len();
            let error = SigningKeysError::Length { length_bytes };
            if !(KEY_BYTES_MIN..=KEY_BYTES_MAX).contains(&length_bytes) {
                return Err(error);
            }
            Hmac::new_from_slice(line).map_err(|_| error)
        });
        let keys = keys.collect::<Result<_, _>>()?;
        Ok(Self { keys })
    }

    /// The header's value for a body: `t=<unix seconds>,v1=<hex>`, with a further `v1=` for the
    /// second key. What is signed is `<unix seconds>.<body>`.
    pub fn sign(&self, unix_time_s: u64, body: &[u8]) -> String {
        let mut value = format!("t={unix_time_s}");
        let prefix = format!("{unix_time_s}.");
        for key in &self.keys {
            let mut code = key.clone();
            code.update(prefix.as_bytes());
            code.update(body);
            value.push_str(",v1=");
            for byte in code.finalize().into_bytes() {
                // A String takes whatever is written to it.
                let _ = write!(value, "{byte:02x}");
            }
        }
        value
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKeys({})", self.keys.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `openssl dgst -sha256 -hmac KEY` and with Python's `hmac`, which agree.
    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const BODY: &[u8] = br#"{"request_id":"req-001","status":"completed"}"#;
    const SIGNED: &str = "83b227b80110b152798f427467e6570b5c8e25e2d946f33714f369fb79123fb1";
    const SIGNED_EMPTY: &str = "b5b3fbed5b59d925316d6d39db497aba70820961dda53dfe23a87559dab1eb6b";

    #[test]
    fn signatures_are_those_of_other_programs() {
        let keys = SigningKeys::parse(KEY.as_bytes()).unwrap();
        assert_eq!(
            keys.sign(1_768_046_400, BODY),
            format!("t=1768046400,v1={SIGNED}")
        );
        assert_eq!(keys.sign(0, b""), format!("t=0,v1={SIGNED_EMPTY}"));
    }

    /// RFC 4231, test case 6: a key longer than a block of the hash. Its data stands behind a
    /// time here, so the code itself is tried, without the prefix.
    #[test]
    fn the_code_is_that_of_rfc_4231() {
        let mut code = Hmac::<Sha256>::new_from_slice(&[0xaa; 131]).unwrap();
        code.update(b"Test Using Larger Than Block-Size Key - Hash Key First");
        let mut hex = String::new();
        for byte in code.finalize().into_bytes() {
            write!(hex, "{byte:02x}").unwrap();
        }
        assert_eq!(
            hex,
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }

    #[test]
    fn two_keys_sign_twice() {
        let text = format!("{}\r\n\n  {KEY}\n", KEY.to_uppercase());
        let both = SigningKeys::parse(text.as_bytes()).unwrap();
        let value = both.sign(1_768_046_400, BODY);
        assert!(value.ends_with(&format!(",v1={SIGNED}")), "{value}");
        assert_eq!(value.matches(",v1=").count(), 2);
        assert!(!value.starts_with(&format!("t=1768046400,v1={SIGNED}")));
    }

    #[test]
    fn bad_keys_are_named_and_never_shown() {
        let error = |text: &str| SigningKeys::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error("\n \n").starts_with("0 signing keys"));
        assert!(error(&format!("{KEY}\n{KEY}\n{KEY}")).starts_with("3 signing keys"));
        assert!(error("short").contains("5 bytes") && !error("short").contains("short"));
        let missing = SigningKeys::read(Path::new("no/such/file")).unwrap_err();
        assert!(missing.to_string().contains("no/such/file"));
        let keys = SigningKeys::parse(KEY.as_bytes()).unwrap();
        assert_eq!(format!("{keys:?}"), "SigningKeys(1)");
    }
}
