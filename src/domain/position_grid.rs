//! To which multiples the positions of streams are rounded when they come in.

use std::fmt;

use super::StreamName;

/// A step for all streams, such as `0.001`, or steps for streams by name, such as
/// `main=0.001,sim=0.5`. Nothing, or 0, leaves positions alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PositionGrid(String);

impl PositionGrid {
    /// What is allowed, in words.
    pub const ALLOWED: &'static str =
        "a step of at least 0, as in 0.001, or STREAM=STEP,... as in main=0.001";

    /// Reads the text, if it is allowed.
    pub fn parse(text: &str) -> Option<Self> {
        let is_known = text.is_empty() || text.split(',').all(|part| read(part).is_some());
        is_known.then(|| Self(text.to_owned()))
    }

    /// The step of a stream; 0 if its positions are left alone.
    pub fn step_of(&self, stream: &StreamName) -> f32 {
        let mut parts = self.0.rsplit(',').filter_map(read);
        let own = parts.find(|(name, _)| name.is_none_or(|name| name == stream.as_str()));
        own.map_or(0.0, |(_, step)| step)
    }
}

impl fmt::Display for PositionGrid {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

fn read(part: &str) -> Option<(Option<&str>, f32)> {
    let (name, step) = match part.split_once('=') {
        Some((name, step)) => (Some(name.trim()), step),
        None => (None, part),
    };
    let step: f32 = step.trim().parse().ok()?;
    let is_name = name.is_none_or(|name| StreamName::parse(name).is_ok());
    (is_name && step.is_finite() && step >= 0.0).then_some((name, step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_has_its_own_step_or_that_of_all() {
        let name = |text| StreamName::parse(text).expect("a name");
        let step = |text: &str, stream| {
            let grid = PositionGrid::parse(text).expect("allowed");
            grid.step_of(&name(stream)).to_bits()
        };
        assert_eq!(step("", "main"), 0.0_f32.to_bits());
        assert_eq!(step("0.25", "main"), 0.25_f32.to_bits());
        assert_eq!(step("0.25, sim=0.5", "sim"), 0.5_f32.to_bits());
        assert_eq!(step("main=0.25", "sim"), 0.0_f32.to_bits());
        for text in ["x", "-1", "inf", "main=", "a b=1", "0.1,,0.2"] {
            assert_eq!(PositionGrid::parse(text), None, "{text}");
        }
    }
}
