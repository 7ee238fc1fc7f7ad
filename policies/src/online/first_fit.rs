//! First fit: the baseline of those who do not choose.

use super::fleet::Shape;
use super::random::SplitMix64;
use super::rule::{Rule, Selection, Standing};

/// The first agent where the task fits, and its first devices, in the order of the fleet.
#[derive(Debug, Clone, Copy)]
pub struct FirstFit;

impl Rule for FirstFit {
    fn score(&self, _: Standing<'_>, _: &Shape) -> i64 {
        0
    }

    fn devices(&self, standing: Standing<'_>, shape: &Shape, _: &mut SplitMix64) -> Vec<usize> {
        let devices = standing.agent.device_free().iter().enumerate();
        let fitting = devices.filter(|&(_, &free)| free >= shape.device_milli);
        fitting
            .map(|(device, _)| device)
            .take(shape.devices)
            .collect()
    }

    fn selection(&self) -> Selection {
        Selection::First
    }
}
