//! The doorkeeper: the one place that turns credentials into an [`Identity`] and says whether it
//! holds still, whatever kind it is of.
//!
//! The server is open as long as there are no credentials: no key or client was ever made, and none
//! of other issuers' are accepted. Then everyone may do everything. What is shown and is no good is
//! refused all the same, never taken for nothing.

use std::fmt;
use std::sync::Arc;

use agnt_credentials::{
    ActAs, ClientSecret, Grant, MintFault, TicketRefused, Tickets, TokenKeys, TokenMint,
    TokenPolicy, TokenRefusal, TokenVerifier, Verified,
};

use super::identity::{CredentialRefusal, Identity, TokenHolder};
use super::key_secret::KEY_PREFIX;
use super::keyring::Keyring;
use super::presented::{Credential, Presented};
use super::scope::Scope;
use super::token_client::{Issued, TokenClient};
use super::token_clients::TokenClients;

/// The doorkeeper; see the module. Shared by all threads.
pub struct Doorkeeper {
    keyring: Arc<Keyring>,
    clients: TokenClients,
    tickets: Tickets<Identity>,
    tokens: TokenVerifier,
    mint: TokenMint,
    terms: Terms,
    on_unknown_key: OnUnknownKey,
}

/// Hears of tokens whose key isn't known; it is told the issuer.
pub type OnUnknownKey = Box<dyn Fn(Option<&str>) + Send + Sync>;

/// What the configuration says of credentials.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Whether credentials are configured, so that the server isn't open even without a key.
    pub are_configured: bool,
    /// For how long tokens for clients are good.
    pub token_ttl_s: u64,
    /// For how long any token may be good.
    pub token_ttl_s_max: u64,
}

/// Why a client gets no token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotIssued {
    /// It isn't who it says that it is.
    #[error("the client is unknown, its secret is wrong or its certificate is missing")]
    Unknown,
    /// The mint failed.
    #[error(transparent)]
    Mint(#[from] MintFault),
}

impl Doorkeeper {
    /// A doorkeeper that takes the keys of that keyring, and tokens as the verifier does; the mint is
    /// one that the verifier trusts.
    pub fn new(
        keyring: Arc<Keyring>,
        (tokens, mint): (TokenVerifier, TokenMint),
        terms: Terms,
        on_unknown_key: OnUnknownKey,
    ) -> Self {
        Self {
            keyring,
            clients: TokenClients::default(),
            tickets: Tickets::default(),
            tokens,
            mint,
            terms,
            on_unknown_key,
        }
    }

    /// A doorkeeper that takes API keys, and tokens of its own alone.
    pub fn of_keys(keyring: Arc<Keyring>) -> Result<Self, Box<dyn std::error::Error>> {
        let secret = ClientSecret::generate()?.digest();
        let mint = TokenMint::from_secret(&secret, Some("agnt".to_owned()), Vec::new())?;
        let policy = TokenPolicy {
            issuer: Some("agnt".to_owned()),
            scopes: Scope::ALL.map(|scope| scope.name().to_owned()).to_vec(),
            ..TokenPolicy::default()
        };
        let keys = TokenKeys::new([mint.verifying_key().clone()])?;
        let tokens = TokenVerifier::new(vec![(policy, keys)])?;
        let terms = Terms {
            are_configured: false,
            token_ttl_s: 900,
            token_ttl_s_max: 86_400,
        };
        Ok(Self::new(keyring, (tokens, mint), terms, Box::new(|_| {})))
    }

    /// All API keys.
    pub const fn keyring(&self) -> &Arc<Keyring> {
        &self.keyring
    }

    /// The judge of tokens.
    pub const fn tokens(&self) -> &TokenVerifier {
        &self.tokens
    }

    /// Whether everyone may do everything, for there are no credentials.
    pub fn is_open(&self) -> bool {
        !self.terms.are_configured && self.keyring.is_empty() && self.clients.is_empty()
    }

    /// Who comes with these credentials, at that time in Unix seconds. A ticket is used up by it.
    pub fn identify(&self, presented: Presented<'_>, now_s: u64) -> Identity {
        match presented.credential() {
            Some(Credential::Bearer(token)) => self.bearer(token, now_s),
            Some(Credential::ApiKey(text)) => self.keyring.identify(text),
            Some(Credential::Ticket(ticket)) => self.redeem(ticket, now_s),
            None => self.nobody(),
        }
    }

    /// Who comes with this token, API key or ticket, in whichever place there is only room for one.
    pub fn identify_by(&self, text: &str, now_s: u64) -> Identity {
        match text.starts_with(agnt_credentials::TICKET_PREFIX) {
            true => self.redeem(text.as_bytes(), now_s),
            false => self.bearer(text.as_bytes(), now_s),
        }
    }

    /// Whether who came in as that may stay: a key was not revoked, a token neither and is not over,
    /// or they came without any and the server is open still.
    pub fn admits(&self, identity: &Identity, now_s: u64) -> bool {
        match identity {
            Identity::Anonymous => self.is_open(),
            Identity::Key(key) => !key.is_revoked(),
            Identity::Token(holder) => {
                self.tokens.recheck(&holder.verified, now_s).is_ok()
                    && self.is_client_good(&holder.verified)
            }
            Identity::Refused(_) => false,
        }
    }

    /// A ticket that stands for who asks, once and for half a minute.
    pub fn give_ticket(&self, identity: &Identity, now_s: u64) -> Result<String, TicketRefused> {
        self.tickets.give(identity.clone(), now_s)
    }

    /// A token for a client that shows its secret, and its certificate where it must.
    pub fn issue(
        &self,
        client_id: &str,
        secret: &str,
        certificate: Option<&[u8; 32]>,
        now_s: u64,
    ) -> Result<Issued, NotIssued> {
        let secret = ClientSecret::parse(secret.as_bytes()).ok_or(NotIssued::Unknown)?;
        let Some(client) = self.clients.find(client_id) else {
            // Compared all the same, so that it takes as long.
            let _ = secret.has_digest(&[0; 32]);
            return Err(NotIssued::Unknown);
        };
        if !client.is_known_by(&secret) || !client.has_shown(certificate) {
            return Err(NotIssued::Unknown);
        }
        let ttl_s = self.terms.token_ttl_s;
        let (grant, since_us) = (client.grant(ttl_s), client.created_at_us);
        let minted = self.mint.mint_for_client(&grant, since_us, now_s)?;
        Ok(Issued {
            token: minted.token,
            ttl_s,
            scopes: client.scopes,
        })
    }

    /// A token for a part of this program, which shows it like anyone else.
    pub fn issue_to_own(&self, name: &str, scopes: &[Scope], now_s: u64) -> Option<String> {
        let grant = Grant {
            subject: name.to_owned(),
            scopes: scopes.iter().map(|scope| scope.name().to_owned()).collect(),
            streams: None,
            act_as: ActAs::These(Vec::new()),
            ttl_s: self.terms.token_ttl_s_max,
        };
        let minted = self.mint.mint(&grant, now_s);
        minted.ok().map(|minted| minted.token)
    }

    /// Takes a client, in the place of the one that had its id. Tokens that were issued before it got
    /// its secret, or to one that is revoked, are good no more.
    pub fn put_client(&self, client: TokenClient) {
        self.clients.put(client);
    }

    /// The client with that id.
    pub fn find_client(&self, client_id: &str) -> Option<Arc<TokenClient>> {
        self.clients.find(client_id)
    }

    /// All clients, revoked ones included.
    pub fn list_clients(&self) -> Vec<Arc<TokenClient>> {
        self.clients.list()
    }

    fn bearer(&self, token: &[u8], now_s: u64) -> Identity {
        if token.starts_with(KEY_PREFIX.as_bytes()) {
            return self.keyring.identify(token);
        }
        match self.tokens.verify(token, now_s) {
            Ok(verified) if self.is_client_good(&verified) => {
                Identity::Token(TokenHolder::new(verified))
            }
            Ok(_) => Identity::Refused(CredentialRefusal::Revoked),
            // Nothing here can tell a good one of another issuer from a bad one, and nothing depends on
            // it.
            Err(_) if self.is_open() => Identity::Anonymous,
            Err(refusal) => {
                if let TokenRefusal::UnknownKey { issuer, .. } = &refusal {
                    (self.on_unknown_key)(issuer.as_deref());
                }
                tracing::debug!(%refusal, "a token is refused");
                Identity::Refused(match refusal {
                    TokenRefusal::Revoked => CredentialRefusal::Revoked,
                    _ => CredentialRefusal::Unknown,
                })
            }
        }
    }

    fn redeem(&self, ticket: &[u8], now_s: u64) -> Identity {
        match self.tickets.redeem(ticket, now_s) {
            // What it stands for may have ended meanwhile.
            Ok(identity) if self.admits(&identity, now_s) => identity,
            Ok(_) => Identity::Refused(CredentialRefusal::Revoked),
            Err(refusal) => {
                tracing::debug!(%refusal, "a ticket is refused");
                Identity::Refused(CredentialRefusal::Unknown)
            }
        }
    }

    fn nobody(&self) -> Identity {
        match self.is_open() {
            true => Identity::Anonymous,
            false => Identity::Refused(CredentialRefusal::Missing),
        }
    }

    /// Whether the client that a token was issued to is good, if it was issued to one here.
    fn is_client_good(&self, verified: &Verified) -> bool {
        if verified.signed_with().0 != self.mint.verifying_key().id() {
            return true;
        }
        let client = self.clients.find(&verified.subject);
        client.is_none_or(|client| {
            let is_of_its_secret = match verified.secret_since_us {
                Some(since_us) => since_us == client.created_at_us,
                // Made by another program with the same key, which knows of no secret.
                None => verified.issued_at_s.unwrap_or(0) > client.created_at_s(),
            };
            client.revoked_at_us.is_none() && is_of_its_secret
        })
    }
}

impl fmt::Debug for Doorkeeper {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Doorkeeper")
            .field("keyring", &self.keyring)
            .field("tokens", &self.tokens)
            .field("terms", &self.terms)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "tests/doorkeeper.rs"]
mod tests;
