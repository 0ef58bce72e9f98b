//! The pool as a crew: what the dispatcher asks of live processes.

use std::collections::VecDeque;
use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::ids::{Pid, WorkerId};
use fumehood::protocol::{Parcel, StartOrder, ToWorker};
use fumehood::sys::{self, ForkWay, GuardOrder, OwnSockets};
use ipc_channel::ipc;

use super::super::crew::{Contact, Crew, Heard, WaitError};
use super::super::mailbox::Notice;
use super::super::memory::MemoryWatch;
use super::super::output::Output;
use super::{Handle, Making, Pool};

impl Crew for Pool {
    fn now(&self) -> Monotonic {
        sys::monotonic_now()
    }

    fn wait(&mut self, limit: Duration) -> Result<Vec<Heard>, WaitError> {
        let mut heard = Vec::new();
        let mut notices = VecDeque::new();
        self.listen(limit, &mut heard, &mut notices)?;
        // Whatever the dead have said is in some queue by now: one more round reads it. That round may bring
        // more deaths, and a process dies once.
        let mut deaths = 0;
        loop {
            let known = notices.iter().filter(|n| matches!(n, Notice::Exited(_)));
            let known = known.count();
            if known == deaths {
                break;
            }
            deaths = known;
            self.listen(Duration::ZERO, &mut heard, &mut notices)?;
        }
        for notice in notices {
            self.on_notice(notice, &mut heard);
        }
        Ok(heard)
    }

    fn take_signals(&mut self) -> Vec<i32> {
        std::mem::take(&mut self.early_signals)
    }

    fn take_time_in_starts(&mut self) -> Duration {
        std::mem::take(&mut self.starting)
    }

    fn expect_more(&mut self, tasks: u32) {
        self.more_to_come = tasks;
    }

    fn start(
        &mut self,
        worker: WorkerId,
        slot: u32,
        first: Parcel,
        group: Option<String>,
        kept: bool,
    ) -> Result<(), String> {
        let asked = sys::monotonic_now();
        let (later, receiver) = if kept {
            let (sender, receiver) = ipc::channel().map_err(|e| e.to_string())?;
            (Some(sender), Some(receiver))
        } else {
            (None, None)
        };
        let memory = self.make_memory_group()?;
        let order = StartOrder {
            worker,
            slot,
            way: match self.making {
                Making::Fork(way) => way,
                Making::Spawn => ForkWay::CloneParent,
            },
            guard: GuardOrder {
                supervisor: Pid(std::process::id()),
            },
            memory_group: memory.as_ref().map(|group| group.path().to_path_buf()),
            results: self.slots[slot as usize].results.clone(),
            later: receiver,
            first,
            sent: asked,
        };
        self.slots[slot as usize].worker = Some(worker);
        self.workers.insert(
            worker,
            Handle {
                contact: Contact {
                    sent: asked,
                    group,
                    ..Contact::default()
                },
                slot,
                // The zygote points a worker at its slot's pipes.
                output: slot,
                later,
                doomed: false,
                memory,
            },
        );
        let made = match self.making {
            Making::Fork(_) => self.start_by_fork(order),
            Making::Spawn => self.start_by_exec(worker, order),
        };
        if made.is_err() {
            self.forget(worker);
        }
        made
    }

    fn assign(&mut self, worker: WorkerId, tasks: Parcel) {
        let sent = sys::monotonic_now();
        if let Some(handle) = self.workers.get_mut(&worker) {
            if let Some(later) = &handle.later {
                let _ = later.send(ToWorker::Run { tasks, sent });
            }
            handle.contact.sent = sys::monotonic_now();
        }
    }

    fn shutdown(&mut self, worker: WorkerId) {
        if let Some(later) = self.workers.get(&worker).and_then(|h| h.later.as_ref()) {
            let _ = later.send(ToWorker::Shutdown);
        }
    }

    fn terminate(&mut self, worker: WorkerId) {
        self.signal(worker, sys::terminate_group);
    }

    fn kill(&mut self, worker: WorkerId) {
        self.signal(worker, sys::kill_group);
    }

    fn forget(&mut self, worker: WorkerId) {
        self.orders.withdraw(worker);
        if let Some(handle) = self.workers.remove(&worker) {
            if self.making == Making::Spawn && handle.contact.pid.is_some() {
                self.free_outputs.push(handle.output);
            }
            if let Some(pid) = handle.contact.pid {
                self.worker_of_pid.remove(&pid);
            }
            self.leave_memory_group(handle.memory);
            let slot = &mut self.slots[handle.slot as usize];
            if slot.worker == Some(worker) {
                slot.worker = None;
            }
        }
    }

    fn contact(&mut self, worker: WorkerId) -> Option<&mut Contact> {
        Some(&mut self.workers.get_mut(&worker)?.contact)
    }

    fn take_output(&mut self, worker: WorkerId) -> Output {
        self.outputs
            .as_ref()
            .zip(self.workers.get(&worker))
            .map(|(outputs, handle)| outputs.take(handle.output))
            .unwrap_or_default()
    }

    fn has_closed_its_channel(&mut self, worker: WorkerId) -> bool {
        let Some(pid) = self.pid_of(worker) else {
            return false;
        };
        let own = self.own_sockets.get_or_insert_with(OwnSockets::list);
        let mut has_closed = false;
        self.reaper
            .while_unreaped(pid, |pid| has_closed = own.are_closed_in(pid));
        has_closed
    }

    fn memory_interval(&self) -> Option<Duration> {
        self.memory_watch.as_ref().map(MemoryWatch::interval)
    }

    fn over_memory(&mut self, now: Monotonic) -> Vec<(WorkerId, String)> {
        let Some(mut watch) = self.memory_watch.take_if(|watch| watch.is_due(now)) else {
            return Vec::new();
        };
        let mut over = self.ended_by_kernel();
        over.extend(watch.look(now, self.processes()));
        self.memory_watch = Some(watch);
        over
    }

    fn look_after(&mut self, now: Monotonic) {
        self.sweep(now, false);
        // One that was killed is missed only if we are too: the next look may try again.
        let _ = self.ensure_keeper();
    }

    fn forgive(&mut self) {
        self.suspects.clear();
    }
}
