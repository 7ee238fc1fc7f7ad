//! Assignments of the size of a cluster.

use std::sync::Arc;

use apportion_models::assignment::{
    Assignment, Bin, Item, Limit, Loss, Objective, Packing, Stage, Survival, Term,
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
