//! Rows 21 to 47: a worker dies, or goes too far, while it runs a task.

use crate::scenario::{Scenario, rows};
use crate::trial::{outcomes, result_of};

rows! {
    both: row_021_dies_while_reading_the_task;
}

fn row_021_dies_while_reading_the_task(method: &str) {
    let scenario = Scenario::calm(method, 4);
    // The self-test's worker reads an order too: the second is the first task's.
    let finished = scenario
        .with_faults("worker.recv:signal=9:2")
        .run()
        .assert_code(0);
    assert_eq!(scenario.fired("worker.recv"), 1);
    // It had not begun: nobody is charged.
    let attempts = scenario.folder().attempts();
    let failed = outcomes(&attempts)
        .iter()
        .filter(|o| **o == "start_failed")
        .count();
    assert_eq!(failed, 1, "{attempts:#?}");
    assert_eq!(
        result_of(&scenario.folder(), &scenario.experiments[0].id(0))["state"],
        "ok"
    );
    scenario.aftermath(&finished).is_complete(0);
}
