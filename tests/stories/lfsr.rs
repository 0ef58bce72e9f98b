//! Registers, against theory and against a search that looks at every state.

use std::collections::BTreeMap;

use nix::sys::signal::Signal;
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

/// The sum of two elements: their digits in base p are added, each modulo p.
fn sum(p: u64, a: u64, b: u64) -> u64 {
    match (a, b) {
        (0, 0) => 0,
        (a, b) => (a + b) % p + p * sum(p, a / p, b / p),
    }
}

/// The product of two elements, by Horner's rule in z; without a modulus, modulo p.
fn product(p: u64, modulus: &[u64], a: u64, b: u64) -> u64 {
    let Some((_, lower)) = modulus.split_last() else {
        return a * b % p;
    };
    let degree = u32::try_from(lower.len()).expect("small");
    // z to the power of the degree, by the modulus.
    let top = lower.iter().rev().fold(0, |n, c| n * p + (p - c) % p);
    let times = |n: u64, a: u64| (0..n).fold(0, |result, _| sum(p, result, a));
    (0..degree).rev().fold(0, |result, place| {
        let (over, below) = (result / p.pow(degree - 1), result % p.pow(degree - 1));
        let moved = sum(p, below * p, times(over, top));
        sum(p, moved, times(b / p.pow(place) % p, a))
    })
}

fn search(order: u64, modulus: &[u64], coefficients: &[u64]) -> Structure {
    let p = (2..=order)
        .find(|p| order.is_multiple_of(*p))
        .expect("a factor");
    let degree = u32::try_from(coefficients.len()).expect("small");
    let states = order.pow(degree);
    // State x is the sum of s(n+i) q^i; the next one drops s(n) and gains s(n+d).
    let next = |state: u64| {
        let symbol = |i: usize| state / order.pow(u32::try_from(i).expect("small")) % order;
        let products = coefficients.iter().enumerate();
        let products = products.map(|(i, c)| product(p, modulus, *c, symbol(i)));
        let new = products.fold(0, |new, product| sum(p, new, product));
        state / order + new * (states / order)
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

/// Runs registers of a field of prime order as the rows of a file and compares each with the search.
fn compare(order: u64, registers: &[Vec<u64>]) {
    compare_modulo(order, &[], &[], registers);
}

/// The same for any field, by its modulus and by what is said of it on the command line.
fn compare_modulo(order: u64, modulus: &[u64], said: &[&str], registers: &[Vec<u64>]) {
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
    .args(said)
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
        assert_eq!(experiment["modulus"], json!(modulus));
        assert_eq!(experiment["degree"], register.len());
        assert_eq!(experiment["coefficients"], json!(register));
        assert_eq!(experiment["methods"], json!(["analytic", "enumerate"]));
        assert_eq!(experiment["agree"], true);
        assert_eq!(
            summarised(&experiment),
            search(order, modulus, register),
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

/// The moduli are those of the contract, and one that is not the default.
#[test]
fn registers_over_prime_powers_are_what_a_search_finds() {
    compare_modulo(4, &[1, 1, 1], &[], &registers(4, 5, 4));
    compare_modulo(8, &[1, 1, 0, 1], &[], &registers(8, 3, 8));
    compare_modulo(9, &[2, 2, 1], &[], &registers(9, 3, 9));
    let said = ["--modulus", "1,0,1"];
    compare_modulo(9, &[1, 0, 1], &said, &registers(9, 3, 10));
    compare_modulo(27, &[1, 2, 0, 1], &[], &registers(27, 2, 27));
}

/// 2 is z over GF(4), and x^2 + x + z is primitive there. Taken modulo the characteristic it would be 0, and the
/// register singular.
#[test]
fn an_element_is_no_residue_of_the_characteristic() {
    let lab = Lab::new();
    let finished = lab
        .supervisor(["lfsr", "4", "--coefficients", "2,1", "--run-dir", "run"])
        .run()
        .assert_code(0);
    assert!(
        finished
            .stdout
            .contains("GF(4) modulo z^2 + z + 1, degree 2")
    );
    let register = lab.run_folder("run").experiment("lfsr");
    assert_eq!(register["cycle_lengths"], json!({"1": "1", "15": "1"}));
    assert_eq!(register["transient_states"], "0");
    // The resolved spec says which field it was.
    let spec = std::fs::read_to_string(lab.path("run/spec.toml")).expect("a spec");
    assert!(spec.contains("modulus = [1, 1, 1]"), "{spec}");
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
    assert_eq!(
        lab.run_folder("one").tasks(),
        ["lfsr/0/analytic", "lfsr/0/enumerate"]
    );
    let two = lab.run_folder("two");
    assert_eq!(
        two.tasks(),
        [
            "lfsr-1/0/analytic",
            "lfsr-1/0/enumerate",
            "lfsr-2/0/analytic",
            "lfsr-2/0/enumerate"
        ]
    );
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

#[test]
fn degree_40_is_planned_and_begun_in_little_memory() {
    // x^40 + x^21 + x^19 + x^2 + 1, primitive, has 2^40 states. So has, nearly, a register of degree 14 over GF(7), whose
    // 4,096 ranges are the most there can be.
    let mut binary = [0; 40];
    for exponent in [0, 2, 19, 21] {
        binary[exponent] = 1;
    }
    let mut septenary = [0; 14];
    (septenary[0], septenary[5]) = (4, 1);
    for (order, coefficients) in [("2", text_of(&binary)), ("7", text_of(&septenary))] {
        let lab = Lab::new();
        let mut running = lab
            .supervisor(["lfsr", order, "--coefficients", &coefficients])
            .args(["--analysis", "enumerate", "--workers", "2"])
            .args(["--grace", "10ms", "--run-dir", "run"])
            .background();
        let peak_kib = running.wait_for("two workers at work", |running| {
            let census = running.descendants();
            let at_work = census.processes().iter().filter(|p| p.state == 'R');
            (at_work.count() >= 2).then(|| running.peak_memory_kib())
        });
        running.signal(Signal::SIGINT);
        running.wait().assert_code(130);
        let peak_kib = peak_kib.expect("it was alive");
        tell(&format!(
            "GF({order}): the supervisor had {peak_kib} KiB at most"
        ));
        assert!((1..100 * 1024).contains(&peak_kib), "{peak_kib} KiB");
        assert!(lab.census().is_empty(), "{:#?}", lab.census());
    }
}

#[test]
fn what_users_of_other_programs_read_is_there_in_each_form() {
    // x^3 - x - 2 over GF(3): the matrix has coefficients, the polynomial their negatives.
    let lab = Lab::new();
    let ask = |form: &str, name: &str| {
        let typed = ["lfsr", "3", "--coefficients", "2,1,0", "--quiet"];
        let supervisor = lab.supervisor(typed);
        let supervisor = supervisor.args(["--output", form, "--run-dir", name]);
        supervisor.run().assert_code(0).stdout
    };
    let text = ask("table", "one");
    for part in [
        "\n    0 0 2\n    1 0 1\n    0 1 0\n",
        "\n    K = GF(3)\n    R.<x> = K[]\n    f = x^3 + 2*x + 1\n    C = companion_matrix(f)\n",
        "irreducible, primitive; order of f and of the matrix 26",
        "a cycle is 13.5 long in the mean (standard deviation 12.5, median 1), the cycle of a state 25.074074; the longest \
         is 100 % of 3^3 - 1",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
    let json: Value = serde_json::from_str(&ask("json", "two")).expect("JSON");
    let register = &json["experiments"][0];
    assert_eq!(
        register["companion_matrix"],
        json!([[0, 0, 2], [1, 0, 1], [0, 1, 0]])
    );
    assert_eq!(register["period_statistics"]["mean"], "13.500000");
    assert_eq!(
        register["sage"],
        "K = GF(3)\nR.<x> = K[]\nf = x^3 + 2*x + 1\nC = companion_matrix(f)"
    );
    let csv = ask("csv", "three");
    let mut rows = csv.lines();
    let header: Vec<&str> = rows.next().expect("a header").split(',').collect();
    let (value, factor) = (header.len() - 1, header.len() - 5);
    assert_eq!((header[value], header[factor]), ("value", "factor"));
    let rows: Vec<Vec<&str>> = rows.map(|row| row.split(',').collect()).collect();
    assert!(rows.iter().all(|row| row.len() == header.len()), "{csv}");
    let of = |property: &str| -> Vec<&str> {
        let rows = rows.iter().filter(|row| row[value - 1] == property);
        rows.map(|row| row[value]).collect()
    };
    assert_eq!(of("companion_matrix"), ["0 0 2; 1 0 1; 0 1 0"]);
    assert_eq!(of("matrix_order"), ["26"]);
    assert!(rows.iter().any(|row| row[factor] == "1 2 0 1"), "{csv}");
    // Of several registers the table has what differs; the files have all of each.
    lab.write("two.csv", "1,1\n1,0\n");
    let finished = lab
        .supervisor(["lfsr", "two.csv", "2", "--run-dir", "four"])
        .run();
    let finished = finished.assert_code(0);
    assert!(!finished.stdout.contains("in Sage"), "{}", finished.stdout);
    let four = lab.run_folder("four").experiment("lfsr-2");
    assert_eq!(four["companion_matrix"], json!([[0, 1], [1, 0]]));
}
