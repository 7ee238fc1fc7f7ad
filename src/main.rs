//! The `apportion` command. Everything is in [`apportion::cli`].

fn main() -> std::process::ExitCode {
    apportion::cli::main(std::time::Instant::now())
}
