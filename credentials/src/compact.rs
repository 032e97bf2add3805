//! A token as it is sent: three parts of base64url with dots between them (RFC 7515, 7.1). Padding,
//! other alphabets and stray bits are refused, so that a token has one form only.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use crate::algorithm::Algorithm;
use crate::refusal::TokenRefusal;
use crate::token_key::is_key_id;

/// The token, split and read as far as can be without a key; nothing of it is to be believed yet.
pub(crate) struct Compact<'a> {
    /// What is signed: the first two parts as they were sent.
    pub(crate) signed: &'a [u8],
    pub(crate) header: Header,
    pub(crate) claims: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

/// What of a header matters. Keys and addresses of keys in it (`jwk`, `jku`, `x5u`, `x5c`) are not
/// even read.
#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) alg: String,
    #[serde(default, deserialize_with = "present")]
    pub(crate) kid: Option<String>,
    #[serde(default, deserialize_with = "present")]
    typ: Option<String>,
    cty: Option<String>,
    #[serde(default, deserialize_with = "present")]
    crit: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    b64: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    zip: Option<IgnoredAny>,
    #[serde(default, deserialize_with = "present")]
    enc: Option<IgnoredAny>,
}

/// What tokens say they are (RFC 7519, RFC 9068). Others, like those of a logout, are no credentials.
const TYPES: [&str; 4] = ["JWT", "at+jwt", "application/jwt", "application/at+jwt"];

impl<'a> Compact<'a> {
    pub(crate) fn read(token: &'a [u8]) -> Result<Self, TokenRefusal> {
        let mut parts = token.split(|byte| *byte == b'.');
        let (Some(header), Some(claims), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenRefusal::Form("not three parts"));
        };
        let signed = &token[..header.len() + 1 + claims.len()];
        Ok(Self {
            signed,
            header: Header::read(&decoded(header)?)?,
            claims: decoded(claims)?,
            signature: decoded(signature)?,
        })
    }
}

impl Header {
    fn read(json: &[u8]) -> Result<Self, TokenRefusal> {
        let refused = |name, fault| Err(TokenRefusal::Header { name, fault });
        let form = |_| TokenRefusal::Form("the header is not a JSON object with a text as alg");
        let header: Self = from_object(json).map_err(form)?;
        if !Algorithm::ALL.iter().any(|it| it.is_named(&header.alg)) {
            return refused("alg", "not one of RS256, ES256, EdDSA and HS256");
        }
        if header.kid.as_deref().is_some_and(|id| !is_key_id(id)) {
            return refused("kid", "empty or longer than 255 bytes");
        }
        let is_known = |typ: &str| TYPES.iter().any(|known| known.eq_ignore_ascii_case(typ));
        if header.typ.as_deref().is_some_and(|typ| !is_known(typ)) {
            return refused("typ", "not that of a token that lets in");
        }
        let unknown = [
            ("crit", header.crit.is_some()),
            ("b64", header.b64.is_some()),
            ("zip", header.zip.is_some()),
            ("enc", header.enc.is_some()),
            ("cty", header.cty.is_some()),
        ];
        match unknown.into_iter().find(|(_, is_there)| *is_there) {
            Some((name, _)) => refused(name, "extensions are not taken"),
            None => Ok(header),
        }
    }
}

/// What an object of JSON holds. A structure alone would be read from an array too.
pub(crate) fn from_object<'a, T: Deserialize<'a>>(json: &'a [u8]) -> serde_json::Result<T> {
    match json.first() {
        Some(b'{') => serde_json::from_slice(json),
        _ => Err(serde::de::Error::custom("not an object")),
    }
}

/// What a member holds if it is there. `null` is no way to leave one out: it has the wrong type.
pub(crate) fn present<'a, D, T>(value: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'a>,
    T: Deserialize<'a>,
{
    T::deserialize(value).map(Some)
}

fn decoded(part: &[u8]) -> Result<Vec<u8>, TokenRefusal> {
    let broken = |_| TokenRefusal::Form("a part is not base64url without padding");
    URL_SAFE_NO_PAD.decode(part).map_err(broken)
}
