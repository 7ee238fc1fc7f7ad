//! What a policy may fail with.

use crate::contract::ParameterFault;

/// A policy could not formulate its slice. That costs its framework this round, never the plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A parameter has a value that the policy cannot use.
    #[error("parameter `{key}`: {cause}")]
    Parameter {
        /// The parameter.
        key: String,
        /// What is wrong with it.
        cause: String,
    },
    /// The slice asks for something that the policy's model cannot say.
    #[error("the policy cannot express {what}")]
    Unsupported {
        /// What it is.
        what: String,
    },
}

impl PolicyError {
    /// The first of the faults that a policy found in its parameters.
    pub(crate) fn of_parameters(mut faults: Vec<ParameterFault>) -> Self {
        let first = faults.swap_remove(0);
        Self::Parameter {
            key: first.key,
            cause: first.cause,
        }
    }
}
