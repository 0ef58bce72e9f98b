//! The segments of all nodes, in eight bytes each: the graph that the merge walks through.

use std::collections::BTreeMap;

use super::table::Segment;

/// Where each node's segment ends, and how long it is.
#[derive(Debug)]
pub(super) struct Links {
    successors: Vec<u32>,
    /// [`UNKNOWN`] before it is put and after it is walked; [`LONG`] where it stands in `long`.
    lengths: Vec<u32>,
    /// Lengths of [`LONG`] and more, by node: next to none where segments have their mean length.
    long: BTreeMap<u32, u64>,
}

/// No segment has this length.
const UNKNOWN: u32 = 0;

/// What stands for all lengths that do not fit.
const LONG: u32 = u32::MAX;

impl Links {
    /// Of so many nodes, nothing known of any; at most 2^32 of them.
    pub fn of_nodes(nodes: u64) -> Links {
        Links {
            successors: vec![0; nodes as usize],
            lengths: vec![UNKNOWN; nodes as usize],
            long: BTreeMap::new(),
        }
    }

    /// Puts the segments that begin at the nodes from `first` on. `None` when one of them ends at no node.
    pub fn put(&mut self, first: u64, segments: &[Segment]) -> Option<()> {
        for (node, segment) in (first..).zip(segments) {
            if segment.successor >= self.successors.len() as u64 {
                return None;
            }
            self.successors[node as usize] = segment.successor as u32; // below the number of nodes
            self.lengths[node as usize] = match u32::try_from(segment.length) {
                Ok(length) if length < LONG => length,
                _ => {
                    self.long.insert(node as u32, segment.length); // below 2^32, as all nodes
                    LONG
                }
            };
        }
        Some(())
    }

    /// The cycles that the segments form: how many of each length. `None` when the successors are no permutation of
    /// the nodes, a length is 0, or one does not fit 64 bits.
    pub fn cycles(mut self) -> Option<BTreeMap<u64, u64>> {
        let mut cycles = BTreeMap::new();
        for start in 0..self.lengths.len() {
            let (mut node, mut length) = (start, 0u64);
            while let Some(more) = self.take(node) {
                length = length.checked_add(more)?;
                node = self.successors[node] as usize;
            }
            // A walk of no step begins at a node that was on an earlier one.
            if node != start {
                return None;
            }
            if length > 0 {
                *cycles.entry(length).or_insert(0) += 1;
            }
        }
        Some(cycles)
    }

    /// The length of a node's segment, the first time it is asked for.
    fn take(&mut self, node: usize) -> Option<u64> {
        match std::mem::replace(&mut self.lengths[node], UNKNOWN) {
            UNKNOWN => None,
            LONG => self.long.get(&(node as u32)).copied(),
            length => Some(length.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cycles_of(segments: &[(u64, u64)]) -> Option<BTreeMap<u64, u64>> {
        let segments: Vec<Segment> = segments
            .iter()
            .map(|&(successor, length)| Segment { successor, length })
            .collect();
        let mut links = Links::of_nodes(segments.len() as u64);
        links.put(0, &segments)?;
        links.cycles()
    }

    #[test]
    fn segments_form_cycles_or_do_not() {
        let rings = [(1, 3), (0, 4), (2, 7), (3, 2)];
        assert_eq!(cycles_of(&rings), Some(BTreeMap::from([(7, 2), (2, 1)])));
        assert_eq!(cycles_of(&[]), Some(BTreeMap::new()));
        assert_eq!(cycles_of(&[(1, 1), (1, 1)]), None, "two end at one node");
        assert_eq!(cycles_of(&[(1, 1)]), None, "there is no such node");
        assert_eq!(cycles_of(&[(1, u64::MAX), (0, 1)]), None, "too long");
        let (most, more) = (u64::from(u32::MAX), u64::from(u32::MAX) + 1);
        let long = [(1, more), (0, most), (2, most - 1)];
        assert_eq!(
            cycles_of(&long),
            Some(BTreeMap::from([(most + more, 1), (most - 1, 1)]))
        );
    }

    #[test]
    fn a_segment_takes_eight_bytes() {
        let links = Links::of_nodes(1 << 10);
        let bytes = size_of_val(&links.successors[..]) + size_of_val(&links.lengths[..]);
        assert_eq!(bytes, 8 << 10);
    }
}
