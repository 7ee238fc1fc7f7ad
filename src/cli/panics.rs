//! A panic that reaches the top is a bug of ours: said in a few lines, with what to report.

use std::panic::{self, AssertUnwindSafe};
use std::sync::Mutex;

use super::console;
use super::exit::Exit;

/// Message and place of the panics that nobody caught.
static UNCAUGHT: Mutex<Option<String>> = Mutex::new(None);

/// Runs the command; a panic becomes exit code 70 and a report.
pub(super) fn guard(command: impl FnOnce() -> Exit) -> Exit {
    panic::set_hook(Box::new(|info| {
        let words = info.payload_as_str().unwrap_or("no message");
        let place = info.location().map(ToString::to_string);
        let text = format!("{words} ({})", place.as_deref().unwrap_or("unknown place"));
        if let Ok(mut last) = UNCAUGHT.lock() {
            *last = Some(text);
        }
    }));
    panic::catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|_| {
        let last = UNCAUGHT.lock().ok().and_then(|mut last| last.take());
        console::error(&report(last.as_deref().unwrap_or("no message")));
        Exit::Bug
    })
}

fn report(what: &str) -> String {
    format!(
        "error: this is a bug in apportion, not in your input.\n  {what}\n  \
         apportion {} on {} {}\n\
         Please report it with these lines, the command, and the snapshot if you can share it.\n",
        env!("CARGO_PKG_VERSION"),
        std::env::consts::OS,
        std::env::consts::ARCH,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_a_bug_of_ours() {
        let previous = panic::take_hook();
        let exit = guard(|| panic!("as the test wants it"));
        panic::set_hook(previous);
        assert_eq!(exit, Exit::Bug);
        assert_eq!(exit.code(), 70);
        assert!(report("words").contains("words"));
    }
}
