//! What can be chosen for an import: which settings an importer offers, and those that were chosen.

use std::collections::BTreeMap;
use std::fmt;

use super::{ImportError, Importer};

/// A choice that an importer offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Its name.
    pub key: &'static str,
    /// Its values.
    pub takes: Takes,
    /// The setting without which it means nothing, if there is one.
    pub needs: Option<&'static str>,
    /// What it decides.
    pub about: &'static str,
}

/// What a setting can be set to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// One of these words, the default first.
    Words(&'static [&'static str]),
    /// A whole number, at least and at most so much.
    Whole(u64, u64),
    /// A number with up to three decimals, above 0 and at most so many thousandths.
    Thousandths(u64),
}

/// A value of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Word(&'static str),
    Number(u64),
}

/// The settings of one import, each with a value that it takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<&'static str, Value>);

impl Takes {
    fn value(self, text: &str) -> Option<Value> {
        match self {
            Self::Words(words) => {
                let word = words.iter().find(|word| **word == text);
                word.map(|word| Value::Word(word))
            }
            Self::Whole(least, most) => {
                let number = text.parse::<u64>().ok();
                let number = number.filter(|number| (least..=most).contains(number));
                number.map(Value::Number)
            }
            Self::Thousandths(most) => {
                let number = thousandths(text).filter(|number| (1..=most).contains(number));
                number.map(Value::Number)
            }
        }
    }
}

/// `1.3` as 1300.
pub(super) fn thousandths(text: &str) -> Option<u64> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > 3 {
        return None;
    }
    let decimals = format!("{decimals:0<3}");
    let whole = whole.parse::<u64>().ok()?.checked_mul(1000)?;
    whole.checked_add(decimals.parse().ok()?)
}

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(&words.join("|")),
            Self::Whole(least, most) if *most == u64::MAX => write!(f, "{least}.."),
            Self::Whole(least, most) => write!(f, "{least}..{most}"),
            Self::Thousandths(most) => write!(f, "0.001..{}", *most as f64 / 1000.0),
        }
    }
}

impl Settings {
    /// Reads pairs of a key and a value; a later pair of a key replaces an earlier one.
    ///
    /// # Errors
    /// The first key that `importer` does not offer or value that it does not take; a setting without the one that
    /// it needs.
    pub fn read(importer: &dyn Importer, given: &[(&str, &str)]) -> Result<Self, ImportError> {
        let mut chosen = BTreeMap::new();
        for &(key, text) in given {
            let setting = importer.settings().iter().find(|known| known.key == key);
            let value = setting.and_then(|known| Some((known.key, known.takes.value(text)?)));
            let (key, value) = value.ok_or_else(|| unknown(importer, key, text))?;
            chosen.insert(key, value);
        }
        for setting in importer.settings() {
            let needs = setting.needs.filter(|_| chosen.contains_key(setting.key));
            if let Some(needs) = needs.filter(|needs| !chosen.contains_key(needs)) {
                return Err(ImportError::SettingAlone {
                    format: importer.name(),
                    setting: setting.key,
                    needs,
                });
            }
        }
        Ok(Self(chosen))
    }

    /// The word that a setting was set to.
    #[must_use]
    pub fn word(&self, key: &str) -> Option<&'static str> {
        match self.0.get(key) {
            Some(Value::Word(word)) => Some(word),
            _ => None,
        }
    }

    /// The number that a setting was set to; one with decimals in thousandths.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        match self.0.get(key) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }
}

fn unknown(importer: &dyn Importer, key: &str, value: &str) -> ImportError {
    let takes = importer.settings().iter();
    let takes: Vec<String> = takes
        .map(|known| format!("{}={}", known.key, known.takes))
        .collect();
    ImportError::UnknownSetting {
        format: importer.name(),
        setting: format!("{key}={value}").chars().take(60).collect(),
        known: match &takes[..] {
            [] => "nothing".to_owned(),
            takes => takes.join(", "),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousandths_are_exact() {
        let written = ["1.3", "0.95", "2", "1.305", "0.001", "01.10"];
        let read = written.map(|text| thousandths(text).unwrap_or_default());
        assert_eq!(read, [1300, 950, 2000, 1305, 1, 1100]);
        for text in [
            "", ".", "1.", ".5", "1.2345", "-1", "1e3", "NaN", "+1", "1,3",
        ] {
            assert_eq!(thousandths(text), None, "{text}");
        }
        assert_eq!(thousandths("18446744073709551615"), None);
    }
}
