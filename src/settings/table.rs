//! The settings of a multilayer perceptron on a table.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    overlay::{Family, Words},
    within,
};
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
        self.train.check()?;
        self.model.config(1, Task::Binary).check().map_err(within("model"))?;
        if self.model.batch_norm && self.train.batch_size == 1 {
            let expected = "at least 2 with model.batch_norm: one row has no variance";
            return Err(Error::config("train.batch_size", 1, expected));
        }
        self.data.check().map_err(within("data"))
    }
}

impl Family for Settings {
    const MODEL: Words = &[
        ("model.hidden", "units of each hidden layer"),
        ("model.activation", "relu, tanh, sigmoid, gelu, silu, elu, selu, identity"),
        ("model.input_rate", "probability of dropping a feature"),
        ("model.rates", "probability of dropping a hidden unit; one number holds for all layers"),
        ("model.batch_norm", "between each hidden layer and its activation"),
        ("model.noise", "of numbers: constant, predicted (for each row), none (nothing is said about it)"),
    ];
    const DATA: Words = &[
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
    const FREE: Option<(&'static str, &'static str)> = Some(("schema", "price = \"numeric\""));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::overlay::assert_told;

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
        assert_told::<Settings>();
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
