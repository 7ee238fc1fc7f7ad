//! What the Rust binding of HiGHS leaves out: interruption from inside a run, and 64-bit counters. All unsafe code is in this file.
#![expect(
    unsafe_code,
    reason = "HiGHS calls back through a C function pointer; each block says why it is sound"
)]

use super::failure;
use crate::outcome::StopReason;
use crate::solver::{CancelToken, Limits, SolverError};
use highs::{Model, SolvedModel};
use std::ffi::{c_char, c_int, c_void};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Instant;

/// How many nodes of the search tree were visited; 0 where HiGHS has no tree.
pub(super) fn node_count(solved: &SolvedModel) -> i64 {
    let mut nodes: i64 = 0;
    // SAFETY: the pointer belongs to `solved`, which lives throughout the call; the name is a C string; HiGHS writes
    // at most one 64-bit integer through the last pointer.
    let status = unsafe {
        highs_sys::Highs_getInt64InfoValue(
            solved.as_ptr(),
            c"mip_node_count".as_ptr(),
            &raw mut nodes,
        )
    };
    if status == highs_sys::STATUS_OK {
        nodes.max(0)
    } else {
        0
    }
}

const RUNNING: u8 = 0;
const DEADLINE: u8 = 1;
const CANCELLED: u8 = 2;

/// What tells HiGHS to stop: looked at from inside the search.
pub(super) struct Watch {
    pub(super) deadline: Option<Instant>,
    cancel: CancelToken,
    fired: AtomicU8,
}

impl Watch {
    pub(super) fn new(limits: &Limits) -> Self {
        Self {
            // A limit too long to be an instant is no limit.
            deadline: limits
                .time
                .and_then(|time| Instant::now().checked_add(time)),
            cancel: limits.cancel.clone(),
            fired: AtomicU8::new(RUNNING),
        }
    }

    pub(super) fn should_stop(&self) -> bool {
        if self
            .deadline
            .is_some_and(|deadline| Instant::now() >= deadline)
        {
            self.fired.store(DEADLINE, Ordering::Relaxed);
        } else if self.cancel.is_cancelled() {
            self.fired.store(CANCELLED, Ordering::Relaxed);
        }
        self.fired.load(Ordering::Relaxed) != RUNNING
    }

    pub(super) fn reason(&self) -> StopReason {
        match self.fired.load(Ordering::Relaxed) {
            DEADLINE => StopReason::Deadline,
            CANCELLED => StopReason::Cancelled,
            _ => StopReason::Other("interrupted, and not by request".to_owned()),
        }
    }

    /// Has HiGHS ask this watch. The watch has to outlive the run, which `run` sees to by borrowing it.
    pub(super) fn attach(&self, highs: &mut Model) -> Result<(), SolverError> {
        let pointer: *const Self = self;
        // SAFETY: the first pointer belongs to `highs`; `on_callback` has the signature that HiGHS declares; HiGHS passes the last
        // pointer on without looking behind it, and only during `Highs_run`, which `run` calls while it borrows the watch.
        let mut status = unsafe {
            highs_sys::Highs_setCallback(
                highs.as_mut_ptr(),
                Some(on_callback),
                pointer.cast_mut().cast(),
            )
        };
        for kind in [
            highs_sys::kHighsCallbackSimplexInterrupt,
            highs_sys::kHighsCallbackIpmInterrupt,
            highs_sys::kHighsCallbackMipInterrupt,
        ] {
            if status == highs_sys::STATUS_OK {
                // SAFETY: the pointer belongs to `highs`, and the kind is one of HiGHS's constants.
                status = unsafe { highs_sys::Highs_startCallback(highs.as_mut_ptr(), kind) };
            }
        }
        if status == highs_sys::STATUS_OK {
            Ok(())
        } else {
            Err(failure("the interrupt callback was refused".to_owned()))
        }
    }
}

/// Called by HiGHS from inside a run. It must not panic: unwinding into C++ would end the process.
unsafe extern "C" fn on_callback(
    _kind: c_int,
    _message: *const c_char,
    _out: *const highs_sys::HighsCallbackDataOut,
    answer: *mut highs_sys::HighsCallbackDataIn,
    watch: *mut c_void,
) {
    // SAFETY: this is the pointer that `attach` gave to HiGHS, of a watch that outlives the run; it is only read through.
    let watch = unsafe { &*watch.cast_const().cast::<Watch>() };
    // SAFETY: HiGHS passes a structure of its own, or null, for the length of this call.
    if let Some(answer) = unsafe { answer.as_mut() }
        && watch.should_stop()
    {
        answer.user_interrupt = 1;
    }
}
