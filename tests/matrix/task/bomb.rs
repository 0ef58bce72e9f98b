//! A task that starts as many processes as it can: they end with it, those too that have left its group and
//! its session.

use std::path::{Path, PathBuf};

use nix::sys::signal::Signal;

use crate::common::tell;
use crate::scenario::{Scenario, rows};
use crate::trial::{result_of, signal, stopped_worker};

rows! {
    both:
        row_046_fork_bomb, row_046_fork_bomb_whose_task_crashes, row_046_fork_bomb_at_a_wall;
}

/// Of five children each in three generations there are so many.
const WHOLE: usize = 155;

fn row_046_fork_bomb(method: &str) {
    explodes(method, "fork-bomb=5+stop+error", "error");
}

fn row_046_fork_bomb_whose_task_crashes(method: &str) {
    explodes(method, "fork-bomb=5+stop+signal=11", "crashed");
}

/// The check of invariants sees that none of them lives a second after the run.
fn explodes(method: &str, deed: &str, state: &str) {
    let scenario = Scenario::new(method, 2, deed, 2, 0);
    let mut running = scenario.command().args(["--retries", "0"]).background();
    let worker = stopped_worker(&mut running, &[]);
    let seen = running.wait_for("the bomb to have gone off", |running| {
        let count = running.descendants().processes().len();
        (count > WHOLE).then_some(count)
    });
    signal(worker.pid, Signal::SIGCONT);
    let finished = running.wait().assert_code(1);
    assert!(seen > WHOLE);
    let result = result_of(&scenario.folder(), &scenario.experiments[0].id(1));
    assert_eq!(result["state"], state, "{result}");
    scenario.aftermath(&finished).completes(1);
}

/// The kernel gives no more processes: the fork fails, which is the task's own error.
fn row_046_fork_bomb_at_a_wall(method: &str) {
    let Some(wall) = Wall::new(100) else { return };
    let scenario = Scenario::new(method, 2, "fork-bomb=120", 2, 0);
    let enter = format!("echo $$ > '{}'; exec \"$@\"", wall.procs().display());
    let finished = scenario
        .command()
        .args(["--workers", "1"])
        .through_shell(&enter)
        .run()
        .assert_code(1);
    let result = result_of(&scenario.folder(), &scenario.experiments[0].id(1));
    assert_eq!(result["state"], "error", "{result}");
    let said = result["cause"]["message"].as_str().unwrap_or_default();
    assert!(said.contains("no more children"), "{result}");
    scenario.aftermath(&finished).completes(1);
}

/// A control group that holds at most so many processes; removed at the end.
struct Wall {
    folder: PathBuf,
}

impl Wall {
    /// `None` = this user can make no such group; the test says so.
    fn new(most: u32) -> Option<Wall> {
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let path = own.lines().find_map(|line| line.split_once(":pids:"));
        let path = path.map_or("", |(_, path)| path.trim_start_matches('/'));
        let id = format!("{}-{:?}", std::process::id(), std::thread::current().id());
        let folder = Path::new("/sys/fs/cgroup/pids")
            .join(path)
            .join(format!("fumehood-wall-{}", id.replace(['(', ')'], "-")));
        if std::fs::create_dir(&folder).is_err() {
            tell("skipped: no control group for processes can be made here");
            return None;
        }
        std::fs::write(folder.join("pids.max"), most.to_string()).expect("the group is ours");
        Some(Wall { folder })
    }

    fn procs(&self) -> PathBuf {
        self.folder.join("cgroup.procs")
    }
}

impl Drop for Wall {
    fn drop(&mut self) {
        // Empty by then: the supervisor has ended, and all below it.
        let _ = std::fs::remove_dir(&self.folder);
    }
}
