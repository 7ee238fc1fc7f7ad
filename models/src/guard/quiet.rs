//! Panics of backends become values: caught with message and place, and not printed.

use std::any::Any;
use std::cell::RefCell;
use std::panic;
use std::sync::Once;

/// What happens to a panic of this thread.
enum Capture {
    /// It is printed, as the program has it.
    Off,
    /// It is kept; this is the last one.
    On(Option<String>),
}

thread_local! {
    static CAPTURE: RefCell<Capture> = const { RefCell::new(Capture::Off) };
}

/// Runs `action` with the panics of this thread kept instead of printed, and returns the last one's message and place.
pub(super) fn capture<T>(action: impl FnOnce() -> T) -> (T, Option<String>) {
    install_hook();
    CAPTURE.set(Capture::On(None));
    let result = action();
    let message = match CAPTURE.replace(Capture::Off) {
        Capture::On(message) => message,
        Capture::Off => None,
    };
    (result, message)
}

/// The hook belongs to the whole process, so it is put in front of the one that is there, and passes on every panic of other threads.
fn install_hook() {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(|| {
        let previous = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            let kept = CAPTURE.with_borrow_mut(|capture| match capture {
                Capture::Off => false,
                Capture::On(message) => {
                    let text = payload_text(info.payload());
                    *message = Some(match info.location() {
                        Some(place) => format!("{text} ({place})"),
                        None => text.to_owned(),
                    });
                    true
                }
            });
            if !kept {
                previous(info);
            }
        }));
    });
}

/// The words of a panic, as far as it has any.
pub(super) fn payload_text(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else {
        "a panic without words"
    }
}
