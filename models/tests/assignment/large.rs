//! Assignments of the size of a cluster.

use std::sync::Arc;

use super::generate::Random;

use apportion_models::assignment::{
    Assignment, Bin, DeviceNeed, Item, Limit, Loss, Objective, Packing, Stage, Survival, Term,
    WHOLE_DEVICE,
};

/// Jobs spread over zones, circuits, racks and bins; `fill` percent of the capacity is asked for.
pub fn spread(n_bins: usize, n_jobs: usize, copies: i64, fill: i64) -> Assignment {
    let divisions: Vec<(&str, Arc<Vec<u32>>)> = [
        ("zone", n_bins.div_ceil(4)),
        ("circuit", n_bins.div_ceil(20)),
        ("rack", n_bins.div_ceil(100)),
        ("bin", 1),
    ]
    .into_iter()
    .map(|(level, width)| {
        (
            level,
            Arc::new((0..n_bins).map(|bin| (bin / width) as u32).collect()),
        )
    })
    .collect();
    let demand = |job: usize| vec![500 + 250 * (job % 5) as i64, 1000 + 500 * (job % 3) as i64];
    let asked: [i64; 2] =
        std::array::from_fn(|resource| (0..n_jobs).map(|job| demand(job)[resource] * copies).sum());
    let bins = (0..n_bins)
        .map(|bin| {
            // Two kinds of bins, one half as large.
            let share =
                |asked: i64| asked * 100 / fill / n_bins as i64 * (2 + (bin % 3) as i64) / 3;
            Bin {
                name: format!("b{bin}"),
                capacity: asked.iter().map(|&asked| share(asked)).collect(),
                ..Bin::default()
            }
        })
        .collect();
    let everywhere: Arc<Vec<u32>> = Arc::new((0..n_bins as u32).collect());
    let items = (0..n_jobs)
        .map(|job| Item {
            name: format!("j{job}"),
            count: copies,
            demand: demand(job),
            eligible: Arc::clone(&everywhere),
            ..Item::default()
        })
        .collect();
    let packing = |job: usize, group_of: &Arc<Vec<u32>>| Packing {
        items: Arc::new(vec![job as u32]),
        group_of: Arc::clone(group_of),
        base: vec![
            0;
            group_of
                .iter()
                .copied()
                .max()
                .map_or(0, |group| group as usize + 1)
        ],
    };
    let names: Arc<Vec<String>> = Arc::new((0..n_bins).map(|bin| format!("b{bin}")).collect());
    let limits = (0..n_jobs)
        .step_by(4)
        .map(|job| Limit {
            name: format!("limit[j{job}]"),
            groups: Arc::clone(&names),
            packing: packing(job, &divisions[3].1),
            max: 2,
        })
        .collect();
    let losses = (0..n_jobs)
        .flat_map(|job| divisions.iter().map(move |division| (job, division)))
        .map(|(job, (level, group_of))| Loss {
            name: format!("spread[j{job},{level}]"),
            packing: packing(job, group_of),
            total: copies,
            weight: 1.0,
        })
        .collect();
    let survivals = (0..n_jobs)
        .step_by(10)
        .map(|job| Survival {
            name: format!("min_available[j{job}]"),
            packing: packing(job, &divisions[2].1),
            need: copies * 9 / 10,
        })
        .collect();
    let values = (0..n_jobs as u32)
        .map(|item| Term { item, value: 1 })
        .collect();
    Assignment {
        resources: vec!["cpu".into(), "memory".into()],
        items,
        bins,
        limits,
        stages: vec![
            Stage {
                name: "placed".into(),
                objective: Objective::Value(values),
            },
            Stage {
                name: "min_available".into(),
                objective: Objective::Shortfall(survivals),
            },
            Stage {
                name: "spread".into(),
                objective: Objective::WorstShare(losses),
            },
            Stage {
                name: "packed".into(),
                objective: Objective::Opened(vec![1; n_bins]),
            },
        ],
        ..Assignment::default()
    }
}

/// Bins with up to eight devices, and single items that take them in part or whole; they ask for `fill` percent of all devices.
///
/// The other resources are enough for the average item, and too little for many fillings. An item is worth the thousandths it takes.
pub fn devices(seed: u64, n_bins: usize, fill: i64) -> Assignment {
    let random = &mut Random::new(seed);
    let kinds_of_bins = [
        (8, 96, 384),
        (2, 104, 512),
        (2, 16, 120),
        (4, 32, 128),
        (1, 8, 32),
    ];
    let bins: Vec<Bin> = (0..n_bins)
        .map(|bin| {
            let (n_devices, cpu, memory) =
                kinds_of_bins[[0, 0, 0, 1, 1, 1, 2, 2, 3, 4][random.within(0, 9) as usize]];
            Bin {
                name: format!("b{bin}"),
                capacity: vec![1000 * cpu, 1024 * memory],
                devices: vec![vec![WHOLE_DEVICE; n_devices]],
            }
        })
        .collect();
    let all: i64 = bins
        .iter()
        .flat_map(|bin| bin.devices.iter().flatten())
        .sum();
    let everywhere: Arc<Vec<u32>> = Arc::new((0..n_bins as u32).collect());
    let some: Arc<Vec<u32>> = Arc::new((0..n_bins as u32).filter(|bin| bin % 3 > 0).collect());
    let shapes: Vec<Item> = (0..60)
        .map(|_| {
            let (count, milli) = match random.within(0, 9) {
                0 => ([2, 4, 8][random.within(0, 2) as usize], WHOLE_DEVICE),
                1..=4 => (1, WHOLE_DEVICE),
                _ => (1, 10 * random.within(5, 85)),
            };
            let part = count * milli;
            Item {
                count: 1,
                demand: vec![part * random.within(3, 14), 5 * part * random.within(4, 11)],
                eligible: Arc::clone(if random.chance(80) {
                    &everywhere
                } else {
                    &some
                }),
                devices: vec![DeviceNeed {
                    kind: 0,
                    count,
                    milli,
                }],
                ..Item::default()
            }
        })
        .collect();
    let (mut items, mut terms, mut left) = (Vec::new(), Vec::new(), all * fill / 100);
    while left > 0 {
        let shape = &shapes[random.within(0, shapes.len() as i64 - 1) as usize];
        let need = shape.devices[0];
        terms.push(Term {
            item: items.len() as u32,
            value: need.count * need.milli,
        });
        left -= need.count * need.milli;
        items.push(Item {
            name: format!("i{}", items.len()),
            ..shape.clone()
        });
    }
    Assignment {
        resources: vec!["r0".into(), "r1".into()],
        items,
        bins,
        stages: vec![Stage {
            name: "placed".into(),
            objective: Objective::Value(terms),
        }],
        ..Assignment::default()
    }
}
