//! How good a model of a language is: what it says of each next token, added up over windows.

use serde::{Deserialize, Serialize};

use super::{
    ClassPrediction,
    metrics::{Estimate, bits_per_character, perplexity},
};
use crate::error::{Error, Result};

/// How good the probabilities of next tokens are.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LanguageScores {
    /// Tokens that were predicted.
    pub n: usize,
    /// Mean negative log-probability of a token, nats.
    pub nll: f64,
    /// e to that.
    pub perplexity: f64,
    /// That in bits, where tokens are characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_character: Option<f64>,
    /// How far they may be off because the text is a sample; one window does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub standard_error: Option<LanguageErrors>,
}

/// The standard errors of [`LanguageScores`], over windows: tokens of one window are not independent.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // of the scores of the same names
pub struct LanguageErrors {
    pub nll: f64,
    /// By the delta method.
    pub perplexity: f64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bits_per_character: Option<f64>,
}

impl LanguageScores {
    /// The names of the scores, in order; the last one is of characters alone.
    pub const NAMES: [&'static str; 4] = ["n", "nll", "perplexity", "bits_per_character"];

    /// The scores, in the order of their names.
    pub fn values(&self) -> Vec<f64> {
        [self.n as f64, self.nll, self.perplexity].into_iter().chain(self.bits_per_character).collect()
    }

    /// Their standard errors, in the order of their names; the number of tokens has none.
    pub fn standard_errors(&self) -> Vec<Option<f64>> {
        let none = vec![None; self.values().len()];
        self.standard_error.map_or(none, |errors| {
            let LanguageErrors { nll, perplexity, bits_per_character } = errors;
            [None, Some(nll), Some(perplexity)].into_iter().chain(bits_per_character.map(Some)).collect()
        })
    }

    fn of(n: usize, nll: Estimate, of_characters: bool) -> Self {
        let (perplexity, bits) = (perplexity(nll), bits_per_character(nll));
        let errors = nll.standard_error.zip(perplexity.standard_error).map(|(nll, perplexity)| LanguageErrors {
            nll,
            perplexity,
            bits_per_character: bits.standard_error.filter(|_| of_characters),
        });
        Self {
            n,
            nll: nll.value,
            perplexity: perplexity.value,
            bits_per_character: of_characters.then_some(bits.value),
            standard_error: errors,
        }
    }
}

/// Adds up what is said of next tokens.
///
/// # Examples
/// ```
/// use burn_zoo::uncertainty::{ClassPrediction, LanguageTally};
///
/// let mut tally = LanguageTally::default();
/// let uniform = ClassPrediction::constant(&[1.0, 1.0, 1.0, 1.0], 6)?; // of two windows of three steps
/// tally.add(0, &uniform, &[3.0, 0.0, 1.0, 2.0, -1.0, -1.0], 3)?; // the second has one token only
/// let scores = tally.scores(true)?;
/// assert_eq!((scores.n, scores.bits_per_character), (4, Some(2.0)));
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct LanguageTally {
    /// Nats and tokens of each window.
    windows: Vec<(f64, usize)>,
}

impl LanguageTally {
    /// Adds `steps` steps of each of some windows, the first of which has the number `first`: `prediction` has a row for each step of each, `targets` the number
    /// of its token, or -1 where there is nothing to predict. What is said of a window may come in several parts.
    ///
    /// # Errors
    /// [`Error::Length`] unless there is a target for each row of the prediction; [`Error::Value`] for one that is beyond the vocabulary.
    ///
    /// # Panics
    /// For no steps.
    pub fn add(&mut self, first: usize, prediction: &ClassPrediction, targets: &[f32], steps: usize) -> Result<()> {
        if prediction.rows() != targets.len() {
            return Err(Error::length("targets", prediction.rows(), targets.len()));
        }
        for (window, targets) in targets.chunks(steps).enumerate() {
            let (mut nats, mut tokens) = (0.0, 0);
            for (step, &target) in targets.iter().enumerate().filter(|(_, target)| **target >= 0.0) {
                let of_row = prediction.log_probabilities(window * steps + step);
                nats -= of_row.get(target as usize).ok_or_else(|| Error::Value {
                    place: format!("window {window}, step {step}"),
                    value: target.to_string(),
                    expected: "a token of the vocabulary",
                })?;
                tokens += 1;
            }
            if self.windows.len() <= first + window {
                self.windows.resize(first + window + 1, (0.0, 0));
            }
            let sums = &mut self.windows[first + window];
            *sums = (sums.0 + nats, sums.1 + tokens);
        }
        Ok(())
    }

    /// The scores of all tokens so far, each counted alike. The standard error is that of a ratio, of nats to tokens, over windows.
    ///
    /// # Errors
    /// [`Error::NoRows`] for no tokens.
    pub fn scores(&self, of_characters: bool) -> Result<LanguageScores> {
        let n: usize = self.windows.iter().map(|(_, tokens)| tokens).sum();
        if n == 0 {
            return Err(Error::NoRows);
        }
        let nll = self.windows.iter().map(|(nats, _)| nats).sum::<f64>() / n as f64;
        let windows = self.windows.iter().filter(|(_, tokens)| *tokens > 0).count() as f64;
        let off = self.windows.iter().map(|&(nats, tokens)| (nats - nll * tokens as f64).powi(2)).sum::<f64>();
        let standard_error = (off * windows / (windows - 1.0)).sqrt() / n as f64;
        let standard_error = Some(standard_error).filter(|error| error.is_finite());
        Ok(LanguageScores::of(n, Estimate { value: nll, standard_error }, of_characters))
    }
}
