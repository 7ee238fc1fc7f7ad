//! The parts of an [`Assignment`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::milp::Sense;

/// Items, bins, rules and stages; see the [module](crate::assignment).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// Names of the resources; every demand and capacity has this length.
    pub resources: Vec<String>,
    /// Classes of alike copies.
    pub items: Vec<Item>,
    /// Places.
    pub bins: Vec<Bin>,
    /// Upper limits on counts over one set of bins each.
    pub caps: Vec<Cap>,
    /// Upper limits on counts over every group of a division of the bins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<Limit>,
    /// All or nothing.
    pub gangs: Vec<Gang>,
    /// Even counts.
    pub balances: Vec<Balance>,
    /// Lexicographic objective, the most important first.
    pub stages: Vec<Stage>,
}

/// A class of alike copies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Unique name.
    pub name: String,
    /// How many copies want a place.
    pub count: i64,
    /// What one copy needs, by resource.
    pub demand: Vec<i64>,
    /// Bins that it may go to, ascending. Shared: many items have the same set.
    #[serde(with = "shared")]
    pub eligible: Arc<Vec<u32>>,
    /// The devices that one copy needs beside its demand; kinds ascending, each at most once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<DeviceNeed>,
}

/// One copy needs `count` distinct devices of a kind in its bin, and a part of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DeviceNeed {
    /// Position in [`Bin::devices`].
    pub kind: u32,
    /// How many distinct devices, at least 1.
    pub count: i64,
    /// Thousandths of each of them: `1..=1000`.
    pub milli: i64,
}

/// A place with vector capacity.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bin {
    /// Unique name.
    pub name: String,
    /// What it holds, by resource; never negative.
    pub capacity: Vec<i64>,
    /// By kind, the thousandths that are free of each device: `0..=1000`. Kinds beyond the end have none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<Vec<i64>>,
}

/// At most `max` copies of `items` in `bins` together (what is there already is subtracted by whoever builds it); where copies have
/// weights, at most `max` of weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cap {
    /// Unique row name.
    pub name: String,
    /// Item positions, ascending.
    #[serde(with = "shared")]
    pub items: Arc<Vec<u32>>,
    /// Bin positions, ascending.
    #[serde(with = "shared")]
    pub bins: Arc<Vec<u32>>,
    /// Most copies, or most weight; never negative.
    pub max: i64,
    /// The weight of one copy of each item, at least 0 (shape: `items`); empty where each counts 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub weights: Vec<i64>,
}

/// At most `max` copies in each group, `base` included; a group that `base` already overfills takes none.
///
/// One limit stands for as many [`Cap`]s as it has groups, and costs no more than their counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Unique name; the row of a group is called `name[group]`.
    pub name: String,
    /// Names of the groups (shape: groups). Shared between limits.
    #[serde(with = "shared")]
    pub groups: Arc<Vec<String>>,
    /// What is counted, and over which groups.
    pub packing: Packing,
    /// Most copies in one group; never negative.
    pub max: i64,
}

/// `base` plus the copies placed of `items` is 0 or at least `min`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gang {
    /// Unique row name.
    pub name: String,
    /// Item positions, ascending; an item is in at most one gang.
    pub items: Vec<u32>,
    /// Least useful number.
    pub min: i64,
    /// Copies in place already. If positive, the gang exists: at least `min` is wanted only as far as
    /// `base < min` allows (the row then reads: placed is 0 or at least `min - base`).
    pub base: i64,
}

/// Counts over groups: `max_g (base_g + x_g) - min_g (base_g + x_g) <= max_skew`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Unique row name.
    pub name: String,
    /// What is counted, and where.
    pub packing: Packing,
    /// Largest difference allowed; builders raise it to what `base` already breaks.
    pub max_skew: i64,
}

/// Counts of some items over disjoint groups of bins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Packing {
    /// Item positions, ascending.
    #[serde(with = "shared")]
    pub items: Arc<Vec<u32>>,
    /// Group of each bin (shape: bins); `u32::MAX` for bins in no group. Shared between packings.
    #[serde(with = "shared")]
    pub group_of: Arc<Vec<u32>>,
    /// Copies in each group already (shape: groups); groups without any bin count too.
    pub base: Vec<i64>,
}

/// One stage of a lexicographic objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Unique name.
    pub name: String,
    /// What is optimized; its sense follows from the kind.
    pub objective: Objective,
}

/// The kinds of objective.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Objective {
    /// Maximize `sum of value x copies placed`.
    Value(Vec<Term>),
    /// Maximize the same where the value of a copy depends on its bin.
    Yield(Yield),
    /// Maximize `sum over curves of weight x shape(base + sum of value x copies placed)`: concave functions of values placed.
    Utility(Vec<Curve>),
    /// Minimize `sum of cost x copies placed`, where the cost of a copy depends on its bin.
    Cost(Costs),
    /// Minimize `sum over terms of max(0, need - (placed - max_g placed_g))`, `base` included in both.
    Shortfall(Vec<Survival>),
    /// Minimize `sum over terms of weight x max_g (base_g + x_g) / total`.
    WorstShare(Vec<Loss>),
    /// Minimize `sum over terms of weight x how many groups hold a copy of the term`, `base` included.
    Span(Vec<Span>),
    /// Minimize what flows between copies of different groups.
    Traffic(Traffic),
    /// Minimize the free devices that copies to come could not use, `sum over bins and probes of weight x unusable thousandths`.
    Fragmentation(Vec<Probe>),
    /// Minimize the sum of the costs of bins that hold at least one copy (shape: bins; 0 = open already).
    Opened(Vec<i64>),
    /// Minimize the largest used part of some caps, in thousandths of what they hold in all.
    Peak(Peak),
}

/// How full the fullest of some caps is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Peak {
    /// Never less than this, in thousandths.
    pub least: f64,
    /// What is compared; caps ascending, each at most once.
    pub parts: Vec<Part>,
}

/// One cap of a [`Peak`]: `1000 x (base + what is placed under it) / total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Position in [`Assignment::caps`].
    pub cap: u32,
    /// What is used already, at least 0.
    pub base: i64,
    /// What there is in all, at least 1.
    pub total: i64,
}

/// A value for each placed copy of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Term {
    /// Item position.
    pub item: u32,
    /// Value of one copy, at least 0.
    pub value: i64,
}

/// Values (or costs) of copies by item and class of bins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Yield {
    /// Class of each bin (shape: bins). Shared between stages.
    #[serde(with = "shared")]
    pub class_of: Arc<Vec<u32>>,
    /// Items ascending; an item without a rate is worth nothing.
    pub rates: Vec<Rate>,
}

/// Costs of copies by item and class of bins: an item without a rate costs nothing.
pub type Costs = Yield;

/// The value (or cost) of each placed copy of an item, by the class of its bin.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Item position.
    pub item: u32,
    /// Value (or cost) of one copy, at least 0, by class.
    pub values: Vec<i64>,
}

/// A weighted concave function of the value placed of some items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Curve {
    /// Unique name, over all stages.
    pub name: String,
    /// Weight, at least 0.
    pub weight: f64,
    /// The function.
    pub shape: Shape,
    /// Value there already, at least 0.
    pub base: i64,
    /// A value placed at which programs are to follow the function most closely; it changes no value.
    pub near: i64,
    /// Values of the items that count, ascending; an item counts in at most one curve of a stage.
    pub terms: Vec<Term>,
}

/// Concave functions of whole numbers from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// `min(y, most)`.
    UpTo(i64),
    /// `ln y` from `least`, at least 1, on; below, the straight line that touches it there.
    Logarithm(i64),
}

/// How many copies must survive the loss of any one group. Copies in bins of no group count, and no group takes them along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Survival {
    /// Name of the rule.
    pub name: String,
    /// What is counted, and over which groups.
    pub packing: Packing,
    /// Copies that must be left.
    pub need: i64,
}

/// A weighted worst fraction lost with one group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// Name of the rule.
    pub name: String,
    /// What is counted, and over which groups.
    pub packing: Packing,
    /// Denominator: copies wanted in all, at least 1.
    pub total: i64,
    /// Weight, at least 0.
    pub weight: f64,
}

/// What may be asked for later: a shape of copies, and how much it counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// What one copy would need, by resource.
    pub demand: Vec<i64>,
    /// The devices that it would need; kinds ascending, each at most once.
    pub devices: Vec<DeviceNeed>,
    /// Bins that it might go to, ascending.
    #[serde(with = "shared")]
    pub eligible: Arc<Vec<u32>>,
    /// Weight, as a share of all that may be asked for, at least 0.
    pub weight: i64,
}

/// Copies that are to stay together: each group that holds any of them costs the weight.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Name of the rule.
    pub name: String,
    /// What is counted, and over which groups. Copies in bins of no group cost nothing.
    pub packing: Packing,
    /// Cost of a group, at least 0.
    pub weight: i64,
}

/// What copies send to each other, and what it costs that they are apart.
///
/// A flow is spread evenly over all pairs of copies of its two ends. Its part between copies in one group of a division costs nothing
/// there, the rest costs the division's weight: with `c[e,g]` the copies of end `e` in group `g` (`base` included) and `n[e]` the copies of
/// `e` in all, `sum over divisions of weight x sum over flows of rate x (1 - sum_g c[from,g] c[to,g] / (n[from] n[to]))`. Copies
/// without a place are apart from all others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Ways to group bins, the closest first: the weight of what crosses their groups, at least 0.
    pub weights: Vec<i64>,
    /// What sends and receives.
    pub ends: Vec<End>,
    /// What is sent.
    pub flows: Vec<Flow>,
}

/// Copies that send and receive alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct End {
    /// Unique name.
    pub name: String,
    /// The copies wanted in all, at least 1.
    pub total: i64,
    /// What is counted, and over which groups: one packing per division, all of the same items.
    pub packings: Vec<Packing>,
}

/// What all copies of one end send to all of another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// Position of the end that sends.
    pub from: u32,
    /// Position of the end that receives; it may be the same.
    pub to: u32,
    /// How much, at least 0.
    pub rate: i64,
}

impl Traffic {
    /// What one copy of either end contributes for each copy of the other in its group, weight of the division included.
    #[must_use]
    pub fn per_pair(&self, flow: &Flow, division: usize) -> f64 {
        let total = |end: u32| self.ends[end as usize].total.max(1) as f64;
        self.weights[division] as f64 * flow.rate as f64 / total(flow.from) / total(flow.to)
    }

    /// A number that makes [`per_pair`](Self::per_pair) of every flow whole, and all sums of them exact; `None` if there is none so small.
    #[must_use]
    pub fn common(&self) -> Option<i64> {
        const EXACT: f64 = (1_u64 << 52) as f64;
        let mut common = 1_i64;
        for flow in self.flows.iter().filter(|flow| flow.rate > 0) {
            let total = |end: u32| self.ends[end as usize].total.max(1);
            let pairs = total(flow.from).checked_mul(total(flow.to))?;
            let divisor = greatest_common_divisor(common, pairs);
            common = (common / divisor).checked_mul(pairs)?;
        }
        (common as f64 * self.apart().max(1.0) <= EXACT).then_some(common)
    }

    /// [`per_pair`](Self::per_pair) times [`common`](Self::common), without the rounding of the one or the other.
    #[must_use]
    pub fn per_pair_scaled(&self, flow: &Flow, division: usize, common: i64) -> f64 {
        let total = |end: u32| self.ends[end as usize].total.max(1);
        let pairs = common / (total(flow.from) * total(flow.to)).max(1);
        (i128::from(self.weights[division]) * i128::from(flow.rate) * i128::from(pairs)) as f64
    }

    /// What it would cost if no two copies were together.
    #[must_use]
    pub fn apart(&self) -> f64 {
        let rates: i128 = self.flows.iter().map(|flow| i128::from(flow.rate)).sum();
        let weights: i128 = self.weights.iter().map(|&weight| i128::from(weight)).sum();
        (rates * weights) as f64
    }
}

/// The largest number that divides both.
pub(super) fn greatest_common_divisor(left: i64, right: i64) -> i64 {
    if right == 0 {
        left
    } else {
        greatest_common_divisor(right, left % right)
    }
}

impl Cap {
    /// What one copy of the item counts where the cap applies.
    #[must_use]
    pub fn weight(&self, item: u32) -> i64 {
        // Items ascend: one that is as far down as its number says has all smaller ones before it. Caps of all items are common.
        let at = match self.items.get(item as usize) {
            Some(&there) if there == item => Ok(item as usize),
            _ => self.items.binary_search(&item),
        };
        at.map_or(0, |at| self.weights.get(at).copied().unwrap_or(1))
    }

    /// The items that count, with what one copy does.
    pub fn weighted(&self) -> impl Iterator<Item = (u32, i64)> + '_ {
        let weight = |at: usize| self.weights.get(at).copied().unwrap_or(1);
        let items = self.items.iter().enumerate();
        items.map(move |(at, &item)| (item, weight(at)))
    }
}

impl Part {
    /// The used part in thousandths where so much is placed under the cap.
    #[must_use]
    pub fn used(&self, placed: i128) -> f64 {
        1000.0 * (i128::from(self.base) + placed) as f64 / self.total as f64
    }
}

impl Limit {
    /// The name of a group's row.
    #[must_use]
    pub fn row_name(&self, group: usize) -> String {
        format!("{}[{}]", self.name, self.groups[group])
    }

    /// How many more copies a group may take than `base`. Groups beyond its own hold no bins, and nothing yet.
    #[must_use]
    pub fn room(&self, group: usize) -> i64 {
        let base = self.packing.base.get(group).copied().unwrap_or(0);
        (self.max - base).max(0)
    }
}

impl Objective {
    /// Whether more or less is better.
    #[must_use]
    pub fn sense(&self) -> Sense {
        match self {
            Self::Value(_) | Self::Yield(_) | Self::Utility(_) => Sense::Maximize,
            Self::Cost(_)
            | Self::Shortfall(_)
            | Self::WorstShare(_)
            | Self::Span(_)
            | Self::Traffic(_)
            | Self::Fragmentation(_)
            | Self::Opened(_)
            | Self::Peak(_) => Sense::Minimize,
        }
    }
}

/// A shared list is written as the list.
mod shared {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<T: Serialize, S: Serializer>(
        list: &Arc<T>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        list.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Arc<T>, D::Error> {
        T::deserialize(deserializer).map(Arc::new)
    }
}
