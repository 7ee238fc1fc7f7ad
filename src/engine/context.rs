//! What every phase of one plan looks up.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use apportion_cluster::plan::Warning;
use apportion_cluster::{Cluster, Fairness, FrameworkIdx, TaskIdx};
use apportion_policies::{Bid, BidClass, Policy, View};

use super::options::Options;
use super::solve::panic_message;

/// The cluster, the options, the policies that work, and what went wrong so far.
pub(super) struct Context<'a> {
    pub cluster: &'a Cluster,
    pub options: &'a Options,
    /// Bids by framework.
    pub bids: Vec<Bid>,
    policies: Vec<Option<Arc<dyn Policy>>>,
    warnings: Mutex<Vec<Warning>>,
    /// When solving has to end, so that the audit is done by the deadline.
    solve_by: Option<Instant>,
}

impl<'a> Context<'a> {
    /// Looks up every framework's policy and takes its bid. `reserve` is kept for the audit.
    pub(super) fn new(cluster: &'a Cluster, options: &'a Options) -> Self {
        let mut context = Self {
            cluster,
            options,
            bids: vec![Bid::default(); cluster.frameworks.len()],
            policies: vec![None; cluster.frameworks.len()],
            warnings: Mutex::new(Vec::new()),
            solve_by: options.deadline,
        };
        for at in 0..cluster.frameworks.len() {
            let framework = FrameworkIdx::of(at);
            match bid(cluster, options, framework) {
                Ok((policy, bid)) => {
                    context.policies[at] = Some(policy);
                    context.take_bid(framework, &bid);
                }
                Err(text) => {
                    context.bids[at] = Bid::everything(&View { cluster, framework });
                    context.warn("policy_failed", &cluster.framework(framework).id, text);
                }
            }
        }
        context
    }

    /// Shares and their certificate are about what the snapshot asks for: a bid for something else tells of
    /// units and places only.
    fn take_bid(&mut self, framework: FrameworkIdx, bid: &Bid) {
        let cluster = self.cluster;
        let mut everything = Bid::everything(&View { cluster, framework });
        everything.near.clone_from(&bid.near);
        let mut differs = bid.classes.len() != everything.classes.len();
        let by_task: BTreeMap<TaskIdx, &BidClass> = bid
            .classes
            .iter()
            .map(|class| (class.task, class))
            .collect();
        for wanted in &mut everything.classes {
            let own = by_task.get(&wanted.task);
            differs |= own
                .is_none_or(|own| (own.instances, own.value) != (wanted.instances, wanted.value));
            wanted.unit = own.map_or(wanted.unit, |own| own.unit);
        }
        if differs {
            let text = "the policy bids for other than its tasks ask for; its share is computed from the tasks";
            let id = &cluster.framework(framework).id;
            self.warn("bid_not_used", id, text.to_owned());
        }
        self.bids[framework.at()] = everything;
    }

    /// The rule of shares: the option wins over the snapshot.
    pub(super) fn fairness(&self) -> Fairness {
        self.options.fairness.unwrap_or(self.cluster.fairness)
    }

    /// The credit that a framework brings from earlier plans, in shares.
    pub(super) fn credit(&self, framework: FrameworkIdx) -> f64 {
        let id = &self.cluster.framework(framework).id;
        self.options.credit.get(id).copied().unwrap_or(0.0)
    }

    /// Keeps `reserve` before the deadline free of solving.
    pub(super) fn keep_reserve(&mut self, reserve: Duration) {
        self.solve_by = self
            .options
            .deadline
            .map(|deadline| deadline.checked_sub(reserve).unwrap_or(deadline));
    }

    /// When solving has to end.
    pub(super) fn solve_by(&self) -> Option<Instant> {
        self.solve_by
    }

    /// Whether the time for solving is over, or the plan was cancelled.
    pub(super) fn out_of_time(&self) -> bool {
        self.options.cancel.is_cancelled() || self.solve_by.is_some_and(|by| Instant::now() >= by)
    }

    /// Whether even constructive answers have to end now: half of the reserve is used up.
    pub(super) fn must_stop(&self) -> bool {
        self.is_left_of_reserve(2)
    }

    /// Whether constructive answers that take next to no time have to end now: a third of the reserve is left.
    pub(super) fn must_report(&self) -> bool {
        self.is_left_of_reserve(3)
    }

    /// Whether the certificate has to end now, which says of all else how good it is: a fifth of the reserve is left.
    pub(super) fn must_certify(&self) -> bool {
        self.is_left_of_reserve(5)
    }

    /// Whether at most the `part`th part of the reserve is left, or the plan was cancelled.
    fn is_left_of_reserve(&self, part: u32) -> bool {
        let last = self.solve_by.zip(self.options.deadline);
        let last = last.map(|(by, deadline)| {
            let reserve = deadline.saturating_duration_since(by);
            by + (reserve - reserve / part)
        });
        self.options.cancel.is_cancelled() || last.is_some_and(|last| Instant::now() >= last)
    }

    /// Whether the deadline itself is over.
    pub(super) fn is_late(&self) -> bool {
        let deadline = self.options.deadline;
        deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// Threads that solve slices.
    pub(super) fn threads(&self) -> usize {
        match self.options.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }

    /// The policy of a framework, if it works.
    pub(super) fn policy(&self, framework: FrameworkIdx) -> Option<&Arc<dyn Policy>> {
        self.policies[framework.at()].as_ref()
    }

    /// Frameworks whose policy works, ascending.
    pub(super) fn planned(&self) -> impl Iterator<Item = FrameworkIdx> + '_ {
        (0..self.policies.len())
            .filter(|&at| self.policies[at].is_some())
            .map(FrameworkIdx::of)
    }

    /// Tells the user something; from any thread.
    pub(super) fn warn(&self, code: &str, subject: &str, text: String) {
        let warning = Warning {
            code: code.to_owned(),
            subject: subject.to_owned(),
            text,
        };
        self.warnings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(warning);
    }

    /// Takes back what was told of a subject.
    pub(super) fn retract(&self, code: &str, subject: &str) {
        let mut warnings = self.warnings.lock().unwrap_or_else(PoisonError::into_inner);
        warnings.retain(|it| (&*it.code, &*it.subject) != (code, subject));
    }

    /// Every warning once, sorted.
    pub(super) fn take_warnings(&self) -> Vec<Warning> {
        let mut warnings =
            std::mem::take(&mut *self.warnings.lock().unwrap_or_else(PoisonError::into_inner));
        warnings.sort();
        warnings.dedup();
        warnings
    }
}

/// A framework's policy and bid. A policy that cannot bid is not asked for proposals; its framework takes part
/// in the shares with everything that it asks for.
fn bid(
    cluster: &Cluster,
    options: &Options,
    framework: FrameworkIdx,
) -> Result<(Arc<dyn Policy>, Bid), String> {
    let name = &cluster.framework(framework).policy;
    let policy = options
        .policies
        .get(name)
        .ok_or_else(|| format!("no policy `{name}` is registered"))?;
    let guarded = std::panic::AssertUnwindSafe(|| policy.bid(&View { cluster, framework }));
    let bid = std::panic::catch_unwind(guarded);
    let bid = bid.map_err(|panic| format!("the policy panicked: {}", panic_message(&*panic)))?;
    let mut tasks = BTreeSet::new();
    let makes_sense = |class: &BidClass| {
        let task = cluster.tasks.get(class.task.at());
        let own = task.filter(|task| cluster.job(task.job).framework == framework);
        own.is_some_and(|task| (1..=task.instances).contains(&class.instances))
            && class.value >= 1
            && (1..=class.instances).contains(&class.unit)
    };
    if !bid.near.is_sorted()
        || bid
            .near
            .last()
            .is_some_and(|it| it.at() >= cluster.agents.len())
    {
        return Err(
            "the policy's bid makes no sense: `near` is not a sorted list of agents".into(),
        );
    }
    match bid
        .classes
        .iter()
        .find(|class| !makes_sense(class) || !tasks.insert(class.task))
    {
        Some(class) => Err(format!("the policy's bid makes no sense: {class:?}")),
        None => Ok((Arc::clone(policy), bid)),
    }
}
