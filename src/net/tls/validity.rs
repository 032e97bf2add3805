//! Until when a certificate is good: read out of its DER (RFC 5280, 4.1), as far as that is needed.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

const SEQUENCE: u8 = 0x30;
const INTEGER: u8 = 0x02;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// The version, which the oldest certificates leave out.
const VERSION: u8 = 0xA0;

/// When the certificate ends, in seconds since 1970; nothing if its bytes are no certificate.
pub(super) fn ends_at_s(der: &[u8]) -> Option<i64> {
    let (certificate, _) = take(der, SEQUENCE)?;
    let (mut fields, _) = take(certificate, SEQUENCE)?;
    if let Some((_, rest)) = take(fields, VERSION) {
        fields = rest;
    }
    // Serial number, algorithm, issuer.
    for tag in [INTEGER, SEQUENCE, SEQUENCE] {
        (_, fields) = take(fields, tag)?;
    }
    let (validity, _) = take(fields, SEQUENCE)?;
    let (_, end) = time(validity)?;
    let (ends_at, _) = time(end)?;
    Some(ends_at)
}

/// The content of the element in front, which has that tag, and what is behind it.
fn take(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let (&found, bytes) = bytes.split_first()?;
    let (&first, mut bytes) = bytes.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        let (digits, rest) = bytes.split_at_checked(usize::from(first & 0x7F))?;
        // A certificate is no longer than that.
        if digits.len() > 3 {
            return None;
        }
        length = digits
            .iter()
            .fold(0, |sum, digit| sum << 8 | usize::from(*digit));
        bytes = rest;
    }
    (found == tag).then(|| bytes.split_at_checked(length))?
}

/// The moment in front, in seconds since 1970, and what is behind it.
fn time(bytes: &[u8]) -> Option<(i64, &[u8])> {
    let (text, rest, years) = match take(bytes, UTC_TIME) {
        Some((text, rest)) => (text, rest, 2),
        None => take(bytes, GENERALIZED_TIME).map(|(text, rest)| (text, rest, 4))?,
    };
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    if text.len() != years + 10 || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let year: i16 = text[..years].parse().ok()?;
    let year = match years {
        2 if year < 50 => 2000 + year,
        2 => 1900 + year,
        _ => year,
    };
    let part = |at: usize| text[years + at..years + at + 2].parse::<i8>().ok();
    let moment = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    let moment = moment.to_zoned(TimeZone::UTC).ok()?;
    Some((moment.timestamp().as_second(), rest))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn ending(year: i32, month: u8, day: u8) -> Vec<u8> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, month, day);
        let key = KeyPair::generate().unwrap();
        params.self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn both_ways_to_write_a_moment_are_read() {
        // Seconds by `date -u -d DAY +%s`; from 2050 on the years have four digits.
        for (year, month, day, ends_s) in [
            (2027, 1, 31, 1_801_353_600),
            (2049, 12, 31, 2_524_521_600),
            (2050, 1, 1, 2_524_608_000),
            (2099, 12, 31, 4_102_358_400),
        ] {
            let der = ending(year, month, day);
            assert_eq!(ends_at_s(&der), Some(ends_s), "{year}");
        }
    }

    #[test]
    fn what_is_cut_off_anywhere_is_no_certificate_and_no_panic() {
        let der = ending(2030, 6, 1);
        for end in 0..der.len() {
            assert_eq!(ends_at_s(&der[..end]), None, "{end}");
        }
        for at in 0..der.len().min(200) {
            for value in [0, 0x7F, 0x80, 0x84, 0xFF] {
                let mut changed = der.clone();
                changed[at] = value;
                let _ = ends_at_s(&changed);
            }
        }
    }
}
