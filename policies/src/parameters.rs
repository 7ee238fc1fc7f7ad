//! What policies do alike when they read the parameters of a framework.

use std::ops::RangeInclusive;

use apportion_cluster::{Cluster, Framework, LevelIdx};
use serde_json::Value;

use crate::contract::ParameterFault;

/// Reads each parameter of a framework into what has its defaults, or says everything that is wrong with them.
pub(crate) fn read<P>(
    framework: &Framework,
    mut defaults: P,
    mut set: impl FnMut(&mut P, &str, &Value) -> Result<(), ParameterFault>,
) -> Result<P, Vec<ParameterFault>> {
    let parameters = framework.parameters.iter();
    let faults = parameters.filter_map(|(key, value)| set(&mut defaults, key, value).err());
    let faults: Vec<ParameterFault> = faults.collect();
    if faults.is_empty() {
        Ok(defaults)
    } else {
        Err(faults)
    }
}

/// The faults of a framework whose policy has no parameters.
pub(crate) fn refuse_all(policy: &str, framework: &Framework) -> Vec<ParameterFault> {
    let keys = framework.parameters.keys();
    keys.map(|key| {
        let cause = format!("the policy `{policy}` has no parameters");
        fault(key, cause, "remove it")
    })
    .collect()
}

/// The fault of a parameter that the policy does not know.
pub(crate) fn unknown(policy: &str, key: &str, known: &[&str]) -> ParameterFault {
    let known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    let known = match known.as_slice() {
        [others @ .., last] if !others.is_empty() => format!("{} or {last}", others.join(", ")),
        known => known.concat(),
    };
    let cause = format!("the policy `{policy}` has no such parameter");
    fault(key, cause, format!("remove it, or use {known}"))
}

/// A whole number of a range.
pub(crate) fn whole(
    key: &str,
    value: &Value,
    range: RangeInclusive<i64>,
) -> Result<i64, ParameterFault> {
    let number = value.as_i64().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (least, most) = range.into_inner();
        let cause = format!("must be a whole number from {least} to {most}");
        fault(key, cause, "write a number")
    })
}

/// A level that the snapshot declares.
pub(crate) fn declared_level(
    cluster: &Cluster,
    key: &str,
    name: &str,
) -> Result<LevelIdx, ParameterFault> {
    find_declared(cluster, name).ok_or_else(|| {
        let levels = cluster.levels.iter().filter(|level| level.declared);
        let names: Vec<&str> = levels.map(|level| level.name.as_str()).collect();
        let action = if names.is_empty() {
            "declare it in `levels`".to_owned()
        } else {
            format!(
                "declare it in `levels`, or use one of: {}",
                names.join(", ")
            )
        };
        fault(key, "is no declared level", action)
    })
}

/// The level of this name, if the snapshot declares it.
pub(crate) fn find_declared(cluster: &Cluster, name: &str) -> Option<LevelIdx> {
    let mut levels = cluster.levels.iter();
    let at = levels.position(|level| level.declared && level.name == name);
    at.map(LevelIdx::of)
}

pub(crate) fn fault(
    key: &str,
    cause: impl Into<String>,
    action: impl Into<String>,
) -> ParameterFault {
    ParameterFault {
        key: key.to_owned(),
        cause: cause.into(),
        action: action.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_parameter_is_answered_with_those_that_there_are() {
        let action = |known: &[&str]| unknown("ml", "speed", known).action;
        assert_eq!(action(&["a"]), "remove it, or use `a`");
        assert_eq!(
            action(&["a", "b", "c"]),
            "remove it, or use `a`, `b` or `c`"
        );
    }

    #[test]
    fn a_whole_number_is_one_of_its_range() {
        let read = |value: Value| whole("weight", &value, 0..=1000).map_err(|fault| fault.cause);
        assert_eq!(read(serde_json::json!(1000)), Ok(1000));
        let cause = Err("must be a whole number from 0 to 1000".to_owned());
        for value in [
            serde_json::json!(1001),
            serde_json::json!(0.5),
            serde_json::json!("1"),
        ] {
            assert_eq!(read(value), cause);
        }
    }
}
