//! What supervisor and workers say to each other.
//!
//! One set of messages serves every start method. They are postcard over ipc-channel, and each is *one
//! packet*: at most [`PACKET_CAP`] bytes. A single packet has no half-sent state, and ipc-channel hangs,
//! panics or aborts only on half-sent or malformed ones; what workers send is on Linux not even read by it
//! (`docs/adr/0008`). The cap is held by construction: whatever can
//! grow travels as a [`Parcel`], whose maker refuses more than [`PARCEL_CAP`] bytes; a result beyond
//! that goes in numbered chunks, each a parcel of its own.
//!
//! # The conversation
//!
//! ```text
//! fork     supervisor -> zygote   StartOrder (with the first tasks in it)
//!          zygote -> supervisor   Forked{pid}            on the result channel of the worker's slot
//!          worker -> supervisor   Started, [Chunk...], Finished, for each task
//!
//! spawn    worker -> supervisor   Hello                  over the one-shot server
//!          supervisor -> worker   StartOrder             on the channel that came with the hello
//!          worker -> supervisor   Started, [Chunk...], Finished, for each task
//!
//! both     supervisor -> worker   Run, Shutdown          to workers that serve more than their first tasks
//! ```
//!
//! A result channel belongs to a *slot* and serves one worker after the other; the supervisor keeps a
//! sender of its own, so that the channel never closes. Every message names its worker: one that comes
//! late from a worker that has been settled is told from the next one's.
//!
//! Never here: `ROUTER` or the `async` feature of ipc-channel (they start threads), shared memory from a
//! worker (its sender can shrink it under the reader).

mod chunks;
mod packet;
mod parcel;

use std::path::PathBuf;

use ipc_channel::ipc::{IpcReceiver, IpcSender};
use serde::{Deserialize, Serialize};

pub use chunks::{Assembly, AssemblyError, Cut, cut};
pub use packet::{PacketError, read_packet};
pub use parcel::{PACKET_CAP, PARCEL_CAP, Parcel, ParcelError};

use crate::clock::Monotonic;
use crate::experiment::{ResourceUse, TaskOutput, Work};
use crate::ids::{AttemptNumber, Pid, Seed, TaskIndex, WorkerId};
use crate::sys::{ForkWay, GuardOrder};

/// What the two programs must agree on before they talk: the version of the package and of these
/// messages. Programs of two builds that differ in it refuse each other.
pub const PROTOCOL: &str = concat!(env!("CARGO_PKG_VERSION"), "/4");

/// The names of what a started program finds in its environment.
pub mod environment {
    /// `zygote`, `worker` or `keeper`: which of them to be.
    pub const ROLE: &str = "FUMEHOOD_ROLE";
    /// The name of the one-shot server to say hello to.
    pub const SERVER: &str = "FUMEHOOD_SERVER";
    /// The token that proves that it is the process the supervisor started.
    pub const TOKEN: &str = "FUMEHOOD_TOKEN";
    /// The supervisor's pid.
    pub const SUPERVISOR: &str = "FUMEHOOD_SUPERVISOR";
    /// Pipes for the output of workers, one pair of descriptors a slot: `7:8,9:10`.
    pub const OUTPUTS: &str = "FUMEHOOD_OUTPUTS";
    /// The mark of the run: 128 random bits in hexadecimal. Whatever a task starts inherits it, and by it the
    /// keeper knows what is the run's.
    pub const RUN: &str = "FUMEHOOD_RUN";
}

/// 128 random bits that a started program gives back in its hello.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token(pub String);

/// The first message of a program that the supervisor started by exec.
#[derive(Debug, Serialize, Deserialize)]
pub struct Hello {
    /// Proof that it is that program.
    pub token: Token,
    /// Its [`PROTOCOL`].
    pub protocol: String,
    /// Its pid.
    pub pid: Pid,
    /// The moment of its first instruction.
    pub born: Monotonic,
    /// Where it listens.
    pub orders: IpcSender<StartOrder>,
}

/// Makes a worker: a process that has it to do forks (the zygote) or becomes one itself (spawn).
#[derive(Debug, Serialize, Deserialize)]
pub struct StartOrder {
    /// The worker's name in all its messages.
    pub worker: WorkerId,
    /// Which slot's output pipes it writes to.
    pub slot: u32,
    /// How the zygote is to fork. Without meaning for spawn.
    pub way: ForkWay,
    /// What the worker does to itself first.
    pub guard: GuardOrder,
    /// The control group that it enters before its first task, where its memory is limited by the kernel.
    pub memory_group: Option<PathBuf>,
    /// Where its messages go.
    pub results: IpcSender<FromWorker>,
    /// Where later tasks come from; `None` = the first ones are all.
    pub later: Option<IpcReceiver<ToWorker>>,
    /// The first tasks: a list of [`Assignment`]. Empty in the start method's self-test.
    pub first: Parcel,
    /// When the supervisor sent this.
    pub sent: Monotonic,
}

/// One task for a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Assignment {
    /// Its place in the plan.
    pub task: TaskIndex,
    /// Which attempt this is.
    pub attempt: AttemptNumber,
    /// The task's seed.
    pub seed: Seed,
    /// What to do.
    pub work: Work,
}

/// From the supervisor to a worker that is kept for several tasks.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToWorker {
    /// Run these tasks: a list of [`Assignment`].
    Run {
        /// The tasks.
        tasks: Parcel,
        /// When they were sent.
        sent: Monotonic,
    },
    /// Leave. Dropping the channel is not enough: in Wine a worker did not notice that.
    Shutdown,
}

/// From a worker, or from the zygote on behalf of a worker that it made, to the supervisor.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum FromWorker {
    /// The worker exists. From the zygote, so that a worker that dies before its first word has a known
    /// pid; from the worker itself where it was forked twice.
    Forked {
        /// Which worker.
        worker: WorkerId,
        /// Its pid.
        pid: Pid,
    },
    /// The zygote could not make the worker.
    NotForked {
        /// Which worker.
        worker: WorkerId,
        /// The kernel's reason.
        reason: String,
    },
    /// A worker without first tasks is ready.
    Ready {
        /// Which worker.
        worker: WorkerId,
    },
    /// A task begins: from here on the worker's death is charged to it.
    Started {
        /// Which worker.
        worker: WorkerId,
        /// Which task.
        task: TaskIndex,
        /// Which attempt.
        attempt: AttemptNumber,
        /// The worker's pid: a zygote that dies may take its own word on it along.
        pid: Pid,
    },
    /// A part of a result that does not fit in one packet.
    Chunk {
        /// Which worker.
        worker: WorkerId,
        /// Which task.
        task: TaskIndex,
        /// From 0, without a gap.
        number: u32,
        /// The bytes.
        bytes: Parcel,
    },
    /// A task is done: it has a result, or an error to tell.
    Finished {
        /// Which worker.
        worker: WorkerId,
        /// Which task.
        task: TaskIndex,
        /// Which attempt.
        attempt: AttemptNumber,
        /// What came of it.
        report: Report,
    },
}

impl FromWorker {
    /// The worker that the message speaks of.
    pub fn worker(&self) -> WorkerId {
        match self {
            FromWorker::Forked { worker, .. }
            | FromWorker::NotForked { worker, .. }
            | FromWorker::Ready { worker }
            | FromWorker::Started { worker, .. }
            | FromWorker::Chunk { worker, .. }
            | FromWorker::Finished { worker, .. } => *worker,
        }
    }
}

/// What came of a task, with its times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The end of the encoded [`WorkResult`]: all of it, or what the chunks before it left.
    pub last: Parcel,
    /// Number of chunks sent before.
    pub chunks: u32,
    /// BLAKE3 of the whole encoded result, where there were chunks.
    pub digest: Option<[u8; 32]>,
    /// When things happened in the worker.
    pub moments: Moments,
    /// What the worker used from the task's begin to its end.
    pub used: ResourceUse,
    /// The worker takes no more tasks: this one changed its process in a way that the next would meet.
    pub leaves: bool,
}

/// What a task gives back: its output, or a sentence that says why there is none.
pub type WorkResult = Result<TaskOutput, String>;

/// Moments of a task in its worker, in the order of the fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Moments {
    /// The worker's first instruction.
    pub born: Monotonic,
    /// The worker was ready for its first tasks.
    pub ready: Monotonic,
    /// The message with this task had come.
    pub received: Monotonic,
    /// The message was decoded.
    pub decoded: Monotonic,
    /// This task's turn came.
    pub begun: Monotonic,
    /// Model, field or matrix stood.
    pub rebuilt: Monotonic,
    /// The work was done.
    pub computed: Monotonic,
    /// The result was encoded.
    pub encoded: Monotonic,
}

/// The bytes that a task's work takes in a message.
pub fn work_bytes(work: &Work) -> usize {
    // What cannot be encoded fits nowhere.
    postcard::to_stdvec(work).map_or(usize::MAX / 2, |bytes| bytes.len())
}

/// A result, encoded.
///
/// # Errors
///
/// A sentence that says why it cannot travel; it fits as the error of a [`WorkResult`].
pub fn encode_result(result: &WorkResult) -> Result<Vec<u8>, String> {
    let bytes = postcard::to_stdvec(result)
        .map_err(|error| format!("result cannot be encoded: {error}"))?;
    let most = match result {
        Ok(TaskOutput::Forecast(_)) => FORECAST_CAP,
        _ => Assembly::RESULT_CAP,
    };
    if bytes.len() > most {
        return Err(format!(
            "result too large: {} bytes, at most {most} can be kept",
            bytes.len()
        ));
    }
    Ok(bytes)
}

/// The most bytes of an encoded forecast. It is recorded in one line of the journal, where a number of 8 bytes
/// takes up to 25: this many fit for sure. Tables of enumerations are files of their own.
const FORECAST_CAP: usize = 16 << 20;

/// A result, from its bytes.
///
/// # Errors
///
/// The bytes are no result.
pub fn decode_result(bytes: &[u8]) -> Result<WorkResult, ParcelError> {
    Ok(postcard::from_bytes(bytes)?)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::experiment::{FellBack, Forecast};
    use crate::forecast::{Evaluation, Fitted, IntervalScores, JudgedInterval, Scores, Window};

    /// With everything that may be absent.
    fn evaluation(predictions: Vec<f64>) -> Evaluation {
        let scores = Scores {
            smape: 1.0,
            mase: None,
            rmse: f64::INFINITY,
            mae: 5e-324,
            mape: Some(2.0),
        };
        let interval = JudgedInterval {
            level: 95.0,
            lower: vec![1.0],
            upper: vec![2.0],
            scores: IntervalScores {
                coverage: 0.5,
                scaled_width: None,
                msis: Some(1.0),
            },
        };
        Evaluation {
            predictions,
            actual: vec![-0.0; 18],
            scores,
            intervals: vec![interval.clone()],
            fitted: Some(Fitted {
                form: None,
                log_likelihood: Some(-1.5),
                aicc: None,
                parameters: vec![("alpha".to_owned(), 0.5)],
            }),
            windows: vec![Window {
                train: 7,
                predictions: vec![1.0],
                actual: vec![2.0],
                scores,
                intervals: vec![interval],
            }],
        }
    }

    fn good() -> Vec<u8> {
        let result: WorkResult = Ok(TaskOutput::Forecast(Box::new(Forecast {
            evaluation: evaluation(vec![1.5; 18]),
            fallback: Some(FellBack {
                model: "naive".to_owned(),
                reason: "too short".to_owned(),
            }),
        })));
        encode_result(&result).expect("it can travel")
    }

    #[test]
    fn a_forecast_that_no_line_of_the_journal_holds_is_an_error() {
        let forecast = |steps: usize| -> WorkResult {
            Ok(TaskOutput::Forecast(Box::new(Forecast {
                evaluation: evaluation(vec![-1.5e-308; steps]),
                fallback: None,
            })))
        };
        assert!(encode_result(&forecast(2_000_000)).is_ok());
        let error = encode_result(&forecast(2_200_000)).expect_err("it is too large");
        assert!(error.starts_with("result too large: 176"), "{error}");
    }

    fn message(last: Vec<u8>) -> Vec<u8> {
        let message = FromWorker::Finished {
            worker: WorkerId(3),
            task: TaskIndex(4),
            attempt: AttemptNumber(1),
            report: Report {
                last: Parcel::new(last).expect("it is small"),
                chunks: 0,
                digest: Some([7; 32]),
                moments: Moments::default(),
                used: ResourceUse::default(),
                leaves: false,
            },
        };
        postcard::to_stdvec(&message).expect("it can travel")
    }

    proptest! {
        /// Whatever comes in place of a result or a message: an answer, not a panic.
        #[test]
        fn no_bytes_make_the_reader_fall(
            random in prop::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            byte in any::<u8>(),
            length in any::<prop::sample::Index>(),
        ) {
            for mut bytes in [good(), message(good()), random] {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                    let length = length.index(bytes.len());
                    let _ = decode_result(&bytes[..length]);
                    let _ = postcard::from_bytes::<FromWorker>(&bytes[..length]);
                }
                if let Ok(result) = decode_result(&bytes) {
                    // What can be read can be written.
                    prop_assert!(encode_result(&result).is_ok());
                }
                if let Ok(message) = postcard::from_bytes::<FromWorker>(&bytes) {
                    prop_assert!(postcard::to_stdvec(&message).is_ok());
                }
            }
        }
    }
}
