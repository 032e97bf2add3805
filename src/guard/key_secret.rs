//! The secret half of an API key: 256 random bits. The server keeps only its digest.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

/// The SHA-256 of a secret, which tells nothing of it.
pub type KeyDigest = [u8; 32];

/// How every key in text form begins, so that people and scanners know one when they see it.
pub const KEY_PREFIX: &str = "agnt_";

const SECRET_BYTES: usize = 32;

/// The digits of that many bytes in base64.
const SECRET_DIGITS: usize = (SECRET_BYTES * 8).div_ceil(6);

/// The secret; see the module. It never shows itself but by [`KeySecret::reveal`].
#[derive(Clone)]
pub struct KeySecret([u8; SECRET_BYTES]);

impl KeySecret {
    /// A new secret, from the operating system's generator. It fails only if there is none.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; SECRET_BYTES];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The secret that a text names: `agnt_` and 43 digits of base64 in its URL-safe form.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let digits = text.strip_prefix(KEY_PREFIX.as_bytes())?;
        if digits.len() != SECRET_DIGITS {
            return None;
        }
        let mut bytes = [0; SECRET_BYTES];
        let len = URL_SAFE_NO_PAD.decode_slice(digits, &mut bytes).ok()?;
        (len == SECRET_BYTES).then_some(Self(bytes))
    }

    /// The key in text form, for the one who asked for it and nobody else, ever.
    pub fn reveal(&self) -> String {
        format!("{KEY_PREFIX}{}", URL_SAFE_NO_PAD.encode(self.0))
    }

    /// What is stored of it.
    pub fn digest(&self) -> KeyDigest {
        Sha256::digest(self.0).into()
    }
}

impl fmt::Debug for KeySecret {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("KeySecret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::KeySecret;

    /// The bytes 0 to 31 in base64, and their SHA-256, both by other programs (`base64`, `sha256sum`).
    const COUNTED: &str = "agnt_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
    const COUNTED_SHA256: &str = "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd";

    #[test]
    fn its_text_and_its_digest_are_what_other_programs_say() {
        let secret = KeySecret::parse(COUNTED.as_bytes()).unwrap();
        assert_eq!(secret.0, std::array::from_fn(|index| index as u8));
        assert_eq!(secret.reveal(), COUNTED);
        let digits = secret.digest().map(|byte| format!("{byte:02x}"));
        assert_eq!(digits.concat(), COUNTED_SHA256);
    }

    #[test]
    fn a_new_one_is_256_bits_unlike_any_other() {
        let texts = (0..1000).map(|_| KeySecret::generate().unwrap().reveal());
        let texts: HashSet<String> = texts.collect();
        assert_eq!(texts.len(), 1000);
        for text in &texts {
            assert_eq!(text.len(), 48, "{text}");
            assert_eq!(KeySecret::parse(text.as_bytes()).unwrap().reveal(), *text);
        }
        // Each of 256 bits is set in about half of them: 500, and ten standard deviations of 15.8.
        let secrets = texts.iter().map(|text| KeySecret::parse(text.as_bytes()));
        let secrets: Vec<KeySecret> = secrets.map(Option::unwrap).collect();
        for bit in 0..256 {
            let is_set = |secret: &&KeySecret| secret.0[bit / 8] >> (bit % 8) & 1 == 1;
            let set = secrets.iter().filter(is_set).count();
            assert!((342..=658).contains(&set), "bit {bit} is set {set} times");
        }
    }

    #[test]
    fn nothing_else_is_a_key() {
        let counted = COUNTED.as_bytes();
        let mut other: Vec<Vec<u8>> = (0..counted.len())
            .map(|len| counted[..len].to_vec())
            .collect();
        other.push([counted, b"A"].concat());
        other.push([counted, b"="].concat());
        // The last digit has two bits that belong to no byte.
        other.push([&counted[..47], b"9"].concat());
        other.push(COUNTED.replace("agnt_", "AGNT_").into());
        other.push(COUNTED.replace('A', "+").into());
        other.push([&counted[..47], b"\xff"].concat());
        for text in other {
            let shown = String::from_utf8_lossy(&text);
            assert!(KeySecret::parse(&text).is_none(), "{shown}");
        }
    }

    #[test]
    fn it_does_not_show_itself() {
        let secret = KeySecret::parse(COUNTED.as_bytes()).unwrap();
        assert_eq!(format!("{secret:?}"), "KeySecret(hidden)");
    }
}
