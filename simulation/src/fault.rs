//! What goes wrong, and when: the fault matrix as random events.
//!
//! Each kind stands for rows of `docs/reference/fault-matrix.md`. Rows about bytes that cannot be read (a packet
//! that lies, a spec that is none) are the fuzz targets' part: here a message is what it is, or *garbled*.

use std::time::Duration;

use fumehood::clock::Monotonic;
use fumehood::experiment::ExitCause;

use crate::disk::Refusal;
use crate::draws::Draws;

/// Something that goes wrong once, but for a poisoned task, which stays so.
#[derive(Clone, Debug)]
pub struct Fault {
    /// When.
    pub when: When,
    /// What.
    pub kind: FaultKind,
    /// Where its own draws begin.
    pub key: u64,
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// At this moment.
    At(Monotonic),
    /// As so many tasks have begun, over all supervisors of the run.
    Begun(u64),
}

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// A worker cannot be started (rows 13 to 16).
    StartRefused,
    /// The zygote says that it could not fork (13, 14).
    NotForked,
    /// The zygote dies (19).
    ZygoteDies,
    /// A worker never says a word (3, 4).
    StartHangs,
    /// A worker begins in the moment in which it is given up for not having begun (3).
    BeginsLate,
    /// A worker dies before its first task (1, 2, 5, 21).
    DiesUnbegun,
    /// A worker dies in its task (22 to 35, 37 to 41).
    Dies,
    /// The kernel ends a worker for want of memory (43).
    KernelOom,
    /// A worker is seen over its memory (42, 45).
    Swells,
    /// A task never ends (48, 49).
    Hangs,
    /// It does not end when it is told to either (50).
    IgnoresTerm,
    /// A worker is stopped, and goes on later or never (51 to 53).
    Stopped,
    /// A worker hangs inside the kernel, and cannot be killed for long or ever (54).
    Unkillable,
    /// A task ends in the moment of its limit (56).
    AtTheLimit,
    /// A task changes its process (59).
    Leaves,
    /// A task kills each worker that begins it (69).
    Poisons,
    /// A worker dies after its answer (71).
    DiesAfterAnswer,
    /// A worker dies with half of its answer sent (72).
    DiesAmidAnswer,
    /// An answer comes twice (73).
    AnswersTwice,
    /// An answer is of a task that the worker did not run (74).
    AnswersAnother,
    /// An answer is of an earlier attempt (75).
    AnswersEarlier,
    /// A message cannot be read (76 to 81, 84).
    Garbles,
    /// A worker says twice that it began, or that it began what it was not given.
    BeginsWrong,
    /// A worker is ready for nothing.
    Ready,
    /// The parts of an answer do not fit together (72, 79).
    BadChunks,
    /// A worker closes its channel and lives on (86).
    ClosesChannel,
    /// A worker that was given up speaks (75).
    LateWords,
    /// A worker does not leave after its last answer.
    Stays,
    /// A worker that waits for a task dies (67).
    IdleDies,
    /// All workers die at once (68).
    AllDie,
    /// A signal asks the supervisor to stop (94).
    Signal,
    /// Two of them (95).
    TwoSignals,
    /// The supervisor is killed (96, 100, 101).
    Killed,
    /// The supervisor is killed in a call to the disk (97), its successor soon after perhaps too (98).
    KilledAtCall,
    /// The supervisor is stopped for a while (93, 99).
    Paused,
    /// The machine loses its power (123, 124).
    PowerLoss,
    /// It does so in a call to the disk.
    PowerLossAtCall,
    /// The disk refuses a call (105 to 119).
    Refused(Refusal),
    /// The disk is slow for a while.
    SlowDisk,
}

impl FaultKind {
    /// Every kind, as often as it is drawn.
    const CHANCES: &'static [(u64, FaultKind)] = {
        use FaultKind as F;
        &[
            (3, F::StartRefused),
            (2, F::NotForked),
            (3, F::ZygoteDies),
            (2, F::StartHangs),
            (2, F::BeginsLate),
            (4, F::DiesUnbegun),
            (10, F::Dies),
            (3, F::KernelOom),
            (2, F::Swells),
            (3, F::Hangs),
            (3, F::IgnoresTerm),
            (3, F::Stopped),
            (2, F::Unkillable),
            (3, F::AtTheLimit),
            (3, F::Leaves),
            (2, F::Poisons),
            (3, F::DiesAfterAnswer),
            (2, F::DiesAmidAnswer),
            (2, F::AnswersTwice),
            (2, F::AnswersAnother),
            (2, F::AnswersEarlier),
            (3, F::Garbles),
            (2, F::BeginsWrong),
            (1, F::Ready),
            (2, F::BadChunks),
            (2, F::ClosesChannel),
            (2, F::LateWords),
            (2, F::Stays),
            (2, F::IdleDies),
            (2, F::AllDie),
            (2, F::Signal),
            (1, F::TwoSignals),
            (3, F::Killed),
            (5, F::KilledAtCall),
            (3, F::Paused),
            (2, F::PowerLoss),
            (3, F::PowerLossAtCall),
            (1, F::Refused(Refusal::Full)),
            (1, F::Refused(Refusal::WriteFails)),
            (2, F::Refused(Refusal::Short)),
            (1, F::Refused(Refusal::Interrupted)),
            (1, F::Refused(Refusal::SyncFails)),
            (1, F::Refused(Refusal::NoNewFiles)),
            (1, F::Refused(Refusal::NoRename)),
            (1, F::Refused(Refusal::FolderSyncFails)),
            (1, F::Refused(Refusal::NoDescriptors)),
            (3, F::SlowDisk),
        ]
    };

    fn draw(draws: &mut Draws) -> FaultKind {
        let all = FaultKind::CHANCES.iter().map(|(chance, _)| chance).sum();
        let mut at = draws.below(all);
        for (chance, kind) in FaultKind::CHANCES {
            if at < *chance {
                return *kind;
            }
            at -= chance;
        }
        FaultKind::Dies
    }

    /// Whether it happens to a worker as it is started.
    pub fn is_of_start(self) -> bool {
        use FaultKind as F;
        matches!(
            self,
            F::StartRefused
                | F::NotForked
                | F::StartHangs
                | F::BeginsLate
                | F::DiesUnbegun
                | F::LateWords
        )
    }

    /// Whether it happens to a worker in its task.
    pub fn is_of_task(self) -> bool {
        use FaultKind as F;
        matches!(
            self,
            F::Dies
                | F::KernelOom
                | F::Swells
                | F::Hangs
                | F::IgnoresTerm
                | F::Stopped
                | F::Unkillable
                | F::AtTheLimit
                | F::Leaves
                | F::Poisons
                | F::DiesAfterAnswer
                | F::DiesAmidAnswer
                | F::AnswersTwice
                | F::AnswersAnother
                | F::AnswersEarlier
                | F::Garbles
                | F::BeginsWrong
                | F::Ready
                | F::BadChunks
                | F::ClosesChannel
                | F::Stays
        )
    }
}

/// So many faults within a span of time, in the run of a plan of so many tasks. Half of those that happen to workers,
/// and of losses of power, come as tasks begin: a crowd of tiny tasks is over in a moment and meets few otherwise.
pub fn draw_faults(seed: u64, count: u64, within: Duration, tasks: u64) -> Vec<Fault> {
    (0..count)
        .map(|number| {
            let mut draws = Draws::of(seed, "fault", &[number]);
            let kind = FaultKind::draw(&mut draws);
            let of_crowd = kind.is_of_task() || kind.is_of_start() || kind == FaultKind::PowerLoss;
            let when = if of_crowd && draws.percent(50) {
                When::Begun(draws.below(tasks))
            } else {
                When::At(Monotonic(draws.below(within.as_nanos() as u64)))
            };
            Fault {
                when,
                kind,
                key: draws.bits(),
            }
        })
        .collect()
}

/// A way in which a process ends by itself before it has answered.
pub fn draw_death(draws: &mut Draws) -> ExitCause {
    if draws.percent(25) {
        return ExitCause::Exited(draws.pick(&[0, 1, 101, 255]));
    }
    if draws.percent(3) {
        return ExitCause::Lost;
    }
    ExitCause::Signaled {
        signal: draws.pick(&[1, 2, 3, 4, 6, 7, 8, 9, 10, 11, 13, 14, 15, 24]),
        core: draws.percent(20),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_kind_is_drawn_and_faults_depend_on_their_seed_alone() {
        let hour = Duration::from_secs(3600);
        let faults = draw_faults(5, 20_000, hour, 100);
        let kinds: HashSet<String> = faults.iter().map(|f| format!("{:?}", f.kind)).collect();
        assert_eq!(kinds.len(), FaultKind::CHANCES.len());
        let again = draw_faults(5, 100, hour, 100);
        let text = |faults: &[Fault]| format!("{faults:?}");
        assert_eq!(text(&again), text(&faults[..100]));
    }
}
