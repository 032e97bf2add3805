//! The bytes around a stored value: `format 1 | CRC-32 4, little endian | value`.
//!
//! The checksum covers the table, the key and the value, so that a value can't be taken for that of
//! another key. redb verifies its pages after a crash and when asked to, not when it reads them.

/// The only format there is.
const FORMAT: u8 = 1;

/// How much longer a sealed value is.
pub(crate) const SEAL_BYTES: usize = 5;

/// Which table a value belongs to: the number of its kind of row, or one of these.
pub(crate) const EVENTS: u8 = 0;
/// The store's own rows.
pub(crate) const HEAD: u8 = 255;

/// Writes `value` with its seal into `out`, which is [`SEAL_BYTES`] longer.
pub(crate) fn seal(table: u8, key: &[u8], value: &[u8], out: &mut [u8]) {
    out[0] = FORMAT;
    out[1..SEAL_BYTES].copy_from_slice(&checksum(table, key, value).to_le_bytes());
    out[SEAL_BYTES..].copy_from_slice(value);
}

/// The value behind the seal, or what is wrong with it.
pub(crate) fn unseal<'a>(table: u8, key: &[u8], sealed: &'a [u8]) -> Result<&'a [u8], String> {
    let Some((&[format, a, b, c, d], value)) = sealed.split_first_chunk::<SEAL_BYTES>() else {
        return Err(format!(
            "a value of {} bytes; allowed: at least {SEAL_BYTES}",
            sealed.len()
        ));
    };
    if format != FORMAT {
        return Err(format!("a value of format {format}; allowed: {FORMAT}"));
    }
    let (stored, counted) = (
        u32::from_le_bytes([a, b, c, d]),
        checksum(table, key, value),
    );
    if stored != counted {
        return Err(format!(
            "a value whose checksum is {counted:08x}; stored with it: {stored:08x}"
        ));
    }
    Ok(value)
}

fn checksum(table: u8, key: &[u8], value: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[table]);
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(table: u8, key: &[u8], value: &[u8]) -> Vec<u8> {
        let mut out = vec![0; SEAL_BYTES + value.len()];
        seal(table, key, value, &mut out);
        out
    }

    #[test]
    fn the_bytes_are_those_of_the_definition() {
        // CRC-32 of 02, 03 00 00 00 00 00 00 00, "key", "value", by Python's zlib.crc32.
        let expected = b"\x01\x07\xf9\x6c\x97value";
        assert_eq!(sealed(2, b"key", b"value"), expected);
        assert_eq!(unseal(2, b"key", expected), Ok(&b"value"[..]));
    }

    #[test]
    fn any_flipped_bit_any_other_key_and_any_other_table_is_found() {
        let whole = sealed(2, b"key", b"value");
        for bit in 0..whole.len() * 8 {
            let mut broken = whole.clone();
            broken[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal(2, b"key", &broken).is_err(), "bit {bit}");
        }
        for length in 0..whole.len() {
            assert!(
                unseal(2, b"key", &whole[..length]).is_err(),
                "{length} bytes"
            );
        }
        assert!(unseal(2, b"kez", &whole).is_err());
        assert!(unseal(3, b"key", &whole).is_err());
        assert!(unseal(2, b"keyv", &sealed(2, b"key", b"value")).is_err());
    }
}
