//! 256 random bits that open something, as a text with a prefix: what a client's secret and a ticket
//! have in common.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

/// The SHA-256 of a secret, which tells nothing of it.
pub type SecretDigest = [u8; 32];

const SECRET_BYTES: usize = 32;

/// The digits of that many bytes in base64.
const SECRET_DIGITS: usize = (SECRET_BYTES * 8).div_ceil(6);

/// The operating system gave no random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system's random generator failed")]
pub struct NoRandomness;

/// The bits; see the module.
#[derive(Clone)]
pub(crate) struct Secret([u8; SECRET_BYTES]);

impl Secret {
    pub(crate) fn generate() -> Result<Self, NoRandomness> {
        random_bytes().map(Self)
    }

    pub(crate) fn parse(prefix: &str, text: &[u8]) -> Option<Self> {
        let digits = text.strip_prefix(prefix.as_bytes())?;
        if digits.len() != SECRET_DIGITS {
            return None;
        }
        let mut bytes = [0; SECRET_BYTES];
        let len = URL_SAFE_NO_PAD.decode_slice(digits, &mut bytes).ok()?;
        (len == SECRET_BYTES).then_some(Self(bytes))
    }

    pub(crate) fn reveal(&self, prefix: &str) -> String {
        format!("{prefix}{}", URL_SAFE_NO_PAD.encode(self.0))
    }

    pub(crate) fn digest(&self) -> SecretDigest {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(digest(&SHA256, &self.0).as_ref());
        bytes
    }
}

pub(crate) fn random_bytes<const LEN: usize>() -> Result<[u8; LEN], NoRandomness> {
    let mut bytes = [0; LEN];
    let filled = SystemRandom::new().fill(&mut bytes);
    filled.map(|()| bytes).map_err(|_| NoRandomness)
}
