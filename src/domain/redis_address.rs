//! The address of a Redis. It may hold a password, which is shown nowhere.

use std::fmt;
use std::str::FromStr;

/// The address; see the module.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisAddress(String);

/// A text that is no address of a Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no address of a Redis; allowed: redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]")]
pub struct RedisAddressError;

impl RedisAddress {
    /// As it was set, for whoever connects to it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same for people, without its password.
    pub fn without_password(&self) -> String {
        let parts = self.0.split_once("://");
        let parts = parts.and_then(|(scheme, rest)| Some((scheme, rest.rsplit_once('@')?)));
        let Some((scheme, (user, host))) = parts else {
            return self.0.clone();
        };
        match user.split(':').next() {
            None | Some("") => format!("{scheme}://{host}"),
            Some(user) => format!("{scheme}://{user}@{host}"),
        }
    }
}

impl FromStr for RedisAddress {
    type Err = RedisAddressError;

    fn from_str(text: &str) -> Result<Self, RedisAddressError> {
        let uri: hyper::Uri = text.parse().map_err(|_| RedisAddressError)?;
        let database = uri.path().trim_start_matches('/');
        let is_number = database.bytes().all(|byte| byte.is_ascii_digit());
        let is_address = uri.scheme_str() == Some("redis")
            && uri.host().is_some_and(|host| !host.is_empty())
            && uri.query().is_none()
            && is_number;
        is_address
            .then(|| Self(text.to_owned()))
            .ok_or(RedisAddressError)
    }
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "RedisAddress({})", self.without_password())
    }
}

#[cfg(test)]
mod tests {
    use super::RedisAddress;

    #[test]
    fn an_address_is_kept_as_it_is_and_shown_without_its_password() {
        for (text, shown) in [
            ("redis://127.0.0.1", "redis://127.0.0.1"),
            (
                "redis://cache.example:6380/2",
                "redis://cache.example:6380/2",
            ),
            ("redis://:secret@[::1]:6379", "redis://[::1]:6379"),
            (
                "redis://user:secret@cache.example/0",
                "redis://user@cache.example/0",
            ),
            ("redis://user@cache.example", "redis://user@cache.example"),
        ] {
            let address: RedisAddress = text.parse().expect(text);
            assert_eq!(address.as_str(), text);
            assert_eq!(address.without_password(), shown);
            assert!(!format!("{address:?}").contains("secret"));
        }
        for text in [
            "",
            "localhost",
            "rediss://a",
            "http://a",
            "redis://",
            "redis://a/b",
            "redis://a?b=c",
        ] {
            assert!(text.parse::<RedisAddress>().is_err(), "{text}");
        }
    }
}
