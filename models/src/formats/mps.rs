//! The MPS format, in its free form: fields are divided by white space.
//!
//! # Shape
//! - A name that has no room in a field is escaped: every byte that could be misread becomes `~` and two hexadecimal digits.
//! - The offset of the objective is the negative of its right-hand side. A row without bounds has the type `N`, after the objective, which is the first `N`.
//! - When read, an integer column between markers without any bound is binary, and a negative upper bound of a column without a lower one makes it
//!   unbounded below, as in CPLEX. The writer leaves neither to a reader's custom.
//! - Semi-continuous columns, quadratic sections and special ordered sets are errors.

mod read;
mod write;

pub use read::read;
pub use write::write;
