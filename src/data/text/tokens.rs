//! From text to tokens.

use std::{borrow::Cow, fmt, iter};

use super::settings::{LineEnds, Tokens};

/// What a token is. The special ones are spelled by no text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token<'a> {
    /// Any that the vocabulary does not have.
    Unknown,
    /// The end of a line.
    EndOfLine,
    /// A character or a word.
    Text(&'a str),
}

/// As a reader may see it, which is not the text: an unknown token is `<unknown>`.
impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("<unknown>"),
            Self::EndOfLine => f.write_str("<end of line>"),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// How a text becomes tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tokenizer {
    pub(super) tokens: Tokens,
    pub(super) lower: bool,
    pub(super) line_ends: LineEnds,
}

impl Tokenizer {
    /// The text that tokens are cut from: a line feed for every line end, and lower case if it is to be so.
    pub(super) fn normalised<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let text = with_line_feeds(text);
        if self.lower { Cow::Owned(text.to_lowercase()) } else { text }
    }

    /// The pieces of a normalised text.
    pub(super) fn pieces<'a>(&self, text: &'a str) -> impl Iterator<Item = &'a str> + use<'a> {
        let (mut words, mut chars) = (text.split_whitespace(), text.char_indices());
        let by_word = self.tokens == Tokens::Word;
        iter::from_fn(move || match by_word {
            true => words.next(),
            false => chars.next().map(|(at, c)| &text[at..at + c.len_utf8()]),
        })
    }

    /// The tokens of normalised lines, with their ends.
    pub(super) fn stream<'a, L: AsRef<str>>(&self, lines: &'a [L]) -> impl Iterator<Item = Token<'a>> + use<'a, L> {
        let (how, last) = (*self, lines.len().saturating_sub(1));
        lines.iter().enumerate().flat_map(move |(i, line)| {
            let line = line.as_ref();
            let end = match how.line_ends {
                LineEnds::Token => Some(Token::EndOfLine),
                LineEnds::Filled => how.pieces(line).next().map(|_| Token::EndOfLine),
                // Words are apart anyway.
                LineEnds::None => (how.tokens == Tokens::Char && i < last).then_some(Token::Text(" ")),
            };
            how.pieces(line).map(Token::Text).chain(end)
        })
    }
}

/// The text with a line feed for each line end, however it is written: CR LF, LF, or CR alone.
pub(super) fn with_line_feeds(text: &str) -> Cow<'_, str> {
    match text.contains('\r') {
        true => Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n")),
        false => Cow::Borrowed(text),
    }
}
