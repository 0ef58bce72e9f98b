//! What is left when the power goes.
//!
//! Unsynced bytes go to the disk by pages, in any order; a page may have gone there while the file was shorter.
//! Unsynced changes of names go there in any order too. How much came is drawn: nothing, everything, the first of
//! it, or any subset.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{File, Node, SimulatedDisk, parent};
use crate::draws::Draws;

/// How much of what was on its way came.
#[derive(Clone, Copy)]
enum Luck {
    None,
    All,
    /// The first of it, up to some place.
    First,
    /// Each with so many chances in a hundred.
    Some(u64),
}

impl Luck {
    fn draw(draws: &mut Draws) -> Luck {
        match draws.below(6) {
            0 => Luck::None,
            1 => Luck::All,
            2 => Luck::First,
            3 => Luck::Some(20),
            4 => Luck::Some(50),
            _ => Luck::Some(85),
        }
    }

    /// Which of so many came.
    fn of(self, count: usize, draws: &mut Draws) -> Vec<bool> {
        let first = draws.below(count as u64 + 1) as usize;
        (0..count)
            .map(|at| match self {
                Luck::None => false,
                Luck::All => true,
                Luck::First => at < first,
                Luck::Some(percent) => draws.percent(percent),
            })
            .collect()
    }
}

impl SimulatedDisk {
    /// The process dies, and the machine with it. What is on the disk when it is back is durable.
    pub fn lose_power(&self) {
        let mut inner = self.lock();
        inner.is_dead = true;
        inner.dies_in = None;
        inner.job = None;
        let mut draws = inner.draws.clone();
        let luck = Luck::draw(&mut draws);
        let page = draws.pick(&[64, 512, 4096]);
        for file in &mut inner.files {
            file.lose_power(luck, page, &mut draws);
        }
        let changes = std::mem::take(&mut inner.changes);
        let luck = Luck::draw(&mut draws);
        let came = luck.of(changes.len(), &mut draws);
        let mut names = inner.durable_names.clone();
        for (change, came) in changes.iter().zip(came) {
            if came {
                change.apply(&mut names);
            }
        }
        let names = reachable(&names);
        inner.names = names.clone();
        inner.durable_names = names;
        inner.draws = draws;
    }
}

/// The names whose folders are there.
fn reachable(names: &BTreeMap<PathBuf, Node>) -> BTreeMap<PathBuf, Node> {
    let mut reached: BTreeMap<PathBuf, Node> = BTreeMap::new();
    // A folder comes before what is in it.
    for (path, node) in names {
        let is_root = path.parent().is_none();
        if is_root || reached.get(parent(path)) == Some(&Node::Folder) {
            reached.insert(path.clone(), *node);
        }
    }
    reached
}

impl File {
    fn lose_power(&mut self, luck: Luck, page: usize, draws: &mut Draws) {
        let (from, to) = (self.durable, self.content.len());
        if from < to {
            let first = from / page;
            let pages = to.div_ceil(page) - first;
            let came = luck.of(pages, draws);
            let mut end = from;
            for (at, came) in (first..).zip(came) {
                let (begin, stop) = ((at * page).max(from), ((at + 1) * page).min(to));
                // An older state of the page may have come: one that ended with some line.
                let kept = match came {
                    true if draws.percent(20) => self.a_line_end(begin, stop, draws),
                    true => stop,
                    false => begin,
                };
                self.content[kept..stop].fill(0);
                if kept > begin {
                    end = kept;
                }
            }
            // The file's length may have come without its bytes.
            if draws.percent(75) {
                self.content.truncate(end);
            }
        }
        self.durable = self.content.len();
        self.line_from = self.durable;
        self.locked_by = None;
    }

    /// Some place in these bytes at which a line had ended.
    fn a_line_end(&self, begin: usize, stop: usize, draws: &mut Draws) -> usize {
        let ends: Vec<usize> = (begin..stop)
            .filter(|&at| self.content[at] == b'\n')
            .map(|at| at + 1)
            .collect();
        if ends.is_empty() {
            begin
        } else {
            draws.pick(&ends)
        }
    }
}
