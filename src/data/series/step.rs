//! What lies between two stamps, and the grid that regular stamps lie on.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::{
    Timestamp,
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::zone::{DAY, Moment, Zone, of_wall, wall_of};

/// What lies between two stamps.
///
/// # Examples
/// ```
/// use burn_zoo::data::series::Step;
///
/// assert_eq!("90min".parse::<Step>()?.to_string(), "90min");
/// assert_eq!("7d".parse::<Step>()?, "1w".parse()?);
/// assert_eq!("1q".parse::<Step>()?.to_string(), "3mo");
/// assert_ne!("24h".parse::<Step>()?, "1d".parse()?); // a day has 23 or 25 hours where the clock changes
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// So many microseconds.
    Time(i64),
    /// So many days of the calendar.
    Days(i64),
    /// So many months of the calendar.
    Months(i64),
    /// So many millionths of one, of stamps that are numbers.
    Number(i64),
}

/// Their lengths in microseconds.
const UNITS: [(&str, i64); 5] = [("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000), ("ms", 1000), ("us", 1)];
/// What a number is counted in.
pub(super) const MILLIONTHS: f64 = 1e6;

impl FromStr for Step {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected a step such as 10s, 5min, 1h, 1d, 1w, 1mo, 1q, 1y or, of numbers, 1".to_string();
        let (digits, unit) = text.split_at(text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len()));
        if unit.is_empty() {
            let number: f64 = digits.parse().map_err(|_| expected())?;
            let millionths = (number * MILLIONTHS).round();
            return match (1.0..=1e12).contains(&millionths) {
                true => Ok(Self::Number(millionths as i64)),
                false => Err(expected()),
            };
        }
        let count: i64 = digits.trim().parse().map_err(|_| expected())?;
        let most = |most: i64| if (1..=most).contains(&count) { Ok(count) } else { Err(expected()) };
        match unit {
            "d" => most(36_525).map(Self::Days),
            "w" => most(5_218).map(|weeks| Self::Days(7 * weeks)),
            "mo" => most(1_200).map(Self::Months),
            "q" => most(400).map(|quarters| Self::Months(3 * quarters)),
            "y" => most(100).map(|years| Self::Months(12 * years)),
            unit => {
                let (_, length) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(expected)?;
                most(36_525 * DAY / length).map(|count| Self::Time(count * length))
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Time(length) => f.write_str(&duration(length)),
            Self::Days(days) if days % 7 == 0 => write!(f, "{}w", days / 7),
            Self::Days(days) => write!(f, "{days}d"),
            Self::Months(months) if months % 12 == 0 => write!(f, "{}y", months / 12),
            Self::Months(months) => write!(f, "{months}mo"),
            Self::Number(millionths) => write!(f, "{}", millionths as f64 / MILLIONTHS),
        }
    }
}

/// A length of time in the largest unit that it is a multiple of.
pub(super) fn duration(length: i64) -> String {
    let (name, unit) = UNITS.iter().find(|(_, unit)| length % unit == 0).expect("microseconds divide all");
    format!("{}{name}", length / unit)
}

impl Step {
    /// About how long it is, in microseconds: a month has a twelfth of 365.2425 days. None of numbers.
    pub(super) fn length(self) -> Option<f64> {
        match self {
            Self::Time(length) => Some(length as f64),
            Self::Days(days) => Some((days * DAY) as f64),
            Self::Months(months) => Some(months as f64 * 365.2425 / 12.0 * DAY as f64),
            Self::Number(_) => None,
        }
    }

    /// After how many steps a series is expected to be like itself: a year by steps of months (12), quarters (4) or weeks (52); a week by days (7); a
    /// day by what divides it (24, 288); a minute by seconds. 1 where nothing fits.
    pub fn season(self) -> usize {
        let minute = 60_000_000;
        match self {
            Self::Months(months) if 12 % months == 0 => (12 / months) as usize,
            Self::Days(7) => 52,
            Self::Days(1) => 7,
            Self::Time(length) if length >= minute && DAY % length == 0 => (DAY / length) as usize,
            Self::Time(length) if length < minute && minute % length == 0 => ((minute / length) as usize).min(3600),
            _ => 1,
        }
    }

    /// The step that most stamps are apart from the one before, the shortest of equals; none if there are no two.
    ///
    /// It is one of days where all stamps of a series have the same time of day, and of months where they have the same day of the month (or the
    /// last one, if it has less) and most are at least 28 days apart.
    pub(super) fn infer<'a>(
        series: impl Iterator<Item = &'a [Moment]> + Clone,
        zone: &Zone,
        numbers: bool,
    ) -> Option<Self> {
        fn most<'a>(series: impl Iterator<Item = &'a [Moment]>, place: impl Fn(Moment) -> i64) -> Option<i64> {
            let mut counts: BTreeMap<i64, usize> = BTreeMap::new();
            for moments in series {
                let apart = moments.windows(2).map(|pair| place(pair[1]) - place(pair[0])).filter(|apart| *apart > 0);
                apart.for_each(|apart| *counts.entry(apart).or_default() += 1);
            }
            mode(counts)
        }
        if numbers {
            return most(series, |moment| moment).map(Self::Number);
        }
        let walls = series.clone().map(|moments| moments.iter().map(|&moment| zone.wall(moment)).collect::<Vec<_>>());
        let walls: Vec<Vec<i64>> = walls.filter(|walls| walls.len() > 1).collect();
        let of_days =
            walls.iter().all(|walls| walls.iter().all(|wall| wall.rem_euclid(DAY) == walls[0].rem_euclid(DAY)));
        if !of_days {
            return most(series, |moment| moment).map(Self::Time);
        }
        let days = most(series.clone(), |moment| zone.wall(moment).div_euclid(DAY))?;
        let monthly = |walls: &Vec<i64>| {
            let dates: Vec<Date> = walls.iter().map(|&wall| of_wall(wall).date()).collect();
            let day = dates.iter().map(|date| date.day()).max().expect("there are stamps");
            dates.iter().all(|date| date.day() == day.min(date.days_in_month()))
        };
        if days >= 28 && walls.iter().all(monthly) {
            return most(series, |moment| month_of(zone.wall(moment))).map(Self::Months);
        }
        Some(Self::Days(days))
    }
}

/// The most frequent, the least of equals.
fn mode(counts: BTreeMap<i64, usize>) -> Option<i64> {
    let most = counts.values().copied().max()?;
    counts.into_iter().find(|(_, count)| *count == most).map(|(value, _)| value)
}

/// Months since the beginning of the year 0.
fn month_of(wall: i64) -> i64 {
    let date = of_wall(wall).date();
    i64::from(date.year()) * 12 + i64::from(date.month()) - 1
}

/// A step that is said, or found in the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepChoice {
    /// What most stamps are apart.
    #[default]
    Auto,
    /// This one.
    Is(Step),
}

impl fmt::Display for StepChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Is(step) => step.fmt(f),
        }
    }
}

impl TryFrom<String> for StepChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            step => step.parse().map(Self::Is),
        }
    }
}

impl Serialize for StepChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for StepChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_number(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

impl Serialize for Step {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Step {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        text_or_number(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What is said as text, or as a number.
fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    struct Reads;
    impl de::Visitor<'_> for Reads {
        type Value = String;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a step such as 10s, 5min, 1h, 1d, 1w, 1mo, 1q, 1y or, of numbers, 1")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
            Ok(text.to_string())
        }

        fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
            Ok(number.to_string())
        }

        fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
            Ok(number.to_string())
        }
    }
    deserializer.deserialize_any(Reads)
}

/// The moments that are whole steps apart, numbered by ticks.
#[derive(Clone, Debug)]
pub(super) struct Grid {
    step: Step,
    zone: Zone,
    /// Where tick 0 lies: microseconds or millionths, days since 1970, or months since the year 0.
    phase: i64,
    /// The time of the day, of steps of days and months.
    time: i64,
    /// The day of the month, of steps of months; the last one where a month has less.
    day: i8,
}

impl Grid {
    /// The grid on which most of the moments lie; there is at least one.
    pub fn of(step: Step, zone: &Zone, moments: &[Moment]) -> Self {
        let most = |place: &dyn Fn(Moment) -> i64| {
            let mut counts = BTreeMap::new();
            moments.iter().for_each(|&moment| *counts.entry(place(moment)).or_default() += 1);
            mode(counts).expect("there is a moment")
        };
        let (mut grid, wall) = (Self { step, zone: zone.clone(), phase: 0, time: 0, day: 1 }, |m| zone.wall(m));
        match step {
            Step::Time(length) | Step::Number(length) => grid.phase = most(&|moment| moment.rem_euclid(length)),
            Step::Days(days) => {
                grid.phase = most(&|moment| wall(moment).div_euclid(DAY).rem_euclid(days));
                grid.time = most(&|moment| wall(moment).rem_euclid(DAY));
            }
            Step::Months(months) => {
                grid.phase = most(&|moment| month_of(wall(moment)).rem_euclid(months));
                grid.time = most(&|moment| wall(moment).rem_euclid(DAY));
                let dates: Vec<Date> = moments.iter().map(|&moment| of_wall(wall(moment)).date()).collect();
                let fits = |day: i8| dates.iter().filter(|date| date.day() == day.min(date.days_in_month())).count();
                let day = (1..=31).rev().max_by_key(|&day| fits(day)).expect("days"); // the last of equals is the least
                grid.day = day;
            }
        }
        grid
    }

    /// The tick nearest to a moment, and whether the moment lies on it; by steps of a day or a month, that of its day or month.
    pub fn tick(&self, moment: Moment) -> (i64, bool) {
        let (place, length) = match self.step {
            Step::Time(length) | Step::Number(length) => (moment, length),
            Step::Days(days) => (self.zone.wall(moment).div_euclid(DAY), days),
            Step::Months(months) => (month_of(self.zone.wall(moment)), months),
        };
        let tick = (place - self.phase + length / 2).div_euclid(length);
        (tick, self.moment(tick) == moment)
    }

    /// The moment of a tick; the last one that there is, beyond the year 9999.
    pub fn moment(&self, tick: i64) -> Moment {
        let date = match self.step {
            Step::Time(length) | Step::Number(length) => return self.phase.saturating_add(tick.saturating_mul(length)),
            Step::Days(days) => {
                let day = tick.saturating_mul(days).saturating_add(self.phase);
                day.checked_mul(DAY).and_then(wall_datetime).map(|datetime| datetime.date())
            }
            Step::Months(months) => {
                let month = tick.saturating_mul(months).saturating_add(self.phase);
                let year = i16::try_from(month.div_euclid(12)).ok();
                let first = year.and_then(|year| Date::new(year, (month.rem_euclid(12) + 1) as i8, 1).ok());
                first.and_then(|first| first.with().day(self.day.min(first.days_in_month())).build().ok())
            }
        };
        let Some(date) = date else { return Timestamp::MAX.as_microsecond() };
        self.zone.moment(of_wall(wall_of(date.to_datetime(Time::midnight())) + self.time))
    }

    /// The clock on the wall at a tick.
    pub fn wall(&self, tick: i64) -> DateTime {
        of_wall(self.zone.wall(self.moment(tick)))
    }

    /// Whether a tick is one that a calendar can name.
    pub fn reaches(&self, tick: i64) -> bool {
        matches!(self.step, Step::Number(_)) || self.moment(tick) < LAST
    }
}

/// About the beginning of the year 9999: no calendar goes much further.
const LAST: Moment = 253_370_764_800_000_000;

/// A datetime by its microseconds since 1970, if there is one.
fn wall_datetime(wall: i64) -> Option<DateTime> {
    Timestamp::from_microsecond(wall).ok().map(|stamp| TimeZone::UTC.to_datetime(stamp))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(zone: &Zone, stamps: &[&str]) -> Vec<Moment> {
        stamps.iter().map(|stamp| zone.moment(stamp.parse().unwrap())).collect()
    }

    fn inferred(zone: &str, stamps: &[&str]) -> String {
        let zone = Zone::new(zone).unwrap();
        let moments = moments(&zone, stamps);
        Step::infer([&moments[..]].into_iter(), &zone, false).unwrap().to_string()
    }

    #[test]
    fn a_step_is_read_as_it_is_written() {
        for text in ["1us", "250ms", "10s", "5min", "1h", "36h", "1d", "1w", "1mo", "3mo", "1y", "0.5", "1"] {
            assert_eq!(text.parse::<Step>().unwrap().to_string(), text);
        }
        for (text, same) in [("60s", "1min"), ("14d", "2w"), ("2q", "6mo"), ("12mo", "1y"), ("1000ms", "1s")] {
            assert_eq!(text.parse::<Step>().unwrap().to_string(), same);
        }
        for text in ["", "h", "0h", "-1d", "1m", "1.5h", "5 minutes", "auto", "nan", "inf", "0", "1e30d", "200y"] {
            let error = text.parse::<Step>().unwrap_err();
            assert!(error.starts_with("expected a step such as"), "{text}: {error}");
        }
    }

    #[test]
    fn a_step_is_what_most_stamps_are_apart() {
        assert_eq!(
            inferred("", &["2024-01-01T00:00", "2024-01-01T01:00", "2024-01-01T05:00", "2024-01-01T06:00"]),
            "1h"
        );
        assert_eq!(inferred("", &["2023-02-26", "2023-02-27", "2023-02-28", "2023-03-01", "2023-03-05"]), "1d");
        assert_eq!(inferred("", &["1958-03-29", "1958-04-05", "1958-04-12"]), "1w");
        assert_eq!(inferred("", &["2024-01-01", "2024-02-01", "2024-03-01", "2024-05-01"]), "1mo");
        assert_eq!(inferred("", &["2023-01-31", "2023-02-28", "2023-03-31", "2023-04-30"]), "1mo");
        assert_eq!(inferred("", &["2023-03-31", "2023-06-30", "2023-09-30"]), "3mo");
        assert_eq!(inferred("", &["2020-01-01", "2021-01-01", "2022-01-01"]), "1y");
        assert_eq!(inferred("", &["2024-01-01", "2024-01-29", "2024-02-26"]), "4w"); // not months: another day
        // The clock changes on 31 March 2024: a day of 23 hours is a day.
        assert_eq!(inferred("Europe/Berlin", &["2024-03-30", "2024-03-31", "2024-04-01"]), "1d");
        assert_eq!(
            Step::infer([&[0, 2_000_000, 4_000_000][..]].into_iter(), &Zone::default(), true).unwrap().to_string(),
            "2"
        );
        assert!(Step::infer([&[7][..]].into_iter(), &Zone::default(), false).is_none());
    }

    #[test]
    fn months_and_days_are_steps_of_the_calendar() {
        let zone = Zone::default();
        let ends = moments(&zone, &["2023-12-31", "2024-01-31", "2024-02-29", "2024-03-31"]);
        let grid = Grid::of(Step::Months(1), &zone, &ends);
        let ticks: Vec<(i64, bool)> = ends.iter().map(|&end| grid.tick(end)).collect();
        assert!(ticks.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1) && ticks.iter().all(|tick| tick.1));
        assert_eq!(grid.wall(ticks[0].0 + 14).to_string(), "2025-02-28T00:00:00");
        let firsts = moments(&zone, &["2023-02-01", "2023-03-01"]);
        assert_eq!(Grid::of(Step::Months(1), &zone, &firsts).day, 1);
        let days = moments(&zone, &["2024-02-28", "2024-02-29", "2024-03-01"]);
        let grid = Grid::of(Step::Days(1), &zone, &days);
        assert_eq!(grid.tick(days[2]).0 - grid.tick(days[0]).0, 2); // 2024 has a 29 February
        let years = moments(&zone, &["2020-02-29", "2021-02-28", "2022-02-28"]);
        let grid = Grid::of(Step::Months(12), &zone, &years);
        assert_eq!(years.iter().map(|&year| grid.tick(year).1).collect::<Vec<_>>(), [true; 3]); // of two days that fit all, and 28
    }

    #[test]
    fn a_moment_between_the_ticks_is_told_and_goes_to_the_nearest() {
        let zone = Zone::default();
        let stamps = moments(&zone, &["2014-03-09T01:54", "2014-03-09T01:59", "2014-03-09T03:00", "2014-03-09T03:04"]);
        let grid = Grid::of(Step::Time(300_000_000), &zone, &stamps);
        let first = grid.tick(stamps[0]).0;
        let ticks: Vec<_> = stamps.iter().map(|&stamp| grid.tick(stamp)).map(|(tick, on)| (tick - first, on)).collect();
        assert_eq!(ticks, [(0, true), (1, true), (13, false), (14, true)]);
        let noon = moments(&zone, &["2024-01-01", "2024-01-02", "2024-01-03T23:00"]);
        let grid = Grid::of(Step::Days(1), &zone, &noon);
        assert_eq!(grid.tick(noon[2]).0 - grid.tick(noon[0]).0, 2); // its own day, not the next
        assert!(!grid.tick(noon[2]).1);
    }

    #[test]
    fn a_day_without_a_midnight_is_a_day() {
        let zone = Zone::new("America/Sao_Paulo").unwrap(); // 2018-11-04 began at one
        let days = moments(&zone, &["2018-11-02", "2018-11-03", "2018-11-04", "2018-11-05"]);
        let grid = Grid::of(Step::Days(1), &zone, &days);
        let first = grid.tick(days[0]).0;
        assert_eq!(days.iter().map(|&day| grid.tick(day).0 - first).collect::<Vec<_>>(), [0, 1, 2, 3]);
        assert!(days.iter().all(|&day| grid.tick(day).1));
    }

    #[test]
    fn a_tick_that_no_calendar_names_is_told() {
        let zone = Zone::default();
        let year = moments(&zone, &["2000-01-01"]);
        let grid = Grid::of(Step::Months(1200), &zone, &year);
        let tick = grid.tick(year[0]).0;
        assert!(grid.reaches(tick + 79) && !grid.reaches(tick + 80) && !grid.reaches(tick + 10_000));
        assert!(!Grid::of(Step::Days(36_525), &zone, &year).reaches(i64::MAX / 2));
    }
}
