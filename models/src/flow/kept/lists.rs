//! For each node, its arcs in an order that tells along which of them more may flow, so that searches look at no others.

/// One end of an arc, in the list of the node there.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    /// The node at the other end.
    pub(super) other: u32,
    /// Twice the arc's position, and 1 at the arc's head: a way to send something from this node to the other.
    pub(super) way: u32,
    /// What one unit costs from this node to the other.
    pub(super) cost: i64,
}

/// How many groups there are in a list: ends that let something out, out and in, in, or nothing at all.
const N_GROUPS: usize = 4;

/// What lets something out, and in: the group of an end.
#[inline]
pub(super) fn group(out: bool, into: bool) -> usize {
    match (out, into) {
        (true, false) => 0,
        (true, true) => 1,
        (false, true) => 2,
        (false, false) => 3,
    }
}

/// The ends of the arcs at one node, group after group.
#[derive(Clone, Debug, Default)]
pub(super) struct List {
    ends: Vec<End>,
    /// Where each group but the last stops.
    stops: [u32; N_GROUPS - 1],
}

/// Where both ends of each arc are in the lists of their nodes: at the tail, at the head.
pub(super) type Places = Vec<[u32; 2]>;

#[inline]
pub(super) fn put_place(places: &mut Places, way: u32, place: usize) {
    #[expect(clippy::cast_possible_truncation, reason = "arcs are below 2^30")]
    let place = place as u32;
    places[way as usize / 2][way as usize % 2] = place;
}

impl List {
    /// For so many ends, and a few that may come.
    pub(super) fn with_capacity(n_ends: usize) -> Self {
        Self {
            ends: Vec::with_capacity(n_ends + n_ends / 16 + 2),
            stops: [0; N_GROUPS - 1],
        }
    }

    pub(super) fn clear(&mut self) {
        self.ends.clear();
        self.stops = [0; N_GROUPS - 1];
    }

    /// All ends.
    #[inline]
    pub(super) fn all(&self) -> &[End] {
        &self.ends
    }

    /// The ends over which something may leave the node.
    #[inline]
    pub(super) fn out(&self) -> &[End] {
        &self.ends[..self.stops[1] as usize]
    }

    /// The ends over which something may come to the node.
    #[inline]
    pub(super) fn into(&self) -> &[End] {
        &self.ends[self.stops[0] as usize..self.stops[2] as usize]
    }

    pub(super) fn put(&mut self, end: End, group: usize, places: &mut Places) {
        let place = self.ends.len();
        self.ends.push(end);
        put_place(places, end.way, place);
        self.regroup(place, group, places);
    }

    pub(super) fn take(&mut self, place: usize, places: &mut Places) {
        let last = self.ends.len() - 1;
        let place = self.regroup(place, N_GROUPS - 1, places);
        self.swap(place, last, places);
        self.ends.pop();
    }

    pub(super) fn set_cost(&mut self, place: usize, cost: i64) {
        self.ends[place].cost = cost;
    }

    /// Moves an end to a group, across the stops between. Returns its new place.
    pub(super) fn regroup(&mut self, place: usize, group: usize, places: &mut Places) -> usize {
        let mut place = place;
        let mut at = (self.stops.iter())
            .position(|&stop| place < stop as usize)
            .unwrap_or(N_GROUPS - 1);
        while at < group {
            self.stops[at] -= 1;
            let to = self.stops[at] as usize;
            self.swap(place, to, places);
            (place, at) = (to, at + 1);
        }
        while at > group {
            at -= 1;
            let to = self.stops[at] as usize;
            self.stops[at] += 1;
            self.swap(place, to, places);
            place = to;
        }
        place
    }

    #[inline]
    fn swap(&mut self, left: usize, right: usize, places: &mut Places) {
        if left != right {
            self.ends.swap(left, right);
            put_place(places, self.ends[left].way, left);
            put_place(places, self.ends[right].way, right);
        }
    }
}
