//! Sizes and times as people write them. Pure; used on the command line only: files carry plain numbers
//! whose unit stands in the field's name.

use std::time::Duration;

/// Why a size or a time could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// The text does not start with a number.
    #[error("'{0}' does not start with a number: write for example {1}")]
    NoNumber(String, &'static str),
    /// The unit behind the number is not known.
    #[error("'{0}' has the unknown unit '{1}': use one of {2}")]
    UnknownUnit(String, String, &'static str),
    /// The value does not fit into 64 bits.
    #[error("'{0}' is too large")]
    TooLarge(String),
}

const SIZE_UNITS: &str = "B, KiB, MiB, GiB, KB, MB, GB";
const TIME_UNITS: &str = "ms, s, m, h";

/// Reads a size: `64MiB`, `1GiB`, `500KB`, `4096`. Without a unit it is bytes.
///
/// # Errors
/// A text without a number, with an unknown unit, or beyond 2^64 bytes.
pub fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    let (number, unit) = split(text, "64MiB")?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "K" | "KiB" | "Ki" | "k" => 1 << 10,
        "M" | "MiB" | "Mi" | "m" => 1 << 20,
        "G" | "GiB" | "Gi" | "g" => 1 << 30,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        other => return Err(UnitError::UnknownUnit(text.into(), other.into(), SIZE_UNITS)),
    };
    scale(text, number, factor)
}

/// Reads a time: `250ms`, `2s`, `1.5s`, `5m`, `1h`. The unit must be there.
///
/// # Errors
/// A text without a number, without a known unit, or beyond 2^64 ms. Finer than a millisecond is rounded down.
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let (number, unit) = split(text, "2s or 250ms")?;
    let factor_ms: u64 = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        other => return Err(UnitError::UnknownUnit(text.into(), other.into(), TIME_UNITS)),
    };
    scale(text, number, factor_ms).map(Duration::from_millis)
}

fn split<'a>(text: &'a str, example: &'static str) -> Result<(&'a str, &'a str), UnitError> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    let well_formed = number.starts_with(|c: char| c.is_ascii_digit())
        && number.ends_with(|c: char| c.is_ascii_digit())
        && number.matches('.').count() <= 1;
    if well_formed { Ok((number, unit.trim())) } else { Err(UnitError::NoNumber(text.into(), example)) }
}

/// `number` times `factor`, exactly, without floating point.
fn scale(text: &str, number: &str, factor: u64) -> Result<u64, UnitError> {
    let too_large = || UnitError::TooLarge(text.to_owned());
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: u64 = whole.parse().map_err(|_| too_large())?;
    let whole = whole.checked_mul(factor).ok_or_else(too_large)?;
    let mut part: u128 = 0;
    let mut place: u128 = 1;
    for digit in fraction.bytes().take(12) {
        part = part * 10 + u128::from(digit - b'0');
        place *= 10;
    }
    let part = u64::try_from(part * u128::from(factor) / place).map_err(|_| too_large())?;
    whole.checked_add(part).ok_or_else(too_large)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, bytes) in [
            ("4096", 4096),
            ("64MiB", 64 << 20),
            ("1.5GiB", 3 << 29),
            ("10 KB", 10_000),
            ("0", 0),
            ("18446744073709551615", u64::MAX),
        ] {
            assert_eq!(parse_bytes(text), Ok(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.2.3", "1.", "3 apples", "18446744073709551616", "99999999999GiB"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn times() {
        for (text, ms) in [("250ms", 250), ("2s", 2000), ("1.5s", 1500), ("5m", 300_000), ("0.0001s", 0)] {
            assert_eq!(parse_duration(text), Ok(Duration::from_millis(ms)), "{text}");
        }
        for text in ["2", "s", "2 weeks", "1e3s"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }
}
