//! Row 12: another process connects to a worker's socket before the worker does. It must be one of the same
//! user, for the folder is private. Whatever it says or does not say, the start counts as failed and the
//! next one goes well; the supervisor never waits for it.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockType, UnixAddr, connect, send, socket,
};

use crate::common::Lab;
use crate::scenario::{Scenario, rows};
use crate::trial::outcomes;

rows! {
    spawn: row_012_a_stranger_says_nothing, row_012_a_crowd_says_nothing,
        row_012_a_stranger_talks_nonsense, row_012_a_stranger_leaves_at_once,
        row_012_a_stranger_before_the_first_task, row_012_a_hello_with_another_token, row_012_a_hello_of_another_process;
}

/// Connects without waiting; `None` = the queue is full.
fn call(server: &Path) -> Option<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let client = socket(AddressFamily::Unix, SockType::SeqPacket, flags, None).expect("a socket");
    let address = UnixAddr::new(server).expect("its path is short enough");
    match connect(client.as_raw_fd(), &address) {
        Ok(()) => Some(client),
        Err(Errno::EAGAIN) => None,
        Err(error) => panic!("{}: {error}", server.display()),
    }
}

fn sockets(lab: &Lab) -> Vec<PathBuf> {
    let mut found = lab.leftovers();
    found.retain(|path| path.file_name().is_some_and(|name| name == "socket"));
    found
}

/// The task's first worker is held back until the stranger has connected; what the stranger gives is kept to
/// the end of the run.
#[track_caller]
fn visited<T>(method: &str, visit: impl FnOnce(&Path) -> T) {
    // One task, so that no worker is started ahead: there is one socket.
    let scenario = Scenario::calm(method, 1);
    let mut running = scenario
        .with_faults("worker.connect:sleep-ms=1500:2")
        .background();
    running.wait_for("the worker to be held back", |_| {
        (scenario.fired("worker.connect") == 1).then_some(())
    });
    let server = running.wait_for("its socket", |_| sockets(&scenario.lab).pop());
    let visitor = visit(&server);
    let finished = running.wait();
    drop(visitor);
    let attempts = scenario.attempts();
    assert_eq!(outcomes(&attempts), ["start_failed", "ok"], "{attempts:#?}");
    scenario.aftermath(&finished).completes(0);
}

fn row_012_a_stranger_says_nothing(method: &str) {
    visited(method, |server| call(server).expect("nobody else is there"));
}

/// More than the queue holds: even the worker cannot connect.
fn row_012_a_crowd_says_nothing(method: &str) {
    visited(method, |server| {
        let crowd: Vec<OwnedFd> = (0..64).map_while(|_| call(server)).collect();
        assert!((2..64).contains(&crowd.len()), "the queue is full");
        crowd
    });
}

fn row_012_a_stranger_talks_nonsense(method: &str) {
    // A length and so many bytes that are no hello; and a length that nobody has memory for.
    let [mut plausible, mut huge] = [vec![0xa5; 64], vec![0xa5; 64]];
    plausible[..8].copy_from_slice(&56u64.to_ne_bytes());
    huge[..8].copy_from_slice(&u64::MAX.to_ne_bytes());
    for packet in [plausible, huge] {
        visited(method, |server| {
            let client = call(server).expect("nobody else is there");
            send(client.as_raw_fd(), &packet, MsgFlags::MSG_NOSIGNAL).expect("it is connected");
            client
        });
    }
}

/// The worker of the self-test has the visitor: the method is found not to work, long before a start that says
/// nothing would be given up.
fn row_012_a_stranger_before_the_first_task(method: &str) {
    let scenario = Scenario::calm(method, 1);
    let began = Instant::now();
    let mut running = scenario
        .with_faults("worker.connect:sleep-ms=30000:1")
        .background();
    let server = running.wait_for("a socket", |_| sockets(&scenario.lab).pop());
    let visitor = call(&server).expect("nobody else is there");
    let finished = running.wait().assert_code(3).assert_says(&["error: "]);
    assert!(began.elapsed() < Duration::from_secs(4), "{finished:?}");
    drop(visitor);
    scenario.aftermath(&finished).ended_early(3);
    let finished = scenario.command().run();
    scenario.aftermath(&finished).completes(0);
}

fn row_012_a_stranger_leaves_at_once(method: &str) {
    visited(method, |server| drop(call(server)));
}

fn row_012_a_hello_with_another_token(method: &str) {
    false_hello(
        method,
        "token",
        "another process spoke in place of the worker program",
    );
}

fn row_012_a_hello_of_another_process(method: &str) {
    false_hello(method, "pid", "said the hello of another");
}

/// A hello that is well-formed, and not the worker's.
#[track_caller]
fn false_hello(method: &str, what: &str, reason: &str) {
    let scenario = Scenario::calm(method, 1);
    let finished = scenario
        .with_faults(&format!("worker.hello:{what}:2"))
        .run()
        .assert_says(&[reason]);
    assert_eq!(scenario.fired("worker.hello"), 1);
    let attempts = scenario.attempts();
    assert_eq!(outcomes(&attempts), ["start_failed", "ok"], "{attempts:#?}");
    scenario.aftermath(&finished).completes(0);
}
