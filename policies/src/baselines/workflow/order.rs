//! Orders along the edges: breadth first, and each after all that it follows.

use apportion_models::assignment::Traffic;

pub(super) fn stream_edges(traffic: Option<&Traffic>) -> Vec<(u32, u32)> {
    let Some(traffic) = traffic else {
        return Vec::new();
    };
    let items = |end: u32| traffic.ends[end as usize].packings[0].items.iter().copied();
    let flows = traffic.flows.iter();
    flows
        .flat_map(|flow| {
            items(flow.from).flat_map(move |from| items(flow.to).map(move |to| (from, to)))
        })
        .collect()
}

/// From what nothing sends to, along the edges, layer by layer; on a circle from its first member.
pub(super) fn breadth_first(n: usize, edges: &[(u32, u32)]) -> Vec<u32> {
    let mut after = vec![Vec::new(); n];
    let mut is_sent_to = vec![false; n];
    for &(from, to) in edges {
        after[from as usize].push(to);
        is_sent_to[to as usize] = true;
    }
    let mut seen = vec![false; n];
    let mut order: Vec<u32> = Vec::with_capacity(n);
    let sources = (0..n as u32).filter(|&it| !is_sent_to[it as usize]);
    for first in sources.chain(0..n as u32).collect::<Vec<u32>>() {
        if std::mem::replace(&mut seen[first as usize], true) {
            continue;
        }
        let mut at = order.len();
        order.push(first);
        while at < order.len() {
            for &next in &after[order[at] as usize] {
                if !std::mem::replace(&mut seen[next as usize], true) {
                    order.push(next);
                }
            }
            at += 1;
        }
    }
    order
}

/// Layer by layer, each after all that it follows; what is on a circle is left out.
pub(super) fn topological(n: usize, edges: &[(u32, u32)]) -> Vec<u32> {
    let mut waits = vec![0_usize; n];
    let mut after = vec![Vec::new(); n];
    for &(from, to) in edges {
        waits[to as usize] += 1;
        after[from as usize].push(to);
    }
    let mut order: Vec<u32> = (0..n as u32)
        .filter(|&it| waits[it as usize] == 0)
        .collect();
    let mut at = 0;
    while at < order.len() {
        for &next in &after[order[at] as usize] {
            waits[next as usize] -= 1;
            if waits[next as usize] == 0 {
                order.push(next);
            }
        }
        at += 1;
    }
    order
}
