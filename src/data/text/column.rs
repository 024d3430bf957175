//! Texts in a column of a table.

use super::settings::{Empty, TextSettings, TextUse};
use crate::{
    data::{DataSettings, Found, Frame, Target, Targets},
    error::{Error, Result},
};

/// Texts in a column of a table, without the blanks around them, which no cell keeps. `NA` is a text.
#[derive(Clone, Debug)]
pub struct Texts<'a> {
    frame: &'a Frame,
    column: usize,
    rows: Vec<usize>,
}

/// Texts, and what is to be predicted from each.
#[derive(Clone, Debug)]
pub struct LabelledTexts<'a> {
    /// The texts.
    pub texts: Texts<'a>,
    /// What is predicted.
    pub target: Target,
    /// The target of each text.
    pub targets: Targets,
    /// What a user should be told, one line each.
    pub notes: Vec<String>,
}

impl<'a> Texts<'a> {
    /// The texts of some rows.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a column that is not there; [`Error::Data`] for an empty text that is not to be kept.
    pub fn of(frame: &'a Frame, column: &str, rows: Vec<usize>, empty: Empty) -> Result<Self> {
        let texts = Self { frame, column: frame.column(column)?, rows };
        let first = texts.empty().next();
        match first {
            Some(first) if empty == Empty::Error => {
                let n = texts.empty().count();
                let count = if n == 1 { String::new() } else { format!(" ({n} such rows)") };
                let reason =
                    format!("the text is empty{count}: say --set data.empty=keep to keep it as a sequence of no steps");
                Err(Error::Data { place: texts.place(first), reason })
            }
            _ => Ok(texts),
        }
    }

    /// The texts of all rows.
    ///
    /// # Errors
    /// As [`of`](Self::of); [`Error::Data`] for a table without rows.
    pub fn all(frame: &'a Frame, column: &str, empty: Empty) -> Result<Self> {
        if frame.rows() == 0 {
            let reason = "no rows below the header: nothing to read".to_string();
            return Err(Error::Data { place: frame.name().to_string(), reason });
        }
        Self::of(frame, column, (0..frame.rows()).collect(), empty)
    }

    /// How many there are.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// One text.
    ///
    /// # Panics
    /// If there is no such text.
    pub fn get(&self, i: usize) -> &'a str {
        self.frame.cell(self.rows[i], self.column)
    }

    /// The row of the table that a text stands in.
    ///
    /// # Panics
    /// If there is no such text.
    pub fn row(&self, i: usize) -> usize {
        self.rows[i]
    }

    /// File, line and column of a text, for messages.
    ///
    /// # Panics
    /// If there is no such text.
    pub fn place(&self, i: usize) -> String {
        self.frame.place_of(self.rows[i], self.column)
    }

    /// The texts one after the other.
    pub fn iter(&self) -> impl Iterator<Item = &'a str> + Clone {
        let (frame, column) = (self.frame, self.column);
        self.rows.iter().map(move |&row| frame.cell(row, column))
    }

    /// Some of the texts, in this order.
    ///
    /// # Panics
    /// If there is no such text.
    pub fn select(&self, some: &[usize]) -> Self {
        Self { rows: some.iter().map(|&i| self.rows[i]).collect(), ..*self }
    }

    /// The name of the table, for messages.
    pub fn name(&self) -> &'a str {
        self.frame.name()
    }

    /// Those without any token: there is nothing but white space in them.
    pub fn empty(&self) -> impl Iterator<Item = usize> {
        (0..self.rows()).filter(|&i| self.get(i).trim().is_empty())
    }
}

impl<'a> LabelledTexts<'a> {
    /// The texts of a column, and their targets in another.
    ///
    /// # Errors
    /// As [`Texts::of`] and [`Target::find`]; [`Error::Config`] for one column that is to be both, and for settings that say nothing.
    pub fn find(frame: &'a Frame, column: &str, target: &str, settings: &TextSettings) -> Result<Self> {
        settings.check()?;
        settings.check_use(TextUse::Sequences)?;
        frame.column(column)?;
        if column == target {
            return Err(Error::config("target", target, "another column than that of the texts"));
        }
        let of_target =
            DataSettings { task: settings.task, missing_target: settings.missing_target, ..DataSettings::default() };
        let Found { target, rows, targets, mut notes } = Target::find(frame, target, &of_target)?;
        let texts = Texts::of(frame, column, rows, settings.empty)?;
        let empty = texts.empty().count();
        if empty > 0 {
            notes.push(format!("texts without any token: {empty}, kept as sequences of no steps"));
        }
        Ok(Self { texts, target, targets, notes })
    }
}
