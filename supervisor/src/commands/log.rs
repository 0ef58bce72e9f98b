//! `--log-file`: what the engine did, for those who look into it. The screen never shows it.

use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use super::Failure;

/// Refuses a file that cannot be one, without making it.
///
/// # Errors
///
/// There is no folder for it, or it is a folder itself.
pub fn check(file: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = file else { return Ok(()) };
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    if path.is_dir() || !folder.is_dir() {
        return Err(Failure::usage(format!(
            "--log-file {}: no file can be there",
            path.display()
        ))
        .hint(Some(String::from("name a file in a folder that exists"))));
    }
    Ok(())
}

/// Starts the log: each event is written at once, by the thread that has it. `RUST_LOG` narrows it.
///
/// # Errors
///
/// The file cannot be opened.
pub fn start(file: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = file else { return Ok(()) };
    let file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(path)
        .map_err(|error| Failure::environment(format!("--log-file {}: {error}", path.display())))?;
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("debug"));
    // A second start in one process would be a fault of ours; the first log goes on then.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(Mutex::new(file))
        .try_init();
    Ok(())
}
