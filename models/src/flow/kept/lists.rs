//! For each node, its arcs in an order that tells along which of them more may flow, so that searches look at no others.

/// One end of an arc, in the list of the node there.
#[derive(Clone, Copy, Debug, Default)]
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
#[repr(align(64))]
pub(super) struct List {
    ends: Vec<End>,
    /// Where each group but the last stops.
    stops: [u32; N_GROUPS - 1],
}

/// What is told where an end is now.
pub(super) trait Places {
    fn put(&mut self, way: u32, place: u32);
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

    pub(super) fn put(&mut self, end: End, group: usize, places: &mut impl Places) {
        let mut gap = self.ends.len();
        self.ends.push(end);
        for at in (group..N_GROUPS - 1).rev() {
            let first = self.stops[at] as usize;
            self.stops[at] += 1;
            self.shift(first, gap, places);
            gap = first;
        }
        self.set(gap, end, places);
    }

    pub(super) fn take(&mut self, place: usize, places: &mut impl Places) {
        let mut gap = place;
        for at in self.group_of(place)..N_GROUPS - 1 {
            self.stops[at] -= 1;
            let last = self.stops[at] as usize;
            self.shift(last, gap, places);
            gap = last;
        }
        self.shift(self.ends.len() - 1, gap, places);
        self.ends.pop();
    }

    pub(super) fn set_cost(&mut self, place: usize, cost: i64) {
        self.ends[place].cost = cost;
    }

    /// Moves an end to a group, across the stops between.
    pub(super) fn regroup(&mut self, place: usize, group: usize, places: &mut impl Places) {
        let at = self.group_of(place);
        if at == group {
            return;
        }
        let end = self.ends[place];
        let mut gap = place;
        for stop in at..group {
            self.stops[stop] -= 1;
            let last = self.stops[stop] as usize;
            self.shift(last, gap, places);
            gap = last;
        }
        for stop in (group..at).rev() {
            let first = self.stops[stop] as usize;
            self.stops[stop] += 1;
            self.shift(first, gap, places);
            gap = first;
        }
        self.set(gap, end, places);
    }

    /// Reads what taking the end at a place would move, and returns the ways of it.
    #[inline]
    pub(super) fn peek(&self, place: u32) -> [u32; 3] {
        let way = |place: usize| self.ends.get(place).map_or(0, |end| end.way);
        let last_in = (self.stops[2] as usize).wrapping_sub(1);
        [way(place as usize), way(last_in), self.last_way()]
    }

    #[inline]
    pub(super) fn last_way(&self) -> u32 {
        self.ends.last().map_or(0, |end| end.way)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    #[inline]
    fn group_of(&self, place: usize) -> usize {
        (self.stops.iter())
            .position(|&stop| place < stop as usize)
            .unwrap_or(N_GROUPS - 1)
    }

    #[inline]
    fn shift(&mut self, from: usize, to: usize, places: &mut impl Places) {
        if from != to {
            self.set(to, self.ends[from], places);
        }
    }

    #[inline]
    fn set(&mut self, place: usize, end: End, places: &mut impl Places) {
        self.ends[place] = end;
        #[expect(clippy::cast_possible_truncation, reason = "arcs are below 2^30")]
        places.put(end.way, place as u32);
    }
}
