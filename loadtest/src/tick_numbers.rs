//! The numbers of the ticks, as `TICK_INFO` frames tell them to one viewer.
//!
//! With the capability `tick-info` each tick comes behind exactly one of them; its number is one
//! more than that of the tick before, a jump says how many ticks were left out, and a state tick
//! has the number of the last tick that it holds. Without the capability there must be none.

use crate::swarm::{FLAG_KEYFRAME, FLAG_MORE, HEADER_BYTES, POSITION_UPDATE};

/// The type byte of what tells a tick's number.
const TICK_INFO: u8 = 0x10;
const TICK_INFO_BYTES: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Number {
    tick: u32,
    epoch: u32,
}

/// Follows the numbers; see the module.
#[derive(Debug, Default)]
pub(crate) struct TickNumbers {
    is_asked_for: bool,
    announced: Option<Number>,
    last: Option<Number>,
    is_inside_tick: bool,
    told: u64,
    skipped: u64,
}

impl TickNumbers {
    /// For a viewer that asked for them, or didn't.
    pub(crate) fn new(is_asked_for: bool) -> Self {
        Self {
            is_asked_for,
            ..Self::default()
        }
    }

    /// How many came.
    pub(crate) fn told(&self) -> u64 {
        self.told
    }

    /// How many ticks were left out, by the jumps.
    pub(crate) fn skipped(&self) -> u64 {
        self.skipped
    }

    /// Takes the next frame of the viewer. What is no frame at all is not told here.
    pub(crate) fn frame(&mut self, frame: &[u8]) -> Result<(), String> {
        match (frame.get(4), frame.get(5)) {
            (Some(&TICK_INFO), Some(_)) => self.announce(frame),
            (Some(&POSITION_UPDATE), Some(flags)) => self.positions(*flags),
            _ => Ok(()),
        }
    }

    fn announce(&mut self, frame: &[u8]) -> Result<(), String> {
        if !self.is_asked_for {
            return Err("a TICK_INFO came and was not asked for".to_owned());
        }
        let payload = frame.get(HEADER_BYTES..).unwrap_or_default();
        let payload: &[u8; TICK_INFO_BYTES] = payload
            .try_into()
            .map_err(|_| format!("a TICK_INFO of {} B", payload.len()))?;
        let field = |at: usize| {
            let bytes = payload[at..].first_chunk();
            bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
        };
        let number = Number {
            tick: field(0),
            epoch: field(4),
        };
        if field(8) == 0 && field(12) == 0 {
            return Err(format!("tick {} has no time", number.tick));
        }
        self.told += 1;
        if self.is_inside_tick || self.announced.is_some() {
            return Err(format!(
                "the TICK_INFO of tick {} came too early",
                number.tick
            ));
        }
        self.announced = Some(number);
        Ok(())
    }

    fn positions(&mut self, flags: u8) -> Result<(), String> {
        if !self.is_asked_for {
            return Ok(());
        }
        let begins = !self.is_inside_tick;
        self.is_inside_tick = flags & FLAG_MORE != 0;
        if !begins {
            return Ok(());
        }
        let number = self
            .announced
            .take()
            .ok_or("a tick came without a TICK_INFO before it")?;
        let Some(last) = self.last.replace(number) else {
            return Ok(());
        };
        if number.epoch != last.epoch {
            return Err(format!(
                "the epoch became {} from {}",
                number.epoch, last.epoch
            ));
        }
        let is_state = flags & FLAG_KEYFRAME != 0;
        let next = if is_state {
            last.tick
        } else {
            last.tick.wrapping_add(1)
        };
        let skipped = number.tick.wrapping_sub(next);
        if skipped > i32::MAX as u32 {
            let kind = if is_state { "state" } else { "live" };
            return Err(format!(
                "a {kind} tick {} came after tick {}",
                number.tick, last.tick
            ));
        }
        self.skipped += u64::from(skipped);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(tick: u32, epoch: u32) -> Vec<u8> {
        let mut frame = b"AGNT\x10\0\x10\0".to_vec();
        frame.extend_from_slice(&tick.to_le_bytes());
        frame.extend_from_slice(&epoch.to_le_bytes());
        frame.extend_from_slice(&1_700_000_000_000_000_u64.to_le_bytes());
        frame
    }

    fn positions(flags: u8) -> Vec<u8> {
        vec![
            b'A',
            b'G',
            b'N',
            b'T',
            POSITION_UPDATE,
            flags,
            4,
            0,
            0,
            0,
            0,
            0,
        ]
    }

    /// Feeds a state tick 5 of epoch 9 and then `frames`; the last one's result.
    fn after(frames: &[Vec<u8>]) -> (Result<(), String>, u64) {
        let mut numbers = TickNumbers::new(true);
        numbers.frame(&info(5, 9)).unwrap();
        numbers.frame(&positions(FLAG_KEYFRAME)).unwrap();
        let mut result = Ok(());
        for frame in frames {
            result = numbers.frame(frame);
        }
        (result, numbers.skipped())
    }

    #[test]
    fn ticks_in_order_are_right_and_jumps_are_counted() {
        assert_eq!(after(&[info(6, 9), positions(0)]), (Ok(()), 0));
        assert_eq!(after(&[info(9, 9), positions(0)]), (Ok(()), 3));
        assert_eq!(after(&[info(5, 9), positions(FLAG_KEYFRAME)]), (Ok(()), 0));
        assert_eq!(after(&[info(8, 9), positions(FLAG_KEYFRAME)]), (Ok(()), 3));
        let two_frames = [
            info(6, 9),
            positions(FLAG_MORE),
            positions(0),
            info(7, 9),
            positions(0),
        ];
        assert_eq!(after(&two_frames), (Ok(()), 0));
    }

    #[test]
    fn a_number_that_goes_back_is_an_error() {
        assert!(after(&[info(5, 9), positions(0)]).0.is_err());
        assert!(after(&[info(4, 9), positions(FLAG_KEYFRAME)]).0.is_err());
        assert!(
            after(&[info(6, 8), positions(0)]).0.is_err(),
            "another epoch"
        );
    }

    #[test]
    fn the_numbers_wrap_around() {
        let mut numbers = TickNumbers::new(true);
        for tick in [u32::MAX - 1, u32::MAX, 0, 1] {
            numbers.frame(&info(tick, 1)).unwrap();
            numbers.frame(&positions(0)).unwrap();
        }
        assert_eq!((numbers.told(), numbers.skipped()), (4, 0));
    }

    #[test]
    fn each_tick_has_exactly_one_before_it() {
        assert!(after(&[positions(0)]).0.is_err(), "none");
        assert!(after(&[info(6, 9), info(7, 9)]).0.is_err(), "two");
        let inside = [info(6, 9), positions(FLAG_MORE), info(7, 9)];
        assert!(after(&inside).0.is_err(), "inside a tick");
    }

    #[test]
    fn a_tick_info_of_another_size_or_without_time_is_an_error() {
        for bytes in [8, 23] {
            assert!(after(&[info(6, 9)[..bytes].to_vec()]).0.is_err());
        }
        let mut timeless = info(6, 9);
        timeless[16..].fill(0);
        assert!(after(&[timeless]).0.is_err());
    }

    #[test]
    fn who_asked_for_none_gets_none() {
        let mut numbers = TickNumbers::new(false);
        assert_eq!(numbers.frame(&positions(0)), Ok(()));
        assert!(numbers.frame(&info(1, 1)).is_err());
    }
}
