//! Moments, and the clock on the wall of a time zone.

use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, Offset, TimeZone, db},
};

use crate::error::{Error, Result};

/// Microseconds since the beginning of 1970 in UTC; of stamps that are numbers, millionths of one.
pub(super) type Moment = i64;

/// A day of 24 hours, in microseconds.
pub(super) const DAY: i64 = 86_400_000_000;

/// A time zone; that of a clock that never changes, unless one is named.
#[derive(Clone, Debug)]
pub(super) struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// When a clock on the wall shows something.
pub(super) enum Shown {
    /// Once.
    Once(Moment),
    /// Twice: it was set back in between.
    Twice(Moment, Moment),
    /// Never: it was set forward.
    Never,
}

impl Zone {
    /// The zone of this name in the IANA database; UTC for no name.
    pub fn new(name: &str) -> Result<Self> {
        if name.is_empty() {
            return Ok(Self::default());
        }
        TimeZone::get(name).map(Self).map_err(|_| {
            let known: Vec<String> = db().available().map(|name| name.as_str().to_string()).collect();
            // A city by itself is meant to be found.
            let city = |zone: &&String| zone.rsplit('/').next().is_some_and(|city| city.eq_ignore_ascii_case(name));
            if let Some(zone) = known.iter().find(city).cloned() {
                return Error::Unknown { kind: "time zone", name: name.to_string(), nearest: Some(zone), known };
            }
            match Error::unknown("time zone", name, known) {
                unknown @ Error::Unknown { nearest: Some(_), .. } => unknown,
                _ => Error::config("zone", name, "a name of the IANA time zones, such as Europe/Berlin"),
            }
        })
    }

    /// When its clock shows `datetime`.
    pub fn shown(&self, datetime: DateTime) -> Shown {
        let ambiguous = self.0.to_ambiguous_timestamp(datetime);
        let moment = |stamp: Result<Timestamp, jiff::Error>| stamp.map_or(Moment::MAX, |stamp| stamp.as_microsecond());
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { .. } => Shown::Once(moment(ambiguous.compatible())),
            AmbiguousOffset::Gap { .. } => Shown::Never,
            AmbiguousOffset::Fold { .. } => Shown::Twice(moment(ambiguous.earlier()), moment(ambiguous.later())),
        }
    }

    /// The moment at which its clock shows `datetime`: the first of two; if it never does, as long after the change as that is.
    pub fn moment(&self, datetime: DateTime) -> Moment {
        let stamp = self.0.to_ambiguous_timestamp(datetime).compatible();
        stamp.map_or(Timestamp::MAX.as_microsecond(), |stamp| stamp.as_microsecond())
    }

    /// What its clock shows at a moment, as microseconds since 1970.
    pub fn wall(&self, moment: Moment) -> i64 {
        let offset = self.offset(moment);
        moment + i64::from(offset.seconds()) * 1_000_000
    }

    /// How far its clock is before UTC at a moment.
    pub fn offset(&self, moment: Moment) -> Offset {
        self.0.to_offset(stamp(moment))
    }
}

/// A moment as a timestamp, the first or the last one beyond the years that have one.
pub(super) fn stamp(moment: Moment) -> Timestamp {
    let (least, most) = (Timestamp::MIN.as_microsecond() + 1, Timestamp::MAX.as_microsecond());
    Timestamp::from_microsecond(moment.clamp(least, most)).expect("in bounds")
}

/// A clock on a wall as microseconds since 1970.
pub(super) fn wall_of(datetime: DateTime) -> i64 {
    let stamp = TimeZone::UTC.to_timestamp(datetime);
    stamp.map_or(Timestamp::MAX.as_microsecond(), |stamp| stamp.as_microsecond())
}

/// Such microseconds as a clock on a wall.
pub(super) fn of_wall(wall: i64) -> DateTime {
    TimeZone::UTC.to_datetime(stamp(wall))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_changes_shows_an_hour_twice_and_another_never() {
        let zone = Zone::new("Europe/Berlin").unwrap();
        let at = |text: &str| zone.shown(text.parse().unwrap());
        let hour = DAY / 24;
        assert!(matches!(at("2024-03-31T02:30"), Shown::Never));
        assert!(matches!(at("2024-10-27T02:30"), Shown::Twice(first, second) if second - first == hour));
        let Shown::Once(noon) = at("2024-06-01T12:00") else { panic!() };
        assert_eq!(stamp(noon).to_string(), "2024-06-01T10:00:00Z");
        assert_eq!(of_wall(zone.wall(noon)).to_string(), "2024-06-01T12:00:00");
    }

    #[test]
    fn a_zone_that_is_none_is_refused_with_the_nearest() {
        let error = |name: &str| Zone::new(name).unwrap_err().to_string();
        assert_eq!(error("Europe/Berln"), "unknown time zone `Europe/Berln`: did you mean `Europe/Berlin`?");
        assert_eq!(error("berlin"), "unknown time zone `berlin`: did you mean `Europe/Berlin`?");
        let says = "`zone` is qqq: expected a name of the IANA time zones, such as Europe/Berlin";
        assert_eq!(error("qqq"), says);
    }
}
