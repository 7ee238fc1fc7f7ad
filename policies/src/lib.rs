//! What a framework wants: the [`Policy`] contract, the policies, and their [`Registry`].
//!
//! A policy is the *specification* of one framework's problem. It says what it can use ([`Policy::bid`]),
//! turns a slice into a model ([`Policy::formulate`]) and reads the answer back ([`Policy::decode`]). It
//! never calls a solver, reads a clock or draws a random number: the engine solves the model.
//!
//! To add one, copy [`service`], register it, and add it to the conformance test; see
//! `docs/add-a-policy.md`.

pub mod baselines;
mod contract;
mod error;
pub mod mapreduce;
pub mod ml;
pub mod online;
mod parameters;
mod registry;
mod rules;
pub mod service;
pub mod storage;
pub mod workflow;

pub use contract::{
    Bid, BidClass, CapRow, Formulation, ParameterFault, Place, Places, Policy, StageRole, Standing,
    View,
};
pub use error::PolicyError;
pub use registry::Registry;
