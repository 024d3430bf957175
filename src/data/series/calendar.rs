//! Where in the year, the week and the day a moment is, as points on circles.

use std::{f64::consts::TAU, fmt};

use jiff::civil::DateTime;
use serde::{Deserialize, Serialize};

use super::{
    settings::cycles,
    step::Step,
    zone::{DAY, wall_of},
};
use crate::error::{Error, Result};

/// A cycle of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cycle {
    /// From one 1 January to the next, leap years included.
    Year,
    /// From one Monday to the next.
    Week,
    /// From one midnight to the next.
    Day,
}

impl fmt::Display for Cycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Year => "year",
            Self::Week => "week",
            Self::Day => "day",
        })
    }
}

/// Which cycles a model is told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CalendarChoice {
    /// Those that have at least two steps, and that the training part goes through at least once.
    #[default]
    Auto,
    /// These; `none` for none.
    Cycles(Vec<Cycle>),
}

impl TryFrom<String> for CalendarChoice {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            "auto" => Ok(Self::Auto),
            "none" => Ok(Self::Cycles(Vec::new())),
            some => cycles(some).map(Self::Cycles),
        }
    }
}

impl From<CalendarChoice> for String {
    fn from(choice: CalendarChoice) -> Self {
        choice.to_string()
    }
}

impl fmt::Display for CalendarChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cycles(none) if none.is_empty() => f.write_str("none"),
            Self::Cycles(some) => f.write_str(&some.iter().map(Cycle::to_string).collect::<Vec<_>>().join(",")),
        }
    }
}

impl Cycle {
    /// All, the longest first.
    const ALL: [Self; 3] = [Self::Year, Self::Week, Self::Day];

    /// How long it is, in microseconds.
    fn length(self) -> f64 {
        match self {
            Self::Year => 365.2425 * DAY as f64,
            Self::Week => 7.0 * DAY as f64,
            Self::Day => DAY as f64,
        }
    }

    /// Whether it has at least two steps, each in another place.
    fn has(self, step: Step) -> bool {
        let whole = match (self, step) {
            (Self::Week, Step::Days(days)) => days % 7 != 0,
            (Self::Week | Self::Day, Step::Months(_)) | (Self::Day, Step::Days(_)) => false,
            _ => true,
        };
        // Half a year by months is a hair longer than half of a year.
        whole && step.length().is_some_and(|length| 2.0 * length <= self.length() * 1.0001)
    }

    /// The share of the cycle that is over.
    fn turns(self, wall: DateTime, step: Step) -> f64 {
        let date = wall.date();
        let day = wall_of(wall).rem_euclid(DAY) as f64 / DAY as f64;
        match (self, step) {
            (Self::Year, Step::Months(_)) => f64::from(date.month() - 1) / 12.0,
            (Self::Year, _) => (f64::from(date.day_of_year() - 1) + day) / f64::from(date.days_in_year()),
            (Self::Week, _) => (f64::from(date.weekday().to_monday_zero_offset()) + day) / 7.0,
            (Self::Day, _) => day,
        }
    }

    /// The names of its two features.
    pub(super) fn names(self) -> [String; 2] {
        [format!("{self} (sin)"), format!("{self} (cos)")]
    }

    /// Where on the circle a clock on the wall is.
    pub(super) fn features(self, wall: DateTime, step: Step) -> [f64; 2] {
        let angle = TAU * self.turns(wall, step);
        [libm::sin(angle), libm::cos(angle)]
    }
}

impl CalendarChoice {
    /// The cycles for steps of this kind and a training part of so many microseconds.
    pub(super) fn cycles(&self, step: Step, trained: f64) -> Result<Vec<Cycle>> {
        match self {
            Self::Auto => {
                let fits = |cycle: &Cycle| cycle.has(step) && trained >= cycle.length() * 0.99;
                Ok(Cycle::ALL.into_iter().filter(fits).collect())
            }
            Self::Cycles(cycles) => match cycles.iter().find(|cycle| !cycle.has(step)) {
                Some(cycle) => {
                    let expected = format!("no cycle `{cycle}`: a step of {step} has no place in it");
                    Err(Error::config("data.calendar", self, expected))
                }
                None => Ok(cycles.clone()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(cycle: Cycle, stamp: &str, step: Step) -> f64 {
        cycle.turns(stamp.parse().unwrap(), step)
    }

    #[test]
    fn a_circle_closes_in_leap_years_too() {
        let day = Step::Days(1);
        assert_eq!(at(Cycle::Year, "2024-12-31T00:00", day), 365.0 / 366.0);
        assert_eq!(at(Cycle::Year, "2023-12-31T00:00", day), 364.0 / 365.0);
        assert_eq!(at(Cycle::Year, "2024-01-01T00:00", day), 0.0);
        assert_eq!(at(Cycle::Year, "2024-07-01", Step::Months(1)), 0.5);
        assert_eq!(at(Cycle::Week, "2024-01-01T12:00", day), 1.0 / 14.0); // a Monday
        assert_eq!(at(Cycle::Day, "2024-01-01T06:00", Step::Time(DAY / 24)), 0.25);
        let [sin, cos] = Cycle::Day.features("2024-01-01T06:00".parse().unwrap(), Step::Time(DAY / 24));
        assert!((sin - 1.0).abs() < 1e-12 && cos.abs() < 1e-12);
    }

    #[test]
    fn cycles_are_those_that_the_step_has_a_place_in() {
        let of = |step: &str, days: f64| {
            let cycles = CalendarChoice::Auto.cycles(step.parse().unwrap(), days * DAY as f64).unwrap();
            CalendarChoice::Cycles(cycles).to_string()
        };
        for (step, days, cycles) in [
            ("1h", 800.0, "year,week,day"),
            ("1h", 20.0, "week,day"),
            ("1h", 2.0, "day"),
            ("1d", 800.0, "year,week"),
            ("1w", 800.0, "year"),
            ("1mo", 800.0, "year"),
            ("6mo", 8000.0, "year"),
            ("1y", 8000.0, "none"),
            ("24h", 800.0, "year,week"),
            ("1", 1e9, "none"),
        ] {
            assert_eq!(of(step, days), cycles, "{step}");
        }
        let error = CalendarChoice::Cycles(vec![Cycle::Day]).cycles(Step::Days(1), 1e18).unwrap_err().to_string();
        assert_eq!(error, "`data.calendar` is day: expected no cycle `day`: a step of 1d has no place in it");
    }
}
