//! Worked numbers, and a naive reading of the certificate on random clusters.

#![allow(clippy::unwrap_used)]

mod fluid;
mod random;
mod support;
mod worked;
