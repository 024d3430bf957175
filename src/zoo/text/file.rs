//! `model.toml` of a model of text: everything about it but its weights.

use serde::{Deserialize, Serialize};

use crate::{
    data::{
        Scaler, Target,
        text::{TextSettings, TextUse, Tokens, Vocabulary},
    },
    error::Error,
    models::{LstmConfig, Noise, SequenceInput, Task},
    train::TrainConfig,
    zoo::{
        Evaluation, Provenance, Reading, Tau, Weights,
        description::{Description, described},
    },
};

/// Everything about a model of text but its weights, as it stands in `model.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextFile {
    /// The version of this layout: 2.
    pub schema: u32,
    /// The kind of model: `lstm`.
    pub family: String,
    /// What it reads: `text`.
    pub kind: String,
    /// The rule by which keys become masks.
    pub mask_scheme: u32,
    /// Where the model is from.
    pub provenance: Provenance,
    /// What it was trained on.
    pub data: TextData,
    /// What it predicts; none for the next token.
    pub target: Option<Target>,
    /// The tokens.
    pub vocabulary: Vocabulary,
    /// The network.
    pub model: LstmConfig,
    /// Its training.
    pub train: TrainConfig,
    /// The standardisation of a target that is a number, fitted to the training part.
    pub scaling: Option<Scaler>,
    /// The noise of such a target, if it is constant.
    pub tau: Option<Tau>,
    /// The file with the weights.
    pub weights: Weights,
    /// How good it is on the test part; nothing is said where nothing is said about the noise.
    pub test: Option<Evaluation>,
}

/// What a model of text was trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextData {
    /// Files: one, or one for each part.
    pub names: Vec<String>,
    /// Of each.
    pub sha256: Vec<String>,
    /// The column of a table that holds the texts; none for plain text.
    pub column: Option<String>,
    /// How many texts trained, validated and tested; of a language, how many tokens.
    pub rows: [usize; 3],
    /// How often each class, or each token of a language, stands in the training part; none for numbers.
    pub counts: Vec<usize>,
    /// What the cells of a table stand in, if it was said.
    pub reading: Reading,
    /// What was chosen.
    pub settings: TextSettings,
}

described!(TextFile);

impl TextFile {
    /// What [`kind`](Self::kind) says.
    pub const KIND: &'static str = "text";

    /// Whether the next token is predicted.
    pub fn is_language(&self) -> bool {
        self.target.is_none()
    }

    /// Whether its tokens are characters.
    pub fn is_of_characters(&self) -> bool {
        self.vocabulary.tokens() == Tokens::Char
    }
}

impl Description for TextFile {
    const FAMILY: &'static str = "lstm";

    fn mask_scheme(&self) -> u32 {
        self.mask_scheme
    }

    fn train(&self) -> &TrainConfig {
        &self.train
    }

    fn check(&self) -> Result<(), String> {
        if self.kind != Self::KIND {
            return Err(format!("a model of `{}`: expected `{}`", self.kind, Self::KIND));
        }
        let (data, tokens) = (&self.data, self.vocabulary.len());
        let text_use = if self.is_language() { TextUse::Language } else { TextUse::Sequences };
        let checks = [self.model.check(), data.settings.check(), data.settings.check_use(text_use)];
        checks.into_iter().collect::<Result<(), Error>>().map_err(|error| error.to_string())?;
        match self.model.input {
            SequenceInput::Words { vocabulary, .. } if vocabulary == tokens => {}
            input => return Err(format!("{tokens} tokens for a network of {input:?}")),
        }
        let classes = self.target.as_ref().map(|target| target.classes.len());
        let (counts, numbers) = match (self.model.task, classes) {
            (Task::NextWord { .. }, None) => (tokens, 0),
            (Task::Binary, Some(2)) => (2, 0),
            (Task::MultiClass { classes: n }, Some(classes)) if n == classes => (n, 0),
            (Task::Regression { targets: 1, .. }, Some(0)) => (0, 1),
            (task, classes) => return Err(format!("{} classes for {task}", classes.unwrap_or(0))),
        };
        if classes.is_some() && data.column.is_none() {
            return Err("a target without a column of texts".to_string());
        }
        let constant = matches!(self.model.task, Task::Regression { noise: Noise::Constant, .. });
        let (scaling, tau) = (self.scaling.as_ref(), self.tau.as_ref());
        let taus = if constant { 1 } else { 0 };
        for (what, expected, found) in [
            ("counts", counts, data.counts.len()),
            ("checksums of files", data.names.len().max(1), data.sha256.len()),
            ("target means", numbers, scaling.map_or(0, |scaler| scaler.mean.len())),
            ("target standard deviations", numbers, scaling.map_or(0, |scaler| scaler.sd.len())),
            ("precisions tau", taus, tau.map_or(0, |tau| tau.monte_carlo.len())),
            ("precisions tau", taus, tau.map_or(0, |tau| tau.mean_network.len())),
        ] {
            if expected != found {
                return Err(format!("{found} {what}: expected {expected}"));
            }
        }
        if let Some(mean) = scaling.and_then(|scaler| scaler.mean.iter().find(|mean| !mean.is_finite())) {
            return Err(format!("a mean is {mean}: expected a finite number"));
        }
        let scales = scaling.into_iter().flat_map(|scaler| &scaler.sd).map(|sd| (sd, sd * sd));
        let taus =
            tau.into_iter().flat_map(|tau| tau.monte_carlo.iter().chain(&tau.mean_network)).map(|tau| (tau, *tau));
        let is_one = |square: f64| square.is_normal() && square.recip().is_normal();
        match scales.chain(taus).find(|(x, square)| !(**x > 0.0 && is_one(*square))).map(|(x, _)| x) {
            Some(x) => Err(format!("a standard deviation or a precision is {x}: expected a positive number")),
            None => Ok(()),
        }
    }
}
