//! The series that come with this crate.

use std::{f64::consts::TAU, io::Cursor};

use super::settings::SeriesSettings;
use crate::{
    data::{
        frame::Frame,
        read::{ReadOptions, TableReader},
        table::sha256,
    },
    error::{Error, Result},
    key::Key,
};

/// A table of series that comes with this crate.
#[derive(Clone, Copy, Debug)]
pub struct BuiltInSeries {
    /// What it is called on a command line.
    pub name: &'static str,
    /// The column that says when.
    pub time: &'static str,
    /// The column that one would forecast.
    pub target: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Whom to name when you use it.
    pub attribution: &'static str,
    text: fn() -> String,
}

/// The series that come with this crate.
pub const BUILT_IN: [BuiltInSeries; 2] = [
    BuiltInSeries {
        name: "airline",
        time: "Month",
        target: "Passengers",
        about: "international airline passengers, thousands: 144 months, 1949 to 1960",
        attribution: "G. E. P. Box & G. M. Jenkins, Time Series Analysis, 1976 (series G); Time Series Data Library",
        text: || include_str!("../../../assets/data/airline-passengers.csv").to_string(),
    },
    BuiltInSeries {
        name: "seasonal",
        time: "hour",
        target: "load",
        about: "a synthetic load: 1008 hours with a daily and a weekly season, and noise that is 4 times as large by day",
        attribution: "made by this crate",
        text: || seasonal(1008, Key::new(0).fold_str("seasonal")),
    },
];

/// The built-in series of that name.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name.
pub fn find(name: &str) -> Result<&'static BuiltInSeries> {
    let known = BUILT_IN.iter().map(|series| series.name);
    BUILT_IN.iter().find(|series| series.name == name).ok_or_else(|| Error::unknown("series", name, known))
}

impl BuiltInSeries {
    /// The table.
    pub fn frame(&self) -> Frame {
        let reader = TableReader::from_reader(self.name, Cursor::new((self.text)()), &ReadOptions::default());
        Frame::read(self.name, reader.expect("a table")).expect("a whole table")
    }

    /// The settings that name its columns.
    pub fn settings(&self) -> SeriesSettings {
        SeriesSettings {
            time: vec![self.time.to_string()],
            target: vec![self.target.to_string()],
            ..SeriesSettings::default()
        }
    }

    /// The sha256 of the table as CSV, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        sha256((self.text)().as_bytes())
    }
}

/// What the `seasonal` series is drawn from at an hour, counted from midnight of a Monday: mean and standard deviation of a normal law.
///
/// ```text
/// mean = 50 + 10 sin(2 pi (h - 6) / 24) + 4 cos(2 pi h / 168)
/// sd   = 2.5 - 1.5 cos(2 pi h / 24)           from 1 at midnight to 4 at noon
/// ```
pub fn seasonal_law(hour: usize) -> (f64, f64) {
    let turn = |period: f64, from: f64| TAU * (hour as f64 - from) / period;
    let mean = 50.0 + 10.0 * libm::sin(turn(24.0, 6.0)) + 4.0 * libm::cos(turn(168.0, 0.0));
    (mean, 2.5 - 1.5 * libm::cos(turn(24.0, 0.0)))
}

/// A series of so many hours drawn from [`seasonal_law`], as CSV with the columns `hour` and `load`.
pub fn seasonal(hours: usize, draw_key: Key) -> String {
    let start = jiff::civil::date(2024, 1, 1).at(0, 0, 0, 0);
    let noise = draw_key.normal(0, 1, hours);
    let line = |(hour, z): (usize, f32)| {
        let (mean, sd) = seasonal_law(hour);
        let when = start.saturating_add(jiff::SignedDuration::from_hours(hour as i64));
        format!("{},{:.3}\n", when.strftime("%Y-%m-%d %H:%M"), mean + sd * f64::from(z))
    };
    let lines: String = noise.into_iter().enumerate().map(line).collect();
    format!("hour,load\n{lines}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_airline_series_is_the_one_of_the_library() {
        let airline = find("airline").unwrap();
        let frame = airline.frame();
        assert_eq!((frame.rows(), frame.cell(0, 0), frame.cell(143, 0)), (144, "1949-01", "1960-12"));
        let values: Vec<f64> = (0..144).map(|row| frame.cell(row, 1).parse().unwrap()).collect();
        assert_eq!((values[0], values[143], values.iter().sum::<f64>()), (112.0, 432.0, 40363.0)); // R: sum(AirPassengers)
        let readme = include_str!("../../../assets/data/README.md");
        assert!(readme.contains(&airline.sha256()));
    }

    #[test]
    fn the_seasonal_series_follows_its_law() {
        let frame = find("seasonal").unwrap().frame();
        assert_eq!(
            (frame.rows(), frame.cell(0, 0), frame.cell(1007, 0)),
            (1008, "2024-01-01 00:00", "2024-02-11 23:00")
        );
        let z: Vec<f64> = (0..1008)
            .map(|hour| {
                let (mean, sd) = seasonal_law(hour);
                (frame.cell(hour, 1).parse::<f64>().unwrap() - mean) / sd
            })
            .collect();
        let mean = z.iter().sum::<f64>() / 1008.0;
        let sd = (z.iter().map(|z| z * z).sum::<f64>() / 1008.0).sqrt();
        assert!(mean.abs() < 3.0 / 1008f64.sqrt() && (sd - 1.0).abs() < 3.0 / 2016f64.sqrt(), "{mean} {sd}");
        assert_eq!((seasonal_law(0).1, seasonal_law(12).1), (1.0, 4.0));
        assert_ne!(seasonal(48, Key::new(1)), seasonal(48, Key::new(2)));
    }
}
