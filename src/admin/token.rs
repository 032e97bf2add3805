//! Tokens, made with a private key where no server need run.

use agnt_credentials::{ActAs, Grant, PEM_BYTES_MAX, TokenMint, TokenPolicy};

use super::store::AdminError;
use crate::cli::TokenArgs;
use crate::domain::time;
use crate::guard::Scope;
use crate::server::read_bounded;

/// How a file of PEM begins somewhere; what isn't one is a secret.
const PEM: &[u8] = b"-----BEGIN ";

/// Makes the token.
pub fn make_token(args: &TokenArgs) -> Result<String, AdminError> {
    let invalid = |text: String| AdminError::Invalid(text);
    let path = args.key.display();
    let text = read_bounded(&args.key, PEM_BYTES_MAX);
    let text = text.map_err(|error| invalid(format!("key: {path}: {error}")))?;
    let (issuer, audiences) = (args.issuer.clone(), args.audiences.clone());
    let mint = match text.windows(PEM.len()).any(|part| part == PEM) {
        true => TokenMint::from_pem(&text, issuer, audiences),
        false => TokenMint::from_secret(text.trim_ascii(), issuer, audiences),
    };
    let mint = mint.map_err(|error| invalid(format!("key: {path}: {error}")))?;
    let grant = Grant {
        subject: args.subject.clone(),
        scopes: args
            .scopes
            .iter()
            .map(Scope::name)
            .map(str::to_owned)
            .collect(),
        streams: args.streams.clone(),
        act_as: match args.act_as.iter().any(|agent| agent == "*") {
            true => ActAs::Everyone,
            false => ActAs::These(args.act_as.clone()),
        },
        ttl_s: args.ttl_s,
    };
    let minted = mint.mint(&grant, time::unix_s());
    Ok(minted.map_err(|error| invalid(error.to_string()))?.token)
}

/// What whoever makes it should know of the token.
pub fn doubt_of_token(args: &TokenArgs) -> Option<String> {
    let (ttl_s, ttl_s_max) = (args.ttl_s, TokenPolicy::default().lifetime_s_max);
    (ttl_s > ttl_s_max).then(|| {
        format!(
            "ttl: {ttl_s} s; a server takes tokens of at most {ttl_s_max} s, unless its \
             --token-lifetime-s-max allows more"
        )
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use serde_json::Value;

    use super::*;

    #[test]
    fn it_says_what_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("secret");
        std::fs::write(&key, "0123456789abcdef0123456789abcdef\n").unwrap();
        let args = TokenArgs {
            key: key.clone(),
            subject: "agent-001".to_owned(),
            scopes: [Scope::Read, Scope::Agents].into_iter().collect(),
            streams: Some(vec!["main".to_owned()]),
            act_as: vec!["*".to_owned()],
            ttl_s: 60,
            issuer: None,
            audiences: vec!["here".to_owned()],
        };
        let token = make_token(&args).unwrap();
        let claims = URL_SAFE_NO_PAD.decode(token.split('.').nth(1).unwrap());
        let claims: Value = serde_json::from_slice(&claims.unwrap()).unwrap();
        for (claim, value) in [
            ("sub", Value::from("agent-001")),
            ("scope", "read agents".into()),
            ("agnt_streams", vec!["main"].into()),
            ("act_as", "*".into()),
            ("iss", Value::Null),
            ("aud", "here".into()),
        ] {
            assert_eq!(claims[claim], value, "{claim}");
        }
        let lifetime = claims["exp"].as_u64().unwrap() - claims["iat"].as_u64().unwrap();
        assert_eq!(lifetime, 60);
        assert_eq!(doubt_of_token(&args), None);
        let long = TokenArgs {
            ttl_s: 86_401,
            ..args.clone()
        };
        let doubt = doubt_of_token(&long).unwrap();
        assert!(doubt.starts_with("ttl: 86401 s;"), "{doubt}");
        std::fs::write(&key, "short").unwrap();
        let error = make_token(&args).unwrap_err().to_string();
        assert!(
            error.starts_with("key: ") && !error.contains("short"),
            "{error}"
        );
    }
}
