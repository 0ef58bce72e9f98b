//! Reading of data that takes more than a moment: what is said meanwhile, and how it is stopped.
//!
//! Before a run has a folder a signal simply ends the program: nothing is written yet. Later signals are kept
//! for the run; a store that is being written looks for them and gives up, and leaves nothing but what
//! resuming needs.

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use fumehood::data::Watch;
use fumehood::sys;

use crate::cli::Progress;
use crate::reporter;
use crate::reporter::words::thousands;
use crate::settings::Settings;

/// From one line to the next.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Says now and then how far the reading is, if the user wants to hear of progress.
pub(super) fn watch(doing: &'static str, settings: &Settings) -> Watch {
    let is_told = settings.verbosity >= 0 && settings.progress != Progress::None;
    let last = Cell::new(sys::monotonic_now());
    Rc::new(move |bytes| {
        let now = sys::monotonic_now();
        if is_told && now.since(last.get()) >= LINE_EVERY {
            last.set(now);
            reporter::talk(&format!("{doing}: {} MiB so far", thousands(bytes >> 20)));
        }
        sys::pending_stop().is_none()
    })
}
