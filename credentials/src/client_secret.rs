//! The secret of a client that asks for tokens (`POST /api/v1/auth/token`): 256 random bits. The
//! server keeps only their SHA-256 and compares that in constant time.

use std::fmt;

use subtle::ConstantTimeEq as _;

use crate::secret::{NoRandomness, Secret, SecretDigest};

/// How every client's secret begins, so that people and scanners know one when they see it.
pub const CLIENT_SECRET_PREFIX: &str = "agntclient_";

/// The secret; see the module. It never shows itself but by [`ClientSecret::reveal`].
#[derive(Clone)]
pub struct ClientSecret(Secret);

impl ClientSecret {
    /// A new one, from the operating system's generator.
    pub fn generate() -> Result<Self, NoRandomness> {
        Secret::generate().map(Self)
    }

    /// The secret that a text names: the prefix and 43 digits of base64 in its URL-safe form.
    pub fn parse(text: &[u8]) -> Option<Self> {
        Secret::parse(CLIENT_SECRET_PREFIX, text).map(Self)
    }

    /// The secret as a text, for the one who asked for it and nobody else, ever.
    pub fn reveal(&self) -> String {
        self.0.reveal(CLIENT_SECRET_PREFIX)
    }

    /// What is stored of it.
    pub fn digest(&self) -> SecretDigest {
        self.0.digest()
    }

    /// Whether it is the secret of which that was stored. A client that isn't known is compared with
    /// any digest, so that its answer takes as long.
    pub fn has_digest(&self, stored: &SecretDigest) -> bool {
        self.digest().ct_eq(stored).into()
    }
}

impl fmt::Debug for ClientSecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("ClientSecret(hidden)")
    }
}
