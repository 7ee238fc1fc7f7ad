//! What a policy may fail with.

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
