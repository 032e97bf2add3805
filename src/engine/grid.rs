//! The position grid: positions rounded once, when they come in, so that what follows compresses.

use agnt_codec::{AgentPosition, Frames, HEADER_BYTES, Payload};

/// Bytes of the count before the records.
const COUNT_BYTES: usize = 4;

/// The x, y and z of a record lie behind its id.
const POSITION_OFFSET: usize = 4;

/// The tick with its positions rounded to multiples of `step`; `None` if they stay as they are.
/// Velocities, ids and what isn't finite pass untouched.
pub(super) fn rounded(tick: &[u8], step: f32) -> Option<Vec<u8>> {
    if step <= 0.0 {
        return None;
    }
    let mut out = tick.to_vec();
    let mut at = 0;
    for frame in Frames::new(tick).flatten() {
        if let Payload::Positions(records) = frame.payload() {
            let first = at + HEADER_BYTES + COUNT_BYTES + POSITION_OFFSET;
            for (nth, record) in records.iter().enumerate() {
                let start = first + nth * size_of::<AgentPosition>();
                for (axis, value) in record.position.iter().enumerate() {
                    let bytes = on_grid(value.get(), step).to_le_bytes();
                    out[start + axis * 4..][..4].copy_from_slice(&bytes);
                }
            }
        }
        at += frame.bytes().len();
    }
    Some(out)
}

/// The multiple of `step` next to the value.
fn on_grid(value: f32, step: f32) -> f32 {
    let step = f64::from(step);
    let rounded = ((f64::from(value) / step).round() * step) as f32;
    if rounded.is_finite() { rounded } else { value }
}

#[cfg(test)]
mod tests {
    use agnt_codec::{Emit, Flags, PositionUpdate};

    use super::*;

    fn frame(records: &[AgentPosition]) -> Vec<u8> {
        let update = PositionUpdate { records };
        let mut bytes = vec![0; update.encoded_bytes()];
        update.emit(Flags::MORE, &mut bytes).expect("room");
        bytes
    }

    #[test]
    fn positions_lie_on_the_grid_and_all_else_stays() {
        let nan = f32::from_bits(0x7FC1_2345);
        let tick = [
            frame(&[
                AgentPosition::new(1, [0.3, -0.3, 1e30], [0.3, -0.7, f32::INFINITY]),
                AgentPosition::new(2, [nan, 0.1, 0.2], [0.0; 3]),
            ]),
            frame(&[AgentPosition::new(3, [7.26, 7.24, 0.0], [1.0; 3])]),
        ];
        let expected = [
            frame(&[
                AgentPosition::new(1, [0.5, -0.5, 1e30], [0.3, -0.7, f32::INFINITY]),
                AgentPosition::new(2, [nan, 0.0, 0.0], [0.0; 3]),
            ]),
            frame(&[AgentPosition::new(3, [7.5, 7.0, 0.0], [1.0; 3])]),
        ];
        assert_eq!(rounded(&tick.concat(), 0.5), Some(expected.concat()));
        assert_eq!(rounded(&tick.concat(), 0.0), None);
    }
}
