//! The queue of unacknowledged readings.

use alloc::collections::VecDeque;

use super::reading::Reading;

/// The number of readings that are kept: more than eight minutes.
pub const CAPACITY: usize = 100;

/// Readings in their order, each with a number.
#[derive(Default)]
pub(super) struct Queue {
    readings: VecDeque<(u64, Reading)>,
    next: u64,
}

impl Queue {
    /// Adds a reading. Returns whether the oldest one was dropped for it.
    pub(super) fn push(&mut self, reading: Reading) -> bool {
        let full = self.readings.len() >= CAPACITY;
        if full {
            self.readings.pop_front();
        }
        self.readings.push_back((self.next, reading));
        self.next += 1;
        full
    }

    /// The oldest reading, which stays until it is [`done`](Self::done).
    pub(super) fn oldest(&self) -> Option<(u64, Reading)> {
        self.readings.front().copied()
    }

    /// Removes an acknowledged reading, unless it was dropped meanwhile.
    pub(super) fn done(&mut self, number: u64) {
        if self.oldest().is_some_and(|(oldest, _)| oldest == number) {
            self.readings.pop_front();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.readings.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(temperature: i32) -> Reading {
        Reading { temperature, humidity: 0 }
    }

    #[test]
    fn the_last_hundred_stay_in_their_order() {
        let mut queue = Queue::default();
        for n in 0..150 {
            assert_eq!(queue.push(reading(n)), n >= 100);
        }
        for n in 50..150 {
            let (number, oldest) = queue.oldest().unwrap();
            assert_eq!(oldest, reading(n));
            queue.done(number);
        }
        assert_eq!((queue.oldest(), queue.len()), (None, 0));
    }

    #[test]
    fn a_late_acknowledgment_removes_no_other_reading() {
        let mut queue = Queue::default();
        queue.push(reading(0));
        let (sent, _) = queue.oldest().unwrap();
        (1..=100).for_each(|n| _ = queue.push(reading(n)));
        queue.done(sent);
        assert_eq!(queue.oldest().unwrap().1, reading(1));
    }
}
