//! What stages measure.

/// What a stage of the policy `service` measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) enum Measure {
    /// Value placed, of one priority or of all.
    Placed(Option<i64>),
    /// The same times speed.
    Throughput(Option<i64>),
    /// Instances missing from what must survive the loss of a domain.
    MinAvailable,
    /// Weighted worst fractions lost with one domain.
    Spread,
    /// Agents opened by new instances on which nothing stays running.
    AgentsUsed,
    /// Domains used by jobs of several instances, agents among them.
    Span,
    /// What a `mapreduce` framework reads over the network.
    Network,
    /// What it shuffles across racks.
    Shuffle,
    /// The same of one that plans ahead, and when its instances end.
    Ahead(Timed),
    /// What tasks send between agents, and between racks, each times a weight.
    Traffic {
        /// Weight of what flows between agents.
        agents: i128,
        /// What it weighs more between racks.
        racks: i128,
        /// Whether it is what the policy is about, or only breaks ties.
        quality: bool,
    },
    /// The end of the last instance, in milliseconds.
    Makespan {
        /// Whether it is what the policy is about, or only breaks ties.
        quality: bool,
    },
    /// The ends of all instances.
    Completion,
    /// Operations times hops, and what is copied.
    Distance,
    /// The used part of the fullest unit.
    Utilization,
    /// What only breaks ties, and is taken as it is told.
    Claimed,
}

/// What a stage of a `mapreduce` framework that plans ahead measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::verify) enum Timed {
    Placed,
    Makespan,
    Network,
    Shuffle,
    Completion,
}

impl Measure {
    pub(super) fn breaks_ties(self) -> bool {
        match self {
            Self::AgentsUsed | Self::Completion | Self::Claimed => true,
            Self::Ahead(timed) => timed == Timed::Completion,
            Self::Traffic { quality, .. } | Self::Makespan { quality } => !quality,
            Self::Placed(_) | Self::Throughput(_) => false,
            Self::MinAvailable | Self::Spread | Self::Span => false,
            Self::Network | Self::Shuffle | Self::Distance | Self::Utilization => false,
        }
    }
}
