//! What the columns of a table are, by the cells of its training part; what cannot be told for certain is refused.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{
    date,
    frame::Frame,
    schema::{Column, Ignored, Schema},
    settings::{ColumnKind, DataSettings, Missing},
};
use crate::error::{Error, Result};

/// The share of cells that must be of a kind for the others to be mistakes.
const MOSTLY: f64 = 0.8;
/// The most levels that a column of text may have unless it is said to be categorical.
const MOST_LEVELS: usize = 100;
/// Beyond this, neighbouring whole numbers are the same in double precision.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Two words that are no and yes, without regard to capitals.
const NO_AND_YES: [(&str, &str); 6] =
    [("false", "true"), ("no", "yes"), ("n", "y"), ("f", "t"), ("off", "on"), ("0", "1")];

impl Schema {
    /// What the columns of `frame` are, but for `without`, by the rows of the training part. `said` overrides what is found.
    ///
    /// Also gives what a user should be told, one line each.
    ///
    /// # Errors
    /// [`Error::Data`] for a column that cannot be told for certain, with the option that says it, and if no column is left.
    pub fn infer(
        frame: &Frame,
        train: &[usize],
        without: &[&str],
        said: &BTreeMap<String, ColumnKind>,
        settings: &DataSettings,
    ) -> Result<(Self, Vec<String>)> {
        let mut schema =
            Self { missing: settings.missing, unseen: settings.unseen, columns: Vec::new(), ignored: Vec::new() };
        let mut notes = Vec::new();
        let without: HashSet<&str> = without.iter().copied().collect();
        for (at, name) in frame.columns().iter().enumerate().filter(|(_, name)| !without.contains(name.as_str())) {
            let cells = Cells::of(frame, train, at);
            let found = match said.get(name) {
                Some(kind) => cells.said(kind, settings)?,
                None => cells.found(settings)?,
            };
            notes.extend(cells.extreme(&found));
            match found {
                Found::Column(column) => schema.columns.push(column),
                Found::Ignored(why) => schema.ignored.push(Ignored { name: name.clone(), why: why.to_string() }),
            }
        }
        notes.extend(left_out(&schema.ignored));
        match schema.columns.is_empty() {
            true => Err(Error::Data {
                place: frame.name().to_string(),
                reason: format!("no column is left to predict from{}", list(&schema.ignored)),
            }),
            false => Ok((schema, notes)),
        }
    }
}

/// What users should be told about columns that are left out: constant ones as a count, others with the reason.
fn left_out(ignored: &[Ignored]) -> Vec<String> {
    let mut by_reason: Vec<(&str, Vec<&str>)> = Vec::new();
    for column in ignored.iter().filter(|column| column.why != SAID) {
        match by_reason.iter_mut().find(|(why, _)| *why == column.why) {
            Some((_, names)) => names.push(&column.name),
            None => by_reason.push((&column.why, vec![&column.name])),
        }
    }
    let note = |(why, names): &(&str, Vec<&str>)| {
        let keep = KEPT_AS.iter().find(|(known, _)| known == why);
        let name = if let [name] = names[..] { name } else { "NAME" };
        let keep = keep.map_or(String::new(), |(_, kind)| format!("; --column '{name}={kind}' keeps it"));
        match names.len() {
            1 => format!("column `{name}` is left out: {why}{keep}"),
            2..=5 => format!("columns `{}` are left out: {why}{keep}", names.join("`, `")),
            n => format!("{n} columns are left out, among them `{}`: {why}{keep}", names[..3].join("`, `")),
        }
    };
    by_reason.iter().map(note).collect()
}

fn list(ignored: &[Ignored]) -> String {
    match ignored {
        [] => String::new(),
        some => format!(
            ": {}",
            some.iter().take(5).map(|c| format!("`{}` is out ({})", c.name, c.why)).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Why a column is left out that the user left out.
const SAID: &str = "as you said";
/// Why others are.
const EMPTY: &str = "it has no values";
const CONSTANT: &str = "constant in the training part";
const TOO_LARGE: &str = "an identifier (numbers that double precision cannot tell apart)";
const COUNTER: &str = "it counts the rows";
const NAMED: &str = "an identifier (no value repeats)";
const NEVER_REPEATS: &str = "text that never repeats (names or free text)";
const MANY_TEXTS: &str = "text of too many kinds";

/// What a user may say that such a column is all the same.
const KEPT_AS: [(&str, &str); 5] = [
    (TOO_LARGE, "numeric"),
    (COUNTER, "numeric"),
    (NAMED, "numeric"),
    (NEVER_REPEATS, "categorical"),
    (MANY_TEXTS, "categorical"),
];

enum Found {
    Column(Column),
    Ignored(&'static str),
}

/// The cells of one column in the training part.
struct Cells<'a> {
    frame: &'a Frame,
    at: usize,
    name: &'a str,
    /// Those with a value, and their rows.
    some: Vec<(usize, &'a str)>,
    missing: bool,
}

impl<'a> Cells<'a> {
    fn of(frame: &'a Frame, train: &[usize], at: usize) -> Self {
        let cells = train.iter().map(|&row| (row, frame.cell(row, at)));
        let some: Vec<_> = cells.filter(|(row, cell)| !frame.dialect(*row).is_missing(cell)).collect();
        Self { frame, at, name: &frame.columns()[at], missing: some.len() < train.len(), some }
    }

    fn number(&self, (row, cell): (usize, &str)) -> Option<f64> {
        self.frame.dialect(row).number(cell)
    }

    fn indicator(&self, settings: &DataSettings) -> bool {
        self.missing && settings.missing == Missing::Indicator
    }

    fn refuse(&self, row: usize, reason: String) -> Error {
        Error::Data { place: self.frame.place_of(row, self.at), reason }
    }

    /// What the column is, by its cells.
    fn found(&self, settings: &DataSettings) -> Result<Found> {
        let Some(&(_, first)) = self.some.first() else { return Ok(Found::Ignored(EMPTY)) };
        let one = self.some.iter().all(|(_, cell)| *cell == first);
        if one && !self.indicator(settings) {
            return Ok(Found::Ignored(CONSTANT));
        }
        if let Some((no, yes)) = self.no_and_yes().filter(|_| !self.counts_on()) {
            return Ok(Found::Column(self.boolean(no, yes, settings)));
        }
        let numbers = self.some.iter().filter(|cell| self.number(**cell).is_some()).count();
        if numbers == self.some.len() {
            return Ok(match (self.codes(), self.identifier()) {
                (_, Some(why)) => Found::Ignored(why),
                (true, _) => self.text(settings),
                (false, _) => Found::Column(self.numeric(settings)?),
            });
        }
        if numbers as f64 >= MOSTLY * self.some.len() as f64 {
            return Err(self.not_numbers());
        }
        if let Some(format) = self.date_format()? {
            return Ok(Found::Column(self.date(&format, settings)?));
        }
        Ok(self.text(settings))
    }

    /// What the user says that it is.
    fn said(&self, kind: &ColumnKind, settings: &DataSettings) -> Result<Found> {
        if matches!(kind, ColumnKind::Ignored | ColumnKind::Id) {
            return Ok(Found::Ignored(SAID));
        }
        if self.some.is_empty() {
            return Ok(Found::Ignored(EMPTY));
        }
        Ok(Found::Column(match kind {
            ColumnKind::Ignored | ColumnKind::Id => unreachable!("they were told apart"),
            ColumnKind::Numeric => self.numeric(settings)?,
            ColumnKind::Categorical => self.categorical(settings),
            ColumnKind::Date(Some(format)) => self.date(format, settings)?,
            ColumnKind::Date(None) => match self.date_format()? {
                Some(format) => self.date(&format, settings)?,
                None => {
                    let (row, cell) = self.some[0];
                    return Err(self.refuse(
                        row,
                        format!(
                            "`{cell}` is no date in a format that is tried: say --column '{}=date:%d.%m.%Y'",
                            self.name
                        ),
                    ));
                }
            },
            ColumnKind::Boolean => {
                let levels = self.levels();
                let words: Vec<&str> = levels.keys().copied().collect();
                match (self.no_and_yes(), &words[..]) {
                    (Some((no, yes)), _) => self.boolean(no, yes, settings),
                    (None, [no, yes]) if !no.eq_ignore_ascii_case(yes) => self.boolean(no, yes, settings),
                    (None, words) => {
                        let found = format!("{} values are in this column", words.len());
                        return Err(self.refuse(self.some[0].0, format!("{found}: a boolean one has 2")));
                    }
                }
            }
        }))
    }

    /// The words that are no and yes, as they are spelled, if those are the only ones.
    fn no_and_yes(&self) -> Option<(&'a str, &'a str)> {
        let first = self.some.first()?.1;
        let pair = |words: &&(&str, &str)| first.eq_ignore_ascii_case(words.0) || first.eq_ignore_ascii_case(words.1);
        let (no, yes) = NO_AND_YES.iter().find(pair)?;
        let (mut spelled_no, mut spelled_yes) = (None, None);
        for (_, cell) in &self.some {
            match (cell.eq_ignore_ascii_case(no), cell.eq_ignore_ascii_case(yes)) {
                (true, _) => spelled_no.get_or_insert(*cell),
                (_, true) => spelled_yes.get_or_insert(*cell),
                _ => return None,
            };
        }
        Some((spelled_no?, spelled_yes?))
    }

    /// Whether other parts have numbers besides 0 and 1: then the training part's zeros and ones are counts.
    fn counts_on(&self) -> bool {
        let number = |row: usize| self.number((row, self.frame.cell(row, self.at)));
        (0..self.frame.rows()).any(|row| number(row).is_some_and(|x| x != 0.0 && x != 1.0))
    }

    /// Whether the numbers are codes: a leading zero says something.
    fn codes(&self) -> bool {
        let leads = |cell: &str| cell.len() > 1 && cell.starts_with('0') && cell.bytes().all(|b| b.is_ascii_digit());
        self.some.iter().any(|(_, cell)| leads(cell))
    }

    /// Why the whole numbers of this column are names of the rows, if they are.
    fn identifier(&self) -> Option<&'static str> {
        let is_whole = |cell: &str| !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit());
        if !self.some.iter().all(|(_, cell)| is_whole(cell)) {
            return None;
        }
        if self.some.iter().any(|cell| self.number(*cell).is_none_or(|x| x > EXACT)) {
            return Some(TOO_LARGE);
        }
        let offset = |(row, cell): (usize, &str)| self.number((row, cell)).map(|x| x - row as f64);
        let first = offset(self.some[0]);
        if self.some.len() >= 10 && self.some.iter().all(|cell| offset(*cell) == first) {
            return Some(COUNTER);
        }
        let name = self.name.to_lowercase();
        let named = ["id", "no", "nr", "index", "key"].contains(&name.as_str())
            || ["_id", "-id", " id", "_no", "_key"].iter().any(|end| name.ends_with(end));
        let mut seen = HashSet::new();
        let distinct = self.some.len() >= 3 && self.some.iter().all(|(_, cell)| seen.insert(*cell));
        (named && distinct).then_some(NAMED)
    }

    fn numeric(&self, settings: &DataSettings) -> Result<Column> {
        let numbers: Vec<f64> = self.some.iter().filter_map(|cell| self.number(*cell)).collect();
        if numbers.len() < self.some.len() {
            return Err(self.not_numbers());
        }
        let least = numbers.iter().copied().fold(f64::INFINITY, f64::min);
        let most = numbers.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Ok(Column::Numeric {
            name: self.name.to_string(),
            min: least,
            max: most,
            fill: mean(&numbers).clamp(least, most), // rounding
            indicator: self.indicator(settings),
        })
    }

    /// The cells that are no numbers where most are, in one line.
    fn not_numbers(&self) -> Error {
        // Of all parts: they are to be answered in one go.
        let cells = (0..self.frame.rows()).map(|row| (row, self.frame.cell(row, self.at)));
        let known =
            |(row, cell): (usize, &str)| self.frame.dialect(row).is_missing(cell) || self.number((row, cell)).is_some();
        let bad: Vec<(usize, &str)> = cells.filter(|cell| !known(*cell)).collect();
        let more = bad.iter().skip(1).take(2).map(|(row, cell)| format!("`{cell}` in {}", self.frame.place(*row)));
        let more = more.collect::<Vec<_>>().join(", ");
        let count = match bad.len() {
            1 => String::new(),
            n => format!(" ({n} such cells: also {more}{})", if n > 3 { ", ..." } else { "" }),
        };
        let most = if 2 * bad.len() < self.some.len() { ", as most cells of this column are" } else { "" };
        let (row, cell) = bad[0];
        let grouped = cell.contains(',') && cell.bytes().all(|b| b.is_ascii_digit() || b",.-".contains(&b));
        let hint = if grouped { "--thousands , if commas group digits, ".to_string() } else { String::new() };
        self.refuse(
            row,
            format!(
                "`{cell}` is not a number{most}{count}: say {hint}--na '{cell}' if it \
                 means missing, or --column '{}=categorical'",
                self.name
            ),
        )
    }

    fn boolean(&self, no: &str, yes: &str, settings: &DataSettings) -> Column {
        let yeses = self.some.iter().filter(|(_, cell)| cell.eq_ignore_ascii_case(yes)).count();
        Column::Boolean {
            name: self.name.to_string(),
            no: no.to_string(),
            yes: yes.to_string(),
            fill: 2 * yeses > self.some.len(),
            indicator: self.indicator(settings),
        }
    }

    /// How often each text occurs.
    fn levels(&self) -> BTreeMap<&'a str, usize> {
        let mut levels = HashMap::new();
        self.some.iter().for_each(|(_, cell)| *levels.entry(*cell).or_insert(0) += 1);
        levels.into_iter().collect()
    }

    /// A column of text that nobody said anything about.
    fn text(&self, settings: &DataSettings) -> Found {
        let (levels, cells) = (self.levels().len(), self.some.len());
        if levels == cells && cells >= 3 {
            return Found::Ignored(NEVER_REPEATS);
        }
        if levels > MOST_LEVELS || (levels > 20 && 2 * levels > cells) {
            return Found::Ignored(MANY_TEXTS);
        }
        Found::Column(self.categorical(settings))
    }

    fn categorical(&self, settings: &DataSettings) -> Column {
        let counts = self.levels();
        // The most frequent level; the first of equals.
        let fill = counts.iter().rev().max_by_key(|(_, count)| **count).expect("there are values").0;
        let (own, rare): (Vec<_>, Vec<_>) = counts.iter().partition(|(_, count)| **count >= settings.rare);
        let names = |levels: Vec<(&&str, &usize)>| levels.iter().map(|(level, _)| level.to_string()).collect();
        Column::Categorical {
            name: self.name.to_string(),
            levels: names(own),
            rare: names(rare),
            fill: fill.to_string(),
            indicator: self.indicator(settings),
        }
    }

    /// The format in which all cells are dates, if the first one is a date.
    fn date_format(&self) -> Result<Option<String>> {
        let Some(&(_, first)) = self.some.first() else { return Ok(None) };
        let of_first = date::formats(first);
        let mut left = of_first.clone();
        for &(row, cell) in &self.some {
            let before = left.clone();
            left.retain(|format| date::seconds(cell, format).is_some());
            if left.is_empty() {
                return match date::formats(cell).first() {
                    _ if of_first.is_empty() => Ok(None),
                    Some(other) => Err(self.refuse(
                        row,
                        format!(
                            "`{cell}` is a date like {other}, `{first}` above is one like {}: make them alike, or say \
                             --column '{}=ignored'",
                            before[0], self.name
                        ),
                    )),
                    None => self.mostly_dates(&before, (row, cell)),
                };
            }
        }
        let day_first = |format: &str| format.starts_with("%d/%m") || format.starts_with("%d-%m");
        let month_first = |format: &str| format.starts_with("%m/%d") || format.starts_with("%m-%d");
        if left.iter().any(|format| day_first(format)) && left.iter().any(|format| month_first(format)) {
            let (row, cell) = self.some[0];
            return Err(self.refuse(
                row,
                format!(
                    "`{cell}` and all below may begin with the day or with the month: say --column '{0}=date:{1}' or \
                     --column '{0}=date:{2}'",
                    self.name,
                    left.iter().find(|format| day_first(format)).expect("there is one"),
                    left.iter().find(|format| month_first(format)).expect("there is one")
                ),
            ));
        }
        Ok(left.into_iter().next()) // a later one may read fractions of seconds, too, of which there are none
    }

    /// No format, unless most cells are dates: then `bad` is a mistake.
    fn mostly_dates(&self, formats: &[String], (row, bad): (usize, &str)) -> Result<Option<String>> {
        let is_date = |cell: &str| formats.iter().any(|format| date::seconds(cell, format).is_some());
        let dates = self.some.iter().filter(|(_, cell)| is_date(cell)).count();
        match (dates as f64) < MOSTLY * self.some.len() as f64 {
            true => Ok(None),
            false => Err(self.refuse(
                row,
                format!(
                    "`{bad}` is not a date like {}, as most cells of this column are: say --na '{bad}' if it means \
                     missing, or --column '{}=categorical'",
                    formats[0], self.name
                ),
            )),
        }
    }

    fn date(&self, format: &str, settings: &DataSettings) -> Result<Column> {
        if date::names(format).is_empty() {
            let (row, reason) =
                (self.some[0].0, format!("{format:?} is no format of dates: expected one such as %d.%m.%Y"));
            return Err(self.refuse(row, reason));
        }
        let read = |&(row, cell): &(usize, &str)| {
            let reason = || format!("`{cell}` is not a date like {format}: say --na '{cell}' if it means missing");
            date::seconds(cell, format).ok_or_else(|| self.refuse(row, reason()))
        };
        let stamps = self.some.iter().map(read).collect::<Result<Vec<f64>>>()?;
        let features: Vec<Vec<f64>> = stamps.iter().map(|&s| date::features(s, format).collect()).collect();
        let fill = |i: usize| mean(&features.iter().map(|features| features[i]).collect::<Vec<_>>());
        Ok(Column::Date {
            name: self.name.to_string(),
            format: format.to_string(),
            min: stamps.iter().copied().fold(f64::INFINITY, f64::min),
            max: stamps.iter().copied().fold(f64::NEG_INFINITY, f64::max),
            fill: (0..date::names(format).len()).map(fill).collect(),
            indicator: self.indicator(settings),
        })
    }

    /// A number that is repeated far outside of the others: it may mean "missing".
    fn extreme(&self, found: &Found) -> Option<String> {
        let Found::Column(Column::Numeric { min, max, .. }) = found else { return None };
        let numbers: Vec<f64> = self.some.iter().filter_map(|cell| self.number(*cell)).collect();
        [*min, *max].into_iter().find_map(|x| {
            let others: Vec<f64> = numbers.iter().copied().filter(|other| *other != x).collect();
            let times = numbers.len() - others.len();
            let low = others.iter().copied().fold(f64::INFINITY, f64::min);
            let high = others.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let gap = (low - x).max(x - high);
            let stands_out = times >= 2 && others.len() > 10 && gap > 2.0 * (high - low) && high > low;
            stands_out.then(|| {
                format!(
                    "column `{}`: {x} stands {times} times, far outside of the rest ({low} .. {high}): say --na {x} if it \
                     means missing",
                    self.name
                )
            })
        })
    }
}

fn mean(numbers: &[f64]) -> f64 {
    let n = numbers.len() as f64;
    numbers.iter().map(|x| x / n).sum() // no overflow of large numbers
}
