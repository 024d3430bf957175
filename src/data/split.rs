//! Which rows train, which choose, which judge.

use crate::{
    error::{Error, Result},
    key::Key,
};

/// The shares of rows that train, validate and test unless somebody says otherwise.
pub const SPLIT: [f64; 3] = [0.7, 0.15, 0.15];

/// The rows of each part, as numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Rows that the weights are fitted to.
    pub train: Vec<usize>,
    /// Rows that stop the training, and that tau is fitted to.
    pub valid: Vec<usize>,
    /// Rows that nothing was chosen by.
    pub test: Vec<usize>,
}

impl Split {
    /// Deals `rows` rows out at random, by a key.
    ///
    /// # Errors
    /// [`Error::Config`] unless the three shares are positive and add up to 1, and each part gets a row.
    pub fn random(rows: usize, shares: [f64; 3], split_key: Key) -> Result<Self> {
        check_shares(shares)?;
        let end = |share: f64| (share * rows as f64).round() as usize;
        let (train, valid) = (end(shares[0]), end(shares[0] + shares[1]));
        if train == 0 || valid <= train || rows <= valid {
            return Err(Error::config(
                "data.split",
                format!("{shares:?} of {rows} rows"),
                "at least one row in each part",
            ));
        }
        let order = split_key.permutation(rows);
        Ok(Self { train: order[..train].to_vec(), valid: order[train..valid].to_vec(), test: order[valid..].to_vec() })
    }
}

/// That the shares are a split of anything.
pub(crate) fn check_shares(shares: [f64; 3]) -> Result<()> {
    let whole: f64 = shares.iter().sum();
    match shares.iter().all(|&share| share > 0.0) && (whole - 1.0).abs() < 1e-9 {
        true => Ok(()),
        false => Err(Error::config("split", format!("{shares:?}"), "three positive shares that add up to 1")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_falls_into_one_part_and_the_key_says_which() {
        let split = Split::random(1599, SPLIT, Key::new(0)).unwrap();
        assert_eq!((split.train.len(), split.valid.len(), split.test.len()), (1119, 240, 240));
        let mut all = [split.train.clone(), split.valid.clone(), split.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1599).collect::<Vec<_>>());
        assert_eq!(split, Split::random(1599, SPLIT, Key::new(0)).unwrap());
        assert_ne!(split, Split::random(1599, SPLIT, Key::new(1)).unwrap());
    }

    #[test]
    fn shares_that_leave_a_part_empty_are_refused() {
        for (rows, shares) in [(2, SPLIT), (100, [1.0, 0.0, 0.0]), (100, [0.7, 0.2, 0.2]), (100, [f64::NAN, 0.5, 0.5])]
        {
            assert!(matches!(Split::random(rows, shares, Key::new(0)), Err(Error::Config { .. })), "{rows} {shares:?}");
        }
    }
}
