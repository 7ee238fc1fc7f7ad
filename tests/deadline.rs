//! Deadlines are kept: 5,000 agents in 12 shapes, 20,000 instances in 30 shapes, two seconds in all.
//!
//! The tests take the machine one after another, since each measures wall time; about 15 s in all.
#![allow(clippy::unwrap_used)]

mod common;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use apportion::engine::{self, Options, Progress};
use apportion_cluster::Fairness;
use apportion_cluster::file::{
    JobFile, LimitFile, MinAvailableFile, PlacementFile, RoleFile, SnapshotFile, SpreadFile,
    TaskFile,
};
use apportion_cluster::plan::{PlanFile, PlanStatus, StageSense};

use apportion_models::{
    CancelToken, Capabilities, Limits, Milp, MilpSolver, Outcome, SolverError, default_solver,
};
use common::random::Draw;
use common::{assert_verified, cluster, result, write};

/// One test at a time: a neighbor's work is not our lateness.
fn alone() -> MutexGuard<'static, ()> {
    static MACHINE: Mutex<()> = Mutex::new(());
    MACHINE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Options with a deadline that counts from now.
fn within(deadline: Duration) -> Options {
    Options {
        deadline: Some(Instant::now() + deadline),
        deadline_ms: Some(u64::try_from(deadline.as_millis()).unwrap()),
        ..Options::default()
    }
}

const FRAMEWORKS: [&str; 5] = ["api", "batch", "cache", "search", "web"];

/// A cluster about nine tenths full, with racks, power circuits and zones, limits, spreads and gangs.
fn large() -> SnapshotFile {
    let mut draw = Draw::new(20);
    let mut file = write::snapshot(&["power", "rack", "zone"]);
    for number in 0..5000_usize {
        let shape = number % 12;
        let cores = [16, 24, 32, 48, 64, 96][shape % 6];
        let memory = cores * if shape < 6 { 4 } else { 8 };
        let mut agent = write::agent(
            &format!("agent-{number:04}"),
            &format!("rack-{:03}", number / 40),
            cores * 1000,
            memory * 1024,
        );
        agent
            .domains
            .insert("power".to_owned(), format!("power-{:02}", number / 40 % 25));
        agent
            .domains
            .insert("zone".to_owned(), format!("zone-{}", number / 1000));
        agent.attributes.insert(
            "disk".to_owned(),
            if shape % 3 == 0 { "hdd" } else { "ssd" }.to_owned(),
        );
        file.agents.push(agent);
    }
    for (position, id) in FRAMEWORKS.iter().enumerate() {
        file.roles.push(RoleFile {
            path: format!("prod/{id}"),
            weight: Some(1.0 + position as f64),
            ..RoleFile::default()
        });
        file.frameworks
            .push(apportion_cluster::file::FrameworkFile {
                role: Some(format!("prod/{id}")),
                ..write::framework(id, "service")
            });
    }
    let shapes: Vec<(i64, i64)> = (0..30)
        .map(|_| (draw.from(1, 16) * 1000, draw.from(1, 64) * 1024))
        .collect();
    let mut left = 20_000;
    for number in 0.. {
        if left == 0 {
            break;
        }
        let instances = draw.from(20, 400).min(left);
        left -= instances;
        let framework = FRAMEWORKS[number % FRAMEWORKS.len()];
        let (cpu, memory) = shapes[number % shapes.len()];
        file.jobs.push(large_job(
            &mut draw,
            number,
            framework,
            write::task(instances, cpu, memory),
        ));
    }
    file
}

fn large_job(draw: &mut Draw, number: usize, framework: &str, mut task: TaskFile) -> JobFile {
    let instances = task.instances;
    if draw.once_in(3) {
        let max = (instances / 40).max(2);
        task.constraints.limit.push(LimitFile {
            level: "rack".to_owned(),
            max,
            group: None,
        });
    }
    if draw.once_in(5) {
        task.constraints.spread.push(SpreadFile {
            level: "zone".to_owned(),
            max_skew: 2,
            hard: true,
            group: None,
        });
    }
    if draw.once_in(4) {
        task.constraints
            .attributes
            .insert("disk".to_owned(), vec!["ssd".to_owned()]);
    }
    let survive = MinAvailableFile {
        level: "rack".to_owned(),
        instances: instances * 9 / 10,
    };
    let job = JobFile {
        min_available: draw.once_in(4).then_some(survive),
        priority: draw.one_of(&[0, 0, 10]),
        ..write::job(&format!("job-{number:04}"), framework, task)
    };
    if draw.once_in(8) {
        write::gang(job, instances)
    } else {
        job
    }
}

/// What is promised of a plan with a deadline, whether it fired or not.
fn judge(plan: &PlanFile, took: Duration, deadline: Duration) {
    assert!(
        took <= deadline + deadline / 10,
        "{took:?} for a deadline of {deadline:?}"
    );
    assert_eq!(plan.frameworks.len(), FRAMEWORKS.len());
    for result in &plan.frameworks {
        let stage = result
            .stages
            .first()
            .unwrap_or_else(|| panic!("{} has no stages", result.id));
        assert!(
            stage.bound.is_some() && stage.greedy.is_some(),
            "{}: {stage:?}",
            result.id
        );
        for stage in &result.stages {
            // After the first stage in which the plan is ahead, the baseline is no longer comparable.
            let Some(greedy) = stage.greedy else { break };
            let ahead = match stage.sense {
                StageSense::Maximize => stage.objective - greedy,
                StageSense::Minimize => greedy - stage.objective,
            };
            assert!(ahead >= -1e-9, "{}: {stage:?}", result.id);
            if ahead > 1e-9 {
                break;
            }
        }
    }
    let words = match (plan.status, plan.unplaced.is_empty()) {
        (PlanStatus::Complete, true) => "complete",
        (PlanStatus::Partial, false) => "partial",
        (PlanStatus::Deadline, _) => "deadline",
        (status, _) => panic!("{status:?} with {} reasons", plan.unplaced.len()),
    };
    let placed: i64 = plan.frameworks.iter().map(|it| it.placed).sum();
    let gap = plan
        .frameworks
        .iter()
        .filter_map(|it| it.gap)
        .fold(0.0, f64::max);
    println!(
        "{took:?}: {words}, {placed} placed, largest gap {gap:.4}, {:?}",
        plan.timings_ms
    );
}

#[test]
fn twenty_thousand_instances_in_two_seconds() {
    let _alone = alone();
    let cluster = cluster(&large());
    let deadline = Duration::from_secs(2);
    let begun = Instant::now();
    let plan = engine::plan(&cluster, &within(deadline)).unwrap();
    let took = begun.elapsed();
    assert_verified(&cluster, &plan);
    judge(&plan, took, deadline);
}

/// A deadline far too short still gives a valid plan, and soon.
#[test]
fn a_deadline_that_is_over_at_once() {
    let _alone = alone();
    let cluster = cluster(&large());
    let deadlines = [Duration::ZERO, Duration::from_millis(100)].into_iter();
    let cases = deadlines.flat_map(|deadline| Fairness::ALL.map(|rule| (deadline, rule)));
    for (deadline, rule) in cases {
        let options = Options {
            fairness: Some(rule),
            ..within(deadline)
        };
        let begun = Instant::now();
        let plan = engine::plan(&cluster, &options).unwrap();
        let took = begun.elapsed();
        assert_verified(&cluster, &plan);
        let written = serde_json::to_vec(&plan).unwrap();
        let read: PlanFile = serde_json::from_slice(&written).unwrap();
        assert_eq!(read, plan, "{rule:?}");
        assert_eq!(plan.status, PlanStatus::Deadline);
        let reasons = plan.unplaced.iter().map(|it| &it.reason.code[..]);
        assert!(deadline > Duration::ZERO || reasons.clone().all(|code| code == "deadline"));
        assert!(took < Duration::from_secs(2), "{took:?} for {deadline:?}");
    }
}

/// A plan that is cancelled when all is placed, and only the certificate is left to be made, says so.
#[test]
fn a_certificate_that_is_cut_short_is_told() {
    let mut file = write::snapshot(&["rack"]);
    file.agents.push(write::agent("one", "r", 4000, 4096));
    for id in ["f", "g"] {
        file.frameworks.push(write::framework(id, "service"));
        file.jobs
            .push(write::job(id, id, write::task(2, 1000, 1024)));
    }
    let cluster = cluster(&file);
    let whole = common::planned(&cluster, &common::quiet());
    assert_eq!(whole.status, PlanStatus::Complete);
    let cancel = CancelToken::default();
    let own = cancel.clone();
    let options = Options {
        cancel,
        progress: Arc::new(move |progress| {
            if progress == Progress::Audit {
                own.cancel();
            }
        }),
        ..common::quiet()
    };
    let plan = common::planned(&cluster, &options);
    assert_eq!(plan.placements, whole.placements);
    assert_eq!(plan.status, PlanStatus::Deadline);
}

/// Agents of which no two are alike: shares look at each of them, and take as long as all of the time there is. Half of it places.
#[test]
fn shares_leave_time_to_place() {
    const EXTRAS: [&str; 3] = ["disk_mib", "network_mib_s", "ports"];
    let _alone = alone();
    let mut file = write::snapshot(&["rack"]);
    let mut draw = Draw::new(3);
    for number in 0..250 {
        let (cpu, memory) = (draw.from(20_000, 40_000), draw.from(40_000, 80_000));
        let mut agent = write::agent(&format!("a{number:03}"), "r", cpu, memory);
        for extra in EXTRAS {
            let amount = draw.from(2_000, 4_000);
            agent.resources.insert(extra.to_owned(), amount);
        }
        file.agents.push(agent);
    }
    file.frameworks.push(write::framework("f", "service"));
    for number in 0..150 {
        let mut task = write::task(5, draw.from(500, 9_000), draw.from(500, 18_000));
        for extra in EXTRAS {
            let amount = draw.from(50, 900);
            task.resources.insert(extra.to_owned(), amount);
        }
        file.jobs
            .push(write::job(&format!("j{number:03}"), "f", task));
    }
    let cluster = cluster(&file);
    let shares = engine::cycle(&cluster, &Options::default()).shares;
    let plan = common::planned(&cluster, &within(shares));
    let placed = result(&plan, "f").placed;
    println!("{shares:?} for shares; {placed} placed of 750");
    assert!(placed > 375, "{placed}");
    assert_eq!(plan.status, PlanStatus::Deadline);
}

/// The whole run of the command, from reading to writing.
#[cfg(feature = "cli")]
#[test]
fn the_command_is_back_in_time() {
    let _alone = alone();
    let file = large();
    let folder = tempfile::tempdir().unwrap();
    let (snapshot, output) = (
        folder.path().join("large.json"),
        folder.path().join("plan.json"),
    );
    std::fs::write(&snapshot, serde_json::to_vec(&file).unwrap()).unwrap();
    let mut command = assert_cmd::Command::cargo_bin("apportion").unwrap();
    command
        .arg("plan")
        .arg(&snapshot)
        .arg("-o")
        .arg(&output)
        .args(["--deadline", "2s", "--quiet"]);
    let begun = Instant::now();
    command.assert().success();
    let took = begun.elapsed();
    let plan: PlanFile = serde_json::from_slice(&std::fs::read(&output).unwrap()).unwrap();
    assert_verified(&cluster(&file), &plan);
    judge(&plan, took, Duration::from_secs(2));
}

/// Jobs of 100 tasks, each job of a shape of its own, on agents that one instance fills.
fn crowd(agents: usize, jobs: i64) -> SnapshotFile {
    let mut file = write::snapshot(&["rack"]);
    for number in 0..agents {
        let rack = format!("r{}", number % 50);
        let mut agent = write::agent(&format!("a{number:04}"), &rack, 1000, 100_000);
        let disk = format!("d{}", number % 7);
        agent.attributes.insert("disk".to_owned(), disk);
        file.agents.push(agent);
    }
    file.frameworks.push(write::framework("crowd", "ml"));
    for number in 0..jobs {
        let tasks = (0..100).map(|position| {
            let mut task = write::task(1, 600 + number % 300, 1 + number);
            task.id = format!("t{position:02}");
            let disks = (0..7).filter(|disk| number % 7 != *disk);
            let disks = disks.map(|disk| format!("d{disk}")).collect();
            task.constraints.attributes.insert("disk".to_owned(), disks);
            task
        });
        file.jobs.push(JobFile {
            tasks: tasks.collect(),
            ..write::job(&format!("j{number:03}"), "crowd", TaskFile::default())
        });
    }
    file
}

/// 60,000 tasks of 600 shapes on 3,000 agents that are full at once: nearly all of them are told why they wait, and that
/// is in time. The verifier's plain loops would take minutes here: it judges a small crowd.
#[test]
fn sixty_thousand_tasks_that_wait_are_reported_in_time() {
    let _alone = alone();
    let small = common::planned(&cluster(&crowd(60, 12)), &common::quiet());
    assert_eq!(small.unplaced.len(), 1140);
    let cluster = cluster(&crowd(3000, 600));
    let deadline = Duration::from_secs(10);
    let begun = Instant::now();
    let plan = engine::plan(&cluster, &within(deadline)).unwrap();
    let took = begun.elapsed();
    let cut = plan.unplaced.iter();
    let cut = cut.filter(|it| it.reason.code == "deadline").count();
    println!("{took:?}: {cut} reasons cut off, {:?}", plan.timings_ms);
    assert!(plan.unplaced.len() >= 57_000);
    assert!(took <= deadline + deadline / 10, "{took:?}");
}

/// Two easy frameworks, and one with a packing problem that no solver finishes: three resources, 120 shapes, no
/// two alike. Each has its own agents.
fn exploding() -> SnapshotFile {
    let mut draw = Draw::new(3);
    let mut file = write::snapshot(&["rack"]);
    for (framework, agents, jobs) in [("calm", 30, 12), ("hard", 40, 120), ("steady", 30, 12)] {
        file.frameworks.push(write::framework(framework, "service"));
        for number in 0..agents {
            let mut agent = write::agent(
                &format!("{framework}-{number:02}"),
                &format!("{framework}-{}", number % 5),
                9973,
                9967,
            );
            agent.resources.insert("network_mib_s".to_owned(), 9949);
            agent
                .attributes
                .insert("owner".to_owned(), framework.to_owned());
            file.agents.push(agent);
        }
        for number in 0..jobs {
            let (instances, low, high) = if framework == "hard" {
                (4, 900, 4800)
            } else {
                (5, 500, 1500)
            };
            let mut task = write::task(instances, draw.from(low, high), draw.from(low, high));
            task.resources
                .insert("network_mib_s".to_owned(), draw.from(low, high));
            task.value = if framework == "hard" {
                draw.from(1, 50)
            } else {
                1
            };
            task.constraints
                .attributes
                .insert("owner".to_owned(), vec![framework.to_owned()]);
            file.jobs.push(write::job(
                &format!("{framework}-job-{number:03}"),
                framework,
                task,
            ));
        }
    }
    file
}

/// The default backend, but for the models of the framework `hard`, which it refuses at once.
struct RefusesHard;

impl MilpSolver for RefusesHard {
    fn name(&self) -> &'static str {
        "refuses-hard"
    }

    fn capabilities(&self) -> Capabilities {
        default_solver().capabilities()
    }

    fn solve(&self, model: &Milp, limits: &Limits) -> Result<Outcome, SolverError> {
        if model
            .columns
            .iter()
            .any(|column| column.name.contains("hard-"))
        {
            let message = "a hard one".to_owned();
            return Err(SolverError::Backend {
                backend: self.name().to_owned(),
                message,
            });
        }
        default_solver().solve(model, limits)
    }
}

#[test]
fn a_framework_whose_problem_explodes_is_cut_off_at_its_own_budget() {
    let _alone = alone();
    let cluster = cluster(&exploding());
    let calm = Options {
        solver: Arc::new(RefusesHard),
        ..Options::default()
    };
    let calm = common::planned(&cluster, &calm);
    let deadline = Duration::from_secs(2);
    let begun = Instant::now();
    let plan = engine::plan(&cluster, &within(deadline)).unwrap();
    let took = begun.elapsed();
    assert_verified(&cluster, &plan);
    assert!(took <= deadline, "{took:?}");
    let hard = result(&plan, "hard");
    assert!(
        hard.gap.is_some_and(|gap| gap > 0.0),
        "a case that is solved to the end shows nothing: {hard:?}"
    );
    let others = |plan: &PlanFile| -> Vec<PlacementFile> {
        plan.placements
            .iter()
            .filter(|it| !it.job.starts_with("hard"))
            .cloned()
            .collect()
    };
    assert_eq!(others(&plan), others(&calm));
    for easy in ["calm", "steady"] {
        // How much is proved depends on the time that is left.
        let values = |plan: &PlanFile| -> Vec<f64> {
            result(plan, easy)
                .stages
                .iter()
                .map(|stage| stage.objective)
                .collect()
        };
        assert_eq!(values(&plan), values(&calm));
    }
}
