//! A witness that sees nothing is no witness: each thing that must never happen is shown to it once.

use std::path::Path;
use std::sync::Arc;

use fumehood::ids::{AttemptNumber, Seed};
use fumehood::protocol::Assignment;
use fumehood::record::disk::{Appending, Disk};
use fumehood::record::{Header, Journal, JsonText, Record, Repair, RunFolder, recover};

use super::*;
use crate::disk::SimulatedDisk;
use crate::draws::Draws;
use crate::scenario::{Scenario, Weather};

const FIRST: TaskIndex = TaskIndex(0);
const WORKER: WorkerId = WorkerId(0);

/// A run that a supervisor has begun, with its journal.
struct Stage {
    disk: SimulatedDisk,
    process: SimulatedDisk,
    folder: RunFolder,
    journal: Journal,
    scenario: Scenario,
    witness: Witness,
}

impl Stage {
    fn set() -> Stage {
        let scenario = Scenario::of(3, Weather::default());
        let disk = SimulatedDisk::new(Draws::of(3, "disk", &[]));
        let process = disk.for_process();
        let place = Arc::new(process.clone());
        let folder = RunFolder::create_on(place, Path::new("/home/user/run"));
        let folder = folder.expect("nothing is there");
        let header = Header::of(&scenario.plan, "test");
        let journal = Journal::create(&folder, header).expect("there is room");
        let mut witness = Witness::new(&scenario.plan, &scenario.policy);
        witness.begins(false);
        witness.sees(&process);
        Stage {
            disk,
            process,
            folder,
            journal,
            scenario,
            witness,
        }
    }

    /// The first task is given to a worker in a slot.
    fn give(&mut self, worker: u32, slot: u32, attempt: u32) {
        self.give_task(FIRST, worker, slot, attempt);
    }

    fn give_task(&mut self, task: TaskIndex, worker: u32, slot: u32, attempt: u32) {
        let tasks = [Assignment {
            task,
            attempt: AttemptNumber(attempt),
            seed: self.scenario.plan.task_seed(task),
            work: self.scenario.plan.work(task),
        }];
        self.witness.gives(WorkerId(worker), Some(slot), &tasks);
    }

    /// The first task's record.
    fn record(&self, number: u32, outcome: AttemptOutcome, ends: bool) -> Record {
        self.record_of(FIRST, number, outcome, ends)
    }

    fn record_of(
        &self,
        task: TaskIndex,
        number: u32,
        outcome: AttemptOutcome,
        ends: bool,
    ) -> Record {
        let result = crate::process::result_of(&self.scenario.plan, task);
        let result = match result {
            Ok(output) => Outcome::Ok(output),
            Err(message) => Outcome::Error { message },
        };
        Record::Attempt {
            index: task,
            attempt: fumehood::experiment::Attempt {
                task: self.scenario.plan.id(task),
                attempt: number,
                start_method: "fork".into(),
                outcome,
                phases_us: fumehood::experiment::Phases::default(),
                total_us: 0,
                rusage: fumehood::experiment::ResourceUse::default(),
                pid: None,
                host: "test".into(),
                cause: None,
            },
            terminal: ends.then(|| Terminal::of(&self.scenario.plan, task, &result)),
        }
    }

    fn write(&mut self, record: &Record) {
        self.journal.append(record).expect("there is room");
        self.witness.sees(&self.process);
    }

    /// The first task is answered and recorded, as it should be.
    fn does_well(&mut self) {
        self.does_task_well(FIRST);
    }

    fn does_task_well(&mut self, task: TaskIndex) {
        self.give_task(task, 0, 0, 1);
        self.witness.heard_begin(WORKER, task, 1, Monotonic(1));
        self.witness.answered(WORKER, task, 1);
        let (kind, _) = self.witness.expected(task);
        let record = self.record_of(task, 1, kind.into(), true);
        self.write(&record);
    }

    fn found(&self) -> Option<Property> {
        self.witness.violation().map(|found| found.property)
    }
}

#[test]
fn what_is_right_is_no_violation() {
    let mut stage = Stage::set();
    stage.does_well();
    stage.witness.tells(FIRST, 1);
    stage.witness.forgets(WORKER, true);
    stage.witness.ends();
    assert_eq!(stage.witness.violation(), None);
}

#[test]
fn a_task_is_started_after_its_end() {
    let mut stage = Stage::set();
    stage.does_well();
    stage.give(1, 1, 2);
    assert_eq!(stage.found(), Some(Property::NotAgain));
}

#[test]
fn two_workers_have_one_task_or_one_slot() {
    for slot in [0, 1] {
        let mut stage = Stage::set();
        stage.give(0, 0, 1);
        stage.give(1, slot, 2);
        assert_eq!(stage.found(), Some(Property::OneWorker), "slot {slot}");
    }
}

#[test]
fn an_attempt_is_counted_twice_or_was_never_given() {
    let mut stage = Stage::set();
    stage.does_well();
    let record = stage.record(1, AttemptOutcome::Requeued, false);
    stage.write(&record);
    assert_eq!(stage.found(), Some(Property::Counted));
    let mut stage = Stage::set();
    let record = stage.record(1, AttemptOutcome::Requeued, false);
    stage.write(&record);
    assert_eq!(stage.found(), Some(Property::Counted));
}

#[test]
fn a_task_ends_twice() {
    let mut stage = Stage::set();
    stage.does_well();
    stage.witness.begins(false);
    stage.witness.given.insert((FIRST, 2));
    stage.witness.deed(FIRST, 2).answered = true;
    let (kind, _) = stage.witness.expected(FIRST);
    let record = stage.record(2, kind.into(), true);
    stage.write(&record);
    assert_eq!(stage.found(), Some(Property::OneEnd));
}

#[test]
fn a_bystander_is_charged_and_a_crash_is_not() {
    let mut stage = Stage::set();
    stage.give(0, 0, 1);
    stage.witness.deed(FIRST, 1).began = true;
    let ends = stage.scenario.policy.retries == 0;
    let record = stage.record(1, AttemptOutcome::Crashed, ends);
    stage.write(&record);
    assert_eq!(stage.found(), Some(Property::Charged));
    let mut stage = Stage::set();
    stage.give(0, 0, 1);
    stage.witness.heard_begin(WORKER, FIRST, 1, Monotonic(1));
    stage.witness.deed(FIRST, 1).died = true;
    let record = stage.record(1, AttemptOutcome::Requeued, false);
    stage.write(&record);
    assert_eq!(stage.found(), Some(Property::Charged));
}

#[test]
fn an_attempt_that_should_end_its_task_does_not() {
    let mut stage = Stage::set();
    stage.give(0, 0, 1);
    stage.witness.answered(WORKER, FIRST, 1);
    let record = stage.record(1, AttemptOutcome::Ok, false);
    stage.write(&record);
    assert_eq!(stage.found(), Some(Property::Retries));
}

#[test]
fn an_answer_is_forgotten() {
    let mut stage = Stage::set();
    stage.give(0, 0, 1);
    stage.witness.answered(WORKER, FIRST, 1);
    stage.witness.ends();
    assert_eq!(stage.found(), Some(Property::Heard));
    let mut stage = Stage::set();
    stage.give(0, 0, 1);
    stage.witness.forgets(WORKER, true);
    assert_eq!(stage.found(), Some(Property::Heard));
}

#[test]
fn a_result_is_another_or_is_told_before_it_is_recorded() {
    let mut stage = Stage::set();
    stage.give(0, 0, 1);
    stage.witness.answered(WORKER, FIRST, 1);
    let (kind, _) = stage.witness.expected(FIRST);
    let Record::Attempt { attempt, .. } = stage.record(1, kind.into(), true) else {
        panic!("it is an attempt");
    };
    let other = Terminal {
        kind: "forecast".into(),
        state: kind,
        body: fumehood::record::TerminalBody::Result(JsonText::of(&1.0)),
    };
    stage.write(&Record::Attempt {
        index: FIRST,
        attempt,
        terminal: Some(other),
    });
    assert_eq!(stage.found(), Some(Property::SameResult));
    let mut stage = Stage::set();
    stage.witness.tells(FIRST, 1);
    assert_eq!(stage.found(), Some(Property::RecordedFirst));
}

#[test]
fn another_work_is_given_out() {
    let mut stage = Stage::set();
    let tasks = [Assignment {
        task: FIRST,
        attempt: AttemptNumber(1),
        seed: Seed(1),
        work: stage.scenario.plan.work(FIRST),
    }];
    stage.witness.gives(WORKER, Some(0), &tasks);
    assert_eq!(stage.found(), Some(Property::SameResult));
}

#[test]
fn a_record_is_gone_after_a_kill_or_after_it_was_called_durable_or_shown() {
    let harm = |durable: bool, shown: bool, before: Before| {
        let mut stage = Stage::set();
        stage.does_well();
        if shown {
            let id = stage.scenario.plan.id(FIRST);
            let end = stage.witness.end_of(FIRST).expect("it is over");
            let line = format!("{{\"task\":\"{id}\",{}\n", &end[1..]);
            stage.disk.place(&stage.folder.results(), line.into_bytes());
        }
        if durable {
            stage.journal.flush().expect("there is room");
            stage.witness.sees(&stage.process);
        }
        let segment = stage.folder.journal();
        let segment = segment.join(format!("{}.jsonl", stage.journal.segment()));
        stage.disk.kill();
        let next = stage.disk.for_process();
        // Somebody cuts the record off.
        let content = next.content(&segment).expect("it is there");
        let header = content.iter().position(|byte| *byte == b'\n');
        next.cut(&segment, header.map_or(0, |at| at as u64 + 1))
            .expect("it is there");
        let folder = RunFolder::create_on(Arc::new(next.clone()), stage.folder.path());
        let folder = folder.expect("it is there");
        let digest = Some(stage.scenario.plan.digest());
        let recovered = recover(&folder, digest, Repair::Report).expect("a good journal");
        stage
            .witness
            .judge_recovered(&next, &folder, &recovered, before);
        stage.found()
    };
    assert_eq!(harm(false, false, Before::Written), Some(Property::Kept));
    assert_eq!(harm(true, false, Before::Durable), Some(Property::Kept));
    assert_eq!(harm(false, true, Before::Durable), Some(Property::Kept));
    assert_eq!(harm(false, false, Before::Durable), None);
}

#[test]
fn a_complete_run_lacks_an_end_or_shows_other_results() {
    let mut stage = Stage::set();
    stage.does_well();
    stage.witness.judge_complete(&stage.process, &stage.folder);
    assert_eq!(stage.found(), Some(Property::OneEnd), "of the second task");
    let complete = |harm: &str| {
        let mut stage = Stage::set();
        let mut text = String::new();
        for task in stage.scenario.plan.indices() {
            stage.does_task_well(task);
            stage.witness.forgets(WORKER, true);
            let id = stage.scenario.plan.id(task);
            let end = stage.witness.end_of(task).expect("it is over");
            text.push_str(&format!("{{\"task\":\"{id}\",{}\n", &end[1..]));
        }
        text.push_str(harm);
        for (path, text) in [
            (stage.folder.results(), text),
            (
                stage.folder.attempts(),
                "\n".repeat(stage.witness.lines.len()),
            ),
        ] {
            let file = stage.process.create_file(&path).expect("nothing is there");
            std::io::Write::write_all(&mut Appending(&*file), text.as_bytes())
                .expect("there is room");
        }
        stage.witness.judge_complete(&stage.process, &stage.folder);
        stage.found()
    };
    assert_eq!(complete(""), None);
    assert_eq!(complete("{}\n"), Some(Property::SameResult));
}
