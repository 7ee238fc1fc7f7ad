//! Instances start after what they follow, and take as long as their work.

use std::collections::BTreeMap;

use super::Ahead;
use crate::verify::report::Findings;
use crate::verify::rule::Rule;
use crate::verify::state::{TimedCount, total};

impl Ahead<'_> {
    /// New instances have a start and an end as far apart as their work takes, and those of reduce tasks start when all that
    /// these wait for has ended.
    pub(super) fn check(&self, findings: &mut Findings) {
        let state = self.state;
        let mut timed: BTreeMap<usize, Vec<&TimedCount>> = BTreeMap::new();
        for it in self.times() {
            timed.entry(it.task).or_default().push(it);
        }
        let of = |task: usize| timed.get(&task).into_iter().flatten();
        for &task in &self.tasks {
            let (need, has) = (
                total(&state.arriving[task]),
                of(task).map(|it| it.instances).sum::<i128>(),
            );
            findings.check(Rule::Times, has == need, || {
                let text = "new instances of tasks that are planned ahead have a start and an end";
                (state.task_name(task), need, has, text.to_owned())
            });
            for it in of(task) {
                let need = self.hadoop.duration_ms(task, it.agent);
                let has = it.end_ms - it.start_ms;
                findings.check(Rule::Times, has == need, || {
                    let text = "the instance takes another time than its work there";
                    let agent = state.agent_name(it.agent);
                    let subject = format!("{} on {agent}", state.task_name(task));
                    (subject, need, has, text.to_owned())
                });
            }
            let Some(first) = of(task).map(|it| it.start_ms).min() else {
                continue;
            };
            for map in self.waits_for(task) {
                let subject = || format!("{} -> {}", state.task_name(map), state.task_name(task));
                let (need, has) = (
                    self.pending(map),
                    of(map).map(|it| it.instances).sum::<i128>(),
                );
                findings.check(Rule::Follows, has == need, || {
                    let text = "something starts though not all that it follows has a place";
                    (subject(), need, has, text.to_owned())
                });
                let last = of(map).map(|it| it.end_ms).max().unwrap_or(0);
                findings.check(Rule::Follows, first >= last, || {
                    let text = "it starts before what it follows has ended";
                    (subject(), last, first, text.to_owned())
                });
            }
        }
    }
}
