//! The fingerprint of a certificate, as browsers and `openssl x509 -fingerprint -sha256` show it.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// SHA-256 of a certificate's DER, in hexadecimal with colons between.
pub(super) fn fingerprint(der: &[u8]) -> String {
    let mut text = String::new();
    for byte in Sha256::digest(der) {
        if !text.is_empty() {
            text.push(':');
        }
        // A text takes everything.
        let _ = write!(text, "{byte:02X}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_written_as_openssl_writes_it() {
        // FIPS 180-2, B.1.
        assert_eq!(
            fingerprint(b"abc"),
            "BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:\
             B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD"
        );
    }
}
