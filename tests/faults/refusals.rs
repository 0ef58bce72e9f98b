//! The kernel refuses what the supervisor itself needs: the run ends with exit code 3 and the reason, leaves
//! nothing behind, and goes on once the kernel gives it.
//!
//! The refusals are made by strace, in the supervisor's main thread alone.

use crate::common::Lab;
use crate::trial::{Faults, assert_nothing_left, strace, trial};

/// A run of a few tasks in which a system call fails, and the same run afterwards, in which none does.
fn refused(method: &str, injection: &str, code: i32, says: &[&str]) {
    let Some(strace) = strace() else { return };
    let lab = Lab::new();
    let calm = Faults::new(20, "error", 0, 0);
    let run = || trial(&lab, "run", method, std::slice::from_ref(&calm));
    let finished = run()
        .through_shell(&format!(
            "exec '{strace}' -D -o /dev/null -e inject={injection} \"$@\""
        ))
        .run()
        .assert_code(code)
        .assert_says(says);
    assert_nothing_left(&lab, &finished);
    let finished = run().run().assert_code(0);
    lab.run_folder("run").assert_all_ok(20);
    assert_nothing_left(&lab, &finished);
}

#[test]
fn no_waiting_for_workers_from_the_beginning() {
    for method in ["auto", "fork", "spawn"] {
        let says = ["failed to wait for workers", "Bad file descriptor"];
        refused(method, "epoll_wait,epoll_pwait:error=EBADF", 3, &says);
    }
}

#[test]
fn no_waiting_for_workers_any_more() {
    for method in ["fork", "spawn"] {
        let says = ["failed to wait for workers", "Bad file descriptor"];
        refused(
            method,
            "epoll_wait,epoll_pwait:error=EBADF:when=9+",
            3,
            &says,
        );
    }
}

#[test]
fn no_channels() {
    let says = ["failed to prepare the worker pool", "Too many open files"];
    refused("fork", "epoll_create1:error=EMFILE", 3, &says);
}

#[test]
fn no_socket_for_a_hello() {
    for method in ["fork", "spawn"] {
        // The first is that of the results.
        let says = ["failed to prepare for a new process", "No buffer space"];
        refused(method, "bind:error=ENOBUFS:when=2+", 3, &says);
    }
}
