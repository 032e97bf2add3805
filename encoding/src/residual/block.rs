//! Blocks: up to 32 residuals of one component in as few bits each as the greatest of them needs.
//!
//! A residual e is zigzag, u = (e << 1) ^ (e >> 31), so that small ones of either sign are small.
//! Residual j lies at bit j * width of the block, least significant bit first, in whole words.

use crate::EncodingError;

/// Residuals of a block; the last of a component may have fewer.
pub(crate) const BLOCK: usize = 32;

/// Words of a block.
#[inline]
pub(crate) fn words(residuals: usize, width: u8) -> usize {
    (residuals * usize::from(width)).div_ceil(32)
}

/// Appends the first `count` of the residuals to `out`; returns their width.
#[inline]
pub(crate) fn write(residuals: &[i32; BLOCK], count: usize, out: &mut Vec<u8>) -> u8 {
    let zigzag = residuals.map(|residual| (residual << 1 ^ residual >> 31) as u32);
    let zigzag = &zigzag[..count.min(BLOCK)];
    let all = zigzag.iter().fold(0, |all, number| all | number);
    let width = 32 - all.leading_zeros();
    let mut words = [[0; 4]; BLOCK];
    let (mut filled, mut pending, mut bits) = (0, 0_u64, 0);
    for number in zigzag {
        pending |= u64::from(*number) << bits;
        bits += width;
        if bits >= 32 {
            words[filled] = (pending as u32).to_le_bytes();
            filled += 1;
            pending >>= 32;
            bits -= 32;
        }
    }
    if bits > 0 {
        words[filled] = (pending as u32).to_le_bytes();
        filled += 1;
    }
    out.extend(words[..filled].as_flattened());
    width as u8
}

/// Reads `out.len()` residuals, at most [`BLOCK`], of this width from the words of their block,
/// which start at byte `offset` of the payload.
#[inline]
pub(crate) fn read(
    words: &[u8],
    width: u8,
    offset: usize,
    out: &mut [i32],
) -> Result<(), EncodingError> {
    let width = u32::from(width);
    let mask = ((1_u64 << width) - 1) as u32;
    let mut words = words.chunks_exact(4);
    let (mut pending, mut bits) = (0_u64, 0);
    for residual in out {
        if bits < width
            && let Some(&[a, b, c, d]) = words.next()
        {
            pending |= u64::from(u32::from_le_bytes([a, b, c, d])) << bits;
            bits += 32;
        }
        let number = pending as u32 & mask;
        pending >>= width;
        bits = bits.saturating_sub(width);
        *residual = (number >> 1) as i32 ^ -((number & 1) as i32);
    }
    if pending == 0 {
        Ok(())
    } else {
        Err(EncodingError::NotZero {
            offset,
            value: (pending >> pending.trailing_zeros()) as u8,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_by_hand() {
        let mut out = Vec::new();
        // 0, -1, 1, -2 in zigzag are 0, 1, 2, 3: two bits each.
        let mut residuals = [99; BLOCK];
        residuals[..4].copy_from_slice(&[0, -1, 1, -2]);
        assert_eq!(write(&residuals, 4, &mut out), 2);
        assert_eq!(out, [0b1110_0100, 0, 0, 0]);
        assert_eq!(write(&residuals, 0, &mut out), 0);
        assert_eq!(write(&[0; BLOCK], BLOCK, &mut out), 0);
        assert_eq!(out.len(), 4);
    }

    #[test]
    fn every_width_and_length_is_read_as_it_was_written() {
        let mut random = fastrand::Rng::with_seed(2);
        for width in 0..=32_u32 {
            for length in 0..=BLOCK {
                let residuals: [i32; BLOCK] = std::array::from_fn(|_| {
                    let number = (random.u64(..) & ((1 << width) - 1)) as u32;
                    (number >> 1) as i32 ^ -((number & 1) as i32)
                });
                let mut out = Vec::new();
                let written = write(&residuals, length, &mut out);
                assert!(u32::from(written) <= width);
                assert_eq!(out.len(), 4 * words(length, written));
                let mut read_again = vec![7; length];
                assert_eq!(read(&out, written, 0, &mut read_again), Ok(()));
                assert_eq!(read_again, residuals[..length]);
            }
        }
    }

    #[test]
    fn the_extremes_take_32_bits() {
        let mut out = Vec::new();
        let mut extremes = [0; BLOCK];
        extremes[..4].copy_from_slice(&[i32::MIN, i32::MAX, 0, -1]);
        assert_eq!(write(&extremes, BLOCK, &mut out), 32);
        let mut read_again = [9; BLOCK];
        assert_eq!(read(&out, 32, 0, &mut read_again), Ok(()));
        assert_eq!(read_again, extremes);
    }

    #[test]
    fn bits_behind_the_last_residual_are_refused() {
        for bit in 6..32 {
            let word = (1_u32 << bit).to_le_bytes();
            let refused = read(&word, 2, 44, &mut [0; 3]).unwrap_err();
            assert_eq!(
                refused,
                EncodingError::NotZero {
                    offset: 44,
                    value: 1
                }
            );
        }
    }
}
