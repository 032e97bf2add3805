//! API keys: made, shown, ended.

use std::fmt::Write;

use agnt_fleet::{Fleet, Id, Mutation, Timestamp};
use hyper::Method;
use serde_json::{Value, json};

use super::client::RestClient;
use super::store::{self, AdminError};
use crate::cli::Place;
use crate::domain::time;
use crate::guard::{KeyOrder, KeySecret, Keyring, StoredCredential, StoredKey};
use crate::relay::follow_key;

/// A key that was just made.
#[derive(Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its id.
    pub id: String,
    /// Its secret, for the one who asked for it.
    pub secret: String,
}

/// Makes a key.
pub async fn create_key(place: &Place, order: KeyOrder) -> Result<NewKey, AdminError> {
    match place {
        Place::Server { url, key, tls } => {
            let client = RestClient::new(url, key.clone(), tls.clone());
            let mut body = json!({"name": order.name, "scopes": order.scopes});
            for (name, list) in [("streams", order.streams), ("act_as", order.act_as)] {
                if let Some(list) = list {
                    body[name] = list.into();
                }
            }
            let made = client
                .json(Method::POST, "/admin/keys", Some(&body))
                .await?;
            let text = |key: &str| made[key].as_str().unwrap_or_default().to_owned();
            Ok(NewKey {
                id: text("id"),
                secret: text("key"),
            })
        }
        Place::Store(data_dir) => {
            let fleet = store::open(data_dir, true)?;
            let secret = KeySecret::generate()
                .map_err(|error| AdminError::Invalid(format!("random bits: {error}")))?;
            let id = Id::unique();
            let key = StoredKey::new(id.as_str().to_owned(), order, &secret, time::unix_us());
            let key = key.map_err(|error| AdminError::Invalid(error.to_string()))?;
            put(&fleet, &id, &key).await?;
            store::close(fleet)?;
            Ok(NewKey {
                id: id.to_string(),
                secret: secret.reveal(),
            })
        }
    }
}

/// All keys as a table for people, without their secrets.
pub async fn list_keys(place: &Place) -> Result<String, AdminError> {
    let rows = match place {
        Place::Server { url, key, tls } => {
            let client = RestClient::new(url, key.clone(), tls.clone());
            let listed = client.json(Method::GET, "/admin/keys", None).await?;
            let keys = listed["keys"].as_array().cloned().unwrap_or_default();
            keys.iter().map(row_of_answer).collect()
        }
        Place::Store(data_dir) => {
            let fleet = store::open(data_dir, false)?;
            let keys = keyring(&fleet).list();
            store::close(fleet)?;
            keys.iter().map(|key| row_of_key(&key.stored())).collect()
        }
    };
    Ok(table(rows))
}

/// Ends a key, at once and for good.
pub async fn revoke_key(place: &Place, id: &str) -> Result<(), AdminError> {
    let checked = Id::new(id);
    let checked = checked.map_err(|error| AdminError::Invalid(format!("id: {id:?} {error}")))?;
    match place {
        Place::Server { url, key, tls } => {
            let client = RestClient::new(url, key.clone(), tls.clone());
            let path = format!("/admin/keys/{checked}");
            client.json(Method::DELETE, &path, None).await?;
        }
        Place::Store(data_dir) => {
            let fleet = store::open(data_dir, false)?;
            let Some(key) = keyring(&fleet).revoke(id, time::unix_us()) else {
                return Err(AdminError::Invalid(format!("there is no key {id:?}")));
            };
            put(&fleet, &checked, &key.stored()).await?;
            store::close(fleet)?;
        }
    }
    Ok(())
}

/// The keys of a store.
fn keyring(fleet: &Fleet) -> Keyring {
    let keyring = Keyring::default();
    let tables = fleet.read();
    let stored = tables.keys.iter();
    let stored = stored.map(|(_, bytes)| StoredCredential::from_bytes(bytes));
    for credential in stored.flatten() {
        // One that is of no use is no use here either.
        if let StoredCredential::Key(key) = credential {
            let _ = follow_key(&keyring, key);
        }
    }
    keyring
}

async fn put(fleet: &Fleet, id: &Id, key: &StoredKey) -> Result<(), AdminError> {
    let bytes = key.to_bytes();
    let bytes = bytes.map_err(|error| AdminError::Invalid(error.to_string()))?;
    let id = id.clone();
    let done = fleet.execute(Mutation::PutKey { id, bytes }, None).await;
    done.map_err(|refusal| AdminError::Invalid(refusal.message))?;
    Ok(())
}

/// A line of the table for people.
type Row = [String; 7];

const COLUMNS: [&str; 7] = [
    "ID", "NAME", "SCOPES", "STREAMS", "ACTS AS", "CREATED", "REVOKED",
];

/// What stands where a key isn't held to some streams or agents.
const ALL: &str = "all";

fn row_of_answer(key: &Value) -> Row {
    let text = |name: &str| key[name].as_str().unwrap_or("-").to_owned();
    let list = |name: &str| {
        let names = key[name].as_array()?.iter().filter_map(Value::as_str);
        Some(names.map(str::to_owned).collect::<Vec<_>>())
    };
    let listed = |name: &str| shown(list(name).as_deref());
    let [id, name, created, revoked] = ["id", "name", "created_at", "revoked_at"].map(text);
    let [scopes, streams, agents] = ["scopes", "streams", "act_as"].map(listed);
    [id, name, scopes, streams, agents, created, revoked]
}

fn row_of_key(key: &StoredKey) -> Row {
    let moment = |us: u64| Timestamp::from_micros(us).to_string();
    let scopes = key.scopes.iter().map(|scope| scope.name().to_owned());
    let scopes: Vec<_> = scopes.collect();
    [
        key.id.clone(),
        key.name.clone(),
        shown(Some(&scopes)),
        shown(key.streams.as_deref()),
        shown(key.act_as.as_deref()),
        moment(key.created_at_us),
        key.revoked_at_us.map_or_else(|| "-".to_owned(), moment),
    ]
}

/// A list of names in a cell.
fn shown(list: Option<&[String]>) -> String {
    match list {
        None => ALL.to_owned(),
        Some([]) => "none".to_owned(),
        Some(names) => names.join(","),
    }
}

fn table(rows: Vec<Row>) -> String {
    let head = COLUMNS.map(str::to_owned);
    let rows: Vec<_> = std::iter::once(head).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: [usize; COLUMNS.len()] = std::array::from_fn(|column| width(column).unwrap_or(0));
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            // Writing to a String cannot fail.
            let _ = write!(line, "{cell:width$}  ");
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Shows the id alone.
impl std::fmt::Debug for NewKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "NewKey({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::Scope;

    #[tokio::test]
    async fn keys_of_a_store_are_made_shown_and_ended() {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::Store(folder.path().join("data"));
        let nothing = list_keys(&place).await.unwrap_err().to_string();
        assert!(
            nothing.contains("agnt.redb") && nothing.contains("--url"),
            "{nothing}"
        );
        let order = |name: &str| KeyOrder {
            act_as: Some(vec!["agent-1".to_owned(), "agent-2".to_owned()]),
            ..KeyOrder::new(name, [Scope::Agents, Scope::Tasks])
        };
        let made = create_key(&place, order("ci")).await.unwrap();
        assert!(KeySecret::parse(made.secret.as_bytes()).is_some());
        let table = list_keys(&place).await.unwrap();
        let lines: Vec<_> = table.lines().collect();
        assert_eq!(lines.len(), 2, "{table}");
        assert!(
            lines[1].starts_with(&made.id)
                && lines[1].contains("agents,tasks  all      agent-1,agent-2  "),
            "{table}"
        );
        assert!(
            !table.contains(&made.secret) && lines[1].ends_with('-'),
            "{table}"
        );
        revoke_key(&place, &made.id).await.unwrap();
        let table = list_keys(&place).await.unwrap();
        assert!(table.trim_end().ends_with('Z'), "{table}");
        assert!(revoke_key(&place, "nobody").await.is_err());
        assert!(revoke_key(&place, "../x").await.is_err());
        assert!(create_key(&place, order("")).await.is_err());
    }
}
