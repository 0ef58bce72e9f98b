//! Runs the supervisor's engine and record on a machine that is made up, to find what breaks their promises.
//!
//! The reactor, the dispatcher, the ledger, the books, the journal, its recovery and the derived files are the
//! program's own. Under them the clock, the workers, the channels and the disk are simulated, in one thread. A seed
//! says everything: the plan, the rules of the run, and a hundred things that go wrong in an hour; the same seed
//! gives the same log, byte for byte. The way is FoundationDB's (Zhou and others: FoundationDB, a distributed
//! unbundled transactional key value store, SIGMOD 2021, section 4).
//!
//! | room | holds |
//! | --- | --- |
//! | [`scenario`], [`fault`], [`draws`] | what a seed means |
//! | [`crew`], [`process`] | workers and channels, and what strikes them |
//! | [`disk`] | files, syncs, and what a loss of power leaves |
//! | [`life`] | one supervisor after the other, to the end of the run |
//! | [`witness`] | what must never happen |
//! | [`log`], [`minimise`] | a failure to be read: its log, and as few faults as show it |
//!
//! What is *not* simulated, and is tested with real processes instead: the pool of live processes with its threads,
//! the start of workers, `sys`. `docs/design/how-it-is-checked.md` says what checks what.
//!
//! Nothing here may depend on anything but the seed: no clock of the machine, no map in random order, no address.

pub mod crew;
pub mod disk;
pub mod draws;
pub mod fault;
pub mod life;
pub mod log;
pub mod minimise;
pub mod process;
pub mod scenario;
pub mod witness;
