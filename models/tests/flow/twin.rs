//! A slow and obvious way to solve a network: any flow first, then cycles of negative cost are cancelled until there is none.

use apportion_models::flow::{FlowNetwork, UNLIMITED};

#[derive(Debug, PartialEq, Eq)]
pub enum Answer {
    Optimal(i128),
    Infeasible,
    Unbounded,
}

/// One direction of an arc: where it begins and ends, what it costs, and how much more may flow.
struct Way {
    from: usize,
    to: usize,
    cost: i128,
    room: i128,
}

const ENDLESS: i128 = i128::MAX / 4;

pub fn solve(network: &FlowNetwork) -> Answer {
    let n_nodes = network.supplies.len();
    let (source, sink) = (n_nodes, n_nodes + 1);
    let mut excess: Vec<i128> = network
        .supplies
        .iter()
        .map(|&supply| supply.into())
        .collect();
    let mut ways = Vec::new();
    let mut fixed = 0;
    for arc in &network.arcs {
        let room = if arc.capacity == UNLIMITED {
            ENDLESS
        } else {
            i128::from(arc.capacity - arc.lower)
        };
        let (from, to, cost) = (arc.tail as usize, arc.head as usize, i128::from(arc.cost));
        ways.push(Way {
            from,
            to,
            cost,
            room,
        });
        ways.push(Way {
            from: to,
            to: from,
            cost: -cost,
            room: 0,
        });
        excess[from] -= i128::from(arc.lower);
        excess[to] += i128::from(arc.lower);
        fixed += cost * i128::from(arc.lower);
    }
    let n_real = ways.len();
    let mut needed = 0;
    for (node, &excess) in excess.iter().enumerate() {
        let (from, to) = if excess > 0 {
            (source, node)
        } else {
            (node, sink)
        };
        ways.push(Way {
            from,
            to,
            cost: 0,
            room: excess.abs(),
        });
        ways.push(Way {
            from: to,
            to: from,
            cost: 0,
            room: 0,
        });
        needed += excess.max(0);
    }
    if excess.iter().sum::<i128>() != 0 {
        return Answer::Infeasible;
    }
    while let Some(path) = path(&ways, n_nodes + 2, source, sink) {
        needed -= send(&mut ways, &path);
    }
    if needed > 0 {
        return Answer::Infeasible;
    }
    ways.truncate(n_real);
    while let Some(cycle) = negative_cycle(&ways, n_nodes) {
        if send(&mut ways, &cycle) >= ENDLESS / 2 {
            return Answer::Unbounded;
        }
    }
    let cost: i128 = ways.chunks(2).map(|pair| pair[0].cost * pair[1].room).sum();
    Answer::Optimal(cost + fixed)
}

fn send(ways: &mut [Way], path: &[usize]) -> i128 {
    let amount = path.iter().map(|&way| ways[way].room).min().unwrap();
    if amount < ENDLESS / 2 {
        for &way in path {
            ways[way].room -= amount;
            ways[way ^ 1].room += amount;
        }
    }
    amount
}

/// A path with room, by breadth.
fn path(ways: &[Way], n_nodes: usize, source: usize, sink: usize) -> Option<Vec<usize>> {
    let mut arrived = vec![None; n_nodes];
    let mut reached = vec![source];
    let mut next = 0;
    while next < reached.len() {
        for (position, way) in ways.iter().enumerate() {
            let new = way.to != source && arrived[way.to].is_none();
            if way.from == reached[next] && way.room > 0 && new {
                arrived[way.to] = Some(position);
                reached.push(way.to);
            }
        }
        next += 1;
    }
    let mut path = Vec::new();
    let mut node = sink;
    while node != source {
        path.push(arrived[node]?);
        node = ways[arrived[node]?].from;
    }
    Some(path)
}

/// A cycle with room and negative cost (Bellman, Ford).
fn negative_cycle(ways: &[Way], n_nodes: usize) -> Option<Vec<usize>> {
    let mut distance = vec![0; n_nodes];
    let mut arrived = vec![None; n_nodes];
    let mut last = None;
    for _ in 0..=n_nodes {
        last = None;
        for (position, way) in ways.iter().enumerate() {
            if way.room > 0 && distance[way.from] + way.cost < distance[way.to] {
                distance[way.to] = distance[way.from] + way.cost;
                arrived[way.to] = Some(position);
                last = Some(way.to);
            }
        }
    }
    let mut node = last?;
    for _ in 0..n_nodes {
        node = ways[arrived[node].unwrap()].from;
    }
    let (start, mut cycle) = (node, Vec::new());
    loop {
        let way: usize = arrived[node].unwrap();
        cycle.push(way);
        node = ways[way].from;
        if node == start {
            return Some(cycle);
        }
    }
}
