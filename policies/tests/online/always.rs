//! Random fleets and sequences: what holds for every rule.

use apportion_policies::online::{
    Agent, Answer, CPU, Decision, Fleet, Planner, RULES, Shape, SplitMix64, WHOLE_DEVICE, arrivals,
};

use super::{agent, planner, shape};

struct Case {
    agents: Vec<Agent>,
    shapes: Vec<Shape>,
    random: SplitMix64,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut random = SplitMix64::new(seed);
        let mut below = |bound| random.below(bound);
        let agents = (0..1 + below(12))
            .map(|_| {
                let n_devices = below(5);
                let model = (n_devices > 0).then(|| below(3) as u32);
                Agent::empty(
                    vec![below(40) as i64 * 1000, below(100) as i64],
                    n_devices,
                    model,
                )
            })
            .collect();
        let shapes = (0..1 + below(10))
            .map(|_| {
                let devices = below(4);
                let is_whole = below(2) == 0;
                Shape {
                    amounts: vec![below(9) as i64 * 1000, below(20) as i64],
                    devices,
                    device_milli: if is_whole {
                        WHOLE_DEVICE
                    } else {
                        1 + below(999) as i64
                    },
                    models: if below(4) == 0 {
                        vec![below(3) as u32]
                    } else {
                        vec![]
                    },
                }
            })
            .collect();
        Self {
            agents,
            shapes,
            random,
        }
    }

    fn planner(&self, name: &str) -> Planner {
        planner(name, &self.agents, &self.shapes)
    }
}

/// Recounts from nothing what `running` takes, and compares it with what the fleet says.
fn assert_counts(case: &Case, planner: &Planner, running: &[(usize, Decision)]) {
    for (at, (agent, empty)) in planner
        .fleet()
        .agents()
        .iter()
        .zip(&case.agents)
        .enumerate()
    {
        let mut free = empty.capacity().to_vec();
        let mut device_free = empty.device_free().to_vec();
        for (shape, decision) in running.iter().filter(|(_, decision)| decision.agent == at) {
            let shape = &case.shapes[*shape];
            assert!(
                shape.models.is_empty()
                    || shape.devices == 0
                    || shape.models.contains(&empty.model().unwrap())
            );
            assert_eq!(decision.devices.len(), shape.devices);
            for (free, need) in free.iter_mut().zip(&shape.amounts) {
                *free -= need;
            }
            for (nth, &device) in decision.devices.iter().enumerate() {
                assert!(!decision.devices[..nth].contains(&device));
                device_free[device] -= shape.device_milli;
            }
        }
        assert!(free.iter().chain(&device_free).all(|&free| free >= 0));
        assert_eq!(
            (agent.free(), agent.device_free()),
            (&free[..], &device_free[..])
        );
    }
}

#[test]
fn nothing_is_overcommitted_nothing_that_fits_is_refused_and_kept_scores_are_right() {
    let mut n_refused = 0;
    for name in RULES {
        for seed in 0..25 {
            let mut case = Case::new(seed);
            let mut planner = case.planner(name);
            let mut running: Vec<(usize, Decision)> = Vec::new();
            for _ in 0..120 {
                if !running.is_empty() && case.random.below(4) == 0 {
                    let (_, gone) = running.swap_remove(case.random.below(running.len()));
                    planner.remove(gone.task).unwrap();
                } else {
                    let shape = case.random.below(case.shapes.len());
                    let fits = planner
                        .fleet()
                        .agents()
                        .iter()
                        .any(|agent| agent.fits(&case.shapes[shape]));
                    match planner.place(shape).unwrap() {
                        Answer::Placed(decision) => running.push((shape, decision)),
                        Answer::Refused => {
                            assert!(!fits, "{name}");
                            n_refused += 1;
                        }
                    }
                }
                assert_counts(&case, &planner, &running);
            }
            for shape in 0..case.shapes.len() {
                let scratch = planner.scores_from_scratch(shape);
                assert_eq!(planner.scores(shape), &scratch[..], "{name}");
            }
        }
    }
    assert!(n_refused > 100, "the cases are contended");
}

#[test]
fn where_only_some_agents_are_allowed_the_best_of_them_is_chosen_and_none_is_refused_in_vain() {
    let (mut n_placed, mut n_refused) = (0, 0);
    for name in RULES {
        for seed in 0..25 {
            let mut case = Case::new(seed);
            let mut planner = case.planner(name);
            for _ in 0..60 {
                let shape = case.random.below(case.shapes.len());
                let allowed: Vec<bool> = case
                    .agents
                    .iter()
                    .map(|_| case.random.below(3) == 0)
                    .collect();
                let scores = planner.scores(shape).to_vec();
                let usable = (0..scores.len()).filter(|&agent| allowed[agent]);
                let best = usable.filter_map(|agent| scores[agent]).max();
                match planner.place_where(shape, |agent| allowed[agent]).unwrap() {
                    Answer::Placed(decision) => {
                        assert!(allowed[decision.agent], "{name}");
                        assert_eq!(scores[decision.agent], best, "{name}");
                        n_placed += 1;
                    }
                    Answer::Refused => {
                        assert_eq!(best, None, "{name}");
                        n_refused += 1;
                    }
                }
            }
            planner.forget(0);
            assert_eq!(
                planner.scores_from_scratch(0),
                planner.scores(0),
                "{name}: forgotten scores come back"
            );
        }
    }
    assert!(
        n_placed > 1000 && n_refused > 1000,
        "{n_placed} {n_refused}"
    );
}

/// A limit on what is remembered changes no answer: four shapes take turns, and one is kept.
#[test]
fn answers_do_not_depend_on_how_many_scores_are_kept() {
    for name in RULES {
        let mut placed = 0;
        for seed in 0..20 {
            let mut case = Case::new(seed);
            let mut planners = [case.planner(name), case.planner(name).keeping(1)];
            for step in 0..60 {
                let shape = case.random.below(case.shapes.len());
                let answers = planners.each_mut().map(|it| it.place(shape).unwrap());
                assert_eq!(answers[0], answers[1], "{name}, seed {seed}, step {step}");
                placed += usize::from(answers[0] != Answer::Refused);
                assert_eq!(
                    planners[1].scores_from_scratch(shape),
                    planners[1].scores(shape),
                    "{name}, seed {seed}, step {step}"
                );
            }
        }
        assert!(placed > 100, "{name}: {placed}");
    }
}

#[test]
fn an_agent_in_use_is_as_if_its_tasks_had_been_adopted() {
    let half = shape(1000, 1, 500);
    let in_use = Agent::in_use(vec![9000], vec![6000], vec![0, 500, 1000], None, [&half; 3]);
    let mut adopted = planner("clustering", &[agent(9000, 3)], std::slice::from_ref(&half));
    for device in [0, 0, 1] {
        adopted.adopt(0, 0, &[device]).unwrap();
    }
    assert_eq!(adopted.fleet().agents()[0], in_use);
}

#[test]
fn the_same_calls_give_the_same_answers() {
    for name in RULES {
        let mut case = Case::new(5);
        let sequence: Vec<usize> = (0..200)
            .map(|_| case.random.below(case.shapes.len()))
            .collect();
        let run = || {
            let mut planner = case.planner(name);
            sequence
                .iter()
                .map(|&shape| planner.place(shape).unwrap())
                .collect::<Vec<_>>()
        };
        assert_eq!(run(), run(), "{name}");
    }
}

#[test]
fn after_all_tasks_left_the_fleet_is_as_before() {
    for name in RULES {
        let mut case = Case::new(11);
        let mut planner = case.planner(name);
        let mut tasks = Vec::new();
        for _ in 0..50 {
            if let Answer::Placed(decision) =
                planner.place(case.random.below(case.shapes.len())).unwrap()
            {
                tasks.push(decision.task);
            }
        }
        for task in tasks {
            planner.remove(task).unwrap();
        }
        assert_eq!(planner.fleet().agents(), &case.agents[..], "{name}");
    }
}

#[test]
fn arrivals_start_with_the_list_and_stop_at_the_demand() {
    let fleet = Fleet::new(
        vec![agent(9000, 4); 10],
        vec![shape(1, 1, 300), shape(1, 0, 0), shape(1, 2, 1000)],
    )
    .unwrap();
    let list = [0, 0, 1, 2];
    let milli = |sequence: &[usize]| {
        sequence
            .iter()
            .map(|&at| fleet.shapes()[at].total_milli())
            .sum::<i64>()
    };
    let sequence = arrivals(&fleet, &list, 130, 3);
    assert!(milli(&sequence) <= 52_000 && milli(&sequence) > 52_000 - 2000);
    let mut start = sequence[..4].to_vec();
    start.sort_unstable();
    assert_eq!(start, list);
    let short = arrivals(&fleet, &list, 5, 3);
    assert!(milli(&short) <= 2000 && short.len() < list.len());
    assert_eq!(arrivals(&fleet, &[1], 130, 3), [1]);
}

#[test]
fn cpu_comes_first() {
    assert_eq!(agent(1234, 0).free()[CPU], agent(1234, 0).free_cpu());
}
