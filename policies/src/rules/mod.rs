//! What policies share: the hard rules that every task may state, and the stages that place.

mod placed;
mod rows;
mod tables;

pub(crate) use placed::{OwnStage, placed};
pub(crate) use rows::{gangs, limits, spreads};
pub(crate) use tables::Tables;
