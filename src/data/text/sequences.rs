//! Texts as sequences of numbers.

use super::{NOTHING, counted, room, settings::Long, vocabulary::Vocabulary};
use crate::error::Result;

/// The tokens of texts by their numbers, one row a text, or several windows.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequences {
    numbers: Vec<u32>,
    /// Where each row ends in `numbers`.
    ends: Vec<usize>,
    /// The text that each row is of.
    texts: Vec<usize>,
    length: usize,
    /// How many texts had more tokens than that.
    long: usize,
    how: Long,
}

impl Sequences {
    /// The texts by the numbers of a vocabulary, in rows of at most `length` tokens. An empty text is a row without tokens.
    ///
    /// # Panics
    /// For a length of 0.
    pub fn of<'a>(texts: impl IntoIterator<Item = &'a str>, vocabulary: &Vocabulary, length: usize, how: Long) -> Self {
        assert!(length > 0, "sequences of no steps");
        let (numbers, ends, of_rows) = Default::default();
        let mut sequences = Self { numbers, ends, texts: of_rows, length, long: 0, how };
        for (text, tokens) in texts.into_iter().enumerate() {
            let tokens = vocabulary.encode(tokens);
            sequences.long += usize::from(tokens.len() > length);
            match how {
                Long::Cut => sequences.push(text, &tokens[..tokens.len().min(length)]),
                Long::Window => {
                    let windows = tokens.len().div_ceil(length).max(1);
                    let end = |window: usize| tokens.len() * window / windows;
                    (0..windows).for_each(|window| sequences.push(text, &tokens[end(window)..end(window + 1)]));
                }
            }
        }
        sequences
    }

    fn push(&mut self, text: usize, tokens: &[u32]) {
        self.numbers.extend_from_slice(tokens);
        self.ends.push(self.numbers.len());
        self.texts.push(text);
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.ends.len()
    }

    /// The tokens of a row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[u32] {
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.numbers[start..self.ends[row]]
    }

    /// The text that each row is of, from 0: its target is the row's.
    pub fn texts(&self) -> &[usize] {
        &self.texts
    }

    /// All tokens, row by row.
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// The tokens of the longest row, at least 1.
    pub fn longest(&self) -> usize {
        (0..self.rows()).map(|row| self.row(row).len()).max().unwrap_or(0).max(1)
    }

    /// What each row weighs if all texts are to weigh alike; none if each is one row.
    pub fn weights(&self) -> Option<Vec<f32>> {
        if self.texts.iter().copied().eq(0..self.rows()) {
            return None;
        }
        let mut windows = vec![0.0_f32; self.texts.last().map_or(0, |last| last + 1)];
        self.texts.iter().for_each(|&text| windows[text] += 1.0);
        Some(self.texts.iter().map(|&text| 1.0 / windows[text]).collect())
    }

    /// Rows of one width, row by row: the numbers of the tokens, and -1 behind the last.
    ///
    /// # Shapes
    /// - output: `[rows, width]`
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) if that does not fit into 8 GiB.
    ///
    /// # Panics
    /// For a row that is longer.
    pub fn padded(&self, width: usize) -> Result<Vec<f32>> {
        let mut values = room("data.length", self.length, self.rows(), width)?;
        for row in 0..self.rows() {
            let tokens = self.row(row);
            let behind = width.checked_sub(tokens.len()).expect("a width of at least the longest row");
            values.extend(tokens.iter().map(|&number| number as f32)); // exact: the vocabulary is small enough
            values.extend(std::iter::repeat_n(NOTHING, behind));
        }
        Ok(values)
    }

    /// What a user should be told of texts that are too long, on one line.
    pub fn note(&self) -> Option<String> {
        let what = match self.how {
            Long::Cut => "cut",
            Long::Window => "taken apart into windows",
        };
        (self.long > 0).then(|| format!("texts of more than {}: {}, {what}", counted(self.length, "token"), self.long))
    }
}
