//! Versions of the protocol (document C, Protocol Versioning).

use serde_json::json;

use crate::control::fields::Fields;

/// A version of document C, lowest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    /// Basic.
    V1_0,
    /// With compression and binary.
    V1_1,
    /// With multiplexing and streaming.
    V2_0,
}

/// The most versions that a client may list.
const SUPPORTED_MAX: usize = 32;

/// The longest version, in bytes.
const VERSION_BYTES_MAX: usize = 32;

impl Version {
    const ALL: [Self; 3] = [Self::V1_0, Self::V1_1, Self::V2_0];

    /// How it is written.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V1_0 => "1.0",
            Self::V1_1 => "1.1",
            Self::V2_0 => "2.0",
        }
    }

    /// What it can do, with what those before it can.
    pub(super) const fn features(self) -> &'static [&'static str] {
        const ALL: [&str; 5] = [
            "basic",
            "compression",
            "binary",
            "multiplexing",
            "streaming",
        ];
        match self {
            Self::V1_0 => ALL.split_at(1).0,
            Self::V1_1 => ALL.split_at(3).0,
            Self::V2_0 => &ALL,
        }
    }

    /// The newest version that a client of the given one understands; a 1.2 is a 1.1, a 2.4 a 2.0.
    fn understood_by(text: &str) -> Option<Self> {
        let mut numbers = text.trim().split('.').map(str::parse::<u32>);
        let major = numbers.next()?.ok()?;
        let minor = numbers.next().unwrap_or(Ok(0)).ok()?;
        if numbers.any(|number| number.is_err()) {
            return None;
        }
        match (major, minor) {
            (1, 0) => Some(Self::V1_0),
            (1, _) => Some(Self::V1_1),
            (2, _) => Some(Self::V2_0),
            _ => None,
        }
    }

    /// The version for a `version.negotiate`: the preferred if it is known, otherwise the highest
    /// of those supported.
    pub(super) fn negotiate(message: &Fields<'_>) -> Result<Self, String> {
        let texts = message
            .list("supported", 0..=SUPPORTED_MAX)?
            .unwrap_or_default();
        let mut supported = Vec::new();
        for raw in texts {
            let text = crate::control::fields::text_of(raw)
                .ok_or_else(|| message.refused("supported", "a list of texts such as \"2.0\""))?;
            supported.extend(Self::understood_by(&text));
        }
        let preferred = message.text("preferred", VERSION_BYTES_MAX)?;
        let preferred = preferred.as_deref().and_then(Self::understood_by);
        preferred
            .or_else(|| supported.into_iter().max())
            .ok_or_else(|| {
                let known = Self::ALL.map(Self::name).join(", ");
                message.refused("supported", &format!("at least one of {known} is"))
            })
    }

    /// `version.selected`.
    pub(super) fn selected(self, correlation_id: Option<&str>) -> String {
        let mut reply = json!({
            "type": "version.selected",
            "version": self.name(),
            "features": self.features(),
        });
        if let (Some(id), Some(object)) = (correlation_id, reply.as_object_mut()) {
            object.insert("metadata".to_owned(), json!({ "correlationId": id }));
        }
        reply.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn negotiate(text: &str) -> Result<Version, String> {
        Version::negotiate(
            &Fields::of_text("message", text)
                .expect("JSON")
                .at_the_root(),
        )
    }

    #[test]
    fn the_documents_own_negotiation_gives_2_0_with_all_features() {
        let text = r#"{"type":"version.negotiate","supported":["1.0","1.1","2.0"],"preferred":"2.0",
            "features":{"1.0":["basic"],"1.1":["compression","binary"],
            "2.0":["multiplexing","streaming"]}}"#;
        assert_eq!(negotiate(text), Ok(Version::V2_0));
        assert_eq!(
            Version::V2_0.features(),
            [
                "basic",
                "compression",
                "binary",
                "multiplexing",
                "streaming"
            ]
        );
        assert_eq!(Version::V1_0.features(), ["basic"]);
    }

    #[test]
    fn every_way_to_write_a_version_is_understood() {
        for (text, expected) in [
            (r#"{"supported":["1.0"]}"#, Version::V1_0),
            (r#"{"supported":["1.0","1.1"]}"#, Version::V1_1),
            (r#"{"supported":["1.1.7","0.9","9.0"]}"#, Version::V1_1),
            (r#"{"supported":["2"]}"#, Version::V2_0),
            (r#"{"supported":["2.7"],"preferred":"3.0"}"#, Version::V2_0),
            (r#"{"supported":["2.0"],"preferred":"1.1"}"#, Version::V1_1),
            (r#"{"preferred":"1.0.0"}"#, Version::V1_0),
        ] {
            assert_eq!(negotiate(text), Ok(expected), "{text}");
        }
        for text in [
            r"{}",
            r#"{"supported":[]}"#,
            r#"{"supported":["3.0","x"]}"#,
            r#"{"supported":"2"}"#,
        ] {
            let error = negotiate(text).expect_err(text);
            assert!(error.starts_with("supported: "), "{error}");
        }
    }
}
