//! What may be wrong with the input of online planning.

/// One input fault: where, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {code}")]
pub struct Fault {
    /// Where it is, as a path into the input.
    pub place: String,
    /// What is wrong there.
    pub code: FaultCode,
}

impl Fault {
    pub(super) fn new(place: String, code: FaultCode) -> Self {
        Self { place, code }
    }
}

/// What is wrong, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultCode {
    /// A vector of amounts has another length than the first agent's.
    #[error(
        "{have} amounts where the first agent has {need}; give every agent and shape the same resources"
    )]
    AmountsDiffer {
        /// Its length.
        have: usize,
        /// The first agent's.
        need: usize,
    },
    /// An amount is below zero.
    #[error("an amount is negative; use 0 for a resource that is absent")]
    NegativeAmount,
    /// A part of a device is not between one thousandth and the whole.
    #[error("{have} thousandths of a device; use 1 to 1000, and ask for more devices above that")]
    DeviceMilli {
        /// What was asked for.
        have: i64,
    },
    /// What is left of a device is not between nothing and the whole.
    #[error("{have} thousandths left of a device; use 0 to 1000")]
    DeviceLeft {
        /// What was said to be left.
        have: i64,
    },
    /// A task asks for more devices than any agent has.
    #[error("{have} devices for one task; use at most {most}")]
    TooManyDevices {
        /// What was asked for.
        have: usize,
        /// The most that may be asked for.
        most: usize,
    },
    /// A shape that the fleet does not know.
    #[error("no shape {have}: the fleet has {known}; name one of them")]
    UnknownShape {
        /// The shape asked for.
        have: usize,
        /// How many there are.
        known: usize,
    },
    /// A running task does not fit where it is said to run.
    #[error(
        "a task of shape {shape} does not fit on agent {agent}, devices {devices:?}; correct its agent, its devices or what runs beside it"
    )]
    DoesNotFit {
        /// Its shape.
        shape: usize,
        /// Its agent.
        agent: usize,
        /// Its devices.
        devices: Vec<usize>,
    },
    /// A task that is not running.
    #[error("task {task} is not running; remove a task once")]
    NotRunning {
        /// The task.
        task: usize,
    },
    /// A share of the population that is not a number above zero.
    #[error("a weight of {have}; use a count above 0")]
    Weight {
        /// The weight as written.
        have: String,
    },
}
