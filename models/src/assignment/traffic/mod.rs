//! What flows between copies: how much of it must cross, and a placement to start from that keeps much of it together.

mod bound;
mod partition;

pub(super) use partition::partition;
