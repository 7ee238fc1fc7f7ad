//! The LP format of CPLEX, as far as linear models go, in the dialect that HiGHS reads.
//!
//! # Shape
//! - Every column appears in the objective, if with coefficient 0, so that the order of columns survives.
//! - A row with two different finite bounds becomes two constraints, `name~lo` and `name~up`, which are put together again when they are read one after
//!   the other. HiGHS has no other way to read it.
//! - A name that the format has no room for is escaped: every byte that could be misread becomes `~` and two hexadecimal digits.
//! - Quadratic terms, semi-continuous columns and special ordered sets are errors.

mod lex;
mod read;
mod sections;
mod write;

pub use read::read;
pub use write::write;

/// What the two halves of a row with two bounds are called.
const LOWER_HALF: &str = "~lo";
const UPPER_HALF: &str = "~up";
/// The comment that carries the model's name.
const NAME_COMMENT: &str = "\\Problem name: ";
