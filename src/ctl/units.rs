//! Amounts as people read them.

/// Bytes.
pub(super) fn bytes(count: f64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut left = count.max(0.0);
    let mut unit = 0;
    while left >= 1024.0 && unit + 1 < UNITS.len() {
        left /= 1024.0;
        unit += 1;
    }
    match unit {
        0 => format!("{left:.0} B"),
        unit => format!("{left:.1} {}", UNITS[unit]),
    }
}

/// Milliseconds.
pub(super) fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms >= 10_000.0 => format!("{:.1} s", ms / 1000.0),
        ms if ms >= 10.0 => format!("{ms:.0} ms"),
        ms => format!("{ms:.2} ms"),
    }
}

/// Counts a second.
pub(super) fn rate(per_s: f64) -> String {
    match per_s {
        rate if rate >= 10_000.0 => format!("{:.1}k/s", rate / 1000.0),
        rate if rate >= 10.0 => format!("{rate:.0}/s"),
        rate => format!("{rate:.1}/s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_short() {
        assert_eq!([bytes(0.0), bytes(1023.0)], ["0 B", "1023 B"]);
        assert_eq!([bytes(1536.0), bytes(3e9)], ["1.5 KiB", "2.8 GiB"]);
        assert_eq!(
            [milliseconds(0.125), milliseconds(250.4)],
            ["0.12 ms", "250 ms"]
        );
        assert_eq!(milliseconds(12_345.0), "12.3 s");
        assert_eq!(
            [rate(0.5), rate(59.6), rate(12_345.0)],
            ["0.5/s", "60/s", "12.3k/s"]
        );
    }
}
