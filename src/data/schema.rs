//! What a model reads of each column, and how cells become features.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::{
    date,
    read::Dialect,
    settings::{Missing, Unseen},
};
use crate::error::{Error, Result};

/// The columns that a model reads, in the order of its features, and those of the table that it leaves out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// What happens to cells without a value.
    pub missing: Missing,
    /// What a level becomes that the training part did not have.
    pub unseen: Unseen,
    /// The columns that the model reads.
    #[serde(default)]
    pub columns: Vec<Column>,
    /// The columns of the training table that it does not read.
    #[serde(default)]
    pub ignored: Vec<Ignored>,
}

/// A column that a model does not read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ignored {
    /// Its name.
    pub name: String,
    /// Why not.
    pub why: String,
}

/// A column that a model reads, as the training part showed it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum Column {
    /// Numbers: one feature.
    Numeric {
        /// The column's name.
        name: String,
        /// The least number of the training part.
        min: f64,
        /// The greatest.
        max: f64,
        /// Their mean, for missing cells.
        fill: f64,
        /// Whether another feature says that the cell was missing.
        indicator: bool,
    },
    /// Levels: a feature for each, 1 where the cell is that level, else 0.
    Categorical {
        /// The column's name.
        name: String,
        /// The levels with a feature of their own, sorted.
        levels: Vec<String>,
        /// The levels that share one more feature, sorted.
        rare: Vec<String>,
        /// The most frequent level, for missing cells.
        fill: String,
        /// Whether another feature says that the cell was missing.
        indicator: bool,
    },
    /// Two values: one feature, 0 or 1.
    Boolean {
        /// The column's name.
        name: String,
        /// What is 0; capitals do not matter.
        no: String,
        /// What is 1.
        yes: String,
        /// Whether a missing cell counts as `yes`: it is the more frequent.
        fill: bool,
        /// Whether another feature says that the cell was missing.
        indicator: bool,
    },
    /// Dates or times: the days since 1970, and points on the circles of the year, the week and the day.
    Date {
        /// The column's name.
        name: String,
        /// As `strftime` writes it.
        format: String,
        /// The first date of the training part, in seconds since 1970.
        min: f64,
        /// The last.
        max: f64,
        /// The means of the features, for missing cells.
        fill: Vec<f64>,
        /// Whether another feature says that the cell was missing.
        indicator: bool,
    },
}

/// How a feature is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// To mean 0 and standard deviation 1.
    Standard,
    /// To mean 0 only: it is 0 or 1, or a point on a circle.
    Centred,
}

/// What is worth telling about a cell that the model reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remark {
    /// It has no value.
    Missing {
        /// The column.
        column: String,
    },
    /// It is a level that the training part did not have.
    Unseen {
        /// The column.
        column: String,
        /// The level.
        level: String,
    },
    /// It lies outside of what the training part had.
    Outside {
        /// The column.
        column: String,
        /// The cell.
        value: String,
    },
}

impl Remark {
    /// Whether the row is unlike what the model was trained on: outside of its range, or a level that it does not know.
    pub fn is_outside(&self) -> bool {
        !matches!(self, Self::Missing { .. })
    }
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Missing { column } => write!(f, "{column}="),
            Self::Unseen { column, level: value } | Self::Outside { column, value } => write!(f, "{column}={value}"),
        }
    }
}

/// A cell that the model cannot read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadCell {
    /// Its column's place in the table.
    pub at: usize,
    /// Its column's name.
    pub column: String,
    /// What is wrong.
    pub reason: String,
}

/// Which columns of a table the model reads.
#[derive(Clone, Debug)]
pub struct Binding<'a> {
    schema: &'a Schema,
    /// For each column of the schema, its place in the table.
    at: Vec<usize>,
    levels: Vec<HashMap<&'a str, usize>>,
}

impl Schema {
    /// A schema of numbers that are never missing.
    pub fn numbers(columns: Vec<Column>) -> Self {
        Self { missing: Missing::default(), unseen: Unseen::default(), columns, ignored: Vec::new() }
    }

    /// The names of the columns that are read.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.columns.iter().map(Column::name)
    }

    /// The number of features.
    pub fn width(&self) -> usize {
        self.columns.iter().map(Column::width).sum()
    }

    /// The names of the features: `alcohol`, `make=audi`, `make (rare)`, `day (week (sin))`, `alcohol (missing)`.
    pub fn features(&self) -> Vec<String> {
        self.columns.iter().flat_map(Column::features).collect()
    }

    pub(crate) fn scales(&self) -> impl Iterator<Item = Scale> {
        self.columns.iter().flat_map(Column::scales)
    }

    /// The columns by their names, in any order.
    ///
    /// # Errors
    /// [`Error::Data`] for the first that is not there; `place` is the file.
    pub fn bind(&self, header: &[String], place: &str) -> Result<Binding<'_>> {
        let places: HashMap<&str, usize> = header.iter().map(String::as_str).zip(0..).collect();
        let at = |name: &str| {
            places.get(name).copied().ok_or_else(|| Error::Data {
                place: place.to_string(),
                reason: format!("no column `{name}`, which the model reads{}", self.nearest(name, header)),
            })
        };
        let at = self.names().map(at).collect::<Result<_>>()?;
        Ok(Binding { schema: self, at, levels: self.columns.iter().map(Column::places).collect() })
    }

    /// The column that may be meant, among those that the model does not read anyway; else all that there are.
    fn nearest(&self, name: &str, header: &[String]) -> String {
        let fold = |name: &str| name.to_lowercase().replace(['-', '_', ' ', '.'], "");
        let likeness = |column: &&String| strsim::jaro_winkler(&fold(column), &fold(name));
        let spare = header.iter().filter(|column| !self.names().any(|known| known == *column));
        match spare.max_by(|a, b| likeness(a).total_cmp(&likeness(b))).filter(|column| likeness(column) > 0.85) {
            Some(column) => format!(": did you mean `{column}`?"),
            None => format!("; found `{}`", header.join("`, `")),
        }
    }

    /// That the schema agrees with itself.
    ///
    /// # Errors
    /// What is wrong with which column.
    pub(crate) fn check(&self) -> Result<(), String> {
        let mut seen = std::collections::HashSet::new();
        for column in &self.columns {
            let name = column.name();
            if !seen.insert(name) {
                return Err(format!("2 columns `{name}`"));
            }
            let finite = |numbers: &[f64]| match numbers.iter().find(|x| !x.is_finite()) {
                Some(x) => Err(format!("column `{name}` has the number {x}: expected a finite one")),
                None => Ok(()),
            };
            match column {
                Column::Numeric { min, max, fill, .. } => finite(&[*min, *max, *fill])?,
                Column::Date { min, max, fill, format, .. } => {
                    finite(&[&[*min, *max], &fill[..]].concat())?;
                    let expected = date::names(format).len();
                    if expected == 0 || fill.len() != expected {
                        return Err(format!("column `{name}` has {} means for the format {format:?}", fill.len()));
                    }
                }
                Column::Categorical { levels, rare, fill, .. } => {
                    let mut known = std::collections::HashSet::new();
                    if let Some(level) = levels.iter().chain(rare).find(|level| !known.insert(*level)) {
                        return Err(format!("column `{name}` has the level {level:?} twice"));
                    }
                    if !known.contains(fill) {
                        return Err(format!("column `{name}` is filled with {fill:?}, which is no level"));
                    }
                }
                Column::Boolean { .. } => {}
            }
        }
        Ok(())
    }
}

impl Column {
    /// Numbers that are never missing.
    pub fn number(name: &str, min: f64, max: f64, mean: f64) -> Self {
        Self::Numeric { name: name.to_string(), min, max, fill: mean, indicator: false }
    }

    /// The column's name.
    pub fn name(&self) -> &str {
        match self {
            Self::Numeric { name, .. }
            | Self::Categorical { name, .. }
            | Self::Boolean { name, .. }
            | Self::Date { name, .. } => name,
        }
    }

    /// What it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Numeric { .. } => "numeric",
            Self::Categorical { .. } => "categorical",
            Self::Boolean { .. } => "boolean",
            Self::Date { .. } => "date",
        }
    }

    /// Where each level's feature is.
    fn places(&self) -> HashMap<&str, usize> {
        let Self::Categorical { levels, rare, .. } = self else { return HashMap::new() };
        let own = levels.iter().enumerate().map(|(i, level)| (level.as_str(), i));
        own.chain(rare.iter().map(|level| (level.as_str(), levels.len()))).collect()
    }

    /// Whether another feature says that the cell was missing.
    pub fn has_indicator(&self) -> bool {
        match self {
            Self::Numeric { indicator, .. }
            | Self::Categorical { indicator, .. }
            | Self::Boolean { indicator, .. }
            | Self::Date { indicator, .. } => *indicator,
        }
    }

    fn width(&self) -> usize {
        let own = match self {
            Self::Numeric { .. } | Self::Boolean { .. } => 1,
            Self::Categorical { levels, rare, .. } => levels.len() + usize::from(!rare.is_empty()),
            Self::Date { format, .. } => date::names(format).len(),
        };
        own + usize::from(self.has_indicator())
    }

    fn features(&self) -> Vec<String> {
        let name = self.name();
        let mut features: Vec<String> = match self {
            Self::Numeric { .. } => vec![name.to_string()],
            Self::Boolean { yes, .. } => vec![format!("{name}={yes}")],
            Self::Categorical { levels, rare, .. } => {
                let rare = (!rare.is_empty()).then(|| format!("{name} (rare)"));
                levels.iter().map(|level| format!("{name}={level}")).chain(rare).collect()
            }
            Self::Date { format, .. } => date::names(format).iter().map(|part| format!("{name} ({part})")).collect(),
        };
        features.extend(self.has_indicator().then(|| format!("{name} (missing)")));
        features
    }

    fn scales(&self) -> Vec<Scale> {
        let mut scales = vec![Scale::Centred; self.width()];
        match self {
            Self::Numeric { .. } => scales[0] = Scale::Standard,
            Self::Date { format, .. } if date::has_date(format) => scales[0] = Scale::Standard,
            _ => {}
        }
        scales
    }
}

impl Binding<'_> {
    /// The places of the columns that the model reads.
    pub fn places(&self) -> &[usize] {
        &self.at
    }

    /// Whether a cell of the row that the model reads has no value.
    pub fn misses<'c>(&self, cell: impl Fn(usize) -> &'c str, dialect: &Dialect) -> bool {
        self.at.iter().any(|&at| dialect.is_missing(cell(at)))
    }

    /// Appends the features of a row to `features`, and what is worth telling to `remarks`.
    ///
    /// # Errors
    /// The first cell that cannot be read; `features` then holds part of the row.
    pub fn encode<'c>(
        &self,
        cell: impl Fn(usize) -> &'c str,
        dialect: &Dialect,
        features: &mut Vec<f64>,
        remarks: &mut Vec<Remark>,
    ) -> Result<(), BadCell> {
        for ((column, &at), levels) in self.schema.columns.iter().zip(&self.at).zip(&self.levels) {
            let text = cell(at);
            let bad = |reason: String| BadCell { at, column: column.name().to_string(), reason };
            let missing = dialect.is_missing(text);
            if missing {
                match self.schema.missing {
                    Missing::Error => return Err(bad("the cell is missing, and data.missing was error".to_string())),
                    Missing::Drop => return Err(bad("the cell is missing, and data.missing was drop".to_string())),
                    Missing::Mean | Missing::Indicator => {
                        remarks.push(Remark::Missing { column: column.name().to_string() });
                    }
                }
            }
            let outside = || Remark::Outside { column: column.name().to_string(), value: text.to_string() };
            match column {
                Column::Numeric { min, max, fill, .. } => {
                    let x = match missing {
                        true => *fill,
                        false => dialect.number(text).ok_or_else(|| bad(format!("`{text}` is not a number")))?,
                    };
                    if !missing && (x < *min || x > *max) {
                        remarks.push(outside());
                    }
                    features.push(x);
                }
                Column::Boolean { no, yes, fill, .. } => {
                    let is = |word: &str| {
                        let number = || dialect.number(word).is_some() && dialect.number(word) == dialect.number(text);
                        text.eq_ignore_ascii_case(word) || number()
                    };
                    features.push(match (missing, is(no), is(yes)) {
                        (true, ..) => f64::from(u8::from(*fill)),
                        (_, true, _) => 0.0,
                        (_, _, true) => 1.0,
                        _ => {
                            self.unseen(column, text, remarks, &bad)?;
                            0.5 // neither
                        }
                    });
                }
                Column::Categorical { levels: own, rare, fill, .. } => {
                    let level = if missing { fill } else { text };
                    let hot = match levels.get(level) {
                        Some(&hot) => Some(hot),
                        None => {
                            self.unseen(column, text, remarks, &bad)?;
                            (self.schema.unseen == Unseen::Rare && !rare.is_empty()).then_some(own.len())
                        }
                    };
                    let width = own.len() + usize::from(!rare.is_empty());
                    features.extend((0..width).map(|i| f64::from(u8::from(Some(i) == hot))));
                }
                Column::Date { format, min, max, fill, .. } => match missing {
                    true => features.extend(fill),
                    false => {
                        let is_not = || bad(format!("`{text}` is not a date like {format}"));
                        let seconds = date::seconds(text, format).ok_or_else(is_not)?;
                        if seconds < *min || seconds > *max {
                            remarks.push(outside());
                        }
                        features.extend(date::features(seconds, format));
                    }
                },
            }
            if column.has_indicator() {
                features.push(f64::from(u8::from(missing)));
            }
        }
        Ok(())
    }

    fn unseen(
        &self,
        column: &Column,
        text: &str,
        remarks: &mut Vec<Remark>,
        bad: &impl Fn(String) -> BadCell,
    ) -> Result<(), BadCell> {
        if self.schema.unseen == Unseen::Error {
            return Err(bad(format!("`{text}` is a level that the training part did not have")));
        }
        remarks.push(Remark::Unseen { column: column.name().to_string(), level: text.to_string() });
        Ok(())
    }
}
