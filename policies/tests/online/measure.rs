//! The fragmentation measure, on cases worked by hand.

use apportion_policies::online::{Population, Room, Shape, fragmentation};

use super::shape;

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
