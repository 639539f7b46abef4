//! A reading, and a simulated sensor for boards without one.

use core::convert::Infallible;
use core::fmt;

use super::platform::Sensor;

/// Temperature and humidity. They are integers, because some chips have no floating-point unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// Temperature in hundredths of a degree Celsius.
    pub temperature: i32,
    /// Relative humidity in hundredths of a percent.
    pub humidity: i32,
}

/// The values in JSON: `{"temperature":25.5,"humidity":26}`.
impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { temperature, humidity } = *self;
        write!(f, "{{\"temperature\":{},\"humidity\":{}}}", Hundredths(temperature), Hundredths(humidity))
    }
}

/// A reading, and the Unix time at which it was taken in milliseconds, if the date is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Telemetry {
    pub(super) time: Option<u64>,
    pub(super) reading: Reading,
}

/// ThingsBoard's telemetry format. Values without a time are stored with the time of their arrival.
impl fmt::Display for Telemetry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time, reading } = self;
        match time {
            Some(time) => write!(f, "{{\"ts\":{time},\"values\":{reading}}}"),
            None => reading.fmt(f),
        }
    }
}

/// A JSON number without trailing zeros.
struct Hundredths(i32);

impl fmt::Display for Hundredths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Apart from the number, because the whole part of -0.05 is 0 and has no sign.
        let sign = if self.0 < 0 { "-" } else { "" };
        let (whole, rest) = (self.0.unsigned_abs() / 100, self.0.unsigned_abs() % 100);
        match (rest / 10, rest % 10) {
            (0, 0) => write!(f, "{sign}{whole}"),
            (tenths, 0) => write!(f, "{sign}{whole}.{tenths}"),
            (tenths, hundredths) => write!(f, "{sign}{whole}.{tenths}{hundredths}"),
        }
    }
}

/// A simulated sensor: a slow wave around 25 degrees and 50 percent.
#[derive(Debug, Default)]
pub struct SimulatedSensor {
    step: i32,
}

impl Sensor for SimulatedSensor {
    type Error = Infallible;

    async fn read(&mut self) -> Result<Reading, Infallible> {
        // A triangle wave of 80 steps, or 400 seconds.
        let height = (self.step - 40).abs() - 20;
        self.step = (self.step + 1) % 80;
        Ok(Reading { temperature: 2_500 + 25 * height, humidity: 5_000 - 50 * height })
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn telemetry_is_json_without_trailing_zeros() {
        for (temperature, humidity, json) in [
            (2_550, 2_600, r#"{"temperature":25.5,"humidity":26}"#),
            (-5, 10_000, r#"{"temperature":-0.05,"humidity":100}"#),
            (-1_234, 7, r#"{"temperature":-12.34,"humidity":0.07}"#),
            // Its absolute value does not fit in an i32.
            (i32::MIN, 0, r#"{"temperature":-21474836.48,"humidity":0}"#),
        ] {
            let reading = Reading { temperature, humidity };
            assert_eq!(Telemetry { time: None, reading }.to_string(), json);
            let time = Some(1_795_579_200_123);
            let with_time = format!(r#"{{"ts":1795579200123,"values":{json}}}"#);
            assert_eq!(Telemetry { time, reading }.to_string(), with_time);
        }
    }
}
