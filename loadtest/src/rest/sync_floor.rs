//! What the disk alone allows: bytes appended to a file and synced, one write after another.

use std::io::Write;
use std::time::{Duration, Instant};

use crate::failure::{Context, Result};

/// Appends `len` bytes and syncs them, again and again for so long: syncs a second. The file lies where
/// the servers' data lies.
pub(crate) fn syncs_per_s(len: usize, run: Duration) -> Result<f64> {
    let mut file = tempfile::tempfile().context("a file for raw syncs")?;
    let bytes = vec![0x5a; len];
    let start = Instant::now();
    let mut syncs = 0_u32;
    loop {
        file.write_all(&bytes).context("raw write")?;
        file.sync_data().context("raw sync")?;
        syncs += 1;
        let took = start.elapsed();
        if took >= run {
            return Ok(f64::from(syncs) / took.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_counts_syncs() {
        assert!(syncs_per_s(100, Duration::from_millis(1)).unwrap() > 0.0);
    }
}
