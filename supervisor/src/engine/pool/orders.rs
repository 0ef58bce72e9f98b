//! Orders to the zygote that wait for their turn.
//!
//! An order is sent with a send that waits for room, and a zygote that is stopped makes none. So no more is
//! on its way than surely has room: the rest waits here until the zygote has answered for what it has. The
//! deadline of a waiting order runs like any other's; past it the zygote is killed, and all that it
//! held is asked for anew.

use std::collections::{HashMap, VecDeque};

use fumehood::ids::WorkerId;
use fumehood::protocol::StartOrder;

/// What may be on its way, in bytes as the kernel counts them: two of the largest orders. A socket takes
/// 208 KiB by default.
const IN_FLIGHT: usize = 128 << 10;

/// What the kernel, the header and the fields of an order add to its tasks, in bytes, at the most.
const OVERHEAD: usize = 3 << 10;

/// The orders of one zygote.
#[derive(Debug, Default)]
pub struct Orders {
    waiting: VecDeque<StartOrder>,
    /// What was sent and is not answered, by worker, in bytes.
    sent: HashMap<WorkerId, usize>,
    in_flight: usize,
}

impl Orders {
    /// One more.
    pub fn push(&mut self, order: StartOrder) {
        self.waiting.push_back(order);
    }

    /// The next that may be sent now. It counts as sent.
    pub fn next(&mut self) -> Option<StartOrder> {
        let bytes = self.waiting.front()?.first.bytes().len() + OVERHEAD;
        if self.in_flight > 0 && self.in_flight + bytes > IN_FLIGHT {
            return None;
        }
        let order = self.waiting.pop_front()?;
        self.sent.insert(order.worker, bytes);
        self.in_flight += bytes;
        Some(order)
    }

    /// The zygote, or the worker itself, has shown that this one arrived.
    pub fn answered(&mut self, worker: WorkerId) {
        self.in_flight -= self.sent.remove(&worker).unwrap_or(0);
    }

    /// Nobody wants this worker any more.
    pub fn withdraw(&mut self, worker: WorkerId) {
        self.waiting.retain(|order| order.worker != worker);
    }

    /// The zygote is gone, and with it all that it was to do.
    pub fn clear(&mut self) {
        *self = Orders::default();
    }
}

#[cfg(test)]
mod tests {
    use fumehood::clock::Monotonic;
    use fumehood::ids::Pid;
    use fumehood::protocol::{FromWorker, PARCEL_CAP, Parcel};
    use fumehood::sys::{ForkWay, GuardOrder};
    use ipc_channel::ipc;

    use super::*;

    fn order(worker: u32, bytes: usize) -> StartOrder {
        let (results, _) = ipc::channel::<FromWorker>().expect("a channel");
        StartOrder {
            worker: WorkerId(worker),
            slot: 0,
            way: ForkWay::CloneParent,
            guard: GuardOrder { supervisor: Pid(1) },
            results,
            later: None,
            memory_group: None,
            first: Parcel::new(vec![0; bytes]).expect("it fits"),
            sent: Monotonic(0),
        }
    }

    fn sent(orders: &mut Orders) -> Vec<u32> {
        std::iter::from_fn(|| orders.next())
            .map(|order| order.worker.0)
            .collect()
    }

    #[test]
    fn two_of_the_largest_are_on_their_way_and_the_rest_waits_for_answers() {
        let mut orders = Orders::default();
        for worker in 0..5 {
            orders.push(order(worker, PARCEL_CAP));
        }
        assert_eq!(sent(&mut orders), [0, 1]);
        orders.answered(WorkerId(1));
        // It says so twice: as its own word, and as the zygote's.
        orders.answered(WorkerId(1));
        orders.withdraw(WorkerId(2));
        assert_eq!(sent(&mut orders), [3]);
        orders.answered(WorkerId(0));
        assert_eq!(sent(&mut orders), [4]);
        orders.push(order(5, PARCEL_CAP));
        assert_eq!(sent(&mut orders), [0u32; 0]);
        orders.clear();
        orders.push(order(6, PARCEL_CAP));
        assert_eq!(sent(&mut orders), [6]);
    }

    /// What may be on its way has room in a socket that nobody reads.
    #[test]
    fn what_is_on_its_way_has_room() {
        for bytes in [10, 1000, PARCEL_CAP] {
            let (sender, _receiver) = ipc::channel::<StartOrder>().expect("a channel");
            let (done, is_done) = std::sync::mpsc::channel();
            std::thread::spawn(move || {
                let mut orders = Orders::default();
                (0..100).for_each(|worker| orders.push(order(worker, bytes)));
                let mut count = 0;
                while let Some(order) = orders.next() {
                    sender.send(order).expect("somebody could read it");
                    count += 1;
                }
                let _ = done.send(count);
            });
            let count = is_done.recv_timeout(std::time::Duration::from_secs(20));
            assert!(
                count.is_ok_and(|count| count >= 2),
                "{bytes} bytes: {count:?}"
            );
        }
    }
}
