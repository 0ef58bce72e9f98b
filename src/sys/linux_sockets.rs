//! A socket of ours and the connections that came in through it, found among our own descriptors.
//!
//! ipc-channel keeps the descriptors of a one-shot server to itself, and reads from whoever connects first
//! without a limit. A connection that came in bears the path of the server as its own name, so both can be
//! found, and shut: whoever waits for them is let go.

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::path::Path;

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::socket::{Shutdown, UnixAddr, getsockname, getsockopt, shutdown, sockopt};

use crate::ids::Pid;

/// Shuts the socket at this path and every connection that came in through it. `false` = that cannot be done
/// on this platform: who waits for the socket must be let go in another way.
pub fn shut_server(server: &Path) -> bool {
    for socket in sockets_at(server) {
        let _ = shutdown(socket.as_raw_fd(), Shutdown::Both);
    }
    true
}

/// Shuts every connection that came in through the socket at this path, except those of the process `guest`;
/// whether there was any.
pub fn shut_strangers(server: &Path, guest: Pid) -> bool {
    let mut found = false;
    for socket in sockets_at(server) {
        let listens = getsockopt(&socket, sockopt::AcceptConn).unwrap_or(true);
        if !listens && peer(&socket) != Some(guest) {
            found |= shutdown(socket.as_raw_fd(), Shutdown::Both).is_ok();
        }
    }
    found
}

/// The sockets of this process that have this path as their own name: the one that listens, and what came in
/// through it.
fn sockets_at(server: &Path) -> Vec<OwnedFd> {
    let Ok(names) = std::fs::read_dir("/proc/self/fd") else {
        return Vec::new();
    };
    let numbers = names.flatten().filter_map(|entry| {
        let name = entry.file_name();
        name.to_str()?.parse::<RawFd>().ok()
    });
    // Listed first: what is duplicated would be listed too.
    let numbers: Vec<RawFd> = numbers.collect();
    numbers
        .into_iter()
        .filter_map(duplicate)
        .filter(|socket| {
            getsockname::<UnixAddr>(socket.as_raw_fd())
                .is_ok_and(|name| name.path() == Some(server))
        })
        .collect()
}

/// Who connected, as the kernel noted it then.
fn peer(socket: &OwnedFd) -> Option<Pid> {
    let credentials = getsockopt(socket, sockopt::PeerCredentials).ok()?;
    u32::try_from(credentials.pid()).ok().map(Pid)
}

#[expect(
    unsafe_code,
    reason = "the descriptor belongs to a value inside ipc-channel"
)]
fn duplicate(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: only duplicated here. If another thread closes it meanwhile the kernel says so, or duplicates
    // another file of ours, which is looked at before anything is done to it.
    let borrowed = unsafe { BorrowedFd::borrow_raw(number) };
    let fd = fcntl(borrowed, FcntlArg::F_DUPFD_CLOEXEC(3)).ok()?;
    // SAFETY: the kernel just gave us this descriptor, and nobody else owns it.
    Some(unsafe { OwnedFd::from_raw_fd(fd) })
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::{UnixListener, UnixStream};

    use super::*;

    #[test]
    fn connections_of_others_are_shut_and_the_server_goes_on() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("socket");
        let listener = UnixListener::bind(&path).expect("a socket can be bound");
        let connect = || {
            let client = UnixStream::connect(&path).expect("the server listens");
            (client, listener.accept().expect("somebody connected").0)
        };
        let (mut client, mut server) = connect();
        assert!(!shut_strangers(&path, Pid(std::process::id())));
        client.write_all(b"x").expect("it is open");
        let mut byte = [0];
        server.read_exact(&mut byte).expect("it is open");
        assert!(shut_server(Path::new("/another")), "another is shut");
        client.write_all(b"x").expect("it is open");
        server.read_exact(&mut byte).expect("it is open");
        assert!(shut_strangers(&path, Pid(1)));
        assert_eq!(client.read(&mut byte).expect("the end is no error"), 0);
        let (mut client, _server) = connect();
        assert!(shut_server(&path));
        assert_eq!(client.read(&mut byte).expect("the end is no error"), 0);
        assert!(listener.accept().is_err(), "nobody waits for ever");
    }
}
