//! Public networks with their optima, and public changes: see `flow-networks` in the data that `APPORTION_DATA` names.

use super::solved;
use apportion_models::Limits;
use apportion_models::flow::{FlowArc, FlowNetwork, NetworkSimplex, check};
use apportion_models::formats::dimacs;
use std::collections::BTreeMap;
use std::path::PathBuf;

const OPTIMA: [(&str, i128); 11] = [
    ("graph_100m_4j_100t_10p.in", 268_820),
    ("graph_100m_8j_100t_10p.in", 547_488),
    ("graph_100m_16j_100t_10p.in", 1_115_043),
    ("graph_1000m_2j_100t_10p.in", 108_662),
    ("graph_1000m_32j_100t_10p.in", 2_089_244),
    ("graph_1000m_64j_100t_10p.in", 4_321_713),
    ("netgen_8_08a.min", 142_274_536),
    ("netgen_8_10a.min", 369_269_289),
    ("netgen_8_13a.min", 1_184_953_451),
    ("netgen_8_14a.min", 1_772_056_888),
    ("transport_400x300.min", 445_090),
];

fn folder() -> Option<PathBuf> {
    let Some(folder) = std::env::var_os("APPORTION_DATA") else {
        eprintln!("skipped: APPORTION_DATA is not set");
        return None;
    };
    Some(PathBuf::from(folder).join("flow-networks"))
}

#[test]
fn published_optima_are_reached() {
    let Some(folder) = folder() else { return };
    for (name, optimum) in OPTIMA {
        let network = dimacs::read(&std::fs::read(folder.join(name)).unwrap()).unwrap();
        assert_eq!(solved(&network).objective, Some(optimum), "{name}");
        assert_eq!(
            dimacs::read(dimacs::write(&network).unwrap().as_bytes()).unwrap(),
            network,
            "{name}"
        );
    }
}

/// What the change files say, read and applied in the plainest way: node numbers as they stand, arcs in a list.
#[derive(Clone)]
struct Plain {
    supplies: BTreeMap<usize, i64>,
    arcs: Vec<(usize, usize, i64, i64, i64)>,
    sink: usize,
}

impl Plain {
    fn new(network: &FlowNetwork) -> Self {
        let arcs = network.arcs.iter().map(|arc| {
            (
                arc.tail as usize + 1,
                arc.head as usize + 1,
                arc.lower,
                arc.capacity,
                arc.cost,
            )
        });
        Self {
            supplies: (network.supplies.iter().enumerate())
                .map(|(node, &supply)| (node + 1, supply))
                .collect(),
            arcs: arcs.collect(),
            sink: 1 + network
                .supplies
                .iter()
                .position(|&supply| supply < 0)
                .unwrap(),
        }
    }

    /// Makes one change and returns how many lines it took.
    fn step(&mut self, lines: &[Vec<&str>]) -> usize {
        let numbers = |line: &[&str]| -> Vec<i64> {
            line[1..].iter().map(|word| word.parse().unwrap()).collect()
        };
        let fields = numbers(&lines[0]);
        let arc = |fields: &[i64], new: usize| {
            let end = |node: i64| if node == 0 { new } else { node as usize };
            (
                end(fields[0]),
                end(fields[1]),
                fields[2],
                fields[3],
                fields[4],
            )
        };
        match lines[0][0] {
            "r" => {
                let node = fields[0] as usize;
                let supply = self.supplies.remove(&node).unwrap();
                self.arcs.retain(|arc| arc.0 != node && arc.1 != node);
                *self.supplies.get_mut(&self.sink).unwrap() += supply;
            }
            "d" => {
                let new = (1..)
                    .find(|node| !self.supplies.contains_key(node))
                    .unwrap();
                self.supplies.insert(new, fields[0]);
                *self.supplies.get_mut(&self.sink).unwrap() -= fields[0];
                let n_arcs = *fields.last().unwrap() as usize;
                for line in &lines[1..=n_arcs] {
                    self.arcs.push(arc(&numbers(line), new));
                }
                return n_arcs + 1;
            }
            "a" => self.arcs.push(arc(&fields, 0)),
            "x" => {
                let new = arc(&fields, 0);
                // Numbers of removed nodes still stand for nodes, which have no supply.
                self.supplies.entry(new.0).or_insert(0);
                self.supplies.entry(new.1).or_insert(0);
                let same =
                    |arc: &&mut (usize, usize, i64, i64, i64)| (arc.0, arc.1) == (new.0, new.1);
                match self.arcs.iter_mut().find(same) {
                    Some(old) => *old = new,
                    None => self.arcs.push(new),
                }
            }
            other => panic!("{other}"),
        }
        1
    }

    /// The network, its nodes counted anew.
    fn network(&self) -> FlowNetwork {
        let positions: BTreeMap<usize, u32> = (self.supplies.keys())
            .zip(0..)
            .map(|(&node, position)| (node, position))
            .collect();
        let arcs = self
            .arcs
            .iter()
            .map(|&(tail, head, lower, capacity, cost)| FlowArc {
                tail: positions[&tail],
                head: positions[&head],
                lower,
                capacity,
                cost,
            });
        FlowNetwork {
            supplies: self.supplies.values().copied().collect(),
            arcs: arcs.collect(),
        }
    }
}

#[test]
fn every_published_change_gives_what_a_solve_from_scratch_gives() {
    let Some(folder) = folder() else { return };
    let mut n_changes = 0;
    let mut names: Vec<String> = (std::fs::read_dir(&folder).unwrap())
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    for base in ["graph_4m_2crs_6j", "graph_4m_2crs_10j"] {
        let network =
            dimacs::read(&std::fs::read(folder.join(format!("{base}.in"))).unwrap()).unwrap();
        let is_change = |name: &&String| {
            name.starts_with(base) && name.len() > base.len() + 3 && !name.contains("incremental")
        };
        // The file without a name of its own changes nodes that both networks have; only the larger one has all of them.
        let of_all = (base == "graph_4m_2crs_10j").then(|| "changes.in".to_owned());
        for name in names.iter().filter(is_change).chain(&of_all) {
            let text = std::fs::read_to_string(folder.join(name)).unwrap();
            let lines: Vec<Vec<&str>> = (text
                .lines()
                .map(|line| line.split_whitespace().collect::<Vec<_>>()))
            .filter(|line| line.first().is_some_and(|word| *word != "c"))
            .collect();
            let groups = dimacs::changes::read(text.as_bytes()).unwrap();
            let (mut plain, mut at) = (Plain::new(&network), 0);
            let mut simplex = NetworkSimplex::new(&network).unwrap();
            simplex.solve(&Limits::default());
            let mut changer = dimacs::changes::Changer::new(&network);
            for group in &groups {
                at += plain.step(&lines[at..]);
                changer.apply(group, &mut simplex).unwrap();
                simplex.solve(&Limits::default());
                assert_eq!(check(&simplex.network(), &simplex.outcome()), [], "{name}");
                let scratch = solved(&plain.network());
                assert_eq!(
                    (simplex.status(), simplex.objective()),
                    (&scratch.status, scratch.objective),
                    "{name}"
                );
                assert!(scratch.objective.is_some(), "{name}");
                n_changes += 1;
            }
            assert_eq!(at, lines.len(), "{name}");
        }
    }
    assert!(n_changes >= 25, "{n_changes}");
}
