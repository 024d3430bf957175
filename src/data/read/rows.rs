//! Splits text into rows of cells.
//!
//! Stricter than the `csv` crate, which takes an open quote or text after a closing one for a cell, bounds nothing,
//! and counts blank lines to the row after them; otherwise alike.

use std::io::BufRead;

use super::{
    Quote, Record,
    error::ReadError,
    input::{failed, fill},
};

/// The longest cell, the longest row (in bytes), and the most columns.
const LONGEST_CELL: usize = 16 << 20;
const LONGEST_ROW: usize = 64 << 20;
const MOST_COLUMNS: usize = 100_000;

/// Where in a cell we are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Before it, or in the blanks that lead to it.
    Start,
    /// Between its first and its last character, without quotes.
    Plain,
    /// Between its quotes.
    Quoted,
    /// After a quote that closes it, unless another quote follows.
    Closed,
    /// In the blanks after its closing quote.
    Padding,
}

/// The rows of a text, read one by one.
pub(super) struct Rows<R> {
    source: R,
    file: String,
    gzip: bool,
    delimiter: u8,
    quote: Option<u8>,
    line: u64,
    after_carriage_return: bool,
    row: Row,
}

/// The bytes of the cells of one row, and where each cell ends that has ended.
#[derive(Default)]
struct Row {
    line: u64,
    text: Vec<u8>,
    ends: Vec<usize>,
}

impl<R: BufRead> Rows<R> {
    /// The rows of a text that begins on this line.
    pub(super) fn new(source: R, file: &str, gzip: bool, delimiter: u8, quote: Quote, line: u64) -> Self {
        let (file, quote) = (file.to_string(), quote.byte());
        Self { source, file, gzip, delimiter, quote, line, after_carriage_return: false, row: Row::default() }
    }

    /// The next row, blank or not.
    pub(super) fn next(&mut self) -> Result<Option<Record>, ReadError> {
        let (row, file) = (&mut self.row, || self.file.clone());
        row.clear(self.line);
        let (mut state, mut opened) = (State::Start, self.line);
        loop {
            let buffer = fill(&mut self.source).map_err(|source| failed(&self.file, self.gzip, source))?;
            if buffer.is_empty() {
                return match state {
                    State::Start if row.is_new() => Ok(None),
                    State::Quoted => Err(ReadError::UnclosedQuote { file: file(), line: opened, column: row.column() }),
                    _ => row.finish(&self.file).map(Some),
                };
            }
            for (at, &byte) in buffer.iter().enumerate() {
                let line = self.line;
                let line_end = matches!(byte, b'\n' | b'\r');
                let second_half = byte == b'\n' && self.after_carriage_return;
                self.line += u64::from(line_end && !second_half);
                self.after_carriage_return = byte == b'\r';
                match state {
                    _ if byte == 0 => return Err(ReadError::Nul { file: file(), line, column: row.column() }),
                    State::Quoted if Some(byte) == self.quote => state = State::Closed,
                    State::Quoted => row.text.push(byte),
                    State::Closed if Some(byte) == self.quote => {
                        row.text.push(byte);
                        state = State::Quoted;
                    }
                    State::Start if second_half && row.is_new() => {}
                    _ if byte == self.delimiter => {
                        row.bound(&self.file)?;
                        row.ends.push(row.text.len());
                        state = State::Start;
                    }
                    _ if line_end => {
                        self.source.consume(at + 1);
                        return row.finish(&self.file).map(Some);
                    }
                    State::Start if Some(byte) == self.quote => {
                        row.text.truncate(row.start()); // the blanks before it
                        (state, opened) = (State::Quoted, line);
                    }
                    State::Closed | State::Padding if is_blank(byte) => state = State::Padding,
                    State::Closed | State::Padding => {
                        return Err(ReadError::AfterQuote { file: file(), line, column: row.column(), opened });
                    }
                    State::Start | State::Plain => {
                        row.text.push(byte);
                        state = if is_blank(byte) { state } else { State::Plain };
                    }
                }
            }
            let length = buffer.len();
            self.source.consume(length);
            row.bound(&self.file)?;
        }
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

impl Row {
    fn clear(&mut self, line: u64) {
        self.line = line;
        self.text.clear();
        self.ends.clear();
    }

    fn is_new(&self) -> bool {
        self.text.is_empty() && self.ends.is_empty()
    }

    /// Where the cell begins that has not ended.
    fn start(&self) -> usize {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The number of that cell, from 1.
    fn column(&self) -> usize {
        self.ends.len() + 1
    }

    /// Ends the last cell, checks the encoding, and trims.
    fn finish(&mut self, file: &str) -> Result<Record, ReadError> {
        self.bound(file)?;
        self.ends.push(self.text.len());
        let mut start = 0;
        let mut cells = Vec::with_capacity(self.ends.len());
        for &end in &self.ends {
            let cell = &self.text[start..end];
            let text = str::from_utf8(cell).map_err(|error| {
                let before = &self.text[..start + error.valid_up_to()];
                let line = self.line + before.iter().filter(|&&byte| byte == b'\n').count() as u64;
                let value = String::from_utf8_lossy(cell).trim().to_string();
                ReadError::Encoding { file: file.to_string(), line, column: cells.len() + 1, value }
            })?;
            cells.push(text.trim().to_string());
            start = end;
        }
        Ok(Record { line: self.line, cells })
    }

    /// Refuses a row that has become too large.
    fn bound(&self, file: &str) -> Result<(), ReadError> {
        let (what, limit) = match () {
            () if self.text.len() - self.start() > LONGEST_CELL => ("a cell", "16 MiB"),
            () if self.text.len() > LONGEST_ROW => ("a row", "64 MiB"),
            () if self.column() > MOST_COLUMNS => ("a row", "100000 columns"),
            () => return Ok(()),
        };
        Err(ReadError::TooLarge { file: file.to_string(), line: self.line, column: self.column(), what, limit })
    }
}
