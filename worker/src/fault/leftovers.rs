//! Deeds that leave something behind for whoever comes after: children, threads, locks, changed settings.

use std::fs::File;
use std::path::Path;

use fumehood::sys;

use super::{Deed, sleep_for_ever};

/// Does the deed if it is of this family; whether it was.
pub fn act(deed: &Deed<'_>) -> Result<bool, String> {
    match deed.name {
        "leak-child" => sys::fault::leave_child(false, sleep_for_ever),
        "daemon" => sys::fault::leave_child(true, sleep_for_ever),
        "leave-thread" => {
            std::thread::spawn(|| sleep_for_ever());
        }
        "change" => sys::fault::change(deed.value).map_err(told("change"))?,
        "pristine" => sees_an_untouched_process()?,
        "flock" => {
            let file = lock_file()?;
            file.lock().map_err(told("flock"))?;
            // Held until the process is gone.
            std::mem::forget(file);
        }
        "record-lock" => sys::fault::hold_record_lock(lock_file()?).map_err(told("record-lock"))?,
        "semaphore" => sys::fault::take_semaphore().map_err(told("semaphore"))?,
        "scribble" => {
            let map = sys::MappedFile::open(Path::new(deed.value)).map_err(told("scribble"))?;
            sys::fault::scribble(&map);
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn told(deed: &str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("`{deed}` could not be done: {error}")
}

/// A file that all tasks of a run share.
fn lock_file() -> Result<File, String> {
    let file = File::options()
        .append(true)
        .create(true)
        .open("shared-lock");
    file.map_err(told("open"))
}

/// Compares this process with the supervisor, from which it has everything that a task can change.
fn sees_an_untouched_process() -> Result<(), String> {
    let differs = sys::fault::differences_to_parent();
    if differs.is_empty() {
        Ok(())
    } else {
        Err(format!("changed: {}", differs.join(", ")))
    }
}
