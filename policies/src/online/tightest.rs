//! Best fit over everything that a task asks for: the baseline for clusters whose resources are not CPU and devices.

use super::fleet::Shape;
use super::rule::{Rule, Standing};

/// The agent of which, once the task is there, the least is left free, in the mean over the resources that the task asks for and in
/// parts of the agent's own capacity; ties to the first.
#[derive(Debug, Clone, Copy)]
pub struct Tightest;

/// Scores are whole numbers: a hundred thousandth is told apart.
const HIGHEST: i64 = 100_000;

impl Rule for Tightest {
    fn score(&self, standing: Standing<'_>, shape: &Shape) -> i64 {
        let agent = standing.agent;
        let (mut left, mut asked) = (0.0, 0.0);
        for (at, (&free, &capacity)) in agent.free().iter().zip(agent.capacity()).enumerate() {
            if shape.amount(at) > 0 {
                left += (free - shape.amount(at)) as f64 / capacity.max(1) as f64;
                asked += 1.0;
            }
        }
        if shape.devices > 0 {
            let capacity = agent.device_milli().max(1) as f64;
            left += (agent.total_device_free() - shape.total_milli()) as f64 / capacity;
            asked += 1.0;
        }
        if asked == 0.0 {
            return 0;
        }
        ((1.0 - left / asked) * HIGHEST as f64) as i64
    }
}
