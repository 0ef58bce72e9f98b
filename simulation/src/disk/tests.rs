//! What the disk promises, and what it does not.

use std::io::{Read, Write};

use fumehood::record::disk::{Appending, Disk};

use super::*;

fn disk(seed: u64) -> (SimulatedDisk, SimulatedDisk) {
    let disk = SimulatedDisk::new(Draws::of(seed, "disk", &[]));
    let process = disk.for_process();
    (disk, process)
}

const FILE: &str = "/home/user/file";

fn path() -> &'static Path {
    Path::new(FILE)
}

fn folder() -> &'static Path {
    Path::new("/home/user")
}

/// A file with a durable name, and what of it is durable.
fn file(process: &SimulatedDisk, durable: &[u8]) -> Box<dyn DiskFile> {
    let file = process.create_file(path()).expect("nothing is there");
    process.sync_folder(folder()).expect("it is there");
    Appending(&*file).write_all(durable).expect("there is room");
    file.sync_data().expect("it lives");
    file
}

#[test]
fn what_is_synced_survives_and_what_is_not_may() {
    let (mut all, mut none, mut some) = (0, 0, 0);
    for seed in 0..300 {
        let (disk, process) = disk(seed);
        let file = file(&process, b"durable\n");
        let rest = vec![b'x'; 20_000];
        Appending(&*file).write_all(&rest).expect("there is room");
        disk.lose_power();
        let content = disk.content(path()).expect("its name is durable");
        assert!(content.starts_with(b"durable\n"), "seed {seed}");
        let came = content[8..].iter().filter(|byte| **byte == b'x').count();
        assert!(content[8..].iter().all(|byte| b"x\0".contains(byte)));
        match came {
            0 => none += 1,
            20_000 => all += 1,
            _ => some += 1,
        }
    }
    assert!(all > 5 && none > 20 && some > 20, "{all} {none} {some}");
}

#[test]
fn a_later_page_comes_without_an_earlier_one() {
    let gaps = (0..300).filter(|&seed| {
        let (disk, process) = disk(seed);
        let file = file(&process, b"");
        Appending(&*file)
            .write_all(&[b'x'; 20_000])
            .expect("there is room");
        disk.lose_power();
        let content = disk.content(path()).expect("its name is durable");
        let first = content.iter().position(|byte| *byte == 0);
        let last = content.iter().rposition(|byte| *byte == b'x');
        first.zip(last).is_some_and(|(gap, data)| gap < data)
    });
    assert!(gaps.count() > 50);
}

#[test]
fn a_name_without_a_sync_of_its_folder_may_be_gone() {
    let there = |sync: bool| {
        let seeds = 0..200;
        seeds.filter(move |&seed| {
            let (disk, process) = disk(seed);
            let file = process.create_file(path()).expect("nothing is there");
            file.sync_all().expect("it lives");
            if sync {
                process.sync_folder(folder()).expect("it lives");
            }
            disk.lose_power();
            disk.content(path()).is_some()
        })
    };
    assert_eq!(there(true).count(), 200);
    assert!((30..170).contains(&there(false).count()));
}

#[test]
fn after_a_rename_there_is_the_old_file_or_the_new_one() {
    let (mut old, mut new) = (0, 0);
    for seed in 0..200 {
        let (disk, process) = disk(seed);
        drop(file(&process, b"old"));
        let temporary = folder().join(".new");
        let file = process.create_file(&temporary).expect("nothing is there");
        Appending(&*file).write_all(b"new").expect("there is room");
        file.sync_all().expect("it lives");
        process.rename(&temporary, path()).expect("it is there");
        disk.lose_power();
        match disk.content(path()).as_deref() {
            Some(b"old") => old += 1,
            Some(b"new") => new += 1,
            other => panic!("seed {seed}: {other:?}"),
        }
    }
    assert!(old > 30 && new > 30, "{old} {new}");
}

#[test]
fn a_killed_process_loses_nothing_it_wrote_and_does_nothing_more() {
    let (disk, process) = disk(1);
    let file = file(&process, b"one");
    Appending(&*file).write_all(b"two").expect("there is room");
    disk.kill();
    assert!(file.append(b"three").is_err());
    assert!(process.create_file(&folder().join("other")).is_err());
    let next = disk.for_process();
    assert!(file.append(b"three").is_err());
    let mut text = String::new();
    let mut again = next.open_to_read(path()).expect("it is there");
    again.read_to_string(&mut text).expect("it is text");
    assert_eq!(text, "onetwo");
    assert!(next.create_file(path()).is_err(), "it is there");
}

#[test]
fn a_lock_ends_with_its_process() {
    let (disk, process) = disk(1);
    let held = file(&process, b"");
    assert!(held.lock().expect("it lives"));
    disk.kill();
    let next = disk.for_process();
    let file = next.open_to_append(path()).expect("it is there");
    assert!(file.lock().expect("it lives"));
}

#[test]
fn it_dies_at_the_call_that_it_was_told() {
    for calls in 1..10 {
        let (disk, process) = disk(calls);
        let file = file(&process, b"");
        disk.die_at_call(calls);
        let done = (0..20).take_while(|_| file.append(b"x").is_ok()).count();
        assert_eq!(done as u64, calls - 1);
        assert!(process.is_dead());
    }
}

#[test]
fn what_is_refused_is_refused_once_and_counted() {
    let (disk, process) = disk(3);
    let file = file(&process, b"");
    for refusal in [Refusal::Full, Refusal::WriteFails, Refusal::Interrupted] {
        disk.refuse(refusal);
        assert!(file.append(b"12345678").is_err(), "{refusal:?}");
        assert_eq!(file.append(b"12345678").expect("once only"), 8);
    }
    disk.refuse(Refusal::Short);
    Appending(&*file)
        .write_all(b"12345678")
        .expect("the rest is written then");
    disk.refuse(Refusal::SyncFails);
    assert!(file.sync_data().is_err());
    assert_eq!(process.refused(), 5);
    let content = disk.content(path()).expect("it is there");
    assert!(content.ends_with(b"12345678"));
}

#[test]
fn a_disk_that_nobody_has_any_more_is_gone() {
    use fumehood::experiment::plan::PlanDigest;
    use fumehood::record::{Header, Journal, RunFolder};
    let (disk, process) = disk(1);
    let still_there = Arc::downgrade(&disk.inner);
    let place = Arc::new(process.clone());
    let folder = RunFolder::create_on(place, Path::new("/home/user/run")).expect("there is room");
    let header = Header {
        version: "test".into(),
        plan_digest: PlanDigest([0; 32]),
        seed: 1,
        tasks: 1,
    };
    drop(Journal::create(&folder, header).expect("there is room"));
    drop((disk, process, folder));
    assert!(still_there.upgrade().is_none());
}
