//! Input faults.

use apportion_policies::online::{Agent, FaultCode, Fleet, Population};

use super::{agent, planner, shape};

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
fn what_is_left_on_an_agent_in_use_lies_between_nothing_and_the_whole() {
    let in_use = |free, device_free| {
        Agent::in_use(vec![1], free, vec![device_free], None, std::iter::empty())
    };
    let agents = vec![
        in_use(vec![1], 1000),
        in_use(vec![-1], 1000),
        in_use(vec![], 1000),
        in_use(vec![1], -1),
        in_use(vec![1], 1001),
    ];
    let faults = Fleet::new(agents, vec![]).unwrap_err();
    let places: Vec<&str> = faults.iter().map(|fault| fault.place.as_str()).collect();
    assert_eq!(places, ["agents[1]", "agents[2]", "agents[3]", "agents[4]"]);
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
