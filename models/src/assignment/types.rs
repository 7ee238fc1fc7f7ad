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
    /// Minimize `sum of cost x copies placed`, where the cost of a copy depends on its bin.
    Cost(Costs),
    /// Minimize `sum over terms of max(0, need - (placed - max_g placed_g))`, `base` included in both.
    Shortfall(Vec<Survival>),
    /// Minimize `sum over terms of weight x max_g (base_g + x_g) / total`.
    WorstShare(Vec<Loss>),
    /// Minimize `sum over terms of weight x how many groups hold a copy of the term`, `base` included.
    Span(Vec<Span>),
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

impl Cap {
    /// What one copy of the item counts where the cap applies.
    #[must_use]
    pub fn weight(&self, item: u32) -> i64 {
        match self.items.binary_search(&item) {
            Ok(at) => self.weights.get(at).copied().unwrap_or(1),
            Err(_) => 0,
        }
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
            Self::Value(_) | Self::Yield(_) => Sense::Maximize,
            Self::Cost(_)
            | Self::Shortfall(_)
            | Self::WorstShare(_)
            | Self::Span(_)
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
