//! Says that a stack has overflowed, before the process dies of it.
//!
//! All the kernel tells of such an end is SIGSEGV, as of any bad pointer. So there is a handler, on a stack
//! of its own, that looks how far from the stack pointer the address lies that was touched, and writes one
//! line to standard error, where the output of the attempt is kept. It changes nothing of the end: the
//! instruction is run once more, and the process dies of it as it would have. std has such a handler too; it
//! is not used, because with it a process lives on after a SIGSEGV that somebody *sent* it.
//!
//! The handler runs in the middle of anything: it calls nothing but `write` and `raise`, and touches no
//! memory of the process.

use nix::libc;

/// What is written.
const TEXT: &[u8] = b"worker: stack overflow\n";

/// A fault this near the stack pointer, in bytes, is one of the stack: its guard is touched page by page.
const NEAR: usize = 64 << 10;

/// The handler's own stack, in bytes: more than any processor's registers take.
const STACK: usize = 32 << 10;

/// Installs the handler for this thread, which must be the only one. A fork hands it on; a program that is
/// started does not get it.
#[expect(
    unsafe_code,
    reason = "neither std nor nix has sigaltstack or the address of a fault"
)]
pub(super) fn tell_overflow() {
    // As long as the process lives. It is not touched before it is needed.
    let stack = Box::leak(Box::<[u8]>::new_uninit_slice(STACK));
    let stack = libc::stack_t {
        ss_sp: stack.as_mut_ptr().cast::<libc::c_void>(),
        ss_flags: 0,
        ss_size: STACK,
    };
    // SAFETY: the memory is leaked, so it lives as long as the thread; the second pointer may be null.
    if unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) } != 0 {
        return; // then an overflow is a SIGSEGV without a word
    }
    // SAFETY: an all-zero sigaction is a valid value; what matters is set below.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = on_fault as *const () as libc::sighandler_t;
    // RESETHAND: whatever comes next meets the default, which is death.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESETHAND;
    // SAFETY: the handler has the form that SA_SIGINFO asks for, and is async-signal-safe.
    unsafe {
        libc::sigaction(libc::SIGSEGV, &raw const action, std::ptr::null_mut());
    }
}

#[expect(unsafe_code, reason = "a signal handler gets pointers from the kernel")]
extern "C" fn on_fault(
    _signal: libc::c_int,
    info: *mut libc::siginfo_t,
    context: *mut libc::c_void,
) {
    // SAFETY: the kernel gives a handler with SA_SIGINFO valid pointers; `si_addr` is set where the code says
    // that the kernel itself raised the signal. `raise` and `write` are async-signal-safe, and the text is
    // constant.
    unsafe {
        if (*info).si_code <= 0 {
            // Somebody sent it. It is blocked here and comes when the handler returns, to the default.
            libc::raise(libc::SIGSEGV);
            return;
        }
        let touched = (*info).si_addr().addr();
        let stack = stack_pointer(context.cast::<libc::ucontext_t>());
        if stack.is_some_and(|stack| stack.abs_diff(touched) < NEAR) {
            libc::write(2, TEXT.as_ptr().cast::<libc::c_void>(), TEXT.len());
        }
    }
}

/// Where the stack was when the signal came, on the processors that we know.
#[expect(unsafe_code, reason = "the pointer is the kernel's")]
unsafe fn stack_pointer(context: *const libc::ucontext_t) -> Option<usize> {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the caller has it from the kernel, as the third argument of a handler.
    let pointer = unsafe { (*context).uc_mcontext.gregs[libc::REG_RSP as usize] }.cast_unsigned();
    #[cfg(target_arch = "aarch64")]
    // SAFETY: as above.
    let pointer = unsafe { (*context).uc_mcontext.sp };
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    let pointer = {
        let _ = context;
        u64::MAX
    };
    usize::try_from(pointer).ok()
}
