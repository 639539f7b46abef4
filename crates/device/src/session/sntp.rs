//! The date by SNTP: what a client of NTP version 4 sends and takes (RFC 4330, section 5).

use core::fmt;

/// The port of time servers.
pub(super) const PORT: u16 = 123;

/// Both ways, without extensions.
pub(super) const PACKET: usize = 48;

/// Seconds from 1900, NTP's beginning, to 1970.
const TO_1970: u64 = 2_208_988_800;

/// A request. Where a server puts the time at which we sent it, there stands a number that nobody can foresee: only
/// who saw the request can answer it.
pub(super) fn request(nonce: u64) -> [u8; PACKET] {
    let mut packet = [0; PACKET];
    let [first, .., t0, t1, t2, t3, t4, t5, t6, t7] = &mut packet;
    // No warning, version 4, client.
    *first = 0b00_100_011;
    for (place, byte) in [t0, t1, t2, t3, t4, t5, t6, t7].into_iter().zip(nonce.to_be_bytes()) {
        *place = byte;
    }
    packet
}

/// Why an answer says nothing about the date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Useless {
    /// It is no answer of a server, or not to this request.
    Foreign,
    /// The server has no date itself, or asks to be left alone.
    Unsynchronised,
    /// A date before this firmware was built.
    Past,
}

impl fmt::Display for Useless {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "its answer is not one to our question",
            Self::Unsynchronised => "it does not know the time itself",
            Self::Past => "it says a date before this firmware was built",
        })
    }
}

/// The date of an answer in seconds since 1970.
///
/// NTP counts 32 bits of seconds, and begins anew in 2036: of the dates that an answer may mean it is the first one
/// that is not more than a day before the build. Never is a date handed out that is before the build.
pub(super) fn date(answer: &[u8], nonce: u64, build: u64) -> Result<u64, Useless> {
    let Some((answer, _)) = answer.split_first_chunk::<PACKET>() else { return Err(Useless::Foreign) };
    let [first, stratum, middle @ .., s0, s1, s2, s3, _, _, _, _] = *answer;
    let [.., o0, o1, o2, o3, o4, o5, o6, o7, _, _, _, _, _, _, _, _] = middle;
    let origin = u64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]);
    let (warning, version, mode) = (first >> 6, first >> 3 & 7, first & 7);
    if mode != 4 || !matches!(version, 3 | 4) || origin != nonce {
        return Err(Useless::Foreign);
    }
    let seconds = u32::from_be_bytes([s0, s1, s2, s3]);
    if warning == 3 || !matches!(stratum, 1..=15) || seconds == 0 {
        return Err(Useless::Unsynchronised);
    }
    const DAY: u64 = 86_400;
    let earliest = (build + TO_1970).saturating_sub(DAY);
    let mut since_1900 = earliest & !u64::from(u32::MAX) | u64::from(seconds);
    if since_1900 < earliest {
        since_1900 += 1 << 32;
    }
    // What is nearly a whole era ahead is a clock that lags.
    const CENTURY: u64 = 36_525 * DAY;
    let date = since_1900 - TO_1970;
    if date < build || date > build + CENTURY { Err(Useless::Past) } else { Ok(date) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILD: u64 = 1_795_579_200;
    const NONCE: u64 = 0x0123_4567_89ab_cdef;

    /// What a server answers that has this time, as the 32 bits that NTP has for it.
    fn answer(unix: u64) -> [u8; PACKET] {
        let mut packet = [0; PACKET];
        packet[0] = 0b00_100_100;
        packet[1] = 2;
        packet[24..32].copy_from_slice(&request(NONCE)[40..]);
        packet[40..44].copy_from_slice(&((unix + TO_1970) as u32).to_be_bytes());
        packet
    }

    fn changed(at: usize, byte: u8) -> [u8; PACKET] {
        let mut packet = answer(BUILD + 60);
        packet[at] = byte;
        packet
    }

    #[test]
    fn a_request_is_a_clients_with_the_nonce_as_its_time() {
        let request = request(NONCE);
        assert_eq!(request[0], 0x23);
        assert_eq!(request[1..40], [0; 39]);
        assert_eq!(request[40..], NONCE.to_be_bytes());
    }

    #[test]
    fn an_answer_is_a_date_in_this_era_and_in_the_next() {
        for later in [0, 60, 86_400 * 365 * 20] {
            assert_eq!(date(&answer(BUILD + later), NONCE, BUILD), Ok(BUILD + later));
        }
    }

    #[test]
    fn the_date_never_goes_below_the_build() {
        for earlier in [1, 3_600, 86_400 * 30, 86_400 * 365 * 10] {
            assert_eq!(date(&answer(BUILD - earlier), NONCE, BUILD), Err(Useless::Past), "{earlier}");
        }
    }

    #[test]
    fn answers_to_others_and_of_others_are_not_taken() {
        let good = answer(BUILD + 60);
        assert_eq!(date(&good, NONCE + 1, BUILD), Err(Useless::Foreign));
        assert_eq!(date(&good[..47], NONCE, BUILD), Err(Useless::Foreign));
        assert_eq!(date(&request(NONCE), NONCE, BUILD), Err(Useless::Foreign));
        assert_eq!(date(&changed(0, 0b11_100_100), NONCE, BUILD), Err(Useless::Unsynchronised));
        assert_eq!(date(&changed(1, 0), NONCE, BUILD), Err(Useless::Unsynchronised));
        assert_eq!(date(&changed(1, 16), NONCE, BUILD), Err(Useless::Unsynchronised));
    }
}
