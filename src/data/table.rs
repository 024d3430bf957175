//! Tables of numbers, and those that are built in.

use std::io::Read;

use flate2::read::GzDecoder;
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Numbers in named columns.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    columns: Vec<String>,
    values: Vec<f64>,
}

/// A table that comes with this crate: nothing is downloaded.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// What the command line calls it.
    pub name: &'static str,
    /// The column that is predicted.
    pub target: &'static str,
    /// What it is, in one line.
    pub about: &'static str,
    /// Whom to name when you use it.
    pub attribution: &'static str,
    bytes: &'static [u8],
}

/// The tables that come with this crate.
pub const BUILT_IN: [BuiltIn; 1] = [BuiltIn {
    name: "wine-red",
    target: "quality",
    about: "red wine quality: 1599 wines, 11 measurements, a score of 0 to 10",
    attribution: "P. Cortez et al., Decision Support Systems 47(4), 2009; UCI Machine Learning Repository; CC BY 4.0",
    bytes: include_bytes!("../../assets/data/wine-red.csv.gz"),
}];

/// The built-in table of that name.
///
/// # Errors
/// [`Error::Unknown`] with the nearest name.
pub fn find(name: &str) -> Result<&'static BuiltIn> {
    let known = BUILT_IN.iter().map(|table| table.name);
    BUILT_IN.iter().find(|table| table.name == name).ok_or_else(|| Error::unknown("data set", name, known))
}

impl BuiltIn {
    /// The table.
    pub fn table(&self) -> Table {
        let text = self.text();
        let mut lines = text.lines();
        let columns = lines.next().expect("a header").split(',').map(str::to_string).collect();
        let values = lines.flat_map(|line| line.split(',')).map(|cell| cell.parse().expect("a number"));
        Table { values: values.collect(), columns }
    }

    /// The sha256 of the table as CSV, in hexadecimal digits.
    pub fn sha256(&self) -> String {
        sha256(self.text().as_bytes())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        GzDecoder::new(self.bytes).read_to_string(&mut text).expect("embedded data are whole");
        text
    }
}

impl Table {
    /// A table from its rows.
    ///
    /// # Errors
    /// [`Error::Length`] for a row that is longer or shorter than the header.
    pub fn new(columns: Vec<String>, rows: &[impl AsRef<[f64]>]) -> Result<Self> {
        let mut values = Vec::with_capacity(rows.len() * columns.len());
        for (i, row) in rows.iter().map(AsRef::as_ref).enumerate() {
            if row.len() != columns.len() {
                return Err(Error::length(format!("cells of row {i}"), columns.len(), row.len()));
            }
            values.extend_from_slice(row);
        }
        Ok(Self { columns, values })
    }

    /// The names of the columns.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.values.len() / self.columns.len().max(1)
    }

    /// One row.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn row(&self, row: usize) -> &[f64] {
        &self.values[row * self.columns.len()..][..self.columns.len()]
    }

    /// The features and the target: all other columns row by row, and the column `target`.
    ///
    /// # Errors
    /// [`Error::Unknown`] if there is no such column.
    pub fn without(&self, target: &str) -> Result<(Table, Vec<f64>)> {
        let at = self.columns.iter().position(|column| column == target);
        let at = at.ok_or_else(|| Error::unknown("column", target, self.columns.clone()))?;
        let mut columns = self.columns.clone();
        columns.remove(at);
        let (mut values, mut targets) = (Vec::new(), Vec::new());
        for row in self.values.chunks(self.columns.len()) {
            targets.push(row[at]);
            values.extend(row[..at].iter().chain(&row[at + 1..]));
        }
        Ok((Table { columns, values }, targets))
    }

    /// The rows of these numbers, in this order.
    ///
    /// # Panics
    /// If there is no such row.
    pub fn select(&self, rows: &[usize]) -> Table {
        let values = rows.iter().flat_map(|&row| self.row(row)).copied().collect();
        Table { columns: self.columns.clone(), values }
    }

    /// The rows one after the other.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.values.chunks_exact(self.columns.len().max(1))
    }
}

/// The sha256 of some bytes, in hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wine_red_is_the_table_of_the_uci_repository() {
        let table = find("wine-red").unwrap().table();
        assert_eq!((table.rows(), table.columns().len()), (1599, 12));
        assert_eq!(table.row(0), [7.4, 0.7, 0.0, 1.9, 0.076, 11.0, 34.0, 0.9978, 3.51, 0.56, 9.4, 5.0]);
        let (features, quality) = table.without("quality").unwrap();
        assert_eq!(features.columns().len(), 11);
        // Mean and standard deviation as in the repository's description.
        let mean = quality.iter().sum::<f64>() / 1599.0;
        let sd = (quality.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / 1599.0).sqrt();
        assert!((mean - 5.6360).abs() < 5e-5 && (sd - 0.8073).abs() < 5e-5);
    }

    #[test]
    fn its_attribution_names_the_checksum_that_it_has() {
        let readme = include_str!("../../assets/data/README.md");
        assert!(readme.contains(&find("wine-red").unwrap().sha256()));
    }

    #[test]
    fn a_misspelt_table_or_column_names_the_nearest() {
        let error = find("wine-rde").unwrap_err().to_string();
        assert_eq!(error, "unknown data set `wine-rde`: did you mean `wine-red`?");
        let error = find("wine-red").unwrap().table().without("qualty").unwrap_err().to_string();
        assert_eq!(error, "unknown column `qualty`: did you mean `quality`?");
    }

    #[test]
    fn a_row_of_another_length_is_refused() {
        let error = Table::new(vec!["a".into(), "b".into()], &[vec![1.0, 2.0], vec![3.0]]).unwrap_err();
        assert_eq!(error.to_string(), "cells of row 1: expected 2, found 1");
    }
}
