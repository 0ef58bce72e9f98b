//! Deeds to the result channel: what is sent there that no worker of ours sends.
//!
//! `raw=NAME` sends one packet by hand, past ipc-channel, whose header a receiver could believe; `flood=KIND`
//! sends good messages without end; `late` leaves a child behind that answers when the worker is long gone.

use std::cell::RefCell;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use fumehood::experiment::{FaultOutput, ResourceUse, TaskOutput, Work};
use fumehood::fault::Twist;
use fumehood::ids::{AttemptNumber, Pid, TaskIndex, WorkerId};
use fumehood::protocol::{
    Assignment, FromWorker, Moments, PARCEL_CAP, Parcel, Report, WorkResult, encode_result,
};
use fumehood::{fail_point, sys};
use ipc_channel::ipc::IpcSender;

use super::{Deed, sleep_for_ever};

/// Does the deed if it is of this family; whether it was.
pub fn act(deed: &Deed<'_>) -> Result<bool, String> {
    match deed.name {
        "flood" => flood(deed.value)?,
        "late" => {
            sys::fault::leave_child(true, answer_late);
            sys::fault::raise(9);
        }
        "raw" => raw(deed.value)?,
        "shut-down" => sys::fault::shut_down(channel()?),
        _ => return Ok(false),
    }
    Ok(true)
}

/// Who runs which task, and where its answer goes: a deed does not know it otherwise.
#[derive(Clone)]
struct Scene {
    results: IpcSender<FromWorker>,
    worker: WorkerId,
    task: TaskIndex,
    attempt: AttemptNumber,
    number: u64,
}

thread_local! {
    static SCENE: RefCell<Option<Scene>> = const { RefCell::new(None) };
}

/// Says who is about to run which task.
pub fn set_the_scene(results: &IpcSender<FromWorker>, worker: WorkerId, assignment: &Assignment) {
    let number = match &assignment.work {
        Work::Fault(task) => task.number,
        _ => 0,
    };
    let scene = Scene {
        results: results.clone(),
        worker,
        task: assignment.task,
        attempt: assignment.attempt,
        number,
    };
    SCENE.set(Some(scene));
}

fn scene() -> Result<Scene, String> {
    SCENE
        .with_borrow(Clone::clone)
        .ok_or_else(|| String::from("there is no channel to lie on"))
}

impl Scene {
    /// An answer of its task with this number.
    fn answer(&self, number: u64) -> FromWorker {
        self.answer_of(&Ok(TaskOutput::Fault(FaultOutput {
            number,
            ballast: Vec::new(),
        })))
    }

    fn answer_of(&self, result: &WorkResult) -> FromWorker {
        self.answer_in(encode_result(result).unwrap_or_default())
    }

    fn answer_in(&self, bytes: Vec<u8>) -> FromWorker {
        FromWorker::Finished {
            worker: self.worker,
            task: self.task,
            attempt: self.attempt,
            report: Report {
                last: Parcel::new(bytes).unwrap_or_default(),
                chunks: 0,
                digest: None,
                moments: Moments::default(),
                used: ResourceUse::default(),
                leaves: false,
            },
        }
    }

    /// A message that is true, and says nothing new.
    fn nothing_new(&self) -> FromWorker {
        FromWorker::Forked {
            worker: self.worker,
            pid: Pid(std::process::id()),
        }
    }
}

/// What the fail point `worker.report` can do before the answer is sent: `dup` sends it once more, `task=N`
/// names another task, `foreign` another worker, `stale` an earlier attempt.
pub fn lie_first(results: &IpcSender<FromWorker>, answer: &FromWorker, twist: &Twist) {
    let mut lie = answer.clone();
    if let FromWorker::Finished {
        worker,
        task,
        attempt,
        ..
    } = &mut lie
    {
        match twist.name.as_str() {
            "task" => task.0 = u32::try_from(twist.number()).unwrap_or(u32::MAX),
            "foreign" => worker.0 += 1,
            "stale" => attempt.0 -= 1,
            _ => {}
        }
    }
    let _ = results.send(lie);
}

/// Sends good messages without end.
fn flood(kind: &str) -> Result<(), String> {
    let scene = scene()?;
    let (worker, task) = (scene.worker, scene.task);
    let mut number = 0;
    loop {
        let message = match kind {
            "started" => FromWorker::Started {
                worker,
                task,
                attempt: scene.attempt,
                pid: Pid(std::process::id()),
            },
            "chunks" => FromWorker::Chunk {
                worker,
                task,
                number,
                bytes: Parcel::new(vec![7; PARCEL_CAP]).map_err(|error| error.to_string())?,
            },
            "finished" => scene.answer(scene.number),
            "known" => scene.nothing_new(),
            _ => return Err(format!("no flood is called `{kind}`")),
        };
        number += 1;
        if scene.results.send(message).is_err() {
            sleep_for_ever();
        }
    }
}

/// Answers wrongly when another attempt has long begun.
fn answer_late() -> ! {
    std::thread::sleep(Duration::from_millis(300));
    if let Ok(scene) = scene()
        && scene.results.send(scene.answer(999)).is_ok()
    {
        fail_point!("worker.late");
    }
    sys::quiet_exit(0)
}

/// The result channel as the kernel knows it.
fn channel() -> Result<i32, String> {
    match sys::fault::packet_sockets()[..] {
        [channel] => Ok(channel),
        ref all => Err(format!("which is the result channel? {all:?}")),
    }
}

/// A packet as ipc-channel makes it: its length, the length of its body, its body. A lie is in the claims.
fn packet(length: u64, claim: u64, body: &[u8]) -> Vec<u8> {
    [&length.to_ne_bytes(), &claim.to_ne_bytes(), body].concat()
}

fn honest(body: &[u8]) -> Vec<u8> {
    let length = body.len() as u64;
    packet(length + 16, length, body)
}

/// `NAME` or `NAME:NUMBER`; what each sends stands beside it.
fn raw(what: &str) -> Result<(), String> {
    let (name, number) = what.split_once(':').unwrap_or((what, "0"));
    let number: u64 = number.parse().map_err(|_| format!("no number: {what}"))?;
    let at = usize::try_from(number).unwrap_or(usize::MAX);
    let text = |error: std::io::Error| format!("{what}: {error}");
    let scene = scene()?;
    let body = postcard::to_stdvec(&scene.nothing_new()).map_err(|error| error.to_string())?;
    let length = body.len() as u64;
    let channel = channel()?;
    let send = |bytes: &[u8], attached: &[i32]| {
        sys::fault::send_packet(channel, bytes, attached).map_err(text)
    };
    match name {
        // An honest packet whose body is no message.
        "garbage" => send(&honest(&[0xff; 200]), &[]),
        // Nothing at all.
        "empty" => send(&[], &[]),
        // The first bytes of a good packet; of a good message in an honest packet.
        "prefix" => send(&honest(&body)[..at], &[]),
        "part" => send(&honest(&body[..at]), &[]),
        // More than was said; more than the message needs.
        "trailing" => send(&[honest(&body), vec![0; 3]].concat(), &[]),
        "rest" => send(&honest(&[body, vec![0; 3]].concat()), &[]),
        // A length that was not sent, of the body or of the packet.
        "claim" => send(&packet(length + 16, number, &body), &[]),
        "length" => send(&packet(number, length, &body), &[]),
        // The rest is to follow on a channel of its own, which stays open, or is closed.
        "promise" => {
            let (ours, theirs) = UnixDatagram::pair().map_err(text)?;
            send(&packet(length + 16, 100_000, &body), &[theirs.as_raw_fd()])?;
            std::mem::forget(ours);
            Ok(())
        }
        "broken-promise" => {
            let (_, theirs) = UnixDatagram::pair().map_err(text)?;
            send(&packet(length + 16, 100_000, &body), &[theirs.as_raw_fd()])
        }
        // Half a header, and a descriptor.
        "short" => send(&8u64.to_ne_bytes(), &[channel]),
        // A good message in a packet larger than any.
        "large" => send(&honest(&[body, vec![0; 100_000]].concat()), &[]),
        // Twenty good messages, each with 64 descriptors.
        "descriptors" => (0..20).try_for_each(|_| send(&honest(&body), &[channel; 64])),
        // Good messages with what is no shared memory.
        "folder" => send(&honest(&body), &[open("/")?.as_raw_fd()]),
        "null" => send(&honest(&body), &[open("/dev/null")?.as_raw_fd()]),
        "pipe" => {
            let (reader, _writer) = std::io::pipe().map_err(text)?;
            send(&honest(&body), &[reader.as_raw_fd()])
        }
        // A good message with shared memory that shrinks.
        "shrunk" => {
            let memory = sys::fault::shared_memory(1 << 20).map_err(text)?;
            send(&honest(&body), &[memory.as_raw_fd()])?;
            memory.set_len(0).map_err(text)
        }
        // Claims inside the message: lengths without end, and results that claim to be huge.
        "corpus" => send(&honest(&corpus(&scene, at)?), &[]),
        _ => Err(format!("no packet is called `{name}`")),
    }
}

fn open(path: &str) -> Result<File, String> {
    File::open(path).map_err(|error| format!("{path}: {error}"))
}

/// Messages that lie about how much is in them.
fn corpus(scene: &Scene, at: usize) -> Result<Vec<u8>, String> {
    // 2^63 - 1, as a postcard length.
    let huge = [[0xff; 8].as_slice(), &[0x7f]].concat();
    let answer = |result: &[&[u8]]| {
        postcard::to_stdvec(&scene.answer_in(result.concat())).map_err(|error| error.to_string())
    };
    match at {
        // Numbers and names of variants that never end.
        0 => Ok(vec![0x80; 50_000]),
        1 => Ok(vec![0xff; 50_000]),
        // A reason, and a part of a result, of 2^63 - 1 bytes.
        2 => Ok([&[1, 0], huge.as_slice()].concat()),
        3 => Ok([&[4, 0, 0, 0], huge.as_slice()].concat()),
        // Results: a forecast of so many numbers, a table of so many cycles, an error of so many letters.
        4 => answer(&[&[0, 0], &huge, &[0; 1000]]),
        5 => answer(&[&[0, 1, 0, 9, 9, 9], &huge, &huge, &[1; 1000]]),
        6 => answer(&[&[1], &huge, b"..."]),
        _ => Err(format!("the corpus has no {at}")),
    }
}
