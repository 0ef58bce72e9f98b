//! The fold over events, told to a screen that is a buffer.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::{Arc, Mutex};

use fumehood::data::SeriesSet;
use fumehood::experiment::Cause;
use fumehood::experiment::plan::{Body, ForecastBody, NamedModel, PlanDigest};
use fumehood::forecast::{ModelConfig, Setup};
use fumehood::ids::TaskIndex;
use indicatif::{ProgressDrawTarget, TermLike};
use proptest::prelude::*;

use super::super::escape::is_harmful;
use super::super::screen;
use super::*;
use crate::engine::event::Next;

/// What was written, shared with the test.
#[derive(Clone, Default)]
struct Page(Rc<RefCell<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).expect("talk is UTF-8")
    }

    fn lines(&self) -> Vec<String> {
        self.text().lines().map(str::to_owned).collect()
    }
}

impl Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A terminal of one line, on which writing may fail.
#[derive(Clone, Debug, Default)]
struct Term {
    line: Arc<Mutex<String>>,
    is_gone: bool,
}

impl Term {
    fn contents(&self) -> String {
        self.line.lock().expect("one thread").trim_end().to_owned()
    }

    fn put(&self, change: impl FnOnce(&mut String)) -> io::Result<()> {
        if self.is_gone {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        change(&mut self.line.lock().expect("one thread"));
        Ok(())
    }
}

impl TermLike for Term {
    fn width(&self) -> u16 {
        100
    }
    fn move_cursor_up(&self, _: usize) -> io::Result<()> {
        self.put(|_| ())
    }
    fn move_cursor_down(&self, _: usize) -> io::Result<()> {
        self.put(|_| ())
    }
    fn move_cursor_right(&self, _: usize) -> io::Result<()> {
        self.put(|_| ())
    }
    fn move_cursor_left(&self, _: usize) -> io::Result<()> {
        self.put(|_| ())
    }
    fn write_line(&self, text: &str) -> io::Result<()> {
        self.put(|line| line.push_str(text))
    }
    fn write_str(&self, text: &str) -> io::Result<()> {
        self.put(|line| line.push_str(text))
    }
    fn clear_line(&self) -> io::Result<()> {
        self.put(String::clear)
    }
    fn flush(&self) -> io::Result<()> {
        self.put(|_| ())
    }
}

fn plan(series: &[&str]) -> Plan {
    let mut set = SeriesSet::new();
    for name in series {
        set.push(name, &[1.0, 2.0, 3.0]);
    }
    let body = Body::Forecast(ForecastBody {
        series: Arc::new(set),
        store: None,
        models: vec![NamedModel {
            name: "naive".to_owned(),
            config: ModelConfig::Naive,
            fallback: None,
        }],
        setup: Setup::once(1, 1),
    });
    Plan::new(0, PlanDigest([0; 32]), [("e".to_owned(), body)]).expect("a small plan")
}

fn reporter<'a>(plan: &'a Plan, progress: Progress, verbosity: i8, page: &Page) -> Reporter<'a> {
    let screen = Screen::with(Box::new(page.clone()), false, None);
    Reporter::on(
        screen,
        plan,
        progress,
        verbosity,
        Path::new("runs/x"),
        at(0),
    )
}

fn at(milliseconds: u64) -> Monotonic {
    Monotonic(1_000_000_000) + Duration::from_millis(milliseconds)
}

fn began(to_run: u32) -> RunEvent {
    RunEvent::Began {
        to_run,
        done_before: 0,
        workers: 2,
    }
}

fn ended(task: u32, outcome: AttemptOutcome, next: Next) -> RunEvent {
    RunEvent::AttemptEnded {
        task: TaskIndex(task),
        attempt: 1,
        outcome,
        cause: (outcome != AttemptOutcome::Ok).then(|| Cause {
            message: "it said no".to_owned(),
            signal: None,
            exit_code: None,
            limit: None,
        }),
        next,
        took: Duration::from_millis(20),
        worked: Duration::from_millis(18),
        peak_kib: 4096,
    }
}

const OK: (AttemptOutcome, Next) = (AttemptOutcome::Ok, Next::Final(OutcomeKind::Ok));
const ERROR: (AttemptOutcome, Next) = (AttemptOutcome::Error, Next::Final(OutcomeKind::Error));
const CRASH_AGAIN: (AttemptOutcome, Next) = (
    AttemptOutcome::Crashed,
    Next::Again {
        charged: true,
        left: 2,
    },
);

#[test]
fn lines_come_every_ten_seconds_and_at_the_end() {
    let plan = plan(&["a", "b", "c"]);
    let page = Page::default();
    let mut reporter = reporter(&plan, Progress::Auto, 0, &page);
    reporter.on_event_at(began(3), at(0));
    reporter.on_event_at(ended(0, OK.0, OK.1), at(5000));
    reporter.on_event_at(ended(1, ERROR.0, ERROR.1), at(9000));
    reporter.on_event_at(RunEvent::Idle, at(9999));
    reporter.on_event_at(RunEvent::Idle, at(10_000));
    reporter.on_event_at(RunEvent::Idle, at(10_500));
    reporter.on_event_at(ended(2, CRASH_AGAIN.0, CRASH_AGAIN.1), at(11_000));
    reporter.on_event_at(ended(2, OK.0, OK.1), at(12_000));
    let tally = reporter.finish_at(at(12_000));
    assert_eq!(
        page.lines(),
        [
            "3 tasks to run, 2 workers",
            "ERROR  e/b/naive  attempt 1 of 1: it said no; 20 ms; final, the task is recorded as error",
            "2/3  1 ok, 1 error  10 s elapsed, about 5.0 s left",
            "CRASHED  e/c/naive  attempt 1 of 3",
            "  cause: it said no",
            "  after: 20 ms, peak memory 4.0 MiB",
            "  next:  queued again, 2 attempts left",
            "  alone: supervisor run runs/x/spec.toml --only e/c/naive --run-dir runs/x-alone-2",
            "done in 12 s: 2 ok, 1 error, 1 retried",
        ]
    );
    assert_eq!((tally.ended(), tally.not_ok(), tally.retried), (3, 1, 1));
    assert_eq!(tally.wall, Duration::from_secs(12));
    assert_eq!(tally.samples.seen(), 2);
}

#[test]
fn quiet_says_only_what_failed_and_verbose_says_all() {
    let plan = plan(&["a", "b"]);
    let tell = |progress, verbosity| {
        let page = Page::default();
        let mut reporter = reporter(&plan, progress, verbosity, &page);
        reporter.say("run folder runs/x");
        reporter.on_event_at(began(2), at(0));
        reporter.on_event_at(RunEvent::Started { task: TaskIndex(0) }, at(1));
        reporter.on_event_at(ended(0, OK.0, OK.1), at(2));
        reporter.on_event_at(ended(1, ERROR.0, ERROR.1), at(3));
        let text = "something".to_owned();
        reporter.on_event_at(RunEvent::Note { text }, at(4));
        reporter.finish_at(at(5));
        let first = |line: String| line.split(' ').next().map(str::to_owned);
        page.lines()
            .into_iter()
            .filter_map(first)
            .collect::<Vec<_>>()
    };
    assert_eq!(tell(Progress::None, -1), ["ERROR"]);
    assert_eq!(tell(Progress::None, 0), ["run", "ERROR", "note"]);
    assert_eq!(
        tell(Progress::Lines, 0),
        ["run", "2", "ERROR", "note", "done"]
    );
    assert_eq!(
        tell(Progress::Lines, 1),
        ["run", "2", "ok", "ERROR", "note", "done"]
    );
    assert_eq!(
        tell(Progress::Lines, 2),
        ["run", "2", "started", "ok", "ERROR", "note", "done"]
    );
}

#[test]
fn many_crashes_in_a_row_become_lines_and_quiet_brings_cards_back() {
    let plan = plan(&["a"]);
    let page = Page::default();
    let mut reporter = reporter(&plan, Progress::Lines, -1, &page);
    for n in 0..10_000 {
        reporter.on_event_at(ended(0, CRASH_AGAIN.0, CRASH_AGAIN.1), at(n));
    }
    // Five cards of five lines, the announcement, a line for each of the rest.
    assert_eq!(page.lines().len(), 25 + 1 + 9_995);
    let announced = page
        .lines()
        .iter()
        .filter(|line| line.contains("in a row"))
        .count();
    assert_eq!(announced, 1);
    reporter.on_event_at(ended(0, CRASH_AGAIN.0, CRASH_AGAIN.1), at(60_000));
    assert!(page.text().contains("next:"));
    assert_eq!(page.lines().len(), 25 + 1 + 9_995 + 5);
}

#[test]
fn why_a_run_stops_is_said() {
    let plan = plan(&["a"]);
    let page = Page::default();
    let mut reporter = reporter(&plan, Progress::None, -1, &page);
    let reason = "disk\x1b full".to_owned();
    let reason = StopReason::Journal { reason };
    reporter.on_event_at(RunEvent::Stopping { reason }, at(0));
    let reason = StopReason::Signal(2);
    reporter.on_event_at(
        RunEvent::Stopping {
            reason: reason.clone(),
        },
        at(0),
    );
    reporter.verbosity = 0;
    reporter.on_event_at(RunEvent::Stopping { reason }, at(0));
    let lines = page.lines();
    assert_eq!(
        lines[0],
        "STOPPING  the journal cannot be written: disk\\x1b full"
    );
    assert!(
        lines[1].starts_with("stopping  SIGINT: no new task"),
        "{}",
        lines[1]
    );
    assert_eq!(lines.len(), 2);
}

#[test]
fn a_stderr_that_is_gone_ends_nothing() {
    struct Gone;
    impl Write for Gone {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
    let plan = plan(&["a"]);
    for with_bar in [false, true] {
        let bar = with_bar.then(|| {
            let term = Term {
                is_gone: true,
                ..Term::default()
            };
            screen::bar(ProgressDrawTarget::term_like(Box::new(term)))
        });
        let screen = Screen::with(Box::new(Gone), true, bar);
        let mut reporter = Reporter::on(screen, &plan, Progress::Auto, 2, Path::new("x"), at(0));
        reporter.on_event_at(began(1), at(0));
        reporter.on_event_at(ended(0, CRASH_AGAIN.0, CRASH_AGAIN.1), at(1));
        reporter.on_event_at(ended(0, OK.0, OK.1), at(20_000));
        assert_eq!(reporter.finish_at(at(20_001)).ended(), 1);
    }
}

#[test]
fn the_bar_shows_counts_is_redrawn_seldom_and_leaves_no_trace() {
    let plan = plan(&["a", "b", "c", "d"]);
    let page = Page::default();
    let term = Term::default();
    let target = ProgressDrawTarget::term_like(Box::new(term.clone()));
    let screen = Screen::with(Box::new(page.clone()), false, Some(screen::bar(target)));
    let mut reporter = Reporter::on(screen, &plan, Progress::Auto, 0, Path::new("x"), at(0));
    reporter.on_event_at(began(4), at(0));
    reporter.on_event_at(ended(0, OK.0, OK.1), at(50));
    assert!(term.contents().contains("0/4  0 ok"), "{}", term.contents());
    reporter.on_event_at(ended(1, ERROR.0, ERROR.1), at(2000));
    assert!(
        term.contents()
            .contains("2/4  1 ok, 1 error  2.0 s elapsed, about 2.0 s left"),
        "{}",
        term.contents()
    );
    reporter.finish_at(at(3000));
    assert_eq!(term.contents(), "");
    assert_eq!(
        page.lines().last().map(String::as_str),
        Some("done in 3.0 s: 1 ok, 1 error")
    );
}

proptest! {
    #[test]
    fn no_control_byte_of_a_stranger_comes_out(
        name in "\\PC{0,8}[\\x00-\\x1f\\x7f-\\u{9f}\u{202a}-\u{202e}]{0,8}",
        message in proptest::collection::vec(any::<char>(), 0..40),
        verbosity in -1i8..3,
    ) {
        let message: String = message.into_iter().collect();
        let plan = plan(&[&name]);
        let page = Page::default();
        let mut reporter = reporter(&plan, Progress::Lines, verbosity, &page);
        reporter.run_dir = PathBuf::from(&message);
        reporter.say(&message);
        reporter.on_event_at(RunEvent::Note { text: message.clone() }, at(0));
        let mut event = ended(0, CRASH_AGAIN.0, CRASH_AGAIN.1);
        if let RunEvent::AttemptEnded { cause: Some(cause), .. } = &mut event {
            cause.message = message.clone();
            cause.signal = Some(message.clone());
            cause.limit = Some(message);
        }
        for n in 0..8 {
            reporter.on_event_at(event.clone(), at(n));
        }
        reporter.finish_at(at(9));
        let bad: Vec<char> = page.text().chars().filter(|&c| c != '\n' && is_harmful(c)).collect();
        prop_assert!(bad.is_empty(), "{bad:?}");
    }
}
