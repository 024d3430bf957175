//! Which rows train, which choose, which judge.

use std::collections::BTreeMap;

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
        let order = split_key.permutation(rows);
        Self { train: order[..train].to_vec(), valid: order[train..valid].to_vec(), test: order[valid..].to_vec() }
            .whole(shares, rows, "rows")
    }

    /// The same for each class of its own: each part has its share of each class to less than a row; a class of one row trains.
    ///
    /// # Errors
    /// As [`random`](Self::random).
    pub fn stratified(classes: &[usize], shares: [f64; 3], split_key: Key) -> Result<Self> {
        check_shares(shares)?;
        Self::by_class(classes, shares, split_key).whole(shares, classes.len(), "rows by class")
    }

    /// The same where the rows that test are others, so many of them: the first two shares alone count.
    ///
    /// # Errors
    /// As [`random`](Self::random).
    pub fn stratified_beside(classes: &[usize], shares: [f64; 3], test: usize, split_key: Key) -> Result<Self> {
        check_shares(shares)?;
        let both = shares[0] + shares[1];
        let split = Self::by_class(classes, [shares[0] / both, shares[1] / both, 0.0], split_key);
        Self { test: (0..test).collect(), ..split }.whole(shares, classes.len(), "rows by class")
    }

    fn by_class(classes: &[usize], shares: [f64; 3], split_key: Key) -> Self {
        let mut split = Self { train: Vec::new(), valid: Vec::new(), test: Vec::new() };
        let mut owed = [0.0; 3];
        let mut rows_of: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        classes.iter().enumerate().for_each(|(row, &class)| rows_of.entry(class).or_default().push(row));
        for (class, rows) in rows_of {
            let order = split_key.fold(class as u64).permutation(rows.len());
            let counts = dealt(rows.len(), shares, &mut owed);
            let (train, valid) = (counts[0], counts[0] + counts[1]);
            split.train.extend(order[..train].iter().map(|&i| rows[i]));
            split.valid.extend(order[train..valid].iter().map(|&i| rows[i]));
            split.test.extend(order[valid..].iter().map(|&i| rows[i]));
        }
        // Classes one after the other are no order for anything.
        for (i, part) in [&mut split.train, &mut split.valid, &mut split.test].into_iter().enumerate() {
            let order = split_key.fold_str("part").fold(i as u64).permutation(part.len());
            *part = order.iter().map(|&i| part[i]).collect();
        }
        split
    }

    /// The same for whole groups: rows of one group stay together.
    ///
    /// # Errors
    /// As [`random`](Self::random); three groups are needed.
    pub fn grouped(groups: &[&str], shares: [f64; 3], split_key: Key) -> Result<Self> {
        check_shares(shares)?;
        let mut rows_of: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        groups.iter().enumerate().for_each(|(row, group)| rows_of.entry(group).or_default().push(row));
        let members: Vec<&Vec<usize>> = rows_of.values().collect();
        let order = split_key.permutation(members.len());
        let ends = [shares[0], shares[0] + shares[1]].map(|share| share * groups.len() as f64);
        let mut parts = [Vec::new(), Vec::new(), Vec::new()];
        let mut before = 0;
        for (place, &group) in order.iter().enumerate() {
            let rows = members[group];
            // By the middle of the group; but the last groups are for the parts that have none yet.
            let middle = before as f64 + rows.len() as f64 / 2.0;
            let part = usize::from(middle > ends[0]) + usize::from(middle > ends[1]);
            let left = members.len() - place;
            let empty = parts.iter().skip(1).filter(|part| part.is_empty()).count();
            let part = match place {
                0 => 0,
                _ if left <= empty => {
                    if parts[1].is_empty() {
                        1
                    } else {
                        2
                    }
                }
                _ => part,
            };
            parts[part].extend(rows);
            before += rows.len();
        }
        let [train, valid, test] = parts;
        Self { train, valid, test }.whole(shares, members.len(), "groups")
    }

    /// By time: the earliest rows train, the latest test; rows of one time stay together.
    ///
    /// # Errors
    /// As [`random`](Self::random).
    pub fn by_time(times: &[f64], shares: [f64; 3]) -> Result<Self> {
        check_shares(shares)?;
        let mut order: Vec<usize> = (0..times.len()).collect();
        order.sort_by(|&a, &b| times[a].total_cmp(&times[b]));
        // To the nearer end of rows of one time, but not to where a part would be empty.
        let starts: Vec<usize> = (1..times.len()).filter(|&at| times[order[at - 1]] != times[order[at]]).collect();
        let cut = |share: f64, least: usize| {
            let at = share * times.len() as f64;
            let near = |start: &usize| (*start as f64 - at).abs();
            let starts = starts.iter().copied().filter(|start| *start > least);
            starts.min_by(|a, b| near(a).total_cmp(&near(b))).unwrap_or(times.len())
        };
        let train = cut(shares[0], 0);
        let train = if starts.last() == Some(&train) && starts.len() > 1 { starts[starts.len() - 2] } else { train };
        let valid = cut(shares[0] + shares[1], train).max(train);
        let part = |range: std::ops::Range<usize>| order[range].to_vec();
        Self { train: part(0..train), valid: part(train..valid), test: part(valid..times.len()) }.whole(
            shares,
            times.len(),
            "rows by time",
        )
    }

    /// The same parts of other rows: `rows[i]` stands for row i.
    pub fn of(self, rows: &[usize]) -> Self {
        let part = |part: Vec<usize>| part.into_iter().map(|row| rows[row]).collect();
        Self { train: part(self.train), valid: part(self.valid), test: part(self.test) }
    }

    /// The rows that train, validate and test.
    pub fn parts(&self) -> [&[usize]; 3] {
        [&self.train, &self.valid, &self.test]
    }

    /// How many rows there are in all.
    pub fn rows(&self) -> usize {
        self.parts().iter().map(|part| part.len()).sum()
    }

    fn whole(self, shares: [f64; 3], n: usize, what: &str) -> Result<Self> {
        match self.parts().iter().any(|part| part.is_empty()) {
            true => {
                Err(Error::config("data.split", format!("{shares:?} of {n} {what}"), "at least one row in each part"))
            }
            false => Ok(self),
        }
    }
}

/// How many rows of a class each part gets: its share rounded down, and what is left goes to the parts that earlier classes gave too little. The first
/// part gets one at least.
fn dealt(rows: usize, shares: [f64; 3], owed: &mut [f64; 3]) -> [usize; 3] {
    let exact = shares.map(|share| share * rows as f64);
    let mut counts = exact.map(|exact| (exact + 1e-9).floor() as usize);
    let mut rounded = exact.map(|exact| (exact - exact.round()).abs() > 1e-9);
    (0..3).for_each(|part| owed[part] += exact[part] - counts[part] as f64);
    for _ in counts.iter().sum()..rows {
        let most = (0..3).filter(|&part| rounded[part]).max_by(|&a, &b| owed[a].total_cmp(&owed[b]));
        let part = if counts[0] == 0 { 0 } else { most.unwrap_or(0) };
        counts[part] += 1;
        rounded[part] = false;
        owed[part] -= 1.0;
    }
    counts
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
