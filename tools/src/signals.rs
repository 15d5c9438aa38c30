//! SIGINT, SIGTERM and SIGHUP: the first requests a stop, a second SIGINT or SIGTERM ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::signal_name;

use crate::Failure;

/// Whether a signal has requested a stop.
#[derive(Debug, Clone)]
pub(crate) struct StopAsked(Arc<AtomicBool>);

impl StopAsked {
    /// Installs the handlers, and starts the thread that waits for signals.
    pub(crate) fn install() -> Result<StopAsked, Failure> {
        let fail = |error: std::io::Error| Failure::new(format!("signals: {error}"));
        let asked = Arc::new(AtomicBool::new(false));
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(fail)?;
        let is_asked = asked.clone();
        thread::Builder::new()
            .name("signals".into())
            .spawn(move || signals.forever().for_each(|signal| take(signal, &is_asked)))
            .map_err(fail)?;
        Ok(StopAsked(asked))
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

fn take(signal: i32, is_asked: &AtomicBool) {
    let name = signal_name(signal).unwrap_or("a signal");
    if !is_asked.swap(true, Ordering::AcqRel) {
        tracing::info!(signal = name, "stop requested");
    } else if signal != SIGHUP {
        // A terminal that closes sends SIGHUP more than once: that is no reason to hurry.
        tracing::warn!(
            signal = name,
            "second stop requested: the process ends at once, what was not acknowledged may be lost"
        );
        std::process::exit(128 + signal);
    }
}
