//! Online planning: what each rule chooses on tiny fleets, and what holds for every rule and every sequence.

#![allow(clippy::unwrap_used)]

use apportion_policies::online::{
    Agent, Answer, CPU, Decision, FaultCode, Fleet, Planner, Population, RULES, Room, Shape,
    SplitMix64, WHOLE_DEVICE, arrivals, fragmentation, rule,
};

fn shape(cpu_milli: i64, devices: usize, device_milli: i64) -> Shape {
    Shape {
        amounts: vec![cpu_milli],
        devices,
        device_milli,
        models: vec![],
    }
}

fn agent(cpu_milli: i64, n_devices: usize) -> Agent {
    Agent::empty(vec![cpu_milli], n_devices, None)
}

/// A planner for these agents; every shape arrives as often as every other.
fn planner(name: &str, agents: &[Agent], shapes: &[Shape]) -> Planner {
    let fleet = Fleet::new(agents.to_vec(), shapes.to_vec()).unwrap();
    let weighted: Vec<(Shape, f64)> = shapes.iter().map(|shape| (shape.clone(), 1.0)).collect();
    let rule = rule(name, &fleet, &Population::new(&weighted).unwrap()).unwrap();
    Planner::new(fleet, rule, 7)
}

fn place(planner: &mut Planner, shape: usize) -> Decision {
    match planner.place(shape).unwrap() {
        Answer::Placed(decision) => decision,
        Answer::Refused => panic!("shape {shape} fits nowhere"),
    }
}

mod measure {
    use super::*;

    fn room(cpu_milli: i64, device_free: &[i64], model: Option<u32>) -> Room {
        Room {
            cpu_milli,
            device_free: device_free.to_vec(),
            model,
        }
    }

    fn only(shape: Shape) -> Population {
        Population::new(&[(shape, 1.0)]).unwrap()
    }

    #[test]
    fn devices_too_small_for_the_task_are_stranded() {
        let room = room(8000, &[1000, 300, 500], None);
        assert_eq!(fragmentation(&room, &only(shape(1000, 1, 500))), 300.0);
    }

    #[test]
    fn without_enough_cpu_or_devices_everything_is_stranded() {
        let room = room(8000, &[1000, 300, 500], None);
        assert_eq!(fragmentation(&room, &only(shape(9000, 1, 500))), 1800.0);
        assert_eq!(fragmentation(&room, &only(shape(1000, 2, 1000))), 1800.0);
    }

    #[test]
    fn tasks_without_devices_and_tasks_for_other_models_strand_everything() {
        let room = room(8000, &[1000, 300], Some(4));
        assert_eq!(fragmentation(&room, &only(shape(1000, 0, 0))), 1300.0);
        let mut picky = shape(1000, 1, 100);
        picky.models = vec![3];
        assert_eq!(fragmentation(&room, &only(picky.clone())), 1300.0);
        picky.models = vec![3, 4];
        assert_eq!(fragmentation(&room, &only(picky)), 0.0);
    }

    #[test]
    fn shapes_count_by_their_share() {
        let population =
            Population::new(&[(shape(1000, 1, 500), 3.0), (shape(1000, 1, 100), 1.0)]).unwrap();
        assert_eq!(
            fragmentation(&room(8000, &[400, 600], None), &population),
            300.0
        );
    }

    #[test]
    fn typical_shapes_are_the_most_frequent_and_sum_to_one() {
        let mut large_memory = shape(1000, 1, 500);
        large_memory.amounts.push(7);
        let mut small_memory = shape(1000, 1, 500);
        small_memory.amounts.push(1);
        let mut rare = shape(2000, 1, 100);
        rare.amounts.push(1);
        let weighted = [(large_memory, 60.0), (small_memory, 36.0), (rare, 4.0)];
        let typical = Population::new(&weighted).unwrap().typical(0.95);
        assert_eq!(typical.shapes(), &[(shape(1000, 1, 500), 1.0)]);
    }
}

mod choice {
    use super::*;

    /// Agent 0 is idle; agent 1 holds a part of 500 on device 1.
    fn idle_and_used(name: &str, agents: [Agent; 2], shapes: &[Shape]) -> Planner {
        let mut planner = planner(name, &agents, shapes);
        planner.adopt(0, 1, &[1]).unwrap();
        planner
    }

    #[test]
    fn dot_product_takes_the_agent_with_little_of_what_the_task_wants() {
        let agents = [agent(64_000, 1), agent(16_000, 8)];
        let shapes = [shape(16_000, 1, 100), shape(0, 1, 1000)];
        assert_eq!(
            place(&mut planner("dot_product", &agents, &shapes), 0).agent,
            1
        );
        assert_eq!(
            place(&mut planner("dot_product", &agents, &shapes), 1).agent,
            0
        );
    }

    #[test]
    fn clustering_joins_its_kind_and_keeps_away_from_others() {
        let shapes = [
            shape(1000, 1, 500),
            shape(1000, 1, 300),
            shape(1000, 1, 1000),
        ];
        let mut clustering = idle_and_used("clustering", [agent(9000, 4), agent(9000, 4)], &shapes);
        assert_eq!(place(&mut clustering, 1).agent, 1);
        assert_eq!(place(&mut clustering, 2).agent, 0);
    }

    #[test]
    fn packing_takes_used_devices_then_used_agents_then_small_idle_agents() {
        let shapes = [
            shape(1000, 1, 500),
            shape(1000, 1, 300),
            shape(1000, 1, 1000),
        ];
        let mut packing = idle_and_used("packing", [agent(9000, 1), agent(9000, 4)], &shapes);
        assert_eq!(place(&mut packing, 1).devices, [1]);
        assert_eq!(place(&mut packing, 2).agent, 1);
        let mut idle = planner("packing", &[agent(9000, 4), agent(9000, 1)], &shapes);
        assert_eq!(place(&mut idle, 2).agent, 1);
    }

    #[test]
    fn best_fit_leaves_the_least_and_takes_the_tightest_device() {
        let shapes = [shape(1000, 1, 500), shape(1000, 1, 300)];
        let decision = place(
            &mut idle_and_used("best_fit", [agent(9000, 4), agent(9000, 4)], &shapes),
            1,
        );
        assert_eq!((decision.agent, decision.devices), (1, vec![1]));
    }

    #[test]
    fn fgd_takes_the_device_where_nothing_becomes_useless() {
        // Halves and wholes: a half beside a half strands nothing, a half on an idle device strands it for wholes.
        let shapes = [shape(1000, 1, 500), shape(1000, 1, 1000)];
        for name in ["fgd", "shadow_price"] {
            let decision = place(
                &mut idle_and_used(name, [agent(9000, 2), agent(9000, 2)], &shapes),
                0,
            );
            assert_eq!((decision.agent, decision.devices), (1, vec![1]), "{name}");
        }
    }

    #[test]
    fn shadow_price_pairs_the_sizes_that_fill_a_device() {
        // 700 goes with 300; 500 with 500. A 300 beside a 500 would waste 200.
        let shapes = [shape(10, 1, 700), shape(10, 1, 500), shape(10, 1, 300)];
        let mut planner = planner("shadow_price", &[agent(9000, 2)], &shapes);
        planner.adopt(0, 0, &[0]).unwrap();
        planner.adopt(1, 0, &[1]).unwrap();
        assert_eq!(place(&mut planner, 2).devices, [0]);
        assert_eq!(place(&mut planner, 1).devices, [1]);
    }

    #[test]
    fn shadow_price_keeps_cpu_where_devices_need_it() {
        // Both fit on both; only agent 1 has more CPU than its device will need.
        let shapes = [shape(4000, 0, 0), shape(4000, 1, 1000)];
        let mut planner = planner("shadow_price", &[agent(8000, 2), agent(8000, 1)], &shapes);
        assert_eq!(place(&mut planner, 0).agent, 1);
    }

    #[test]
    fn shadow_price_leaves_scarce_models_to_the_tasks_that_name_them() {
        let agents = [
            Agent::empty(vec![8000], 4, Some(0)),
            Agent::empty(vec![8000], 4, Some(1)),
        ];
        let mut picky = shape(1000, 1, 1000);
        picky.models = vec![0];
        let shapes = [shape(1000, 1, 1000), picky];
        let mut planner = planner("shadow_price", &agents, &shapes);
        for _ in 0..4 {
            assert_eq!(place(&mut planner, 0).agent, 1);
        }
        for _ in 0..4 {
            assert_eq!(place(&mut planner, 1).agent, 0);
        }
    }

    #[test]
    fn shadow_price_keeps_idle_agents_for_tasks_on_all_their_devices() {
        let shapes = [shape(100, 1, 1000), shape(100, 4, 1000)];
        let mut planner = planner("shadow_price", &[agent(8000, 4), agent(8000, 4)], &shapes);
        let first = place(&mut planner, 0).agent;
        for _ in 0..3 {
            assert_eq!(place(&mut planner, 0).agent, first);
        }
        assert_eq!(place(&mut planner, 1).agent, 1 - first);
    }
}

mod faults {
    use super::*;

    #[test]
    fn all_faults_of_a_fleet_are_reported() {
        let agents = vec![
            agent(1000, 1),
            Agent::empty(vec![1, 2], 0, None),
            agent(-1, 0),
        ];
        let mut long = shape(1, 1, 1001);
        long.amounts.push(1);
        let faults = Fleet::new(agents, vec![shape(1, 1, 0), long]).unwrap_err();
        let places: Vec<&str> = faults.iter().map(|fault| fault.place.as_str()).collect();
        assert_eq!(
            places,
            [
                "agents[1]",
                "agents[2]",
                "shapes[0]",
                "shapes[1]",
                "shapes[1]"
            ]
        );
    }

    #[test]
    fn weights_are_above_zero() {
        let weighted = [
            (shape(1, 0, 0), 0.0),
            (shape(2, 0, 0), f64::NAN),
            (shape(3, 0, 0), 1.0),
        ];
        assert_eq!(Population::new(&weighted).unwrap_err().len(), 2);
    }

    #[test]
    fn a_task_is_removed_once_and_adopted_only_where_it_fits() {
        let mut planner = planner("best_fit", &[agent(1000, 1)], &[shape(600, 1, 400)]);
        let task = planner.adopt(0, 0, &[0]).unwrap();
        for (agent, devices) in [(0, vec![0]), (1, vec![0]), (0, vec![1]), (0, vec![])] {
            let code = planner.adopt(0, agent, &devices).unwrap_err().code;
            assert!(matches!(code, FaultCode::DoesNotFit { .. }));
        }
        planner.remove(task).unwrap();
        assert_eq!(
            planner.remove(task).unwrap_err().code,
            FaultCode::NotRunning { task }
        );
        assert!(matches!(
            planner.place(1).unwrap_err().code,
            FaultCode::UnknownShape { .. }
        ));
    }
}

/// Random fleets and sequences, for what must hold always.
mod always {
    use super::*;

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
}
