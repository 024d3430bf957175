//! The settings of an LSTM on series.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    overlay::{Family, Words},
    within,
};
use crate::{
    data::{
        ColumnKind,
        series::{SeriesAugmentation, SeriesSettings, Shape},
    },
    error::{Error, Result},
    models::{LstmConfig, Noise, SequenceInput, Task},
    nn::{GateMasks, MaskTime},
    rate::Rate,
    train::TrainConfig,
};

/// Everything that can be chosen about a training on series, with defaults for some hundred values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastSettings {
    /// The network.
    pub model: ForecastModelSettings,
    /// Its training.
    pub train: TrainConfig,
    /// Its data.
    pub data: SeriesSettings,
    /// What happens to the windows of the training part, anew in each epoch.
    pub augment: SeriesAugmentation,
    /// What columns beside the targets are, where it is not to be found out.
    pub schema: BTreeMap<String, ColumnKind>,
}

/// The network, but for what the data say: [`LstmConfig`] without its input and its task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ForecastModelSettings {
    /// Numbers of a state.
    pub hidden: usize,
    /// The number of layers.
    pub layers: usize,
    /// Whether each layer reads a window from both ends.
    pub bidirectional: bool,
    /// The rate on what each layer reads.
    pub input_rate: Rate,
    /// The rate on the state that each step reads.
    pub recurrent_rate: Rate,
    /// The rate on what leaves the last layer.
    pub output_rate: Rate,
    /// The rate on the matrices that states are multiplied with.
    pub weight_rate: Rate,
    /// Whether the gates of a cell share their masks.
    pub gate_masks: GateMasks,
    /// Whether the steps of a window share their masks.
    pub mask_time: MaskTime,
    /// What is said about the noise of the data, at each step of the horizon.
    pub noise: Noise,
}

impl Default for ForecastSettings {
    fn default() -> Self {
        Self {
            model: ForecastModelSettings::default(),
            train: TrainConfig::new().with_learning_rate(0.003).with_clip_norm(1.0),
            data: SeriesSettings::default(),
            augment: SeriesAugmentation::default(),
            schema: BTreeMap::new(),
        }
    }
}

impl Default for ForecastModelSettings {
    fn default() -> Self {
        let input = SequenceInput::Numbers { features: 1, known: 0 };
        let lstm = LstmConfig::new(input, Task::Regression { targets: 1, noise: Noise::Constant });
        Self {
            hidden: 32,
            layers: lstm.layers,
            bidirectional: lstm.bidirectional,
            input_rate: lstm.input_rate,
            recurrent_rate: lstm.recurrent_rate,
            output_rate: lstm.output_rate,
            weight_rate: lstm.weight_rate,
            gate_masks: lstm.gate_masks,
            mask_time: lstm.mask_time,
            noise: Noise::Constant,
        }
    }
}

impl ForecastModelSettings {
    /// The network for windows of this shape.
    pub fn config(&self, shape: &Shape) -> LstmConfig {
        let input = SequenceInput::Numbers { features: shape.features, known: shape.horizon * shape.known };
        LstmConfig::new(input, Task::Regression { targets: shape.d_target(), noise: self.noise })
            .with_hidden(self.hidden)
            .with_layers(self.layers)
            .with_bidirectional(self.bidirectional)
            .with_input_rate(self.input_rate)
            .with_recurrent_rate(self.recurrent_rate)
            .with_output_rate(self.output_rate)
            .with_weight_rate(self.weight_rate)
            .with_gate_masks(self.gate_masks)
            .with_mask_time(self.mask_time)
    }

    /// The same, if it can be built.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's path.
    pub(crate) fn checked(&self, shape: &Shape) -> Result<LstmConfig> {
        let config = self.config(shape);
        config.check().map_err(within("model"))?;
        Ok(config)
    }
}

impl ForecastSettings {
    /// That a training with these settings can begin, as far as they tell without the data.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's path.
    pub fn check(&self) -> Result<()> {
        self.train.check()?;
        self.data.check().map_err(within("data"))?;
        self.augment.check()?;
        if self.model.noise == Noise::None {
            let expected = "constant or predicted: a forecast without noise says nothing of what comes";
            return Err(Error::config("model.noise", "none", expected));
        }
        let (horizon, targets) = (self.data.horizon, self.data.target.len().max(1));
        let (window, measured) = (1, Vec::new());
        self.model.checked(&Shape { window, features: targets, horizon, known: 0, targets, measured }).map(drop)
    }
}

impl Family for ForecastSettings {
    const MODEL: Words = &[
        ("model.hidden", "numbers of a state"),
        ("model.layers", "each reads the states of the one below"),
        ("model.bidirectional", "each layer reads a window from both ends"),
        ("model.input_rate", "probability of dropping a number that a layer reads; the same at all steps"),
        ("model.recurrent_rate", "of a number of the state that a step reads; the same at all steps"),
        ("model.output_rate", "of a number that the last layer hands to the head"),
        ("model.weight_rate", "of a number of the matrices that states are multiplied with"),
        ("model.gate_masks", "tied (the gates of a cell share their masks), untied"),
        ("model.mask_time", "sequence (all steps share their masks: variational dropout), step (ordinary dropout)"),
        ("model.noise", "constant (fitted for each step of the horizon), predicted (for each window, too)"),
    ];
    const DATA: Words = &[
        ("data.time", "columns that say when, together; row counts the rows"),
        ("data.format", "of times: auto, as %d.%m.%Y %H:%M, parts (a column each), unix, unix-ms, number"),
        ("data.zone", "time zone of times without an offset, and of the calendar, as Europe/Berlin"),
        ("data.group", "columns that tell one series from another"),
        ("data.target", "columns that are forecast"),
        ("data.known", "columns that are known of the future, too"),
        ("data.observed", "columns that are known of the past only"),
        ("data.step", "between two stamps: auto, or as 5min, 1h, 1d, 1w, 1mo, 1y; of numbers, 1"),
        ("data.missing_values", "cells that mean missing, besides empty ones, NA, ? and their like"),
        ("data.duplicates", "rows that repeat a stamp: refuse, mean, first, last, sum"),
        ("data.irregular", "stamps between the steps: refuse, snap (to the nearest)"),
        ("data.gaps", "missing stamps and values: refuse, break, interpolate, previous"),
        ("data.window", "steps that the model looks back: auto (two seasons, at most 104), or so many"),
        ("data.horizon", "steps that it forecasts at once"),
        ("data.stride", "steps between the windows that train"),
        ("data.transform", "none, log, difference, seasonal-difference:12, or several as log+difference"),
        ("data.season", "steps after which the series is like itself: auto (by the step), or so many"),
        ("data.calendar", "cycles that the model is told: auto, none, or some of year,week,day"),
        ("data.trend", "the model is told how much time has passed"),
        ("data.split", "shares of values: train, validation, test, in the order of time"),
        ("augment.jitter", "noise in what was measured, as a share of its standard deviation"),
        ("augment.shift", "windows begin up to so many steps earlier or later"),
        ("schema", "what columns beside the targets are: numeric, categorical, boolean, date"),
    ];
    const FREE: Option<(&'static str, &'static str)> = Some(("schema", "price = \"numeric\""));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{AnySettings, overlay::assert_told};

    #[test]
    fn the_template_holds_every_setting_with_its_default_and_a_word_about_it() {
        assert_told::<ForecastSettings>();
        let template = AnySettings::find("lstm").unwrap().template();
        assert!(template.contains("\nfamily = \"lstm\"\nkind = \"series\"\n"), "{template}");
        assert_eq!(AnySettings::from_toml(&template).unwrap(), AnySettings::find("lstm").unwrap());
    }

    #[test]
    fn names_and_numbers_are_set_as_people_write_them() {
        let settings = ForecastSettings::default();
        for (path, value) in [
            ("data.target", "y"),
            ("data.known", "[\"a\", \"b\"]"),
            ("data.window", "24"),
            ("data.season", "auto"),
            ("data.step", "15min"),
            ("data.step", "1"),
            ("data.transform", "log+difference"),
            ("data.calendar", "week,day"),
            ("model.mask_time", "step"),
            ("schema.a", "categorical"),
        ] {
            settings.set(path, value).unwrap();
        }
        let error = |path: &str, value: &str| settings.set(path, value).unwrap_err().to_string();
        for (path, value, says) in [
            (
                "data.gaps",
                "fill",
                "`data.gaps` is \"fill\": expected one of `refuse`, `break`, `interpolate`, `previous`",
            ),
            ("data.window", "-3", "`data.window` is -3: expected auto or a whole number of at least 1"),
            (
                "data.step",
                "1m",
                "`data.step` is \"1m\": expected a step such as 10s, 5min, 1h, 1d, 1w, 1mo, 1q, 1y or, of numbers, 1",
            ),
            ("data.calendar", "moon", "`data.calendar` is \"moon\": expected auto, none, or some of year,week,day"),
            ("data.tiem", "x", "unknown setting `data.tiem`: did you mean `data.time`?"),
        ] {
            assert_eq!(error(path, value), says);
        }
        let check = |path: &str, value: &str| settings.set(path, value).unwrap().check().unwrap_err().to_string();
        assert_eq!(
            check("model.noise", "none"),
            "`model.noise` is none: expected constant or predicted: a forecast without noise says nothing of what comes"
        );
        assert_eq!(check("data.horizon", "0"), "`data.horizon` is 0: expected 1 to 10000");
        assert_eq!(check("model.hidden", "0"), "`model.hidden` is 0: expected at least 1");
    }
}
