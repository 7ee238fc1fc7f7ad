//! What policies share: the hard rules that every task may state, and the stages that several policies have.

mod following;
mod rows;
mod stages;
mod tables;

use apportion_models::assignment::{Assignment, Stage};

use crate::contract::{Formulation, Places};

pub(crate) use following::{Short, hold_back};
pub(crate) use stages::{OwnStage, agents_used, min_available, placed};
pub(crate) use tables::Tables;

/// The model of a slice with every rule that its tasks may state, and these stages.
pub(crate) fn formulation(tables: &Tables<'_>, stages: &[OwnStage]) -> Formulation {
    let slice = tables.slice;
    let of_stages: Vec<Stage> = stages.iter().map(|stage| stage.stage.clone()).collect();
    Formulation {
        assignment: Assignment {
            resources: slice.cluster.resources.clone(),
            items: tables.items(),
            bins: tables.bins(),
            caps: Vec::new(),
            limits: rows::limits(tables),
            balances: rows::spreads(tables),
            gangs: rows::gangs(tables),
            stages: of_stages,
        },
        schedule: None,
        items: slice.pending.iter().map(|&(task, _)| task).collect(),
        bins: slice.offers.iter().map(|offer| offer.agent).collect(),
        places: Places::default(),
        roles: stages.iter().map(|stage| stage.role).collect(),
        units: stages.iter().map(|stage| stage.unit).collect(),
        constants: stages.iter().map(|stage| stage.constant).collect(),
    }
}
