//! Numbers and durations for people, and durations from people.

use std::time::Duration;

/// `1234567` as `1,234,567`.
pub(crate) fn count(number: i64) -> String {
    let digits = number.unsigned_abs().to_string();
    let mut text = String::new();
    if number < 0 {
        text.push('-');
    }
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `number` and its noun: `1 class`, `2,000 classes`.
pub(crate) fn counted(number: usize, noun: &str) -> String {
    let number = i64::try_from(number).unwrap_or(i64::MAX);
    format!("{} {}", count(number), plural(number, noun))
}

/// `noun` as it reads after `number`.
pub(crate) fn plural(number: i64, noun: &str) -> String {
    match (number, noun.ends_with('s')) {
        (1, _) => noun.to_owned(),
        (_, true) => format!("{noun}es"),
        (_, false) => format!("{noun}s"),
    }
}

/// A number with as many digits as a person wants: whole ones whole, others with four significant digits.
pub(crate) fn short(number: f64) -> String {
    if !number.is_finite() {
        return number.to_string();
    }
    if number.fract() == 0.0 && number.abs() < 1e15 {
        #[expect(clippy::cast_possible_truncation, reason = "whole and below 10^15")]
        return count(number as i64);
    }
    if number.abs() >= 1e15 || number.abs() < 1e-4 {
        return format!("{number:.2e}");
    }
    let integer_digits = if number.abs() < 1.0 {
        0
    } else {
        // At most 15 by the test above.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "0 to 15"
        )]
        {
            number.abs().log10().floor() as usize + 1
        }
    };
    let decimals = 4_usize.saturating_sub(integer_digits).max(1);
    let text = format!("{number:.decimals$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A fraction as a percentage.
pub(crate) fn percent(fraction: f64) -> String {
    let hundredfold = fraction * 100.0;
    if fraction == 0.0 {
        "0 %".to_owned()
    } else if hundredfold.abs() < 0.01 {
        "<0.01 %".to_owned()
    } else {
        let text = format!("{hundredfold:.2}");
        format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
    }
}

/// Milliseconds as a person says them.
pub(crate) fn duration_ms(milliseconds: f64) -> String {
    if milliseconds >= 10_000.0 {
        format!("{:.1} s", milliseconds / 1e3)
    } else if milliseconds >= 1_000.0 {
        format!("{:.2} s", milliseconds / 1e3)
    } else if milliseconds >= 10.0 {
        format!("{milliseconds:.0} ms")
    } else {
        format!("{milliseconds:.1} ms")
    }
}

/// A duration as people write it: `500ms`, `10s`, `1.5s`, `2m`, `1h`; a bare number means seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    const LONGEST_SECONDS: f64 = 366.0 * 86_400.0;
    let text = text.trim();
    let split = text
        .find(|character: char| !character.is_ascii_digit() && character != '.')
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let seconds_per_unit = match unit.trim() {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => return Err("the units are ms, s, m and h, as in 500ms, 10s, 2m, 1h".to_owned()),
    };
    let seconds = number
        .parse::<f64>()
        .map_err(|_| "write a number and a unit, as in 500ms, 10s, 2m, 1h".to_owned())?
        * seconds_per_unit;
    if seconds <= 0.0 || seconds > LONGEST_SECONDS {
        return Err("it must be above 0 and at most a year".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}

/// A relative gap: 0 up to, but not including, 1.
pub(crate) fn parse_gap(text: &str) -> Result<f64, String> {
    match text.trim().parse::<f64>() {
        Ok(gap) if (0.0..1.0).contains(&gap) => Ok(gap),
        _ => Err("a gap is a number from 0 up to 1, as in 0.01 for one percent".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn counts_are_grouped_by_thousands() {
        let cases = [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (-1234567, "-1,234,567"),
        ];
        for (number, text) in cases {
            assert_eq!(count(number), text);
        }
        assert_eq!(count(i64::MIN), "-9,223,372,036,854,775,808");
    }

    #[test]
    fn nouns_follow_their_number() {
        assert_eq!(counted(1, "class"), "1 class");
        assert_eq!(counted(2000, "class"), "2,000 classes");
        assert_eq!(counted(0, "agent"), "0 agents");
    }

    #[test]
    fn numbers_keep_four_significant_digits() {
        let cases = [
            (0.0, "0"),
            (0.25, "0.25"),
            (0.123_456, "0.1235"),
            (3.0, "3"),
            (12.345_67, "12.35"),
            (1234.56, "1234.6"),
            (1e-9, "1.00e-9"),
            (f64::INFINITY, "inf"),
        ];
        for (number, text) in cases {
            assert_eq!(short(number), text);
        }
    }

    #[test]
    fn a_small_gap_is_not_shown_as_none() {
        assert_eq!(percent(0.0), "0 %");
        assert_eq!(percent(1e-7), "<0.01 %");
        assert_eq!(percent(0.0123), "1.23 %");
        assert_eq!(percent(0.5), "50 %");
    }

    #[test]
    fn durations_need_a_known_unit_and_a_positive_number() {
        assert_eq!(parse_duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse_duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(parse_duration("7"), Ok(Duration::from_secs(7)));
        for wrong in [
            "", "s", "-1s", "0s", "1d", "1.2.3s", "nan", "inf", "1e999s", "99999h",
        ] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn gaps_lie_below_one() {
        assert_eq!(parse_gap("0.01"), Ok(0.01));
        for wrong in ["1", "-0.1", "NaN", "x"] {
            assert!(parse_gap(wrong).is_err(), "{wrong}");
        }
    }
}
