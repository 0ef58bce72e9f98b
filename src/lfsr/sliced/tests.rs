use std::collections::BTreeMap;

use proptest::prelude::*;

use super::super::Register;
use super::super::kernel::{Kernel, Packing, Walk as PackedWalk};
use super::feedback::add_ternary;
use super::*;

/// The segments of some nodes of a register, by this kernel and by the packed one.
fn both(register: &Register, nodes: Range<u64>) -> [BTreeMap<u64, (u64, u64)>; 2] {
    let layout = Layout::of(register).unwrap();
    let (field, coefficients) = (register.field(), register.coefficients());
    let sliced = Sliced::new(layout, field, coefficients).unwrap();
    let mut found = BTreeMap::new();
    sliced.walk(nodes.clone(), |node, successor, length| {
        let before = found.insert(node, (successor, length));
        assert_eq!(before, None, "node {node} came twice");
    });
    let packing = Packing::new(layout);
    let walks: Vec<PackedWalk> = nodes
        .clone()
        .map(|node| PackedWalk {
            start: packing.pack_node(node),
            limit: packing.bound() - 1,
        })
        .collect();
    let mut expected = BTreeMap::new();
    let kernel = Kernel::new(&packing, field, coefficients);
    kernel.walk(&walks, |index, end, length| {
        expected.insert(
            nodes.start + index as u64,
            (packing.unpack_node(end), length),
        );
    });
    [found, expected]
}

fn registers() -> impl Strategy<Value = Register> {
    let orders = vec![2u32, 4, 8, 16, 32, 64, 128, 256, 3, 9, 27, 81, 243];
    proptest::sample::select(orders).prop_flat_map(|order| {
        let most = (1..)
            .take_while(|&d| u64::from(order).pow(d) <= 1 << 22)
            .count();
        (1..order, proptest::collection::vec(0..order, 0..most)).prop_map(move |(c0, mut rest)| {
            rest.insert(0, c0);
            Register::new(order, &rest).unwrap()
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn segments_are_those_of_the_packed_kernel(register in registers(), cut in any::<[u64; 2]>()) {
        let nodes = Layout::of(&register).unwrap().nodes;
        let [a, b] = cut.map(|n| n % (nodes + 1));
        let nodes = a.min(b)..a.max(b).min(a.min(b) + 3000);
        let [found, expected] = both(&register, nodes);
        prop_assert_eq!(found, expected);
    }
}

/// Few taps have loops of their own, and so has each number of them.
#[test]
fn every_number_of_taps_is_right() {
    for taps in 1..=8 {
        let coefficients: Vec<u32> = (0..16).map(|i| u32::from(i < taps)).collect();
        let register = Register::new(2, &coefficients).unwrap();
        let nodes = Layout::of(&register).unwrap().nodes;
        let [found, expected] = both(&register, 0..nodes);
        assert_eq!(found, expected, "{taps} taps");
    }
}

#[test]
fn coefficients_of_gf_3_add() {
    let planes = |n: u64| ([n & 1; WORDS], [n >> 1; WORDS]);
    for a in 0..3 {
        for b in 0..3 {
            let ((a1, a2), (b1, b2)) = (planes(a), planes(b));
            assert_eq!(
                add_ternary(&a1, &a2, &b1, &b2),
                planes((a + b) % 3),
                "{a} + {b}"
            );
        }
    }
}

#[test]
fn other_fields_have_no_such_kernel() {
    let register = Register::new(5, &[1, 2]).unwrap();
    let layout = Layout::of(&register).unwrap();
    assert!(Sliced::new(layout, register.field(), register.coefficients()).is_none());
    assert!(!Sliced::is_for(register.field()));
}
