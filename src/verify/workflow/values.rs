//! What flows, and when everything ends.

use super::Flows;

impl Flows<'_> {
    /// What flows between agents, times one weight, and between racks, times the other.
    pub(in crate::verify) fn traffic(&self, agents: i128, racks: i128) -> f64 {
        let mut sum = 0.0;
        for edge in self.edges() {
            let (from, to) = (edge.from.at(), edge.to.at());
            if self.is_batch() {
                let pairs = (self.pending(from) * self.pending(to)).max(1);
                for one in self.times(from) {
                    for other in self.times(to) {
                        if one.agent != other.agent {
                            let near = self.are_near(one.agent, other.agent);
                            let weight = agents + if near { 0 } else { self.beyond(racks) };
                            let parts = weight
                                * self.pending_amount(edge)
                                * one.instances
                                * other.instances;
                            sum += parts as f64 / pairs as f64;
                        }
                    }
                }
                continue;
            }
            let mut together = 0;
            for (&one, senders) in &self.state.placed[from] {
                for (&other, receivers) in &self.state.placed[to] {
                    if one == other {
                        together += agents * senders * receivers;
                    }
                    if one == other || self.are_near(one, other) {
                        together += self.beyond(racks) * senders * receivers;
                    }
                }
            }
            let pairs = self.wanted(from) * self.wanted(to);
            let apart = (agents + self.beyond(racks)) * pairs - together;
            sum += (Self::amount(edge) * apart) as f64 / pairs as f64;
        }
        sum
    }

    pub(in crate::verify) fn makespan(&self) -> f64 {
        let times = self.state.tasks_of(self.framework).into_iter();
        let ends = times.flat_map(|task| self.times(task)).map(|it| it.end_ms);
        ends.max().unwrap_or(0) as f64
    }

    pub(in crate::verify) fn completion(&self) -> f64 {
        let times = self.state.tasks_of(self.framework).into_iter();
        let all = times.flat_map(|task| self.times(task));
        all.map(|it| i128::from(it.end_ms) * it.instances)
            .sum::<i128>() as f64
    }
}
