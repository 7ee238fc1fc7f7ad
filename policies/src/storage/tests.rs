//! The rows of the model, each alone.
