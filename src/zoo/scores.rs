//! How good a model is, as it stands in its description.

use serde::{Deserialize, Serialize};

use crate::uncertainty::{ClassScores, LanguageScores, RegressionScores};

/// How good a model is on rows that nothing was chosen by.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evaluation {
    /// The number of Monte Carlo passes.
    pub passes: usize,
    /// The level of the interval of `coverage` and `width`; none for classes.
    pub interval: Option<f64>,
    /// Many sampled networks.
    pub monte_carlo: Scores,
    /// The mean network (weight scaling), with a tau of its own.
    pub mean_network: Scores,
    /// The training part's mean and standard deviation, or its shares of classes, for every row.
    pub baseline: Scores,
}

/// The scores of one way to predict.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Scores {
    /// Of numbers.
    Regression(RegressionScores),
    /// Of classes.
    Classes(ClassScores),
    /// Of next tokens.
    Language(LanguageScores),
}

impl Scores {
    /// The names of the scores, in order.
    pub fn names(&self) -> &'static [&'static str] {
        match self {
            Self::Regression(_) => &RegressionScores::NAMES,
            Self::Classes(_) => &ClassScores::NAMES,
            Self::Language(scores) => &LanguageScores::NAMES[..scores.values().len()],
        }
    }

    /// The scores, in the order of their names.
    pub fn values(&self) -> Vec<f64> {
        match self {
            Self::Regression(scores) => scores.values().to_vec(),
            Self::Classes(scores) => scores.values().to_vec(),
            Self::Language(scores) => scores.values(),
        }
    }

    /// Their standard errors over rows, in the order of their names; the number of rows has none.
    pub fn standard_errors(&self) -> Vec<Option<f64>> {
        match self {
            Self::Regression(scores) => scores.standard_errors().to_vec(),
            Self::Classes(scores) => scores.standard_errors().to_vec(),
            Self::Language(scores) => scores.standard_errors(),
        }
    }

    /// The scores of numbers, if they are.
    pub fn regression(&self) -> Option<RegressionScores> {
        if let Self::Regression(scores) = self { Some(*scores) } else { None }
    }

    /// The scores of classes, if they are.
    pub fn classes(&self) -> Option<ClassScores> {
        if let Self::Classes(scores) = self { Some(*scores) } else { None }
    }

    /// The scores of next tokens, if they are.
    pub fn language(&self) -> Option<LanguageScores> {
        if let Self::Language(scores) = self { Some(*scores) } else { None }
    }

    /// The score of that name, if these scores have it.
    pub fn get(&self, name: &str) -> Option<f64> {
        Some(self.values()[self.names().iter().position(|known| *known == name)?])
    }
}
