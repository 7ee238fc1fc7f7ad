//! `completions`: what a shell needs to complete arguments.

use clap::CommandFactory;
use clap_complete::Shell;

use super::console;
use super::{Context, Exit, Failure};

/// Print completions for a shell
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  apportion completions bash > ~/.local/share/bash-completion/completions/apportion
  apportion completions zsh > ~/.zfunc/_apportion
  apportion completions fish > ~/.config/fish/completions/apportion.fish")]
pub(super) struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(arguments: &Arguments, _: &Context) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    let mut command = super::Arguments::command();
    clap_complete::generate(arguments.shell, &mut command, "apportion", &mut script);
    console::print_raw(&script)?;
    Ok(Exit::Done)
}
