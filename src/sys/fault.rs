//! Ways to misbehave that need the kernel, for tests. Compiled only with the feature `fault`.

use nix::libc;

/// Sends a signal to this process, with its default disposition.
#[expect(
    unsafe_code,
    reason = "the number may be any, and the disposition must be the default"
)]
pub fn raise(signal: i32) {
    // SAFETY: SIG_DFL runs no code of ours; raise takes any number.
    unsafe {
        libc::signal(signal, libc::SIG_DFL);
        libc::raise(signal);
    }
}

/// Ignores SIGTERM from here on.
#[expect(unsafe_code, reason = "signal dispositions are process-wide state")]
pub fn ignore_term() {
    // SAFETY: SIG_IGN runs no code.
    unsafe {
        libc::signal(libc::SIGTERM, libc::SIG_IGN);
    }
}

/// Leaves a child behind that holds everything this process has open and does `deed`. With `daemon`, it
/// leaves the process group and the session too.
#[expect(unsafe_code, reason = "fork is unsafe by nature")]
pub fn leave_child(daemon: bool, deed: fn() -> !) {
    // SAFETY: a worker has one thread here, so the child inherits no lock that another thread holds.
    if let Ok(nix::unistd::ForkResult::Child) = unsafe { nix::unistd::fork() } {
        if daemon {
            let _ = nix::unistd::setsid();
        }
        deed();
    }
}

/// Closes every descriptor this process has but the standard ones.
#[expect(unsafe_code, reason = "this is the fault")]
pub fn close_everything() {
    // SAFETY: unsound on purpose towards the owners of these descriptors: the process is to be killed.
    unsafe {
        libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0);
    }
}
