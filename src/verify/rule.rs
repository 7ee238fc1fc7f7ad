//! The names of everything that the verifier checks.

use std::fmt;

use serde::{Serialize, Serializer};

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident = $name:literal;)*) => {
        /// One rule or claim; `docs/verify.md` says each with its formula.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])* $variant,)*
        }

        impl Rule {
            /// Every rule, in the order in which they are checked.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The rule's name in reports and documentation.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

rules! {
    /// The file's version is the one that this verifier knows.
    Version = "version";
    /// The plan answers this snapshot.
    Digest = "digest";
    /// Every name in the plan is a name of the snapshot (or of the plan's own classes).
    UnknownName = "unknown_name";
    /// Nothing is listed twice.
    Duplicate = "duplicate";
    /// Counts of instances are positive, amounts are not negative.
    Instances = "instances";
    /// Lists are in the order that the format states.
    Order = "order";
    /// What is placed on an agent fits into it.
    Capacity = "capacity";
    /// At most as many instances of a task as are wanted.
    Once = "once";
    /// New instances go only where the task's rules allow.
    Eligibility = "eligibility";
    /// An instance names the devices that its task asks for, and its agent has them.
    Devices = "devices";
    /// A device is not given away twice.
    DeviceCapacity = "device_capacity";
    /// A replica names one unit that may take its data, and nothing else names any.
    Unit = "unit";
    /// The data on a unit fits into it.
    UnitCapacity = "unit_capacity";
    /// The operations of the replicas on a unit are at most its own.
    UnitIops = "unit_iops";
    /// The bandwidth of the replicas on a unit is at most its own.
    UnitBandwidth = "unit_bandwidth";
    /// Replicas of a shard are in distinct domains, by their units and by their agents.
    Distinct = "distinct";
    /// At most so many instances per domain.
    Limit = "limit";
    /// Hard spread rules: counts of domains differ by at most the skew.
    Spread = "spread";
    /// All or nothing.
    Gang = "gang";
    /// Instances of batches have a start and an end, as far apart as their work takes.
    Times = "times";
    /// What follows something starts when that has ended and what it sends is there.
    Follows = "follows";
    /// What runs stays where it runs, unless it is listed as a move.
    Stays = "stays";
    /// Moves leave only places that break a rule, and stay within the job's budget.
    Moves = "moves";
    /// Instances go for others only for a job under a guarantee, which is placed, and none that could be spared.
    Preemption = "preemption";
    /// What is wanted and not placed is listed once, with a reason.
    Unplaced = "unplaced";
    /// The status says what the lists say.
    Status = "status";
    /// Every framework has one result, with its policy.
    Frameworks = "frameworks";
    /// A framework's counts of placed and wanted instances.
    Counts = "counts";
    /// Offers lie within what agents have beside what stays; new instances lie within offers.
    Offers = "offers";
    /// Single devices that are offered are there beside what stays; new instances hold no more of them.
    OfferedDevices = "offered_devices";
    /// Units that are offered are there beside what stays; new replicas take no more of them.
    UnitOffers = "unit_offers";
    /// No subtree of roles holds more than its limit.
    RoleLimit = "role_limit";
    /// What a role is promised is used by it, or held for it.
    Guarantee = "guarantee";
    /// The stages are those of the policy, in order, with their senses.
    Stages = "stages";
    /// A stage's objective is the value of the plan.
    Objective = "objective";
    /// A stage's bound is proved, and on the right side of the objective.
    Bound = "bound";
    /// Gaps follow from objectives and bounds.
    Gap = "gap";
    /// The constructive baseline is not better than the plan.
    Greedy = "greedy";
    /// Metrics of policies that the verifier knows are those of the plan.
    Metrics = "metrics";
    /// Utility, accepted, borrowed and lent are those of the plan.
    Share = "share";
    /// Weights follow from the role tree and sum to one.
    Weight = "weight";
    /// Frameworks left out of the certificate cannot place anything at all.
    Excluded = "excluded";
    /// The certificate is there, and its agent classes partition the agents.
    Classes = "classes";
    /// Prices and duals are at least 0, and every row is one that the verifier knows.
    Duals = "duals";
    /// Right-hand sides of the certificate's rows hold in every feasible allocation.
    Rows = "rows";
    /// The column test of every task on every class.
    Columns = "columns";
    /// Floors are reachable, by their witness.
    Floors = "floors";
    /// Epsilons follow from the published numbers.
    Epsilon = "epsilon";
    /// Welfare is that of the plan, and its bound is proved by the published prices, or claimed by search.
    Welfare = "welfare";
    /// The price of brokering and its losses follow from welfare and bound.
    Brokering = "brokering";
    /// Rents follow from the published duals.
    Rent = "rent";
    /// Envy numbers follow from the published prices.
    Envy = "envy";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Rule {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}
