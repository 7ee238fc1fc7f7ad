//! Taints and tolerations: the `dedicated` word of an agent, and who tolerates it.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{Taint, Toleration};

/// The taint that a cordon puts on a node; the snapshot says `cordoned` instead.
pub(super) const UNSCHEDULABLE: &str = "node.kubernetes.io/unschedulable";

/// One `dedicated` word per distinct set of taints.
#[derive(Debug, Default)]
pub(super) struct Words(BTreeMap<BTreeSet<Taint>, String>);

/// Whether the taint keeps new pods away.
pub(super) fn is_hard(taint: &Taint) -> bool {
    taint.effect == "NoSchedule" || taint.effect == "NoExecute"
}

/// Whether one toleration covers a taint. A toleration for a time (`tolerationSeconds`) covers it too.
pub(super) fn covers(toleration: &Toleration, taint: &Taint) -> bool {
    let effect = toleration.effect.is_empty() || toleration.effect == taint.effect;
    let key = toleration.key.is_empty() || toleration.key == taint.key;
    effect
        && key
        && match toleration.operator.as_str() {
            "" | "Equal" => toleration.value == taint.value,
            "Exists" => true,
            _ => false,
        }
}

/// Whether every one of `taints` is covered.
pub(super) fn tolerates<'a>(
    tolerations: &[Toleration],
    taints: impl IntoIterator<Item = &'a Taint>,
) -> bool {
    let mut taints = taints.into_iter();
    taints.all(|taint| {
        tolerations
            .iter()
            .any(|toleration| covers(toleration, taint))
    })
}

impl Words {
    /// The words for these sets of taints; the empty set needs none.
    pub fn of<'a>(sets: impl Iterator<Item = &'a BTreeSet<Taint>>) -> Self {
        let distinct: BTreeSet<&BTreeSet<Taint>> = sets.filter(|set| !set.is_empty()).collect();
        let mut taken = BTreeSet::new();
        let mut words = BTreeMap::new();
        for set in distinct {
            let plain = set.iter().map(spell).collect::<Vec<_>>().join(",");
            // Names that hold our own separators could make two sets look alike.
            let mut word = plain.clone();
            let mut n = 1;
            while !taken.insert(word.clone()) {
                n += 1;
                word = format!("{plain}#{n}");
            }
            words.insert(set.clone(), word);
        }
        Self(words)
    }

    /// The word of a set.
    pub fn word(&self, set: &BTreeSet<Taint>) -> Option<&str> {
        self.0.get(set).map(String::as_str)
    }

    /// The words that a pod with these tolerations may be placed under.
    pub fn tolerated(&self, tolerations: &[Toleration]) -> Vec<String> {
        let known = self.0.iter();
        let accepted = known.filter(|(set, _)| tolerates(tolerations, set.iter()));
        accepted.map(|(_, word)| word.clone()).collect()
    }
}

/// `key=value:Effect`, as `kubectl taint` writes it.
fn spell(taint: &Taint) -> String {
    let Taint { key, value, effect } = taint;
    if value.is_empty() {
        format!("{key}:{effect}")
    } else {
        format!("{key}={value}:{effect}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taint(key: &str, value: &str, effect: &str) -> Taint {
        Taint {
            key: key.to_owned(),
            value: value.to_owned(),
            effect: effect.to_owned(),
        }
    }

    fn toleration(key: &str, operator: &str, value: &str, effect: &str) -> Toleration {
        Toleration {
            key: key.to_owned(),
            operator: operator.to_owned(),
            value: value.to_owned(),
            effect: effect.to_owned(),
        }
    }

    #[test]
    fn tolerations_cover_taints_as_kubernetes_says() {
        let gpu = taint("gpu", "a100", "NoSchedule");
        let table = [
            (toleration("gpu", "Equal", "a100", "NoSchedule"), true),
            (toleration("gpu", "", "a100", "NoSchedule"), true),
            (toleration("gpu", "Equal", "h100", "NoSchedule"), false),
            (toleration("gpu", "Exists", "", "NoSchedule"), true),
            (toleration("gpu", "Exists", "", ""), true),
            (toleration("gpu", "Exists", "", "NoExecute"), false),
            (toleration("cpu", "Exists", "", ""), false),
            (toleration("", "Exists", "", ""), true),
            (toleration("", "Exists", "", "NoSchedule"), true),
            (toleration("", "Exists", "", "NoExecute"), false),
            (toleration("gpu", "Like", "a100", ""), false),
            (toleration("gpu", "Equal", "", ""), false),
        ];
        for (stated, expected) in table {
            assert_eq!(covers(&stated, &gpu), expected, "{stated:?}");
        }
        let master = taint("node-role.kubernetes.io/master", "", "NoSchedule");
        let stated = toleration("node-role.kubernetes.io/master", "", "", "NoSchedule");
        assert!(covers(&stated, &master));
    }

    #[test]
    fn a_word_stands_for_a_whole_set() {
        let a = taint("a", "", "NoSchedule");
        let b = taint("b", "1", "NoExecute");
        let (one, two) = (BTreeSet::from([a.clone()]), BTreeSet::from([a, b]));
        let words = Words::of([&one, &two, &one, &BTreeSet::new()].into_iter());
        assert_eq!(words.word(&one), Some("a:NoSchedule"));
        assert_eq!(words.word(&two), Some("a:NoSchedule,b=1:NoExecute"));
        assert_eq!(words.word(&BTreeSet::new()), None);
        let only_a = [toleration("a", "Exists", "", "")];
        assert_eq!(words.tolerated(&only_a), ["a:NoSchedule"]);
        let both = [
            toleration("a", "Exists", "", ""),
            toleration("b", "Equal", "1", "NoExecute"),
        ];
        assert_eq!(words.tolerated(&both).len(), 2);
        assert_eq!(words.tolerated(&[]), Vec::<String>::new());
    }

    #[test]
    fn different_sets_never_share_a_word() {
        let one = BTreeSet::from([taint("a=b", "", "NoSchedule")]);
        let two = BTreeSet::from([taint("a", "b", "NoSchedule")]);
        let words = Words::of([&one, &two].into_iter());
        assert_ne!(words.word(&one), words.word(&two));
    }
}
