//! `man`: the manual page, one for the whole command.

use clap::CommandFactory;

use super::console;
use super::{Context, Exit, Failure};

/// Print the manual page, of the whole command or of one subcommand
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  apportion man | man -l -
  apportion man plan > apportion-plan.1")]
pub(super) struct Arguments {
    /// A subcommand
    subcommand: Option<String>,
}

pub(super) fn run(arguments: &Arguments, _: &Context) -> Result<Exit, Failure> {
    let mut command = super::Arguments::command();
    command.build();
    if let Some(name) = &arguments.subcommand {
        let found = command
            .get_subcommands()
            .find(|sub| sub.get_name() == name && !sub.is_hide_set());
        command = found.cloned().ok_or_else(|| {
            Failure::usage(format!("there is no subcommand `{name}`"))
                .with_action("`apportion --help` lists them")
        })?;
    }
    let mut page = Vec::new();
    clap_mangen::Man::new(command)
        .render(&mut page)
        .map_err(|error| Failure::error(format!("the manual page cannot be rendered: {error}")))?;
    console::print_raw(&page)?;
    Ok(Exit::Done)
}
