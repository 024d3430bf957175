//! What can be chosen about texts.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::vocabulary::MOST_TOKENS;
use crate::{
    data::{
        settings::{MissingTarget, TaskChoice},
        split::{SPLIT, check_shares},
    },
    error::{Error, Result},
};

/// What happens to texts before a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TextSettings {
    /// What a text is made of.
    pub tokens: Tokens,
    /// Whether upper case becomes lower case.
    pub lower: bool,
    /// A token that occurs less often in the training part becomes the unknown one. With 1, that never occurs in training, and nothing is learned of it.
    pub min_count: usize,
    /// At most so many tokens, the most frequent ones; 0 is no limit. The unknown token and the end of a line count.
    pub vocabulary: usize,
    /// At most so many tokens in a sequence.
    pub length: usize,
    /// What happens to longer texts.
    pub long: Long,
    /// What happens to texts of a table without any token.
    pub empty: Empty,
    /// What is predicted from a text: numbers or classes.
    pub task: TaskChoice,
    /// What happens to rows without a target.
    pub missing_target: MissingTarget,
    /// What stands for the end of a line in a language model.
    pub line_ends: LineEnds,
    /// Steps through which a language model is differentiated at once; its state goes on behind them.
    pub window: usize,
    /// Pieces of the text that a language model reads side by side: the rows of its batches.
    pub streams: usize,
    /// The shares that train, validate and test: of rows at random, of the tokens of a file in their order.
    pub split: [f64; 3],
}

impl Default for TextSettings {
    fn default() -> Self {
        Self {
            tokens: Tokens::Char,
            lower: false,
            min_count: 2,
            vocabulary: 50_000,
            length: 256,
            long: Long::Cut,
            empty: Empty::Error,
            task: TaskChoice::Auto,
            missing_target: MissingTarget::Error,
            line_ends: LineEnds::Token,
            window: 64,
            streams: 32,
            split: SPLIT,
        }
    }
}

/// What texts are read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextUse {
    /// A class or a number for each text.
    Sequences,
    /// The next token.
    Language,
}

impl TextSettings {
    /// That the settings say something that can be done, as far as they tell without the data.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's name.
    pub fn check(&self) -> Result<()> {
        check_shares(self.split)?;
        for (setting, value) in
            [("min_count", self.min_count), ("length", self.length), ("window", self.window), ("streams", self.streams)]
        {
            if value == 0 {
                return Err(Error::config(setting, value, "at least 1"));
            }
        }
        match self.vocabulary {
            0 | 3..=MOST_TOKENS => Ok(()),
            value => Err(Error::config("vocabulary", value, format!("3 to {MOST_TOKENS}, or 0 for no limit"))),
        }
    }

    /// That nothing is chosen that has no meaning for what the texts are read for.
    ///
    /// # Errors
    /// [`Error::Config`] with the setting's name.
    pub fn check_use(&self, text_use: TextUse) -> Result<()> {
        let default = Self::default();
        let word = |value: &dyn fmt::Debug| format!("{value:?}").to_lowercase();
        let of_language = [
            ("line_ends", self.line_ends != default.line_ends, word(&self.line_ends)),
            ("window", self.window != default.window, word(&self.window)),
            ("streams", self.streams != default.streams, word(&self.streams)),
        ];
        let of_sequences = [
            ("length", self.length != default.length, word(&self.length)),
            ("long", self.long != default.long, word(&self.long)),
            ("task", self.task != default.task, word(&self.task)),
            ("missing_target", self.missing_target != default.missing_target, word(&self.missing_target)),
        ];
        let (without_meaning, because) = match text_use {
            TextUse::Sequences => (&of_language[..], "a target is predicted from each text, not the next token"),
            TextUse::Language => (&of_sequences[..], "the next token is predicted, there is no target"),
        };
        match without_meaning.iter().find(|(_, chosen, _)| *chosen) {
            Some((setting, _, value)) => Err(Error::config(*setting, value, format!("nothing: {because}"))),
            None => Ok(()),
        }
    }
}

/// What a text is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tokens {
    /// Characters (Unicode scalar values), white space as well.
    #[default]
    Char,
    /// What stands between white space, punctuation as it is.
    Word,
}

/// What happens to texts with more tokens than a sequence has steps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Long {
    /// Their beginning stays; the rest is left out.
    #[default]
    Cut,
    /// They become several sequences with the text's target: as few as can be, one after the other, whose lengths differ by one token at most.
    Window,
}

/// What happens to texts of a table without any token. A text that is `NA` is a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Empty {
    /// They are refused.
    #[default]
    Error,
    /// They are sequences of no steps.
    Keep,
}

/// What stands for the end of a line. The last line has an end, whether or not the file writes it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LineEnds {
    /// A token of its own behind each line, empty ones as well.
    #[default]
    Token,
    /// The same, but nothing for lines without any token.
    Filled,
    /// Nothing: a line goes on in the next one, as behind a blank.
    None,
}
