//! A virtual cluster over time: work arrives and ends, agents fail and return, and the broker plans at each moment at which
//! something happened.
//!
//! ```text
//! events of a moment ──> World ──> snapshot ──> engine::plan ──> verifier ──> World
//!        (drawn or from a file)                  ^ credit of the plan before
//! ```
//!
//! Time is counted in whole milliseconds and nothing waits for it: a simulation of a day takes as long as its plans. What
//! runs stays where it is, as in any plan. [`draw()`] draws events with a seed; [`chart()`] draws the outcome.

mod chart;
mod draw;
mod run;
mod steps;
mod world;

pub use chart::chart;
pub use draw::{Draws, Mix, draw};
pub use run::{SimulateError, SimulateOptions, Simulation, simulate};
pub use steps::{Point, Step};
