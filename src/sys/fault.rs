//! Ways to misbehave that need the kernel, for tests. Compiled only with the feature `fault`.

#[path = "fault_leftovers.rs"]
mod leftovers;

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::libc;
use nix::sys::memfd::{MFdFlags, memfd_create};

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
    match unsafe { nix::unistd::fork() } {
        Ok(nix::unistd::ForkResult::Child) => {
            if daemon {
                let _ = nix::unistd::setsid();
            }
            deed();
        }
        // It must be out of the group before this process, and with it the group, is ended.
        Ok(nix::unistd::ForkResult::Parent { child }) if daemon => {
            while nix::unistd::getsid(Some(child)).is_ok_and(|session| session != child) {
                let _ = nix::sched::sched_yield();
            }
        }
        _ => {}
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

/// Writes where nothing is mapped: a real SIGSEGV.
#[expect(unsafe_code, reason = "this is the fault")]
pub fn write_to_nowhere() {
    // SAFETY: unsound on purpose. Nothing is ever mapped in the first page: the process dies here.
    unsafe {
        std::ptr::without_provenance_mut::<u8>(8).write_volatile(1);
    }
}

/// Reads a mapped file behind its end: a real SIGBUS.
///
/// # Errors
///
/// No such file can be made or mapped.
#[expect(unsafe_code, reason = "this is the fault")]
pub fn read_behind_the_end() -> io::Result<()> {
    const LENGTH: usize = 4096;
    let file = nameless_file()?;
    file.set_len(LENGTH as u64)?;
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let start = unsafe {
        nix::sys::mman::mmap(
            None,
            std::num::NonZeroUsize::MIN.saturating_add(LENGTH - 1),
            nix::sys::mman::ProtFlags::PROT_READ,
            nix::sys::mman::MapFlags::MAP_SHARED,
            &file,
            0,
        )
    }?;
    file.set_len(0)?;
    // SAFETY: unsound on purpose. The page is mapped and has no file behind it: the process dies here.
    unsafe {
        start.cast::<u8>().read_volatile();
    }
    Ok(())
}

/// Divides by zero, by the processor's own instruction where that traps: a real SIGFPE.
#[expect(unsafe_code, reason = "this is the fault")]
pub fn divide_by_zero() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: touches the registers named, and no memory; the trap is what is wanted.
    unsafe {
        std::arch::asm!("div {0:e}", in(reg) 0u32, inout("eax") 1u32 => _, inout("edx") 0u32 => _);
    }
    // Elsewhere a division by zero gives a number.
    #[cfg(not(target_arch = "x86_64"))]
    raise(libc::SIGFPE);
}

/// Runs an instruction that there is not: a real SIGILL.
#[expect(unsafe_code, reason = "this is the fault")]
pub fn run_no_instruction() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction is defined to be undefined, and touches nothing.
    unsafe {
        std::arch::asm!("ud2");
    }
    #[cfg(not(target_arch = "x86_64"))]
    raise(libc::SIGILL);
}

/// So many bytes more of memory shared with nobody, written once so that they are there. They go with the
/// process.
///
/// # Errors
///
/// The kernel has none.
#[expect(unsafe_code, reason = "shared mappings have no safe form")]
pub fn share_memory(bytes: std::num::NonZeroUsize) -> io::Result<()> {
    use nix::sys::mman::{MapFlags, ProtFlags, mmap_anonymous};
    let rights = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping, at an address of the kernel's choice.
    let start = unsafe { mmap_anonymous(None, bytes, rights, MapFlags::MAP_SHARED) }?;
    // SAFETY: the whole of the mapping just made, which nobody else knows.
    unsafe {
        start.cast::<u8>().write_bytes(1, bytes.get());
    }
    Ok(())
}

/// A file in memory without a name: it goes with the last who has it open.
///
/// # Errors
///
/// No descriptor or memory is to be had.
pub fn nameless_file() -> io::Result<File> {
    let name = CString::new("fault").unwrap_or_default();
    Ok(File::from(memfd_create(
        name.as_c_str(),
        MFdFlags::MFD_CLOEXEC,
    )?))
}

/// A fork bomb that stops by itself: this process has `width` children, each of them has as many, and each
/// of those too. Every second one leaves the process group and the session. They do nothing any more then.
///
/// # Errors
///
/// The kernel refuses this process a child; those it has stay.
#[expect(unsafe_code, reason = "fork is unsafe by nature")]
pub fn bomb(width: u32) -> io::Result<()> {
    for generation in 0..3 {
        let mut grown_up = true;
        for number in 0..width {
            // SAFETY: a worker has one thread here, and so has each of these children.
            match unsafe { nix::unistd::fork() } {
                Ok(nix::unistd::ForkResult::Parent { .. }) => {}
                Ok(nix::unistd::ForkResult::Child) => {
                    if number % 2 == 1 {
                        let _ = nix::unistd::setsid();
                    }
                    grown_up = false;
                    break;
                }
                Err(_) if generation > 0 => break,
                Err(errno) => return Err(errno.into()),
            }
        }
        if grown_up {
            if generation == 0 {
                return Ok(());
            }
            break;
        }
    }
    loop {
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
}

/// Opens descriptors until there is none left; all of them, and why there are no more.
pub fn open_all() -> (Vec<OwnedFd>, io::Error) {
    let mut all = Vec::new();
    loop {
        match io::stdin().as_fd().try_clone_to_owned() {
            Ok(fd) => all.push(fd),
            Err(error) => return (all, error),
        }
    }
}
