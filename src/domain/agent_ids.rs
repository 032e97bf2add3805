//! Agents' ids in frames: which are for registered agents, and which are anybody's.

use std::ops::RangeInclusive;

/// The ids that the server gives to registered agents; all others are anybody's.
pub const REGISTERED_IDS: RangeInclusive<u32> = 0x1000_0000..=0x3FFF_FFFF;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registry_gives_these() {
        let given = agnt_fleet::agent::NUMERIC_ID_MIN..=agnt_fleet::agent::NUMERIC_ID_MAX;
        assert_eq!(REGISTERED_IDS, given);
    }
}
