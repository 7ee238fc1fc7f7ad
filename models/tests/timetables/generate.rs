//! Random schedules: tiny ones for the slow twin, layered ones of any size.

use std::sync::Arc;

use apportion_models::assignment::{Bin, NO_GROUP};
use apportion_models::schedule::{
    Edge, Network, Operation, Schedule, TimeObjective, TimeStage, TimedEntry, Timetable,
};

/// Xorshift.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self((seed + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// A number in `low..=high`.
    pub fn within(&mut self, low: i64, high: i64) -> i64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        low + ((self.0 >> 11) % (high - low + 1) as u64) as i64
    }
}

pub fn stages(traffic_first: bool) -> Vec<TimeStage> {
    let stage = |name: &str, objective| TimeStage {
        name: name.to_owned(),
        objective,
    };
    let (makespan, traffic) = (
        stage("makespan", TimeObjective::Makespan),
        stage(
            "traffic",
            TimeObjective::Traffic {
                within_group: 1,
                across: 2,
            },
        ),
    );
    let mut stages = vec![stage("placed", TimeObjective::Value)];
    stages.extend(if traffic_first {
        [traffic, makespan]
    } else {
        [makespan, traffic]
    });
    stages.push(stage("completion", TimeObjective::Completion));
    stages
}

/// Up to four copies, two or three bins, short times.
pub fn tiny(seed: u64) -> Schedule {
    let random = &mut Random::new(seed);
    let n_bins = random.within(1, 3);
    let n = random.within(1, if n_bins > 1 { 3 } else { 4 });
    let operation = |at: i64, random: &mut Random| {
        let eligible: Vec<u32> = (0..n_bins as u32)
            .filter(|_| random.within(0, 9) < 8)
            .collect();
        Operation {
            name: format!("o{at}"),
            count: if at == 0 && n < 3 && random.within(0, 1) == 0 {
                2
            } else {
                1
            },
            demand: vec![random.within(1, 3), random.within(0, 2)],
            durations: Arc::new(
                eligible
                    .iter()
                    .map(|_| [0, 1, 1, 2, 2][random.within(0, 4) as usize])
                    .collect(),
            ),
            eligible: Arc::new(eligible),
            costs: Arc::default(),
            value: random.within(1, 3),
            urgency: 1,
            release: i64::from(random.within(0, 5) == 0),
        }
    };
    let operations: Vec<Operation> = (0..n).map(|at| operation(at, random)).collect();
    let mut edges = Vec::new();
    for from in 0..n as u32 {
        for to in from + 1..n as u32 {
            if random.within(0, 1) == 0 {
                edges.push(Edge {
                    from,
                    to,
                    amount: random.within(0, 2) * 500,
                });
            }
        }
    }
    let groups: Vec<u32> = match random.within(0, 2) {
        0 => vec![NO_GROUP; n_bins as usize],
        _ => (0..n_bins).map(|_| random.within(0, 1) as u32).collect(),
    };
    Schedule {
        resources: vec!["r0".to_owned(), "r1".to_owned()],
        operations,
        bins: (0..n_bins)
            .map(|bin| Bin {
                name: format!("b{bin}"),
                capacity: vec![random.within(2, 4), random.within(1, 3)],
                ..Bin::default()
            })
            .collect(),
        group_of: Arc::new(groups),
        edges,
        network: Network {
            within_group: random.within(0, 1) * 1_000_000,
            across: random.within(1, 2) * 500_000,
        },
        stages: stages(random.within(0, 1) == 0),
    }
}

/// As [`tiny`], in two layers: what is handed over takes no time, and copies cost something that differs by bin and by group. Stages: the
/// makespan, then costs, then what crosses groups.
pub fn batch(seed: u64) -> Schedule {
    let random = &mut Random::new(seed ^ 0xba7c);
    let mut schedule = tiny(seed);
    let n_bins = schedule.bins.len();
    schedule.network = Network::default();
    let last = schedule.operations.len() as u32 - 1;
    schedule.edges = (0..last)
        .filter_map(|from| {
            let amount = random.within(0, 3) * 500;
            (random.within(0, 3) > 0).then_some(Edge {
                from,
                to: last,
                amount,
            })
        })
        .collect();
    if random.within(0, 3) > 0 {
        let groups = (0..n_bins).map(|_| random.within(0, 1) as u32);
        schedule.group_of = Arc::new(groups.collect());
    }
    for operation in &mut schedule.operations {
        operation.release = 0;
        let costs = operation.eligible.iter();
        operation.costs = Arc::new(costs.map(|_| random.within(0, 3) * 300).collect());
        if random.within(0, 2) == 0 {
            // More room, so that all may be together.
            operation.demand = vec![1, 0];
        }
    }
    let stage = |name: &str, objective| TimeStage {
        name: name.to_owned(),
        objective,
    };
    schedule.stages = vec![
        stage("placed", TimeObjective::Value),
        stage("makespan", TimeObjective::Makespan),
        stage("network", TimeObjective::Cost),
        stage(
            "shuffle",
            TimeObjective::Traffic {
                within_group: 0,
                across: 1,
            },
        ),
        stage("completion", TimeObjective::Completion),
    ];
    schedule
}

/// Jobs of many copies that are fast and cheap in few bins, and of copies that follow all of them: more than is searched exactly.
pub fn jobs(seed: u64) -> Schedule {
    let random = &mut Random::new(seed ^ 0x10b5);
    let n_bins = random.within(4, 12) as u32;
    let n_jobs = random.within(2, 12);
    let eligible: Arc<Vec<u32>> = Arc::new((0..n_bins).collect());
    let (mut operations, mut edges) = (Vec::new(), Vec::new());
    for job in 0..n_jobs {
        let first = operations.len() as u32;
        let n_first = random.within(1, 6);
        for at in 0..n_first {
            let near: Vec<u32> = (0..2)
                .map(|_| random.within(0, i64::from(n_bins) - 1) as u32)
                .collect();
            let work = [random.within(1, 9), 10, 10, 10][random.within(0, 3) as usize];
            let by_bin = |here: i64, elsewhere: i64| {
                let bins =
                    (0..n_bins).map(|bin| if near.contains(&bin) { here } else { elsewhere });
                Arc::new(bins.collect::<Vec<i64>>())
            };
            operations.push(Operation {
                name: format!("first{job}.{at}"),
                count: [1, 1, 1, 3][random.within(0, 3) as usize],
                demand: vec![1],
                eligible: Arc::clone(&eligible),
                durations: by_bin(work, work + work.div_euclid(2)),
                costs: by_bin(0, work * 10),
                value: 1,
                urgency: job,
                release: 0,
            });
        }
        if random.within(0, 2) > 0 {
            let to = operations.len() as u32;
            let work = random.within(1, 30);
            operations.push(Operation {
                name: format!("then{job}"),
                count: random.within(1, 3),
                demand: vec![1],
                eligible: Arc::clone(&eligible),
                durations: Arc::new(vec![work; n_bins as usize]),
                costs: Arc::default(),
                value: 1,
                urgency: job,
                release: 0,
            });
            let amount = random.within(0, 500);
            edges.extend((first..to).map(|from| Edge { from, to, amount }));
        }
    }
    Schedule {
        resources: vec!["slots".to_owned()],
        operations,
        bins: (0..n_bins)
            .map(|bin| Bin {
                name: format!("b{bin}"),
                capacity: vec![random.within(1, 3)],
                ..Bin::default()
            })
            .collect(),
        group_of: Arc::new((0..n_bins).map(|bin| bin % 3).collect()),
        edges,
        network: Network::default(),
        stages: batch(0).stages,
    }
}

/// A timetable that breaks nothing: copies to bins as drawn, each when everything before it has ended; `None` if one has no bin.
pub fn serial(schedule: &Schedule, random: &mut Random) -> Option<Timetable> {
    let (mut now, mut entries) = (0, Vec::new());
    for (at, operation) in (0_u32..).zip(&schedule.operations) {
        let fits = |bin: &u32| {
            let capacity = &schedule.bins[*bin as usize].capacity;
            let mut needs = operation.demand.iter().zip(capacity);
            needs.all(|(need, has)| need <= has)
        };
        let bins: Vec<u32> = operation.eligible.iter().copied().filter(fits).collect();
        for _ in 0..operation.count {
            let last = bins.len().checked_sub(1)?;
            let bin = bins[random.within(0, last as i64) as usize];
            let end = now + operation.duration_in(bin)?;
            entries.push(TimedEntry {
                operation: at,
                bin,
                start: now,
                end,
                copies: 1,
            });
            now = end;
        }
    }
    Some(Timetable::new(entries))
}

/// Layers of operations, each of which follows some of the layer before.
pub fn layers(seed: u64, n: u32) -> Schedule {
    let random = &mut Random::new(seed);
    let n_bins = 20_u32;
    let eligible: Arc<Vec<u32>> = Arc::new((0..n_bins).collect());
    let speed: Vec<i64> = (0..n_bins).map(|_| random.within(1, 3)).collect();
    let operations: Vec<Operation> = (0..n)
        .map(|at| {
            let work = random.within(100, 20_000);
            Operation {
                name: format!("o{at}"),
                count: 1,
                demand: vec![1000 * random.within(1, 2), random.within(0, 4000)],
                eligible: Arc::clone(&eligible),
                durations: Arc::new(speed.iter().map(|speed| work / speed).collect()),
                costs: Arc::default(),
                value: 1,
                urgency: 1,
                release: 0,
            }
        })
        .collect();
    let width = 25;
    let mut edges = Vec::new();
    for to in width..n {
        for _ in 0..random.within(1, 3) {
            let from = (to / width - 1) * width + random.within(0, i64::from(width) - 1) as u32;
            edges.push(Edge {
                from,
                to,
                amount: random.within(0, 500),
            });
        }
    }
    edges.sort_unstable();
    edges.dedup_by_key(|edge| (edge.from, edge.to));
    Schedule {
        resources: vec!["cpu".to_owned(), "memory".to_owned()],
        operations,
        bins: (0..n_bins)
            .map(|bin| Bin {
                name: format!("b{bin}"),
                capacity: vec![4000, 16_000],
                ..Bin::default()
            })
            .collect(),
        group_of: Arc::new((0..n_bins).map(|bin| bin % 4).collect()),
        edges,
        network: Network {
            within_group: 125,
            across: 62,
        },
        stages: stages(seed.is_multiple_of(2)),
    }
}
