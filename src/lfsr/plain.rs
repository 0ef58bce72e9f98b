//! Answers as they travel and stand in files: numbers that may be large are decimal strings.
//!
//! Counts and lengths outgrow every integer type of JSON readers, so each of them is text from the worker on, and nobody on
//! the way can round it. Keys and their order are those of the contract.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::analytic::{Analysis, Order, analyse, check_periods};
use super::register::{Register, RegisterError};
use super::statistics::PeriodStatistics;
use super::structure::Structure;
use crate::field::Field;

/// A register as it travels: plain numbers, from which a worker rebuilds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RegisterNumbers {
    /// Order of the field.
    pub gf_order: u32,
    /// Its modulus, from the lowest coefficient to the highest; empty for a prime order.
    pub modulus: Vec<u32>,
    /// Degree of the register.
    pub degree: u32,
    /// Its coefficients `c0 .. c(d-1)`.
    pub coefficients: Vec<u32>,
}

/// The numbers of a task are no register.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NumbersError {
    /// They make no register.
    #[error("the task holds no register: {0}")]
    Register(#[from] RegisterError),
    /// The degree is not the number of coefficients.
    #[error("the task says degree {degree} but has {coefficients} coefficients")]
    Degree {
        /// The degree it says.
        degree: u32,
        /// The number of coefficients it has.
        coefficients: usize,
    },
}

impl RegisterNumbers {
    /// Those of a register.
    pub fn of(register: &Register) -> RegisterNumbers {
        RegisterNumbers {
            gf_order: register.gf_order(),
            modulus: register.field().modulus().to_vec(),
            degree: register.degree(),
            coefficients: register.coefficients().to_vec(),
        }
    }

    /// Rebuilds the register.
    ///
    /// # Errors
    ///
    /// A [`NumbersError`] when they do not fit each other.
    pub fn register(&self) -> Result<Register, NumbersError> {
        if self.degree as usize != self.coefficients.len() {
            return Err(NumbersError::Degree {
                degree: self.degree,
                coefficients: self.coefficients.len(),
            });
        }
        let field =
            Field::with_modulus(self.gf_order, &self.modulus).map_err(RegisterError::from)?;
        Ok(Register::over(field, &self.coefficients)?)
    }
}

/// The analysis of a register by algebra, as it travels to a worker.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnalyseTask {
    /// The register.
    pub register: RegisterNumbers,
}

/// The task cannot be done, or its answer is not to be believed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnalyseError {
    /// The numbers are no register.
    #[error(transparent)]
    Numbers(#[from] NumbersError),
    /// Two ways to count the same states give two numbers.
    #[error("the factors of the characteristic polynomial do not agree with its powers of x: {0}")]
    Periods(#[from] super::analytic::PeriodMismatch),
}

impl AnalyseTask {
    /// The task for a register.
    pub fn new(register: &Register) -> AnalyseTask {
        AnalyseTask {
            register: RegisterNumbers::of(register),
        }
    }

    /// Rebuilds the register from the task's numbers.
    ///
    /// # Errors
    ///
    /// [`AnalyseError::Numbers`] when they do not fit each other.
    pub fn register(&self) -> Result<Register, AnalyseError> {
        Ok(self.register.register()?)
    }
}

/// What algebra says of a register. Where it could not find a number, that is `None`, and `unknown` says why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnalyticResult {
    /// Number of cycles of each length, by length.
    pub cycle_lengths: Option<Pairs>,
    /// Their sum.
    pub number_of_cycles: Option<String>,
    /// The greatest length.
    pub max_period: Option<String>,
    /// States on cycles.
    pub periodic_states: String,
    /// States on no cycle.
    pub transient_states: String,
    /// The most steps from a state to a cycle.
    pub max_tail_length: String,
    /// The least `e` with which the characteristic polynomial divides `x^e - 1`; none for a singular register.
    pub char_poly_order: Option<String>,
    /// The least power of the companion matrix that is the identity; none for a singular register.
    pub matrix_order: Option<String>,
    /// The irreducible factors of the characteristic polynomial.
    pub factors: Option<Vec<FactorFields>>,
    /// Whether there is only one, once.
    pub irreducible: Option<bool>,
    /// Whether that one is primitive.
    pub primitive: Option<bool>,
    /// What is unknown above, and why.
    pub unknown: Vec<UnknownField>,
}

/// An irreducible factor of a characteristic polynomial.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FactorFields {
    /// Its coefficients, the last one 1.
    pub coeffs_low_to_high: Vec<u32>,
    /// How often it divides.
    pub multiplicity: u32,
    /// Its degree.
    pub degree: u32,
    /// The least `e` with which it divides `x^e - 1`; none for `x`.
    pub order: Option<String>,
}

/// A field whose value was not found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnknownField {
    /// Its name, as in the result.
    pub field: String,
    /// Why it was not found.
    pub reason: String,
}

impl AnalyticResult {
    /// Analyses a register, and counts the states of each length of cycle a second time, without its factors.
    ///
    /// # Errors
    ///
    /// [`AnalyseError::Periods`] when the two disagree.
    pub fn of(register: &Register) -> Result<AnalyticResult, AnalyseError> {
        let analysis = analyse(register);
        if let Some(structure) = &analysis.structure {
            check_periods(register, structure)?;
        }
        Ok(AnalyticResult::from_analysis(register, &analysis))
    }

    fn from_analysis(register: &Register, analysis: &Analysis) -> AnalyticResult {
        let number = |order: &Order| order.known().map(ToString::to_string);
        let cycles = analysis.structure.as_ref().map(StructureFields::of);
        let tails = Structure::tails(register);
        AnalyticResult {
            number_of_cycles: cycles.as_ref().map(|c| c.number_of_cycles.clone()),
            max_period: cycles.as_ref().map(|c| c.max_period.clone()),
            cycle_lengths: cycles.map(|cycles| cycles.cycle_lengths),
            periodic_states: tails.periodic_states.to_string(),
            transient_states: tails.transient_states.to_string(),
            max_tail_length: tails.max_tail_length.to_string(),
            char_poly_order: number(&analysis.char_poly_order),
            matrix_order: number(analysis.matrix_order()),
            factors: analysis.factors.as_ref().map(|factors| {
                let fields = factors.iter().map(|factor| FactorFields {
                    coeffs_low_to_high: factor.coefficients.clone(),
                    multiplicity: factor.multiplicity,
                    degree: factor.degree(),
                    order: number(&factor.order),
                });
                fields.collect()
            }),
            irreducible: analysis.irreducible,
            primitive: analysis.primitive,
            unknown: analysis
                .unknown
                .iter()
                .map(|unknown| UnknownField {
                    field: unknown.field.clone(),
                    reason: unknown.reason.clone(),
                })
                .collect(),
        }
    }

    /// Cycles and tails, where the cycles are known.
    pub fn structure(&self) -> Option<StructureFields> {
        Some(StructureFields {
            cycle_lengths: self.cycle_lengths.clone()?,
            number_of_cycles: self.number_of_cycles.clone()?,
            max_period: self.max_period.clone()?,
            periodic_states: self.periodic_states.clone(),
            transient_states: self.transient_states.clone(),
            max_tail_length: self.max_tail_length.clone(),
        })
    }
}

/// Cycles and tails, by whichever method.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StructureFields {
    /// Number of cycles of each length, by length.
    pub cycle_lengths: Pairs,
    /// Their sum.
    pub number_of_cycles: String,
    /// The greatest length.
    pub max_period: String,
    /// States on cycles.
    pub periodic_states: String,
    /// States on no cycle.
    pub transient_states: String,
    /// The most steps from a state to a cycle.
    pub max_tail_length: String,
}

impl StructureFields {
    /// The numbers as decimal text.
    pub fn of(structure: &Structure) -> StructureFields {
        StructureFields {
            // A `BTreeMap` of numbers: the pairs come in numeric order of length.
            cycle_lengths: Pairs(
                structure
                    .cycle_lengths
                    .iter()
                    .map(|(length, count)| (length.to_string(), count.to_string()))
                    .collect(),
            ),
            number_of_cycles: structure.number_of_cycles.to_string(),
            max_period: structure.max_period.to_string(),
            periodic_states: structure.periodic_states.to_string(),
            transient_states: structure.transient_states.to_string(),
            max_tail_length: structure.max_tail_length.to_string(),
        }
    }

    /// How the lengths of the cycles are spread, in a register of so many states.
    pub fn statistics(&self, state_count: &str) -> Option<PeriodStatistics> {
        PeriodStatistics::of(&self.cycle_lengths.0, state_count)
    }
}

/// A JSON object whose keys keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pairs(pub Vec<(String, String)>);

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Pairs, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of strings")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_same_on_the_wire_and_in_a_file() {
        // x^4 - x - 1 over GF(2), primitive; a singular register; one with a repeated factor over GF(9).
        for (order, coefficients) in [(2, vec![1, 1, 0, 0]), (2, vec![0, 1]), (9, vec![8, 0])] {
            let register = Register::new(order, &coefficients).unwrap();
            let task = AnalyseTask::new(&register);
            let wire = postcard::to_stdvec(&task).unwrap();
            let task: AnalyseTask = postcard::from_bytes(&wire).unwrap();
            let result = AnalyticResult::of(&task.register().unwrap()).unwrap();
            let wire = postcard::to_stdvec(&result).unwrap();
            assert_eq!(
                postcard::from_bytes::<AnalyticResult>(&wire).unwrap(),
                result
            );
            let text = serde_json::to_string(&result).unwrap();
            assert_eq!(
                serde_json::from_str::<AnalyticResult>(&text).unwrap(),
                result
            );
        }
    }

    #[test]
    fn the_keys_are_those_of_the_contract() {
        let register = Register::new(2, &[1, 1, 0, 0]).unwrap();
        let result = AnalyticResult::of(&register).unwrap();
        assert_eq!(
            serde_json::to_string(&result).unwrap(),
            "{\"cycle_lengths\":{\"1\":\"1\",\"15\":\"1\"},\"number_of_cycles\":\"2\",\"max_period\":\"15\",\
             \"periodic_states\":\"16\",\"transient_states\":\"0\",\"max_tail_length\":\"0\",\
             \"char_poly_order\":\"15\",\"matrix_order\":\"15\",\"factors\":[{\"coeffs_low_to_high\":[1,1,0,0,1],\
             \"multiplicity\":1,\"degree\":4,\"order\":\"15\"}],\"irreducible\":true,\"primitive\":true,\"unknown\":[]}"
        );
    }

    #[test]
    fn numbers_that_do_not_fit_are_refused() {
        let register = Register::new(4, &[2, 1]).unwrap();
        let numbers = RegisterNumbers::of(&register);
        assert_eq!(numbers.register().unwrap(), register);
        let wrong = RegisterNumbers {
            degree: 3,
            ..numbers.clone()
        };
        assert_eq!(
            wrong.register().unwrap_err().to_string(),
            "the task says degree 3 but has 2 coefficients"
        );
        let wrong = RegisterNumbers {
            modulus: vec![1, 0, 1],
            ..numbers
        };
        let task = AnalyseTask { register: wrong };
        assert!(matches!(
            task.register(),
            Err(AnalyseError::Numbers(NumbersError::Register(_)))
        ));
    }
}
