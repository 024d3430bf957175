//! What can be chosen about series before a training.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{
    calendar::{CalendarChoice, Cycle},
    step::StepChoice,
    transform::Transform,
};
use crate::{
    data::split::{SPLIT, check_shares},
    error::{Error, Result},
};

/// What happens to a table of series before a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesSettings {
    /// The columns that say when: one, or several that do together (year, month, day, hour; a date and a time). `row` counts the rows, if no column is
    /// called so.
    #[serde(deserialize_with = "one_or_many")]
    pub time: Vec<String>,
    /// How times are written: `auto`, a format of `strftime` (of several columns, with a blank between them), `parts` (a number in each column), `unix`,
    /// `unix-ms` (seconds, milliseconds since 1970) or `number` (they count steps).
    pub format: String,
    /// The time zone of stamps that name no offset, and of the calendar: a name of the IANA database; empty for a clock that never changes.
    pub zone: String,
    /// The columns whose cells tell one series from another; none for one series.
    #[serde(deserialize_with = "one_or_many")]
    pub group: Vec<String>,
    /// The columns that are forecast.
    #[serde(deserialize_with = "one_or_many")]
    pub target: Vec<String>,
    /// Columns that are known of the future, too.
    #[serde(deserialize_with = "one_or_many")]
    pub known: Vec<String>,
    /// Columns that are known of the past only.
    #[serde(deserialize_with = "one_or_many")]
    pub observed: Vec<String>,
    /// What lies between two stamps.
    pub step: StepChoice,
    /// What means "missing" besides an empty cell, `NA`, `?` and their like.
    pub missing_values: Vec<String>,
    /// What happens to rows that repeat a stamp.
    pub duplicates: Duplicates,
    /// What happens to stamps between the steps.
    pub irregular: Irregular,
    /// What happens to stamps that are missing, or have no value.
    pub gaps: Gaps,
    /// How many steps the model looks back.
    pub window: Auto,
    /// How many steps it forecasts at once.
    pub horizon: usize,
    /// Steps between the windows that train.
    pub stride: usize,
    /// What the model sees instead of the targets; they are standardised in any case.
    pub transform: Transform,
    /// After how many steps the series is like itself.
    pub season: Auto,
    /// Which cycles of the calendar the model is told.
    pub calendar: CalendarChoice,
    /// Whether the model is told how much time has passed.
    pub trend: bool,
    /// The shares of values that train, validate and test, the earliest first.
    pub split: [f64; 3],
}

impl Default for SeriesSettings {
    fn default() -> Self {
        Self {
            time: Vec::new(),
            format: AUTO.to_string(),
            zone: String::new(),
            group: Vec::new(),
            target: Vec::new(),
            known: Vec::new(),
            observed: Vec::new(),
            step: StepChoice::Auto,
            missing_values: Vec::new(),
            duplicates: Duplicates::Refuse,
            irregular: Irregular::Refuse,
            gaps: Gaps::Refuse,
            window: Auto::Auto,
            horizon: 12,
            stride: 1,
            transform: Transform::default(),
            season: Auto::Auto,
            calendar: CalendarChoice::Auto,
            trend: false,
            split: SPLIT,
        }
    }
}

/// What is found out.
pub(super) const AUTO: &str = "auto";
/// More steps than that are a mistake.
const MOST: usize = 10_000;

impl SeriesSettings {
    /// That the settings say something that can be done, as far as they tell without the data.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's name.
    pub fn check(&self) -> Result<()> {
        check_shares(self.split)?;
        let within = format!("1 to {MOST}");
        for (name, value) in [("horizon", self.horizon), ("stride", self.stride)] {
            if !(1..=MOST).contains(&value) {
                return Err(Error::config(name, value, within));
            }
        }
        for (name, value) in [("window", self.window), ("season", self.season)] {
            if let Auto::Is(value) = value
                && !(1..=MOST).contains(&value)
            {
                return Err(Error::config(name, value, format!("auto, or {within}")));
            }
        }
        self.transform.check()?;
        if let CalendarChoice::Cycles(cycles) = &self.calendar
            && let Some(twice) = (1..cycles.len()).find(|&at| cycles[..at].contains(&cycles[at]))
        {
            return Err(Error::config("calendar", &self.calendar, format!("`{}` once", cycles[twice])));
        }
        if !matches!(self.format.as_str(), AUTO | "parts" | "unix" | "unix-ms" | "number") && !self.format.contains('%')
        {
            let expected = "auto, a format such as %Y-%m-%d, parts, unix, unix-ms or number";
            return Err(Error::config("format", &self.format, expected));
        }
        self.check_columns()
    }

    /// That no column has two parts to play.
    fn check_columns(&self) -> Result<()> {
        let mut seen: Vec<(&str, &str)> = Vec::new();
        for (part, columns) in [
            ("time", &self.time),
            ("group", &self.group),
            ("target", &self.target),
            ("known", &self.known),
            ("observed", &self.observed),
        ] {
            for column in columns {
                // What tells series apart is known of the future, and what says when may be.
                let other = seen.iter().find(|(name, before)| {
                    *name == column && !(part == "known" && matches!(*before, "group" | "time"))
                });
                if let Some((_, before)) = other {
                    let expected = match *before == part {
                        true => "each column once".to_string(),
                        false => format!("another column: that one is in data.{before}"),
                    };
                    return Err(Error::config(part, column, expected));
                }
                seen.push((column, part));
            }
        }
        Ok(())
    }
}

/// What happens to rows that repeat a stamp of their series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Duplicates {
    /// They are refused.
    #[default]
    Refuse,
    /// Their means count.
    Mean,
    /// The first row of the file counts.
    First,
    /// The last row of the file counts.
    Last,
    /// The sums of the targets count, and the means of the other columns.
    Sum,
}

/// What happens to stamps that lie between the steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Irregular {
    /// They are refused.
    #[default]
    Refuse,
    /// They count for the nearest step; by steps of days or months, for their day or month.
    Snap,
}

/// What happens where a stamp is missing, or a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Gaps {
    /// They are refused.
    #[default]
    Refuse,
    /// No window and no difference runs through them.
    Break,
    /// Numbers lie on the straight line between their neighbours, levels are those before. What is made up is read, never a target, and nothing is
    /// forecast from within: the end of the line would be known too early.
    Interpolate,
    /// What was before holds on. What is made up is read, never a target.
    Previous,
}

/// A number of steps, or what the data say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Auto {
    /// What the data say.
    #[default]
    Auto,
    /// So many.
    Is(usize),
}

impl fmt::Display for Auto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str(AUTO),
            Self::Is(steps) => write!(f, "{steps}"),
        }
    }
}

impl Serialize for Auto {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str(AUTO),
            Self::Is(steps) => serializer.serialize_u64(*steps as u64),
        }
    }
}

impl<'de> Deserialize<'de> for Auto {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reads;
        impl de::Visitor<'_> for Reads {
            type Value = Auto;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("auto or a whole number of at least 1")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Auto, E> {
                usize::try_from(number).map(Auto::Is).map_err(E::custom)
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Auto, E> {
                let refuse = |_| E::invalid_value(de::Unexpected::Signed(number), &self);
                usize::try_from(number).map(Auto::Is).map_err(refuse)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Auto, E> {
                match text {
                    AUTO => Ok(Auto::Auto),
                    other => Err(E::invalid_value(de::Unexpected::Str(other), &self)),
                }
            }
        }
        deserializer.deserialize_any(Reads)
    }
}

/// A list of words, or one of them.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    struct Reads;
    impl<'de> de::Visitor<'de> for Reads {
        type Value = Vec<String>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a name or a list of names")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
            Ok(vec![text.to_string()])
        }

        fn visit_seq<A: de::SeqAccess<'de>>(self, mut names: A) -> Result<Self::Value, A::Error> {
            let mut all = Vec::new();
            while let Some(name) = names.next_element()? {
                all.push(name);
            }
            Ok(all)
        }
    }
    deserializer.deserialize_any(Reads)
}

/// That a cycle is named, for [`CalendarChoice`].
pub(super) fn cycles(text: &str) -> Result<Vec<Cycle>, String> {
    let cycle = |word: &str| match word.trim() {
        "year" => Ok(Cycle::Year),
        "week" => Ok(Cycle::Week),
        "day" => Ok(Cycle::Day),
        _ => Err("expected auto, none, or some of year,week,day".to_string()),
    };
    text.split(',').map(cycle).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_the_same_after_a_round_through_toml() {
        let mut settings = SeriesSettings::default();
        let text = toml::to_string(&settings).unwrap();
        assert_eq!(toml::from_str::<SeriesSettings>(&text).unwrap(), settings, "{text}");
        settings.window = Auto::Is(24);
        settings.step = "5min".to_string().try_into().unwrap();
        settings.transform = "log-seasonal-difference:12".to_string().try_into().unwrap();
        settings.calendar = "week,day".to_string().try_into().unwrap();
        settings.target = vec!["y".to_string()];
        let text = toml::to_string(&settings).unwrap();
        assert_eq!(toml::from_str::<SeriesSettings>(&text).unwrap(), settings, "{text}");
        let one = text.replace("target = [\"y\"]", "target = \"y\"").replace("step = \"5min\"", "step = 2");
        let read = toml::from_str::<SeriesSettings>(&one).unwrap();
        assert_eq!((read.target, read.step.to_string()), (settings.target, "2".to_string()));
    }

    #[test]
    fn what_cannot_be_done_is_named_with_what_was_expected() {
        let check = |change: fn(&mut SeriesSettings)| {
            let mut settings = SeriesSettings::default();
            change(&mut settings);
            settings.check().unwrap_err().to_string()
        };
        assert_eq!(check(|s| s.horizon = 0), "`horizon` is 0: expected 1 to 10000");
        assert_eq!(check(|s| s.window = Auto::Is(0)), "`window` is 0: expected auto, or 1 to 10000");
        assert_eq!(
            check(|s| s.split = [1.0, 0.0, 0.0]),
            "`split` is [1.0, 0.0, 0.0]: expected three positive shares that add up to 1"
        );
        assert_eq!(
            check(|s| s.format = "iso".to_string()),
            "`format` is iso: expected auto, a format such as %Y-%m-%d, parts, unix, unix-ms or number"
        );
        let both = |s: &mut SeriesSettings| {
            s.target = vec!["y".to_string()];
            s.observed = vec!["y".to_string()];
        };
        assert_eq!(check(both), "`observed` is y: expected another column: that one is in data.target");
        let twice = |s: &mut SeriesSettings| s.known = vec!["x".to_string(), "x".to_string()];
        assert_eq!(check(twice), "`known` is x: expected each column once");
    }
}
