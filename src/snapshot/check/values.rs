//! Checks of single values that several parts share.

use std::collections::HashSet;

use apportion_cluster::file::Amounts;
use apportion_cluster::{MAX_INSTANCES, MAX_QUANTITY};

use crate::snapshot::code;
use crate::snapshot::fault::Faults;
use crate::snapshot::path::Path;
use crate::snapshot::text;

/// Most names that a suggestion looks through.
const MOST_CANDIDATES: usize = 50_000;

/// The action for an unknown `word`: the name that it looks like, or what names there are.
pub(super) fn suggestion<'n>(
    word: &str,
    candidates: impl IntoIterator<Item = &'n str>,
    what: &str,
    faults: &Faults,
) -> String {
    if !faults.may_suggest() {
        return format!("use one of the {what}");
    }
    let candidates: Vec<&str> = candidates.into_iter().take(MOST_CANDIDATES).collect();
    match text::closest(word, candidates.iter().copied()) {
        Some(close) => format!("did you mean {}?", text::quote(close)),
        None if candidates.is_empty() => format!("there are no {what}"),
        None => format!("the {what} are {}", text::list(candidates, 8)),
    }
}

/// A name must not be empty.
pub(super) fn name(name: &str, path: &Path<'_>, faults: &mut Faults) {
    if name.is_empty() {
        faults.add(
            code::EMPTY_NAME,
            path,
            "the name is empty",
            "give it a name",
        );
    }
}

/// Lists up to this length are compared pair by pair.
const SHORT_LIST: usize = 8;

/// Names in one list must differ.
pub(super) fn distinct<'f>(
    names: impl Iterator<Item = &'f str> + Clone,
    list: &Path<'_>,
    key: &str,
    faults: &mut Faults,
) {
    let mut seen = HashSet::new();
    let short = names.clone().nth(SHORT_LIST).is_none();
    let earlier = names.clone();
    for (index, name) in names.enumerate() {
        let new = if short {
            earlier.clone().take(index).all(|other| other != name)
        } else {
            seen.insert(name)
        };
        if !new && !name.is_empty() {
            let element = list.element(index, name);
            let keyed = element.key(key);
            let path = if key.is_empty() { &element } else { &keyed };
            let cause = format!("{} is there twice", text::quote(name));
            faults.add(
                code::DUPLICATE_NAME,
                path,
                cause,
                "rename or remove one of the two",
            );
        }
    }
}

/// Amounts lie in `0..=MAX_QUANTITY` and have names.
pub(super) fn amounts(amounts: &Amounts, path: &Path<'_>, faults: &mut Faults) {
    for (resource, &stated) in amounts {
        let path = path.key(resource);
        if resource.is_empty() {
            name(resource, &path, faults);
        }
        amount(stated, &path, faults);
    }
}

/// An amount lies in `0..=MAX_QUANTITY`.
pub(super) fn amount(amount: i64, path: &Path<'_>, faults: &mut Faults) {
    amount_up_to(MAX_QUANTITY, amount, path, faults);
}

/// An amount lies in `0..=most`.
pub(super) fn amount_up_to(most: i64, amount: i64, path: &Path<'_>, faults: &mut Faults) {
    if amount < 0 {
        let cause = format!("{amount} is negative");
        faults.add(code::NEGATIVE, path, cause, "state an amount of 0 or more");
    } else if amount > most {
        let cause = format!("{amount} is above the largest amount, {most}");
        let action = "check the unit that its name states";
        faults.add(code::TOO_MUCH, path, cause, action);
    }
}

/// A count lies in `least..=MAX_INSTANCES`.
pub(super) fn count(count: i64, least: i64, path: &Path<'_>, faults: &mut Faults) {
    if count < least {
        let cause = format!("{count} is below {least}");
        faults.add(code::COUNT, path, cause, format!("state {least} or more"));
    } else if count > MAX_INSTANCES {
        let cause = format!("{count} is above the largest count, {MAX_INSTANCES}");
        faults.add(
            code::COUNT,
            path,
            cause,
            format!("state at most {MAX_INSTANCES}"),
        );
    }
}

/// A weight is finite and above 0.
pub(super) fn weight(weight: Option<f64>, path: &Path<'_>, faults: &mut Faults) {
    if let Some(weight) = weight
        && !(weight.is_finite() && weight > 0.0)
    {
        let cause = format!("the weight {weight} is not above 0");
        faults.add(
            code::WEIGHT,
            path,
            cause,
            "state a finite number above 0, or leave it out for 1",
        );
    }
}
