//! Rounds whose time is over, or cut short.

use std::time::{Duration, Instant};

use apportion_cluster::{AgentIdx, Cluster, FrameworkIdx, Proposal, Running, TaskIdx};
use apportion_models::StopReason;

use super::attempt::attempt;
use super::take::take;
use super::{Record, again, first};
use crate::engine::context::Context;
use crate::engine::offers::FirstOffer;
use crate::engine::solve::{Effort, Rows};
use crate::engine::state::State;
use crate::engine::{Options, release};

fn two_tasks() -> Cluster {
    let file = br#"{"version": "apportion/v1",
        "agents": [{"id": "one", "resources": {"cpu_milli": 4000}}],
        "frameworks": [{"id": "f", "policy": "service"}],
        "jobs": [{"id": "j", "framework": "f",
                  "tasks": [{"id": "t", "instances": 2, "resources": {"cpu_milli": 1000}}]}]}"#;
    crate::snapshot::read(file).expect("the snapshot is valid")
}

const HOUR: Duration = Duration::from_secs(3600);

/// A plan that is due in an hour.
fn due() -> Options {
    Options {
        deadline: Some(Instant::now() + HOUR),
        ..Options::default()
    }
}

/// A later round that is cut short may have found a placement and no bound: its bounds are not those of the plan.
#[test]
fn bounds_of_a_search_that_was_cut_short_are_not_kept() {
    let cluster = two_tasks();
    let options = Options::default();
    let context = Context::new(&cluster, &options);
    let framework = FrameworkIdx::of(0);
    for stopped in [None, Some(StopReason::Deadline)] {
        let mut state = State::new(&cluster, release::released(&cluster));
        let offers = state.everything(framework);
        let slice = state.slice_within(framework, offers, None);
        let effort = Effort::Ladder(None);
        let rows = Rows::default();
        let nothing = Proposal::default();
        let mut answer =
            attempt(&context, &slice, &rows, &nothing, effort, false).expect("the policy answers");
        answer.solved.stopped.clone_from(&stopped);
        let mut record = Record::default();
        let asked = (&slice, &rows);
        let taken = take(
            &mut state,
            &context,
            asked,
            (&Proposal::default(), effort),
            answer,
            &mut record,
        );
        assert!(taken && state.pending(framework).is_empty());
        assert_eq!(record.last.is_some(), stopped.is_none());
    }
}

/// A round that begins when the time for solving is over, and the deadline is not: what it places, nobody searched.
#[test]
fn a_round_out_of_time_is_told() {
    let cluster = two_tasks();
    for (reserve, stopped) in [(HOUR / 2, false), (HOUR, true)] {
        let options = due();
        let mut context = Context::new(&cluster, &options);
        context.keep_reserve(reserve);
        let mut state = State::new(&cluster, release::released(&cluster));
        let mut records = vec![Record::default()];
        again(&mut state, &context, None, &mut records);
        assert!(state.pending(FrameworkIdx::of(0)).is_empty());
        assert_eq!(records[0].stopped, stopped);
    }
}

/// Where no time is left, what offers were made of is placed as it is: one of the two that are wanted, which no policy would leave at
/// that.
#[test]
fn a_first_round_out_of_time_places_witnesses() {
    let cluster = two_tasks();
    let framework = FrameworkIdx::of(0);
    for (reserve, placed) in [(HOUR / 2, 2), (HOUR, 1)] {
        let options = due();
        let mut context = Context::new(&cluster, &options);
        context.keep_reserve(reserve);
        let mut state = State::new(&cluster, release::released(&cluster));
        let offer = FirstOffer {
            framework,
            offers: state.everything(framework),
            witness: Proposal {
                placements: vec![Running {
                    task: TaskIdx::of(0),
                    agent: AgentIdx::of(0),
                    instances: 1,
                }],
                ..Proposal::default()
            },
            counts: None,
            unmet: false,
            is_cut: false,
        };
        let mut records = vec![Record::default()];
        first(&mut state, &context, vec![offer], &mut records);
        assert_eq!(
            state.added[0].iter().map(|it| it.instances).sum::<i64>(),
            placed
        );
        assert_eq!(records[0].stopped, placed == 1);
    }
}
