//! Standardisation.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Takes each column to mean 0 and standard deviation 1, as they were in the rows that it was fitted to: the training part, never another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaler {
    /// The mean of each column.
    pub mean: Vec<f64>,
    /// The standard deviation (divided by n) of each column; 1 for a constant column.
    pub sd: Vec<f64>,
}

impl Scaler {
    /// Fits to the columns of `rows`.
    ///
    /// # Errors
    /// [`Error::NoRows`]; [`Error::Value`] for a number that is not finite or beyond 1e70, and for a standard deviation below 1e-70: scores need
    /// fourth powers.
    pub fn fit<'a>(rows: impl Iterator<Item = &'a [f64]> + Clone) -> Result<Self> {
        rows.clone().next().ok_or(Error::NoRows)?;
        for (i, row) in rows.clone().enumerate() {
            if let Some(j) = row.iter().position(|x| !x.is_finite()) {
                let place = format!("row {i}, column {j}");
                return Err(Error::Value { place, value: row[j].to_string(), expected: "a finite number" });
            }
            if let Some(j) = row.iter().position(|x| x.abs() > LARGEST) {
                let place = format!("row {i}, column {j}");
                return Err(Error::Value {
                    place,
                    value: format!("{:e}", row[j]),
                    expected: "a number of at most 1e70",
                });
            }
        }
        let scaler = Self::of(rows);
        if let Some(j) = scaler.sd.iter().position(|sd| *sd < 1.0 / LARGEST) {
            let (place, value) = (format!("column {j}"), format!("{:e}", scaler.sd[j]));
            return Err(Error::Value { place, value, expected: "a standard deviation of at least 1e-70" });
        }
        Ok(scaler)
    }

    /// The same of rows, any, that were checked.
    pub(crate) fn of<'a>(rows: impl Iterator<Item = &'a [f64]> + Clone) -> Self {
        let n = rows.clone().count() as f64;
        let width = rows.clone().next().map_or(0, <[f64]>::len);
        let column = |j: usize| rows.clone().map(move |row| row[j]);
        let mean: Vec<f64> = (0..width).map(|j| column(j).sum::<f64>() / n).collect();
        let sd = (0..width).map(|j| {
            let first = column(j).next().expect("there is a row");
            let sd = (column(j).map(|x| (x - mean[j]).powi(2)).sum::<f64>() / n).sqrt();
            // A constant column's deviations are rounding errors: not a scale.
            if column(j).all(|x| x == first) { 1.0 } else { sd }
        });
        Self { sd: sd.collect(), mean }
    }

    /// A row on the standard scale.
    pub fn apply<'a>(&'a self, row: &'a [f64]) -> impl Iterator<Item = f32> + 'a {
        row.iter().zip(self.mean.iter().zip(&self.sd)).map(|(x, (mean, sd))| ((x - mean) / sd) as f32)
    }
}

/// The greatest number that is standardised; the least standard deviation is its inverse.
pub(crate) const LARGEST: f64 = 1e70;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_become_standard_and_a_constant_one_zero() {
        let rows = [[1.0, 0.1], [2.0, 0.1], [3.0, 0.1]];
        let scaler = Scaler::fit(rows.iter().map(|row| &row[..])).unwrap();
        assert_eq!(scaler.sd[1], 1.0);
        let scaled: Vec<f32> = rows.iter().flat_map(|row| scaler.apply(row).collect::<Vec<_>>()).collect();
        let z = (1.5f64).sqrt() as f32; // sd of 1, 2, 3 divided by n is sqrt(2 / 3)
        for (x, expected) in scaled.iter().zip([-z, 0.0, 0.0, 0.0, z, 0.0]) {
            assert!((x - expected).abs() < 1e-6);
        }
    }

    #[test]
    fn numbers_that_are_none_are_named() {
        let error = Scaler::fit([[1.0, f64::NAN]].iter().map(|row| &row[..])).unwrap_err();
        assert_eq!(error.to_string(), "row 0, column 1: `NaN` is not a finite number");
    }

    #[test]
    fn numbers_whose_fourth_powers_are_none_are_named() {
        let error = |rows: [[f64; 2]; 2]| Scaler::fit(rows.iter().map(|row| &row[..])).unwrap_err().to_string();
        assert_eq!(error([[1.0, 1e308], [2.0, 1e308]]), "row 0, column 1: `1e308` is not a number of at most 1e70");
        assert_eq!(
            error([[1e-200, 1.0], [3e-200, 2.0]]),
            "column 0: `0e0` is not a standard deviation of at least 1e-70"
        );
        let scaler = Scaler::fit([[1e70], [-1e70]].iter().map(|row| &row[..])).unwrap();
        assert!((scaler.sd[0] / 1e70 - 1.0).abs() < 1e-12);
    }
}
