//! The public half of a key pair: an RSA modulus with its exponent, a point on P-256, an Ed25519 key.
//! From each of them follows one algorithm.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use pkcs1::der::Decode;
use pkcs1::der::asn1::AnyRef;
use ring::agreement::{
    ECDH_P256, EphemeralPrivateKey, UnparsedPublicKey as UnparsedPoint, agree_ephemeral,
};
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
    UnparsedPublicKey,
};
use spki::{ObjectIdentifier, SubjectPublicKeyInfoRef};

use crate::algorithm::Algorithm;

const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const ED25519_ID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The bits of an RSA modulus. Less can be broken; more takes longer to verify than anyone should wait.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// The bytes of an exponent that the library takes: 33 bits.
const EXPONENT_BYTES_MAX: usize = 5;

/// The bytes of a coordinate on P-256 and of an Ed25519 key.
pub(crate) const COORDINATE_BYTES: usize = 32;

/// The public key; see the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PublicKey {
    /// Both numbers big-endian, without leading zeros.
    Rsa {
        modulus: Vec<u8>,
        exponent: Vec<u8>,
    },
    /// The byte 4 and both coordinates.
    P256([u8; 1 + 2 * COORDINATE_BYTES]),
    Ed25519([u8; COORDINATE_BYTES]),
}

/// Why something is no key that tokens may be signed with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// No key stands there, or one in a form that isn't read.
    #[error("no key in a form that is read: {0}")]
    Form(&'static str),
    /// A kind of key that no algorithm here is for.
    #[error("a kind of key that is not taken; RSA, EC on P-256 and Ed25519 are")]
    Kind,
    /// An RSA key that is too short or too long.
    #[error("an RSA key of {0} bits; 2048 to 8192 are allowed")]
    RsaBits(usize),
    /// An exponent that no sound key has.
    #[error("an RSA key with a weak or oversized exponent; odd ones from 3 to 2^33 are allowed")]
    RsaExponent,
    /// A secret that can be guessed.
    #[error("a secret of {0} bytes; at least 32 are needed")]
    SecretBytes(usize),
}

impl PublicKey {
    pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyFault> {
        let (modulus, exponent) = (without_zeros(modulus), without_zeros(exponent));
        let unused = modulus.first().map_or(0, |first| first.leading_zeros());
        let bits = modulus.len() * 8 - unused as usize;
        if !RSA_BITS.contains(&bits) {
            return Err(KeyFault::RsaBits(bits));
        }
        let is_odd = exponent.last().is_some_and(|last| last % 2 == 1);
        let is_one = exponent == [1];
        let is_long = exponent.len() > EXPONENT_BYTES_MAX
            || (exponent.len() == EXPONENT_BYTES_MAX && exponent[0] > 1);
        if !is_odd || is_one || is_long {
            return Err(KeyFault::RsaExponent);
        }
        Ok(Self::Rsa {
            modulus: modulus.to_vec(),
            exponent: exponent.to_vec(),
        })
    }

    pub(crate) fn p256(x: &[u8], y: &[u8]) -> Result<Self, KeyFault> {
        Self::p256_point(&[&[4], x, y].concat())
    }

    pub(crate) fn p256_point(point: &[u8]) -> Result<Self, KeyFault> {
        let point = point.try_into();
        let point: [u8; 65] = point.map_err(|_| KeyFault::Form("a point of the wrong length"))?;
        if point[0] != 4 {
            return Err(KeyFault::Form("a compressed point"));
        }
        match is_on_p256(&point) {
            true => Ok(Self::P256(point)),
            false => Err(KeyFault::Form("a point that is not on P-256")),
        }
    }

    pub(crate) fn ed25519(key: &[u8]) -> Result<Self, KeyFault> {
        let key = key.try_into();
        key.map(Self::Ed25519)
            .map_err(|_| KeyFault::Form("an Ed25519 key of the wrong length"))
    }

    /// The key of `-----BEGIN PUBLIC KEY-----` (RFC 5280).
    pub(crate) fn from_spki(der: &[u8]) -> Result<Self, KeyFault> {
        let form = |_| KeyFault::Form("not the DER of a public key");
        let info = SubjectPublicKeyInfoRef::from_der(der).map_err(form)?;
        let bits = info.subject_public_key.as_bytes();
        let bits = bits.ok_or(KeyFault::Form("a key of broken bytes"))?;
        let curve = info.algorithm.parameters.map(AnyRef::decode_as);
        match info.algorithm.oid {
            RSA => Self::from_pkcs1(bits),
            EC if curve == Some(Ok(P256)) => Self::p256_point(bits),
            ED25519_ID => Self::ed25519(bits),
            _ => Err(KeyFault::Kind),
        }
    }

    /// An RSA key alone, as it stands in the former (RFC 8017).
    fn from_pkcs1(der: &[u8]) -> Result<Self, KeyFault> {
        let form = |_| KeyFault::Form("not the DER of an RSA key");
        let key = pkcs1::RsaPublicKeyRef::from_der(der).map_err(form)?;
        Self::rsa(key.modulus.as_bytes(), key.public_exponent.as_bytes())
    }

    pub(crate) const fn algorithm(&self) -> Algorithm {
        match self {
            Self::Rsa { .. } => Algorithm::Rs256,
            Self::P256(_) => Algorithm::Es256,
            Self::Ed25519(_) => Algorithm::EdDsa,
        }
    }

    pub(crate) fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        let verified = match self {
            Self::Rsa { modulus, exponent } => RsaPublicKeyComponents {
                n: modulus,
                e: exponent,
            }
            .verify(&RSA_PKCS1_2048_8192_SHA256, message, signature),
            Self::P256(point) => {
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }
            Self::Ed25519(key) => UnparsedPublicKey::new(&ED25519, key).verify(message, signature),
        };
        verified.is_ok()
    }

    /// The members that make the key what it is, as JSON in the order and form that RFC 7638 hashes.
    pub(crate) fn required_members(&self) -> String {
        let digits = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Rsa { modulus, exponent } => {
                let (e, n) = (digits(exponent), digits(modulus));
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
            Self::P256(point) => {
                let (x, y) = point[1..].split_at(COORDINATE_BYTES);
                let (x, y) = (digits(x), digits(y));
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Self::Ed25519(key) => {
                let x = digits(key);
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
            }
        }
    }

    /// The SHA-256 thumbprint of RFC 7638, in base64url.
    pub(crate) fn thumbprint(&self) -> String {
        URL_SAFE_NO_PAD.encode(digest(&SHA256, self.required_members().as_bytes()))
    }
}

/// Whether a point is on the curve. The library says so only to someone who agrees on a secret with
/// it; the secret is thrown away.
fn is_on_p256(point: &[u8]) -> bool {
    let agreed = EphemeralPrivateKey::generate(&ECDH_P256, &SystemRandom::new())
        .and_then(|own| agree_ephemeral(own, &UnparsedPoint::new(&ECDH_P256, point), |_| ()));
    agreed.is_ok()
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8037, A.4, whose message is no JSON and therefore no token.
    #[test]
    fn ed25519_is_that_of_rfc_8037() {
        let bytes = |digits: &str| URL_SAFE_NO_PAD.decode(digits).unwrap();
        let key = bytes("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let key = PublicKey::ed25519(&key).unwrap();
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = bytes(
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
        );
        assert!(key.has_signed(message, &signature));
        for bit in 0..signature.len() * 8 {
            let mut changed = signature.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(!key.has_signed(message, &changed), "{bit}");
        }
        assert!(!key.has_signed(&message[1..], &signature));
    }

    #[test]
    fn an_rsa_key_has_bounds() {
        let modulus = |bits: usize| {
            let mut modulus = vec![0xff; bits.div_ceil(8)];
            modulus[0] >>= modulus.len() * 8 - bits;
            modulus
        };
        for (bits, is_good) in [(2047, false), (2048, true), (8192, true), (8193, false)] {
            let key = PublicKey::rsa(&modulus(bits), &[1, 0, 1]);
            assert_eq!(key.is_ok(), is_good, "{bits}");
            assert!(is_good || key == Err(KeyFault::RsaBits(bits)));
        }
        let with = |exponent: &[u8]| PublicKey::rsa(&modulus(2048), exponent);
        for exponent in [&[3][..], &[0, 3], &[1, 0, 1], &[1, 0xff, 0xff, 0xff, 0xff]] {
            assert!(with(exponent).is_ok(), "{exponent:?}");
        }
        for exponent in [
            &[][..],
            &[0],
            &[1],
            &[2],
            &[2, 0, 0, 0, 1],
            &[1, 0, 0, 0, 0, 1],
        ] {
            assert_eq!(with(exponent), Err(KeyFault::RsaExponent), "{exponent:?}");
        }
    }
}
