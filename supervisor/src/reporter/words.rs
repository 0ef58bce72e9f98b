//! Numbers as people read them: two significant figures of a time, thousands apart, bytes in binary units.

use std::time::Duration;

/// A number with a comma between thousands: `1,234,567`.
pub fn thousands(number: u64) -> String {
    group(&number.to_string())
}

/// Decimal digits with a comma between thousands.
pub fn group(digits: &str) -> String {
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things: `1 task`, `2 tasks`.
pub fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", thousands(number))
}

/// A time with two significant figures: `0.14 ms`, `1.8 s`, `41 s`, `1 min 02 s`, `2 h 05 min`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if time.is_zero() {
        "0 s".to_owned()
    } else if seconds < 0.0995 {
        format!("{} ms", two_figures(seconds * 1e3))
    } else if seconds < 59.5 {
        format!("{} s", two_figures(seconds))
    } else if seconds < 3599.5 {
        let whole = seconds.round() as u64;
        format!("{} min {:02} s", whole / 60, whole % 60)
    } else {
        let minutes = (seconds / 60.0).round() as u64;
        format!("{} h {:02} min", thousands(minutes / 60), minutes % 60)
    }
}

/// Two significant figures, more only before the point: `0.0014`, `0.14`, `1.8`, `41`, `123`.
pub fn two_figures(value: f64) -> String {
    if value <= 0.0 || !value.is_finite() {
        return "0".to_owned();
    }
    // The place of the first figure; rounding may carry into the next, which is then read from the text.
    let mut decimals = 0usize;
    let mut scaled = value;
    while decimals < 9 && scaled < 9.95 {
        scaled *= 10.0;
        decimals += 1;
    }
    format!("{value:.decimals$}")
}

/// Bytes in the largest unit that leaves at least 1: `812 KiB`, `1.5 GiB`.
pub fn bytes(number: u64) -> String {
    let mut value = number as f64;
    for unit in ["bytes", "KiB", "MiB", "GiB"] {
        if value < 1023.5 {
            return match unit {
                "bytes" => count(number, "byte"),
                _ if value < 9.95 => format!("{value:.1} {unit}"),
                _ => format!("{value:.0} {unit}"),
            };
        }
        value /= 1024.0;
    }
    format!("{value:.1} TiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_two_figures() {
        let cases = [
            (0, "0 s"),
            (140, "0.00014 ms"),
            (140_000, "0.14 ms"),
            (1_400_000, "1.4 ms"),
            (9_960_000, "10 ms"),
            (99_000_000, "99 ms"),
            (99_600_000, "0.10 s"),
            (1_800_000_000, "1.8 s"),
            (41_200_000_000, "41 s"),
            (59_600_000_000, "1 min 00 s"),
            (62_000_000_000, "1 min 02 s"),
            (7_500_000_000_000, "2 h 05 min"),
        ];
        for (nanos, expected) in cases {
            assert_eq!(span(Duration::from_nanos(nanos)), expected, "{nanos}");
        }
    }

    #[test]
    fn thousands_are_apart_and_bytes_have_units() {
        for (number, expected) in [
            (0, "0"),
            (999, "999"),
            (1206, "1,206"),
            (1_000_000, "1,000,000"),
        ] {
            assert_eq!(thousands(number), expected);
        }
        let cases = [
            (0, "0 bytes"),
            (1, "1 byte"),
            (1023, "1,023 bytes"),
            (1536, "1.5 KiB"),
            (212 << 20, "212 MiB"),
            (3 << 40, "3.0 TiB"),
        ];
        for (number, expected) in cases {
            assert_eq!(bytes(number), expected);
        }
        assert_eq!(count(1, "task"), "1 task");
        assert_eq!(count(1206, "task"), "1,206 tasks");
    }
}
