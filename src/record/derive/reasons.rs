//! Failures by reason: what a thousand messages have in common.
//!
//! The messages of two series differ in their numbers (`needs at least 13 values, the series has 11`), the
//! reason is the same. So numbers are replaced by `N`, and equal texts are counted together. What stands
//! between backquotes is a name and keeps its digits. How a process ended keeps its numbers too: exit code
//! 3 is another reason than exit code 4.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::experiment::OutcomeKind;

/// The most reasons that are told of one model; the others are counted together.
const MOST: usize = 20;

/// Why a model has no forecast of its own of some series.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailureReason {
    /// `error`, `crashed`, `timeout`, `oom`; or `fallback`, where another model stood in.
    pub state: &'static str,
    /// The message, numbers replaced by `N`.
    pub reason: String,
    /// Series that it befell.
    pub series: u64,
    /// The first of their tasks, in plan order.
    pub example: String,
}

/// The most different reasons that are counted apart: messages may be all different, and long.
const MOST_APART: usize = 1_000;

/// The reasons of one model.
#[derive(Clone, Debug, Default)]
pub(super) struct Reasons {
    apart: BTreeMap<(&'static str, String), (u64, String)>,
    /// Beyond [`MOST_APART`]: how many, and the first.
    rest: Option<(u64, &'static str, String)>,
}

impl Reasons {
    /// The task `id` ended in `state` with this message; `None` is a fallback.
    pub fn add(&mut self, state: Option<OutcomeKind>, message: &str, id: &str) {
        let (name, text) = match state {
            Some(OutcomeKind::Error) => (OutcomeKind::Error.name(), template(message)),
            None => ("fallback", template(message)),
            Some(state) => (state.name(), message.to_owned()),
        };
        let key = (name, text);
        if let Some((count, _)) = self.apart.get_mut(&key) {
            *count += 1;
        } else if self.apart.len() < MOST_APART {
            self.apart.insert(key, (1, id.to_owned()));
        } else if let Some((count, ..)) = &mut self.rest {
            *count += 1;
        } else {
            self.rest = Some((1, name, id.to_owned()));
        }
    }

    /// All of them, frequent ones first.
    pub fn finish(self) -> Vec<FailureReason> {
        let reason = |((state, reason), (series, example))| FailureReason {
            state,
            reason,
            series,
            example,
        };
        let mut reasons: Vec<FailureReason> = self.apart.into_iter().map(reason).collect();
        // A stable sort: of equally frequent ones the order of the texts is kept.
        reasons.sort_by_key(|reason| std::cmp::Reverse(reason.series));
        if reasons.len() > MOST {
            let mut rest = reasons.split_off(MOST - 1);
            let more = if self.rest.is_some() {
                "more than "
            } else {
                ""
            };
            let count = rest.len();
            rest.extend(self.rest.map(|(series, state, example)| FailureReason {
                state,
                reason: String::new(),
                series,
                example,
            }));
            reasons.push(FailureReason {
                state: rest[0].state,
                reason: format!("{more}{count} other reasons"),
                series: rest.iter().map(|reason| reason.series).sum(),
                example: rest[0].example.clone(),
            });
        }
        reasons
    }
}

/// A message with its numbers replaced by `N`, but for those in names between backquotes.
fn template(message: &str) -> String {
    let mut text = String::with_capacity(message.len());
    for (at, part) in message.split('`').enumerate() {
        if at > 0 {
            text.push('`');
        }
        match at % 2 {
            0 => replace_numbers(part, &mut text),
            _ => text.push_str(part),
        }
    }
    text
}

fn replace_numbers(part: &str, text: &mut String) {
    let mut rest = part;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        // A digit behind a letter is of a word, such as NAIVE2.
        let length = if before.is_alphanumeric() {
            0
        } else {
            number_length(rest)
        };
        if length > 0 {
            text.push('N');
            before = '0';
            rest = &rest[length..];
        } else {
            text.push(first);
            before = first;
            rest = &rest[first.len_utf8()..];
        }
    }
}

/// The length of the number at the start of a text: sign, digits, fraction, exponent; 0 for none.
fn number_length(text: &str) -> usize {
    let digits = |from: usize| text[from..].bytes().take_while(u8::is_ascii_digit).count();
    let sign = usize::from(text.starts_with('-'));
    let mut end = sign + digits(sign);
    if end == sign {
        return 0;
    }
    if text[end..].starts_with('.') && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if text[end..].starts_with('e') {
        let sign = end + 1 + usize::from(text[end + 1..].starts_with('-'));
        if digits(sign) > 0 {
            end = sign + digits(sign);
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_replaced_and_names_are_not() {
        for (message, known) in [
            (
                "`naive2` needs at least 13 values to train on, the series has 11",
                "`naive2` needs at least N values to train on, the series has N",
            ),
            (
                "value 3 of the series is -1.5e-7, which is bad",
                "value N of the series is N, which is bad",
            ),
            (
                "value 3 of the series is NaN",
                "value N of the series is NaN",
            ),
            (
                "NAIVE2 and x86 stay, 12.5. goes",
                "NAIVE2 and x86 stay, N. goes",
            ),
            ("", ""),
            ("`open 12", "`open 12"),
        ] {
            assert_eq!(template(message), known);
        }
    }

    #[test]
    fn equal_reasons_are_counted_together_and_frequent_ones_come_first() {
        let mut reasons = Reasons::default();
        reasons.add(Some(OutcomeKind::Crashed), "exit code 3", "x/a/m");
        reasons.add(Some(OutcomeKind::Error), "has 3 values", "x/b/m");
        reasons.add(Some(OutcomeKind::Error), "has 4 values", "x/c/m");
        reasons.add(Some(OutcomeKind::Crashed), "exit code 4", "x/d/m");
        reasons.add(None, "has 4 values", "x/e/m");
        let found: Vec<(&str, String, u64, String)> = reasons
            .finish()
            .into_iter()
            .map(|r| (r.state, r.reason, r.series, r.example))
            .collect();
        let known = [
            ("error", "has N values", 2, "x/b/m"),
            ("crashed", "exit code 3", 1, "x/a/m"),
            ("crashed", "exit code 4", 1, "x/d/m"),
            ("fallback", "has N values", 1, "x/e/m"),
        ];
        assert_eq!(
            found,
            known.map(|(s, r, n, e)| (s, r.to_owned(), n, e.to_owned()))
        );
    }

    #[test]
    fn rare_reasons_are_counted_as_others() {
        let mut reasons = Reasons::default();
        for at in 0..50u32 {
            reasons.add(
                Some(OutcomeKind::Crashed),
                &format!("exit code {at}"),
                "x/a/m",
            );
        }
        let found = reasons.finish();
        assert_eq!(found.len(), 20);
        assert_eq!(found[19].reason, "31 other reasons");
        assert_eq!(found.iter().map(|r| r.series).sum::<u64>(), 50);
        let mut reasons = Reasons::default();
        for at in 0..3_000u32 {
            reasons.add(
                Some(OutcomeKind::Crashed),
                &format!("exit code {at}"),
                "x/a/m",
            );
        }
        assert_eq!(reasons.apart.len(), MOST_APART);
        let found = reasons.finish();
        assert_eq!(found[19].reason, "more than 981 other reasons");
        assert_eq!(found.iter().map(|r| r.series).sum::<u64>(), 3_000);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_and_a_template_is_its_own(text in "\\PC*") {
            let once = template(&text);
            prop_assert_eq!(template(&once), once);
        }
    }
}
