//! Tables as people have them: CSV and its kin, read row by row in bounded memory, or refused in one line.
//!
//! A [`TableReader`] finds out how a file is written (delimiter, decimal comma, gzip, byte order mark) unless
//! [`ReadOptions`] say it, and gives the cells as text; [`Dialect::number`] and [`Dialect::is_missing`] say what they
//! mean. What it cannot read for certain it refuses, with file, line and column.

mod detect;
mod dialect;
mod error;
mod input;
mod rows;

use std::{
    collections::HashMap,
    fmt,
    fs::File,
    io::{BufRead, Read},
    path::Path,
};

pub use dialect::{Decimal, Dialect, Header, Quote, ReadOptions};
pub use error::ReadError;

use detect::Sample;
use error::plural;
use input::Input;
use rows::Rows;

/// One row: the line on which it begins, from 1, and its cells in the order of the columns, without blanks around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The physical line, counting those that were skipped and those inside of cells.
    pub line: u64,
    /// The cells.
    pub cells: Vec<String>,
}

impl Record {
    fn is_blank(&self) -> bool {
        self.cells.iter().all(String::is_empty)
    }
}

/// Reads a table row by row.
///
/// # Examples
/// ```
/// use burn_zoo::data::read::{ReadOptions, TableReader};
///
/// let text = "when;CO\n10/03/2004;2,6\n11/03/2004;?\n";
/// let mut reader = TableReader::from_reader("air.csv", text.as_bytes(), &ReadOptions::default())?;
/// assert_eq!(reader.columns(), ["when", "CO"]);
/// let dialect = reader.dialect().clone();
/// assert_eq!(dialect.to_string(), "`;` between cells, decimal comma");
/// let mut sum = 0.0;
/// for record in reader.records() {
///     let cell = &record?.cells[1];
///     sum += if dialect.is_missing(cell) { 0.0 } else { dialect.number(cell).expect("a number") };
/// }
/// assert_eq!(sum, 2.6);
/// # Ok::<(), burn_zoo::data::read::ReadError>(())
/// ```
pub struct TableReader {
    rows: Rows<Box<dyn BufRead>>,
    file: String,
    columns: Vec<String>,
    /// The fields of a row.
    width: usize,
    /// The columns without a name, from 0 and in order: none if there is no header.
    nameless: Vec<usize>,
    /// The first row, if it is no header.
    first: Option<Record>,
    dialect: Dialect,
    notes: Vec<String>,
    blank_rows: u64,
    ended: bool,
}

impl TableReader {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// [`ReadError`], if the file cannot be read, is no table, or its first line is no header.
    pub fn open(path: impl AsRef<Path>, options: &ReadOptions) -> Result<Self, ReadError> {
        let file = path.as_ref().display().to_string();
        match File::open(path) {
            Ok(source) => Self::from_reader(&file, source, options),
            Err(source) => Err(ReadError::Io { file, source }),
        }
    }

    /// Reads the header of any source of bytes; `name` stands for the file in errors.
    ///
    /// # Errors
    /// As [`TableReader::open`].
    pub fn from_reader(name: &str, source: impl Read + 'static, options: &ReadOptions) -> Result<Self, ReadError> {
        options.check()?;
        let file = name.to_string();
        let input = Input::open(name, Box::new(source), options.skip)?;
        let sample = Sample::new(&input, options);
        let mut notes = sample.notes(options);
        let mut dialect = sample.dialect.clone();
        let mut rows = Rows::new(input.source, name, input.gzip, dialect.delimiter, dialect.quote, input.line);
        let mut blank_rows = 0;
        let first = loop {
            match rows.next()? {
                None => return Err(ReadError::Empty { file, skip: options.skip }),
                Some(row) if row.is_blank() => blank_rows += 1,
                Some(row) => break row,
            }
        };
        let (line, width) = (first.line, first.cells.len());
        if let Some((expected, at)) = sample.other_length(&first) {
            return Err(ReadError::FirstLine { file, line, found: width, expected, skip: at - 1 });
        }
        if let Some(row) = sample.blanks().filter(|_| width == 1 && options.delimiter.is_none()) {
            return Err(ReadError::Blanks { file, line: row.line, value: row.cells.concat() });
        }
        dialect.header = match options.header {
            Header::Yes => true,
            Header::No => false,
            Header::Detect => match sample.like_data(&first) {
                Some(value) => return Err(ReadError::NotAHeader { file, line, value: value.to_string() }),
                None => true,
            },
        };
        let (mut columns, mut nameless, mut data) = (Vec::new(), Vec::new(), None);
        if dialect.header {
            nameless.extend((0..width).filter(|&column| first.cells[column].is_empty()));
            refuse_duplicates(name, &first)?;
            columns.extend(first.cells.into_iter().filter(|name| !name.is_empty()));
        } else {
            columns.extend((1..=width).map(|column| format!("column_{column}")));
            data = Some(first);
        }
        if !nameless.is_empty() {
            notes.push(format!("{} nameless empty column{} dropped", nameless.len(), plural(nameless.len() as u64)));
        }
        Ok(Self { rows, file, columns, width, nameless, first: data, dialect, notes, blank_rows, ended: false })
    }

    /// The names of the columns, without blanks around them; nameless ones are dropped.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// How the table is written.
    pub fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// What a user should be told who said nothing of it, one line each.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// The rows without any value that were left out so far.
    pub fn blank_rows(&self) -> u64 {
        self.blank_rows
    }

    /// The rows that are left; an error ends them.
    pub fn records(&mut self) -> Records<'_> {
        Records { reader: self }
    }

    fn next(&mut self) -> Result<Option<Record>, ReadError> {
        loop {
            let row = match self.first.take() {
                Some(row) => Some(row),
                None => self.rows.next()?,
            };
            let Some(row) = row else { return Ok(None) };
            if !row.is_blank() {
                return self.named(row).map(Some);
            }
            self.blank_rows += 1;
        }
    }

    /// The cells of the named columns.
    fn named(&self, mut row: Record) -> Result<Record, ReadError> {
        let (file, line, found) = (|| self.file.clone(), row.line, row.cells.len());
        if found != self.width {
            return Err(ReadError::Fields { file: file(), line, found, expected: self.width });
        }
        if let Some(&column) = self.nameless.iter().find(|&&column| !row.cells[column].is_empty()) {
            let value = row.cells.swap_remove(column);
            return Err(ReadError::Nameless { file: file(), line, column: column + 1, value });
        }
        if !self.nameless.is_empty() {
            let mut column = 0..;
            row.cells.retain(|_| self.nameless.binary_search(&column.next().expect("no end")).is_err());
        }
        Ok(row)
    }
}

impl fmt::Debug for TableReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("TableReader");
        debug.field("file", &self.file).field("columns", &self.columns).field("dialect", &self.dialect);
        debug.finish_non_exhaustive()
    }
}

fn refuse_duplicates(file: &str, header: &Record) -> Result<(), ReadError> {
    let mut seen = HashMap::new();
    for (column, name) in (1..).zip(&header.cells).filter(|(_, name)| !name.is_empty()) {
        if let Some(first) = seen.insert(name, column) {
            let (file, line, name) = (file.to_string(), header.line, name.clone());
            return Err(ReadError::Duplicate { file, line, first, column, name });
        }
    }
    Ok(())
}

/// The rows of a [`TableReader`], from where it is.
#[derive(Debug)]
pub struct Records<'a> {
    reader: &'a mut TableReader,
}

impl Iterator for Records<'_> {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.reader.ended {
            return None;
        }
        let next = self.reader.next();
        self.reader.ended = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

impl std::iter::FusedIterator for Records<'_> {}
