//! The command: arguments, files, progress, tables, and one file per subcommand.
//!
//! # Shape
//! - [`main`] parses, runs one subcommand, and turns what it says into an exit code.
//! - A subcommand is a file with its `Arguments` and a `run(&Arguments, &Context) -> Result<Exit, Failure>`. To add one: copy
//!   `lint.rs`, add its line to [`Command`] and to [`dispatch`], and a case to `tests/cli.rs`.
//! - Standard output carries the result, standard error progress and diagnostics. Nothing else in the library prints.

mod apply;
mod compare;
mod completions;
mod console;
mod exit;
mod faults;
mod files;
mod generate;
mod import;
mod inputs;
mod lint;
mod man;
mod numbers;
mod panics;
mod plan;
mod progress;
mod simulate;
mod solve;
mod solve_model;
mod solvers;
mod table;
mod verify;

use std::process::ExitCode;
use std::time::Instant;

use clap::{Args, Parser, Subcommand};

pub(crate) use console::Context;
pub(crate) use exit::{Exit, Failure};

/// Divides a cluster fairly among frameworks, lets each place its own work by a small exact model, and says how good the
/// result is.
#[derive(Parser)]
#[command(
    name = "apportion",
    version,
    max_term_width = 100,
    disable_help_subcommand = true,
    after_help = EXAMPLES
)]
struct Arguments {
    #[command(flatten)]
    shared: Shared,
    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  apportion plan cluster.json                        where everything should go, and how good that is
  apportion plan cluster.json -o plan.json           the same, with the plan in a file
  apportion verify cluster.json plan.json            an independent check of every claim in a plan
  kubectl get nodes,pods -A -o json | apportion import kubernetes - -o cluster.json

Exit codes:
  0 done, 1 error, 2 input fault or wrong usage, 5 `verify` found a violation, 70 a bug in apportion.
  With `plan --detailed-exitcode`: 0 nothing to do, 3 something is unplaced, 4 changes proposed.";

/// What every subcommand takes.
#[derive(Args)]
struct Shared {
    /// Print the result as JSON (errors too)
    #[arg(long, global = true, help_heading = "Everywhere")]
    json: bool,
    /// Print no progress
    #[arg(long, short, global = true, help_heading = "Everywhere")]
    quiet: bool,
}

#[derive(Subcommand)]
enum Command {
    Plan(plan::Arguments),
    Verify(verify::Arguments),
    Apply(apply::Arguments),
    Compare(compare::Arguments),
    Lint(lint::Arguments),
    Import(import::Arguments),
    Generate(generate::Arguments),
    Simulate(simulate::Arguments),
    Solve(solve::Arguments),
    Completions(completions::Arguments),
    Man(man::Arguments),
    SolveModel(solve_model::Arguments),
}

/// Runs the command that the process was started with. `started` is when it was: deadlines count from there.
#[must_use]
pub fn main(started: Instant) -> ExitCode {
    let exit = panics::guard(|| match Arguments::try_parse() {
        Ok(arguments) => {
            let context = Context::new(started, arguments.shared.json, arguments.shared.quiet);
            dispatch(&arguments.command, &context)
                .unwrap_or_else(|failure| faults::report(&failure, &context))
        }
        Err(error) => usage(&error, started),
    });
    exit.into()
}

fn dispatch(command: &Command, context: &Context) -> Result<Exit, Failure> {
    match command {
        Command::Plan(arguments) => plan::run(arguments, context),
        Command::Verify(arguments) => verify::run(arguments, context),
        Command::Apply(arguments) => apply::run(arguments, context),
        Command::Compare(arguments) => compare::run(arguments, context),
        Command::Lint(arguments) => lint::run(arguments, context),
        Command::Import(arguments) => import::run(arguments, context),
        Command::Generate(arguments) => generate::run(arguments, context),
        Command::Simulate(arguments) => simulate::run(arguments, context),
        Command::Solve(arguments) => solve::run(arguments, context),
        Command::Completions(arguments) => completions::run(arguments, context),
        Command::Man(arguments) => man::run(arguments, context),
        Command::SolveModel(arguments) => solve_model::run(arguments, context),
    }
}

/// What clap has to say: help and version on standard output, wrong usage on standard error (as JSON where that was asked for).
fn usage(error: &clap::Error, started: Instant) -> Exit {
    if !error.use_stderr() {
        // A reader that went away is no failure of ours.
        let _ = error.print();
        return Exit::Done;
    }
    if std::env::args_os().any(|argument| argument == "--json") {
        let context = Context::new(started, true, true);
        let message = error.render().to_string();
        return faults::report(&Failure::usage(message.trim_end()), &context);
    }
    let _ = error.print();
    Exit::Input
}
