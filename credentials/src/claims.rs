//! What a token says (RFC 7519), read strictly: a claim that is known and has an odd shape refuses
//! the token, since to overlook it could let in more than its issuer meant.

use serde::Deserialize;
use serde_json::Number;

use crate::compact::{from_object, present};
use crate::policy::TokenPolicy;
use crate::refusal::TokenRefusal;
use crate::token::{ActAs, Token};

/// The longest subject (as in OIDC), and the longest id of a token.
pub const NAME_BYTES_MAX: usize = 255;

/// The most entries of a list in a claim.
pub const ENTRIES_MAX: usize = 256;

/// What stands for everyone in `act_as`.
const EVERYONE: &str = "*";

/// The last time that is read: beyond it, numbers of JSON aren't exact.
const TIME_S_MAX: f64 = 9_007_199_254_740_992.0;

/// Who a token says it is from, before anything of it is believed.
#[derive(Deserialize)]
pub(crate) struct ClaimedIssuer {
    #[serde(default, deserialize_with = "present")]
    pub(crate) iss: Option<String>,
}

/// The claims that are known; others are ignored.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct Claims {
    #[serde(deserialize_with = "present")]
    sub: Option<String>,
    #[serde(deserialize_with = "present")]
    aud: Option<OneOrMany>,
    #[serde(deserialize_with = "present")]
    exp: Option<Number>,
    #[serde(deserialize_with = "present")]
    nbf: Option<Number>,
    #[serde(deserialize_with = "present")]
    iat: Option<Number>,
    #[serde(deserialize_with = "present")]
    jti: Option<String>,
    #[serde(deserialize_with = "present")]
    scope: Option<OneOrMany>,
    #[serde(deserialize_with = "present")]
    scopes: Option<OneOrMany>,
    #[serde(deserialize_with = "present")]
    scp: Option<OneOrMany>,
    #[serde(deserialize_with = "present")]
    agnt_streams: Option<Vec<String>>,
    #[serde(deserialize_with = "present")]
    act_as: Option<OneOrMany>,
    #[serde(deserialize_with = "present")]
    agnt_secret_since: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl OneOrMany {
    fn entries(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

impl ClaimedIssuer {
    pub(crate) fn read(json: &[u8]) -> Result<Self, TokenRefusal> {
        from_object(json)
            .map_err(|_| TokenRefusal::Form("the claims are no JSON object, or iss is no text"))
    }
}

impl Claims {
    pub(crate) fn read(json: &[u8]) -> Result<Self, TokenRefusal> {
        let odd = |_| TokenRefusal::Form("a claim has an odd shape or stands there twice");
        from_object(json).map_err(odd)
    }

    /// The token, if the policy has nothing against it at that time.
    pub(crate) fn judge(self, policy: &TokenPolicy, now_s: u64) -> Result<Token, TokenRefusal> {
        self.check_audience(policy)?;
        let expires_at_s = self.check_times(policy, now_s)?;
        let (scopes, act_as) = (self.scopes(policy)?, self.act_as()?);
        let subject = self.sub.ok_or(TokenRefusal::ClaimMissing("sub"))?;
        Ok(Token {
            subject: name("sub", subject)?,
            scopes,
            streams: self
                .agnt_streams
                .map(|it| bounded("agnt_streams", it))
                .transpose()?,
            act_as,
            expires_at_s,
            not_before_s: self.nbf.map_or(Ok(0), |nbf| whole_up("nbf", &nbf))?,
            issued_at_s: self.iat.map(|iat| whole_down("iat", &iat)).transpose()?,
            id: self.jti.map(|id| name("jti", id)).transpose()?,
            secret_since_us: self.agnt_secret_since,
        })
    }

    fn check_audience(&self, policy: &TokenPolicy) -> Result<(), TokenRefusal> {
        let Some(audience) = &self.aud else {
            return match policy.audiences.is_empty() {
                true => Ok(()),
                false => Err(TokenRefusal::ClaimMissing("aud")),
            };
        };
        let is_ours = |entry: &String| policy.audiences.contains(entry);
        match audience.entries().iter().any(is_ours) {
            true => Ok(()),
            false => Err(TokenRefusal::Audience),
        }
    }

    /// When the token ends, if it is good now.
    fn check_times(&self, policy: &TokenPolicy, now_s: u64) -> Result<u64, TokenRefusal> {
        let leeway_s = policy.leeway_s;
        let exp = self.exp.as_ref().ok_or(TokenRefusal::ClaimMissing("exp"))?;
        let exp_s = whole_down("exp", exp)?;
        if now_s >= exp_s.saturating_add(leeway_s) {
            let ago_s = now_s - exp_s;
            return Err(TokenRefusal::Expired { ago_s });
        }
        if let Some(nbf) = &self.nbf {
            let nbf_s = whole_up("nbf", nbf)?;
            if nbf_s > now_s.saturating_add(leeway_s) {
                let in_s = nbf_s - now_s;
                return Err(TokenRefusal::NotYet { in_s });
            }
        }
        let iat_s = self.iat.as_ref().map(|iat| whole_down("iat", iat));
        let iat_s = iat_s.transpose()?;
        if let Some(iat_s) = iat_s.filter(|iat_s| *iat_s > now_s.saturating_add(leeway_s)) {
            let in_s = iat_s - now_s;
            return Err(TokenRefusal::MadeLater { in_s });
        }
        if iat_s.is_some_and(|iat_s| iat_s >= exp_s) {
            let fault = "it is not after iat";
            return Err(TokenRefusal::Claim { name: "exp", fault });
        }
        // Without `iat` nobody knows how much of its time has passed; at least the rest is bounded.
        let lifetime_s = exp_s.saturating_sub(iat_s.unwrap_or(now_s));
        match lifetime_s > policy.lifetime_s_max {
            true => Err(TokenRefusal::Lifetime {
                lifetime_s,
                lifetime_s_max: policy.lifetime_s_max,
            }),
            false => Ok(exp_s),
        }
    }

    /// The scopes that are known here, of all claims that issuers have for them: a text with spaces
    /// (RFC 8693), or a list.
    fn scopes(&self, policy: &TokenPolicy) -> Result<Vec<String>, TokenRefusal> {
        let claims = [
            ("scope", &self.scope),
            ("scopes", &self.scopes),
            ("scp", &self.scp),
        ];
        let mut found: Vec<String> = Vec::new();
        for (name, claim) in claims {
            let entries = claim.as_ref().map_or(&[][..], OneOrMany::entries);
            if entries.len() > ENTRIES_MAX {
                return Err(too_many(name));
            }
            let words = entries.iter().flat_map(|entry| entry.split(' '));
            for known in words.filter_map(|word| policy.scopes.iter().find(|it| *it == word)) {
                if !found.contains(known) {
                    found.push(known.clone());
                }
            }
        }
        Ok(found)
    }

    fn act_as(&self) -> Result<ActAs, TokenRefusal> {
        let entries = self.act_as.as_ref().map_or(&[][..], OneOrMany::entries);
        if entries.iter().any(|entry| entry == EVERYONE) {
            return Ok(ActAs::Everyone);
        }
        bounded("act_as", entries.to_vec()).map(ActAs::These)
    }
}

const fn too_many(name: &'static str) -> TokenRefusal {
    let fault = "more than 256 entries";
    TokenRefusal::Claim { name, fault }
}

fn bounded(name: &'static str, entries: Vec<String>) -> Result<Vec<String>, TokenRefusal> {
    match entries.len() > ENTRIES_MAX {
        true => Err(too_many(name)),
        false => Ok(entries),
    }
}

fn name(name: &'static str, text: String) -> Result<String, TokenRefusal> {
    let fault = "not 1 to 255 bytes without control characters";
    let is_good = (1..=NAME_BYTES_MAX).contains(&text.len()) && !text.contains(char::is_control);
    match is_good {
        true => Ok(text),
        false => Err(TokenRefusal::Claim { name, fault }),
    }
}

/// A time in whole seconds. The RFC allows parts of them; they are rounded against the token.
fn whole_down(name: &'static str, time: &Number) -> Result<u64, TokenRefusal> {
    seconds(name, time).map(|time_s| time_s.floor() as u64)
}

fn whole_up(name: &'static str, time: &Number) -> Result<u64, TokenRefusal> {
    seconds(name, time).map(|time_s| time_s.ceil() as u64)
}

fn seconds(name: &'static str, time: &Number) -> Result<f64, TokenRefusal> {
    let fault = "not a time in seconds since 1970";
    let time_s = time
        .as_f64()
        .filter(|time_s| (0.0..TIME_S_MAX).contains(time_s));
    time_s.ok_or(TokenRefusal::Claim { name, fault })
}
