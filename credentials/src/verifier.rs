//! The question who a token is from.
//!
//! A verifier has one trust per issuer: its policy and its keys. A token is judged by the trust that
//! its `iss` names, with that trust's keys alone, so that no issuer can speak for another. What was
//! verified once is remembered, but never beyond the token's end, its revocation, or the removal of
//! its key.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use crate::claims::{ClaimedIssuer, Claims};
use crate::compact::Compact;
use crate::policy::TokenPolicy;
use crate::refusal::{Shown, TokenRefusal};
use crate::revocations::Revocations;
use crate::seen::{Fingerprint, Seen};
use crate::token::{Proof, Verified};
use crate::token_keys::TokenKeys;

/// The longest token that is looked at.
pub const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// The most verified tokens that are remembered: some 10 MB.
pub const SEEN_MAX: usize = 16 * 1024;

/// The verifier; see the module. Shared by all threads.
#[derive(Debug)]
pub struct TokenVerifier {
    trusts: Vec<Trust>,
    revocations: Revocations,
    seen: Seen,
    /// Which keys there are: a count of their changes.
    generation: AtomicU64,
}

#[derive(Debug)]
struct Trust {
    policy: TokenPolicy,
    keys: RwLock<Arc<TokenKeys>>,
}

/// Why a verifier can't be made of some trusts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("issuer: two policies are for {}; each has one", .0.as_deref().unwrap_or("any issuer"))]
pub struct SameIssuer(Option<String>);

impl TokenVerifier {
    /// A verifier with these trusts, each of another issuer.
    pub fn new(trusts: Vec<(TokenPolicy, TokenKeys)>) -> Result<Self, SameIssuer> {
        Self::with_room(trusts, SEEN_MAX)
    }

    /// The same, which remembers at most about that many verified tokens.
    pub fn with_room(
        trusts: Vec<(TokenPolicy, TokenKeys)>,
        seen_max: usize,
    ) -> Result<Self, SameIssuer> {
        for (index, (policy, _)) in trusts.iter().enumerate() {
            if trusts[..index]
                .iter()
                .any(|(other, _)| other.issuer == policy.issuer)
            {
                return Err(SameIssuer(policy.issuer.clone()));
            }
        }
        let trusts = trusts.into_iter().map(|(policy, keys)| Trust {
            policy,
            keys: RwLock::new(Arc::new(keys)),
        });
        Ok(Self {
            trusts: trusts.collect(),
            revocations: Revocations::default(),
            seen: Seen::bounded(seen_max),
            generation: AtomicU64::new(0),
        })
    }

    /// Who a token is from, at that time.
    pub fn verify(&self, token: &[u8], now_s: u64) -> Result<Verified, TokenRefusal> {
        if token.is_empty() {
            return Err(TokenRefusal::Missing);
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenRefusal::TooLong {
                bytes: token.len(),
                bytes_max: TOKEN_BYTES_MAX,
            });
        }
        // Read before the keys: if they change meanwhile, what is remembered is of no use any more.
        let generation = self.generation.load(Ordering::Acquire);
        let fingerprint = Fingerprint::of(token);
        if let Some(verified) = self.seen.find(&fingerprint, generation) {
            verified.check_time(now_s)?;
            self.check_revocation(&verified)?;
            return Ok(verified);
        }
        let verified = self.verify_anew(token, now_s)?;
        self.check_revocation(&verified)?;
        self.seen.insert(fingerprint, generation, verified.clone());
        Ok(verified)
    }

    /// Whether a token that was verified before still holds: on a socket that outlives it, a key's
    /// removal or a revocation. It costs little.
    pub fn recheck(&self, verified: &Verified, now_s: u64) -> Result<(), TokenRefusal> {
        verified.check_time(now_s)?;
        self.check_revocation(verified)?;
        let proof = &verified.0;
        let trust = self.trusts.get(proof.trust);
        match trust {
            Some(trust) if trust.keys().has(&proof.key) => Ok(()),
            _ => {
                let issuer = trust.and_then(|trust| trust.policy.issuer.as_deref());
                Err(TokenRefusal::unknown_key(proof.key.id(), issuer))
            }
        }
    }

    /// Replaces the keys of an issuer. From the return of this call on, no token that is signed with
    /// a removed one is good. It says whether there is such an issuer.
    pub fn set_keys(&self, issuer: Option<&str>, keys: TokenKeys) -> bool {
        let named = |trust: &&Trust| trust.policy.issuer.as_deref() == issuer;
        let Some(trust) = self.trusts.iter().find(named) else {
            return false;
        };
        *trust.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        self.generation.fetch_add(1, Ordering::AcqRel);
        true
    }

    /// The keys of an issuer.
    pub fn keys(&self, issuer: Option<&str>) -> Option<Arc<TokenKeys>> {
        let named = |trust: &&Trust| trust.policy.issuer.as_deref() == issuer;
        self.trusts.iter().find(named).map(Trust::keys)
    }

    /// Each issuer that is trusted; `None` is any other one.
    pub fn issuers(&self) -> impl Iterator<Item = Option<&str>> {
        self.trusts
            .iter()
            .map(|trust| trust.policy.issuer.as_deref())
    }

    /// The tokens that were taken back. A revocation counts at once.
    pub const fn revocations(&self) -> &Revocations {
        &self.revocations
    }

    /// How many verified tokens are remembered.
    pub fn seen_len(&self) -> usize {
        self.seen.len()
    }

    fn verify_anew(&self, token: &[u8], now_s: u64) -> Result<Verified, TokenRefusal> {
        let compact = Compact::read(token)?;
        let claimed = ClaimedIssuer::read(&compact.claims)?.iss;
        let (index, trust) = self.trust_of(claimed.as_deref())?;
        let keys = trust.keys();
        let key = keys.find(&compact.header, trust.policy.issuer.as_deref())?;
        if !key.has_signed(compact.signed, &compact.signature) {
            return Err(TokenRefusal::Signature);
        }
        let (policy, claims) = (&trust.policy, Claims::read(&compact.claims)?);
        let token = claims.judge(policy, now_s)?;
        Ok(Verified(Arc::new(Proof {
            trust: index,
            key: key.clone(),
            ends_at_s: token.expires_at_s.saturating_add(policy.leeway_s),
            begins_at_s: token.not_before_s.saturating_sub(policy.leeway_s),
            token,
        })))
    }

    fn trust_of(&self, claimed: Option<&str>) -> Result<(usize, &Trust), TokenRefusal> {
        let with = |issuer: Option<&str>| {
            let mut trusts = self.trusts.iter().enumerate();
            trusts.find(|(_, trust)| trust.policy.issuer.as_deref() == issuer)
        };
        let found = claimed
            .and_then(|issuer| with(Some(issuer)))
            .or_else(|| with(None));
        found.ok_or_else(|| match claimed {
            Some(issuer) => TokenRefusal::Issuer(Shown::of(issuer)),
            None => TokenRefusal::ClaimMissing("iss"),
        })
    }

    fn check_revocation(&self, verified: &Verified) -> Result<(), TokenRefusal> {
        let id = verified.token().id.as_deref();
        match id.is_some_and(|id| self.revocations.contains(id)) {
            true => Err(TokenRefusal::Revoked),
            false => Ok(()),
        }
    }
}

impl Trust {
    fn keys(&self) -> Arc<TokenKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}
