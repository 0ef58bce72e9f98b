//! The engine: it runs the tasks of a plan in workers.
//!
//! | part | does |
//! | --- | --- |
//! | [`books`] | what is to be done with each task |
//! | [`reactor`], [`state`] | decide: one pure function over plain data |
//! | [`dispatcher`] | the only loop: waits, steps, acts, records, tells |
//! | [`crew`] | what it needs of those who run the tasks |
//! | [`pool`], [`mailbox`], [`output`], [`memory`] | the crew of real runs: the live processes and the threads around them |
//! | [`ledger`] | an ended attempt becomes a line of the journal |
//! | [`choose`] | what `auto` means here |
//! | [`inline`] | the same tasks without any process |
//! | [`event`] | what the rest of the program is told |
//!
//! The engine never prints: it tells events. It never looks at a clock in its decisions, and never waits
//! for a worker without a deadline.

pub mod books;
pub mod choose;
pub mod crew;
pub mod dispatcher;
pub mod event;
pub mod inline;
pub mod ledger;
pub mod mailbox;
pub mod memory;
pub mod output;
pub mod pool;
pub mod reactor;
pub mod state;
