//! Circles of files: files that use each other, directly or through others.

use std::collections::{BTreeMap, VecDeque};

use super::uses::Uses;

/// For each file that is on a circle of three or more files, the shortest such circle, beginning with this file.
pub(crate) fn long_circles(uses: &Uses) -> BTreeMap<usize, Vec<usize>> {
    let graph = graph(uses);
    let mut circles: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &(from, to) in uses.keys() {
        // The way back, other than by the direct step.
        let parents = reach(&graph, to, Some((to, from)));
        if !parents.contains_key(&from) {
            continue;
        }
        let mut circle = vec![from];
        let mut at = from;
        while let Some(&parent) = parents.get(&at).filter(|_| at != to) {
            circle.push(parent);
            at = parent;
        }
        circle.reverse();
        for start in 0..circle.len() {
            circle.rotate_left(usize::from(start > 0));
            let Some(&first) = circle.first() else { continue };
            if circles.get(&first).is_none_or(|known| known.len() > circle.len()) {
                circles.insert(first, circle.clone());
            }
        }
    }
    circles
}

fn graph(uses: &Uses) -> BTreeMap<usize, Vec<usize>> {
    let mut graph: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for &(from, to) in uses.keys() {
        graph.entry(from).or_default().push(to);
    }
    graph
}

/// The files that one file reaches by at least one step, each with the file before it on a shortest way.
fn reach(graph: &BTreeMap<usize, Vec<usize>>, start: usize, without: Option<(usize, usize)>) -> BTreeMap<usize, usize> {
    let mut parents = BTreeMap::new();
    let mut open = VecDeque::from([start]);
    while let Some(file) = open.pop_front() {
        for &next in graph.get(&file).into_iter().flatten() {
            if Some((file, next)) != without && !parents.contains_key(&next) {
                parents.insert(next, file);
                open.push_back(next);
            }
        }
    }
    parents
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(pairs: &[(usize, usize)]) -> Uses {
        pairs.iter().map(|pair| (*pair, 1)).collect()
    }

    #[test]
    fn a_parent_and_its_children_are_no_long_circle() {
        // 0 and 1 use each other, and 0 and 2: a group of three, without a circle longer than two.
        let pairs = uses(&[(0, 1), (1, 0), (0, 2), (2, 0)]);
        assert!(long_circles(&pairs).is_empty());
    }

    #[test]
    fn the_shortest_long_circle_of_each_file_is_found() {
        let circles = long_circles(&uses(&[(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 0), (5, 0)]));
        assert_eq!(circles[&1], [1, 2, 0]);
        assert_eq!(circles[&0], [0, 1, 2]);
        assert_eq!(circles[&3], [3, 4, 0, 1, 2]);
        assert_eq!(circles.keys().copied().collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    }
}
