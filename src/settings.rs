//! Settings by name: what a config file and `--set path=value` may say.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use crate::{
    data::{ColumnKind, DataSettings},
    error::{Error, Result},
    models::{MlpConfig, Noise, Task},
    nn::Activation,
    rate::Rate,
    train::TrainConfig,
};

/// Everything that can be chosen about a training, with defaults for small tables.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The network.
    pub model: ModelSettings,
    /// Its training.
    pub train: TrainConfig,
    /// Its data.
    pub data: DataSettings,
    /// What columns are, where it is not to be found out.
    pub schema: BTreeMap<String, ColumnKind>,
}

/// The network, but for what the data say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelSettings {
    /// The number of units of each hidden layer.
    pub hidden: Vec<usize>,
    /// The function behind each hidden layer.
    pub activation: Activation,
    /// The rate on the features.
    pub input_rate: Rate,
    /// The rate behind each hidden layer; one number holds for all.
    pub rates: Vec<Rate>,
    /// Whether each hidden layer is followed by a batch normalisation.
    pub batch_norm: bool,
    /// What a regression says about the noise of the data.
    pub noise: Noise,
}

impl Default for Settings {
    fn default() -> Self {
        let (model, data) = (ModelSettings::default(), DataSettings::default());
        Self { model, train: TrainConfig::new(), data, schema: BTreeMap::new() }
    }
}

impl Default for ModelSettings {
    fn default() -> Self {
        let mlp = MlpConfig::new(1, Task::Binary);
        Self {
            hidden: mlp.hidden,
            activation: mlp.activation,
            input_rate: mlp.input_rate,
            rates: mlp.rates,
            batch_norm: mlp.batch_norm,
            noise: Noise::Constant,
        }
    }
}

impl ModelSettings {
    /// The network for a table with so many features.
    pub(crate) fn config(&self, d_input: usize, task: Task) -> MlpConfig {
        MlpConfig::new(d_input, task)
            .with_hidden(self.hidden.clone())
            .with_activation(self.activation)
            .with_input_rate(self.input_rate)
            .with_rates(self.rates.clone())
            .with_batch_norm(self.batch_norm)
    }
}

impl Settings {
    /// That a training with these settings can begin, as far as they tell without the data.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's path.
    pub fn check(&self) -> Result<()> {
        let within = |section: &'static str| {
            move |error| match error {
                Error::Config { setting, value, expected } => {
                    Error::Config { setting: format!("{section}.{setting}"), value, expected }
                }
                other => other,
            }
        };
        self.train.check()?;
        self.model.config(1, Task::Binary).check().map_err(within("model"))?;
        if self.model.batch_norm && self.train.batch_size == 1 {
            let expected = "at least 2 with model.batch_norm: one row has no variance";
            return Err(Error::config("train.batch_size", 1, expected));
        }
        self.data.check().map_err(within("data"))
    }

    /// The same settings but for one: `path` as in `train.epochs`, `value` as in TOML (a bare word is text).
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest known path; [`Error::Config`] for a value of another kind.
    pub fn set(&self, path: &str, value: &str) -> Result<Self> {
        let parsed = format!("value = {value}").parse::<Table>().ok();
        let parsed = parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
        self.overlay(vec![(path.to_string(), parsed.unwrap_or_else(|| Value::String(value.to_string())))])
    }

    /// The settings of a file over the defaults.
    ///
    /// # Errors
    /// [`Error::Value`] if it is no TOML; [`Error::Unknown`] and [`Error::Config`] as [`set`](Self::set).
    pub fn from_toml(text: &str) -> Result<Self> {
        let table: Table = text.parse().map_err(|error: toml::de::Error| {
            let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count());
            let value = text.lines().nth(line).unwrap_or_default().trim().to_string();
            let twice = error.message().contains("duplicate key");
            let expected = if twice { "the first of its name" } else { "TOML" };
            Error::Value { place: format!("line {}", line + 1), value, expected }
        })?;
        Self::default().overlay(leaves(&table))
    }

    fn overlay(&self, changes: Vec<(String, Value)>) -> Result<Self> {
        let mut whole = table_of(self);
        let known: Vec<_> = leaves(&whole).into_iter().filter(|(path, _)| !path.starts_with("schema.")).collect();
        for (path, value) in changes {
            if let Some(column) = path.strip_prefix("schema.") {
                let schema = whole.get_mut("schema").and_then(Value::as_table_mut).expect("a section");
                schema.insert(column.to_string(), value.clone());
                let kind: Result<ColumnKind, _> = value.clone().try_into();
                kind.map_err(|error: toml::de::Error| Error::config(&path, value, expected(error.message())))?;
                continue;
            }
            if whole.contains_key(&path) {
                return Err(Error::config(&path, value, format!("settings in the section [{path}]")));
            }
            let names = known.iter().map(|(path, _)| path.clone());
            let default = known.iter().find(|(known, _)| *known == path);
            let (_, default) = default.ok_or_else(|| Error::unknown("setting", &path, names))?;
            let (section, name) = path.rsplit_once('.').expect("every setting is in a section");
            let table = whole.get_mut(section).and_then(Value::as_table_mut).expect("a known section");
            // One number for a list of them, a whole number for a real one: what people write.
            let value = match (default, value) {
                (Value::Array(_), value @ (Value::Integer(_) | Value::Float(_))) => Value::Array(vec![value]),
                (_, value) => value,
            };
            let shown = value.to_string();
            table.insert(name.to_string(), value);
            let read: Result<Self, _> = whole.clone().try_into();
            read.map_err(|error: toml::de::Error| Error::config(path, shown, expected(error.message())))?;
        }
        Ok(whole.try_into().expect("every step was read"))
    }
}

/// All settings in the order of a template, and what stands beside each.
const ABOUT: [(&str, &str); 34] = [
    ("model.hidden", "units of each hidden layer"),
    ("model.activation", "relu, tanh, sigmoid, gelu, silu, elu, selu"),
    ("model.input_rate", "probability of dropping a feature"),
    ("model.rates", "probability of dropping a hidden unit; one number holds for all layers"),
    ("model.batch_norm", "between each hidden layer and its activation"),
    ("model.noise", "of numbers: constant, predicted (for each row), none (nothing is said about it)"),
    ("train.epochs", "at most"),
    ("train.batch_size", "rows in a step"),
    ("train.learning_rate", "the step size"),
    ("train.optimizer", "adam, adamw, sgd"),
    ("train.momentum", "of sgd"),
    ("train.weight_decay", "of all parameters; decoupled with adamw"),
    ("train.l1", "adds l1 * sum of |w| over the weights to the loss"),
    ("train.l2", "adds l2 * sum of w^2 over the weights to the loss"),
    ("train.max_norm", "largest norm of the weights into a hidden unit; 0 is no limit"),
    ("train.clip_norm", "largest norm of all gradients together; 0 is no limit"),
    ("train.schedule", "of the learning rate: constant, linear, cosine, step:N:GAMMA, exponential:GAMMA"),
    ("train.warmup", "epochs in which the learning rate rises"),
    ("train.label_smoothing", "share of a class's target that goes to all classes alike"),
    ("train.patience", "epochs without a lower validation loss"),
    ("train.seed", "draws split, initial weights, order and masks"),
    ("train.workers", "threads that prepare batches; changes no result"),
    ("data.task", "auto, regression, classes"),
    ("data.transform", "of a target that is a number: none, log; it is standardised in any case"),
    ("data.split", "shares of rows: train, validation, test"),
    ("data.split_by", "auto, random, stratified, group:COLUMN, time:COLUMN"),
    ("data.missing", "cells: error, drop (the row), mean (or mode), indicator (and a feature that says so)"),
    ("data.missing_values", "cells that mean missing, besides empty ones, NA, ? and their like"),
    ("data.missing_target", "rows without a target: error, drop"),
    ("data.unseen", "levels that the training part lacks: zeros, rare (as the rare ones), error"),
    ("data.rare", "levels with fewer rows in the training part become one"),
    ("data.weights", "of the classes in the loss: none, balanced"),
    ("data.weight_column", "a column with the weight of each row in the loss"),
    ("schema", "what columns are: numeric, categorical, boolean, date, date:FORMAT, ignored, id"),
];

impl Settings {
    /// All settings with their defaults as TOML, and what each means.
    pub fn template() -> String {
        let defaults = leaves(&table_of(&Self::default()));
        let mut text = "# Settings of a training, with their defaults.\n".to_string();
        let mut last = "";
        for (path, about) in ABOUT {
            let (section, name) = path.split_once('.').unwrap_or((path, ""));
            if section != last {
                text += &format!("\n[{section}]\n");
                last = section;
            }
            match defaults.iter().find(|(known, _)| known == path) {
                Some((_, value)) => text += &format!("{:<27} # {about}\n", format!("{name} = {value}")),
                None => text += &format!("# price = \"numeric\"         # {about}\n"),
            }
        }
        text
    }
}

/// As TOML.
pub(crate) fn table_of(settings: &impl Serialize) -> Table {
    Table::try_from(settings).expect("settings are TOML")
}

/// All values with their paths.
pub(crate) fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    flatten("", table, &mut leaves);
    leaves
}

fn flatten(prefix: &str, table: &Table, leaves: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(table) => flatten(&path, table, leaves),
            value => leaves.push((path, value.clone())),
        }
    }
}

/// What serde expected, in a reader's words; what it found is told anyway.
fn expected(message: &str) -> &str {
    match message.rsplit_once("expected ").map_or(message, |(_, expected)| expected).trim() {
        "usize" | "u64" => "a whole number that is not below 0",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        other => other,
    }
}

/// Reads `text` as a `T`, with the line of what is wrong.
pub(crate) fn read_toml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        format!("line {line}: {}", error.message().trim())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_changes_what_it_names_and_nothing_else() {
        let settings = Settings::default().set("train.epochs", "7").unwrap().set("model.rates", "0.1").unwrap();
        let settings = settings.set("model.activation", "tanh").unwrap().set("train.learning_rate", "1").unwrap();
        let mut expected = Settings::default();
        expected.train.epochs = 7;
        expected.train.learning_rate = 1.0;
        expected.model.rates = vec![Rate::new(0.1).unwrap()];
        expected.model.activation = Activation::Tanh;
        assert_eq!(settings, expected);
    }

    #[test]
    fn the_template_holds_every_setting_with_its_default_and_a_word_about_it() {
        let template = Settings::template();
        assert_eq!(Settings::from_toml(&template).unwrap(), Settings::default());
        for (path, _) in leaves(&table_of(&Settings::default())) {
            assert!(ABOUT.iter().any(|(known, _)| *known == path), "nothing is said about `{path}`");
        }
        assert!(template.lines().all(|line| !line.ends_with("# ") && line.chars().count() <= 120), "{template}");
    }

    #[test]
    fn settings_survive_being_written_and_read() {
        let settings = Settings::default().set("model.hidden", "[3, 4]").unwrap();
        let settings = settings.set("train.schedule", "step:30:0.5").unwrap().set("train.max_norm", "3").unwrap();
        assert_eq!(Settings::from_toml(&toml::to_string(&settings).unwrap()).unwrap(), settings);
        assert_eq!(Settings::from_toml("").unwrap(), Settings::default());
        let some = Settings::from_toml("[train]\nepochs = 3\n").unwrap();
        assert_eq!(some, Settings::default().set("train.epochs", "3").unwrap());
    }

    #[test]
    fn what_is_wrong_is_named_with_what_was_expected() {
        let error = |path: &str, value: &str| Settings::default().set(path, value).unwrap_err().to_string();
        assert_eq!(error("train.epcohs", "3"), "unknown setting `train.epcohs`: did you mean `train.epochs`?");
        for (path, value, says) in [
            ("train.epochs", "many", "`train.epochs` is \"many\": expected a whole number that is not below 0"),
            ("train.epochs", "-1", "`train.epochs` is -1: expected a whole number that is not below 0"),
            ("train.learning_rate", "fast", "`train.learning_rate` is \"fast\": expected a number"),
            ("model.rates", "1.5", "`model.rates` is [1.5]: expected 0 <= rate < 1"),
            ("model.hidden", "wide", "`model.hidden` is \"wide\": expected a list"),
            ("model.batch_norm", "yes", "`model.batch_norm` is \"yes\": expected true or false"),
            ("model.noise", "some", "`model.noise` is \"some\": expected one of `none`, `constant`, `predicted`"),
            (
                "train.schedule",
                "step:0:2",
                "`train.schedule` is \"step:0:2\": expected `constant`, `linear`, `cosine`, `step:EPOCHS:GAMMA` or `exponential:GAMMA`, \
                 EPOCHS at least 1 and 0 < GAMMA <= 1",
            ),
            ("data.split", "[0.5, 0.5]", "`data.split` is [0.5, 0.5]: expected an array of length 3"),
        ] {
            assert_eq!(error(path, value), says);
        }
        let error = Settings::from_toml("[train]\nepochs = \n").unwrap_err().to_string();
        assert_eq!(error, "line 2: `epochs =` is not TOML");
    }

    #[test]
    fn settings_that_do_not_go_together_are_found_before_the_data_are_read() {
        for (path, value, says) in [
            ("model.rates", "[0.1, 0.2, 0.3]", "`model.rates` is 3 rates: expected 1 or 2, one for each hidden layer"),
            ("model.hidden", "[8, 0]", "`model.hidden` is [8, 0]: expected widths of at least 1"),
            (
                "data.split",
                "[1, 0, 0]",
                "`data.split` is [1.0, 0.0, 0.0]: expected three positive shares that add up to 1",
            ),
            ("train.epochs", "0", "`train.epochs` is 0: expected at least 1"),
        ] {
            assert_eq!(Settings::default().set(path, value).unwrap().check().unwrap_err().to_string(), says);
        }
    }
}
