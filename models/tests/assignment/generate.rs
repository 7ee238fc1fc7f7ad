//! Random assignments, small and mid-size, with every kind of rule and stage.

use std::sync::Arc;

use apportion_models::assignment::{
    Assignment, Balance, Bin, Cap, Costs, Curve, DeviceNeed, Gang, Item, Limit, Loss, NO_GROUP,
    Objective, Packing, Part, Peak, Probe, Rate, Shape, Span, Stage, Survival, Term, Yield,
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

    pub fn chance(&mut self, percent: i64) -> bool {
        self.within(0, 99) < percent
    }

    fn subset(&mut self, n: usize, percent: i64) -> Vec<u32> {
        (0..n as u32).filter(|_| self.chance(percent)).collect()
    }
}

/// Largest sizes of what is generated.
pub struct Size {
    pub bins: i64,
    pub items: i64,
    pub count: i64,
    pub capacity: i64,
}

pub const TINY: Size = Size {
    bins: 3,
    items: 3,
    count: 2,
    capacity: 5,
};

/// An assignment that depends on the seed alone.
pub fn assignment(seed: u64, size: &Size) -> Assignment {
    let random = &mut Random::new(seed);
    let n_bins = random.within(2, size.bins) as usize;
    let n_items = random.within(1, size.items) as usize;
    let n_resources = random.within(1, 2) as usize;
    let items: Vec<Item> = (0..n_items)
        .map(|item| self::item(random, size, item, n_bins, n_resources))
        .collect();
    let bins = (0..n_bins)
        .map(|bin| Bin {
            name: format!("b{bin}"),
            capacity: (0..n_resources)
                .map(|_| random.within(0, size.capacity))
                .collect(),
            ..Bin::default()
        })
        .collect();
    let divisions: Vec<Arc<Vec<u32>>> = (0..2)
        .map(|_| {
            let group = |random: &mut Random| {
                if random.chance(8) {
                    NO_GROUP
                } else {
                    random.within(0, 2) as u32
                }
            };
            Arc::new((0..n_bins).map(|_| group(random)).collect())
        })
        .chain([Arc::new((0..n_bins as u32).collect())])
        .collect();
    let mut assignment = Assignment {
        resources: (0..n_resources)
            .map(|resource| format!("r{resource}"))
            .collect(),
        items,
        bins,
        ..Assignment::default()
    };
    add_rules(random, size, &divisions, &mut assignment);
    add_stages(random, &divisions, &mut assignment);
    assignment
}

fn item(random: &mut Random, size: &Size, item: usize, n_bins: usize, n_resources: usize) -> Item {
    Item {
        name: format!("i{item}"),
        count: random.within(1, size.count),
        demand: (0..n_resources).map(|_| random.within(0, 3)).collect(),
        eligible: Arc::new(random.subset(n_bins, 80)),
        ..Item::default()
    }
}

/// The same with devices, and with values that differ by bin. Gangs of several copies are more frequent.
pub fn with_devices(seed: u64, size: &Size) -> Assignment {
    let mut assignment = assignment(seed, size);
    let random = &mut Random::new(seed + 1_000_003);
    if !seed.is_multiple_of(8) {
        // What comes after these stages is to decide, too.
        let decides =
            |objective: &Objective| matches!(objective, Objective::Cost(_) | Objective::Peak(_));
        (assignment.stages).retain(|stage| !decides(&stage.objective));
    }
    for bin in &mut assignment.bins {
        // Devices are to bind, not the rest.
        bin.capacity.iter_mut().for_each(|capacity| *capacity += 2);
        for most in [3, 1] {
            let n_devices = random.within(0, most);
            let free = |random: &mut Random| match random.within(0, 3) {
                0 => [0, 300, 500, 700][random.within(0, 3) as usize],
                _ => 1000,
            };
            let devices = (0..n_devices).map(|_| free(random)).collect();
            bin.devices.push(devices);
        }
    }
    for item in &mut assignment.items {
        if random.chance(90) {
            item.devices.push(DeviceNeed {
                kind: 0,
                count: 1 + i64::from(random.chance(25)),
                milli: [1000, 700, 600, 500, 400, 300][random.within(0, 5) as usize],
            });
        }
        if random.chance(15) {
            item.devices.push(DeviceNeed {
                kind: 1,
                count: 1,
                milli: [1000, 500][random.within(0, 1) as usize],
            });
        }
    }
    if assignment.gangs.is_empty() && random.chance(30) {
        let items = random.subset(assignment.items.len(), 60);
        let counts = (items.iter()).map(|&item| assignment.items[item as usize].count);
        let min = counts.sum();
        assignment.gangs.push(Gang {
            name: "gang".into(),
            items,
            min,
            base: 0,
        });
    }
    add_yields(random, &mut assignment);
    add_span(random, &mut assignment);
    add_fragmentation(random, &mut assignment);
    assignment
}

/// Puts a stage about free devices that nothing could use somewhere after the first.
fn add_fragmentation(random: &mut Random, assignment: &mut Assignment) {
    if !random.chance(80) {
        return;
    }
    let (n_bins, n_resources) = (assignment.bins.len(), assignment.resources.len());
    let probes = (0..3)
        .map(|_| Probe {
            demand: (0..n_resources).map(|_| random.within(0, 3)).collect(),
            devices: vec![DeviceNeed {
                kind: 0,
                count: random.within(1, 2),
                milli: [1000, 600, 400][random.within(0, 2) as usize],
            }],
            eligible: Arc::new(random.subset(n_bins, 80)),
            weight: random.within(1, 3),
        })
        .collect();
    let first = assignment.stages.len().min(1);
    let at = random.within(first as i64, assignment.stages.len() as i64) as usize;
    let stage = Stage {
        name: "fragments".into(),
        objective: Objective::Fragmentation(probes),
    };
    assignment.stages.insert(at, stage);
}

/// Puts a stage that keeps copies together somewhere after the first.
fn add_span(random: &mut Random, assignment: &mut Assignment) {
    if !random.chance(70) {
        return;
    }
    let (n_items, n_bins) = (assignment.items.len(), assignment.bins.len());
    let divisions: [Arc<Vec<u32>>; 2] = [
        Arc::new((0..n_bins).map(|_| random.within(0, 1) as u32).collect()),
        Arc::new((0..n_bins as u32).collect()),
    ];
    let span = |name: &str, random: &mut Random| Span {
        name: name.into(),
        packing: packing(random, &divisions, n_items, 1),
        weight: random.within(1, 3),
    };
    let terms = vec![span("a", random), span("b", random)];
    let first = assignment.stages.len().min(1);
    let at = random.within(first as i64, assignment.stages.len() as i64) as usize;
    assignment.stages.insert(
        at,
        Stage {
            name: "together".into(),
            objective: Objective::Span(terms),
        },
    );
}

/// Makes the values of some stages depend on the bin.
fn add_yields(random: &mut Random, assignment: &mut Assignment) {
    let classes: Arc<Vec<u32>> = Arc::new(
        (0..assignment.bins.len())
            .map(|_| random.within(0, 1) as u32)
            .collect(),
    );
    for stage in &mut assignment.stages {
        if let Objective::Value(terms) = &stage.objective
            && random.chance(50)
        {
            let rate = |term: &Term| Rate {
                item: term.item,
                values: (0..2).map(|_| term.value * random.within(0, 3)).collect(),
            };
            stage.objective = Objective::Yield(Yield {
                class_of: Arc::clone(&classes),
                rates: terms.iter().map(rate).collect(),
            });
        }
    }
}

fn packing(random: &mut Random, divisions: &[Arc<Vec<u32>>], n_items: usize, base: i64) -> Packing {
    let group_of = &divisions[random.within(0, divisions.len() as i64 - 1) as usize];
    let n_groups = group_of
        .iter()
        .filter(|&&group| group != NO_GROUP)
        .max()
        .map_or(0, |group| group + 1);
    Packing {
        items: Arc::new(random.subset(n_items, 70)),
        group_of: Arc::clone(group_of),
        base: (0..n_groups)
            .map(|_| {
                if random.chance(30) {
                    random.within(0, base)
                } else {
                    0
                }
            })
            .collect(),
    }
}

fn add_rules(
    random: &mut Random,
    size: &Size,
    divisions: &[Arc<Vec<u32>>],
    assignment: &mut Assignment,
) {
    let (n_items, n_bins) = (assignment.items.len(), assignment.bins.len());
    if random.chance(30) {
        assignment.caps.push(Cap {
            name: "cap".into(),
            items: Arc::new(random.subset(n_items, 60)),
            bins: Arc::new(random.subset(n_bins, 60)),
            max: random.within(0, size.count),
            weights: Vec::new(),
        });
    }
    for name in ["weighted", "other weighted"] {
        if random.chance(20) {
            let items = random.subset(n_items, 80);
            assignment.caps.push(Cap {
                name: name.into(),
                weights: items.iter().map(|_| random.within(0, 4)).collect(),
                items: Arc::new(items),
                bins: Arc::new(random.subset(n_bins, 60)),
                max: random.within(0, 2 * size.count + 3),
            });
        }
    }
    for name in ["limit", "other limit"] {
        if random.chance(25) {
            let packing = packing(random, divisions, n_items, 2);
            assignment.limits.push(Limit {
                name: name.into(),
                groups: Arc::new(
                    (0..packing.base.len())
                        .map(|group| format!("g{group}"))
                        .collect(),
                ),
                packing,
                max: random.within(0, size.count),
            });
        }
    }
    if random.chance(40) {
        let items = random.subset(n_items, 60);
        let all: i64 = items
            .iter()
            .map(|&item| assignment.items[item as usize].count)
            .sum();
        let base = if random.chance(25) {
            random.within(0, 2)
        } else {
            0
        };
        let min = base + random.within(0, all + 1);
        assignment.gangs.push(Gang {
            name: "gang".into(),
            items,
            min,
            base,
        });
    }
    if random.chance(25) {
        let packing = packing(random, divisions, n_items, 1);
        let skew =
            packing.base.iter().max().unwrap_or(&0) - packing.base.iter().min().unwrap_or(&0);
        assignment.balances.push(Balance {
            name: "balance".into(),
            packing,
            max_skew: skew + random.within(0, 1),
        });
    }
}

/// Items by turns on two curves, some on none.
fn curves(random: &mut Random, n_items: u32) -> Vec<Curve> {
    let shape = |random: &mut Random| match random.within(0, 2) {
        0 => Shape::UpTo(random.within(0, 6)),
        _ => Shape::Logarithm(random.within(0, 3)),
    };
    let curve = |name: &str, first: u32, random: &mut Random| Curve {
        name: name.into(),
        weight: [1.0, 0.5, 0.3, 2.0][random.within(0, 3) as usize],
        shape: shape(random),
        base: random.within(0, 2),
        near: random.within(0, 9),
        terms: (first..n_items)
            .step_by(3)
            .map(|item| Term {
                item,
                value: random.within(0, 4),
            })
            .collect(),
    };
    vec![curve("left", 0, random), curve("right", 1, random)]
}

/// Costs of copies in three classes of bins.
fn costs(random: &mut Random, n_items: usize, n_bins: usize) -> Costs {
    let class_of = (0..n_bins).map(|_| random.within(0, 2) as u32).collect();
    let rate = |item| Rate {
        item,
        values: (0..3).map(|_| random.within(0, 5)).collect(),
    };
    Costs {
        class_of: Arc::new(class_of),
        rates: (0..n_items as u32).map(rate).collect(),
    }
}

fn add_stages(random: &mut Random, divisions: &[Arc<Vec<u32>>], assignment: &mut Assignment) {
    let (n_items, n_bins) = (assignment.items.len(), assignment.bins.len());
    let n_caps = assignment.caps.len() as u32;
    let equal = random.chance(50);
    let terms = |random: &mut Random| -> Vec<Term> {
        let value = |random: &mut Random| if equal { 1 } else { random.within(0, 4) };
        (0..n_items as u32)
            .map(|item| Term {
                item,
                value: value(random),
            })
            .collect()
    };
    let mut add = |name: &str, objective| {
        assignment.stages.push(Stage {
            name: name.into(),
            objective,
        });
    };
    if random.chance(20) {
        add("urgent", Objective::Value(terms(random)));
    }
    if random.chance(90) {
        add("placed", Objective::Value(terms(random)));
    }
    if random.chance(25) {
        let curves = curves(random, n_items as u32);
        add("utility", Objective::Utility(curves));
    }
    if random.chance(40) {
        let survival = |name: &str, random: &mut Random| Survival {
            name: name.into(),
            packing: packing(random, divisions, n_items, 2),
            need: random.within(0, 4),
        };
        let terms = vec![survival("a", random), survival("b", random)];
        add("short", Objective::Shortfall(terms));
    }
    if random.chance(70) {
        let loss = |name: &str, random: &mut Random| Loss {
            name: name.into(),
            packing: packing(random, divisions, n_items, 2),
            total: random.within(1, 7),
            weight: [1.0, 0.5, 0.3, 2.0][random.within(0, 3) as usize],
        };
        let terms = vec![loss("a", random), loss("b", random), loss("c", random)];
        add("spread", Objective::WorstShare(terms));
    }
    if random.chance(40) {
        let costs = costs(random, n_items, n_bins);
        add("cost", Objective::Cost(costs));
    }
    if random.chance(50) {
        let parts = (0..n_caps).map(|cap| Part {
            cap,
            base: random.within(0, 2),
            total: random.within(3, 12),
        });
        let parts = parts.collect();
        let least = random.within(0, 300) as f64;
        add("peak", Objective::Peak(Peak { least, parts }));
    }
    if random.chance(40) {
        let costs = (0..n_bins).map(|_| random.within(0, 2)).collect();
        add("opened", Objective::Opened(costs));
    }
}
