//! Backends and policies that panic, hang, lie or propose nonsense: it costs the framework concerned its
//! exactness or its proposal, and nobody else anything.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use apportion::engine::{Mode, Options};
use apportion_cluster::file::{PlacementFile, SnapshotFile};
use apportion_cluster::plan::PlanFile;
use apportion_cluster::{AgentIdx, Cluster, Framework, Proposal, Slice, TaskIdx};
use apportion_models::assignment::Placement;
use apportion_models::{
    Capabilities, Limits, Milp, MilpSolver, Outcome, SolverError, Status, default_solver,
};
use apportion_policies::service::Service;
use apportion_policies::{Bid, Formulation, ParameterFault, Policy, PolicyError, Standing, View};

use common::{cluster_with, planned, quiet, result, stage, write};

/// Two frameworks, `bad` and `good`, alike but for their agents: each has three agents of ten, three tasks
/// of six and six of five. Largest first places three; the best is six. One of each runs already.
fn snapshot(policy_of_bad: &str) -> SnapshotFile {
    let mut file = write::snapshot(&["rack"]);
    for (side, policy) in [("bad", policy_of_bad), ("good", "service")] {
        let agents: Vec<String> = (0..3).map(|number| format!("{side}-a{number}")).collect();
        for (number, id) in agents.iter().enumerate() {
            file.agents
                .push(write::agent(id, &format!("{side}-r{number}"), 10, 10));
        }
        file.frameworks.push(write::framework(side, policy));
        for (size, instances, cpu, memory) in
            [("large", 3, 6, 0), ("small", 6, 5, 0), ("still", 1, 0, 1)]
        {
            let mut task = write::task(instances, cpu, memory);
            task.constraints.agents = Some(agents.clone());
            file.jobs
                .push(write::job(&format!("{side}-{size}"), side, task));
        }
        file.placements.push(PlacementFile {
            shard: None,
            unit: None,
            job: format!("{side}-still"),
            task: "task".to_owned(),
            agent: agents[0].clone(),
            instances: 1,
            ..PlacementFile::default()
        });
    }
    file
}

/// Placements of the framework `good`.
fn of_good(plan: &PlanFile) -> Vec<PlacementFile> {
    plan.placements
        .iter()
        .filter(|it| it.job.starts_with("good"))
        .cloned()
        .collect()
}

/// What `good` gets where nobody misbehaves.
fn undisturbed() -> Vec<PlacementFile> {
    let options = quiet();
    let plan = planned(&cluster_with(&snapshot("service"), &options), &options);
    assert_eq!(
        (result(&plan, "bad").placed, result(&plan, "good").placed),
        (7, 7),
        "six small ones each, and still"
    );
    assert_eq!(plan.warnings, []);
    of_good(&plan)
}

fn assert_warned(plan: &PlanFile, code: &str, what: &str) {
    let about_bad = plan
        .warnings
        .iter()
        .any(|it| it.code == code && it.subject == "bad");
    let only_bad = plan
        .warnings
        .iter()
        .all(|it| it.subject == "bad" || it.subject.starts_with("bad-"));
    assert!(about_bad && only_bad, "{what}: {:?}", plan.warnings);
}

// Backends.

/// What the backend does with the models of the framework `bad`.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lie {
    Panics,
    Hangs,
    Fails,
    BreaksRows,
    LeavesSomeColumnsOut,
    NoNumbers,
    WrongObjective,
    FalselyInfeasible,
    FalselyUnbounded,
    BoundOnTheWrongSide,
    NothingIsOptimal,
    SolvedWithoutSolution,
}

struct Lying {
    lie: Lie,
    called: AtomicUsize,
}

impl MilpSolver for Lying {
    fn name(&self) -> &'static str {
        "lying"
    }

    fn capabilities(&self) -> Capabilities {
        default_solver().capabilities()
    }

    fn solve(&self, model: &Milp, limits: &Limits) -> Result<Outcome, SolverError> {
        if !model
            .columns
            .iter()
            .any(|column| column.name.contains("bad-"))
        {
            return default_solver().solve(model, limits);
        }
        self.called.fetch_add(1, Ordering::Relaxed);
        let nothing = |status| Ok(Outcome::without_solution(status, "lying"));
        let answer = |values: Vec<f64>| Outcome {
            objective: Some(model.objective_value(&values)),
            dual_bound: Some(model.objective_value(&values)),
            solution: Some(values),
            ..Outcome::without_solution(Status::Optimal, "lying")
        };
        let honest = || {
            default_solver().solve(
                model,
                &Limits {
                    start: None,
                    ..limits.clone()
                },
            )
        };
        match self.lie {
            Lie::Panics => panic!("this backend panics"),
            Lie::Hangs => {
                std::thread::sleep(Duration::from_secs(20));
                honest()
            }
            Lie::Fails => Err(SolverError::Backend {
                backend: "lying".to_owned(),
                message: "no".to_owned(),
            }),
            Lie::BreaksRows => Ok(answer(
                model
                    .columns
                    .iter()
                    .map(|column| column.upper.min(9.0))
                    .collect(),
            )),
            Lie::LeavesSomeColumnsOut => {
                Ok(answer(vec![0.0; model.columns.len()])).map(|mut outcome| {
                    outcome.solution = Some(vec![0.0]);
                    outcome
                })
            }
            Lie::NoNumbers => Ok(answer(vec![f64::NAN; model.columns.len()])),
            Lie::WrongObjective => honest().map(|mut outcome| {
                outcome.objective = outcome.objective.map(|objective| objective + 1000.0);
                outcome
            }),
            Lie::FalselyInfeasible => nothing(Status::Infeasible),
            Lie::FalselyUnbounded => nothing(Status::Unbounded),
            Lie::BoundOnTheWrongSide => honest().map(|mut outcome| {
                outcome.dual_bound = outcome.objective.map(|objective| match model.sense {
                    apportion_models::Sense::Maximize => objective - 2.0,
                    apportion_models::Sense::Minimize => objective + 2.0,
                });
                outcome
            }),
            Lie::NothingIsOptimal => Ok(answer(vec![0.0; model.columns.len()])),
            Lie::SolvedWithoutSolution => nothing(Status::Optimal),
        }
    }
}

fn with_backend(lie: Lie, deadline: Option<Duration>) -> (PlanFile, usize, Duration) {
    let solver = Arc::new(Lying {
        lie,
        called: AtomicUsize::new(0),
    });
    let begun = Instant::now();
    let options = Options {
        solver: Arc::<Lying>::clone(&solver),
        deadline: deadline.map(|after| begun + after),
        deadline_ms: deadline.map(|after| u64::try_from(after.as_millis()).unwrap()),
        ..quiet()
    };
    let cluster = cluster_with(&snapshot("service"), &options);
    let plan = apportion::engine::plan(&cluster, &options).unwrap();
    let took = begun.elapsed();
    common::assert_verified(&cluster, &plan);
    (plan, solver.called.load(Ordering::Relaxed), took)
}

#[test]
fn a_backend_that_lies_costs_one_framework_its_exactness() {
    let good = undisturbed();
    let lies = [
        Lie::Panics,
        Lie::Fails,
        Lie::BreaksRows,
        Lie::LeavesSomeColumnsOut,
        Lie::NoNumbers,
        Lie::WrongObjective,
        Lie::FalselyInfeasible,
        Lie::FalselyUnbounded,
        Lie::BoundOnTheWrongSide,
        Lie::NothingIsOptimal,
        Lie::SolvedWithoutSolution,
    ];
    for lie in lies {
        let (plan, called, _) = with_backend(lie, None);
        assert!(
            called > 0,
            "{lie:?}: the backend was not asked: the case is too easy"
        );
        assert_eq!(of_good(&plan), good, "{lie:?}");
        assert_warned(&plan, "solver_failed", &format!("{lie:?}"));
        assert!(
            result(&plan, "bad").placed >= 4,
            "{lie:?}: the constructive answer stands"
        );
        assert!(
            stage(&plan, "bad", "placed")
                .bound
                .is_some_and(|bound| bound >= 7.0),
            "{lie:?}: a bound of our own"
        );
    }
}

#[test]
fn a_backend_that_hangs_is_left_behind_in_time() {
    let good = undisturbed();
    let deadline = Duration::from_millis(1500);
    let (plan, called, took) = with_backend(Lie::Hangs, Some(deadline));
    assert!(called > 0 && took <= deadline + deadline / 10, "{took:?}");
    assert_eq!(of_good(&plan), good);
    assert_warned(&plan, "solver_failed", "hangs");
    assert!(result(&plan, "bad").placed >= 4);
}

#[test]
fn a_cancelled_plan_is_back_soon_and_holds() {
    let options = quiet();
    let cluster = cluster_with(&snapshot("service"), &options);
    options.cancel.cancel();
    let begun = Instant::now();
    planned(&cluster, &options);
    assert!(begun.elapsed() < Duration::from_secs(1));
}

// Policies.

/// Where and how the policy of the framework `bad` goes wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    PanicsInBid,
    PanicsInFormulate,
    PanicsInDecode,
    PanicsInMetrics,
    RefusesToFormulate,
    BidsNonsense,
    BidsForOthers,
    BidsNearNothing,
    BidsForLess,
    BidsOtherValues,
    MalformedModel,
    MissingRoles,
    MissingItems,
    MissingBins,
    PlacesTooMuch,
    PlacesTooMany,
    PlacesLessThanNothing,
    PlacesElsewhere,
    PlacesForOthers,
    PlacesUnknownTasks,
    PlacesTwiceTheSame,
    BreaksItsOwnRules,
    MeasuresNoNumbers,
}

struct Faulty(Fault);

impl Policy for Faulty {
    fn name(&self) -> &'static str {
        "faulty"
    }

    fn check(&self, _: &Cluster, _: &Framework) -> Vec<ParameterFault> {
        Vec::new()
    }

    fn bid(&self, view: &View<'_>) -> Bid {
        assert!(self.0 != Fault::PanicsInBid, "this policy panics");
        let mut bid = Service.bid(view);
        if self.0 == Fault::BidsNonsense {
            for class in &mut bid.classes {
                (class.instances, class.value, class.unit) = (-5, i64::MAX, 0);
            }
            bid.classes.extend(bid.classes.clone());
        }
        if self.0 == Fault::BidsNearNothing {
            bid.near = vec![AgentIdx::of(view.cluster.agents.len())];
        }
        if self.0 == Fault::BidsForLess {
            bid.classes
                .iter_mut()
                .for_each(|class| class.instances = (class.instances / 2).max(1));
            bid.classes.pop();
        }
        if self.0 == Fault::BidsOtherValues {
            bid.classes.iter_mut().for_each(|class| class.value = 7);
        }
        if self.0 == Fault::BidsForOthers {
            bid.classes
                .iter_mut()
                .for_each(|class| class.task = TaskIdx(class.task.0 + 3));
        }
        bid
    }

    fn formulate(&self, slice: &Slice<'_>) -> Result<Formulation, PolicyError> {
        assert!(self.0 != Fault::PanicsInFormulate, "this policy panics");
        if self.0 == Fault::RefusesToFormulate {
            return Err(PolicyError::Unsupported {
                what: "anything".to_owned(),
            });
        }
        let mut formulation = Service.formulate(slice)?;
        let model = &mut formulation.assignment;
        match self.0 {
            Fault::MalformedModel => model
                .items
                .iter_mut()
                .for_each(|item| item.eligible = Arc::new(vec![99, 3, 3])),
            Fault::MissingRoles => formulation.roles.clear(),
            Fault::MissingItems => formulation.items.clear(),
            Fault::MissingBins => formulation.bins.truncate(1),
            _ => {}
        }
        Ok(formulation)
    }

    fn decode(&self, formulation: &Formulation, answer: &Placement) -> Proposal {
        assert!(self.0 != Fault::PanicsInDecode, "this policy panics");
        let mut proposal = Service.decode(formulation, answer);
        let Some(first) = proposal.placements.first_mut() else {
            return proposal;
        };
        match self.0 {
            Fault::PlacesTooMuch => proposal
                .placements
                .iter_mut()
                .for_each(|it| it.agent = formulation.bins[0]),
            Fault::PlacesTooMany => first.instances = i64::MAX,
            Fault::PlacesLessThanNothing => first.instances = -1,
            Fault::PlacesElsewhere => first.agent = AgentIdx(4),
            Fault::PlacesForOthers => first.task = TaskIdx(4),
            Fault::PlacesUnknownTasks => first.task = TaskIdx(4_000_000),
            Fault::PlacesTwiceTheSame => {
                let first = *first;
                proposal.placements.insert(0, first);
            }
            // The tasks may use the agents of `bad` only; the last bin is somebody else's if it was offered.
            Fault::BreaksItsOwnRules => {
                let foreign = formulation.bins.iter().find(|agent| agent.at() > 2);
                first.agent = foreign.copied().unwrap_or(first.agent);
            }
            _ => {}
        }
        proposal
    }

    fn metrics(&self, standing: &Standing<'_>) -> BTreeMap<String, f64> {
        assert!(self.0 != Fault::PanicsInMetrics, "this policy panics");
        let mut metrics = Service.metrics(standing);
        if self.0 == Fault::MeasuresNoNumbers {
            metrics.insert("no_number".to_owned(), f64::NAN);
            metrics.insert("infinite".to_owned(), f64::INFINITY);
        }
        metrics
    }
}

fn with_policy(fault: Fault, mode: Mode) -> PlanFile {
    let mut options = Options { mode, ..quiet() };
    options.policies.register(Arc::new(Faulty(fault)));
    let cluster = cluster_with(&snapshot("faulty"), &options);
    planned(&cluster, &options)
}

/// Faults that cost the framework its proposals.
const COSTLY: [Fault; 12] = [
    Fault::PanicsInFormulate,
    Fault::PanicsInDecode,
    Fault::RefusesToFormulate,
    Fault::MalformedModel,
    Fault::MissingRoles,
    Fault::MissingItems,
    Fault::MissingBins,
    Fault::PlacesTooMany,
    Fault::PlacesLessThanNothing,
    Fault::PlacesElsewhere,
    Fault::PlacesForOthers,
    Fault::PlacesUnknownTasks,
];

#[test]
fn a_policy_that_fails_loses_its_proposal_and_nobody_elses() {
    let good = undisturbed();
    for fault in COSTLY
        .into_iter()
        .chain([Fault::PanicsInBid, Fault::PlacesTooMuch])
    {
        let plan = with_policy(fault, Mode::Brokered);
        assert_eq!(of_good(&plan), good, "{fault:?}");
        assert_warned(&plan, "policy_failed", &format!("{fault:?}"));
        assert!(
            result(&plan, "bad").placed >= 1,
            "{fault:?}: what runs stays"
        );
        let joined = with_policy(fault, Mode::Monolithic);
        assert_warned(&joined, "policy_failed", &format!("{fault:?}"));
        assert!(result(&joined, "good").placed >= 7, "{fault:?}");
        assert_warned(
            &with_policy(fault, Mode::Greedy),
            "policy_failed",
            &format!("{fault:?}"),
        );
    }
}

#[test]
fn a_policy_that_talks_nonsense_is_not_believed() {
    let good = undisturbed();
    for fault in [
        Fault::BidsNonsense,
        Fault::BidsForOthers,
        Fault::BidsNearNothing,
        Fault::PlacesTwiceTheSame,
        Fault::PanicsInMetrics,
        Fault::MeasuresNoNumbers,
    ] {
        let plan = with_policy(fault, Mode::Brokered);
        assert_eq!(of_good(&plan), good, "{fault:?}");
        assert_warned(&plan, "policy_failed", &format!("{fault:?}"));
        let text = serde_json::to_string(&plan).unwrap();
        let read: PlanFile =
            serde_json::from_str(&text).unwrap_or_else(|error| panic!("{fault:?}: {error}"));
        assert_eq!(read, plan, "{fault:?}: the file says what the plan says");
    }
}

/// A rule is a rule whoever's policy proposes: here a limit of one per agent that the model leaves out.
#[test]
fn a_proposal_that_breaks_a_rule_of_the_snapshot_does_not_count() {
    let mut options = quiet();
    options
        .policies
        .register(Arc::new(Faulty(Fault::BreaksItsOwnRules)));
    let mut file = snapshot("faulty");
    // Without the `good` framework everything is offered to `bad`, also agents that its rules forbid.
    file.frameworks.truncate(1);
    file.jobs.truncate(3);
    file.placements.truncate(1);
    let plan = planned(&cluster_with(&file, &options), &options);
    assert_warned(&plan, "policy_failed", "breaks a rule");
    assert_eq!(result(&plan, "bad").placed, 1);
}

/// Shares and certificates are about what the tasks ask for, whatever the policy says of them.
#[test]
fn a_bid_for_other_than_the_tasks_ask_for_is_not_used() {
    for fault in [Fault::BidsForLess, Fault::BidsOtherValues] {
        let plan = with_policy(fault, Mode::Brokered);
        assert_eq!(
            (result(&plan, "bad").placed, result(&plan, "good").placed),
            (7, 7),
            "{fault:?}"
        );
        assert_warned(&plan, "bid_not_used", &format!("{fault:?}"));
    }
}
