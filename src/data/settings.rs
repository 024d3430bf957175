//! What can be chosen about the data of a training.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{
    image::ImageReading,
    split::{SPLIT, check_shares},
};
use crate::error::{Error, Result};

/// What happens to the data before a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataSettings {
    /// What is predicted: numbers or classes.
    pub task: TaskChoice,
    /// What the model sees instead of a target that is a number.
    pub transform: Transform,
    /// The shares of rows that train, validate and test.
    pub split: [f64; 3],
    /// What decides which row falls into which part.
    pub split_by: SplitBy,
    /// What happens to cells without a value.
    pub missing: Missing,
    /// What means "missing" besides an empty cell, `NA`, `?` and their like.
    pub missing_values: Vec<String>,
    /// What happens to rows without a target.
    pub missing_target: MissingTarget,
    /// What a level becomes that the training part did not have.
    pub unseen: Unseen,
    /// Levels with fewer rows in the training part become one, the rare ones.
    pub rare: usize,
    /// How much the rows of a class weigh in the loss.
    pub weights: ClassWeights,
    /// A column that says how much each row weighs in the loss; empty for none.
    pub weight_column: String,
}

impl Default for DataSettings {
    fn default() -> Self {
        Self {
            task: TaskChoice::Auto,
            transform: Transform::None,
            split: SPLIT,
            split_by: SplitBy::Auto,
            missing: Missing::Indicator,
            missing_values: Vec::new(),
            missing_target: MissingTarget::Error,
            unseen: Unseen::Zeros,
            rare: 2,
            weights: ClassWeights::None,
            weight_column: String::new(),
        }
    }
}

impl DataSettings {
    /// That the settings say something that can be done, as far as they tell without the data.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's name.
    pub fn check(&self) -> Result<()> {
        check_shares(self.split)?;
        if self.task == TaskChoice::Classes && self.transform == Transform::Log {
            return Err(Error::config("transform", "log", "none with task = classes"));
        }
        if self.task == TaskChoice::Regression && self.weights == ClassWeights::Balanced {
            return Err(Error::config("weights", "balanced", "none with task = regression"));
        }
        if self.task == TaskChoice::Regression && self.split_by == SplitBy::Stratified {
            return Err(Error::config("split_by", "stratified", "another with task = regression"));
        }
        Ok(())
    }
}

/// What happens to pictures before a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageDataSettings {
    /// The shares of pictures that train, validate and test. An official test part stays one; the others are then dealt out to the first two by their shares.
    pub split: [f64; 3],
    /// How they are read.
    #[serde(flatten)]
    pub reading: ImageReading,
}

impl Default for ImageDataSettings {
    fn default() -> Self {
        Self { split: SPLIT, reading: ImageReading::default() }
    }
}

impl ImageDataSettings {
    /// That the settings say something that can be done.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's name.
    pub fn check(&self) -> Result<()> {
        check_shares(self.split)?;
        self.reading.check()
    }
}

/// Whether the target is a number or a class.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TaskChoice {
    /// Classes for text and for two values, numbers for other numbers; what was found is stated.
    #[default]
    Auto,
    /// Numbers.
    Regression,
    /// Classes, whatever they look like.
    Classes,
}

/// What the model sees instead of a target that is a number. It is standardised in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transform {
    /// The target itself.
    #[default]
    None,
    /// Its natural logarithm: for positive targets whose noise grows with them.
    Log,
}

/// What happens to cells without a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Missing {
    /// They are refused.
    Error,
    /// Their rows do not train, and are not predicted.
    Drop,
    /// They get the training part's mean, or its most frequent level.
    Mean,
    /// The same, and a feature of its own says that the cell was missing, if that happened in the training part.
    #[default]
    Indicator,
}

/// What happens to rows without a target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MissingTarget {
    /// They are refused.
    #[default]
    Error,
    /// They are left out, and counted.
    Drop,
}

/// What a level becomes that the training part did not have; the row is flagged in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unseen {
    /// None of the known levels.
    #[default]
    Zeros,
    /// One of the rare levels, if there are any; else none.
    Rare,
    /// The row is refused.
    Error,
}

/// How much the rows of a class weigh in the loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClassWeights {
    /// All rows alike.
    #[default]
    None,
    /// All classes alike: a row weighs the inverse of its class's share of the training part.
    Balanced,
}

/// What decides which row falls into which part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SplitBy {
    /// [`Stratified`](Self::Stratified) for classes, [`Random`](Self::Random) for numbers.
    #[default]
    Auto,
    /// The seed.
    Random,
    /// The seed, for each class of its own: each part has about the same shares of them.
    Stratified,
    /// The seed, for whole groups: rows with the same value in this column stay together.
    Group(String),
    /// Time: the earliest rows train, the latest test; rows of one time stay together.
    Time(String),
}

impl TryFrom<String> for SplitBy {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.as_str(), text.split_once(':')) {
            ("auto", _) => Ok(Self::Auto),
            ("random", _) => Ok(Self::Random),
            ("stratified", _) => Ok(Self::Stratified),
            (_, Some(("group", column))) if !column.is_empty() => Ok(Self::Group(column.to_string())),
            (_, Some(("time", column))) if !column.is_empty() => Ok(Self::Time(column.to_string())),
            _ => Err("expected auto, random, stratified, group:COLUMN or time:COLUMN".to_string()),
        }
    }
}

impl From<SplitBy> for String {
    fn from(by: SplitBy) -> Self {
        by.to_string()
    }
}

impl fmt::Display for SplitBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Random => f.write_str("random"),
            Self::Stratified => f.write_str("stratified"),
            Self::Group(column) => write!(f, "group:{column}"),
            Self::Time(column) => write!(f, "time:{column}"),
        }
    }
}

/// What a user says that a column is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ColumnKind {
    /// Numbers.
    Numeric,
    /// Levels, one feature each.
    Categorical,
    /// Two values.
    Boolean,
    /// Dates or times, in this format of `strftime`; else it is found out.
    Date(Option<String>),
    /// Nothing that the model reads.
    Ignored,
    /// A name of the row: nothing that the model reads.
    Id,
}

impl TryFrom<String> for ColumnKind {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match (text.as_str(), text.split_once(':')) {
            ("numeric", _) => Ok(Self::Numeric),
            ("categorical", _) => Ok(Self::Categorical),
            ("boolean", _) => Ok(Self::Boolean),
            ("date", _) => Ok(Self::Date(None)),
            (_, Some(("date", format))) if format.contains('%') => Ok(Self::Date(Some(format.to_string()))),
            ("ignored", _) => Ok(Self::Ignored),
            ("id", _) => Ok(Self::Id),
            _ => {
                Err("expected numeric, categorical, boolean, date, date:FORMAT (such as date:%d.%m.%Y), ignored or id"
                    .to_string())
            }
        }
    }
}

impl From<ColumnKind> for String {
    fn from(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Numeric => "numeric".to_string(),
            ColumnKind::Categorical => "categorical".to_string(),
            ColumnKind::Boolean => "boolean".to_string(),
            ColumnKind::Date(None) => "date".to_string(),
            ColumnKind::Date(Some(format)) => format!("date:{format}"),
            ColumnKind::Ignored => "ignored".to_string(),
            ColumnKind::Id => "id".to_string(),
        }
    }
}
