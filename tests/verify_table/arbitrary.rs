//! Whatever a plan file says, the verifier answers: it never panics.

use apportion::verify::verify;
use apportion_cluster::plan::PlanFile;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::{build, fair};

/// Values that files may hold: extreme, negative, unknown, and known names.
fn replacement() -> impl Strategy<Value = Value> {
    prop_oneof![
        prop::sample::select(vec![
            json!(0),
            json!(-1),
            json!(1_i64 << 62),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!(1e308),
            json!(-1e308),
            json!(5e-324),
            json!(-0.0),
            json!(null),
            json!([]),
            json!({}),
        ]),
        prop::sample::select(vec![
            "",
            "zz",
            "a",
            "b",
            "web",
            "j",
            "t",
            "m",
            "s1",
            "cpu",
            "memory",
            "combinatorial",
            "multipliers",
            "search",
            "minimize",
            "deadline",
            "brokered",
            "demand[ja/t]",
            "fit[ja/t,s1]",
            "half[s1,cpu]",
            "floor[b]",
            "floor[c]",
            "half[,]",
            "fit[,]",
            "[]",
            "]",
        ])
        .prop_map(|word| json!(word)),
        any::<i64>().prop_map(|number| json!(number)),
        any::<f64>()
            .prop_filter("finite", |it| it.is_finite())
            .prop_map(|number| json!(number)),
    ]
}

/// Changes one place of `value`: `path` chooses a way down, `what` is put there, doubled, or removed.
fn mutate(value: &mut Value, path: &[usize], what: &Value, how: usize) {
    let (Some(&step), rest) = (path.first(), path.get(1..).unwrap_or_default()) else {
        *value = what.clone();
        return;
    };
    match value {
        Value::Array(list) if !list.is_empty() => {
            let at = step % list.len();
            match how {
                0 if rest.is_empty() => drop(list.remove(at)),
                1 if rest.is_empty() => list.push(list[at].clone()),
                _ => mutate(&mut list[at], rest, what, how),
            }
        }
        Value::Object(map) if !map.is_empty() => {
            let at = step % map.len();
            if let Some(inner) = map.values_mut().nth(at) {
                mutate(inner, rest, what, how);
            }
        }
        _ => *value = what.clone(),
    }
}

fn change() -> impl Strategy<Value = (Vec<usize>, Value, usize)> {
    (
        prop::collection::vec(0_usize..40, 1..6),
        replacement(),
        0_usize..3,
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_file_makes_the_verifier_panic(
        fairly in any::<bool>(),
        changes in prop::collection::vec(change(), 1..5),
    ) {
        let (cluster, plan) = if fairly {
            fair::case()
        } else {
            let cluster = build::cluster();
            let plan = build::plan(&cluster, build::PLACED, &[]);
            (cluster, plan)
        };
        let mut json = serde_json::to_value(&plan).unwrap();
        for (path, what, how) in changes {
            let mut changed = json.clone();
            mutate(&mut changed, &path, &what, how);
            // Keep only changes after which the file can still be read.
            if serde_json::from_value::<PlanFile>(changed.clone()).is_ok() {
                json = changed;
            }
        }
        let plan: PlanFile = serde_json::from_value(json).unwrap();
        let report = verify(&cluster, &plan);
        prop_assert!(!report.checks.is_empty());
    }
}
