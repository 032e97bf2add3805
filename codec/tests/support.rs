//! Hex, golden files, and frames as the JSON that the golden vectors use.

use std::{
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use agnt_codec::{
    DecodeError, Frame, Heartbeat, Metadata, Payload,
    order::{F32, U64},
};
use serde_json::{Value, json};

/// The names of the golden files whose vectors are one valid frame each.
pub(crate) const VALID_FILES: [&str; 11] = [
    "position_update",
    "state_batch",
    "performance_metrics",
    "coordination_event",
    "compressed_batch",
    "heartbeat",
    "tick_info",
    "edge_batch",
    "error",
    "unknown",
    "encoded",
];

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A vector of a golden file: its name, its bytes, and the whole of it.
pub(crate) struct Vector {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) json: Value,
}

/// All vectors of `tests/golden/FILE.json`.
pub(crate) fn vectors(file: &str) -> Vec<Vector> {
    let path = root()
        .join("tests/golden")
        .join(file)
        .with_extension("json");
    let text = fs::read_to_string(&path).unwrap();
    let Value::Array(items) = serde_json::from_str(&text).unwrap() else {
        panic!("{} isn't an array", path.display());
    };
    items
        .into_iter()
        .map(|json| Vector {
            name: format!("{file}: {}", json["name"].as_str().unwrap()),
            bytes: unhex(json["hex"].as_str().unwrap()),
            json,
        })
        .collect()
}

/// All vectors that are one valid frame.
pub(crate) fn valid_vectors() -> Vec<Vector> {
    VALID_FILES.iter().flat_map(|file| vectors(file)).collect()
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Bytes from hex digits; spaces are for the reader.
pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u32> = text
        .chars()
        .filter(|one| *one != ' ')
        .map(|one| one.to_digit(16).unwrap())
        .collect();
    digits
        .chunks(2)
        .map(|pair| (pair[0] * 16 + pair[1]) as u8)
        .collect()
}

/// A frame as the golden vectors write it.
pub(crate) fn fields(frame: &Frame<'_>) -> Value {
    let payload = match frame.payload() {
        Payload::Positions(records) => json!({"records": records.iter().map(|one| json!({
            "id": one.id.get(),
            "x": float(one.position[0]), "y": float(one.position[1]), "z": float(one.position[2]),
            "vx": float(one.velocity[0]), "vy": float(one.velocity[1]),
            "vz": float(one.velocity[2]),
        })).collect::<Value>()}),
        Payload::States(batch) => json!({"records": batch.records().map(|one| json!({
            "id": one.id,
            "state": one.state.0,
            "metadata": match one.metadata {
                None => Value::Null,
                Some(Metadata::Json(text)) => json!({"json": text}),
                Some(Metadata::Cbor(bytes)) => json!({"cbor": hex(bytes)}),
            },
        })).collect::<Value>()}),
        Payload::Metrics(records) => json!({
            "counted": frame.payload_bytes().len() % 28 == 4,
            "records": records.iter().map(|one| json!({
                "id": one.id.get(),
                "tasks": one.tasks.get(),
                "success": float(one.success),
                "average_ms": float(one.average_ms),
                "cpu_percent": float(one.cpu_percent),
                "memory_bytes": long(one.memory_bytes),
            })).collect::<Value>(),
        }),
        Payload::Coordination(event) => json!({
            "id": event.id,
            "pattern": event.pattern.0,
            "status": event.status.0,
            "progress": float(event.progress),
            "initiator": event.initiator,
            "participants": event.participants.iter().map(|one| json!({
                "id": one.id.get(), "role": one.role.0, "vote": one.vote.0,
            })).collect::<Value>(),
        }),
        Payload::Compressed(batch) => {
            let payload = json!({
                "original_bytes": batch.original_bytes, "data": hex(batch.data),
            });
            return json!({"type": 5, "payload": payload});
        }
        Payload::Heartbeat(Heartbeat::Empty) => json!({"stamps": null}),
        Payload::Heartbeat(Heartbeat::Stamped(stamps)) => json!({"stamps": {
            "client_send_us": long(stamps.client_send_us),
            "server_receive_us": long(stamps.server_receive_us),
            "server_send_us": long(stamps.server_send_us),
            "displayed_tick": stamps.displayed_tick.get(),
            "client_flags": stamps.client_flags.get(),
        }}),
        Payload::TickInfo(info) => json!({
            "tick": info.tick.get(),
            "epoch": info.epoch.get(),
            "server_us": long(info.server_us),
        }),
        Payload::Edges(edges) => json!({"records": edges.iter().map(|one| json!({
            "source": one.source.get(),
            "target": one.target.get(),
            "weight": float(one.weight),
            "rate": float(one.rate),
        })).collect::<Value>()}),
        Payload::Error(error) => json!({
            "code": error.code,
            "recoverable": error.recoverable,
            "reference": error.reference,
            "text": error.text,
        }),
        Payload::Encoded(bytes) => json!({"encoded": hex(bytes)}),
        Payload::Unknown(bytes) => json!({"unknown": hex(bytes)}),
        other => panic!("a payload without a golden form: {other:?}"),
    };
    json!({
        "type": frame.kind().0,
        "flags": frame.flags().0,
        "length": frame.payload_bytes().len(),
        "payload": payload,
    })
}

/// An error as the golden vectors write it.
pub(crate) fn error_fields(error: &DecodeError) -> Value {
    json!({
        "kind": format!("{:?}", error.kind),
        "offset": error.offset,
        "need": error.need,
        "have": error.have,
    })
}

fn float(value: F32) -> Value {
    let value = value.get();
    if value.is_finite() {
        json!(f64::from(value))
    } else {
        let decimal = match (value.is_nan(), value > 0.0) {
            (true, _) => "nan",
            (false, true) => "inf",
            (false, false) => "-inf",
        };
        json!({"bits": format!("{:08x}", value.to_bits()), "decimal": decimal})
    }
}

fn long(value: U64) -> Value {
    match value.get() {
        small @ ..0x0020_0000_0000_0000 => json!(small),
        great => json!(great.to_string()),
    }
}
