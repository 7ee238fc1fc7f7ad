//! Kubernetes quantities (`100m`, `1.5Gi`, `1e3`, `1E`), parsed exactly.
//!
//! Grammar: a signed decimal number, then a binary suffix (`Ki Mi Gi Ti Pi Ei`), a decimal suffix
//! (`n u m`, none, `k M G T P E`) or a decimal exponent (`e3`, `E-3`). As in Kubernetes, what is finer
//! than a billionth is rounded away from zero, and a magnitude above 2^63 - 1 is capped there.

use std::fmt;

/// Billionths in one.
const NANO: i128 = 1_000_000_000;
/// The largest magnitude that Kubernetes keeps, in billionths.
const MAX_NANO: i128 = (i64::MAX as i128) * NANO;
/// Enough decimal digits for any value up to [`MAX_NANO`] (28), and then some.
const MAX_DIGITS: usize = 36;

/// An exact amount of a Kubernetes resource, in billionths of its base unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity(i128);

/// The text is not a Kubernetes quantity.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a quantity: {cause}")]
pub struct QuantityError {
    /// The text, cut to a sensible length.
    pub text: String,
    /// What is wrong with it.
    pub cause: &'static str,
}

/// What a quantity's suffix multiplies by.
enum Scale {
    /// 2 to this power.
    Binary(u32),
    /// 10 to this power.
    Decimal(i64),
}

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Parses `text` as Kubernetes does.
    ///
    /// # Errors
    /// If it is not a number followed by a known suffix or exponent.
    pub fn parse(text: &str) -> Result<Self, QuantityError> {
        let fault = |cause| QuantityError {
            text: text.chars().take(60).collect(),
            cause,
        };
        if text.is_empty() {
            return Err(fault("it is empty"));
        }
        let (negative, unsigned) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let number_end = unsigned
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(unsigned.len());
        let (number, suffix) = unsigned.split_at(number_end);
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if fraction.contains('.') {
            return Err(fault("it has two decimal points"));
        }
        if whole.is_empty() && fraction.is_empty() {
            return Err(fault("it has no digits"));
        }
        let nano = match scale(suffix).map_err(fault)? {
            Scale::Binary(power) => binary(whole, fraction, power),
            Scale::Decimal(power) => decimal(whole, fraction, power),
        };
        let nano = nano.min(MAX_NANO);
        Ok(Self(if negative { -nano } else { nano }))
    }

    /// The amount in units of a billionth.
    #[must_use]
    pub fn nano(self) -> i128 {
        self.0
    }

    /// Whether it is below zero.
    #[must_use]
    pub fn is_negative(self) -> bool {
        self.0 < 0
    }

    /// The sum; the magnitude stays within what `i128` holds.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The number of whole units of `unit_nano` billionths in it.
    #[must_use]
    pub fn floor_in(self, unit_nano: i128) -> i128 {
        self.0.div_euclid(unit_nano)
    }

    /// The least number of units of `unit_nano` billionths that hold it.
    #[must_use]
    pub fn ceil_in(self, unit_nano: i128) -> i128 {
        self.0.div_euclid(unit_nano) + i128::from(self.0.rem_euclid(unit_nano) != 0)
    }
}

impl fmt::Display for Quantity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let magnitude = self.0.unsigned_abs();
        let (whole, nano) = (magnitude / 1_000_000_000, magnitude % 1_000_000_000);
        if nano == 0 {
            return write!(f, "{sign}{whole}");
        }
        let digits = format!("{nano:09}");
        write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
    }
}

fn scale(suffix: &str) -> Result<Scale, &'static str> {
    Ok(match suffix {
        "" => Scale::Decimal(0),
        "n" => Scale::Decimal(-9),
        "u" => Scale::Decimal(-6),
        "m" => Scale::Decimal(-3),
        "k" => Scale::Decimal(3),
        "M" => Scale::Decimal(6),
        "G" => Scale::Decimal(9),
        "T" => Scale::Decimal(12),
        "P" => Scale::Decimal(15),
        "E" => Scale::Decimal(18),
        "Ki" => Scale::Binary(10),
        "Mi" => Scale::Binary(20),
        "Gi" => Scale::Binary(30),
        "Ti" => Scale::Binary(40),
        "Pi" => Scale::Binary(50),
        "Ei" => Scale::Binary(60),
        _ => Scale::Decimal(exponent(suffix)?),
    })
}

fn exponent(suffix: &str) -> Result<i64, &'static str> {
    let Some(digits) = suffix.strip_prefix(['e', 'E']) else {
        return Err("its suffix is unknown (n u m k M G T P E, Ki Mi Gi Ti Pi Ei, or an exponent)");
    };
    let (negative, digits) = match digits.as_bytes().first() {
        Some(b'-') => (true, &digits[1..]),
        Some(b'+') => (false, &digits[1..]),
        _ => (false, digits),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err("its exponent is not an integer");
    }
    // An exponent beyond this decides the value alone: nothing, or the cap.
    let magnitude = digits.parse::<i64>().unwrap_or(i64::MAX).min(1 << 40);
    Ok(if negative { -magnitude } else { magnitude })
}

/// `whole.fraction` x 10^`power` in billionths, rounded up: the point moves, digits stay.
fn decimal(whole: &str, fraction: &str, power: i64) -> i128 {
    let digits = || whole.bytes().chain(fraction.bytes());
    let Some(leading_zeros) = digits().position(|digit| digit != b'0') else {
        return 0;
    };
    // Digits left of the point once the unit is a billionth.
    let left = i64::try_from(whole.len()).unwrap_or(i64::MAX) + power + 9;
    let left_significant = left.saturating_sub(i64::try_from(leading_zeros).unwrap_or(i64::MAX));
    let Ok(n_left) = usize::try_from(left_significant) else {
        return 1; // Everything lies right of the point, and something is there.
    };
    if n_left > MAX_DIGITS {
        return MAX_NANO;
    }
    let mut significant = digits().skip(leading_zeros);
    let mut value: i128 = 0;
    for _ in 0..n_left {
        value = value * 10 + i128::from(significant.next().unwrap_or(b'0') - b'0');
    }
    let finer = significant.any(|digit| digit != b'0');
    value + i128::from(finer)
}

/// `whole.fraction` x 2^`power` in billionths, rounded up.
fn binary(whole: &str, fraction: &str, power: u32) -> i128 {
    let whole = whole.trim_start_matches('0');
    if whole.len() > MAX_DIGITS {
        return MAX_NANO;
    }
    let units = whole
        .bytes()
        .fold(0_i128, |value, digit| value * 10 + i128::from(digit - b'0'));
    if units > MAX_NANO >> power {
        return MAX_NANO;
    }
    let unit_nano = NANO << power;
    let mut finer = false;
    // Horner's rule from the last digit: floor((d x unit + rest) / 10), remembering what was cut.
    let part = fraction.bytes().rev().fold(0_i128, |rest, digit| {
        let tenfold = i128::from(digit - b'0') * unit_nano + rest;
        finer |= tenfold % 10 != 0;
        tenfold / 10
    });
    units.saturating_mul(unit_nano).saturating_add(part) + i128::from(finer)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn nano(text: &str) -> i128 {
        Quantity::parse(text).unwrap().nano()
    }

    #[test]
    fn accepted_quantities_are_exact() {
        let gib = 1_i128 << 30;
        let table: &[(&str, i128)] = &[
            ("0", 0),
            ("-0", 0),
            ("0.0", 0),
            ("1", NANO),
            ("+1", NANO),
            ("-1", -NANO),
            ("007", 7 * NANO),
            ("100m", NANO / 10),
            ("-250m", -NANO / 4),
            ("1500m", NANO * 3 / 2),
            ("0.5", NANO / 2),
            (".5", NANO / 2),
            ("5.", 5 * NANO),
            ("500n", 500),
            ("500u", 500_000),
            ("1k", 1_000 * NANO),
            ("1M", 1_000_000 * NANO),
            ("1G", NANO * NANO),
            ("1T", 1_000 * NANO * NANO),
            ("1P", 1_000_000 * NANO * NANO),
            ("1E", NANO * NANO * NANO),
            ("9E", 9 * NANO * NANO * NANO),
            ("1e3", 1_000 * NANO),
            ("1E3", 1_000 * NANO),
            ("1e+3", 1_000 * NANO),
            ("1e-3", NANO / 1_000),
            ("12.5e-1", NANO * 5 / 4),
            ("0e999999999999999999999", 0),
            ("1Ki", 1_024 * NANO),
            ("1Mi", (1 << 20) * NANO),
            ("1.5Gi", gib * 3 / 2 * NANO),
            ("0.5Ki", 512 * NANO),
            ("-1Gi", -gib * NANO),
            ("1Ti", (1 << 40) * NANO),
            ("1Pi", (1 << 50) * NANO),
            ("1Ei", (1 << 60) * NANO),
            ("128974848", 128_974_848 * NANO),
            ("129e6", 129_000_000 * NANO),
            ("129M", 129_000_000 * NANO),
            ("123Mi", 123 * (1 << 20) * NANO),
            ("15256136Ki", 15_256_136 * 1_024 * NANO),
            ("431599999081", 431_599_999_081 * NANO),
            // Finer than a billionth: away from zero.
            ("1e-10", 1),
            ("-1e-10", -1),
            ("0.0000000001", 1),
            ("1.0000000001", NANO + 1),
            ("1e-999999999999999999999", 1),
            ("0.1n", 1),
            // Above 2^63 - 1: capped.
            ("10E", MAX_NANO),
            ("-10E", -MAX_NANO),
            ("8Ei", MAX_NANO),
            ("1e30", MAX_NANO),
            ("1e999999999999999999999", MAX_NANO),
            ("9223372036854775807", MAX_NANO),
            ("9223372036854775808", MAX_NANO),
        ];
        for (text, expected) in table {
            assert_eq!(nano(text), *expected, "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let table = [
            "", " ", "1 ", " 1", "-", "+", ".", "1..2", "1.2.3", "--1", "K", "Mi", "1K", "1mi",
            "1ki", "1MiB", "1GB", "1 Gi", "e3", "1e", "1e+", "1e1.5", "1Eii", "1m5", "0x10",
            "1_000", "1,5", "NaN", "inf", "½", "1µ", "１",
        ];
        for text in table {
            assert!(Quantity::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rounding_to_units_goes_the_stated_way() {
        let milli = NANO / 1_000;
        let mib = (1 << 20) * NANO;
        assert_eq!(Quantity::parse("1500u").unwrap().ceil_in(milli), 2);
        assert_eq!(Quantity::parse("1500u").unwrap().floor_in(milli), 1);
        assert_eq!(Quantity::parse("2").unwrap().ceil_in(milli), 2_000);
        assert_eq!(Quantity::parse("128974848").unwrap().ceil_in(mib), 123);
        assert_eq!(Quantity::parse("128974849").unwrap().ceil_in(mib), 124);
        assert_eq!(Quantity::parse("15256136Ki").unwrap().floor_in(mib), 14_898);
        assert_eq!(Quantity::parse("-1").unwrap().floor_in(mib), -1);
        assert_eq!(Quantity::parse("-1").unwrap().ceil_in(mib), 0);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = Quantity::parse(&text);
        }

        #[test]
        fn no_number_like_text_panics(text in "[+-]?[0-9.]{0,60}(e|E|[numkMGTPE]|[KMGTPE]i)?[+-]?[0-9]{0,25}") {
            let _ = Quantity::parse(&text);
        }

        #[test]
        fn what_is_shown_reads_back(nano in -MAX_NANO..=MAX_NANO) {
            let quantity = Quantity(nano);
            prop_assert_eq!(Quantity::parse(&quantity.to_string()).unwrap(), quantity);
        }

        #[test]
        fn suffixes_agree_with_plain_numbers(n in 0_i64..1 << 23, power in 1_u32..5) {
            let suffix = ["Ki", "Mi", "Gi", "Ti"][power as usize - 1];
            let plain = i128::from(n) << (10 * power);
            prop_assert_eq!(nano(&format!("{n}{suffix}")), plain * NANO);
            let suffix = ["k", "M", "G", "T"][power as usize - 1];
            let plain = i128::from(n) * 1_000_i128.pow(power);
            prop_assert_eq!(nano(&format!("{n}{suffix}")), plain * NANO);
            prop_assert_eq!(nano(&format!("{n}e{}", 3 * power)), plain * NANO);
        }
    }
}
