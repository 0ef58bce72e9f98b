//! A worker: takes tasks, says what it does, gives results back.
//!
//! The order of its words is the promise on which the supervisor charges crashes: `Started` before the
//! work, the result after it, one task at a time. Whatever the process holds beyond the started task was
//! not touched.

use std::io::Write;

use fumehood::clock::Monotonic;
use fumehood::fail_point;
use fumehood::ids::{Pid, WorkerId};
use fumehood::protocol::{
    Assignment, Cut, FromWorker, Moments, Parcel, Report, StartOrder, ToWorker, WorkResult, cut,
    encode_result,
};
use fumehood::sys::{self, ForkWay};
use ipc_channel::ipc::IpcSender;

use crate::execute::{self, Executed};
use crate::exit_code;
use crate::hello::Invitation;

/// The life of a worker that the supervisor started by exec.
pub fn run_spawned(born: Monotonic) -> i32 {
    fail_point!("worker.start");
    let Some(invitation) = Invitation::read() else {
        return exit_code::BAD_ORDER;
    };
    sys::close_strays(&[]);
    if sys::guard_worker(&invitation.guard, None, None, &[]).is_err() {
        return exit_code::UNGUARDED;
    }
    let Some(orders) = invitation.answer(born) else {
        return exit_code::GONE;
    };
    let Ok(order) = orders.recv() else {
        return exit_code::GONE;
    };
    drop(orders);
    let received = sys::monotonic_now();
    serve(order, born, received, sys::own_rusage().max_rss_kib)
}

/// The life of a worker that the zygote forked.
pub fn run_forked(order: StartOrder, born: Monotonic, outputs: &[(i32, i32)]) -> i32 {
    fail_point!("worker.start");
    let output = outputs.get(order.slot as usize).copied();
    if sys::guard_worker(&order.guard, Some(order.way), output, outputs).is_err() {
        return exit_code::UNGUARDED;
    }
    if order.way == ForkWay::DoubleFork {
        let told = order.results.send(FromWorker::Forked {
            worker: order.worker,
            pid: Pid(std::process::id()),
        });
        if told.is_err() {
            return exit_code::GONE;
        }
    }
    let received = sys::monotonic_now();
    serve(order, born, received, 0)
}

/// `inherited` is a peak of memory, in KiB, that this process is said to have had and did not: Linux hands on that
/// of whoever started a program.
fn serve(order: StartOrder, born: Monotonic, received: Monotonic, inherited: u64) -> i32 {
    execute::tell_panics_on_stderr();
    fail_point!("worker.recv");
    if let Some(group) = &order.memory_group
        && let Err(error) = sys::enter_memory_group(group)
    {
        // The supervisor watches it all the same.
        let _ = writeln!(
            std::io::stderr(),
            "worker: cannot enter its memory group: {error}"
        );
    }
    let ready = sys::monotonic_now().max(received);
    let mut worker = Worker {
        original: order.later.is_some().then(sys::Settings::read),
        inherited,
        name: order.worker,
        results: order.results,
        moments: Moments {
            born,
            ready,
            received,
            ..Moments::default()
        },
    };
    if order.later.is_none() && order.first.bytes() == EMPTY {
        let name = worker.name;
        return worker
            .say(FromWorker::Ready { worker: name })
            .err()
            .unwrap_or(exit_code::DONE);
    }
    match worker.run_all(&order.first) {
        Ok(()) => {}
        Err(code) => return code,
    }
    let Some(later) = order.later else {
        return exit_code::DONE;
    };
    loop {
        match later.recv() {
            Ok(ToWorker::Run { tasks, .. }) => {
                worker.moments.received = sys::monotonic_now();
                if let Err(code) = worker.run_all(&tasks) {
                    return code;
                }
            }
            Ok(ToWorker::Shutdown) => return exit_code::DONE,
            Err(_) => return exit_code::GONE,
        }
    }
}

/// An empty list of assignments, encoded.
const EMPTY: &[u8] = &[0];

struct Worker {
    /// What every task is to meet, where there may be several.
    original: Option<sys::Settings>,
    /// A peak of memory, in KiB, up to which the kernel's figure says nothing of this process.
    inherited: u64,
    name: WorkerId,
    results: IpcSender<FromWorker>,
    /// Moments that belong to the next report. A report takes them all, so that the birth of the process,
    /// say, is told once, with its first task.
    moments: Moments,
}

impl Worker {
    fn run_all(&mut self, tasks: &Parcel) -> Result<(), i32> {
        let tasks: Vec<Assignment> = tasks.unpack().map_err(|_| exit_code::BAD_ORDER)?;
        self.moments.decoded = sys::monotonic_now();
        if tasks.len() > 1 && self.original.is_none() {
            self.original = Some(sys::Settings::read());
        }
        tasks.into_iter().try_for_each(|task| self.run(&task))
    }

    fn run(&mut self, assignment: &Assignment) -> Result<(), i32> {
        self.say(FromWorker::Started {
            worker: self.name,
            task: assignment.task,
            attempt: assignment.attempt,
            pid: Pid(std::process::id()),
        })?;
        #[cfg(feature = "fault")]
        crate::fault::set_the_scene(&self.results, self.name, assignment);
        fail_point!("worker.begun");
        let before = sys::own_rusage();
        self.moments.begun = sys::monotonic_now();
        let Executed {
            result,
            rebuilt,
            computed,
        } = execute::execute(assignment);
        self.moments.rebuilt = rebuilt;
        self.moments.computed = computed;
        // What the work printed belongs to this task: it must be in the pipe before the result is.
        let _ = std::io::stdout().flush();
        let Cut {
            chunks,
            last,
            digest,
        } = encode(&result);
        self.moments.encoded = sys::monotonic_now();
        let leaves = self
            .original
            .as_ref()
            .is_some_and(|original| *original != sys::Settings::read());
        let mut used = crate::difference(&before, &sys::own_rusage());
        // A kept worker is sent home for what it has taken: that must be its own.
        if self.original.is_some()
            && used.max_rss_kib <= self.inherited
            && let Some(peak) = sys::own_peak_kib()
        {
            used.max_rss_kib = peak;
        }
        let moments = std::mem::take(&mut self.moments);
        let count = u32::try_from(chunks.len()).map_err(|_| exit_code::BAD_ORDER)?;
        fail_point!("worker.answer");
        for (number, bytes) in (0u32..).zip(chunks) {
            fail_point!("worker.chunk");
            self.say(FromWorker::Chunk {
                worker: self.name,
                task: assignment.task,
                number,
                bytes,
            })?;
        }
        let answer = FromWorker::Finished {
            worker: self.name,
            task: assignment.task,
            attempt: assignment.attempt,
            report: Report {
                last,
                chunks: count,
                digest,
                moments,
                used,
                leaves,
            },
        };
        fail_point!("worker.report", |twist| crate::fault::lie_first(
            &self.results,
            &answer,
            &twist
        ));
        self.say(answer)?;
        fail_point!("worker.sent");
        if leaves {
            return Err(exit_code::CHANGED);
        }
        Ok(())
    }

    fn say(&self, message: FromWorker) -> Result<(), i32> {
        self.results.send(message).map_err(|_| exit_code::GONE)
    }
}

/// A result as it travels. One that cannot becomes an error that says so: the task ends, the worker goes
/// on.
fn encode(result: &WorkResult) -> Cut {
    let bytes = encode_result(result)
        .or_else(|message| encode_result(&Err(message)))
        .unwrap_or_default();
    cut(bytes)
}
