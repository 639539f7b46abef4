//! The date by SNTP: the packets of an NTP version 4 client (RFC 4330, section 5).
//!
//! Written by hand because a device needs only one packet of 48 bytes with fixed fields.

use core::fmt;

/// The port of NTP servers.
pub(super) const PORT: u16 = 123;

/// The length of a packet without extensions, in bytes.
pub(super) const PACKET: usize = 48;

/// The seconds from 1900, the epoch of NTP, to 1970.
const TO_1970: u64 = 2_208_988_800;

/// A request. Its transmit timestamp is a random nonce, which the server repeats: an attacker who has not seen the request
/// cannot answer it.
pub(super) fn request(nonce: u64) -> [u8; PACKET] {
    let mut packet = [0; PACKET];
    let [first, .., t0, t1, t2, t3, t4, t5, t6, t7] = &mut packet;
    // Leap indicator 0, version 4, mode 3 (client).
    *first = 0b00_100_011;
    // The transmit time of the client carries the nonce, since servers copy it into the answer (RFC 4330, section 5).
    for (place, byte) in [t0, t1, t2, t3, t4, t5, t6, t7].into_iter().zip(nonce.to_be_bytes()) {
        *place = byte;
    }
    packet
}

/// The reason why an answer is rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AnswerError {
    /// The packet does not answer this request.
    Foreign,
    /// The server is not synchronized, or demands that the client stops (kiss-o'-death).
    Unsynchronized,
    /// The date is before the build time, or implausibly far after it.
    Past,
}

impl fmt::Display for AnswerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Foreign => "its answer does not match the request",
            Self::Unsynchronized => "it is not synchronized",
            Self::Past => "its date is before the build date of this firmware",
        })
    }
}

/// The date of an answer in milliseconds since 1970.
///
/// NTP counts 32 bits of seconds and overflows in 2036. The result is the first matching date that is at most a day before
/// the build; dates before the build are rejected.
pub(super) fn date(answer: &[u8], nonce: u64, build: u64) -> Result<u64, AnswerError> {
    let Some((answer, _)) = answer.split_first_chunk::<PACKET>() else { return Err(AnswerError::Foreign) };
    let [first, stratum, middle @ .., s0, s1, s2, s3, f0, f1, f2, f3] = *answer;
    let [.., o0, o1, o2, o3, o4, o5, o6, o7, _, _, _, _, _, _, _, _] = middle;
    let origin = u64::from_be_bytes([o0, o1, o2, o3, o4, o5, o6, o7]);
    let (warning, version, mode) = (first >> 6, first >> 3 & 7, first & 7);
    if mode != 4 || !matches!(version, 3 | 4) || origin != nonce {
        return Err(AnswerError::Foreign);
    }
    let seconds = u32::from_be_bytes([s0, s1, s2, s3]);
    // Leap indicator 3 and stratum 0 or 16 mean that the server itself has no time.
    if warning == 3 || !matches!(stratum, 1..=15) || seconds == 0 {
        return Err(AnswerError::Unsynchronized);
    }
    const DAY: u64 = 86_400;
    // A day of tolerance, because the build date has no time zone.
    let earliest = (build + TO_1970).saturating_sub(DAY);
    // The seconds have 32 bits and begin again in 2036. The era is chosen so that the date is after the build.
    let mut since_1900 = earliest & !u64::from(u32::MAX) | u64::from(seconds);
    if since_1900 < earliest {
        since_1900 += 1 << 32;
    }
    // A date nearly a whole era ahead means that the server's clock is slow.
    const CENTURY: u64 = 36_525 * DAY;
    let date = since_1900 - TO_1970;
    if date < build || date > build + CENTURY {
        return Err(AnswerError::Past);
    }
    // The fraction counts units of 1/2^32 s.
    let fraction = u64::from(u32::from_be_bytes([f0, f1, f2, f3]));
    Ok(date * 1_000 + ((fraction * 1_000) >> 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUILD: u64 = 1_795_579_200;
    const NONCE: u64 = 0x0123_4567_89ab_cdef;

    /// The answer of a server with this Unix time.
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
    fn a_request_has_the_nonce_as_its_timestamp() {
        let request = request(NONCE);
        assert_eq!(request[0], 0x23);
        assert_eq!(request[1..40], [0; 39]);
        assert_eq!(request[40..], NONCE.to_be_bytes());
    }

    #[test]
    fn dates_are_decoded_in_this_era_and_in_the_next() {
        // In 20 years the 32 bits of NTP seconds have begun again, on 2036-02-07.
        for later in [0, 60, 86_400 * 365 * 20] {
            assert_eq!(date(&answer(BUILD + later), NONCE, BUILD), Ok((BUILD + later) * 1_000));
        }
    }

    #[test]
    fn the_fraction_counts_as_milliseconds() {
        let mut packet = answer(BUILD);
        // Three quarters of 2^32.
        packet[44..].copy_from_slice(&0xC000_0000_u32.to_be_bytes());
        assert_eq!(date(&packet, NONCE, BUILD), Ok(BUILD * 1_000 + 750));
        packet[44..].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(date(&packet, NONCE, BUILD), Ok(BUILD * 1_000 + 999));
    }

    #[test]
    fn dates_before_the_build_are_rejected() {
        for earlier in [1, 3_600, 86_400 * 30, 86_400 * 365 * 10] {
            assert_eq!(date(&answer(BUILD - earlier), NONCE, BUILD), Err(AnswerError::Past), "{earlier}");
        }
    }

    #[test]
    fn answers_to_other_requests_and_of_unsynchronized_servers_are_rejected() {
        let good = answer(BUILD + 60);
        assert_eq!(date(&good, NONCE + 1, BUILD), Err(AnswerError::Foreign));
        assert_eq!(date(&good[..47], NONCE, BUILD), Err(AnswerError::Foreign));
        // The device's own request, sent back to it.
        assert_eq!(date(&request(NONCE), NONCE, BUILD), Err(AnswerError::Foreign));
        // Leap indicator 3, stratum 0 and stratum 16 all mean that the
        // server has no time itself (RFC 5905, section 7.3).
        assert_eq!(date(&changed(0, 0b11_100_100), NONCE, BUILD), Err(AnswerError::Unsynchronized));
        assert_eq!(date(&changed(1, 0), NONCE, BUILD), Err(AnswerError::Unsynchronized));
        assert_eq!(date(&changed(1, 16), NONCE, BUILD), Err(AnswerError::Unsynchronized));
    }
}
