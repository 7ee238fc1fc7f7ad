//! What distinguishes one way of online planning from another: how it scores.

use super::fleet::{Agent, Shape};
use super::random::SplitMix64;

/// How one agent is taken from those where a task fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// The highest score; ties go to the first in the planner's order.
    Best,
    /// The first in the fleet's order, whatever the scores.
    First,
    /// Any, with the same probability.
    Uniform,
}

/// An agent with what the rule keeps about it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The agent as it is now.
    pub agent: &'a Agent,
    /// [`Rule::worth`] of the agent as it is now.
    pub worth: f64,
}

/// How an arriving task chooses among the agents where it fits.
///
/// # Guarantees
///
/// Scores are a function of one agent's state and one shape, so the planner keeps them until that agent
/// changes. A rule never refuses: a task is refused only when it fits nowhere.
pub trait Rule: Send + Sync {
    /// What the rule keeps about an agent until that agent changes; 0 if it keeps nothing.
    fn worth(&self, agent: &Agent) -> f64 {
        let _ = agent;
        0.0
    }

    /// How good it is to put a task of `shape` on this agent, where it fits: higher is better.
    fn score(&self, standing: Standing<'_>, shape: &Shape) -> i64;

    /// The devices that the task takes on the agent that was chosen.
    fn devices(
        &self,
        standing: Standing<'_>,
        shape: &Shape,
        random: &mut SplitMix64,
    ) -> Vec<usize> {
        let _ = random;
        standing.agent.tightest_devices(shape)
    }

    /// How the agent is chosen.
    fn selection(&self) -> Selection {
        Selection::Best
    }
}
