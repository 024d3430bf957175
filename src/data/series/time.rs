//! Which columns say when, and how.

use jiff::{
    civil::{Date, DateTime, Time},
    fmt::strtime,
    tz::Offset,
};
use serde::{Deserialize, Serialize};

use super::{
    settings::{AUTO, SeriesSettings},
    step::MILLIONTHS,
    zone::{Moment, Shown, Zone, of_wall, stamp},
};
use crate::{
    data::{date, frame::Frame},
    error::{Error, Result},
};

/// The columns that say when, and how what they say is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TimeColumns {
    /// The columns, in order; `row` for none.
    pub columns: Vec<String>,
    /// A format of `strftime`, `parts`, `unix`, `unix-ms`, `number` or `row`.
    pub format: String,
    /// The time zone of stamps that name no offset, and of the calendar; empty for a clock that never changes.
    pub zone: String,
}

/// What a row says of its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    /// When; the first time where the clock shows it twice.
    pub moment: Moment,
    /// The second time.
    pub again: Option<Moment>,
}

/// Rows are counted.
pub(super) const ROW: &str = "row";

/// What a column with a part of a time may be called, from the year down.
const PARTS: [(&str, &[&str]); 6] = [
    ("year", &["year", "yr", "yyyy"]),
    ("month", &["month", "mon", "mo"]),
    ("day", &["day", "dd", "mday", "dayofmonth"]),
    ("hour", &["hour", "hr", "hh"]),
    ("minute", &["minute", "min"]),
    ("second", &["second", "sec"]),
];

/// Dates that are written with names of months, or with a year of two digits.
const DATES: [&str; 10] = [
    "%d %b %Y",
    "%d-%b-%Y",
    "%b %d %Y",
    "%b %d, %Y",
    "%d %B %Y",
    "%B %d, %Y",
    "%d-%b-%y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
];
/// Months and years.
const MONTHS: [&str; 9] = ["%Y-%m", "%Y/%m", "%m/%Y", "%m.%Y", "%Y-%b", "%b %Y", "%b-%Y", "%B %Y", "%b-%y"];
/// Days with times that are written otherwise than elsewhere.
const TIMES: [&str; 9] =
    [" %H", "T%H", " %I:%M %p", " %I:%M:%S %p", " %H:%M", " %H:%M:%S", "T%H:%M:%S%z", " %H:%M:%S%z", "T%H:%M:%S%.f%z"];

/// The formats in which `text` is a date, a month, or one of those with a time.
fn formats(text: &str) -> Vec<String> {
    let mut formats: Vec<String> = date::formats(text).into_iter().filter(|format| date::has_date(format)).collect();
    let known = ["%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y"];
    let with_time = |date: &'static str| TIMES.iter().map(move |time| format!("{date}{time}"));
    let more = DATES.iter().chain(&MONTHS).map(ToString::to_string);
    let more = more.chain(DATES.iter().chain(&known).flat_map(|date| with_time(date)));
    formats.extend(more.filter(|format| reads(text, format)));
    formats.dedup();
    formats
}

/// Whether `text` is a time in this format, of a year that people mean.
fn reads(text: &str, format: &str) -> bool {
    parse(text, format).is_some_and(|(datetime, _)| format.contains("%y") || datetime.year() >= 1000)
}

/// What `text` says in this format: a clock on a wall, and how far it is before UTC, if that is said.
fn parse(text: &str, format: &str) -> Option<(DateTime, Option<Offset>)> {
    let parts = strtime::parse(format, text).ok()?;
    if let Some(stamp) = parts.timestamp() {
        return Some((Offset::UTC.to_datetime(stamp), Some(Offset::UTC)));
    }
    let date = match parts.day() {
        None if !format.contains("%j") => Date::new(parts.year()?, parts.month().unwrap_or(1), 1).ok()?,
        _ => parts.to_date().ok()?,
    };
    let time = if parts.hour().is_some() { parts.to_time().ok()? } else { Time::midnight() };
    // The letter at the end says so.
    let offset = parts.offset().or(format.ends_with('Z').then_some(Offset::UTC));
    // Half a microsecond and less is no time that a clock shows.
    let whole = time.subsec_nanosecond() / 1000 * 1000;
    Some((date.to_datetime(time.with().subsec_nanosecond(whole).build().ok()?), offset))
}

/// The years that a stamp may lie in.
const YEARS: std::ops::RangeInclusive<i16> = -8000..=8000;

impl TimeColumns {
    /// Which columns say when, and how: as the settings say, or by the cells.
    ///
    /// # Errors
    /// [`Error::Config`] for columns that are not there and a format that does not fit; [`Error::Data`] for cells that no format fits.
    pub fn find(frame: &Frame, settings: &SeriesSettings) -> Result<Self> {
        Zone::new(&settings.zone).map_err(|error| match error {
            Error::Config { value, expected, .. } => Error::config("data.zone", value, expected),
            other => other,
        })?;
        let columns = &settings.time;
        if columns.is_empty() {
            return Err(Error::config(
                "data.time",
                "[]",
                "the column that says when: say --time COLUMN, or --time row",
            ));
        }
        let found =
            |format: &str| Self { columns: columns.clone(), format: format.to_string(), zone: settings.zone.clone() };
        if columns[..] == [ROW] && !frame.columns().iter().any(|column| column == ROW) {
            let rest = [("data.zone", &settings.zone, ""), ("data.format", &settings.format, AUTO)];
            return match rest.into_iter().find(|(_, value, default)| value != default) {
                Some((setting, value, _)) => Err(Error::config(setting, value, "nothing: rows are counted")),
                None => Ok(found(ROW)),
            };
        }
        let at = places(frame, "data.time", columns)?;
        for row in 0..frame.rows() {
            if let Some(&at) = at.iter().find(|&&at| frame.dialect(row).is_missing(frame.cell(row, at))) {
                let reason = "the cell is missing: a row without a time".to_string();
                return Err(Error::Data { place: frame.place_of(row, at), reason });
            }
        }
        let format = match settings.format.as_str() {
            AUTO => Self::infer(frame, columns, &at)?,
            said => said.to_string(),
        };
        if format == "parts" {
            part_of(columns)?;
        }
        if matches!(format.as_str(), "unix" | "unix-ms" | "number") && columns.len() > 1 {
            return Err(Error::config("data.format", &format, format!("another, for {} columns", columns.len())));
        }
        if format == "number" && !settings.zone.is_empty() {
            return Err(Error::config("data.zone", &settings.zone, "nothing: the stamps are numbers"));
        }
        Ok(found(&format))
    }

    /// How the cells are written.
    fn infer(frame: &Frame, columns: &[String], at: &[usize]) -> Result<String> {
        if columns.len() > 1 && part_of(columns).is_ok() {
            return Ok("parts".to_string());
        }
        let Some(first) = (frame.rows() > 0).then(|| text(frame, 0, at)) else { return Ok("%Y-%m-%d".to_string()) };
        let refuse = |row: usize, reason: String| Error::Data { place: place(frame, row, at), reason };
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text.len());
        if let (Some(n), [column]) = (digits(&first), at) {
            let all = |format: &str| {
                (0..frame.rows()).all(|row| {
                    let cell = frame.cell(row, *column);
                    digits(cell) == Some(n) && reads(cell, format)
                })
            };
            let known = [(4, "%Y"), (6, "%Y%m"), (8, "%Y%m%d"), (14, "%Y%m%d%H%M%S")];
            if let Some((_, format)) = known.iter().find(|(length, format)| *length == n && all(format)) {
                return Ok(format.to_string());
            }
        }
        if at.len() == 1 && frame.dialect(0).number(&first).is_some() {
            let more = others(frame, columns);
            return Err(refuse(
                0,
                format!(
                    "`{first}` is a number, no date: say --set data.format=number if it counts steps, unix or unix-ms if \
                     it is seconds or milliseconds since 1970{more}"
                ),
            ));
        }
        let mut left = formats(&first);
        if left.is_empty() {
            return Err(refuse(
                0,
                format!(
                    "`{first}` is no time in a format that is tried: say --set data.format='%d %b %Y %H:%M' or the like"
                ),
            ));
        }
        for row in 0..frame.rows() {
            let cell = text(frame, row, at);
            let before = left[0].clone();
            left.retain(|format| reads(&cell, format));
            if left.is_empty() {
                let like = formats(&cell).first().map_or(String::new(), |other| format!(" but like {other}"));
                let reason = format!("`{cell}` is no time like {before}{like}, as `{first}` in the first row is");
                return Err(refuse(row, reason));
            }
        }
        let month_first = |format: &&String| ["%m/%d", "%m-%d"].iter().any(|start| format.starts_with(start));
        let day_first = |format: &&String| ["%d/%m", "%d-%m"].iter().any(|start| format.starts_with(start));
        match (left.iter().find(day_first), left.iter().find(month_first)) {
            (Some(day), Some(month)) => Err(refuse(
                0,
                format!(
                    "`{first}` and all below may begin with the day or with the month: say --set data.format='{day}' or \
                     --set data.format='{month}'"
                ),
            )),
            _ => Ok(left.swap_remove(0)), // a later one may read fractions of seconds, too, of which there are none
        }
    }

    /// Whether stamps are numbers that count steps, which no calendar knows.
    pub(super) fn are_numbers(&self) -> bool {
        matches!(self.format.as_str(), ROW | "number")
    }

    /// The zone of the calendar.
    pub(super) fn zone(&self) -> Result<Zone> {
        Zone::new(&self.zone)
    }

    /// What each row says of its time; rows that are counted begin at 0 in each series, and say nothing here.
    ///
    /// # Errors
    /// [`Error::Data`] for the first cell that says none.
    pub(super) fn read(&self, frame: &Frame) -> Result<Vec<Stamp>> {
        let once = |moment| Stamp { moment, again: None };
        if self.format == ROW {
            return Ok(vec![once(0); frame.rows()]);
        }
        let (at, zone) = (places(frame, "data.time", &self.columns)?, self.zone()?);
        let parts = if self.format == "parts" { part_of(&self.columns)? } else { Vec::new() };
        let stamp = |row: usize| -> Result<Stamp> {
            let refuse = |reason: String| Error::Data { place: place(frame, row, &at), reason };
            let text = text(frame, row, &at);
            let number = |least: f64, most: f64, scale: f64, what: &str| {
                let number = frame.dialect(row).number(&text).filter(|number| (least..=most).contains(number));
                let number = number.ok_or_else(|| refuse(format!("`{text}` is not {what}")))?;
                Ok(once((number * scale).round() as Moment))
            };
            let (datetime, offset) = match self.format.as_str() {
                "number" => return number(-1e12, 1e12, MILLIONTHS, "a number of at most 1e12"),
                "unix" => return number(-2e11, 2e11, 1e6, "a number of seconds since 1970"),
                "unix-ms" => return number(-2e14, 2e14, 1e3, "a number of milliseconds since 1970"),
                "parts" => (of_parts(frame, row, &at, &parts)?, None),
                format => parse(&text, format).ok_or_else(|| refuse(format!("`{text}` is no time like {format}")))?,
            };
            if !YEARS.contains(&datetime.year()) {
                return Err(refuse(format!("`{text}` is in the year {}: expected -8000 to 8000", datetime.year())));
            }
            if let Some(offset) = offset {
                let moment = offset.to_timestamp(datetime).map_err(|_| refuse(format!("`{text}` is no moment")))?;
                return Ok(once(moment.as_microsecond()));
            }
            match zone.shown(datetime) {
                Shown::Once(moment) => Ok(once(moment)),
                Shown::Twice(moment, again) => Ok(Stamp { moment, again: Some(again) }),
                // A day that begins at one o'clock begins then.
                Shown::Never if datetime.time() == Time::midnight() => Ok(once(zone.moment(datetime))),
                Shown::Never => Err(refuse(format!(
                    "`{text}` never was in {}, whose clock was set forward: say another data.zone, or none",
                    self.zone
                ))),
            }
        };
        (0..frame.rows()).map(stamp).collect()
    }

    /// A moment as the table writes it; of several columns, with a blank between them.
    pub(super) fn shown(&self, moment: Moment, zone: &Zone) -> String {
        let number = |scale: f64| (moment as f64 / scale).to_string();
        let iso = || {
            let wall = of_wall(zone.wall(moment));
            let midnight = wall.time() == Time::midnight();
            if midnight { wall.date().to_string() } else { wall.to_string().replace('T', " ") }
        };
        match self.format.as_str() {
            ROW | "number" => number(MILLIONTHS),
            "unix" => number(1e6),
            "unix-ms" => number(1e3),
            "parts" => iso(),
            format => {
                let utc = format.ends_with('Z') || format.contains("%s");
                let offset = if utc { Offset::UTC } else { zone.offset(moment) };
                let zoned = stamp(moment).to_zoned_datetime(offset.to_time_zone());
                strtime::format(format, &zoned).unwrap_or_else(|_| iso())
            }
        }
    }
}

/// The columns of these names.
pub(super) fn places(frame: &Frame, setting: &str, names: &[String]) -> Result<Vec<usize>> {
    let place = |name: &String| {
        frame.column(name).map_err(|error| {
            let Error::Unknown { nearest, known, .. } = error else { return error };
            let columns = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!("one of `{}`", known.join("`, `")),
            };
            Error::config(setting, name, format!("a column of {}: {columns}", frame.name()))
        })
    };
    names.iter().map(place).collect()
}

/// The cells of a row that say when, with a blank between them.
fn text(frame: &Frame, row: usize, at: &[usize]) -> String {
    at.iter().map(|&at| frame.cell(row, at)).collect::<Vec<_>>().join(" ")
}

/// File, line and columns of such cells.
fn place(frame: &Frame, row: usize, at: &[usize]) -> String {
    match at {
        [at] => frame.place_of(row, *at),
        several => {
            let names: Vec<&str> = several.iter().map(|&at| frame.columns()[at].as_str()).collect();
            format!("{}, columns `{}`", frame.place(row), names.join("`, `"))
        }
    }
}

/// What part of a time each column is, by its name: 0 for the year.
fn part_of(columns: &[String]) -> Result<Vec<usize>> {
    let part = |column: &String| {
        let name = column.to_lowercase();
        PARTS.iter().position(|(_, names)| names.contains(&name.as_str()))
    };
    let parts: Option<Vec<usize>> = columns.iter().map(part).collect();
    let whole = parts.filter(|parts| (0..columns.len()).all(|part| parts.contains(&part)));
    whole.ok_or_else(|| {
        let expected = "columns called year, month, day, hour, minute, second, from the year down; or a data.format";
        Error::config("data.time", columns.join(", "), expected)
    })
}

/// The options that name the other columns of a table that look like parts of a time.
fn others(frame: &Frame, columns: &[String]) -> String {
    let is = |name: &&String, part: usize| PARTS[part].1.contains(&name.to_lowercase().as_str());
    let found: Vec<&String> =
        (0..PARTS.len()).map_while(|part| frame.columns().iter().find(|name| is(name, part))).collect();
    match found.len() > 1 && columns.iter().all(|column| found.contains(&column)) {
        true => {
            let options: Vec<String> = found.iter().map(|name| format!("--time {name}")).collect();
            format!("; if time is in several columns, say {}", options.join(" "))
        }
        false => String::new(),
    }
}

/// What may be said to a user whose stamps repeat because parts of them are in other columns; empty if none are.
pub(super) fn more_columns(frame: &Frame, columns: &[String]) -> String {
    let more = others(frame, columns);
    let whole = part_of(columns).is_ok_and(|parts| more.matches("--time").count() <= parts.len());
    if whole { String::new() } else { more }
}

/// The time that numbers in several columns make.
fn of_parts(frame: &Frame, row: usize, at: &[usize], parts: &[usize]) -> Result<DateTime> {
    let mut values = [0, 1, 1, 0, 0, 0];
    for (&at, &part) in at.iter().zip(parts) {
        let (text, what) = (frame.cell(row, at), PARTS[part].0);
        let (least, most) = [(-8000, 8000), (1, 12), (1, 31), (0, 23), (0, 59), (0, 59)][part];
        let number = frame.dialect(row).number(text).filter(|number| number.fract() == 0.0);
        let number = number.filter(|number| (f64::from(least)..=f64::from(most)).contains(number));
        let reason = || format!("`{text}` is no {what}: expected {least} to {most}");
        values[part] = number.ok_or_else(|| Error::Data { place: frame.place_of(row, at), reason: reason() })? as i16;
    }
    let [year, month, day, hour, minute, second] = values;
    let small = |value: i16| value as i8; // all were checked
    DateTime::new(year, small(month), small(day), small(hour), small(minute), small(second), 0).map_err(|_| {
        let reason = format!("there is no day {day} in the month {month} of {year}");
        Error::Data { place: place(frame, row, at), reason }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::read::{ReadOptions, TableReader};

    fn frame(text: &str) -> Frame {
        let reader = TableReader::from_reader("t.csv", std::io::Cursor::new(text.to_string()), &ReadOptions::default());
        Frame::read("t.csv", reader.unwrap()).unwrap()
    }

    fn settings(time: &[&str]) -> SeriesSettings {
        SeriesSettings { time: time.iter().map(ToString::to_string).collect(), ..SeriesSettings::default() }
    }

    /// The stamps of rows of times, in UTC, and the format.
    fn read(time: &[&str], zone: &str, text: &str) -> Result<(String, Vec<String>)> {
        let frame = frame(text);
        let columns = TimeColumns::find(&frame, &SeriesSettings { zone: zone.to_string(), ..settings(time) })?;
        let stamps = columns.read(&frame)?;
        Ok((columns.format, stamps.iter().map(|at| stamp(at.moment).to_string()).collect()))
    }

    #[test]
    fn a_format_is_found_by_all_cells() {
        for (cells, format, first) in [
            (["2014-03-08 17:54:00", "2014-03-09 03:00:00"], "%Y-%m-%d %H:%M:%S", "2014-03-08T17:54:00Z"),
            (["1949-01", "1949-02"], "%Y-%m", "1949-01-01T00:00:00Z"),
            (["1949", "1950"], "%Y", "1949-01-01T00:00:00Z"),
            (["19580329", "19580405"], "%Y%m%d", "1958-03-29T00:00:00Z"),
            (["195803", "195804"], "%Y%m", "1958-03-01T00:00:00Z"),
            (["01/02/2024", "13/02/2024"], "%d/%m/%Y", "2024-02-01T00:00:00Z"),
            (["3/9/2024 1:05", "3/13/2024 14:05"], "%m/%d/%Y %H:%M", "2024-03-09T01:05:00Z"),
            (["9.3.2024", "10.3.2024"], "%d.%m.%Y", "2024-03-09T00:00:00Z"),
            (["Jan 1949", "Feb 1949"], "%b %Y", "1949-01-01T00:00:00Z"),
            (["05-Mar-2024", "06-Mar-2024"], "%d-%b-%Y", "2024-03-05T00:00:00Z"),
            (["2024-03-05 01:30 PM", "2024-03-05 02:30 PM"], "%Y-%m-%d %I:%M %p", "2024-03-05T13:30:00Z"),
            (["2024-03-05T01:30:00Z", "2024-03-05T02:30:00Z"], "%Y-%m-%dT%H:%M:%SZ", "2024-03-05T01:30:00Z"),
            (
                ["2024-03-05T01:30:00+02:00", "2024-11-05T01:30:00+01:00"],
                "%Y-%m-%dT%H:%M:%S%:z",
                "2024-03-04T23:30:00Z",
            ),
            (["2024-03-05 01:30:00+0200", "2024-11-05 01:30:00+0100"], "%Y-%m-%d %H:%M:%S%z", "2024-03-04T23:30:00Z"),
            (["2024-03-05T01:30:00.250", "2024-03-05T01:30:00.500"], "%Y-%m-%dT%H:%M:%S%.f", "2024-03-05T01:30:00.25Z"),
        ] {
            let (found, stamps) = read(&["t"], "", &format!("t,y\n{},1\n{},2\n", cells[0], cells[1])).unwrap();
            assert_eq!((found.as_str(), stamps[0].as_str()), (format, first), "{cells:?}");
            let columns = TimeColumns { columns: vec!["t".to_string()], format: found, zone: String::new() };
            let moments = columns.read(&frame(&format!("t,y\n{},1\n", cells[0]))).unwrap();
            let again =
                columns.read(&frame(&format!("t,y\n{},1\n", columns.shown(moments[0].moment, &Zone::default()))));
            assert_eq!(again.unwrap(), moments, "{cells:?}");
        }
    }

    #[test]
    fn several_columns_make_a_time_together() {
        let parts = "year,month,day,hour,y\n2010,1,2,13,5\n2010,1,2,14,5\n";
        let (format, stamps) = read(&["year", "month", "day", "hour"], "", parts).unwrap();
        assert_eq!((format.as_str(), stamps[0].as_str()), ("parts", "2010-01-02T13:00:00Z"));
        let (format, stamps) =
            read(&["Date", "Time"], "", "Date;Time;y\n10/03/2004;18.00.00;5\n14/03/2004;19.00.00;5\n").unwrap();
        assert_eq!((format.as_str(), stamps[0].as_str()), ("%d/%m/%Y %H.%M.%S", "2004-03-10T18:00:00Z"));
        for (time, says) in [
            (
                &["year", "day"][..],
                "t.csv, line 2, columns `year`, `day`: `2010 2` is no time in a format that is tried: say --set data.format='%d %b %Y %H:%M' or the like",
            ),
            (
                &["day"],
                "t.csv, line 2, column `day`: `2` is a number, no date: say --set data.format=number if it counts steps, unix or unix-ms \
                 if it is seconds or milliseconds since 1970; if time is in several columns, say --time year --time month --time day \
                 --time hour",
            ),
        ] {
            assert_eq!(read(time, "", parts).unwrap_err().to_string(), says);
        }
    }

    #[test]
    fn a_stamp_without_an_offset_is_of_the_zone_and_one_with_an_offset_is_not() {
        let hours = "t,y\n2024-10-27 01:00,1\n2024-10-27 02:00,2\n2024-10-27 03:00,3\n";
        let (_, stamps) = read(&["t"], "Europe/Berlin", hours).unwrap();
        assert_eq!(stamps, ["2024-10-26T23:00:00Z", "2024-10-27T00:00:00Z", "2024-10-27T02:00:00Z"]);
        let (_, stamps) = read(&["t"], "Europe/Berlin", "t,y\n2024-01-01T00:00:00Z,1\n").unwrap();
        assert_eq!(stamps, ["2024-01-01T00:00:00Z"]);
        let error = read(&["t"], "Europe/Berlin", "t,y\n2024-03-31 02:30,1\n").unwrap_err().to_string();
        assert_eq!(
            error,
            "t.csv, line 2, column `t`: `2024-03-31 02:30` never was in Europe/Berlin, whose clock was set forward: say another \
             data.zone, or none"
        );
    }

    #[test]
    fn what_is_no_time_is_refused_by_line() {
        let error = |text: &str| read(&["t"], "", text).unwrap_err().to_string();
        for (text, says) in [
            ("t,y\n2024-01-01,1\n,2\n", "t.csv, line 3, column `t`: the cell is missing: a row without a time"),
            (
                "t,y\n2024-01-01,1\n01.02.2024,2\n",
                "t.csv, line 3, column `t`: `01.02.2024` is no time like %Y-%m-%d but like %d.%m.%Y, as `2024-01-01` in the first row is",
            ),
            (
                "t,y\n2024-01-31,1\n2024-02-31,2\n",
                "t.csv, line 3, column `t`: `2024-02-31` is no time like %Y-%m-%d, as `2024-01-31` in the first row is",
            ),
            (
                "t,y\n01/02/2024,1\n02/02/2024,2\n",
                "t.csv, line 2, column `t`: `01/02/2024` and all below may begin with the day or with the month: say --set \
                 data.format='%d/%m/%Y' or --set data.format='%m/%d/%Y'",
            ),
            (
                "t,y\n17,1\n18,2\n",
                "t.csv, line 2, column `t`: `17` is a number, no date: say --set data.format=number if it counts steps, unix or unix-ms \
                 if it is seconds or milliseconds since 1970",
            ),
            (
                "t,y\nyesterday,1\n",
                "t.csv, line 2, column `t`: `yesterday` is no time in a format that is tried: say --set data.format='%d %b %Y %H:%M' or \
                 the like",
            ),
        ] {
            assert_eq!(error(text), says);
        }
        let said = |format: &str, text: &str| {
            let (frame, settings) = (frame(text), SeriesSettings { format: format.to_string(), ..settings(&["t"]) });
            TimeColumns::find(&frame, &settings).and_then(|columns| columns.read(&frame)).unwrap_err().to_string()
        };
        for (format, text, says) in [
            ("%d.%m.%Y", "t,y\n2024-01-01,1\n", "t.csv, line 2, column `t`: `2024-01-01` is no time like %d.%m.%Y"),
            ("%q", "t,y\n2024-01-01,1\n", "t.csv, line 2, column `t`: `2024-01-01` is no time like %q"),
            ("unix", "t,y\n1e20,1\n", "t.csv, line 2, column `t`: `1e20` is not a number of seconds since 1970"),
            ("number", "t,y\ninf,1\n", "t.csv, line 2, column `t`: `inf` is not a number of at most 1e12"),
            (
                "parts",
                "t,y\n1,1\n",
                "`data.time` is t: expected columns called year, month, day, hour, minute, second, from the year down; or a data.format",
            ),
        ] {
            assert_eq!(said(format, text), says);
        }
        let bad = "year,month,day,y\n2023,2,29,1\n";
        let error = read(&["year", "month", "day"], "", bad).unwrap_err().to_string();
        assert_eq!(error, "t.csv, line 2, columns `year`, `month`, `day`: there is no day 29 in the month 2 of 2023");
        let bad = "year,month,day,hour,y\n2023,2,28,24,1\n";
        let error = read(&["year", "month", "day", "hour"], "", bad).unwrap_err().to_string();
        assert_eq!(error, "t.csv, line 2, column `hour`: `24` is no hour: expected 0 to 23");
    }
}
