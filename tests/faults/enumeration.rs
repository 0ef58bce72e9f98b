//! A worker that dies over a range of an enumeration costs that range once more, and no other.

use serde_json::json;

use crate::common::Lab;
use crate::trial::under_fork_and_spawn;

under_fork_and_spawn!(a_killed_worker_costs_its_range_once_more);

fn a_killed_worker_costs_its_range_once_more(method: &str) {
    // x^28 + x^3 + 1, primitive: Zierler and Brillhart (1968).
    let coefficients: Vec<&str> = (0..28)
        .map(|place| if [0, 3].contains(&place) { "1" } else { "0" })
        .collect();
    let lab = Lab::new();
    let run = |name: &str, method: &str| {
        lab.supervisor(["lfsr", "2", "--coefficients", &coefficients.join(",")])
            .args(["--analysis", "enumerate", "--workers", "2"])
            .args(["--start-method", method, "--run-dir", name])
    };
    run("calm", "inline").run().assert_code(0);
    let calm = lab.run_folder("calm");
    let ranges = calm.tasks().len();
    assert!(ranges >= 4, "{ranges} ranges can be shared out");

    // It dies with the whole range walked and not a word of it said.
    let log = lab.path("fired");
    run("killed", method)
        .env("SUPERVISOR_FAULT", "worker.answer:signal=9:2")
        .env("SUPERVISOR_FAULT_LOG", &log)
        .run()
        .assert_code(0);
    let fired = std::fs::read_to_string(&log).unwrap_or_default();
    assert_eq!(fired.lines().count(), 1, "{fired}");
    let killed = lab.run_folder("killed");
    killed.assert_same_results(&calm, "one worker killed");
    let outcomes = killed.outcomes();
    assert_eq!(outcomes["crashed"], 1, "{outcomes:?}");
    assert_eq!(outcomes["ok"], ranges, "{outcomes:?}");
    assert_eq!(killed.attempts().len(), ranges + 1, "no other range again");
    let register = killed.experiment("lfsr");
    assert_eq!(
        register["cycle_lengths"],
        json!({"1": "1", "268435455": "1"})
    );
}
