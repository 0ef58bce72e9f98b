//! Row 129: something else than a plain file or folder where one is to be read or written. What a link leads
//! to never changes, and nobody waits at a FIFO.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::sys::stat::Mode;

use crate::common::{Finished, Lab, RunFolder};
use crate::scenario::{Scenario, with_faults};
use crate::trial::{assert_nothing_left, trial};

/// What somebody else keeps.
const PRECIOUS: &[u8] = b"somebody else's\n";

/// Something that is put at a path.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Thing {
    /// A symbolic link to a file with [`PRECIOUS`].
    Link,
    /// Another name of that file.
    HardLink,
    Fifo,
    /// A link to a folder that holds that file.
    LinkToFolder,
}

/// A folder with the precious file in it.
struct Other {
    folder: PathBuf,
}

impl Other {
    fn new(lab: &Lab) -> Other {
        let folder = lab.root().join("other");
        fs::create_dir(&folder).expect("the lab is new");
        fs::write(folder.join("file"), PRECIOUS).expect("it can be written");
        Other { folder }
    }

    fn put(&self, thing: Thing, at: &Path) {
        if at.is_dir() {
            fs::rename(at, self.folder.with_extension("aside")).expect("it can be moved");
        } else {
            let _ = fs::remove_file(at);
        }
        let file = self.folder.join("file");
        let put = match thing {
            Thing::Link => symlink(file, at),
            Thing::HardLink => fs::hard_link(file, at),
            Thing::LinkToFolder => symlink(&self.folder, at),
            Thing::Fifo => nix::unistd::mkfifo(at, Mode::S_IRWXU).map_err(std::io::Error::from),
        };
        put.expect("it can be put there");
    }

    #[track_caller]
    fn assert_unharmed(&self) {
        let file = self.folder.join("file");
        assert_eq!(fs::read(file).expect("it is there"), PRECIOUS);
        let entries = fs::read_dir(&self.folder).expect("it is there").count();
        assert_eq!(entries, 1);
    }
}

/// What somebody may have put in the place of a file.
const THINGS: [Thing; 4] = [
    Thing::Link,
    Thing::HardLink,
    Thing::Fifo,
    Thing::LinkToFolder,
];

/// Four tasks in one process; what is tested has nothing to do with workers.
fn go(scenario: &Scenario) -> Finished {
    trial(&scenario.lab, "run", "inline", &scenario.experiments).run()
}

#[test]
fn row_129_at_the_run_folder() {
    for thing in THINGS {
        let scenario = Scenario::calm("inline", 4);
        let other = Other::new(&scenario.lab);
        other.put(thing, &scenario.lab.path("run"));
        let finished = go(&scenario)
            .assert_code(2)
            .assert_says(&["run folder", "hint: "]);
        other.assert_unharmed();
        assert_nothing_left(&scenario.lab, &finished);
    }
    let scenario = Scenario::calm("inline", 4);
    scenario
        .lab
        .supervisor(["run", "--run-dir", "/dev/null"])
        .run()
        .assert_code(2)
        .assert_says(&["/dev/null is not a folder", "hint: "]);
}

/// In the place of a file that is read or changed where it is, it is refused.
#[test]
fn row_129_at_the_lock_the_manifest_and_a_segment() {
    for thing in THINGS {
        for file in ["lock", "manifest.json", "journal"] {
            let scenario = Scenario::calm("inline", 4);
            go(&scenario).assert_code(0);
            let other = Other::new(&scenario.lab);
            let mut at = scenario.folder().path().join(file);
            if file == "journal" {
                at = segment(&scenario.folder());
            }
            other.put(thing, &at);
            let finished = go(&scenario);
            // A short file that holds no record passes for a torn header: its name here is given up.
            let gives_way = (thing, file) == (Thing::HardLink, "journal");
            let code = if gives_way { 0 } else { 3 };
            assert_eq!(
                finished.code(),
                Some(code),
                "{thing:?} at {file}: {finished:?}"
            );
            let says = if gives_way { "removed" } else { "hint: " };
            assert!(finished.stderr.contains(says), "{finished:?}");
            other.assert_unharmed();
            assert_nothing_left(&scenario.lab, &finished);
        }
    }
}

fn segment(folder: &RunFolder) -> PathBuf {
    let mut entries = fs::read_dir(folder.path().join("journal")).expect("a folder");
    entries.next().expect("a segment").expect("an entry").path()
}

#[test]
fn row_129_at_the_journal() {
    for thing in [Thing::Link, Thing::Fifo, Thing::LinkToFolder] {
        let scenario = Scenario::calm("inline", 4);
        go(&scenario).assert_code(0);
        let other = Other::new(&scenario.lab);
        other.put(thing, &scenario.folder().path().join("journal"));
        let finished = go(&scenario)
            .assert_code(2)
            .assert_says(&["holds no run", "hint: "]);
        other.assert_unharmed();
        assert_nothing_left(&scenario.lab, &finished);
    }
}

/// In the place of a file that is written whole, it gives way; what it led to stays.
#[test]
fn row_129_at_the_derived_files() {
    for thing in THINGS {
        let scenario = Scenario::calm("inline", 4);
        let other = Other::new(&scenario.lab);
        let finished = go(&scenario);
        let names = ["results.jsonl", "summary.json", "attempts.jsonl"];
        for name in names {
            other.put(thing, &scenario.folder().path().join(name));
        }
        let again = go(&scenario).assert_code(0);
        other.assert_unharmed();
        for name in names {
            let found = fs::symlink_metadata(scenario.folder().path().join(name));
            assert!(found.expect("it is there").is_file(), "{thing:?} at {name}");
        }
        assert_eq!(finished.stdout, again.stdout);
        scenario.aftermath(&again).completes(0);
    }
}

/// A journal that is kept in a copy made of hard links is not cut: the copy would be cut too.
#[test]
fn row_129_a_torn_segment_with_another_name() {
    let scenario = Scenario::calm("inline", 4);
    go(&scenario).assert_code(0);
    let path = segment(&scenario.folder());
    let text = fs::read(&path).expect("the segment");
    let torn = &text[..text.len() - 20];
    fs::write(&path, torn).expect("it can be written");
    let copy = scenario.lab.root().join("copy");
    fs::hard_link(&path, &copy).expect("it can be linked");
    go(&scenario)
        .assert_code(3)
        .assert_says(&["hard link", "hint: "]);
    assert_eq!(fs::read(&copy).expect("it is there"), torn);
    fs::remove_file(&copy).expect("it can be removed");
    let finished = go(&scenario);
    scenario.aftermath(&finished).completes(0);
}

/// A killed run leaves its private folder, whose name anybody can read in the lock: what takes its place is
/// not removed, and not entered.
#[test]
fn row_129_in_tmpdir() {
    let scenario = Scenario::calm("fork", 4);
    with_faults(
        &scenario.lab,
        scenario.command(),
        "supervisor.recorded:signal=9:2",
    )
    .run();
    assert_eq!(scenario.fired("supervisor.recorded"), 1);
    let left = scenario.lab.leftovers();
    let stale = left
        .iter()
        .find(|path| path.is_dir())
        .expect("its private folder");
    fs::remove_dir_all(stale).expect("it can be removed");
    let other = Other::new(&scenario.lab);
    symlink(&other.folder, stale).expect("a link");
    let finished = scenario.command().run().assert_code(0);
    other.assert_unharmed();
    // It is not ours to remove.
    assert_eq!(fs::read_link(stale).expect("it is there"), other.folder);
    fs::remove_file(stale).expect("it can be removed");
    scenario.aftermath(&finished).completes(0);

    // A TMPDIR that is a link to a folder is a folder like any other.
    let scenario = Scenario::calm("spawn", 4);
    let link = scenario.lab.root().join("link");
    symlink(scenario.lab.tmp(), &link).expect("a link");
    let finished = scenario
        .command()
        .env("TMPDIR", &link)
        .env("XDG_RUNTIME_DIR", "/dev/null")
        .run();
    scenario.aftermath(&finished).completes(0);
}
