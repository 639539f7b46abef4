//! Circles of files: files that use each other, directly or through others.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::uses::Uses;

/// The groups of two or more files in which each file reaches each other one, the largest group first.
pub(crate) fn groups(uses: &Uses) -> Vec<BTreeSet<usize>> {
    let graph = graph(uses);
    let reached: BTreeMap<usize, BTreeSet<usize>> =
        graph.keys().map(|&file| (file, reach(&graph, file, None).into_keys().collect())).collect();
    let reaches = |from: usize, to: usize| reached.get(&from).is_some_and(|files| files.contains(&to));
    let mut groups: Vec<BTreeSet<usize>> = Vec::new();
    for &file in graph.keys().filter(|&&file| reaches(file, file)) {
        if !groups.iter().any(|group| group.contains(&file)) {
            groups.push(graph.keys().copied().filter(|&other| reaches(file, other) && reaches(other, file)).collect());
        }
    }
    groups.sort_by_key(|group| usize::MAX - group.len());
    groups
}

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
    fn files_that_reach_each_other_are_a_group() {
        let uses = uses(&[(0, 1), (1, 2), (2, 0), (2, 3), (4, 5), (5, 4), (6, 0)]);
        assert_eq!(groups(&uses), [BTreeSet::from([0, 1, 2]), BTreeSet::from([4, 5])]);
    }

    #[test]
    fn a_parent_and_its_children_are_no_long_circle() {
        // 0 and 1 use each other, and 0 and 2: a group of three, without a circle longer than two.
        let pairs = uses(&[(0, 1), (1, 0), (0, 2), (2, 0)]);
        assert_eq!(groups(&pairs)[0].len(), 3);
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
