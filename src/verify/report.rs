//! What the verifier says: violations, how often each rule was checked, and what it took on trust.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use super::rule::Rule;

/// The verifier's judgment of one plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Every claim or rule that does not hold, in the order of the checks.
    pub violations: Vec<Violation>,
    /// How many subjects each rule was checked on.
    pub checks: Vec<Check>,
    /// Claims that nobody recomputed: bounds by search, stages of unknown policies.
    pub claimed: Vec<String>,
}

impl Report {
    /// Whether nothing is violated.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.violations.is_empty()
    }
}

/// One rule or claim that does not hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Violation {
    /// The rule's name.
    pub rule: Rule,
    /// What it is about: an agent and resource, a task, a framework and stage.
    pub subject: String,
    /// What the rule asks for.
    pub need: Figure,
    /// What the plan has.
    pub have: Figure,
    /// One sentence.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            subject,
            need,
            have,
            text,
        } = self;
        write!(f, "{rule}[{subject}]: {text} (need {need}, have {have})")
    }
}

/// A rule and the number of subjects that it was checked on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The rule's name.
    pub rule: Rule,
    /// Subjects checked.
    pub subjects: usize,
}

/// A number or word that a rule needs or a plan has.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Figure {
    /// An amount or count, cut to the range of `i64`.
    Integer(i64),
    /// A number that is not an integer by nature.
    Number(f64),
    /// A name, or a condition in words.
    Words(String),
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Integer(amount) => amount.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Words(words) => words.fmt(f),
        }
    }
}

impl From<i128> for Figure {
    fn from(amount: i128) -> Self {
        let cut = amount.clamp(i128::from(i64::MIN), i128::from(i64::MAX));
        Self::Integer(i64::try_from(cut).expect("it was just cut to the range of i64"))
    }
}

impl From<i64> for Figure {
    fn from(amount: i64) -> Self {
        Self::Integer(amount)
    }
}

impl From<f64> for Figure {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<&str> for Figure {
    fn from(words: &str) -> Self {
        Self::Words(words.to_owned())
    }
}

impl From<String> for Figure {
    fn from(words: String) -> Self {
        Self::Words(words)
    }
}

/// Collects the judgment while the rules are checked.
#[derive(Debug, Default)]
pub(super) struct Findings {
    violations: Vec<Violation>,
    checks: BTreeMap<Rule, usize>,
    claimed: Vec<String>,
}

impl Findings {
    /// Counts one subject of `rule`; if it does not hold, `fault` tells (subject, need, have, text).
    pub(super) fn check<N: Into<Figure>, H: Into<Figure>>(
        &mut self,
        rule: Rule,
        holds: bool,
        fault: impl FnOnce() -> (String, N, H, String),
    ) {
        *self.checks.entry(rule).or_default() += 1;
        if !holds {
            let (subject, need, have, text) = fault();
            self.violations.push(Violation {
                rule,
                subject,
                need: need.into(),
                have: have.into(),
                text,
            });
        }
    }

    /// Notes a claim that is taken on trust.
    pub(super) fn claim(&mut self, text: String) {
        self.claimed.push(text);
    }

    pub(super) fn into_report(self) -> Report {
        let checks = self.checks.into_iter();
        Report {
            violations: self.violations,
            checks: checks
                .map(|(rule, subjects)| Check { rule, subjects })
                .collect(),
            claimed: self.claimed,
        }
    }
}
