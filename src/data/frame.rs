//! A table of text in memory, as it was read.

use std::collections::{BTreeMap, HashMap};

use super::{
    date,
    read::{Dialect, ReadError, Record, TableReader},
    schema::{Column, Schema},
    settings::{ColumnKind, DataSettings},
    table::Table,
};
use crate::error::{Error, Result};

/// The cells of one or several files with the same columns, as text.
#[derive(Clone, Debug)]
pub struct Frame {
    columns: Vec<String>,
    files: Vec<File>,
    text: String,
    /// Where each row begins in `text`.
    starts: Vec<usize>,
    /// Where each cell ends in its row's text, row by row: half as large as places in `text`, and most of a table of short cells.
    ends: Vec<u32>,
    /// The line of each row.
    lines: Vec<u64>,
}

/// Where rows are from.
#[derive(Clone, Debug)]
struct File {
    name: String,
    dialect: Dialect,
    /// The first of its rows.
    first: usize,
    notes: Vec<String>,
}

impl Frame {
    /// Reads a whole table; `name` stands for it in messages.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn read(name: &str, mut reader: TableReader) -> Result<Self, ReadError> {
        let columns = reader.columns().to_vec();
        let (dialect, mut notes) = (reader.dialect().clone(), reader.notes().to_vec());
        let mut frame = Self::empty(columns);
        for record in reader.records() {
            frame.push(&record?);
        }
        if reader.blank_rows() > 0 {
            let plural = if reader.blank_rows() > 1 { "s" } else { "" };
            notes.push(format!("{} row{plural} without any value left out", reader.blank_rows()));
        }
        frame.files.push(File { name: name.to_string(), dialect, first: 0, notes });
        Ok(frame)
    }

    /// A table of numbers as text.
    pub fn of(name: &str, table: &Table) -> Self {
        let file = File { name: name.to_string(), dialect: Dialect::default(), first: 0, notes: Vec::new() };
        let mut frame = Self { files: vec![file], ..Self::empty(table.columns().to_vec()) };
        for (line, row) in (2..).zip(table.iter()) {
            frame.push(&Record { line, cells: row.iter().map(ToString::to_string).collect() });
        }
        frame
    }

    fn empty(columns: Vec<String>) -> Self {
        let (text, starts, ends, lines) = Default::default();
        Self { columns, files: Vec::new(), text, starts, ends, lines }
    }

    fn push(&mut self, record: &Record) {
        self.push_row(record.line, record.cells.iter().map(String::as_str));
    }

    fn push_row<'a>(&mut self, line: u64, cells: impl Iterator<Item = &'a str>) {
        let start = self.text.len();
        self.lines.push(line);
        self.starts.push(start);
        for cell in cells {
            self.text.push_str(cell);
            self.ends.push(u32::try_from(self.text.len() - start).expect("the reader refuses rows beyond 64 MiB"));
        }
    }

    /// Adds the rows of a file that has at least the same columns, in any order.
    ///
    /// # Errors
    /// [`Error::Data`] for a column that it lacks.
    pub fn append(&mut self, other: &Self) -> Result<()> {
        let places: HashMap<&String, usize> = other.columns.iter().zip(0..).collect();
        let at = |column: &String| {
            places.get(column).copied().ok_or_else(|| {
                let place = other.files[0].name.clone();
                Error::Data { place, reason: format!("no column `{column}`, which {} has", self.files[0].name) }
            })
        };
        let order = self.columns.iter().map(at).collect::<Result<Vec<usize>>>()?;
        let rows = self.rows();
        for file in &other.files {
            self.files.push(File { first: rows + file.first, ..file.clone() });
        }
        for row in 0..other.rows() {
            self.push_row(other.lines[row], order.iter().map(|&column| other.cell(row, column)));
        }
        Ok(())
    }

    /// The rows of these numbers, in this order, which rises.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut some = Self::empty(self.columns.clone());
        let first = |file: &File| rows.partition_point(|&row| row < file.first);
        some.files = self.files.iter().map(|file| File { first: first(file), ..file.clone() }).collect();
        for &row in rows {
            some.push_row(self.lines[row], (0..self.columns.len()).map(|column| self.cell(row, column)));
        }
        some
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The place of a column.
    ///
    /// # Errors
    /// [`Error::Unknown`] with the nearest name.
    pub fn column(&self, name: &str) -> Result<usize> {
        let at = self.columns.iter().position(|column| column == name);
        at.ok_or_else(|| Error::unknown("column", name, &self.columns))
    }

    /// One cell.
    ///
    /// # Panics
    /// If there is no such row or column.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        assert!(column < self.columns.len(), "no column {column}");
        let (at, row) = (row * self.columns.len() + column, self.starts[row]);
        let start = if column == 0 { 0 } else { self.ends[at - 1] };
        &self.text[row + start as usize..row + self.ends[at] as usize]
    }

    /// The times that a column holds, in seconds or in the column's own numbers.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a column that is not there; [`Error::Data`] for a cell that is no time.
    pub fn times(&self, name: &str, rows: &[usize], said: Option<&ColumnKind>) -> Result<Vec<f64>> {
        let at = self.column(name)?;
        let number = |&row: &usize| self.dialect(row).number(self.cell(row, at));
        if let Some(numbers) = rows.iter().map(number).collect::<Option<Vec<f64>>>() {
            return Ok(numbers);
        }
        if let Some(&row) = rows.iter().find(|&&row| self.dialect(row).is_missing(self.cell(row, at))) {
            let reason = "the cell is missing: there is no time to split by".to_string();
            return Err(Error::Data { place: self.place_of(row, at), reason });
        }
        let said: BTreeMap<String, ColumnKind> =
            [(name.to_string(), said.cloned().unwrap_or(ColumnKind::Date(None)))].into();
        let others: Vec<&str> = self.columns.iter().map(String::as_str).filter(|column| *column != name).collect();
        let (schema, _) = Schema::infer(self, rows, &others, &said, &DataSettings::default())?;
        let Some(Column::Date { format, .. }) = schema.columns.first() else {
            let reason = "expected dates or numbers to split by".to_string();
            return Err(Error::Data { place: format!("{}, column `{name}`", self.name()), reason });
        };
        let time = |&row: &usize| {
            let reason = || format!("`{}` is no time: expected one like {format}", self.cell(row, at));
            date::seconds(self.cell(row, at), format)
                .ok_or_else(|| Error::Data { place: self.place_of(row, at), reason: reason() })
        };
        rows.iter().map(time).collect()
    }

    /// How the file of a row is written.
    pub fn dialect(&self, row: usize) -> &Dialect {
        &self.file(row).dialect
    }

    /// The line of a row in its file.
    pub fn line(&self, row: usize) -> u64 {
        self.lines[row]
    }

    /// The file and the line of a row, for messages.
    pub fn place(&self, row: usize) -> String {
        format!("{}, line {}", self.file(row).name, self.lines[row])
    }

    /// File, line and column of a cell, for messages.
    pub fn place_of(&self, row: usize, column: usize) -> String {
        format!("{}, column `{}`", self.place(row), self.columns[column])
    }

    /// The name of the first file.
    pub fn name(&self) -> &str {
        &self.files[0].name
    }

    /// The names of all files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    /// What a user should be told about the reading, one line each.
    pub fn notes(&self) -> impl Iterator<Item = String> {
        self.files.iter().flat_map(|file| file.notes.iter().map(move |note| format!("{}: {note}", file.name)))
    }

    fn file(&self, row: usize) -> &File {
        let after = self.files.partition_point(|file| file.first <= row);
        &self.files[after - 1]
    }
}
