//! What client and server agree on about bytes: compression and the encoding of positions
//! (document C, Compression Negotiation; ours: encodings).

use serde_json::{Value, json};

use agnt_encoding::{Codec, CodecSpec, Precision};

use super::capabilities::Capabilities;
use crate::control::fields::{Fields, text_of};
use crate::engine::encoding::{Algorithm, Encoding, Form, LevelClass};

/// The most algorithms or encodings that a client may list.
const LIST_MAX: usize = 32;

/// The longest name of an algorithm or a codec, in bytes.
const NAME_BYTES_MAX: usize = 32;

/// The level of who names none (document C's example has it).
const LEVEL: u8 = 6;

/// How far off codec `fixed` may be for who does not say: in units, and in units a second.
const DEFAULT_ERROR: f64 = 1.0 / 1024.0;

/// The terms in force.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Terms {
    /// What compresses in both directions.
    pub(super) compression: Option<(Algorithm, LevelClass)>,
    /// How positions are written.
    pub(super) codec: CodecSpec,
}

impl Terms {
    /// No compression and plain frames.
    pub(super) const PLAIN: Self = Self {
        compression: None,
        codec: CodecSpec::Plain,
    };

    /// What a client gets that lists `compression` and chooses nothing.
    pub(super) const DEFAULT_COMPRESSION: (Algorithm, LevelClass) =
        (Algorithm::Zlib, LevelClass::Default);

    /// The terms for a list of wishes, each the first that is known.
    pub(super) fn of(wishes: Wishes) -> Self {
        Self {
            compression: wishes.compression,
            codec: wishes.codec.unwrap_or(CodecSpec::Plain),
        }
    }

    /// The encoding in which positions are to be made.
    pub(super) fn encoding(self, capabilities: &Capabilities, channel: Option<u16>) -> Encoding {
        Encoding {
            // A frame in a codec may fill its length; it has no room for a channel.
            form: Form::Binary(match channel {
                Some(_) => CodecSpec::Plain,
                None => self.codec,
            }),
            compression: self.compression,
            has_tick_info: capabilities.tick_info,
            is_concatenated: capabilities.frame_concat,
            channel,
        }
    }

    /// The name of the algorithm, as `handshake_ack` has it.
    pub(super) fn algorithm(self) -> &'static str {
        self.compression
            .map_or("none", |(algorithm, _)| algorithm.name())
    }

    /// `compression.selected`.
    pub(super) fn selected(
        self,
        is_nearest: bool,
        correlation_id: Option<&str>,
        reason: Option<&str>,
    ) -> String {
        let level = self
            .compression
            .map_or(0, |(algorithm, class)| algorithm.level(class));
        let mut reply = json!({
            "type": "compression.selected",
            "algorithm": self.algorithm(),
            "level": level,
            "encoding": encoding_json(self.codec),
        });
        if let Some(object) = reply.as_object_mut() {
            if is_nearest {
                object.insert("nearest".to_owned(), Value::Bool(true));
            }
            if let Some(reason) = reason {
                object.insert("reason".to_owned(), Value::from(reason));
            }
            if let Some(id) = correlation_id {
                object.insert("metadata".to_owned(), json!({ "correlationId": id }));
            }
        }
        reply.to_string()
    }
}

/// An encoding of positions as JSON says it.
pub(super) fn encoding_json(codec: CodecSpec) -> Value {
    let name = codec.codec().name();
    match codec {
        CodecSpec::Fixed(precision) => json!({
            "codec": name,
            "positionError": precision.position_error(),
            "velocityError": precision.velocity_error(),
        }),
        _ => json!({ "codec": name }),
    }
}

/// What a client wishes, as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Wishes {
    /// The first algorithm of its list that is known, and how hard.
    pub(super) compression: Option<(Algorithm, LevelClass)>,
    /// The first encoding of its list that is known.
    pub(super) codec: Option<CodecSpec>,
}

impl Wishes {
    /// Reads `algorithms`, `preferredLevel` (or `level`) and `encodings`.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, String> {
        let mut level = fields.whole("preferredLevel", 1..=9)?;
        if level.is_none() {
            level = fields.whole("level", 1..=9)?;
        }
        let level = level.map_or(LEVEL, |level| level as u8);
        let class = LevelClass::of_level(level).unwrap_or_default();
        let mut found = None;
        for raw in fields.list("algorithms", 0..=LIST_MAX)?.unwrap_or_default() {
            let name = text_of(raw).filter(|name| name.len() <= NAME_BYTES_MAX);
            let allowed = "a list of gzip, deflate, brotli, zlib, zstd";
            let name = name.ok_or_else(|| fields.refused("algorithms", allowed))?;
            found = found.or_else(|| Algorithm::parse(&name));
        }
        Ok(Self {
            compression: found.map(|algorithm| (algorithm, class)),
            codec: read_encodings(fields)?,
        })
    }
}

/// Reads `encodings`: names, or objects with `codec` and the errors that are allowed.
pub(super) fn read_encodings(fields: &Fields<'_>) -> Result<Option<CodecSpec>, String> {
    let mut found = None;
    for raw in fields.list("encodings", 0..=LIST_MAX)?.unwrap_or_default() {
        let spec = if let Some(name) = text_of(raw) {
            spec_of(&name, DEFAULT_ERROR, DEFAULT_ERROR)?
        } else {
            let wish = Fields::read(&fields.path_of("encodings"), raw)?;
            let name = wish.required_text("codec", NAME_BYTES_MAX)?;
            let error = |key| -> Result<f64, String> {
                let asked = wish.number(key, 0.0..=f64::MAX)?;
                Ok(asked.unwrap_or(DEFAULT_ERROR))
            };
            spec_of(&name, error("positionError")?, error("velocityError")?)?
        };
        found = found.or(spec);
    }
    Ok(found)
}

/// The codec of a name; one that isn't known is no mistake, the next of the list may be.
fn spec_of(
    name: &str,
    position_error: f64,
    velocity_error: f64,
) -> Result<Option<CodecSpec>, String> {
    let spec = Codec::of_name(name).map(|codec| match codec {
        Codec::Plain => Ok(CodecSpec::Plain),
        Codec::Shuffle => Ok(CodecSpec::Shuffle),
        Codec::Predict => Ok(CodecSpec::Predict),
        Codec::Box => Ok(CodecSpec::Box),
        Codec::Fixed => {
            let precision = Precision::new(position_error, velocity_error);
            precision
                .map(CodecSpec::Fixed)
                .map_err(|error| format!("encodings.{error}"))
        }
    });
    spec.transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Wishes, String> {
        Wishes::read(
            &Fields::of_text("message", text)
                .expect("JSON")
                .at_the_root(),
        )
    }

    #[test]
    fn the_documents_own_negotiation_gives_gzip_of_the_default_class() {
        let text = r#"{"type":"compression.negotiate","algorithms":["gzip","deflate","brotli"],
            "preferredLevel":6}"#;
        let wishes = read(text).expect("good");
        assert_eq!(
            wishes.compression,
            Some((Algorithm::Gzip, LevelClass::Default))
        );
        let selected: Value =
            serde_json::from_str(&Terms::of(wishes).selected(false, None, None)).expect("JSON");
        assert_eq!(
            selected,
            json!({"type":"compression.selected","algorithm":"gzip","level":6,"encoding":{"codec":"none"}})
        );
    }

    #[test]
    fn the_first_that_is_known_wins() {
        let wishes = read(
            r#"{"algorithms":["lzma","zstd","gzip"],"preferredLevel":9,
            "encodings":["unheard",{"codec":"fixed","positionError":0.1,"velocityError":1},"box"]}"#,
        );
        let wishes = wishes.expect("good");
        assert_eq!(
            wishes.compression,
            Some((Algorithm::Zstd, LevelClass::Best))
        );
        assert_eq!(
            encoding_json(wishes.codec.expect("a codec")),
            json!({"codec":"fixed","positionError":0.0625,"velocityError":1.0})
        );
        assert_eq!(read(r#"{"algorithms":[]}"#), Ok(Wishes::default()));
        assert_eq!(read(r#"{"algorithms":["lzma"]}"#), Ok(Wishes::default()));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, begins) in [
            (r#"{"preferredLevel":0}"#, "preferredLevel: 0 "),
            (r#"{"preferredLevel":10}"#, "preferredLevel: 10 "),
            (r#"{"preferredLevel":6.5}"#, "preferredLevel: 6.5 "),
            (r#"{"algorithms":"gzip"}"#, "algorithms: "),
            (r#"{"algorithms":[7]}"#, "algorithms: "),
            (
                r#"{"encodings":[{"codec":"fixed","positionError":-1}]}"#,
                "encodings.positionError: -1",
            ),
            (r#"{"encodings":[{}]}"#, "encodings.codec: "),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(begins), "{error}");
        }
    }
}
