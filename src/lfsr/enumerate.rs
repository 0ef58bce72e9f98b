//! One range of states: what travels to a worker, and what the worker does with it.
//!
//! A task is plain numbers. The worker rebuilds the field, the companion matrix and the kernel from
//! them and, before it computes, tests what it rebuilt: the field's inverses, the kernel's step against
//! the matrix, and a register whose cycles are known. A worker whose memory or code is damaged then says
//! so, instead of handing in a wrong table.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::kernel::{PackedRegister, Walk};
use super::leftovers::Leftovers;
use super::links::Links;
use super::plain::{NumbersError, RegisterNumbers};
use super::ranges::{Layout, StateRange, TooManyStates};
use super::register::{Register, RegisterError};
use super::sliced::Sliced;
use super::table::{RangeTable, Segment, encode};

/// With fewer nodes most lanes of the sliced kernel would be idle, and one walk after the other is faster.
const ENOUGH_TO_SLICE: usize = 32;

/// One range of an enumeration, as it travels: plain numbers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EnumerateTask {
    /// The register.
    pub register: RegisterNumbers,
    /// First state of the range, a state of the reduced register.
    pub first: u64,
    /// Last state of the range, included.
    pub last: u64,
}

impl EnumerateTask {
    /// The task for one range of [`plan_ranges`](super::plan_ranges).
    pub fn new(register: &Register, range: StateRange) -> EnumerateTask {
        EnumerateTask {
            register: RegisterNumbers::of(register),
            first: range.first,
            last: range.last,
        }
    }
}

/// The task cannot be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnumerateError {
    /// The numbers are no register.
    #[error(transparent)]
    Numbers(#[from] NumbersError),
    /// A part of the register cannot be made.
    #[error("no register can be made of a part of the task's: {0}")]
    Register(#[from] RegisterError),
    /// The register is too large.
    #[error(transparent)]
    TooManyStates(#[from] TooManyStates),
    /// The range does not lie between distinguished states of the register.
    #[error(
        "states {first} to {last} are no range of this register: it has {states} periodic states, cut at multiples of {stride}"
    )]
    Range {
        /// First state of the task.
        first: u64,
        /// Last state of the task.
        last: u64,
        /// Number of periodic states.
        states: u64,
        /// Distance between distinguished states.
        stride: u64,
    },
    /// What was rebuilt does not compute what it must.
    #[error("self-test failed: {what}")]
    SelfTest {
        /// Which check.
        what: &'static str,
    },
}

/// A task rebuilt and tested, ready to run.
#[derive(Debug)]
pub struct Enumeration {
    engine: Engine,
    range: StateRange,
    /// The nodes in the range.
    nodes: Range<u64>,
}

impl Enumeration {
    /// Rebuilds field, matrix and kernel from the task's numbers and tests them. Takes well under a
    /// millisecond.
    ///
    /// # Errors
    ///
    /// An [`EnumerateError`] when the numbers do not fit each other, or when a self-test fails.
    pub fn prepare(task: &EnumerateTask) -> Result<Enumeration, EnumerateError> {
        let register = task.register.register()?;
        let engine = Engine::new(&register)?;
        let range = StateRange {
            first: task.first,
            last: task.last,
        };
        let nodes = engine.layout.nodes_of(range).ok_or(EnumerateError::Range {
            first: task.first,
            last: task.last,
            states: engine.layout.states,
            stride: engine.layout.stride,
        })?;
        test_field(&register)?;
        test_known_register(&register)?;
        test_step(&register, &engine)?;
        Ok(Enumeration {
            engine,
            range,
            nodes,
        })
    }

    /// Walks every segment that begins in the range and finds every leftover cycle whose smallest state
    /// lies in it. The same bytes each time.
    ///
    /// # Errors
    ///
    /// None today; kernels to come may find themselves at fault.
    pub fn run(&self) -> Result<RangeTable, EnumerateError> {
        let segments = self.engine.segments(self.nodes.clone());
        let leftovers = self.engine.leftovers(self.nodes.clone());
        Ok(encode(self.range, &segments, &leftovers))
    }
}

/// What walks the segments of one reduced register.
#[derive(Debug)]
struct Engine {
    layout: Layout,
    /// `None` for degree 0: one state, which is its own successor.
    walks: Option<Walks>,
}

/// What walks in a register of degree 1 at least.
#[derive(Debug)]
struct Walks {
    packed: PackedRegister,
    /// For many nodes, where the field has such a kernel.
    sliced: Option<Sliced>,
    leftovers: Leftovers,
}

impl Engine {
    fn new(register: &Register) -> Result<Engine, EnumerateError> {
        let layout = Layout::of(register)?;
        let walks = |reduced: Register| {
            let (field, coefficients) = (reduced.field(), reduced.coefficients());
            Ok::<_, EnumerateError>(Walks {
                packed: PackedRegister::new(layout, field, coefficients),
                sliced: Sliced::new(layout, field, coefficients),
                leftovers: Leftovers::of(&reduced, layout)?,
            })
        };
        Ok(Engine {
            layout,
            walks: register.reduced().map(walks).transpose()?,
        })
    }

    /// The segments that begin at these nodes, in order.
    fn segments(&self, nodes: Range<u64>) -> Vec<Segment> {
        let still = Segment {
            successor: 0,
            length: 1,
        };
        let mut segments = vec![still; (nodes.end - nodes.start) as usize]; // at most 2^20
        let Some(Walks { packed, sliced, .. }) = &self.walks else {
            return segments;
        };
        if let Some(sliced) = sliced
            && segments.len() >= ENOUGH_TO_SLICE
        {
            sliced.walk(nodes.clone(), |node, successor, length| {
                segments[(node - nodes.start) as usize] = Segment { successor, length };
            });
            return segments;
        }
        let PackedRegister { packing, kernel } = packed;
        let limit = packing.bound() - 1;
        let walks: Vec<Walk> = nodes
            .map(|node| Walk {
                start: packing.pack_node(node),
                limit,
            })
            .collect();
        kernel.walk(&walks, |index, end, length| {
            segments[index] = Segment {
                successor: packing.unpack_node(end),
                length,
            };
        });
        segments
    }

    /// The leftover cycles that fall to these nodes: how many of each length.
    fn leftovers(&self, nodes: Range<u64>) -> BTreeMap<u64, u64> {
        match &self.walks {
            None => BTreeMap::new(),
            Some(walks) => walks.leftovers.of_nodes(&walks.packed, nodes),
        }
    }
}

/// Inverses and negatives do what they are named for.
fn test_field(register: &Register) -> Result<(), EnumerateError> {
    let field = register.field();
    let sound = (1..field.order()).all(|a| {
        field.add(a, field.neg(a)) == 0 && field.inv(a).is_some_and(|b| field.mul(a, b) == 1)
    });
    check(sound, "the field's inverses")
}

/// A register over the same field whose cycles are known: over GF(2) that of the primitive polynomial
/// x^4 + x + 1, over other fields s(n+1) = c s(n), which has 0 alone and every other symbol on a cycle as long as the
/// order of c. That is -1 in a prime field, where the order is 2, and z elsewhere.
fn test_known_register(register: &Register) -> Result<(), EnumerateError> {
    let field = register.field();
    let order = field.order();
    let (coefficients, length): (&[u32], u64) = match (order, field.extension_degree()) {
        (2, _) => (&[1, 1, 0, 0], 15),
        (_, 1) => (&[order - 1], 2),
        _ => {
            let z = field.characteristic();
            let period = (1..u64::from(order)).find(|&n| field.pow(z, n) == 1);
            (&[z], period.unwrap_or(0))
        }
    };
    let states = u64::from(order).pow(coefficients.len() as u32);
    let mut expected = BTreeMap::from([(1, 1)]);
    *expected.entry(length).or_insert(0) += (states - 1).checked_div(length).unwrap_or(0);
    let known = Register::over(field.clone(), coefficients)?;
    let engine = Engine::new(&known)?;
    let nodes = 0..engine.layout.nodes;
    let segments = engine.segments(nodes.clone());
    let mut cycles = engine.leftovers(nodes);
    let mut links = Links::of_nodes(engine.layout.nodes);
    let found = links.put(0, &segments).and_then(|()| links.cycles());
    for (length, count) in found.ok_or(EnumerateError::SelfTest {
        what: "the successors of a known register",
    })? {
        *cycles.entry(length).or_insert(0) += count;
    }
    check(cycles == expected, "the cycles of a known register")
}

/// The kernel steps as the companion matrix of the reduced register says, on each state with a single
/// symbol that is not zero, and on some mixed ones.
fn test_step(register: &Register, engine: &Engine) -> Result<(), EnumerateError> {
    let (Some(walks), Some(reduced)) = (&engine.walks, register.reduced()) else {
        return Ok(());
    };
    let PackedRegister { packing, kernel } = &walks.packed;
    let field = register.field();
    let matrix: Vec<Vec<u32>> = reduced.companion_matrix().collect();
    let degree = matrix.len();
    let agrees = |state: &[u32]| {
        let mut product = vec![0; degree];
        for (&symbol, row) in state
            .iter()
            .zip(&matrix)
            .filter(|(symbol, _)| **symbol != 0)
        {
            for (sum, &entry) in product.iter_mut().zip(row) {
                *sum = field.add(*sum, field.mul(symbol, entry));
            }
        }
        kernel.next(packing.pack(state)) == packing.pack(&product)
    };
    let mut state = vec![0; degree];
    for place in 0..degree {
        for symbol in [1, field.order() - 1] {
            state.fill(0);
            state[place] = symbol;
            check(agrees(&state), "the kernel against the companion matrix")?;
        }
    }
    for round in 1..=4 {
        for (place, symbol) in state.iter_mut().enumerate() {
            *symbol = (round * (place as u32 + 7) * (place as u32 + 1) / 3) % field.order();
        }
        check(agrees(&state), "the kernel against the companion matrix")?;
    }
    Ok(())
}

fn check(passed: bool, what: &'static str) -> Result<(), EnumerateError> {
    if passed {
        Ok(())
    } else {
        Err(EnumerateError::SelfTest { what })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task() -> EnumerateTask {
        let register = Register::new(2, &[1, 1, 0, 0, 0, 0]).unwrap();
        EnumerateTask::new(
            &register,
            StateRange {
                first: 16,
                last: 47,
            },
        )
    }

    #[test]
    fn a_task_is_plain_numbers_on_the_wire() {
        let wire = postcard::to_stdvec(&task()).unwrap();
        assert_eq!(wire, [2, 0, 6, 6, 1, 1, 0, 0, 0, 0, 16, 47]);
        assert_eq!(
            postcard::from_bytes::<EnumerateTask>(&wire).unwrap(),
            task()
        );
    }

    #[test]
    fn a_run_gives_the_same_bytes_each_time() {
        let enumeration = Enumeration::prepare(&task()).unwrap();
        let table = enumeration.run().unwrap();
        assert_eq!(enumeration.run().unwrap(), table);
        assert_eq!((table.first, table.last, table.segments), (16, 47, 2));
        let again = Enumeration::prepare(&task()).unwrap().run().unwrap();
        assert_eq!(again.digest_hex(), table.digest_hex());
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        let refusal = |change: fn(&mut EnumerateTask)| {
            let mut task = task();
            change(&mut task);
            Enumeration::prepare(&task).unwrap_err().to_string()
        };
        assert_eq!(
            refusal(|task| task.register.gf_order = 6),
            "the task holds no register: there is no field of order 6: 6 = 2 * 3 is not a power of one prime"
        );
        assert_eq!(
            refusal(|task| task.register.degree = 5),
            "the task says degree 5 but has 6 coefficients"
        );
        assert_eq!(
            refusal(|task| task.last = 46),
            "states 16 to 46 are no range of this register: it has 64 periodic states, cut at multiples of 16"
        );
        assert!(refusal(|task| task.last = u64::MAX).starts_with("states 16 to"));
        assert!(refusal(|task| task.first = 48).starts_with("states 48 to 47"));
        let large = refusal(|task| {
            task.register.coefficients = vec![1; 41];
            task.register.degree = 41;
        });
        assert!(large.contains("2^41 periodic states"), "{large}");
    }

    #[test]
    fn the_self_test_finds_a_wrong_kernel() {
        for order in [2, 7, 8, 9] {
            let register = Register::new(order, &[1, 1, 0, 1]).unwrap();
            let other = Register::new(order, &[1, 1, 1, 1]).unwrap();
            let engine = Engine::new(&other).unwrap();
            assert_eq!(
                test_step(&register, &engine),
                Err(EnumerateError::SelfTest {
                    what: "the kernel against the companion matrix"
                })
            );
            assert_eq!(test_step(&other, &engine), Ok(()));
        }
    }
}
