//! What the `supervisor` program is made of.
//!
//! | room | holds |
//! | --- | --- |
//! | [`cli`], [`settings`] | what was typed, and what it means |
//! | [`commands`] | one file a command |
//! | [`engine`] | the run itself: scheduler, workers, record |
//! | [`start`] | how workers come to be |
//! | [`reporter`] | what is seen while a run goes on |
//! | [`report`] | what is printed after it |
//!
//! It is a library for the sake of those who check it: the simulation and the fuzz targets run these very
//! rooms over a machine that they make up. The program itself is a page (`main.rs`).

pub mod cli;
pub mod commands;
pub mod engine;
pub mod report;
pub mod reporter;
pub mod settings;
pub mod start;
