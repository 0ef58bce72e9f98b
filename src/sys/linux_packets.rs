//! Channels whose packets the supervisor reads itself: packet sockets (`SOCK_SEQPACKET`) in an epoll set.
//!
//! The sending end is whatever connects to the door; the receiving end stays here. A packet comes whole or
//! not at all, into a buffer of fixed size: what the sender claims about it allocates nothing and makes
//! nobody wait. Descriptors that come with a packet are closed by the kernel, since nothing takes them.
//!
//! No sender can keep the reader busy: of each channel a round reads no more than a queue can hold. So a
//! round still reads everything that was there when it began.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::socket::{
    AddressFamily, Backlog, MsgFlags, SockFlag, SockType, UnixAddr, accept4, bind, getsockopt,
    listen, recv, socket, sockopt,
};
use tempfile::TempDir;

/// What the kernel adds to a packet's length, at the least, when it counts what a queue holds.
const OVERHEAD: usize = 512;

/// A socket in a private folder, to which senders connect. Nobody can any more once it is dropped.
#[derive(Debug)]
pub struct PacketDoor {
    path: PathBuf,
    socket: OwnedFd,
    // Removed with everything in it.
    _folder: TempDir,
}

impl PacketDoor {
    /// Opens one, below the folder for temporary files.
    ///
    /// # Errors
    ///
    /// No folder or descriptor is to be had.
    pub fn open() -> io::Result<PacketDoor> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("results");
        let socket = socket(
            AddressFamily::Unix,
            SockType::SeqPacket,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        bind(socket.as_raw_fd(), &UnixAddr::new(&path)?)?;
        listen(&socket, Backlog::new(8)?)?;
        Ok(PacketDoor {
            path,
            socket,
            _folder: folder,
        })
    }

    /// Where to connect.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The other end of a connection that this process has just made.
    #[expect(unsafe_code, reason = "a raw descriptor becomes an owned one")]
    fn accept(&self) -> io::Result<OwnedFd> {
        loop {
            let raw = accept4(self.socket.as_raw_fd(), SockFlag::SOCK_CLOEXEC)?;
            // SAFETY: the kernel has just made it, for us alone.
            let socket = unsafe { OwnedFd::from_raw_fd(raw) };
            let peer = getsockopt(&socket, sockopt::PeerCredentials)?;
            if u32::try_from(peer.pid()) == Ok(std::process::id()) {
                return Ok(socket);
            }
        }
    }
}

/// A packet, or what came in place of one.
#[derive(Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// All of it.
    Whole(&'a [u8]),
    /// It had so many bytes, more than any may have; they are gone.
    TooLarge(usize),
    /// The channel was shut down: nothing will ever come again.
    ShutDown,
}

/// The receiving ends.
pub struct PacketSet {
    epoll: Epoll,
    sockets: Vec<OwnedFd>,
    events: Vec<EpollEvent>,
    buffer: Box<[u8]>,
}

impl PacketSet {
    /// An empty set; no packet may be longer, in bytes.
    ///
    /// # Errors
    ///
    /// No descriptor is to be had.
    pub fn new(longest: usize) -> io::Result<PacketSet> {
        Ok(PacketSet {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            sockets: Vec::new(),
            events: Vec::new(),
            buffer: vec![0; longest].into_boxed_slice(),
        })
    }

    /// A new channel: `connect` makes the sending end. Its place is the number of channels before it.
    ///
    /// # Errors
    ///
    /// `connect` fails, or no descriptor is to be had.
    pub fn add<S>(
        &mut self,
        door: &PacketDoor,
        connect: impl FnOnce(&Path) -> io::Result<S>,
    ) -> io::Result<S> {
        let sender = connect(door.path())?;
        let socket = door.accept()?;
        self.watch(&socket, self.sockets.len())?;
        self.sockets.push(socket);
        self.events.push(EpollEvent::empty());
        Ok(sender)
    }

    /// A new channel in the place of another.
    ///
    /// # Errors
    ///
    /// As [`PacketSet::add`]; the old one is then still there.
    pub fn replace<S>(
        &mut self,
        place: usize,
        door: &PacketDoor,
        connect: impl FnOnce(&Path) -> io::Result<S>,
    ) -> io::Result<S> {
        let sender = connect(door.path())?;
        let socket = door.accept()?;
        self.watch(&socket, place)?;
        // Closed: the kernel takes it out of the set.
        self.sockets[place] = socket;
        Ok(sender)
    }

    fn watch(&self, socket: &OwnedFd, place: usize) -> io::Result<()> {
        let wanted = EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP;
        self.epoll
            .add(socket, EpollEvent::new(wanted, place as u64))?;
        Ok(())
    }

    /// Waits until there is something, at most so long, and hands it over: of each channel, all that was
    /// there, in its order, with its place.
    ///
    /// # Errors
    ///
    /// The kernel refuses to wait.
    pub fn read(
        &mut self,
        limit: Duration,
        mut take: impl FnMut(usize, Packet<'_>),
    ) -> io::Result<()> {
        // Rounded up: a limit of less than a millisecond is not to be waited for by asking again and again.
        let millis = limit.as_nanos().div_ceil(1_000_000);
        let timeout = EpollTimeout::try_from(millis).unwrap_or(EpollTimeout::MAX);
        let count = match self.epoll.wait(&mut self.events, timeout) {
            Ok(count) => count,
            Err(Errno::EINTR) => 0,
            Err(error) => return Err(error.into()),
        };
        for event in &self.events[..count] {
            let Ok(place) = usize::try_from(event.data()) else {
                continue;
            };
            let over = EpollFlags::EPOLLRDHUP | EpollFlags::EPOLLHUP;
            let is_over = event.events().intersects(over);
            read_queue(&self.sockets[place], is_over, &mut self.buffer, |packet| {
                take(place, packet);
            });
        }
        Ok(())
    }
}

/// Reads what is in the queue of a channel, and not much of what is put there meanwhile.
fn read_queue(
    socket: &OwnedFd,
    is_over: bool,
    buffer: &mut [u8],
    mut take: impl FnMut(Packet<'_>),
) {
    // The sender's queue is as large as ours. One packet more goes in when there is room for a byte.
    let queue = getsockopt(socket, sockopt::SndBuf).unwrap_or(0);
    let mut left = queue + 2 * buffer.len();
    let flags = MsgFlags::MSG_DONTWAIT | MsgFlags::MSG_TRUNC;
    while left > 0 {
        match recv(socket.as_raw_fd(), buffer, flags) {
            Ok(0) if is_over => return take(Packet::ShutDown),
            Ok(length) => {
                left = left.saturating_sub(length + OVERHEAD);
                match buffer.get(..length) {
                    Some(packet) => take(Packet::Whole(packet)),
                    None => take(Packet::TooLarge(length)),
                }
            }
            Err(Errno::EINTR) => {}
            Err(Errno::EAGAIN) => return,
            // Whatever else it says, it will say again.
            Err(_) => return take(Packet::ShutDown),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::sys::socket::{Shutdown, connect, send, shutdown};

    fn sender(path: &Path) -> io::Result<OwnedFd> {
        let end = socket(
            AddressFamily::Unix,
            SockType::SeqPacket,
            SockFlag::SOCK_CLOEXEC,
            None,
        )?;
        connect(end.as_raw_fd(), &UnixAddr::new(path)?)?;
        Ok(end)
    }

    fn put(end: &OwnedFd, bytes: &[u8]) {
        let sent = send(end.as_raw_fd(), bytes, MsgFlags::MSG_DONTWAIT).expect("there is room");
        assert_eq!(sent, bytes.len());
    }

    fn came(set: &mut PacketSet) -> Vec<(usize, String)> {
        let mut all = Vec::new();
        set.read(Duration::ZERO, |place, packet| {
            let text = match packet {
                Packet::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => format!("{other:?}"),
            };
            all.push((place, text));
        })
        .expect("it can be read");
        all
    }

    #[test]
    fn packets_come_whole_in_order_and_never_larger_than_allowed() {
        let mut set = PacketSet::new(16).expect("a set");
        let door = PacketDoor::open().expect("a door");
        let ends = [(); 2].map(|()| set.add(&door, sender).expect("a channel"));
        assert_eq!(came(&mut set), []);
        put(&ends[1], b"one");
        put(&ends[1], b"");
        put(&ends[1], &[b'x'; 17]);
        put(&ends[1], b"two");
        let expected = ["one", "", "TooLarge(17)", "two"].map(|text| (1, text.to_owned()));
        assert_eq!(came(&mut set), expected);
        assert_eq!(came(&mut set), []);
    }

    #[test]
    fn a_channel_that_was_shut_down_is_told_of_and_replaced() {
        let mut set = PacketSet::new(16).expect("a set");
        let door = PacketDoor::open().expect("a door");
        let ends = [(); 2].map(|()| set.add(&door, sender).expect("a channel"));
        put(&ends[0], b"last");
        put(&ends[1], b"other");
        shutdown(ends[0].as_raw_fd(), Shutdown::Write).expect("our own end");
        let mut all = came(&mut set);
        all.sort();
        let expected = [(0, "ShutDown"), (0, "last"), (1, "other")];
        assert_eq!(all, expected.map(|(place, text)| (place, text.to_owned())));
        let end = set.replace(0, &door, sender).expect("a channel");
        assert_eq!(came(&mut set), []);
        put(&end, b"new");
        assert_eq!(came(&mut set), [(0, String::from("new"))]);
    }

    /// What fills a queue is read in one round; what a quick sender adds meanwhile does not keep it.
    #[test]
    fn a_round_reads_a_full_queue_and_ends() {
        let door = PacketDoor::open().expect("a door");
        for length in [1, 1000, 1 << 16] {
            let mut set = PacketSet::new(1 << 16).expect("a set");
            let end = set.add(&door, sender).expect("a channel");
            let packet = vec![b'x'; length];
            let mut full = 0;
            while send(end.as_raw_fd(), &packet, MsgFlags::MSG_DONTWAIT).is_ok() {
                full += 1;
            }
            assert_eq!(came(&mut set).len(), full, "{length} bytes each");
            // Each packet read makes room for another: without a bound this would not end.
            for _ in 0..full {
                put(&end, &packet);
            }
            let mut read = 0;
            set.read(Duration::ZERO, |_, _| {
                read += 1;
                assert!(read < 100_000, "{length} bytes each");
                put(&end, &packet);
            })
            .expect("it can be read");
            assert!(read >= full, "{read} of {full} packets of {length} bytes");
        }
    }
}
