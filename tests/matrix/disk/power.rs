//! Rows 123 and 124: the power goes, and with it what was written and not yet synced.
//!
//! The system calls of a real run are recorded by strace, and played into a model of a disk ([`Disk`]). For each
//! seed the power goes at some call. What was synced before is there. Of the rest any part may be: an unsynced
//! write may have come to the disk whole, in part, or not at all, whatever became of those around it, and reads
//! as zeros where later bytes of its file are there; an unsynced change of a folder (a new name, a rename, a
//! removal) may be there or not, each for itself. This is the model of ALICE (Pillai et al., OSDI 2014), and
//! more than any usual file system loses.
//!
//! Every state must be one that a resume can go on from: each record that was durable is recovered unchanged,
//! nothing is recovered that was not written, and each file that users read is an old or a new one, whole.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use fumehood::ids::TaskIndex;
use fumehood::record::{Repair, RunFolder, recover};

use crate::scenario::{Scenario, draws, with_faults};
use crate::syscalls::{trace_of, traced};
use crate::trial::{strace, trial};

const TASKS: usize = 40;

/// States of the disk that are judged, over both stories of a test.
const STATES: u64 = 10_000;

/// States that the program itself goes on from.
const RESUMED: usize = 5;

/// A change of the disk.
#[derive(Debug)]
enum Change {
    /// A name for a new file.
    Create {
        name: PathBuf,
        file: usize,
    },
    /// A new folder.
    Folder {
        name: PathBuf,
    },
    /// Another name for what has one.
    Rename {
        from: PathBuf,
        to: PathBuf,
        file: usize,
    },
    Remove {
        name: PathBuf,
    },
    Append {
        file: usize,
        bytes: Vec<u8>,
    },
    /// The first so many changes were made when the sync began; of this file they are durable.
    SyncFile {
        file: usize,
        covers: usize,
    },
    /// Likewise of the names in this folder.
    SyncFolder {
        folder: PathBuf,
        covers: usize,
    },
}

/// What is at a name.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Thing {
    File(usize),
    Folder,
}

/// All that was done to a folder, in order, and what was there before.
struct Disk {
    changes: Vec<Change>,
    before: BTreeMap<PathBuf, Thing>,
    /// What each file held before; new ones held nothing.
    held: Vec<Vec<u8>>,
}

/// A state of the disk after the power went.
struct State {
    names: BTreeMap<PathBuf, Thing>,
    contents: BTreeMap<usize, Vec<u8>>,
}

impl Disk {
    /// What is in a folder now, all of it durable.
    fn of(folder: &Path) -> Disk {
        let mut disk = Disk {
            changes: Vec::new(),
            before: BTreeMap::from([(folder.to_path_buf(), Thing::Folder)]),
            held: Vec::new(),
        };
        let mut waiting = vec![folder.to_path_buf()];
        while let Some(next) = waiting.pop() {
            for entry in fs::read_dir(next).expect("a folder").flatten() {
                let name = entry.path();
                if name.is_dir() {
                    disk.before.insert(name.clone(), Thing::Folder);
                    waiting.push(name);
                } else {
                    let file = disk.held.len();
                    disk.held.push(fs::read(&name).expect("it can be read"));
                    disk.before.insert(name, Thing::File(file));
                }
            }
        }
        disk
    }

    /// Plays a trace. Only what happens below `folder` counts.
    fn play(&mut self, trace: &str, folder: &Path) {
        let mut names = self.before.clone();
        let mut begun: BTreeMap<&str, (String, usize)> = BTreeMap::new();
        for line in trace.lines() {
            let Some((thread, call)) = line.split_once(' ') else {
                continue;
            };
            let call = call.trim_start();
            if let Some(start) = call.strip_suffix(" <unfinished ...>") {
                begun.insert(thread, (start.to_owned(), self.changes.len()));
                continue;
            }
            let (call, covers) = match call.strip_prefix("<... ") {
                None => (call.to_owned(), self.changes.len()),
                Some(rest) => {
                    let (start, covers) = begun.remove(thread).expect("it was begun");
                    let (_, end) = rest.split_once(" resumed>").expect("it is resumed");
                    (start + end, covers)
                }
            };
            if let Some(call) = Call::read(&call, folder)
                && let Some(change) = self.change(call, &mut names, covers, folder)
            {
                self.changes.push(change);
            }
        }
    }

    fn change(
        &mut self,
        call: Call,
        names: &mut BTreeMap<PathBuf, Thing>,
        covers: usize,
        folder: &Path,
    ) -> Option<Change> {
        let is_ours = |path: &Path| path.starts_with(folder);
        let first = call.paths.first()?.clone();
        if !is_ours(&first) {
            return None;
        }
        let file_at = |names: &BTreeMap<PathBuf, Thing>, path: &Path| match names.get(path) {
            Some(Thing::File(file)) => Some(*file),
            _ => None,
        };
        match call.name.as_str() {
            "openat" if call.creates && !names.contains_key(&first) => {
                let file = self.held.len();
                self.held.push(Vec::new());
                names.insert(first.clone(), Thing::File(file));
                Some(Change::Create { name: first, file })
            }
            "mkdir" => {
                names.insert(first.clone(), Thing::Folder);
                Some(Change::Folder { name: first })
            }
            "write" => {
                let mut bytes = call.bytes;
                bytes.truncate(call.gave);
                let file = file_at(names, &first).expect("a file that was opened");
                Some(Change::Append { file, bytes })
            }
            "fsync" | "fdatasync" => Some(match names.get(&first) {
                Some(Thing::File(file)) => Change::SyncFile {
                    file: *file,
                    covers,
                },
                _ => Change::SyncFolder {
                    folder: first,
                    covers,
                },
            }),
            "rename" => {
                let to = call.paths.get(1).expect("two paths").clone();
                let file = file_at(names, &first).expect("files are renamed");
                names.remove(&first);
                names.insert(to.clone(), Thing::File(file));
                Some(Change::Rename {
                    from: first,
                    to,
                    file,
                })
            }
            "unlink" | "rmdir" => {
                names.remove(&first);
                Some(Change::Remove { name: first })
            }
            "ftruncate" => panic!("the model has no {call:?}"),
            _ => None,
        }
    }

    /// How many of the first `calls` changes are durable, of each file and of the names in each folder.
    fn all_durable(&self, calls: usize) -> BTreeMap<Result<usize, &Path>, usize> {
        let mut durable = BTreeMap::new();
        for change in &self.changes[..calls] {
            let (thing, covers) = match change {
                Change::SyncFile { file, covers } => (Ok(*file), covers),
                Change::SyncFolder { folder, covers } => (Err(folder.as_path()), covers),
                _ => continue,
            };
            let so_far: &mut usize = durable.entry(thing).or_default();
            *so_far = (*so_far).max(*covers);
        }
        durable
    }

    /// The power goes after so many changes; `draw` says what else came to the disk.
    fn after(&self, calls: usize, draw: &mut impl FnMut(usize) -> usize) -> State {
        let mut names = self.before.clone();
        let durable = self.all_durable(calls);
        let durable = |thing| durable.get(&thing).copied().unwrap_or(0);
        let mut appends: BTreeMap<usize, Vec<(&[u8], usize)>> = BTreeMap::new();
        // Nothing, everything, or each for itself.
        let luck = draw(4);
        for (at, change) in self.changes[..calls].iter().enumerate() {
            let mut came = |durable: usize| at < durable || luck == 1 || (luck > 1 && draw(2) == 0);
            match change {
                Change::Create { name, file } => {
                    if came(durable(Err(parent(name)))) {
                        names.insert(name.clone(), Thing::File(*file));
                    }
                }
                Change::Folder { name } => {
                    if came(durable(Err(parent(name)))) {
                        names.insert(name.clone(), Thing::Folder);
                    }
                }
                Change::Rename { from, to, file } => {
                    if came(durable(Err(parent(to)))) {
                        names.remove(from);
                        names.insert(to.clone(), Thing::File(*file));
                    }
                }
                Change::Remove { name } => {
                    if came(durable(Err(parent(name)))) {
                        names.remove(name);
                    }
                }
                Change::Append { file, bytes } => {
                    let whole = came(durable(Ok(*file)));
                    let kept = match whole {
                        true => bytes.len(),
                        // A part of a write ends where a block of the disk ends: not a byte before the end.
                        false if luck > 1 => draw(2) * draw(bytes.len().saturating_sub(2).max(1)),
                        false => 0,
                    };
                    appends.entry(*file).or_default().push((bytes, kept));
                }
                Change::SyncFile { .. } | Change::SyncFolder { .. } => {}
            }
        }
        // A name is there if the folders above it are.
        let reachable = |name: &PathBuf| {
            name.ancestors()
                .skip(1)
                .take_while(|above| above.starts_with(self.root()))
                .all(|above| names.get(above) == Some(&Thing::Folder))
        };
        let reached = names.iter().filter(|(name, _)| reachable(name));
        let names: BTreeMap<_, _> = reached
            .map(|(name, thing)| (name.clone(), *thing))
            .collect();
        let contents = (0..self.held.len()).map(|file| {
            let mut content = self.held[file].clone();
            for (bytes, kept) in appends.get(&file).into_iter().flatten() {
                content.extend_from_slice(&bytes[..*kept]);
                content.resize(content.len() + bytes.len() - kept, 0);
            }
            // The file ends with the last byte that came.
            if let Some(unsynced) = appends.get(&file) {
                let lost = unsynced
                    .iter()
                    .rev()
                    .scan(true, |goes_on, (bytes, kept)| {
                        let lost = goes_on.then(|| bytes.len() - kept);
                        *goes_on &= *kept == 0;
                        lost
                    })
                    .sum::<usize>();
                content.truncate(content.len() - lost);
            }
            (file, content)
        });
        State {
            contents: contents.collect(),
            names,
        }
    }

    fn root(&self) -> &Path {
        let first = self.before.keys().next();
        first.expect("the folder itself")
    }

    /// Every content that a whole file of this name had: when it was renamed to it, and before.
    fn versions(&self, name: &Path, calls: usize) -> Vec<(usize, Vec<u8>)> {
        let mut versions = Vec::new();
        if let Some(Thing::File(file)) = self.before.get(name) {
            versions.push((0, self.held[*file].clone()));
        }
        for (at, change) in self.changes[..calls].iter().enumerate() {
            if let Change::Rename { to, file, .. } = change
                && to == name
            {
                versions.push((at, self.content(*file, at)));
            }
        }
        versions
    }

    /// What a file held after so many changes.
    fn content(&self, file: usize, calls: usize) -> Vec<u8> {
        let mut content = self.held[file].clone();
        for change in &self.changes[..calls] {
            if let Change::Append { file: of, bytes } = change
                && *of == file
            {
                content.extend_from_slice(bytes);
            }
        }
        content
    }
}

fn parent(name: &Path) -> &Path {
    name.parent().expect("a name in a folder")
}

/// A system call that did what it was asked.
#[derive(Debug)]
struct Call {
    name: String,
    /// The file of its descriptor, or the paths it names.
    paths: Vec<PathBuf>,
    bytes: Vec<u8>,
    creates: bool,
    gave: usize,
}

impl Call {
    /// A line of strace with `-y` (descriptors with their paths) and `-xx` (strings in hexadecimal).
    fn read(line: &str, folder: &Path) -> Option<Call> {
        let (name, rest) = line.split_once('(')?;
        let (arguments, result) = rest.rsplit_once(") = ").or(rest.rsplit_once(" = "))?;
        let result = result.split(['<', ' ']).next()?;
        // A call that failed changed nothing.
        let gave: usize = result.parse().ok()?;
        let strings: Vec<Vec<u8>> = arguments
            .split('"')
            .skip(1)
            .step_by(2)
            .map(decoded)
            .collect();
        let of_descriptor = || {
            let (_, path) = arguments.split_once('<')?;
            let (path, _) = path.split_once('>')?;
            Some(PathBuf::from(String::from_utf8(decoded(path)).ok()?))
        };
        let named = || {
            let paths = strings.iter().map(|bytes| {
                let path = String::from_utf8_lossy(bytes).into_owned();
                folder.join(path)
            });
            paths.collect::<Vec<_>>()
        };
        let is_about_descriptor = ["write", "fsync", "fdatasync", "ftruncate"].contains(&name);
        Some(Call {
            paths: match is_about_descriptor {
                true => vec![of_descriptor()?],
                false => named(),
            },
            bytes: match name {
                "write" => strings.into_iter().next()?,
                _ => Vec::new(),
            },
            creates: arguments.contains("O_CREAT"),
            name: name.to_owned(),
            gave,
        })
    }
}

/// Text in which `\xNN` is a byte.
fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find("\\x") {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        let digits = &rest[at + 2..at + 4];
        bytes.push(u8::from_str_radix(digits, 16).expect("two digits"));
        rest = &rest[at + 4..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// A record as it was written: its task, its line, its file and place, and after which change it stood there.
struct Written {
    task: TaskIndex,
    line: Vec<u8>,
    file: usize,
    offset: usize,
    at: usize,
}

/// A recorded run with what is known of it.
struct Story {
    scenario: Scenario,
    disk: Disk,
    records: Vec<Written>,
}

/// The changes of a run, or of the resume of one that was killed.
fn story(strace: &str, is_resume: bool) -> Story {
    let scenario = Scenario::calm("fork", TASKS);
    if is_resume {
        let killed = with_faults(
            &scenario.lab,
            scenario.command(),
            "supervisor.recorded:signal=9:15",
        );
        killed.run();
        assert_eq!(scenario.fired("supervisor.recorded"), 1);
    }
    // Writes the spec, so that it is there before.
    let command = trial(&scenario.lab, "run", "fork", &scenario.experiments);
    let work = scenario.lab.work();
    let mut disk = Disk::of(&work);
    let options = "-y -xx -s 1000000 \
        -e trace=openat,write,fsync,fdatasync,?rename,?mkdir,?unlink,?rmdir,ftruncate";
    traced(strace, &scenario.lab, command, options)
        .run()
        .assert_code(0);
    disk.play(&trace_of(&scenario.lab), &work);

    // The model is true to the disk: with all of it there, it is what is there.
    let everything = Disk::of(&work);
    let mut all_came = {
        let mut first = true;
        move |_: usize| std::mem::take(&mut first).into()
    };
    let state = disk.after(disk.changes.len(), &mut all_came);
    assert_eq!(
        state.names.keys().collect::<Vec<_>>(),
        everything.before.keys().collect::<Vec<_>>()
    );
    for (name, thing) in &state.names {
        if let Thing::File(file) = thing {
            let found = fs::read(name).expect("it is there");
            assert!(state.contents[file] == found, "{}", name.display());
        }
    }

    let records = written(&disk);
    assert_eq!(records.len(), TASKS);
    Story {
        scenario,
        disk,
        records,
    }
}

fn written(disk: &Disk) -> Vec<Written> {
    let mut records = Vec::new();
    let mut take = |file, line: &[u8], offset, at| {
        let text = String::from_utf8_lossy(line);
        if text.contains(",\"terminal\":{") && text.starts_with("{\"seq\":") {
            let record: serde_json::Value = serde_json::from_str(&text).expect("a record");
            records.push(Written {
                task: TaskIndex(record["index"].as_u64().expect("a number") as u32),
                line: line.to_vec(),
                file,
                offset,
                at,
            });
        }
    };
    for (file, held) in disk.held.iter().enumerate() {
        let mut offset = 0;
        for line in held.split_inclusive(|byte| *byte == b'\n') {
            take(file, line, offset, 0);
            offset += line.len();
        }
    }
    let mut lengths: Vec<usize> = disk.held.iter().map(Vec::len).collect();
    for (at, change) in disk.changes.iter().enumerate() {
        if let Change::Append { file, bytes } = change {
            take(*file, bytes, lengths[*file], at);
            lengths[*file] += bytes.len();
        }
    }
    records
}

impl State {
    /// Makes the files and folders below `from` in `to`, those alone whose name meets the condition.
    fn make(&self, from: &Path, to: &Path, wanted: impl Fn(&Path) -> bool) {
        for (name, thing) in &self.names {
            let path = to.join(name.strip_prefix(from).expect("below it"));
            match thing {
                Thing::Folder => fs::create_dir_all(path).expect("a folder can be made"),
                Thing::File(file) if wanted(name) => {
                    fs::write(path, &self.contents[file]).expect("it can be written");
                }
                Thing::File(_) => {}
            }
        }
    }
}

impl Story {
    /// A state that depends on the seed alone, and after how many changes it is.
    fn state(&self, seed: u64) -> (State, usize) {
        let mut draw = draws(seed);
        let calls = draw(self.disk.changes.len() + 1);
        (self.disk.after(calls, &mut draw), calls)
    }

    /// Every record that was durable is recovered unchanged, and nothing that was not written.
    fn judge_journal(&self, state: &State, calls: usize, place: &Path, seed: u64) {
        let run = place.join("run");
        if run.exists() {
            fs::remove_dir_all(&run).expect("it can be removed");
        }
        let work = self.scenario.lab.work();
        state.make(&work, place, |name| parent(name).ends_with("journal"));
        let recovered = match RunFolder::open(&run) {
            Ok(folder) => recover(&folder, None, Repair::Report)
                .unwrap_or_else(|error| panic!("seed {seed}: {error}")),
            Err(_) => Default::default(),
        };
        let durable = self.disk.all_durable(calls);
        for written in &self.records {
            let synced = durable.get(&Ok(written.file)).copied();
            let is_durable = written.at < synced.unwrap_or(0)
                || (written.at == 0 && written.offset < self.disk.held[written.file].len());
            let Some(position) = recovered.terminal(written.task) else {
                assert!(!is_durable, "seed {seed}: task {:?} was lost", written.task);
                continue;
            };
            let segment = &recovered.segments()[usize::from(position.segment)].name;
            let name = work.join("run/journal").join(segment);
            assert_eq!(state.names[&name], Thing::File(written.file), "seed {seed}");
            let from = usize::try_from(position.offset).expect("a small file");
            assert_eq!(from, written.offset, "seed {seed}");
            let line = &state.contents[&written.file][from..from + position.length as usize];
            assert!(line == written.line, "seed {seed}: a changed value");
        }
    }

    /// Each file that is written whole is an old or a new one, and no older than the last durable one.
    fn judge_whole_files(&self, state: &State, calls: usize, seed: u64) {
        let run = self.scenario.lab.work().join("run");
        let durable = self.disk.all_durable(calls);
        let durable = durable.get(&Err(run.as_path())).copied().unwrap_or(0);
        for file in [
            "manifest.json",
            "spec.toml",
            "results.jsonl",
            "attempts.jsonl",
            "summary.json",
        ] {
            let name = run.join(file);
            let versions = self.disk.versions(&name, calls);
            let least = versions.iter().rposition(|(at, _)| *at < durable);
            match state.names.get(&name) {
                Some(Thing::File(inode)) => {
                    let found = &state.contents[inode];
                    let version = versions.iter().rposition(|(_, whole)| whole == found);
                    assert!(version.is_some(), "seed {seed}: {file} is not whole");
                    assert!(version >= least, "seed {seed}: {file} is too old");
                }
                _ => assert_eq!(least, None, "seed {seed}: {file} is gone"),
            }
        }
    }

    /// The program goes on from a state, to the calm bytes.
    fn resume_from(&self, seed: u64) {
        let (state, calls) = self.state(seed);
        let again = Scenario::calm("fork", TASKS);
        state.make(&self.scenario.lab.work(), &again.lab.work(), |_| true);
        let finished = again.command().run();
        assert_eq!(
            finished.code(),
            Some(0),
            "seed {seed}, {calls}: {finished:?}"
        );
        again.aftermath(&finished).completes(0);
    }
}

#[test]
fn row_123_lost_unsynced_writes() {
    let Some(strace) = strace() else { return };
    // In memory where it can be: it is a model of a disk that is judged.
    let place = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    let place = place.expect("a folder");
    let mut gaps = 0;
    for is_resume in [false, true] {
        let story = story(&strace, is_resume);
        for seed in 0..STATES / 2 {
            let (state, calls) = story.state(seed);
            story.judge_journal(&state, calls, place.path(), seed);
            let zeros = |content: &Vec<u8>| content.contains(&0);
            gaps += usize::from(state.contents.values().any(zeros));
        }
        (0..)
            .step_by(97)
            .take(RESUMED)
            .for_each(|seed| story.resume_from(seed));
    }
    // The hard case is among them: later bytes came to the disk, and those before them did not.
    assert!(gaps > 100, "{gaps} states with a gap");
}

#[test]
fn row_124_renames_and_new_names_before_their_data() {
    let Some(strace) = strace() else { return };
    let mut whole = 0;
    for is_resume in [false, true] {
        let story = story(&strace, is_resume);
        let results = story.scenario.lab.work().join("run/results.jsonl");
        for seed in 0..STATES / 2 {
            let (state, calls) = story.state(seed);
            story.judge_whole_files(&state, calls, seed);
            whole += usize::from(state.names.contains_key(&results));
        }
    }
    assert!(whole > 100, "{whole} states with results");
}
