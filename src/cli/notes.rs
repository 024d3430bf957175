//! What is worth a word about the rows of a prediction.

use std::{
    collections::HashSet,
    io::{Write, stderr},
};

use anyhow::Result;
use burn_zoo::{
    Check,
    data::{Remark, SplitBy},
    zoo::{AnyModel, Model},
};

use super::{
    one_line,
    predict::{Args, Count, OnError},
};

/// What is said on standard error: each kind of thing once, with its first lines.
pub struct Words {
    quiet: bool,
    /// In the order in which they were met: what, the first lines, how many.
    met: Vec<(String, Vec<u64>, usize)>,
}

/// Kinds of things, and lines of each, that are told.
const TOLD: usize = 8;

impl Words {
    /// Nothing was met yet.
    pub fn new(quiet: bool) -> Self {
        Self { quiet, met: Vec::new() }
    }

    /// One note, unless it is to be quiet.
    pub fn say(&self, note: &str) {
        if !self.quiet {
            let _ = writeln!(stderr(), "note: {}", one_line(note, 2000)); // nobody who reads it is no failure
        }
    }

    /// What the model's device gets wrong of what the model asks of it.
    pub fn device(&self, model: &AnyModel) -> Result<()> {
        if !self.quiet
            && let Some(warning) = warning_of(&model.device_faults()?)
        {
            let _ = writeln!(stderr(), "{warning}");
        }
        Ok(())
    }

    /// Columns that the training table did not have.
    pub fn extra_columns(&self, model: &Model, header: &[String], args: &Args) {
        let (schema, target) = (model.schema(), model.target());
        let ignored = schema.ignored.iter().map(|column| column.name.as_str());
        let settings = &model.file().data.settings;
        let split = match &settings.split_by {
            SplitBy::Group(column) | SplitBy::Time(column) => Some(column.as_str()),
            SplitBy::Auto | SplitBy::Random | SplitBy::Stratified => None,
        };
        let others = split.into_iter().chain([target.name.as_str(), settings.weight_column.as_str()]);
        let known: HashSet<&str> = schema.names().chain(ignored).chain(others).collect();
        let extra: Vec<&str> = header.iter().map(String::as_str).filter(|name| !known.contains(name)).collect();
        if let [first, rest @ ..] = &extra[..] {
            let others = if rest.is_empty() { String::new() } else { format!(" and {} more", rest.len()) };
            let became = if args.no_passthrough { "left out" } else { "passed through" };
            self.say(&format!("column `{first}`{others}: unknown to the model, {became}"));
        }
    }

    /// Notes missing cells and unknown levels.
    pub fn cells(&mut self, line: u64, remarks: &[Remark]) {
        for remark in remarks {
            let what = match remark {
                Remark::Missing { column } => {
                    format!("column `{column}` is missing, and filled as in the training part")
                }
                Remark::Unseen { column, level } => {
                    format!("column `{column}`: `{level}` is a level that the training part did not have")
                }
                Remark::Outside { .. } => continue,
            };
            match self.met.iter().position(|(known, ..)| *known == what) {
                Some(at) => {
                    let (_, lines, count) = &mut self.met[at];
                    *count += 1;
                    if lines.len() < TOLD {
                        lines.push(line);
                    }
                }
                None if self.met.len() < 10 * TOLD => self.met.push((what, vec![line], 1)),
                None => {}
            }
        }
    }

    /// What was met, and what became of the rows.
    pub fn summary(&self, count: &Count, name: &str, args: &Args) {
        for (what, lines, count) in self.met.iter().take(TOLD) {
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            let (plural, more) = if *count > 1 { ("s", *count - lines.len()) } else { ("", 0) };
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            self.say(&format!("{name}, line{plural} {}{more}, {what}", lines.join(", ")));
        }
        if self.met.len() > TOLD {
            self.say(&format!("{name}: more columns are missing cells or have unknown levels"));
        }
        if count.outside > 0 {
            let (outside, rows) = (count.outside, count.rows);
            self.say(&format!(
                "{name}: {outside} of {rows} rows lie outside of the training part: see column `outside`"
            ));
        }
        self.faults(count, name, args);
    }

    /// What became of what could not be predicted.
    pub fn faults(&self, count: &Count, name: &str, args: &Args) {
        if count.bad > 0 {
            let became = if args.on_error == OnError::Skip { "skipped" } else { "marked: see column `error`" };
            self.say(&format!("{name}: {} of {} rows could not be predicted and were {became}", count.bad, count.rows));
        }
    }
}

/// What to say of a device that gets these wrong, if any.
pub fn warning_of(faults: &[Check]) -> Option<String> {
    let told = |check: &Check| format!("{} {} ({})", check.operation, check.size, check.quantity);
    let told: Vec<String> = faults.iter().map(told).collect();
    let says = "which this run uses: do not trust its numbers (burn-zoo devices --check)";
    (!told.is_empty()).then(|| format!("warning: the device is wrong in {}, {says}", told.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_is_wrong_is_told_with_what_it_is_wrong_in() {
        let check = |operation, size: &str| Check {
            operation,
            size: size.to_string(),
            quantity: "value",
            error: 0.07,
            tolerance: 1e-4,
        };
        assert_eq!(warning_of(&[]), None);
        assert_eq!(
            warning_of(&[check("sum", "over 70001"), check("softmax", "over 70001")]).unwrap(),
            "warning: the device is wrong in sum over 70001 (value), softmax over 70001 (value), which this run uses: do not trust its numbers \
             (burn-zoo devices --check)"
        );
    }
}
