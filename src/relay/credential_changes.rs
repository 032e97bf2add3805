//! Credentials that were made or ended, brought to the doorkeeper before anybody is answered.

use std::sync::Arc;

use agnt_fleet::tables::RowChange;

use crate::guard::{Doorkeeper, Keyring, StoredCredential, StoredKey};

/// Brings the credentials among these changes to the doorkeeper: from the return of this call on they
/// are good, or not good any more.
pub fn follow_credentials(doorkeeper: &Doorkeeper, changes: &[RowChange], now_s: u64) {
    for change in changes {
        if let RowChange::Key(id, Some(bytes)) = change
            && let Err(error) = follow(doorkeeper, bytes, now_s)
        {
            tracing::error!(%id, %error, "a stored credential is of no use");
        }
    }
}

fn follow(
    doorkeeper: &Doorkeeper,
    bytes: &Arc<Vec<u8>>,
    now_s: u64,
) -> Result<(), Box<dyn std::error::Error>> {
    match StoredCredential::from_bytes(bytes)? {
        StoredCredential::Key(key) => follow_key(doorkeeper.keyring(), key),
        StoredCredential::Client(client) => {
            doorkeeper.put_client(client);
            Ok(())
        }
        StoredCredential::Revocation(revocation) => {
            let revocations = doorkeeper.tokens().revocations();
            Ok(revocations.revoke(&revocation.token_id, revocation.until_s, now_s)?)
        }
    }
}

/// Brings one key to the keyring.
pub fn follow_key(keyring: &Keyring, stored: StoredKey) -> Result<(), Box<dyn std::error::Error>> {
    match (keyring.find(&stored.id), stored.revoked_at_us) {
        (Some(_), Some(revoked_at_us)) => drop(keyring.revoke(&stored.id, revoked_at_us)),
        (Some(_), None) => {}
        (None, _) => keyring.add(stored)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use agnt_fleet::Id;

    use super::*;
    use crate::guard::{Identity, KeyOrder, KeySecret, Presented, Scope};

    fn change(key: &StoredKey) -> RowChange {
        let id = Id::new(&key.id).unwrap();
        RowChange::Key(id, Some(Arc::new(key.to_bytes().unwrap())))
    }

    #[test]
    fn a_key_is_good_from_its_commit_to_its_end() {
        let doorkeeper = Doorkeeper::of_keys(Arc::default()).unwrap();
        let secret = KeySecret::generate().unwrap();
        let order = KeyOrder::new("ci", [Scope::Read]);
        let mut key = StoredKey::new("k1".into(), order, &secret, 1).unwrap();
        let text = secret.reveal();
        let identify = || {
            let presented = Presented {
                api_key: Some(text.as_bytes()),
                ..Presented::default()
            };
            doorkeeper.identify(presented, 1)
        };
        follow_credentials(&doorkeeper, &[change(&key), change(&key)], 1);
        let identity = identify();
        assert!(identity.allows(Scope::Read) && !doorkeeper.is_open());
        key.revoked_at_us = Some(2);
        let garbage = RowChange::Key(Id::new("k2").unwrap(), Some(Arc::new(b"{".to_vec())));
        follow_credentials(&doorkeeper, &[garbage, change(&key)], 2);
        assert!(matches!(identify(), Identity::Refused(_)) && !identity.allows(Scope::Read));
    }
}
