//! The settings of an LSTM on text.

use serde::{Deserialize, Serialize};

use super::{
    overlay::{Family, Words},
    within,
};
use crate::{
    data::text::TextSettings,
    error::{Error, Result},
    models::{LstmConfig, Noise, SequenceInput, Task},
    nn::{GateMasks, MaskTime},
    rate::Rate,
    train::TrainConfig,
};

/// Everything that can be chosen about a training on text, with defaults for small ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SequenceSettings {
    /// The network.
    pub model: SequenceModelSettings,
    /// Its training.
    pub train: TrainConfig,
    /// Its data.
    pub data: TextSettings,
}

/// The network, but for what the data say: [`LstmConfig`] without its input and its task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SequenceModelSettings {
    /// Numbers of a state.
    pub hidden: usize,
    /// The number of layers.
    pub layers: usize,
    /// Whether each layer reads a text from both ends.
    pub bidirectional: bool,
    /// The width of what stands for a token.
    pub embedding: usize,
    /// Whether the embedding is the last layer's matrix too: of a language alone.
    pub tied: bool,
    /// The rate on tokens of the vocabulary.
    pub word_rate: Rate,
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
    /// Whether the steps of a text share their masks.
    pub mask_time: MaskTime,
    /// What a regression says about the noise of the data.
    pub noise: Noise,
}

impl Default for SequenceSettings {
    fn default() -> Self {
        let train = TrainConfig::new().with_epochs(30).with_patience(5).with_learning_rate(0.003).with_clip_norm(1.0);
        Self { model: SequenceModelSettings::default(), train, data: TextSettings::default() }
    }
}

impl Default for SequenceModelSettings {
    fn default() -> Self {
        let lstm = LstmConfig::new(SequenceInput::Words { vocabulary: 2, embedding: 32 }, Task::Binary);
        Self {
            hidden: lstm.hidden,
            layers: lstm.layers,
            bidirectional: lstm.bidirectional,
            embedding: 32,
            tied: lstm.tied,
            word_rate: lstm.word_rate,
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

impl SequenceModelSettings {
    /// The network for so many tokens.
    pub fn config(&self, vocabulary: usize, task: Task) -> LstmConfig {
        LstmConfig::new(SequenceInput::Words { vocabulary, embedding: self.embedding }, task)
            .with_hidden(self.hidden)
            .with_layers(self.layers)
            .with_bidirectional(self.bidirectional)
            .with_tied(self.tied)
            .with_word_rate(self.word_rate)
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
    pub(crate) fn checked(&self, vocabulary: usize, task: Task) -> Result<LstmConfig> {
        let config = self.config(vocabulary, task);
        config
            .check()
            .map_err(|error| match error {
                Error::Config { setting, value, expected } if setting == "input.embedding" => {
                    Error::Config { setting: "embedding".to_string(), value, expected }
                }
                other => other,
            })
            .map_err(within("model"))?;
        Ok(config)
    }
}

impl SequenceSettings {
    /// That a training with these settings can begin, as far as they tell without the data.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's path.
    pub fn check(&self) -> Result<()> {
        self.train.check()?;
        self.data.check().map_err(within("data"))?;
        // What is tied is a language.
        let task = if self.model.tied { Task::NextWord { vocabulary: 3 } } else { Task::Binary };
        self.model.checked(3, task).map(drop)
    }

    /// That nothing is chosen that has no meaning for what texts are read for: `language` is the next token, else a target.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's path.
    #[cfg(feature = "train")]
    pub(crate) fn check_use(&self, language: bool) -> Result<()> {
        use crate::data::text::TextUse;
        let text_use = if language { TextUse::Language } else { TextUse::Sequences };
        self.data.check_use(text_use).map_err(within("data"))?;
        let default = Self::default();
        if language && self.train.batch_size != default.train.batch_size {
            let expected = "nothing: data.streams says how many windows are in a step";
            return Err(Error::config("train.batch_size", self.train.batch_size, expected));
        }
        if language && self.model.noise != default.model.noise {
            let expected = "the default, constant: the probabilities of the next token hold the noise";
            return Err(Error::config("model.noise", format!("{:?}", self.model.noise).to_lowercase(), expected));
        }
        Ok(())
    }
}

impl Family for SequenceSettings {
    const MODEL: Words = &[
        ("model.hidden", "numbers of a state"),
        ("model.layers", "of the LSTM"),
        ("model.bidirectional", "each layer reads a text from both ends; not for a language"),
        ("model.embedding", "width of what stands for a token"),
        ("model.tied", "the embedding is the last layer's matrix too; of a language, as wide as the state"),
        ("model.word_rate", "probability of dropping a token of the vocabulary"),
        ("model.input_rate", "probability of dropping a number that a layer reads"),
        ("model.recurrent_rate", "probability of dropping a number of the state that a step reads"),
        ("model.output_rate", "probability of dropping a number that leaves the last layer"),
        ("model.weight_rate", "probability of dropping a weight of the matrices of states (weight-drop)"),
        ("model.gate_masks", "tied (the gates of a cell share a mask), untied"),
        ("model.mask_time", "sequence (all steps share a mask), step (ordinary dropout)"),
        ("model.noise", "of numbers: constant, predicted (for each text), none (nothing is said about it)"),
    ];
    const DATA: Words = &[
        ("data.tokens", "char, word (what stands between white space)"),
        ("data.lower", "upper case becomes lower case"),
        ("data.min_count", "tokens that are rarer in the training part are unknown"),
        ("data.vocabulary", "at most so many tokens; 0 is no limit"),
        ("data.length", "of a text with a target: at most so many tokens in a row"),
        ("data.long", "longer ones: cut (the beginning stays), window (several rows, with the text's target)"),
        ("data.empty", "texts without a token: error, keep (as rows of no steps)"),
        ("data.task", "auto, regression, classes"),
        ("data.missing_target", "rows without a target: error, drop"),
        ("data.line_ends", "of a language: token (behind each line), filled (not behind empty ones), none"),
        ("data.window", "of a language: steps through which is differentiated at once"),
        ("data.streams", "of a language: pieces that are read side by side, the rows of a step"),
        ("data.split", "shares: train, validation, test; of rows, or of a file's tokens in their order"),
    ];
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::{AnySettings, overlay::assert_told};

    #[test]
    fn the_template_holds_every_setting_with_its_default_and_a_word_about_it() {
        let template = SequenceSettings::template();
        assert!(template.contains("\nfamily = \"lstm\"\nkind = \"text\"\n"), "{template}");
        assert_eq!(SequenceSettings::from_toml(&template).unwrap(), SequenceSettings::default());
        assert_told::<SequenceSettings>();
    }

    #[test]
    fn settings_that_make_no_network_are_refused_by_their_path() {
        let with = |path, value| SequenceSettings::default().set(path, value).and_then(|settings| settings.check());
        let error = |path, value| with(path, value).unwrap_err().to_string();
        assert_eq!(error("model.embedding", "0"), "`model.embedding` is 0: expected at least 1");
        assert_eq!(error("model.hidden", "0"), "`model.hidden` is 0: expected at least 1");
        assert_eq!(error("data.window", "0"), "`data.window` is 0: expected at least 1");
        let tied = "`model.hidden` is 64: expected 32, as wide as the embedding, with tied = true";
        assert_eq!(error("model.tied", "true"), tied);
        assert_eq!(
            error("model.mask_time", "sentence"),
            "`model.mask_time` is \"sentence\": expected `sequence` or `step`"
        );
        assert_eq!(AnySettings::find("lstm/text").unwrap().family(), "lstm");
    }
}
