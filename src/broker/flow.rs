//! The most that can be moved from sources to sinks along allowed pairs, in whole numbers.

use std::collections::VecDeque;

/// How a vertex was reached: from which source, along which of its pairs; or from which sink.
type Step = Option<(usize, usize)>;

/// Sources with needs, sinks with room, and which source may use which sink.
pub(super) struct Transport {
    pub needs: Vec<i128>,
    pub room: Vec<i128>,
    /// Sinks of each source, ascending.
    pub allowed: Vec<Vec<usize>>,
}

impl Transport {
    /// Amounts by source and allowed sink that move as much as can be moved.
    ///
    /// # Source
    /// Augmenting paths by breadth: Edmonds and Karp, Journal of the ACM 19 (1972), with paths of one step taken first.
    pub fn solve(&self) -> Vec<Vec<i128>> {
        let mut moved: Vec<Vec<i128>> = self.allowed.iter().map(|to| vec![0; to.len()]).collect();
        let mut needs = self.needs.clone();
        let mut room = self.room.clone();
        for (source, to) in self.allowed.iter().enumerate() {
            for (at, &sink) in to.iter().enumerate() {
                let part = needs[source].min(room[sink]);
                moved[source][at] = part;
                needs[source] -= part;
                room[sink] -= part;
            }
        }
        for source in 0..needs.len() {
            while needs[source] > 0 && self.augment(source, &mut needs, &mut room, &mut moved) {}
        }
        moved
    }

    /// Moves more from `source` along one path, rerouting others; whether there was a path.
    fn augment(
        &self,
        source: usize,
        needs: &mut [i128],
        room: &mut [i128],
        moved: &mut [Vec<i128>],
    ) -> bool {
        // How each sink was reached: from which source, along which of its pairs; each source but the first from a sink.
        let mut sink_from: Vec<Step> = vec![None; room.len()];
        let mut source_from: Vec<Step> = vec![None; needs.len()];
        let mut seen = vec![false; needs.len()];
        seen[source] = true;
        let mut open = VecDeque::from([source]);
        while let Some(from) = open.pop_front() {
            for (at, &sink) in self.allowed[from].iter().enumerate() {
                if sink_from[sink].is_some() {
                    continue;
                }
                sink_from[sink] = Some((from, at));
                if room[sink] > 0 {
                    self.apply(
                        source,
                        sink,
                        (needs, room, moved),
                        (&sink_from, &source_from),
                    );
                    return true;
                }
                for other in 0..needs.len() {
                    let pair = self.allowed[other].binary_search(&sink);
                    if let Ok(pair) = pair
                        && !seen[other]
                        && moved[other][pair] > 0
                    {
                        seen[other] = true;
                        source_from[other] = Some((sink, pair));
                        open.push_back(other);
                    }
                }
            }
        }
        false
    }

    fn apply(
        &self,
        source: usize,
        last: usize,
        (needs, room, moved): (&mut [i128], &mut [i128], &mut [Vec<i128>]),
        (sink_from, source_from): (&[Step], &[Step]),
    ) {
        let mut path = Vec::new();
        let mut part = needs[source].min(room[last]);
        let mut sink = last;
        while let Some((from, at)) = sink_from[sink] {
            path.push((from, at, true));
            let Some((back, pair)) = source_from[from] else {
                break;
            };
            path.push((from, pair, false));
            part = part.min(moved[from][pair]);
            sink = back;
        }
        for (from, at, adds) in path {
            moved[from][at] += if adds { part } else { -part };
        }
        needs[source] -= part;
        room[last] -= part;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_first_is_rerouted() {
        let transport = Transport {
            needs: vec![5, 5, 3],
            room: vec![5, 6, 2],
            allowed: vec![vec![0, 1], vec![0], vec![1, 2]],
        };
        let moved = transport.solve();
        let total: i128 = moved.iter().flatten().sum();
        assert_eq!(total, 13);
        assert_eq!(moved[1], [5]);
        for sink in 0..3 {
            let load: i128 = (0..3)
                .filter_map(|source| {
                    let at = transport.allowed[source].binary_search(&sink).ok()?;
                    Some(moved[source][at])
                })
                .sum();
            assert!(load <= transport.room[sink]);
        }
    }
}
