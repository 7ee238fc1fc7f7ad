//! `solve-model`: the child's side of `--isolate`. Not for people.

use super::solvers::{self, Backend};
use super::{Context, Exit, Failure};

/// Solve one model from standard input (used by --isolate)
#[derive(clap::Args)]
#[command(hide = true)]
pub(super) struct Arguments {
    /// Solver backend
    #[arg(value_enum)]
    solver: Backend,
}

pub(super) fn run(arguments: &Arguments, _: &Context) -> Result<Exit, Failure> {
    let solver = solvers::in_process(arguments.solver);
    let orphaned = || std::process::exit(i32::from(Exit::Error.code()));
    crate::isolate::serve(std::io::stdin(), std::io::stdout(), &solver, orphaned)
        .map_err(|error| Failure::error(format!("the model cannot be solved here: {error}")))?;
    Ok(Exit::Done)
}
