//! Positions as JSON: `agent.position.batch`, for viewers that do not speak binary.

use std::io::Write;

use agnt_codec::AgentPosition;

use crate::domain::time;

/// Appends one message with these records. What JSON can't say (NaN, infinities) is null, so an
/// agent that is gone has `"x":null`.
pub fn write_positions(records: &[AgentPosition], out: &mut Vec<u8>) {
    // Writing to a vector does not fail.
    let _ = write!(
        out,
        r#"{{"id":"{}","type":"agent.position.batch","timestamp":"{}","payload":{{"agents":["#,
        uuid::Uuid::now_v7(),
        time::iso_8601()
    );
    for (at, record) in records.iter().enumerate() {
        let id = record.id.get();
        let comma = if at == 0 { "" } else { "," };
        let _ = write!(out, r#"{comma}{{"agentId":"{id}","numericId":{id}"#);
        let values = record.position.iter().chain(&record.velocity);
        for (name, value) in ["x", "y", "z", "vx", "vy", "vz"].iter().zip(values) {
            let value = value.get();
            let _ = if value.is_finite() {
                write!(out, r#","{name}":{value}"#)
            } else {
                write!(out, r#","{name}":null"#)
            };
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_is_json_and_keeps_every_float_exactly() {
        let records = [
            AgentPosition::new(7, [1.5, -0.1, 3.0e-20], [f32::MAX, 0.0, 1.0]),
            AgentPosition::new(u32::MAX, [f32::NAN, f32::INFINITY, 0.0], [0.0; 3]),
        ];
        let mut out = Vec::new();
        write_positions(&records, &mut out);
        let value: serde_json::Value = serde_json::from_slice(&out).expect("JSON");
        assert_eq!(value["type"], "agent.position.batch");
        let agents = value["payload"]["agents"].as_array().expect("agents");
        assert_eq!(agents[0]["agentId"], "7");
        assert_eq!(agents[0]["y"].as_f64().map(|y| y as f32), Some(-0.1));
        assert_eq!(agents[0]["z"].as_f64().map(|z| z as f32), Some(3.0e-20));
        assert_eq!(agents[0]["vx"].as_f64().map(|x| x as f32), Some(f32::MAX));
        assert_eq!(agents[1]["numericId"], u32::MAX);
        assert!(agents[1]["x"].is_null() && agents[1]["y"].is_null());
    }
}
