//! What a caller asks of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use apportion_cluster::Fairness;
use apportion_models::{CancelToken, Milp, MilpSolver, default_solver};
use apportion_policies::Registry;

use super::conversation::Listener;
use super::online::Order;

/// How a plan is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Shares, offers, one model per framework, rounds.
    #[default]
    Brokered,
    /// One model over the whole cluster, for the same welfare.
    Monolithic,
    /// The baseline: frameworks in order of id, each takes the first good place. No shares, no bound.
    Greedy,
    /// Tasks one at a time, as [`Options::online`] says: no shares, no bound, no knowledge of what is to come.
    Online,
}

impl Mode {
    /// The word that options and plan files use.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Brokered => "brokered",
            Self::Monolithic => "monolithic",
            Self::Greedy => "greedy",
            Self::Online => "online",
        }
    }
}

/// How tasks arrive in the mode [`Mode::Online`], and how they choose.
#[derive(Clone, Debug, PartialEq)]
pub struct Online {
    /// The order of arrivals.
    pub order: Order,
    /// One of [`apportion_policies::online::RULES`].
    pub rule: String,
}

impl Default for Online {
    fn default() -> Self {
        Self {
            order: Order::Name,
            rule: "shadow_price".to_owned(),
        }
    }
}

/// A phase of a plan, for progress.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// The broker computes shares.
    Shares {
        /// Frameworks with demand.
        frameworks: usize,
        /// Agent classes.
        classes: usize,
    },
    /// Tasks begin to arrive, one at a time.
    Arrivals {
        /// Tasks that arrive.
        tasks: usize,
        /// Instances of theirs that do not run yet.
        instances: i64,
    },
    /// A round begins.
    Round {
        /// From 1.
        number: usize,
        /// Frameworks with offers.
        frameworks: usize,
        /// Instances still to be placed.
        pending: i64,
    },
    /// One framework's slice is solved.
    Solved {
        /// Framework id.
        framework: String,
        /// Instances placed of those pending.
        placed: i64,
        /// Instances that were pending.
        pending: i64,
    },
    /// The certificate is computed.
    Audit,
}

/// Takes models by name, from any thread.
pub type ModelSink = Arc<dyn Fn(&str, &Milp) + Send + Sync>;

/// What influences a plan, and where to report.
///
/// The engine reads no file. The caller states the moment by which the answer must be there; the clock is looked at for
/// that, and for timings.
#[derive(Clone)]
pub struct Options {
    /// How the plan is made.
    pub mode: Mode,
    /// The order of arrivals and the rule of the mode [`Mode::Online`]; other modes do not look at it.
    pub online: Online,
    /// When the answer must be back. Without it, effort is bounded by counts and equal input gives
    /// byte-identical plans.
    pub deadline: Option<Instant>,
    /// The deadline as the caller stated it, in milliseconds, for the plan's `options`.
    pub deadline_ms: Option<u64>,
    /// Cancels the plan: it comes back soon with what it has.
    pub cancel: CancelToken,
    /// Stop improving a stage at this gap.
    pub gap: f64,
    /// Whether frameworks under their guarantee may displace instances of others, in the mode [`Mode::Brokered`].
    pub preempt: bool,
    /// How shares are computed; `None` for what the snapshot says.
    pub fairness: Option<Fairness>,
    /// Shortfalls of an earlier plan, in shares, by framework id: who lost a rounding then is first now. See [`credit`].
    ///
    /// [`credit`]: super::credit
    pub credit: BTreeMap<String, f64>,
    /// Seed of everything that draws.
    pub seed: u64,
    /// Threads for slices; 0 means one per core.
    pub threads: usize,
    /// Backend for every model.
    pub solver: Arc<dyn MilpSolver>,
    /// Known policies.
    pub policies: Registry,
    /// Called from any thread as the plan proceeds.
    pub progress: Arc<dyn Fn(Progress) + Send + Sync>,
    /// Hears the conversation of offers and answers; nothing is said without one.
    pub listener: Option<Listener>,
    /// Called with each first-round model (`<framework>.<stage>`), once its slice is solved: a later stage's
    /// model holds the values that earlier stages reached.
    pub dump: Option<ModelSink>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Brokered,
            online: Online::default(),
            deadline: None,
            deadline_ms: None,
            cancel: CancelToken::default(),
            gap: 0.0,
            preempt: false,
            fairness: None,
            credit: BTreeMap::new(),
            seed: 0,
            threads: 0,
            solver: default_solver(),
            policies: Registry::default(),
            progress: Arc::new(|_| {}),
            listener: None,
            dump: None,
        }
    }
}
