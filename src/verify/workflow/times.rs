//! What follows what, and how long work and transfers take.

use apportion_cluster::Edge;

use super::Flows;
use crate::verify::report::Findings;
use crate::verify::rule::Rule;
use crate::verify::state::total;

impl Flows<'_> {
    pub(super) fn duration(&self, task: usize, agent: usize) -> i128 {
        let work = i128::from(self.state.cluster.tasks[task].work_ms.unwrap_or(0)) * 1000;
        let speed = i128::from(self.state.cluster.agents[agent].speed.max(1));
        (work + speed - 1) / speed
    }

    /// Milliseconds for a part of what an edge carries: an amount over so many pairs.
    fn transfer(&self, amount: i128, pairs: i128, mib_per_s: i128) -> i128 {
        let parts = pairs.max(1) * mib_per_s;
        (amount * 1000 + parts - 1) / parts
    }

    pub(super) fn transfer_between(&self, edge: &Edge, one: usize, other: usize) -> i128 {
        let pairs = self.pending(edge.from.at()) * self.pending(edge.to.at());
        let amount = self.pending_amount(edge);
        match (one == other, self.are_near(one, other)) {
            (true, _) => 0,
            (false, true) => self.transfer(amount, pairs, self.network.0),
            (false, false) => self.transfer(amount, pairs, self.network.1),
        }
    }

    /// When a task may start at the earliest because of what runs already.
    pub(super) fn released(&self, task: usize) -> i128 {
        let mut released = 0;
        for edge in self.edges().filter(|edge| edge.to.at() == task) {
            let from = edge.from.at();
            let pairs = self.wanted(from) * self.wanted(task);
            let transfer = self.transfer(Self::amount(edge), pairs, self.network.1);
            for &agent in self.state.kept[from].keys() {
                released = released.max(self.duration(from, agent) + transfer);
            }
        }
        released
    }

    /// Instances of a batch have a start and an end that are so far apart as their work takes, and start when those before them have
    /// ended and what these send is there.
    pub(super) fn check(&self, findings: &mut Findings) {
        self.check_times(findings);
        if self.is_batch() {
            self.check_edges(findings);
        }
    }

    /// How far starts and ends are apart, and that what runs already comes first.
    fn check_times(&self, findings: &mut Findings) {
        let state = self.state;
        let is_batch = self.is_batch();
        for task in state.tasks_of(self.framework) {
            let arriving = total(&state.arriving[task]);
            let timed: i128 = self.times(task).map(|it| it.instances).sum();
            let need = if is_batch { arriving } else { 0 };
            findings.check(Rule::Times, timed == need, || {
                let text =
                    "new instances of a batch have a start and an end, and no others do".to_owned();
                (state.task_name(task), need, timed, text)
            });
            for it in self.times(task) {
                let (has, need) = (
                    i128::from(it.end_ms - it.start_ms),
                    self.duration(task, it.agent),
                );
                findings.check(Rule::Times, has == need, || {
                    let text =
                        "the instance takes another time than its work at the speed of the agent"
                            .to_owned();
                    (
                        format!(
                            "{} on {}",
                            state.task_name(task),
                            state.agent_name(it.agent)
                        ),
                        need,
                        has,
                        text,
                    )
                });
                let released = self.released(task);
                findings.check(Rule::Follows, i128::from(it.start_ms) >= released, || {
                    let text = "it starts before what it follows, which runs, has ended".to_owned();
                    (
                        state.task_name(task),
                        released,
                        i128::from(it.start_ms),
                        text,
                    )
                });
            }
        }
    }

    /// What new instances wait for of other new ones.
    fn check_edges(&self, findings: &mut Findings) {
        let state = self.state;
        for edge in self.edges() {
            let (from, to) = (edge.from.at(), edge.to.at());
            let subject = || format!("{} -> {}", state.task_name(from), state.task_name(to));
            if self.times(to).next().is_none() {
                continue;
            }
            let sent: i128 = self.times(from).map(|it| it.instances).sum();
            findings.check(Rule::Follows, sent == self.pending(from), || {
                let text = "something starts though not all that it follows has a place".to_owned();
                (subject(), self.pending(from), sent, text)
            });
            for one in self.times(from) {
                for other in self.times(to) {
                    let arrives = i128::from(one.end_ms)
                        + self.transfer_between(edge, one.agent, other.agent);
                    findings.check(Rule::Follows, i128::from(other.start_ms) >= arrives, || {
                        let text = "it starts before what it follows has ended and sent everything"
                            .to_owned();
                        (subject(), arrives, i128::from(other.start_ms), text)
                    });
                }
            }
        }
    }
}
