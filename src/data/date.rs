//! Dates and times as text, and the features that a model reads of them.

use std::f64::consts::TAU;

use jiff::fmt::strtime;

/// How dates are written, with and without the time, in the order in which they are tried.
const DATES: [&str; 8] =
    ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"];
const TIMES: [&str; 5] = ["%H:%M", "%H:%M:%S", "%H:%M:%S%.f", "%H.%M", "%H.%M.%S"];

/// The formats, of those that are tried, in which `cell` is a date or a time.
pub(super) fn formats(cell: &str) -> Vec<String> {
    // Cheap, and most cells are no dates.
    let shape = |c: char| c.is_ascii_digit() || " -/.:TZ+".contains(c);
    if !cell.starts_with(|c: char| c.is_ascii_digit()) || !cell.chars().all(shape) || cell.len() < 4 {
        return Vec::new();
    }
    let with_time = |date: &str| {
        let times = TIMES.iter().flat_map(|time| ["", "Z", "%:z"].map(|zone| format!("{time}{zone}")));
        times.flat_map(|time| [" ", "T"].map(|between| format!("{date}{between}{time}"))).collect::<Vec<_>>()
    };
    let dates = DATES.iter().flat_map(|date| [date.to_string()].into_iter().chain(with_time(date)));
    // A time without a date has seconds or a colon: `12.30` is a number.
    let times = TIMES.iter().filter(|time| **time != "%H.%M").map(ToString::to_string);
    dates.chain(times).filter(|format| seconds(cell, format).is_some()).collect()
}

/// Seconds since the beginning of 1970, by the clock that the cell shows, or by UTC if it shows a zone; of a time without a date, since midnight; of a
/// month, to its first day.
pub(super) fn seconds(cell: &str, format: &str) -> Option<f64> {
    let parts = strtime::parse(format, cell).ok()?;
    let day = |date: jiff::civil::Date| f64::from(date.since(jiff::civil::date(1970, 1, 1)).ok()?.get_days()).into();
    let time = |time: jiff::civil::Time| {
        let whole = i32::from(time.hour()) * 3600 + i32::from(time.minute()) * 60 + i32::from(time.second());
        f64::from(whole) + f64::from(time.subsec_nanosecond()) * 1e-9
    };
    let time = if has_time(format) { time(parts.to_time().ok()?) } else { 0.0 };
    let date = || match parts.day() {
        Some(_) => parts.to_date().ok(),
        None if !format.contains("%j") => jiff::civil::Date::new(parts.year()?, parts.month().unwrap_or(1), 1).ok(),
        None => parts.to_date().ok(),
    };
    let day: Option<f64> = if has_date(format) { day(date()?) } else { Some(0.0) };
    let zone = parts.offset().map_or(0.0, |offset| f64::from(offset.seconds()));
    Some(day? * 86_400.0 + time - zone)
}

/// Whether there is a date, whose first feature is the number of days.
pub(super) fn has_date(format: &str) -> bool {
    ["%Y", "%y", "%F", "%D", "%j"].iter().any(|part| format.contains(part))
}

fn has_time(format: &str) -> bool {
    ["%H", "%I", "%T", "%R", "%s"].iter().any(|part| format.contains(part))
}

/// The features of a date, by name; the first is a number without bounds if there is a date, the others lie in -1 .. 1.
pub(super) fn names(format: &str) -> Vec<&'static str> {
    let date = ["days", "year (sin)", "year (cos)", "week (sin)", "week (cos)"];
    let time = ["day (sin)", "day (cos)"];
    let date = date.iter().filter(|_| has_date(format));
    date.chain(time.iter().filter(|_| has_time(format))).copied().collect()
}

/// The features of a date: how many days since 1970, and where in the year, the week and the day, as points of a circle.
pub(super) fn features(seconds: f64, format: &str) -> impl Iterator<Item = f64> {
    let days = seconds / 86_400.0;
    let circle = |turns: f64| [(TAU * turns).sin(), (TAU * turns).cos()];
    let date = [vec![days], circle(days / 365.2425).to_vec(), circle(days / 7.0).to_vec()].concat();
    let (date, time) = (has_date(format).then_some(date), has_time(format).then_some(circle(days).to_vec()));
    date.into_iter().chain(time).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_that_is_no_month_tells_which_is_which() {
        assert_eq!(formats("2004-03-10"), ["%Y-%m-%d"]);
        assert_eq!(formats("14/03/2004"), ["%d/%m/%Y"]);
        assert_eq!(formats("03/14/2004"), ["%m/%d/%Y"]);
        assert_eq!(formats("04/03/2004"), ["%d/%m/%Y", "%m/%d/%Y"]);
        assert_eq!(formats("18.00.00"), ["%H.%M.%S"]);
        assert_eq!(formats("2014-03-08 17:54"), ["%Y-%m-%d %H:%M"]);
        assert_eq!(formats("2014-03-08T17:54:00Z").len(), 2); // with and without a fraction
        for cell in ["12.30", "2.6", "1000", "13,6", "31.02.2004", "2004-13-01", "tomorrow", "10-11"] {
            assert!(formats(cell).is_empty(), "{cell} {:?}", formats(cell));
        }
    }

    #[test]
    fn seconds_count_from_1970_and_zones_are_taken_off() {
        assert_eq!(seconds("1970-01-02", "%Y-%m-%d"), Some(86_400.0));
        assert_eq!(seconds("10/03/2004", "%d/%m/%Y"), Some(12_487.0 * 86_400.0)); // date -u -d 2004-03-10 +%s
        assert_eq!(seconds("18.30.01", "%H.%M.%S"), Some(66_601.0));
        assert_eq!(seconds("1970-01-01 02:00:00+02:00", "%Y-%m-%d %H:%M:%S%:z"), Some(0.0));
        assert_eq!(seconds("1970-01-01T00:00:00.25", "%Y-%m-%dT%H:%M:%S%.f"), Some(0.25));
        assert_eq!(seconds("10/13/2004", "%d/%m/%Y"), None);
        assert_eq!(seconds("1970-02", "%Y-%m"), Some(31.0 * 86_400.0));
        assert_eq!(seconds("1971", "%Y"), Some(365.0 * 86_400.0));
    }

    #[test]
    fn a_circle_closes_after_a_year_a_week_and_a_day() {
        let format = "%Y-%m-%d %H:%M";
        let at = |text: &str| features(seconds(text, format).unwrap(), format).collect::<Vec<_>>();
        let (monday, next) = (at("2024-01-01 06:00"), at("2024-01-08 06:00"));
        assert_eq!(names(format).len(), monday.len());
        assert_eq!(next[0] - monday[0], 7.0);
        for i in 3..7 {
            assert!((next[i] - monday[i]).abs() < 1e-9);
        }
        assert!((monday[5] - 1.0).abs() < 1e-9 && monday[6].abs() < 1e-9); // a quarter of the day
        let time = "%H:%M";
        assert_eq!(features(seconds("12:00", time).unwrap(), time).count(), names(time).len());
    }
}
