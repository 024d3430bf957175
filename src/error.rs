//! Everything that can go wrong, one variant a cause.

use std::path::PathBuf;

/// `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong: the thing, the value, and what was expected.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A dropout rate outside of `[0, 1)`.
    #[error("rate {rate} is not a probability of dropping: expected 0 <= rate < 1")]
    Rate {
        /// The number given.
        rate: f64,
    },
    /// A setting with a value that makes no model, training or prediction.
    #[error("`{setting}` is {value}: expected {expected}")]
    Config {
        /// The setting's name.
        setting: String,
        /// Its value.
        value: String,
        /// What it should be.
        expected: String,
    },
    /// A name that is not known.
    #[error("unknown {kind} `{name}`{}", hint(.nearest, .known))]
    Unknown {
        /// What the name should name: "model", "data set", "setting", ...
        kind: &'static str,
        /// The name given.
        name: String,
        /// The known name that is most like it.
        nearest: Option<String>,
        /// All known names.
        known: Vec<String>,
    },
    /// A model that ignores its pass.
    #[error("the model ignores its pass: no layer drew anything, so samples cannot differ")]
    NoNoise,
    /// Two draws at one site: two layers would share a mask.
    #[error("two draws at the site `{site}`: give each layer its own name (`pass.at(..)`), or say `pass.again()`")]
    DuplicateSite {
        /// The site's path.
        site: String,
    },
    /// A mask of weights in a pass that has a network for each row.
    #[error("`{site}` masks weights, which rows cannot have of their own: sample whole networks, not rows")]
    WeightMaskByRow {
        /// The site's path.
        site: String,
    },
    /// An input or a model on an autodiff device, where sampling would build a graph for nothing.
    #[error("the {what} is on an autodiff device: sample `model.valid()` on inner tensors, or say `.keep_graph()`")]
    Autodiff {
        /// "input" or "model".
        what: &'static str,
    },
    /// An input without rows.
    #[error("no rows to predict")]
    NoRows,
    /// A model output that is NaN or infinite.
    #[error("the model's output in row {row} (pass {pass}) is {value}")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The pass, from 0.
        pass: usize,
        /// NaN or an infinity.
        value: f32,
    },
    /// Samples that were asked for and do not fit.
    #[error("{needed} bytes of samples do not fit into the {memory} allowed: raise the memory, or predict in blocks")]
    Memory {
        /// Bytes that the samples take.
        needed: usize,
        /// Bytes allowed.
        memory: usize,
    },
    /// Something that needs the samples of a prediction that did not keep them.
    #[error("the samples were not kept (memory): predict in blocks (`predict_each`), or raise the memory")]
    SamplesNotKept,
    /// An interval or a likelihood of a regression that says nothing about its noise.
    #[error(
        "the model says nothing about the noise of the data: fit tau on the validation part (`fit_tau`, `with_tau`) first"
    )]
    NoTau,
    /// An operation that the model's or prediction's task does not have.
    #[error("the model is not {wanted}, it is {found}")]
    Task {
        /// What was asked for.
        wanted: &'static str,
        /// What it is.
        found: String,
    },
    /// A prediction of another kind.
    #[error("the prediction is not {wanted}, it is {found}")]
    Prediction {
        /// What was asked for.
        wanted: &'static str,
        /// What it is.
        found: &'static str,
    },
    /// Numbers of the wrong count.
    #[error("{what}: expected {expected}, found {found}")]
    Length {
        /// What was counted.
        what: String,
        /// The right count.
        expected: usize,
        /// The count found.
        found: usize,
    },
    /// A number in the data that cannot be used.
    #[error("{place}: `{value}` is not {expected}")]
    Value {
        /// Where: row and column, or file and line.
        place: String,
        /// The value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
    /// Data that a model cannot be made of, or that it cannot read.
    #[error("{place}: {reason}")]
    Data {
        /// Where: a file, with line and column as far as they are known.
        place: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A device that cannot be had.
    #[error("device `{device}`: {reason}")]
    Device {
        /// The device's name.
        device: String,
        /// Why not, and what to do.
        reason: String,
    },
    /// A training without a loss that is a number.
    #[error(
        "training failed: the loss was not finite in any epoch: lower the learning rate, or look for extreme values in the data"
    )]
    NotLearned,
    /// A training that broke off.
    #[error("training failed: {reason}")]
    Training {
        /// What happened.
        reason: String,
    },
    /// A checkpoint that this training cannot go on from.
    #[error("{}: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A saved model that is no saved model.
    #[error("{}: {reason}", path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: std::io::Error,
    },
}

/// As [`Display`](std::fmt::Display): it is what a `main` that returns an error prints.
impl std::fmt::Debug for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl Error {
    pub(crate) fn config(setting: impl Into<String>, value: impl ToString, expected: impl Into<String>) -> Self {
        Self::Config { setting: setting.into(), value: value.to_string(), expected: expected.into() }
    }

    pub(crate) fn length(what: impl Into<String>, expected: usize, found: usize) -> Self {
        Self::Length { what: what.into(), expected, found }
    }

    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        |source| Self::Io { path, source }
    }

    /// An unknown name, with the nearest of the known ones.
    pub(crate) fn unknown(kind: &'static str, name: &str, known: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let known: Vec<String> = known.into_iter().map(Into::into).collect();
        let likeness = |known: &&String| strsim::jaro_winkler(&name.to_lowercase(), &known.to_lowercase());
        let nearest = known.iter().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
        let nearest = nearest.filter(|nearest| likeness(nearest) > 0.75).cloned();
        Self::Unknown { kind, name: name.to_string(), nearest, known }
    }
}

/// "did you mean" where a known name is near, else the list of them.
fn hint(nearest: &Option<String>, known: &[String]) -> String {
    match nearest {
        Some(nearest) => format!(": did you mean `{nearest}`?"),
        None if known.is_empty() => String::new(),
        None => format!(": expected one of `{}`", known.join("`, `")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_suggests_the_nearest_or_lists_them_all() {
        let known = ["dropout", "activation"];
        assert_eq!(
            Error::unknown("setting", "dropuot", known).to_string(),
            "unknown setting `dropuot`: did you mean `dropout`?"
        );
        let far = Error::unknown("setting", "zzz", known).to_string();
        assert_eq!(far, "unknown setting `zzz`: expected one of `dropout`, `activation`");
    }
}
