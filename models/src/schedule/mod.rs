//! Schedules: operations that follow one another in bins with vector capacity, and what one hands over to the next.
//!
//! # Model
//! Sets: operations `o` (each with `count` alike copies), bins `b` in groups, resources `r`, edges `(o, o')`.
//! Columns: for each copy its bin and its start, a whole number of milliseconds from 0; it ends `duration[o,b]` later.
//!
//! | row | meaning |
//! |---|---|
//! | `capacity[b,r]` | at every moment the copies in progress in `b` need at most its capacity |
//! | `once[o]` | at most `count[o]` copies |
//! | `release[o]` | no copy starts earlier |
//! | `edge[o,o']` | a copy of `o'` starts after every copy of `o` has ended and what it hands over has arrived; it cannot start at all if some copy of `o` is not placed |
//!
//! An edge hands over its amount in even parts, one for each pair of copies. A part takes no time within a bin, and the
//! time that [`Network`] states within a group of bins and beyond.
//!
//! Objective: the stages in order; a later stage only chooses among the best of the earlier ones.

mod across;
mod bound;
mod check;
mod decode;
mod exact;
mod flow;
mod improve;
mod independent;
mod kinds;
mod ladder;
mod layers;
mod list;
mod places;
mod prices;
mod profile;
mod queues;
mod ranks;
mod reserve;
mod ruled;
mod settle;
mod slots;
mod timetable;
mod types;

pub use check::TimetableFault;
pub use ladder::{Scheduled, audit, solve};
pub use list::list_schedule;
pub use ruled::solve_within;
pub use timetable::{TimedEntry, Timetable};
pub use types::{Edge, Network, Operation, Schedule, TimeObjective, TimeStage};
