//! Ways to misbehave that need the kernel, for tests. Compiled only with the feature `fault`.

#[path = "fault_leftovers.rs"]
mod leftovers;

use nix::libc;

pub use leftovers::{
    change, differences_to_parent, hold_record_lock, kill_parent, kill_stopped_peer, scribble,
    take_semaphore,
};

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

/// The packet sockets that this process has open. A worker with one task has one: its result channel.
pub fn packet_sockets() -> Vec<i32> {
    use nix::sys::socket::{SockType, getsockopt, sockopt};
    let fds = std::fs::read_dir("/proc/self/fd").into_iter().flatten();
    let numbers = fds
        .flatten()
        .filter_map(|fd| fd.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|&number| {
            let kind = getsockopt(&borrowed(number), sockopt::SockType);
            kind == Ok(SockType::SeqPacket)
        })
        .collect()
}

#[expect(unsafe_code, reason = "the number was listed a moment ago")]
fn borrowed(number: i32) -> std::os::fd::BorrowedFd<'static> {
    // SAFETY: a worker has one thread here, so what is open stays open; on what is not, calls fail.
    unsafe { std::os::fd::BorrowedFd::borrow_raw(number) }
}

/// Sends one packet of these bytes, with these descriptors attached.
///
/// # Errors
///
/// The kernel refuses.
#[expect(unsafe_code, reason = "sendmsg takes pointers")]
pub fn send_packet(socket: i32, bytes: &[u8], attached: &[i32]) -> std::io::Result<()> {
    let mut part = libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    };
    let length = u32::try_from(size_of_val(attached)).unwrap_or(0);
    // SAFETY: both only compute a size.
    let (space, whole) = unsafe { (libc::CMSG_SPACE(length), libc::CMSG_LEN(length)) };
    // Of a type that is aligned as a control header must be.
    let mut control = vec![0u64; (space as usize).div_ceil(8)];
    // SAFETY: a message header of zeros is an empty one.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &raw mut part;
    message.msg_iovlen = 1;
    if !attached.is_empty() {
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = space as _;
        // SAFETY: the buffer has room for one header and `length` bytes behind it.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = whole as _;
            let data = libc::CMSG_DATA(header).cast::<i32>();
            std::ptr::copy_nonoverlapping(attached.as_ptr(), data, attached.len());
        }
    }
    // SAFETY: everything the header points at lives until the call returns.
    let sent = unsafe { libc::sendmsg(socket, &raw const message, libc::MSG_NOSIGNAL) };
    if usize::try_from(sent) == Ok(bytes.len()) {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error())
    }
}

/// Says on a socket that nothing will ever be sent, for everybody who holds it.
pub fn shut_down(socket: i32) {
    let _ = nix::sys::socket::shutdown(socket, nix::sys::socket::Shutdown::Write);
}

/// Closes standard input, output and error.
#[expect(unsafe_code, reason = "this is the fault")]
pub fn close_standard() {
    // SAFETY: std's handles report an error, or lose what is written, when theirs is gone.
    unsafe {
        libc::syscall(libc::SYS_close_range, 0, 2, 0);
    }
}

/// A piece of memory with a descriptor, so many bytes long.
///
/// # Errors
///
/// The kernel has none.
pub fn shared_memory(bytes: u64) -> std::io::Result<std::fs::File> {
    use nix::sys::memfd::{MFdFlags, memfd_create};
    let file = std::fs::File::from(memfd_create("fault", MFdFlags::MFD_CLOEXEC)?);
    file.set_len(bytes)?;
    Ok(file)
}
