//! Tokens and their numbers.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{
    settings::{LineEnds, TextSettings, Tokens},
    tokens::{Token, Tokenizer},
};
use crate::error::{Error, Result};

/// The numbers of tokens go through `f32`, which has every whole number up to this one.
pub(super) const MOST_TOKENS: usize = 1 << 24;

/// The number of the unknown token.
const UNKNOWN: u32 = 0;

/// The tokens of a training part, each with a number: 0 is any other, 1 is the end of a line where lines have ends, and then the most frequent come first;
/// of equally frequent ones, the first by code points.
///
/// # Examples
/// ```
/// use burn_zoo::data::text::{TextSettings, Tokens, Vocabulary};
///
/// let settings = TextSettings { tokens: Tokens::Word, min_count: 1, ..TextSettings::default() };
/// let vocabulary = Vocabulary::of_texts("reviews.csv", ["a good phone", "a bad one"], &settings)?;
/// assert_eq!(vocabulary.len(), 6);
/// assert_eq!(vocabulary.encode("a  good table"), [1, 3, 0]); // 2 is `bad`
/// assert_eq!(vocabulary.decode(&[1, 3])?, "a good");
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct Vocabulary {
    tokenizer: Tokenizer,
    /// The tokens that are text, from the first number behind the special ones.
    list: Vec<String>,
    numbers: HashMap<String, u32>,
}

/// A vocabulary in a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    tokens: Tokens,
    lower: bool,
    line_ends: LineEnds,
    list: Vec<String>,
}

impl Vocabulary {
    /// The vocabulary of texts that train; `place` stands for them in messages. Their lines have no ends: a line feed is a character, or white space.
    ///
    /// # Errors
    /// [`Error::Data`] for texts without any token; [`Error::Config`] if none occurs often enough, and for settings that say nothing.
    pub fn of_texts<'a>(
        place: &str,
        texts: impl IntoIterator<Item = &'a str>,
        settings: &TextSettings,
    ) -> Result<Self> {
        settings.check()?;
        let tokenizer = Tokenizer { line_ends: LineEnds::None, ..settings.tokenizer() };
        let mut counts = Counts::default();
        for text in texts {
            tokenizer.pieces(&tokenizer.normalised(text)).for_each(|piece| counts.add(piece));
        }
        counts.vocabulary(place, tokenizer, settings)
    }

    /// The vocabulary of a stream of tokens that train.
    pub(super) fn of_stream<'a>(
        place: &str,
        tokens: impl Iterator<Item = Token<'a>>,
        settings: &TextSettings,
    ) -> Result<Self> {
        let mut counts = Counts::default();
        for token in tokens {
            if let Token::Text(piece) = token {
                counts.add(piece);
            }
        }
        counts.vocabulary(place, settings.tokenizer(), settings)
    }

    fn new(tokenizer: Tokenizer, list: Vec<String>) -> Self {
        let first = special(tokenizer);
        let numbers = list.iter().zip(first..).map(|(token, number)| (token.clone(), number)).collect();
        Self { tokenizer, list, numbers }
    }

    /// The number of tokens, special ones included: one more than the greatest number of any.
    #[allow(clippy::len_without_is_empty)] // there is always the unknown one
    pub fn len(&self) -> usize {
        special(self.tokenizer) as usize + self.list.len()
    }

    /// What its texts are made of.
    pub fn tokens(&self) -> Tokens {
        self.tokenizer.tokens
    }

    /// The number of the unknown token.
    pub fn unknown(&self) -> u32 {
        UNKNOWN
    }

    /// The number of the end of a line, if lines have ends.
    pub fn end_of_line(&self) -> Option<u32> {
        (self.tokenizer.line_ends != LineEnds::None).then_some(UNKNOWN + 1)
    }

    /// What a number stands for; nothing beyond the vocabulary.
    pub fn token(&self, number: u32) -> Option<Token<'_>> {
        match number {
            UNKNOWN => Some(Token::Unknown),
            number if Some(number) == self.end_of_line() => Some(Token::EndOfLine),
            number => {
                let at = number as usize - special(self.tokenizer) as usize;
                self.list.get(at).map(|token| Token::Text(token))
            }
        }
    }

    /// The numbers of a text's tokens.
    pub fn encode(&self, text: &str) -> Vec<u32> {
        let text = self.tokenizer.normalised(text);
        self.tokenizer.pieces(&text).map(|piece| self.number(Token::Text(piece))).collect()
    }

    /// The numbers of the tokens of lines, with their ends.
    pub fn encode_lines<'a>(&self, lines: impl IntoIterator<Item = &'a str>) -> Vec<u32> {
        let lines: Vec<_> = lines.into_iter().map(|line| self.tokenizer.normalised(line)).collect();
        self.numbers(self.tokenizer.stream(&lines))
    }

    pub(super) fn numbers<'a>(&self, tokens: impl Iterator<Item = Token<'a>>) -> Vec<u32> {
        tokens.map(|token| self.number(token)).collect()
    }

    fn number(&self, token: Token<'_>) -> u32 {
        match token {
            Token::Unknown => UNKNOWN,
            Token::EndOfLine => self.end_of_line().unwrap_or(UNKNOWN),
            Token::Text(text) => self.numbers.get(text).copied().unwrap_or(UNKNOWN),
        }
    }

    /// The text of these numbers. Characters give the text that they are from, but for line ends and case. Between words stands a blank. The end of a line is
    /// a line feed, and an unknown token U+FFFD.
    ///
    /// # Errors
    /// [`Error::Value`] for a number beyond the vocabulary.
    pub fn decode(&self, numbers: &[u32]) -> Result<String> {
        let (mut text, mut behind_word) = (String::new(), false);
        for (at, &number) in numbers.iter().enumerate() {
            let token = self.token(number).ok_or_else(|| Error::Value {
                place: format!("token {at}"),
                value: number.to_string(),
                expected: "a number of the vocabulary",
            })?;
            if behind_word && token != Token::EndOfLine {
                text.push(' ');
            }
            match token {
                Token::Unknown => text.push(char::REPLACEMENT_CHARACTER),
                Token::EndOfLine => text.push('\n'),
                Token::Text(piece) => text.push_str(piece),
            }
            behind_word = self.tokens() == Tokens::Word && token != Token::EndOfLine;
        }
        Ok(text)
    }

    /// How many of these are the unknown token.
    pub fn count_unknown(&self, numbers: &[u32]) -> usize {
        numbers.iter().filter(|&&number| number == UNKNOWN).count()
    }
}

/// How many special tokens there are: as many as come before the first piece of text.
fn special(tokenizer: Tokenizer) -> u32 {
    if tokenizer.line_ends == LineEnds::None { 1 } else { 2 }
}

/// How often each piece of text occurs.
#[derive(Default)]
struct Counts(HashMap<String, u64>);

impl Counts {
    fn add(&mut self, piece: &str) {
        match self.0.get_mut(piece) {
            Some(count) => *count += 1,
            None => drop(self.0.insert(piece.to_string(), 1)),
        }
    }

    fn vocabulary(self, place: &str, tokenizer: Tokenizer, settings: &TextSettings) -> Result<Vocabulary> {
        if self.0.is_empty() {
            let reason = "no text of the training part has a token: nothing to learn from".to_string();
            return Err(Error::Data { place: place.to_string(), reason });
        }
        let enough = |&(_, count): &(String, u64)| count >= settings.min_count as u64;
        let mut counted: Vec<(String, u64)> = self.0.into_iter().filter(enough).collect();
        if counted.is_empty() {
            let expected = "less: no token of the training part occurs so often";
            return Err(Error::config("data.min_count", settings.min_count, expected));
        }
        counted.sort_unstable_by(|(a, n), (b, m)| m.cmp(n).then_with(|| a.cmp(b)));
        let most = if settings.vocabulary == 0 { MOST_TOKENS } else { settings.vocabulary };
        counted.truncate(most - special(tokenizer) as usize);
        Ok(Vocabulary::new(tokenizer, counted.into_iter().map(|(token, _)| token).collect()))
    }
}

impl TextSettings {
    pub(super) fn tokenizer(&self) -> Tokenizer {
        Tokenizer { tokens: self.tokens, lower: self.lower, line_ends: self.line_ends }
    }
}

impl From<Vocabulary> for Stored {
    fn from(vocabulary: Vocabulary) -> Self {
        let Tokenizer { tokens, lower, line_ends } = vocabulary.tokenizer;
        Self { tokens, lower, line_ends, list: vocabulary.list }
    }
}

impl TryFrom<Stored> for Vocabulary {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        let Stored { tokens, lower, line_ends, list } = stored;
        let tokenizer = Tokenizer { tokens, lower, line_ends };
        let most = MOST_TOKENS - special(tokenizer) as usize;
        if !(1..=most).contains(&list.len()) {
            return Err(format!("a vocabulary of {} tokens: expected 1 to {most}", list.len()));
        }
        let mut seen = HashSet::new();
        for token in &list {
            let shown = token.escape_debug();
            if !seen.insert(token) {
                return Err(format!("the token `{shown}` stands twice in the vocabulary"));
            }
            // A token that no text could become was not written by a training.
            let normalised = tokenizer.normalised(token);
            let mut pieces = tokenizer.pieces(&normalised);
            if pieces.next() != Some(token) || pieces.next().is_some() {
                let expected = match tokens {
                    Tokens::Char => "one character",
                    Tokens::Word => "a word without white space",
                };
                let case = if lower { " in lower case" } else { "" };
                return Err(format!("the token `{shown}` of the vocabulary: expected {expected}{case}"));
            }
        }
        Ok(Self::new(tokenizer, list))
    }
}
