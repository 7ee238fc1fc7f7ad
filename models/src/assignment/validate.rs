//! What is wrong with the data of an [`Assignment`].

use std::collections::BTreeSet;

use super::devices::{LARGEST_DEVICES, WHOLE_DEVICE};
use super::types::{Assignment, Bin, Curve, DeviceNeed, Objective, Packing, Shape, Traffic, Yield};

/// Quantities and counts beyond this are refused, so that sums of products stay exact.
pub const LARGEST_QUANTITY: i64 = 1_000_000_000_000_000;

/// Counts of copies beyond this are refused: an item's, and those in place already.
pub const LARGEST_COUNT: i64 = 1_000_000_000;

/// Kinds of device beyond this are refused.
const LARGEST_KIND: f64 = 1000.0;

/// The position in [`Packing::group_of`] that means "in no group".
pub const NO_GROUP: u32 = u32::MAX;

/// Why an [`Assignment`] means nothing. `place` says where, as in `item web: demand`.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AssignmentFault {
    /// A list has the wrong length.
    #[error("{place} has {given} entries instead of {expected}")]
    Length {
        /// Where.
        place: String,
        /// Its length.
        given: usize,
        /// What it should be.
        expected: usize,
    },
    /// A list of positions is not strictly ascending.
    #[error("{place} is not strictly ascending")]
    Unsorted {
        /// Where.
        place: String,
    },
    /// A position beyond the end.
    #[error("{place} speaks of position {position}, and there are {length}")]
    Position {
        /// Where.
        place: String,
        /// The position.
        position: u32,
        /// How many there are.
        length: usize,
    },
    /// A number is negative, not finite, or too large.
    #[error("{place} is {value}, outside {lower}..={upper}")]
    Number {
        /// Where.
        place: String,
        /// The number.
        value: f64,
        /// The smallest that is allowed.
        lower: f64,
        /// The largest that is allowed.
        upper: f64,
    },
    /// A name is empty or used twice.
    #[error("{place} has a name that is empty or used already")]
    Name {
        /// Where.
        place: String,
    },
    /// An item is in two gangs.
    #[error("item {item} is in more than one gang")]
    TwoGangs {
        /// The item's name.
        item: String,
    },
    /// The counts that are there already differ by more than a balance allows.
    #[error("balance {name} is broken by its base: {skew} > {max_skew}")]
    BrokenBalance {
        /// The balance's name.
        name: String,
        /// The difference of the base counts.
        skew: i64,
        /// The largest difference allowed.
        max_skew: i64,
    },
}

impl Assignment {
    /// Whether the data mean anything.
    ///
    /// # Errors
    /// Every fault, in the order of the fields.
    pub fn validate(&self) -> Result<(), Vec<AssignmentFault>> {
        let mut check = Check {
            assignment: self,
            faults: Vec::new(),
        };
        check.items_and_bins();
        check.caps_and_limits();
        check.gangs_and_balances();
        check.stages();
        check.names();
        if check.faults.is_empty() {
            Ok(())
        } else {
            Err(check.faults)
        }
    }
}

struct Check<'a> {
    assignment: &'a Assignment,
    faults: Vec<AssignmentFault>,
}

impl Check<'_> {
    fn items_and_bins(&mut self) {
        let (n_resources, n_bins) = (self.assignment.resources.len(), self.assignment.bins.len());
        for item in &self.assignment.items {
            let place = |part: &str| format!("item {}: {part}", item.name);
            self.count(|| place("count"), item.count);
            self.length(|| place("demand"), item.demand.len(), n_resources);
            for &demand in &item.demand {
                self.amount(|| place("demand"), demand);
            }
            self.positions(|| place("eligible"), &item.eligible, n_bins);
            self.needs(|| place("devices"), &item.devices);
        }
        for bin in &self.assignment.bins {
            let place = || format!("bin {}: capacity", bin.name);
            self.length(place, bin.capacity.len(), n_resources);
            for &capacity in &bin.capacity {
                self.amount(place, capacity);
            }
            self.devices(bin);
        }
    }

    fn needs(&mut self, place: impl Fn() -> String, needs: &[DeviceNeed]) {
        if !needs.is_sorted_by(|left, right| left.kind < right.kind) {
            self.faults
                .push(AssignmentFault::Unsorted { place: place() });
        }
        let (largest_count, whole) = (LARGEST_DEVICES as f64, WHOLE_DEVICE as f64);
        for need in needs {
            self.number(&place, f64::from(need.kind), 0.0, LARGEST_KIND);
            self.number(&place, need.count as f64, 1.0, largest_count);
            self.number(&place, need.milli as f64, 1.0, whole);
        }
    }

    fn devices(&mut self, bin: &Bin) {
        let place = || format!("bin {}: devices", bin.name);
        self.number(place, bin.devices.len() as f64, 0.0, LARGEST_KIND);
        for devices in &bin.devices {
            self.number(place, devices.len() as f64, 0.0, LARGEST_DEVICES as f64);
            for &free in devices {
                self.number(place, free as f64, 0.0, WHOLE_DEVICE as f64);
            }
        }
    }

    fn caps_and_limits(&mut self) {
        let (n_items, n_bins) = (self.assignment.items.len(), self.assignment.bins.len());
        for cap in &self.assignment.caps {
            self.positions(|| format!("cap {}: items", cap.name), &cap.items, n_items);
            self.positions(|| format!("cap {}: bins", cap.name), &cap.bins, n_bins);
            self.amount(|| format!("cap {}: max", cap.name), cap.max);
            if !cap.weights.is_empty() {
                let place = || format!("cap {}: weights", cap.name);
                self.length(place, cap.weights.len(), cap.items.len());
                for &weight in &cap.weights {
                    self.amount(place, weight);
                }
            }
        }
        for limit in &self.assignment.limits {
            let place = |part: &str| format!("limit {}: {part}", limit.name);
            self.packing(&place("packing"), &limit.packing);
            self.length(
                || place("groups"),
                limit.groups.len(),
                limit.packing.base.len(),
            );
            self.amount(|| place("max"), limit.max);
        }
    }

    fn gangs_and_balances(&mut self) {
        let n_items = self.assignment.items.len();
        let mut in_gang = vec![false; n_items];
        for gang in &self.assignment.gangs {
            self.positions(
                || format!("gang {}: items", gang.name),
                &gang.items,
                n_items,
            );
            self.amount(|| format!("gang {}: min", gang.name), gang.min);
            self.count(|| format!("gang {}: base", gang.name), gang.base);
            for &item in &gang.items {
                if let Some(taken) = in_gang.get_mut(item as usize)
                    && std::mem::replace(taken, true)
                {
                    let item = self.assignment.items[item as usize].name.clone();
                    self.faults.push(AssignmentFault::TwoGangs { item });
                }
            }
        }
        for balance in &self.assignment.balances {
            self.packing(
                &format!("balance {}: packing", balance.name),
                &balance.packing,
            );
            self.amount(
                || format!("balance {}: max_skew", balance.name),
                balance.max_skew,
            );
            let base = &balance.packing.base;
            let skew = match (base.iter().max(), base.iter().min()) {
                (Some(most), Some(least)) => most.saturating_sub(*least),
                _ => 0,
            };
            if skew > balance.max_skew {
                self.faults.push(AssignmentFault::BrokenBalance {
                    name: balance.name.clone(),
                    skew,
                    max_skew: balance.max_skew,
                });
            }
        }
    }

    fn stages(&mut self) {
        for stage in &self.assignment.stages {
            let place = |part: &str| format!("stage {}: {part}", stage.name);
            match &stage.objective {
                Objective::Value(terms) => {
                    let items: Vec<u32> = terms.iter().map(|term| term.item).collect();
                    self.positions(|| place("items"), &items, self.assignment.items.len());
                    for term in terms {
                        self.amount(|| place("value"), term.value);
                    }
                }
                Objective::Yield(by_class) | Objective::Cost(by_class) => {
                    self.by_class(&place, by_class);
                }
                Objective::Utility(curves) => self.curves(&place, curves),
                Objective::Shortfall(terms) => {
                    for term in terms {
                        self.packing(&place(&term.name), &term.packing);
                        self.amount(|| place(&term.name), term.need.abs());
                    }
                }
                Objective::WorstShare(terms) => {
                    for term in terms {
                        self.packing(&place(&term.name), &term.packing);
                        self.number(
                            || place(&term.name),
                            term.total as f64,
                            1.0,
                            LARGEST_QUANTITY as f64,
                        );
                        self.number(|| place(&term.name), term.weight, 0.0, 1e9);
                    }
                }
                Objective::Span(terms) => {
                    for term in terms {
                        self.packing(&place(&term.name), &term.packing);
                        self.amount(|| place(&term.name), term.weight);
                    }
                }
                Objective::Traffic(traffic) => self.traffic(&place, traffic),
                Objective::Fragmentation(probes) => {
                    let (n_resources, n_bins) =
                        (self.assignment.resources.len(), self.assignment.bins.len());
                    for probe in probes {
                        self.length(|| place("demand"), probe.demand.len(), n_resources);
                        for &demand in &probe.demand {
                            self.amount(|| place("demand"), demand);
                        }
                        self.needs(|| place("devices"), &probe.devices);
                        self.positions(|| place("eligible"), &probe.eligible, n_bins);
                        self.count(|| place("weight"), probe.weight);
                    }
                }
                Objective::Peak(peak) => {
                    let caps: Vec<u32> = peak.parts.iter().map(|part| part.cap).collect();
                    self.positions(|| place("caps"), &caps, self.assignment.caps.len());
                    self.number(|| place("least"), peak.least, 0.0, 1e15);
                    for part in &peak.parts {
                        self.amount(|| place("base"), part.base);
                        let largest = LARGEST_QUANTITY as f64;
                        self.number(|| place("total"), part.total as f64, 1.0, largest);
                    }
                }
                Objective::Opened(costs) => {
                    self.length(|| place("costs"), costs.len(), self.assignment.bins.len());
                    for &cost in costs {
                        self.amount(|| place("cost"), cost);
                    }
                }
            }
        }
    }

    fn curves(&mut self, place: &impl Fn(&str) -> String, curves: &[Curve]) {
        let mut counted: BTreeSet<u32> = BTreeSet::new();
        for curve in curves {
            let place = || place(&curve.name);
            let items: Vec<u32> = curve.terms.iter().map(|term| term.item).collect();
            self.positions(place, &items, self.assignment.items.len());
            for term in &curve.terms {
                self.amount(place, term.value);
                if !counted.insert(term.item) {
                    self.faults
                        .push(AssignmentFault::Unsorted { place: place() });
                }
            }
            let (Shape::UpTo(bend) | Shape::Logarithm(bend)) = curve.shape;
            for amount in [curve.base, curve.near, bend] {
                self.amount(place, amount);
            }
            self.number(place, curve.weight, 0.0, 1e9);
        }
    }

    fn traffic(&mut self, place: &impl Fn(&str) -> String, traffic: &Traffic) {
        for &weight in &traffic.weights {
            self.amount(|| place("weight"), weight);
        }
        for end in &traffic.ends {
            let of_end = || place(&end.name);
            let (n_given, n_divisions) = (end.packings.len(), traffic.weights.len());
            self.length(of_end, n_given, n_divisions);
            self.number(of_end, end.total as f64, 1.0, LARGEST_COUNT as f64);
            for packing in &end.packings {
                self.packing(&of_end(), packing);
                if packing.items != end.packings[0].items {
                    self.length(of_end, packing.items.len(), end.packings[0].items.len());
                }
            }
        }
        // All ends count over the same groups.
        for (division, packings) in (0..traffic.weights.len()).map(|it| {
            (
                it,
                traffic
                    .ends
                    .iter()
                    .filter_map(move |end| end.packings.get(it)),
            )
        }) {
            let lengths: BTreeSet<usize> = packings.map(|packing| packing.base.len()).collect();
            if let (Some(&least), Some(&most)) = (lengths.first(), lengths.last())
                && least != most
            {
                self.length(|| place(&format!("division {division}")), least, most);
            }
        }
        for flow in &traffic.flows {
            for end in [flow.from, flow.to] {
                if end as usize >= traffic.ends.len() {
                    self.faults.push(AssignmentFault::Position {
                        place: place("flow"),
                        position: end,
                        length: traffic.ends.len(),
                    });
                }
            }
            self.amount(|| place("rate"), flow.rate);
        }
        self.unique("end", traffic.ends.iter().map(|end| end.name.as_str()));
    }

    fn by_class(&mut self, place: &impl Fn(&str) -> String, by_class: &Yield) {
        let n_bins = self.assignment.bins.len();
        self.length(|| place("classes"), by_class.class_of.len(), n_bins);
        let items: Vec<u32> = by_class.rates.iter().map(|rate| rate.item).collect();
        self.positions(|| place("items"), &items, self.assignment.items.len());
        let n_classes = (by_class.class_of.iter().max()).map_or(0, |&last| last as usize + 1);
        for rate in &by_class.rates {
            // More classes than bins have is no harm, fewer is.
            if rate.values.len() < n_classes {
                self.length(|| place("values"), rate.values.len(), n_classes);
            }
            for &value in &rate.values {
                self.amount(|| place("value"), value);
            }
        }
    }

    fn packing(&mut self, place: &str, packing: &Packing) {
        let place = || place.to_owned();
        self.positions(place, &packing.items, self.assignment.items.len());
        self.length(place, packing.group_of.len(), self.assignment.bins.len());
        let n_groups = packing.base.len();
        for &group in packing.group_of.iter() {
            if group != NO_GROUP && group as usize >= n_groups {
                self.faults.push(AssignmentFault::Position {
                    place: place(),
                    position: group,
                    length: n_groups,
                });
            }
        }
        for &base in &packing.base {
            self.count(place, base);
        }
    }

    /// Item, bin, rule and stage names are unique among their kind; the names of rules become row names.
    fn names(&mut self) {
        let assignment = self.assignment;
        self.unique(
            "item",
            assignment.items.iter().map(|item| item.name.as_str()),
        );
        self.unique("bin", assignment.bins.iter().map(|bin| bin.name.as_str()));
        let rules = (assignment.caps.iter().map(|rule| rule.name.as_str()))
            .chain(assignment.limits.iter().map(|rule| rule.name.as_str()))
            .chain(assignment.gangs.iter().map(|rule| rule.name.as_str()))
            .chain(assignment.balances.iter().map(|rule| rule.name.as_str()));
        self.unique("rule", rules);
        self.unique(
            "stage",
            assignment.stages.iter().map(|stage| stage.name.as_str()),
        );
        let stages = || assignment.stages.iter().map(|stage| &stage.objective);
        let losses = stages().flat_map(|objective| match objective {
            Objective::WorstShare(terms) => terms.as_slice(),
            _ => &[],
        });
        self.unique("loss", losses.map(|term| term.name.as_str()));
        let curves = stages().flat_map(|objective| match objective {
            Objective::Utility(curves) => curves.as_slice(),
            _ => &[],
        });
        self.unique("curve", curves.map(|curve| curve.name.as_str()));
        let survivals = stages().flat_map(|objective| match objective {
            Objective::Shortfall(terms) => terms.as_slice(),
            _ => &[],
        });
        self.unique("survival", survivals.map(|term| term.name.as_str()));
        let spans = stages().flat_map(|objective| match objective {
            Objective::Span(terms) => terms.as_slice(),
            _ => &[],
        });
        self.unique("span", spans.map(|term| term.name.as_str()));
    }

    fn unique<'n>(&mut self, kind: &str, names: impl Iterator<Item = &'n str>) {
        let mut seen = BTreeSet::new();
        for (position, name) in names.enumerate() {
            if name.is_empty() || !seen.insert(name) {
                let place = format!("{kind} {position} `{name}`");
                self.faults.push(AssignmentFault::Name { place });
            }
        }
    }

    fn length(&mut self, place: impl Fn() -> String, given: usize, expected: usize) {
        if given != expected {
            self.faults.push(AssignmentFault::Length {
                place: place(),
                given,
                expected,
            });
        }
    }

    fn positions(&mut self, place: impl Fn() -> String, positions: &[u32], length: usize) {
        if !positions.is_sorted_by(|left, right| left < right) {
            self.faults
                .push(AssignmentFault::Unsorted { place: place() });
        }
        if let Some(&position) = positions.iter().find(|&&at| at as usize >= length) {
            self.faults.push(AssignmentFault::Position {
                place: place(),
                position,
                length,
            });
        }
    }

    fn amount(&mut self, place: impl Fn() -> String, value: i64) {
        self.number(place, value as f64, 0.0, LARGEST_QUANTITY as f64);
    }

    fn count(&mut self, place: impl Fn() -> String, value: i64) {
        self.number(place, value as f64, 0.0, LARGEST_COUNT as f64);
    }

    fn number(&mut self, place: impl Fn() -> String, value: f64, lower: f64, upper: f64) {
        if !(lower..=upper).contains(&value) {
            self.faults.push(AssignmentFault::Number {
                place: place(),
                value,
                lower,
                upper,
            });
        }
    }
}
