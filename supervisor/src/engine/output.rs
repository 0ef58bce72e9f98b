//! What workers write to standard output and error.
//!
//! Each slot has two pipes, which its workers inherit one after the other. One thread drains all of them,
//! so that no worker ever waits for somebody to read; what it keeps of one attempt is bounded: the first
//! [`HEAD`] bytes and the last [`TAIL`]. When an attempt has ended the loop drains the pipes of its slot
//! once more and takes what was kept.

use std::collections::VecDeque;
use std::io::{self, PipeWriter};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use fumehood::fail_point;
use fumehood::sys::{self, OutputReader};

/// Bytes kept of the beginning.
pub const HEAD: usize = 32 << 10;

/// Bytes kept of the end.
pub const TAIL: usize = 32 << 10;

/// What was written to one stream during one attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    written: u64,
}

impl Captured {
    fn add(&mut self, mut bytes: &[u8]) {
        self.written += bytes.len() as u64;
        let room = HEAD - self.head.len();
        let (first, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(first);
        bytes = rest;
        if bytes.len() > TAIL {
            self.tail.clear();
            bytes = &bytes[bytes.len() - TAIL..];
        }
        let excess = (self.tail.len() + bytes.len()).saturating_sub(TAIL);
        self.tail.drain(..excess);
        self.tail.extend(bytes);
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.written == 0
    }

    /// The kept bytes, with a line between head and tail that says how many are missing.
    pub fn text(&self) -> Vec<u8> {
        let kept = (self.head.len() + self.tail.len()) as u64;
        let mut text = self.head.clone();
        if self.written > kept {
            let gap = format!("\n... {} bytes left out ...\n", self.written - kept);
            text.extend_from_slice(gap.as_bytes());
        }
        text.extend(&self.tail);
        text
    }
}

/// Both streams of one attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Output {
    /// Standard output.
    pub stdout: Captured,
    /// Standard error.
    pub stderr: Captured,
}

struct Slot {
    stdout: OutputReader,
    stderr: OutputReader,
    kept: Mutex<Output>,
}

impl Slot {
    fn drain(&self) -> MutexGuard<'_, Output> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = [0u8; 16 << 10];
        // Bounded: a worker that writes without end must not keep the lock for ever.
        for _ in 0..64 {
            let out = self.stdout.read_available(&mut buffer).unwrap_or(0);
            kept.stdout.add(&buffer[..out]);
            let err = self.stderr.read_available(&mut buffer).unwrap_or(0);
            kept.stderr.add(&buffer[..err]);
            if out == 0 && err == 0 {
                break;
            }
        }
        kept
    }
}

/// The output of all slots.
pub struct Outputs {
    slots: Arc<Vec<Slot>>,
    writers: Vec<(PipeWriter, PipeWriter)>,
    // Closing this end wakes the thread and tells it to leave.
    stop: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Outputs {
    /// Makes the pipes of so many slots and starts the thread.
    ///
    /// # Errors
    ///
    /// No descriptor or thread is to be had, or the platform has no such pipes.
    pub fn start(count: u32) -> io::Result<Outputs> {
        let mut slots = Vec::new();
        let mut writers = Vec::new();
        for _ in 0..count {
            let (stdout, out) = sys::output_pipe()?;
            let (stderr, err) = sys::output_pipe()?;
            slots.push(Slot {
                stdout,
                stderr,
                kept: Mutex::default(),
            });
            writers.push((out, err));
        }
        let slots = Arc::new(slots);
        let (stopped, stop) = sys::output_pipe()?;
        let for_thread = Arc::clone(&slots);
        let thread = std::thread::Builder::new()
            .name(String::from("output"))
            .spawn(move || drain_all(&for_thread, &stopped))?;
        Ok(Outputs {
            slots,
            writers,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// The writing ends, for workers to inherit.
    pub fn writers(&self) -> &[(PipeWriter, PipeWriter)] {
        &self.writers
    }

    /// What the attempt that just ended in this slot has written.
    pub fn take(&self, slot: u32) -> Output {
        self.slots
            .get(slot as usize)
            .map(|slot| std::mem::take(&mut *slot.drain()))
            .unwrap_or_default()
    }
}

impl Drop for Outputs {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn drain_all(slots: &[Slot], stopped: &OutputReader) {
    let readers: Vec<&OutputReader> = slots
        .iter()
        .flat_map(|slot| [&slot.stdout, &slot.stderr])
        .chain([stopped])
        .collect();
    loop {
        let Ok(ready) = OutputReader::wait_any(&readers, u16::MAX) else {
            return;
        };
        fail_point!("supervisor.output");
        for place in ready {
            match slots.get(place / 2) {
                Some(slot) => drop(slot.drain()),
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn head_and_tail_are_kept_whatever_the_pieces(pieces in prop::collection::vec(0usize..40_000, 0..12)) {
            let mut captured = Captured::default();
            let mut all = Vec::new();
            for (number, length) in pieces.into_iter().enumerate() {
                let piece: Vec<u8> = (0..length).map(|i| ((i + number) % 251) as u8).collect();
                captured.add(&piece);
                all.extend(piece);
            }
            if all.len() <= HEAD + TAIL {
                prop_assert_eq!(captured.text(), all);
            } else {
                let text = captured.text();
                prop_assert_eq!(&text[..HEAD], &all[..HEAD]);
                prop_assert_eq!(&text[text.len() - TAIL..], &all[all.len() - TAIL..]);
                let said = format!("{} bytes left out", all.len() - HEAD - TAIL);
                prop_assert!(String::from_utf8_lossy(&text).contains(&said));
            }
        }
    }

    #[test]
    fn a_writer_never_waits_and_each_taking_starts_anew() {
        let outputs = Outputs::start(2).expect("pipes can be made");
        let mut out = outputs.writers()[1]
            .0
            .try_clone()
            .expect("a pipe can be cloned");
        // Far more than a pipe holds: without the draining thread this would wait for ever.
        out.write_all(&vec![b'x'; 1 << 20]).expect("it is drained");
        let taken = outputs.take(1);
        assert_eq!(taken.stdout.written, 1 << 20);
        assert!(taken.stderr.is_empty());
        assert!(outputs.take(1).stdout.is_empty());
        assert!(outputs.take(0).stdout.is_empty());
    }
}
