//! `supervisor`: runs experiments in processes of their own and records what came of them.

mod cli;
mod engine;
mod settings;
mod start;

fn main() {}
