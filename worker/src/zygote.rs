//! The zygote: one thread that forks a worker on each order.
//!
//! It was started by exec, so it is small whatever the supervisor holds, and a fork copies little. It must
//! never start a thread (asserted before each fork), log, or keep anything of an order once the worker is
//! made. It ends when the supervisor closes the channel of orders, or dies.

use fumehood::clock::Monotonic;
use fumehood::fail_point;
use fumehood::protocol::{FromWorker, StartOrder};
use fumehood::sys::{self, Forked};
use ipc_channel::ipc::IpcReceiver;

use crate::hello::Invitation;
use crate::{exit_code, serve};

/// The zygote's life; the code it leaves with. A worker forked here never returns.
pub fn run(born: Monotonic) -> i32 {
    let Some(invitation) = Invitation::read() else {
        return exit_code::BAD_ORDER;
    };
    let outputs = invitation.outputs.clone();
    if sys::guard_zygote(&invitation.guard, &outputs).is_err() {
        return exit_code::UNGUARDED;
    }
    let Some(orders) = invitation.answer(born) else {
        return exit_code::GONE;
    };
    match next_worker(&orders) {
        None => exit_code::DONE,
        Some((order, born)) => {
            // The worker has no business with the zygote's orders.
            drop(orders);
            sys::quiet_exit(serve::run_forked(order, born, &outputs))
        }
    }
}

/// Forks for each order. Returns in every worker made, with its order; and in the zygote when there will
/// be no more orders.
fn next_worker(orders: &IpcReceiver<StartOrder>) -> Option<(StartOrder, Monotonic)> {
    loop {
        let order = match orders.recv() {
            Ok(order) => order,
            Err(ipc_channel::IpcError::Io(error))
                if error.kind() == std::io::ErrorKind::Interrupted =>
            {
                continue;
            }
            Err(_) => return None,
        };
        fail_point!("zygote.fork", |twist| crate::fault::start_thread(&twist));
        let told = match sys::fork_worker(order.way) {
            Ok(Forked::Worker) => return Some((order, sys::monotonic_now())),
            Ok(Forked::Zygote(Some(pid))) => order.results.send(FromWorker::Forked {
                worker: order.worker,
                pid,
            }),
            // Forked twice: the worker tells its pid itself.
            Ok(Forked::Zygote(None)) => Ok(()),
            Err(error) => order.results.send(FromWorker::NotForked {
                worker: order.worker,
                reason: error.to_string(),
            }),
        };
        if told.is_err() {
            return None;
        }
    }
}
