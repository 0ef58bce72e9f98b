//! Registers, against theory and against a search that looks at every state.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::common::{Lab, RunFolder, tell};

/// The structure of a register by walking from each state, as plainly as can be.
#[derive(Debug, PartialEq)]
struct Structure {
    cycles: BTreeMap<u64, u64>,
    periodic: u64,
    longest_tail: u64,
    states: u64,
}

fn search(order: u64, coefficients: &[u64]) -> Structure {
    let degree = u32::try_from(coefficients.len()).expect("small");
    let states = order.pow(degree);
    // State x is the sum of s(n+i) q^i; the next one drops s(n) and gains s(n+d).
    let next = |state: u64| {
        let symbol = |i: usize| state / order.pow(u32::try_from(i).expect("small")) % order;
        let new: u64 = coefficients
            .iter()
            .enumerate()
            .map(|(i, c)| c * symbol(i))
            .sum();
        state / order + new % order * (states / order)
    };
    // After as many steps as there are states every walk is on its cycle; a state is periodic if a walk
    // comes back to it.
    let mut periodic = vec![false; usize::try_from(states).expect("small")];
    let mut cycles = BTreeMap::new();
    for start in 0..states {
        let mut walker = start;
        for step in 1..=states {
            walker = next(walker);
            if walker == start {
                periodic[usize::try_from(start).expect("small")] = true;
                *cycles.entry(step).or_insert(0) += 1;
                break;
            }
        }
    }
    // So far a cycle was counted once for each of its states.
    for (length, count) in &mut cycles {
        *count /= length;
    }
    let tail = |start: u64| {
        let mut walker = start;
        let mut steps = 0;
        while !periodic[usize::try_from(walker).expect("small")] {
            walker = next(walker);
            steps += 1;
        }
        steps
    };
    Structure {
        cycles,
        periodic: periodic.iter().map(|p| u64::from(*p)).sum(),
        longest_tail: (0..states).map(tail).max().unwrap_or(0),
        states,
    }
}

/// What the summary says of a register.
fn summarised(experiment: &Value) -> Structure {
    let number = |value: &Value| -> u64 {
        let text = value
            .as_str()
            .unwrap_or_else(|| panic!("not a decimal string: {value}"));
        text.parse().expect("decimal")
    };
    let pairs = experiment["cycle_lengths"]
        .as_object()
        .expect("an object of cycles");
    let cycles: BTreeMap<u64, u64> = pairs
        .iter()
        .map(|(length, count)| (length.parse().expect("decimal"), number(count)))
        .collect();
    let states = number(&experiment["state_count"]);
    let periodic = number(&experiment["periodic_states"]);
    assert_eq!(
        number(&experiment["number_of_cycles"]),
        cycles.values().sum::<u64>()
    );
    assert_eq!(
        Some(&number(&experiment["max_period"])),
        cycles.keys().last()
    );
    assert_eq!(number(&experiment["transient_states"]), states - periodic);
    Structure {
        cycles,
        periodic,
        longest_tail: number(&experiment["max_tail_length"]),
        states,
    }
}

/// Numbers for tests: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
struct SplitMix(u64);

impl SplitMix {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }
}

fn text_of(coefficients: &[u64]) -> String {
    let words: Vec<String> = coefficients.iter().map(u64::to_string).collect();
    words.join(",")
}

/// Runs registers of one field as the rows of a file and compares each with the search.
fn compare(order: u64, registers: &[Vec<u64>]) {
    let lab = Lab::new();
    let rows: Vec<String> = registers.iter().map(|register| text_of(register)).collect();
    lab.write("registers.csv", rows.join("\n"));
    lab.supervisor([
        "lfsr",
        "registers.csv",
        &order.to_string(),
        "--run-dir",
        "run",
    ])
    .run()
    .assert_code(0);
    let folder = lab.run_folder("run");
    for (row, register) in (1..).zip(registers) {
        let name = if registers.len() == 1 {
            "lfsr".to_owned()
        } else {
            format!("lfsr-{row}")
        };
        let experiment = folder.experiment(&name);
        assert_eq!(experiment["gf_order"], order);
        assert_eq!(experiment["degree"], register.len());
        assert_eq!(experiment["coefficients"], json!(register));
        assert_eq!(
            summarised(&experiment),
            search(order, register),
            "GF({order}), {register:?}"
        );
    }
}

/// Every kind of register of a field: from one coefficient up, all zero, rotations, singular and random.
fn registers(order: u64, longest: usize, seed: u64) -> Vec<Vec<u64>> {
    tell(&format!("registers over GF({order}), seed {seed}"));
    let mut random = SplitMix(seed);
    let mut found = Vec::new();
    for degree in 1..=longest {
        found.push(vec![0; degree]);
        let mut rotation = vec![0; degree];
        rotation[0] = 1;
        found.push(rotation);
        let mut nonsingular: Vec<u64> = (0..degree).map(|_| random.below(order)).collect();
        nonsingular[0] = 1 + random.below(order - 1);
        found.push(nonsingular);
        // Leading zeros make tails: as many as fit in turn.
        let zeros = 1 + degree / 2;
        let singular = (0..degree)
            .map(|i| if i < zeros { 0 } else { random.below(order) })
            .collect();
        found.push(singular);
    }
    found
}

#[test]
fn registers_over_gf2_are_what_a_search_finds() {
    compare(2, &registers(2, 10, 2));
}

#[test]
fn registers_over_gf3_are_what_a_search_finds() {
    compare(3, &registers(3, 6, 3));
}

#[test]
fn registers_over_gf5_are_what_a_search_finds() {
    compare(5, &registers(5, 4, 5));
}

#[test]
fn registers_over_a_large_field_are_what_a_search_finds() {
    compare(31, &registers(31, 2, 31));
    compare(251, &[vec![6], vec![0]]);
}

#[test]
fn a_single_row_keeps_the_plain_name_and_several_are_numbered() {
    let lab = Lab::new();
    lab.write("one.csv", "# x^4 + x + 1\n1,1,0,0\n");
    lab.write("two.csv", "1,1,0,0 # primitive\n\n0,0,1\n");
    lab.supervisor(["lfsr", "one.csv", "2", "--run-dir", "one"])
        .run()
        .assert_code(0);
    lab.supervisor(["lfsr", "two.csv", "2", "--run-dir", "two"])
        .run()
        .assert_code(0);
    assert_eq!(lab.run_folder("one").tasks(), ["lfsr/0/enumerate"]);
    let two = lab.run_folder("two");
    assert_eq!(two.tasks(), ["lfsr-1/0/enumerate", "lfsr-2/0/enumerate"]);
    assert_eq!(
        two.experiment("lfsr-1")["cycle_lengths"],
        json!({"1": "1", "15": "1"})
    );
    assert_eq!(two.experiment("lfsr-2")["max_tail_length"], "2");
}

#[test]
fn a_primitive_register_of_degree_24_has_one_long_cycle_however_it_is_run() {
    // x^24 + x^7 + x^2 + x + 1, primitive: Peterson and Weldon, "Error-Correcting Codes", appendix C.
    let mut coefficients = [0; 24];
    for exponent in [0, 1, 2, 7] {
        coefficients[exponent] = 1;
    }
    let lab = Lab::new();
    let mut folders: Vec<RunFolder> = Vec::new();
    for method in ["fork", "spawn", "inline"] {
        let finished = lab
            .supervisor(["lfsr", "2", "--coefficients", &text_of(&coefficients)])
            .args([
                "--analysis",
                "enumerate",
                "--start-method",
                method,
                "--run-dir",
                method,
            ])
            .run()
            .assert_code(0);
        tell(&format!("degree 24 under {method}: {:?}", finished.took));
        let folder = lab.run_folder(method);
        let experiment = folder.experiment("lfsr");
        assert_eq!(
            experiment["cycle_lengths"],
            json!({"1": "1", "16777215": "1"})
        );
        assert_eq!(experiment["methods"], json!(["enumerate"]));
        assert_eq!(experiment["agree"], Value::Null);
        assert!(folder.results().len() > 1, "it is split into ranges");
        folders.push(folder);
    }
    folders[1].assert_same_results(&folders[0], "spawn and fork");
    folders[2].assert_same_results(&folders[0], "inline and fork");
}
