//! The column that is predicted: numbers or classes.

use std::collections::{BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::{
    frame::Frame,
    settings::{DataSettings, MissingTarget, TaskChoice, Transform},
};
use crate::error::{Error, Result};

/// What a model predicts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The column.
    pub name: String,
    /// What the model sees instead of a number.
    pub transform: Transform,
    /// The classes in order; none for numbers.
    pub classes: Vec<String>,
}

/// The targets of the rows that have one.
#[derive(Clone, Debug, PartialEq)]
pub enum Targets {
    /// Numbers, as they stand in the table.
    Numbers(Vec<f64>),
    /// Classes, by their place among the classes.
    Classes(Vec<usize>),
}

impl Targets {
    /// Those of some rows.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select(&self, rows: &[usize]) -> Self {
        match self {
            Self::Numbers(numbers) => Self::Numbers(rows.iter().map(|&row| numbers[row]).collect()),
            Self::Classes(classes) => Self::Classes(rows.iter().map(|&row| classes[row]).collect()),
        }
    }
}

/// The targets of a whole table.
#[derive(Clone, Debug)]
pub struct Found {
    /// What is predicted.
    pub target: Target,
    /// The rows with a target; the others were dropped.
    pub rows: Vec<usize>,
    /// Their targets.
    pub targets: Targets,
    /// What a user should be told, one line each.
    pub notes: Vec<String>,
}

impl Target {
    /// Whether classes are predicted.
    pub fn is_classes(&self) -> bool {
        !self.classes.is_empty()
    }

    /// What the column is and holds.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a column that is not there; [`Error::Data`] for rows without a target unless they are to be dropped,
    /// for one class or one value, and for a logarithm of a number that has none.
    pub fn find(frame: &Frame, name: &str, settings: &DataSettings) -> Result<Found> {
        let at = frame.column(name)?;
        let cells = || (0..frame.rows()).map(|row| (row, frame.cell(row, at)));
        let is_missing = |row: usize, cell: &str| frame.dialect(row).is_missing(cell);
        let number = |row: usize, cell: &str| frame.dialect(row).number(cell);
        if frame.rows() == 0 {
            let reason = "no rows below the header: nothing to learn from".to_string();
            return Err(Error::Data { place: frame.name().to_string(), reason });
        }
        let some = || cells().filter(|&(row, cell)| !is_missing(row, cell));
        let numbers = some().filter(|&(row, cell)| number(row, cell).is_some()).count();
        let values: BTreeSet<&str> = some().map(|(_, cell)| cell).take(1 << 20).collect();
        let mut notes = Vec::new();
        // A few cells that are no numbers are mistakes, not classes.
        let mostly_numbers = numbers > 0 && numbers as f64 >= 0.8 * some().count() as f64;
        let classes = match settings.task {
            TaskChoice::Regression => false,
            TaskChoice::Classes => true,
            TaskChoice::Auto => {
                !mostly_numbers || values.len() <= 2 && some().all(|(row, cell)| is_whole(number(row, cell)))
            }
        };
        let usable = |row: usize, cell: &str| match classes {
            true => !is_missing(row, cell),
            false => number(row, cell).is_some() && !is_missing(row, cell),
        };
        let rows: Vec<usize> = cells().filter(|&(row, cell)| usable(row, cell)).map(|(row, _)| row).collect();
        let place = || format!("{}, column `{name}`", frame.name());
        if rows.is_empty() {
            let what = if classes { "a value" } else { "a finite number" };
            return Err(Error::Data { place: place(), reason: format!("no cell is {what}: nothing to learn from") });
        }
        if rows.len() < frame.rows() {
            let (row, cell) = cells().find(|&(row, cell)| !usable(row, cell)).expect("a row is not usable");
            let n = frame.rows() - rows.len();
            let what = if classes { "a class" } else { "a finite number" };
            if settings.missing_target == MissingTarget::Error {
                let count = if n == 1 { String::new() } else { format!(" ({n} such rows)") };
                let reason =
                    format!("`{cell}` is not {what}{count}: say --set data.missing_target=drop to leave them out");
                return Err(Error::Data { place: frame.place_of(row, at), reason });
            }
            notes.push(format!("{n} rows are left out: their `{name}` is not {what}"));
        }
        let first = frame.cell(rows[0], at);
        if rows.len() == 1 {
            return Err(Error::Data { place: place(), reason: format!("one row only, `{first}`: nothing to learn") });
        }
        let same = |row: usize| {
            let cell = frame.cell(row, at);
            cell == first || !classes && number(row, cell) == number(rows[0], first)
        };
        if rows.iter().all(|&row| same(row)) {
            let what = if classes && !mostly_numbers { "one class only" } else { "one value only" };
            return Err(Error::Data { place: place(), reason: format!("{what}, `{first}`: nothing to learn") });
        }
        if classes {
            return Self::of_classes(frame, name, at, rows, notes);
        }
        if values.len() <= 10 && settings.task == TaskChoice::Auto && some().all(|(r, c)| is_whole(number(r, c))) {
            let n = values.len();
            notes.push(format!(
                "`{name}` has {n} whole numbers: they are predicted as numbers; --task classes makes classes of them"
            ));
        }
        let numbers: Vec<f64> = rows.iter().map(|&row| number(row, frame.cell(row, at)).expect("usable")).collect();
        if settings.transform == Transform::Log
            && let Some(bad) = numbers.iter().position(|y| *y <= 0.0)
        {
            let reason = format!("{} has no logarithm: say --set data.transform=none", numbers[bad]);
            return Err(Error::Data { place: frame.place_of(rows[bad], at), reason });
        }
        let target = Self { name: name.to_string(), transform: settings.transform, classes: Vec::new() };
        Ok(Found { target, rows, targets: Targets::Numbers(numbers), notes })
    }

    fn of_classes(frame: &Frame, name: &str, at: usize, rows: Vec<usize>, notes: Vec<String>) -> Result<Found> {
        let mut classes: Vec<&str> =
            rows.iter().map(|&row| frame.cell(row, at)).collect::<BTreeSet<_>>().into_iter().collect();
        let number = |class: &str| frame.dialect(rows[0]).number(class);
        if classes.iter().all(|class| number(class).is_some()) {
            classes.sort_by(|a, b| number(a).partial_cmp(&number(b)).expect("finite numbers"));
        }
        if classes.len() > 2 && 2 * classes.len() > rows.len() || classes.len() > MOST_CLASSES {
            let numbers = classes.iter().all(|class| number(class).is_some());
            let hint = if numbers { "is it a number (--task regression)?" } else { "too many to learn" };
            let reason = format!("{} classes in {} rows: {hint}", classes.len(), rows.len());
            return Err(Error::Data { place: format!("{}, column `{name}`", frame.name()), reason });
        }
        let places: HashMap<&str, usize> = classes.iter().copied().zip(0..).collect();
        let targets = Targets::Classes(rows.iter().map(|&row| places[frame.cell(row, at)]).collect());
        let classes = classes.into_iter().map(str::to_string).collect();
        let target = Self { name: name.to_string(), transform: Transform::None, classes };
        Ok(Found { target, rows, targets, notes })
    }

    /// The place of the column in a table that is to be judged.
    ///
    /// # Errors
    /// [`Error::Data`] for a table without it.
    pub(crate) fn place(&self, frame: &Frame) -> Result<usize> {
        let at = frame.columns().iter().position(|column| *column == self.name);
        at.ok_or_else(|| Error::Data {
            place: frame.name().to_string(),
            reason: format!("no column `{}`, which the predictions are compared with", self.name),
        })
    }

    /// The targets of rows that are to be judged.
    ///
    /// # Errors
    /// [`Error::Data`] for a table without the column, and for a cell that is no number or no known class.
    pub fn read(&self, frame: &Frame) -> Result<Targets> {
        let at = self.place(frame)?;
        let bad = |row: usize, reason: String| Error::Data { place: frame.place_of(row, at), reason };
        if !self.is_classes() {
            let number = |row: usize| {
                let cell = frame.cell(row, at);
                let number = frame.dialect(row).number(cell).filter(|_| !frame.dialect(row).is_missing(cell));
                let number = number.ok_or_else(|| bad(row, format!("`{cell}` is not a number")))?;
                match self.transform == Transform::Log && number <= 0.0 {
                    true => Err(bad(row, format!("`{cell}` has no logarithm, which the model predicts"))),
                    false => Ok(number),
                }
            };
            return Ok(Targets::Numbers((0..frame.rows()).map(number).collect::<Result<_>>()?));
        }
        let places: HashMap<&str, usize> = self.classes.iter().map(String::as_str).zip(0..).collect();
        let class = |row: usize| {
            let cell = frame.cell(row, at);
            places.get(cell).copied().ok_or_else(|| {
                let known = Error::unknown("class", cell, &self.classes).to_string();
                bad(row, format!("{known} (the model knows `{}`)", self.classes.join("`, `")))
            })
        };
        Ok(Targets::Classes((0..frame.rows()).map(class).collect::<Result<_>>()?))
    }
}

/// More classes than that are a mistake.
const MOST_CLASSES: usize = 1000;

fn is_whole(number: Option<f64>) -> bool {
    number.is_some_and(|x| x.fract() == 0.0)
}
