//! From a [`Cluster`] to a plan: bids, shares, rounds of offers and proposals, audit.
//!
//! [`plan`] is the whole of it; each step is a file here, in this order: `release` (what may not stay
//! where it runs), `context` (bids), [`broker`] (shares), `offers`, `rounds`, `solve` (one
//! slice), `preempt` (where it was asked for), `report`, `accounts` and `reasons` (the plan file). `online` takes the place of shares, offers and rounds where
//! tasks arrive one at a time.

mod accounts;
mod apply;
mod beside;
pub mod brokering;
mod ceilings;
mod choice;
mod choices;
mod context;
mod conversation;
mod devices;
mod edges;
mod monolithic;
mod offers;
mod online;
mod options;
mod preempt;
mod quotas;
mod reasons;
mod release;
mod report;
mod roles;
mod rounding;
mod rounds;
mod rules;
mod solve;
mod sorted;
mod state;
mod times;
mod units;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use apportion_cluster::file::VERSION;
use apportion_cluster::plan::{
    Brokering, FairnessCertificate, FrameworkResult, PlanFile, PlanOptions, Reason, WelfareResult,
};
use apportion_cluster::{Cluster, Fairness, FrameworkIdx, Running, TaskIdx};

use crate::broker::{self, Audit, Guarantee, Proof, Shares};
use context::Context;
use offers::FirstOffer;
use rounds::Record;
use state::State;

pub use accounts::credit;
pub use apply::{ApplyError, apply};
pub use conversation::{Listener, Room, Said, Waiting};
pub use online::{Listed, Order};
pub use options::{Mode, ModelSink, Online, Options, Progress};

/// Frameworks with something left up to which it is computed what each could still place: a program for each.
const MOST_PRICED: usize = 50;

/// Why no plan could be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The threads for slices could not be started.
    #[error("the threads for slices could not be started")]
    Threads(#[from] rayon::ThreadPoolBuildError),
    /// No online rule has this name.
    #[error("there is no online rule `{have}`; use one of {}", apportion_policies::online::RULES.join(", "))]
    UnknownRule {
        /// The name.
        have: String,
    },
    /// The order of arrivals was read for another snapshot.
    #[error(
        "the order of arrivals was read for the snapshot with digest {order}, and this one has {snapshot}; read it again"
    )]
    OtherSnapshot {
        /// Digest of the snapshot that the order belongs to.
        order: String,
        /// Digest of this one.
        snapshot: String,
    },
    /// More instances arrive than can be taken one at a time.
    #[error(
        "{have} instances arrive, and one at a time that would take too long; list at most {most} of them, or plan without `--online`"
    )]
    TooManyArrivals {
        /// How many.
        have: i64,
        /// The most that are taken.
        most: i64,
    },
}

/// Plans a cluster.
///
/// # Guarantees
/// What runs stays, unless it breaks a hard rule where it is and can go elsewhere. With equal cluster,
/// options and seed, and no deadline that fires, the plan is the same whatever the thread count, timings
/// aside. The plan is back by the deadline; what a deadline cuts short costs quality, never validity.
///
/// # Errors
/// If threads cannot be started, or the mode is online and its order or rule cannot be followed: what cannot be placed
/// is an answer, not an error.
pub fn plan(cluster: &Cluster, options: &Options) -> Result<PlanFile, EngineError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads)
        .build()?;
    pool.install(|| Run::new(cluster, options).finish())
}

/// The broker's part of a plan alone, phase by phase: what is measured against other brokers' cycles.
#[derive(Debug)]
pub struct Cycle {
    /// Time for shares, guarantees included.
    pub shares: Duration,
    /// Time for the first, disjoint offers, and what proves the shares, made beside them.
    pub offers: Duration,
    /// Time for the certificate of what the offers hold.
    pub certificate: Duration,
    /// How far the shares are from efficiency.
    pub epsilon_fractional: f64,
    /// Instances that the first offers are known to hold.
    pub instances: i64,
    /// Instances in the shares.
    pub shared: f64,
}

/// Shares, first offers and their certificate, without the frameworks' own work.
#[must_use]
pub fn cycle(cluster: &Cluster, options: &Options) -> Cycle {
    let mut run = Run::new(cluster, options);
    let begun = Instant::now();
    let shares = broker::shares(cluster, &run.context.bids, run.context.fairness(), &|| {
        false
    });
    run.promise(&shares.guarantees);
    let share_time = begun.elapsed();
    let begun = Instant::now();
    let (first, proof, _) = run.offer(&shares);
    let offer_time = begun.elapsed();
    let begun = Instant::now();
    let kept = run.state.kept.iter().flatten();
    let witness = first.iter().flat_map(|offer| &offer.witness.placements);
    let placed: Vec<Running> = kept.chain(witness).copied().collect();
    let proved = (&shares, &proof);
    let (certificate, _) = broker::certify(cluster, &run.context.bids, proved, &placed, &|| false);
    let allocated = shares.frameworks.iter().flat_map(|share| &share.allocation);
    Cycle {
        shares: share_time,
        offers: offer_time,
        certificate: begun.elapsed(),
        epsilon_fractional: certificate.epsilon_fractional,
        instances: placed.iter().map(|placed| placed.instances).sum(),
        shared: allocated.map(|(_, _, instances)| instances).sum(),
    }
}

/// One plan in the making.
struct Run<'a> {
    context: Context<'a>,
    state: State<'a>,
    records: Vec<Record>,
    shares: Option<(Shares, Proof)>,
    guarantees: Vec<Guarantee>,
    /// What branch and bound proved of the welfare, if anything.
    welfare_bound: Option<f64>,
    /// Tasks that never arrived, and why.
    absent: BTreeMap<TaskIdx, Reason>,
    timings: BTreeMap<String, f64>,
    started: Instant,
}

impl<'a> Run<'a> {
    fn new(cluster: &'a Cluster, options: &'a Options) -> Self {
        let started = Instant::now();
        let mut records = Vec::new();
        records.resize_with(cluster.frameworks.len(), Record::default);
        Self {
            context: Context::new(cluster, options),
            state: State::new(cluster, release::released(cluster)),
            records,
            shares: None,
            guarantees: Vec::new(),
            welfare_bound: None,
            absent: BTreeMap::new(),
            timings: BTreeMap::new(),
            started,
        }
    }

    fn finish(mut self) -> Result<PlanFile, EngineError> {
        match self.context.options.mode {
            Mode::Brokered => {
                self.brokered(1);
            }
            Mode::Monolithic => self.monolithic(),
            Mode::Greedy => self.greedy(),
            Mode::Online => self.online()?,
        }
        // What has to go back leaves other rules in force than those by which the rest was placed.
        if self.put_back() && matches!(self.context.options.mode, Mode::Brokered | Mode::Monolithic)
        {
            let shares = self.shares.as_ref().map(|(shares, _)| shares);
            rounds::again(&mut self.state, &self.context, shares, &mut self.records);
        }
        Ok(self.report())
    }

    /// Shares, disjoint offers, slices in parallel, re-offers: in one part of so many of the time for solving. Says what of the time is to
    /// be kept for the audit.
    fn brokered(&mut self, part: u32) -> Duration {
        let begun = Instant::now();
        let (cluster, bids) = (self.context.cluster, &self.context.bids);
        // Shares of which nothing is placed are of no use: half of the time is for what comes after them.
        let half =
            (self.context.solve_by()).map(|by| begun + by.saturating_duration_since(begun) / 2);
        let are_cut = Cell::new(false);
        let stop = || {
            let is_late = half.is_some_and(|half| Instant::now() >= half);
            are_cut.set(are_cut.get() || is_late);
            is_late || self.context.out_of_time()
        };
        let shares = broker::shares(cluster, bids, self.context.fairness(), &stop);
        let are_cut = are_cut.get();
        self.promise(&shares.guarantees);
        let active = shares
            .frameworks
            .iter()
            .filter(|share| share.active)
            .count();
        (self.context.options.progress)(Progress::Shares {
            frameworks: active,
            classes: shares.classes.len(),
        });
        conversation::shares(&self.context, &shares);
        let share_time = begun.elapsed();
        let (first, proof, proof_time) = self.offer(&shares);
        self.time("broker", begun);
        let deadline = self.context.options.deadline;
        let reserve = reserve(share_time + proof_time, begun.elapsed(), deadline);
        let left = deadline.map_or(Duration::ZERO, |deadline| {
            deadline.saturating_duration_since(Instant::now())
        });
        let solving = left.saturating_sub(reserve);
        self.context
            .keep_reserve(reserve + (solving - solving / part));

        let begun = Instant::now();
        rounds::first(&mut self.state, &self.context, first, &mut self.records);
        rounds::again(
            &mut self.state,
            &self.context,
            Some(&shares),
            &mut self.records,
        );
        if part == 1 {
            rounds::resume(&mut self.state, &self.context, &mut self.records);
        }
        for (share, record) in shares.frameworks.iter().zip(&mut self.records) {
            record.stopped |= are_cut && share.active;
        }
        if self.context.options.preempt {
            preempt::run(&mut self.state, &self.context, &shares, &mut self.records);
            accounts::retract(&self.state, &self.context);
        }
        self.time("solve", begun);
        self.shares = Some((shares, proof));
        reserve
    }

    /// First offers, and beside them, as neither needs the other, what proves the shares, with the time that it took.
    fn offer(&self, shares: &Shares) -> (Vec<FirstOffer>, Proof, Duration) {
        let prove = || {
            let begun = Instant::now();
            let proof = shares.prove(&|| self.context.out_of_time());
            (proof, begun.elapsed())
        };
        let offers = || offers::first_offers(&self.state, shares, &self.context);
        let ((proof, proof_time), first) = rayon::join(prove, offers);
        (first, proof, proof_time)
    }

    /// Holds what roles are promised, and says where that is not all of it.
    fn promise(&mut self, guarantees: &[Guarantee]) {
        self.state.roles.hold(guarantees);
        for guarantee in guarantees {
            accounts::warn(&self.context, guarantee);
        }
        self.guarantees = guarantees.to_vec();
    }

    /// Every framework in turn takes what it likes by the constructive method.
    fn greedy(&mut self) {
        let begun = Instant::now();
        let deadline = self.context.options.deadline;
        self.context
            .keep_reserve(reserve(Duration::ZERO, Duration::ZERO, deadline));
        self.promise(&broker::guarantees(
            self.context.cluster,
            &self.context.bids,
        ));
        let frameworks: Vec<FrameworkIdx> = self.context.planned().collect();
        for framework in frameworks {
            rounds::construct(
                &mut self.state,
                &self.context,
                framework,
                &mut self.records[framework.at()],
            );
        }
        self.time("solve", begun);
    }

    /// Tasks one at a time, each placed at once or refused; what runs stays where it is.
    fn online(&mut self) -> Result<(), EngineError> {
        let begun = Instant::now();
        self.promise(&broker::guarantees(
            self.context.cluster,
            &self.context.bids,
        ));
        let deadline = self.context.options.deadline;
        self.context
            .keep_reserve(reserve(Duration::ZERO, Duration::ZERO, deadline));
        let outcome = online::run(&mut self.state, &self.context)?;
        if outcome.stopped {
            for record in &mut self.records {
                record.stopped = true;
            }
        }
        self.absent = outcome.absent;
        self.timings.extend(outcome.timings_ms);
        self.time("solve", begun);
        Ok(())
    }

    /// Released instances that found no other place go on where they run: a plan evicts nothing. Whether there are any.
    fn put_back(&mut self) -> bool {
        let cluster = self.context.cluster;
        let back = self.state.put_back();
        for &Running {
            task,
            agent,
            instances,
        } in &back
        {
            // Its answers were about what stayed before.
            self.records[cluster.framework_of(task).at()].forget();
            let text = format!(
                "{instances} running on {} break a hard rule there and have no other place: they stay",
                cluster.agent(agent).id
            );
            self.context
                .warn("rule_broken_by_running", &cluster.task_name(task), text);
        }
        if self.context.options.mode == Mode::Online {
            return !back.is_empty();
        }
        for it in release::beyond_moves(cluster) {
            let job = cluster.job(cluster.task(it.task).job);
            let text = format!(
                "{} running on {} break a hard rule there, and of its job at most max_moves = {} may move at once: they \
                 stay for now",
                it.instances,
                cluster.agent(it.agent).id,
                job.max_moves.unwrap_or(0),
            );
            self.context
                .warn("rule_broken_by_running", &cluster.task_name(it.task), text);
        }
        !back.is_empty()
    }

    fn report(mut self) -> PlanFile {
        (self.context.options.progress)(Progress::Audit);
        let begun = Instant::now();
        let (cluster, options) = (self.context.cluster, self.context.options);
        let placements = report::final_placements(&self.state);
        let held = report::held_placements(&self.state);
        let devices = report::final_devices(&self.state);
        let times = report::final_times(&self.state);
        let units = report::final_units(&self.state);
        // Whatever asks, and is told so, leaves something out.
        let cut = Cell::new(false);
        let noted = |stops: bool| {
            cut.set(cut.get() || stops);
            stops
        };
        let audit = self.shares.as_ref().map(|(shares, proof)| {
            let stop = || noted(self.context.must_certify());
            let proved = (shares, proof);
            broker::certify(cluster, &self.context.bids, proved, &held, &stop)
        });
        let stop = || noted(self.context.must_stop());
        let moves = report::moves(&self.state);
        let mut told = accounts::reasons(&self.state, &self.absent, &stop);
        told.extend(preempt::reasons(&self.state, &moves));
        let unplaced = reasons::unplaced(&self.state, &placements, &told, &stop);
        let mut notes = choices::notes(&self.state, &placements, &stop);
        notes.extend(edges::notes(cluster, &placements));
        notes.sort();
        let cut = cut.get();
        let frameworks = (0..cluster.frameworks.len())
            .map(FrameworkIdx::of)
            .map(|framework| {
                let shares = self.shares.as_ref().zip(audit.as_ref());
                let share = shares.and_then(|((shares, _), (_, audit))| {
                    let before = options.credit.get(&cluster.framework(framework).id);
                    let before = before.copied().unwrap_or(0.0);
                    accounts::share(&self.state, framework, shares, audit, before)
                });
                let record = &self.records[framework.at()];
                report::framework(
                    &self.state,
                    &self.context,
                    framework,
                    record,
                    (&placements, &devices, &units),
                    share,
                )
            });
        let frameworks: Vec<FrameworkResult> = frameworks.collect();
        let (welfare, brokering) = self.price(&frameworks, audit.as_ref());
        self.time("verify", begun);
        self.time("total", self.started);
        let stopped = cut || self.records.iter().any(|record| record.stopped);
        PlanFile {
            version: VERSION.to_owned(),
            snapshot_digest: cluster.digest.clone(),
            options: plan_options(options, self.context.fairness()),
            status: report::status(stopped, &unplaced),
            placements: report::named(cluster, &placements, &devices, (&units, &times)),
            unplaced,
            preemptions: preempt::entries(&self.state, &moves),
            moves,
            frameworks,
            offers: report::offers(&self.state),
            unit_offers: report::unit_offers(&self.state),
            fairness: audit.map(|(certificate, _)| certificate),
            welfare,
            brokering,
            notes,
            guarantees: accounts::guarantees(&self.state, &self.guarantees),
            warnings: self.context.take_warnings(),
            timings_ms: Some(self.timings),
        }
    }

    /// The welfare, and what of it brokering costs at most.
    fn price(
        &self,
        frameworks: &[FrameworkResult],
        audit: Option<&(FairnessCertificate, Audit)>,
    ) -> (Option<WelfareResult>, Option<Brokering>) {
        let Some((certificate, _)) = audit else {
            return (None, None);
        };
        let searched = self.welfare_bound;
        let cluster = self.context.cluster;
        let wanted = cluster.frameworks.iter().map(|framework| {
            let jobs = framework.jobs.iter();
            let tasks = jobs.flat_map(|&job| &cluster.job(job).tasks);
            let tasks = tasks.map(|&task| cluster.task(task));
            tasks
                .map(|task| task.value as f64 * task.instances as f64)
                .sum::<f64>()
        });
        let wanted: Vec<f64> = wanted.collect();
        let welfare = brokering::welfare(frameworks, certificate, searched, &wanted);
        let Some(welfare) = welfare else {
            return (None, None);
        };
        let is_brokered = self.context.options.mode == Mode::Brokered;
        let section = is_brokered.then(|| {
            let all = || (0..frameworks.len()).map(FrameworkIdx::of);
            let waiting = all().filter(|&it| !self.state.pending(it).is_empty());
            let few = waiting.count() <= MOST_PRICED;
            let most = all().map(|it| report::within_reach(&self.state, &self.context, it, few));
            brokering::section(frameworks, &welfare, &most.collect::<Vec<f64>>())
        });
        (Some(welfare), section)
    }

    fn time(&mut self, phase: &str, begun: Instant) {
        self.timings
            .insert(phase.to_owned(), begun.elapsed().as_secs_f64() * 1e3);
    }
}

/// Time kept before the deadline for the certificate, bounds and the file: the certificate solves programs
/// like the shares', and offers are walked through once more. At least half of what is left goes to solving.
fn reserve(shares: Duration, broker: Duration, deadline: Option<Instant>) -> Duration {
    let left = deadline.map_or(Duration::ZERO, |deadline| {
        deadline.saturating_duration_since(Instant::now())
    });
    (shares * 2 + broker / 8).max(left / 8).min(left / 2)
}

fn plan_options(options: &Options, fairness: Fairness) -> PlanOptions {
    PlanOptions {
        mode: options.mode.name().to_owned(),
        online: online::plan_options(options),
        fairness: fairness.name().to_owned(),
        credit: options.credit.clone(),
        deadline_ms: options.deadline_ms,
        gap: options.gap,
        seed: options.seed,
        replan: "keep".to_owned(),
        preempt: options.preempt && options.mode == Mode::Brokered,
        solver: options.solver.name().to_owned(),
    }
}
