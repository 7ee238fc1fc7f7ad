//! Places items from one CSV file into bins with devices from another, and says how far the plan may be from the best.
//!
//! ```text
//! cargo run --release -p apportion-models --example devices -- BINS.csv ITEMS.csv \
//!     capacity=cpu_milli,memory_mib devices=gpu class=model \
//!     demand=cpu_milli,memory_mib count=num_gpu milli=gpu_milli only=gpu_spec \
//!     fill=130 seed=1 seconds=60
//! ```
//!
//! Every setting up to `only` names columns: of the bins, what they hold, how many devices they have, and their class; of the
//! items, what one copy needs, how many devices, how many thousandths of each, and the classes that it may go to (`a|b`; all, if
//! empty). With `fill`, items are drawn with repetition until they ask for so many percent of all devices. An item is worth the
//! thousandths that it takes; with `value=1`, all items are worth the same. With `fragments=20`, a second stage keeps devices usable for
//! the twenty shapes that most items have.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use apportion_models::assignment::{
    Assignment, Bin, DeviceNeed, Item, LadderOptions, Objective, Probe, Stage, Term, WHOLE_DEVICE,
    solve,
};
use apportion_models::default_solver;

type Fallible<T> = Result<T, Box<dyn Error>>;

fn main() -> Fallible<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [bins, items, settings @ ..] = arguments.as_slice() else {
        return Err("usage: devices BINS.csv ITEMS.csv [setting=value]...".into());
    };
    let settings: BTreeMap<&str, &str> = (settings.iter())
        .filter_map(|setting| setting.split_once('='))
        .collect();
    let (bins, items) = (Table::read(bins)?, Table::read(items)?);
    let began = Instant::now();
    let assignment = assignment(&bins, &items, &settings)?;
    assignment
        .validate()
        .map_err(|faults| faults[0].to_string())?;
    let options = LadderOptions {
        deadline: match settings.get("seconds") {
            Some(seconds) => Some(began + Duration::from_secs_f64(seconds.parse()?)),
            None => None,
        },
        ..LadderOptions::new(default_solver())
    };
    let solved = solve(&assignment, None, &options);
    let took = began.elapsed();
    let copies = |entries: &[(u32, u32, i64)]| entries.iter().map(|entry| entry.2).sum::<i64>();
    println!(
        "{} of {} copies placed in {took:.1?}, {} faults, stopped: {:?}",
        copies(solved.placement.entries()),
        assignment.items.iter().map(|item| item.count).sum::<i64>(),
        assignment.faults(&solved.placement).len(),
        solved.stopped,
    );
    for stage in &solved.stages {
        println!(
            "{}: {} bound {:?} gap {:.3} % greedy {:?}",
            stage.name,
            stage.objective,
            stage.bound,
            100.0 * stage.gap().unwrap_or(f64::NAN),
            stage.greedy,
        );
    }
    let devices = bins_devices(&assignment);
    println!("devices: {devices} thousandths");
    for failure in &solved.failures {
        println!("failure: {failure}");
    }
    Ok(())
}

fn bins_devices(assignment: &Assignment) -> i64 {
    assignment
        .bins
        .iter()
        .flat_map(|bin| bin.devices.iter().flatten())
        .sum()
}

/// A CSV file without quotes.
struct Table {
    header: BTreeMap<String, usize>,
    rows: Vec<Vec<String>>,
}

impl Table {
    fn read(path: &str) -> Fallible<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
        let split = |line: &str| line.split(',').map(|cell| cell.trim().to_owned()).collect();
        let mut lines = text.lines();
        let header: Vec<String> = split(lines.next().unwrap_or_default());
        Ok(Self {
            header: header.into_iter().zip(0..).collect(),
            rows: lines.map(split).collect(),
        })
    }

    fn text<'t>(&'t self, row: &'t [String], column: Option<&&str>) -> Fallible<&'t str> {
        let Some(&column) = column else {
            return Ok("");
        };
        let at = self.header.get(column);
        Ok(at.and_then(|&at| row.get(at)).map_or("", String::as_str))
    }

    fn number(&self, row: &[String], column: &str) -> Fallible<i64> {
        let at = *self
            .header
            .get(column)
            .ok_or_else(|| format!("no column {column}"))?;
        let cell = row
            .get(at)
            .ok_or_else(|| format!("a row has no {column}"))?;
        Ok(cell
            .parse::<f64>()
            .map_err(|error| format!("{column}: {cell}: {error}"))? as i64)
    }

    fn numbers(&self, row: &[String], columns: &str) -> Fallible<Vec<i64>> {
        columns
            .split(',')
            .map(|column| self.number(row, column))
            .collect()
    }
}

fn assignment(
    bins: &Table,
    items: &Table,
    settings: &BTreeMap<&str, &str>,
) -> Fallible<Assignment> {
    let setting = |key: &str| {
        settings
            .get(key)
            .copied()
            .ok_or_else(|| format!("no {key}=..."))
    };
    let mut made = Assignment {
        resources: setting("capacity")?.split(',').map(str::to_owned).collect(),
        ..Assignment::default()
    };
    let mut classes = Vec::new();
    for (row, position) in bins.rows.iter().zip(0..) {
        let n_devices = bins.number(row, setting("devices")?)? as usize;
        classes.push(bins.text(row, settings.get("class"))?);
        made.bins.push(Bin {
            name: format!("bin{position}"),
            capacity: bins.numbers(row, setting("capacity")?)?,
            devices: vec![vec![WHOLE_DEVICE; n_devices]],
        });
    }
    let mut eligible: BTreeMap<&str, Arc<Vec<u32>>> = BTreeMap::new();
    let mut terms = Vec::new();
    for (row, item) in chosen(bins, items, settings)?.into_iter().zip(0_u32..) {
        let only = items.text(row, settings.get("only"))?;
        let bins = eligible.entry(only).or_insert_with(|| {
            let is_allowed =
                |class: &str| only.is_empty() || only.split('|').any(|one| one == class);
            let bins = (0_u32..)
                .zip(&classes)
                .filter(|(_, class)| is_allowed(class));
            Arc::new(bins.map(|(bin, _)| bin).collect())
        });
        let (count, milli) = (
            items.number(row, setting("count")?)?,
            items.number(row, setting("milli")?)?,
        );
        let need = DeviceNeed {
            kind: 0,
            count,
            milli,
        };
        made.items.push(Item {
            name: format!("item{item}"),
            count: 1,
            demand: items.numbers(row, setting("demand")?)?,
            eligible: Arc::clone(bins),
            devices: if count > 0 { vec![need] } else { Vec::new() },
        });
        let value = settings
            .get("value")
            .map_or(Ok(count * milli), |value| value.parse())?;
        terms.push(Term { item, value });
    }
    made.stages = vec![Stage {
        name: "placed".to_owned(),
        objective: Objective::Value(terms),
    }];
    if let Some(n_probes) = settings.get("fragments") {
        let probes = most_frequent(&made, n_probes.parse()?);
        made.stages.push(Stage {
            name: "fragments".to_owned(),
            objective: Objective::Fragmentation(probes),
        });
    }
    Ok(made)
}

/// Demand, devices and bins.
type Shape<'a> = (&'a [i64], &'a [DeviceNeed], &'a Arc<Vec<u32>>);

/// The shapes that most items have, weighed by how many.
fn most_frequent(assignment: &Assignment, n_probes: usize) -> Vec<Probe> {
    let mut counts: BTreeMap<Shape<'_>, i64> = BTreeMap::new();
    for item in &assignment.items {
        if !item.devices.is_empty() {
            let shape = (&*item.demand, &*item.devices, &item.eligible);
            *counts.entry(shape).or_insert(0) += 1;
        }
    }
    let mut shapes: Vec<(Shape<'_>, i64)> = counts.into_iter().collect();
    shapes.sort_by_key(|shape| -shape.1);
    (shapes.into_iter().take(n_probes))
        .map(|((demand, devices, eligible), weight)| Probe {
            demand: demand.to_vec(),
            devices: devices.to_vec(),
            eligible: Arc::clone(eligible),
            weight,
        })
        .collect()
}

/// The rows of the items, or a drawing of them.
fn chosen<'t>(
    bins: &Table,
    items: &'t Table,
    settings: &BTreeMap<&str, &str>,
) -> Fallible<Vec<&'t [String]>> {
    let Some(fill) = settings.get("fill") else {
        return Ok(items.rows.iter().map(Vec::as_slice).collect());
    };
    let column = |key: &str| settings.get(key).copied().unwrap_or_default();
    let mut left = 0;
    for row in &bins.rows {
        left += bins.number(row, column("devices"))? * WHOLE_DEVICE * fill.parse::<i64>()? / 100;
    }
    let mut random: u64 = settings.get("seed").map_or(Ok(0), |seed| seed.parse())?;
    let mut rows = Vec::new();
    while left > 0 {
        let row = &items.rows[(split_mix(&mut random) % items.rows.len() as u64) as usize];
        left -= items.number(row, column("count"))? * items.number(row, column("milli"))?;
        rows.push(row.as_slice());
    }
    Ok(rows)
}

/// SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut mixed = *state;
    mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ mixed >> 31
}
