//! DropBlock: Ghiasi, Lin & Le, "DropBlock: a regularization method for convolutional networks", NeurIPS 2018,
//! <https://arxiv.org/abs/1810.12890>. We solve for the rate of seeds where the paper approximates it, which at small maps drops another
//! share than it says, and normalise each row by itself where the paper's program normalises the batch.

use std::collections::BTreeMap;

use burn::{
    config::Config,
    module::{Content, DisplaySettings, Module, ModuleDisplay},
    tensor::{
        Tensor,
        module::max_pool2d,
        ops::{MaxPoolOptions, PadMode},
    },
};

use crate::{
    pass::{Law, Pass},
    rate::Rate,
};

/// Configuration of [`DropBlock`].
#[derive(Config, Debug)]
pub struct DropBlockConfig {
    /// The probability of dropping, in `[0, 1)`; checked by [`DropBlockConfig::init`] and by [`Rate::new`].
    pub rate: f64,
    /// The side of a block, at least 1, in positions. The paper's: 7.
    pub block: usize,
}

/// Drops square blocks of each feature map, such that a share `rate` of it is dropped on average, and scales what is kept.
///
/// ```text
/// y = x m N / sum(m),   m_ij = 0 where a block covers (i, j), else 1;   N and sum(m) are those of the row: all channels and positions
/// blocks: each place where a whole one fits has one with probability gamma, independently for each channel
/// gamma: mean over (i, j) of 1 - (1 - gamma)^n_ij = rate, where n_ij places cover (i, j)
/// ```
/// On average over a map the rate is exact at every size, but not at each position: fewer blocks reach the edges than the centre, so edges are
/// dropped less. For the same reason `E[y] = x` does not hold at each position, and not quite on average over them: over the entries of a row
/// `m N / sum(m)` has the mean 1, or 0 if the row lost everything, which does happen where maps are few and small.
///
/// ```text
/// E[mean over a row of m N / sum(m)] = 1 - P(lost);   P(lost) = rate^channels where one block covers the map, and E[y] = (1 - P(lost)) x there
/// ```
/// A block larger than the map is cut to the map, in each dimension by itself.
///
/// # Examples
/// ```
/// use burn_zoo::{Key, Pass, nn::DropBlockConfig};
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
///
/// let dropout = DropBlockConfig::new(0.1, 7).init();
/// let x = Tensor::<4>::ones([4, 8, 28, 28], &Device::flex());
/// let y = dropout.forward(x, &Pass::train(Key::new(7)).at("dropout"));
/// # }
/// ```
#[derive(Module, Debug)]
#[module(custom_display)]
pub struct DropBlock {
    #[module(skip)]
    rate: Rate,
    block: usize,
}

impl DropBlockConfig {
    /// The layer.
    ///
    /// # Panics
    /// If the rate is not in `[0, 1)`, or the block is 0. For numbers from a user: [`Rate::new`], then [`DropBlock::new`].
    pub fn init(&self) -> DropBlock {
        DropBlock::new(Rate::new(self.rate).unwrap_or_else(|error| panic!("{error}")), self.block)
    }
}

impl DropBlock {
    /// A layer that drops with a rate that was checked before.
    ///
    /// # Panics
    /// If `block` is 0.
    pub fn new(rate: Rate, block: usize) -> Self {
        assert!(block > 0, "a block of side 0 drops nothing");
        Self { rate, block }
    }

    /// The probability of dropping.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// The side of a block.
    pub fn block(&self) -> usize {
        self.block
    }

    /// Drops blocks of `x`.
    ///
    /// # Shapes
    /// - input: `[rows, channels, height, width]`
    /// - output: `[rows, channels, height, width]`
    pub fn forward(&self, x: Tensor<4>, pass: &Pass<'_>) -> Tensor<4> {
        let [rows, channels, height, width] = x.dims();
        let sides @ [block_height, block_width] = [self.block.min(height), self.block.min(width)];
        let places = [rows, channels, height - block_height + 1, width - block_width + 1];
        let law = Law::Bernoulli(seed_rate(self.rate, [height, width], sides));
        let Some(free) = pass.draw(law, places, &x.device()) else { return x };
        let mask = grow(free, sides); // [rows or 1, channels, height, width]
        // One short sum after the other: some devices lose the tail of a long one.
        let kept = mask.clone().sum_dim(3).sum_dim(2).sum_dim(1);
        let scale = kept.clamp_min(1.0).recip() * (channels * height * width) as f64;
        x * (mask * scale)
    }
}

/// 0 where a block that begins at a 0 of `free` covers the map, else 1.
fn grow(free: Tensor<4>, [height, width]: [usize; 2]) -> Tensor<4> {
    let (above, beside) = (height - 1, width - 1);
    let begun = (-free + 1.0).pad((beside, beside, above, above), PadMode::Constant(0.0));
    // By columns, then by rows: 2 b comparisons a position rather than b^2.
    let columns = max_pool2d(begun, MaxPoolOptions::new([height, 1]).with_stride([1, 1]));
    -max_pool2d(columns, MaxPoolOptions::new([1, width]).with_stride([1, 1])) + 1.0
}

/// The rate of seeds that drops the share `rate` of a map on average, by bisection: the share rises with it.
fn seed_rate(rate: Rate, [height, width]: [usize; 2], [block_height, block_width]: [usize; 2]) -> Rate {
    let mut positions = BTreeMap::new(); // how many of them, by the number of places that cover them
    for rows in covers(height, block_height) {
        for columns in covers(width, block_width) {
            *positions.entry(rows * columns).or_insert(0) += 1;
        }
    }
    let share = |gamma: f64| {
        let dropped =
            |(&places, &count): (&usize, &usize)| -(count as f64) * libm::expm1(places as f64 * libm::log1p(-gamma));
        positions.iter().map(dropped).sum::<f64>() / (height * width) as f64
    };
    let (mut low, mut high) = (0.0, rate.get()); // a seed drops at least its own place
    loop {
        let middle = (low + high) / 2.0;
        if middle <= low || middle >= high {
            return Rate::new(middle).expect("no greater than a rate");
        }
        if share(middle) < rate.get() { low = middle } else { high = middle }
    }
}

/// For each of `length` positions, how many places of a block of `block` positions cover it.
fn covers(length: usize, block: usize) -> impl Iterator<Item = usize> {
    (0..length).map(move |at| at.min(length - block) - (at + 1).saturating_sub(block) + 1)
}

impl ModuleDisplay for DropBlock {
    fn custom_settings(&self) -> Option<DisplaySettings> {
        DisplaySettings::new().with_new_line_after_attribute(false).optional()
    }

    fn custom_content(&self, content: Content) -> Option<Content> {
        content.add("rate", &self.rate.get()).add("block", &self.block).optional()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_that_cover_a_position_are_counted_as_by_hand() {
        assert_eq!(covers(5, 3).collect::<Vec<_>>(), [1, 2, 3, 2, 1]);
        assert_eq!(covers(5, 4).collect::<Vec<_>>(), [1, 2, 2, 2, 1]);
        assert_eq!(covers(3, 3).collect::<Vec<_>>(), [1, 1, 1]);
        assert_eq!(covers(4, 1).collect::<Vec<_>>(), [1, 1, 1, 1]);
    }

    #[test]
    fn the_rate_of_seeds_drops_the_nominal_share_at_every_size() {
        for (rate, map, block) in [
            (0.1, [56, 56], [7, 7]),
            (0.3, [14, 14], [7, 7]),
            (0.1, [7, 7], [7, 7]),
            (0.3, [5, 3], [5, 3]),
            (0.5, [9, 4], [2, 3]),
            (1e-9, [28, 28], [5, 5]),
            (0.999, [3, 3], [1, 1]),
        ] {
            let gamma = seed_rate(Rate::new(rate).unwrap(), map, block).get();
            // The product of the places' probabilities, position by position, by trying each place.
            let mut share = 0.0;
            for i in 0..map[0] {
                for j in 0..map[1] {
                    let starts = |at, length, block| {
                        (0..=length - block).filter(move |start| (*start..start + block).contains(&at))
                    };
                    let places = starts(i, map[0], block[0]).count() * starts(j, map[1], block[1]).count();
                    share -= libm::expm1(places as f64 * libm::log1p(-gamma)) / (map[0] * map[1]) as f64;
                }
            }
            assert!((share - rate).abs() < 1e-12 * rate, "{share} for {rate} at {map:?}");
        }
        // One place covers the whole map: it is dropped as a whole.
        assert!((seed_rate(Rate::new(0.1).unwrap(), [7, 7], [7, 7]).get() - 0.1).abs() < 1e-15);
        assert!(seed_rate(Rate::ZERO, [7, 7], [7, 7]).is_zero());
    }
}
