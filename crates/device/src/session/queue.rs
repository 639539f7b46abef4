//! The queue of unacknowledged readings.

use alloc::collections::VecDeque;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;

use super::reading::{Reading, Telemetry};

/// The number of readings that are kept: more than eight minutes.
pub const CAPACITY: usize = 100;

/// The signal that a reading was queued. Sampler and sender run in one task, so that it needs no lock.
pub(super) type NewReading = Signal<NoopRawMutex, ()>;

/// Readings in their order, each with a number.
#[derive(Default)]
pub(super) struct Queue {
    readings: VecDeque<Queued>,
    next: u64,
}

#[derive(Clone, Copy)]
struct Queued {
    number: u64,
    reading: Reading,
    /// The uptime at which it was taken, in milliseconds.
    taken: u64,
    /// The Unix time at which it was taken, in milliseconds, from the first attempt to send it with a known date. It then
    /// stays the same, so that a repeated message does not become a second value.
    time: Option<u64>,
}

impl Queue {
    /// Adds a reading that was taken at this uptime. Returns whether the oldest one was dropped for it.
    pub(super) fn push(&mut self, reading: Reading, uptime: u64) -> bool {
        // The oldest reading goes, because the newest ones matter most.
        let full = self.readings.len() >= CAPACITY;
        if full {
            self.readings.pop_front();
        }
        self.readings.push_back(Queued { number: self.next, reading, taken: uptime, time: None });
        self.next += 1;
        full
    }

    /// The oldest reading, which stays until it is [`done`](Self::done). Its time is set if `date` returns the Unix time of
    /// an uptime, both in milliseconds.
    pub(super) fn oldest(&mut self, date: impl FnOnce(u64) -> Option<u64>) -> Option<(u64, Telemetry)> {
        let oldest = self.readings.front_mut()?;
        oldest.time = oldest.time.or_else(|| date(oldest.taken));
        Some((oldest.number, Telemetry { time: oldest.time, reading: oldest.reading }))
    }

    /// Forgets the times of all readings, because the date that they were computed from is in doubt.
    pub(super) fn forget_times(&mut self) {
        self.readings.iter_mut().for_each(|queued| queued.time = None);
    }

    /// Removes an acknowledged reading, unless it was dropped meanwhile.
    pub(super) fn done(&mut self, number: u64) {
        // The queue may have dropped the reading while it was being sent.
        if self.readings.front().is_some_and(|oldest| oldest.number == number) {
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

    fn oldest(queue: &mut Queue) -> Option<(u64, Reading)> {
        queue.oldest(|_| None).map(|(number, telemetry)| (number, telemetry.reading))
    }

    #[test]
    fn the_last_hundred_stay_in_their_order() {
        let mut queue = Queue::default();
        for n in 0..150 {
            // True as soon as the oldest reading is dropped.
            assert_eq!(queue.push(reading(n), 0), n >= 100);
        }
        for n in 50..150 {
            let (number, oldest) = oldest(&mut queue).unwrap();
            assert_eq!(oldest, reading(n));
            queue.done(number);
        }
        assert_eq!((oldest(&mut queue), queue.len()), (None, 0));
    }

    #[test]
    fn a_late_acknowledgment_removes_no_other_reading() {
        let mut queue = Queue::default();
        queue.push(reading(0), 0);
        let (sent, _) = oldest(&mut queue).unwrap();
        // As many as drop the reading that was sent before its acknowledgment comes.
        (1..=100).for_each(|n| _ = queue.push(reading(n), 0));
        queue.done(sent);
        assert_eq!(oldest(&mut queue).unwrap().1, reading(1));
    }

    #[test]
    fn a_reading_keeps_its_first_time_until_the_date_is_in_doubt() {
        let mut queue = Queue::default();
        queue.push(reading(0), 5_000);
        let mut time = |date: Option<u64>| queue.oldest(|uptime| date.map(|date| date + uptime)).unwrap().1.time;
        assert_eq!(time(None), None);
        assert_eq!(time(Some(1_000_000)), Some(1_005_000));
        assert_eq!(time(Some(2_000_000)), Some(1_005_000));
        queue.forget_times();
        assert_eq!(queue.oldest(|uptime| Some(uptime + 7)).unwrap().1.time, Some(5_007));
    }
}
