//! The assignment problem with counts: classes of alike items go into bins with vector capacity, under
//! caps over groups of bins, gangs and hard balance, by lexicographic stages. Bins may have devices that copies take whole or in part.
//!
//! # Model
//! Sets: items `i` (each with `count` alike copies), bins `b`, resources `r`.
//! Columns: `x[i,b]`, a whole number of copies of item `i` in bin `b`, only where `b` is eligible.
//!
//! | row | meaning |
//! |---|---|
//! | `capacity[b,r]` | `sum_i demand[i,r] x[i,b] <= capacity[b,r]` |
//! | `device[b,k,d]` | what the copies in `b` take of its device `d` of kind `k` is at most what is free of it (see [`Assignment::pack`]) |
//! | `once[i]` | `sum_b x[i,b] <= count[i]` |
//! | a cap's own name | `sum over its items and bins of weight x <= max` |
//! | `limit[g]` for a limit's own name | `base_g` plus the copies of its items in its group `g` is at most `max` |
//! | a gang's own name | the copies placed of its items, `base` included, are 0 or at least `min` |
//! | a balance's own name | `base_g + x_g` over its groups differ by at most `max_skew` |
//!
//! Objective: the stages in order; a later stage only chooses among the best of the earlier ones.
//!
//! An [`Assignment`] becomes a [`Milp`](crate::milp::Milp) exactly ([`Assignment::to_milp`]): that is its meaning.
//! Everything faster is held against it.

mod bound;
mod construct;
mod counts;
mod devices;
mod displace;
mod evaluate;
mod fragments;
mod improve;
mod knapsack;
mod ladder;
mod least;
mod neighborhood;
mod patterns;
mod placement;
mod prices;
mod reduce;
mod rounding;
mod tally;
mod to_milp;
mod traffic;
mod transport;
mod types;
mod utility;
mod validate;
mod worth;

pub use construct::{Construction, construct};
pub use counts::Count;
pub use devices::{LARGEST_DEVICES, LARGEST_SEARCH, Packed, WHOLE_DEVICE};
pub use evaluate::{PlacementFault, TIE};
pub use ladder::{
    COLUMNS_FOR_ALL_NODES, LadderOptions, Proof, Solved, StageAnswer, audit, restate, solve,
};
pub use placement::{Entry, Placement};
pub use prices::Prices;
pub use reduce::{Reduced, reduce};
pub use tally::Stop;
pub use to_milp::StageModel;
pub use types::{
    Assignment, Balance, Bin, Cap, Costs, Curve, DeviceNeed, End, Flow, Gang, Item, Limit, Loss,
    Objective, Packing, Part, Peak, Probe, Rate, Shape, Span, Stage, Survival, Term, Traffic,
    Yield,
};
pub use validate::{AssignmentFault, LARGEST_COUNT, LARGEST_QUANTITY, NO_GROUP};
pub use worth::Tolls;
