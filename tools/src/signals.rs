//! SIGINT and SIGTERM: the first requests a stop, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;

use crate::Failure;

/// Whether a signal has requested a stop.
#[derive(Debug, Clone)]
pub(crate) struct StopAsked(Arc<AtomicBool>);

impl StopAsked {
    /// Installs the handlers of both signals.
    pub(crate) fn install() -> Result<StopAsked, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal must find the flag unset, or it would end the process.
            flag::register_conditional_shutdown(signal, 128 + signal, asked.clone())
                .and_then(|_| flag::register(signal, asked.clone()))
                .map_err(|error| Failure::new(format!("signals: {error}")))?;
        }
        Ok(StopAsked(asked))
    }

    pub(crate) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
