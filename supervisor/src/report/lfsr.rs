//! The state space of a register.

use fumehood::lfsr::{AnalyticResult, StructureFields};
use fumehood::record::derive::LfsrSummary;

use super::notation::{modulus, polynomial};
use super::table::columns;
use crate::reporter::words::{count, group};

/// So many cycle lengths are shown; `summary.json` has them all.
const SHOWN: usize = 12;

/// The polynomial in Sage's words up to this degree.
const SHOWN_IN_SAGE: usize = 64;

/// Field, polynomial, cycles, and the check that no state is lost.
pub(super) fn lines(summary: &LfsrSummary) -> Vec<String> {
    let mut lines = vec![format!(
        "  GF({}){}, degree {}, {} states, f(x) = {}",
        summary.gf_order,
        modulus(&summary.modulus),
        summary.degree,
        group(&summary.state_count),
        polynomial("x", &summary.characteristic_polynomial)
    )];
    if let Some(analytic) = &summary.analytic {
        lines.extend(of_polynomial(summary, analytic));
    }
    match (summary.agree(), summary.structure()) {
        (Some(false), _) => {
            lines.push("  DISAGREEMENT: enumeration and algebra give two answers; one of them is wrong, and so \
                        is this program or this machine".to_owned());
            let answers = [
                ("enumeration", summary.counted.clone()),
                ("algebra", summary.by_algebra()),
            ];
            for (method, structure) in answers {
                lines.push(format!("  by {method}:"));
                lines.extend(structure.iter().flat_map(|s| of_structure(summary, s)));
            }
        }
        (_, Some(structure)) => {
            lines.extend(of_structure(summary, &structure));
            lines.push(format!("  {}", source(summary)));
        }
        (_, None) => lines.push(format!(
            "  its structure is not known: {}",
            missing(summary)
        )),
    }
    lines
}

/// The matrix, and lines to paste into Sage.
pub(super) fn details(summary: &LfsrSummary) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(matrix) = &summary.companion_matrix {
        lines.push("  companion matrix C: the state after s is s C".to_owned());
        let width = (summary.gf_order - 1).to_string().len();
        lines.extend(matrix.iter().map(|row| {
            let cells: Vec<String> = row.iter().map(|c| format!("{c:>width$}")).collect();
            format!("    {}", cells.join(" "))
        }));
    }
    if summary.degree as usize <= SHOWN_IN_SAGE && !summary.sage.is_empty() {
        lines.push("  in Sage:".to_owned());
        lines.extend(summary.sage.iter().map(|line| format!("    {line}")));
    }
    lines
}

/// Where the structure comes from.
fn source(summary: &LfsrSummary) -> &'static str {
    match (summary.agree(), &summary.counted) {
        (Some(_), _) => "by enumeration and by algebra, which agree",
        (None, Some(_)) => "by enumeration",
        (None, None) => "by algebra",
    }
}

/// Why there is no structure.
fn missing(summary: &LfsrSummary) -> String {
    let unknown = summary
        .analytic
        .iter()
        .flat_map(|analytic| &analytic.unknown);
    match unknown
        .into_iter()
        .find(|unknown| unknown.field == "structure")
    {
        Some(unknown) => unknown.reason.clone(),
        None if summary.is_enumerated => "not every range of states was enumerated".to_owned(),
        None => "its analysis did not end ok".to_owned(),
    }
}

/// The factors of the characteristic polynomial and what follows from them.
fn of_polynomial(summary: &LfsrSummary, analytic: &AnalyticResult) -> Vec<String> {
    let mut lines = Vec::new();
    let unknown = || "unknown".to_owned();
    let factors = analytic.factors.as_deref().unwrap_or_default();
    let rows = factors.iter().take(SHOWN).map(|factor| {
        let is_x = factor.coeffs_low_to_high == [0, 1];
        let order = factor.order.as_deref().map(group);
        vec![
            polynomial("x", &factor.coeffs_low_to_high),
            factor.multiplicity.to_string(),
            order.unwrap_or_else(|| if is_x { "-".to_owned() } else { unknown() }),
        ]
    });
    lines.extend(columns(&["factor of f", "times", "order"], 1, rows));
    if factors.len() > SHOWN {
        let more = count((factors.len() - SHOWN) as u64, "more factor");
        lines.push(format!("  and {more}; summary.json has them all"));
    }
    let kind = match (analytic.irreducible, analytic.primitive) {
        (Some(true), Some(true)) => "irreducible, primitive",
        (Some(true), Some(false)) => "irreducible, not primitive",
        (Some(true), None) => "irreducible, primitive or not is unknown",
        (Some(false), _) => "reducible",
        (None, _) => "reducible or not is unknown",
    };
    let order = match (&analytic.char_poly_order, summary.coefficients.first()) {
        (Some(order), _) => format!("order of f and of the matrix {}", group(order)),
        (None, Some(0)) => "the matrix is singular and has no order".to_owned(),
        (None, _) => "order of f and of the matrix unknown".to_owned(),
    };
    lines.push(format!("  {kind}; {order}"));
    let unknown = analytic
        .unknown
        .iter()
        .filter(|unknown| unknown.field != "structure");
    lines.extend(
        unknown.map(|unknown| format!("  {} is unknown: {}", unknown.field, unknown.reason)),
    );
    lines
}

fn of_structure(summary: &LfsrSummary, structure: &StructureFields) -> Vec<String> {
    let cycles = &structure.cycle_lengths.0;
    let mut lines = columns(
        &["cycle length", "x count"],
        0,
        cycles
            .iter()
            .take(SHOWN)
            .map(|(length, number)| vec![group(length), group(number)]),
    );
    if cycles.len() > SHOWN {
        lines.push(format!(
            "  and {}; summary.json has them all",
            count((cycles.len() - SHOWN) as u64, "more length")
        ));
    }
    lines.push(format!(
        "  cycles {}, longest {}; states periodic {}, transient {}, longest tail {}",
        group(&structure.number_of_cycles),
        group(&structure.max_period),
        group(&structure.periodic_states),
        group(&structure.transient_states),
        group(&structure.max_tail_length)
    ));
    if let Some(spread) = structure.statistics(&summary.state_count) {
        lines.push(format!(
            "  a cycle is {} long in the mean (standard deviation {}, median {}), the cycle of a state {}; the longest \
             is {} of {}^{} - 1",
            trimmed(&spread.mean),
            trimmed(&spread.standard_deviation),
            group(&spread.median),
            trimmed(&spread.mean_of_states),
            percent(&spread.longest_over_maximum),
            summary.gf_order,
            summary.degree,
        ));
    }
    lines.push(format!("  {}", check(summary, structure)));
    lines
}

/// A decimal number as a person wants it: in groups, without the zeros at the end.
fn trimmed(number: &str) -> String {
    let (whole, rest) = number.split_once('.').unwrap_or((number, ""));
    match rest.trim_end_matches('0') {
        "" => group(whole),
        rest => format!("{}.{rest}", group(whole)),
    }
}

/// A share from 0 to 1, with six digits after the point, in percent.
fn percent(share: &str) -> String {
    let digits: String = share.chars().filter(char::is_ascii_digit).collect();
    let (whole, rest) = digits.split_at(digits.len().min(3));
    match format!("{}.{rest}", whole.trim_start_matches('0')).as_str() {
        ".0000" => "less than 0.0001 %".to_owned(),
        number if number.starts_with('.') => format!("0{} %", number.trim_end_matches('0')),
        number => format!("{} %", trimmed(number)),
    }
}

/// Lengths times counts are the periodic states, and with the transient ones all q^d states.
fn check(summary: &LfsrSummary, structure: &StructureFields) -> String {
    let (q, d) = (summary.gf_order, summary.degree);
    match sums(summary, structure) {
        None => "check: the numbers are too large to be added up here".to_owned(),
        Some(Sums {
            cycles,
            periodic,
            transient,
            all,
        }) if cycles == periodic && periodic.checked_add(transient) == Some(all) => {
            format!(
                "check: sums to {q}^{d} = {} states",
                group(&all.to_string())
            )
        }
        Some(sums) => format!(
            "check: WRONG: cycles hold {}, periodic and transient states are {} and {}, but {q}^{d} = {}",
            sums.cycles, sums.periodic, sums.transient, sums.all
        ),
    }
}

struct Sums {
    cycles: u128,
    periodic: u128,
    transient: u128,
    all: u128,
}

/// `None` where a number is beyond 128 bits: by algebra.
fn sums(summary: &LfsrSummary, structure: &StructureFields) -> Option<Sums> {
    let number = |text: &str| text.parse::<u128>().ok();
    let mut cycles = 0u128;
    for (length, count) in &structure.cycle_lengths.0 {
        cycles = cycles.checked_add(number(length)?.checked_mul(number(count)?)?)?;
    }
    Some(Sums {
        cycles,
        periodic: number(&structure.periodic_states)?,
        transient: number(&structure.transient_states)?,
        all: u128::from(summary.gf_order).checked_pow(summary.degree)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_short() {
        assert_eq!(trimmed("1545.732500"), "1,545.7325");
        assert_eq!(trimmed("7.000000"), "7");
        assert_eq!(percent("1.000000"), "100 %");
        assert_eq!(percent("0.500000"), "50 %");
        assert_eq!(percent("0.033333"), "3.3333 %");
        assert_eq!(percent("0.001000"), "0.1 %");
        assert_eq!(percent("0.000001"), "0.0001 %");
        assert_eq!(percent("0.000000"), "less than 0.0001 %");
    }
}
