//! Explicit randomness: counter-based keys, and the numbers they stand for.
//!
//! Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011,
//! <https://doi.org/10.1145/2063384.2063405>). Entry *i* of a draw is a function of `(key, i)` alone, so the order of
//! calls, the number of threads, chunking and the backend cannot change it.
//!
//! # Mask scheme 1
//! Frozen by `tests/golden/masks`; a saved model names the scheme that it was trained with.
//! ```text
//! fold(n)       = philox([n_lo, n_hi, 0, 0xF01D0001], key)[0..2]
//! fold_str(s)   : for each 8 bytes w of s (at least one, zero-padded): key = philox([w_lo, w_hi, len, 0xF01D0002], key)[0..2]
//! site          = Key::new(0), folded by each segment of the path, an index by its decimal digits; draw key D = pass key folded by the site
//! Bernoulli     : T = round((1 - rate) 2^40); B = byte i % 16 of philox([i / 16, row_lo, row_hi, 1], D);
//!                 1 where B < T >> 32, or B == T >> 32 and word i % 4 of philox([i / 4, row_lo, row_hi, 2], D) < T mod 2^32
//! uniform       = ((w >> 9) + 1/2) 2^-23, w = word i % 4 of philox([i / 4, row_lo, row_hi, 3], D)
//! normal        = Box and Muller in f64 on the words of philox([i / 4, row_lo, row_hi, 4], D)
//! permutation   = Fisher and Yates from the last entry down; entry i changes places with r (i + 1) / 2^64, r = the first 64 bits of
//!                 philox([i_lo, i_hi, 0, 3], key)
//! ```
//! A Bernoulli entry compares 8 random bits, and 32 more only where those leave the answer open (one entry in 256): the
//! rate is exact to 2^-40 for a quarter of the blocks that 32 bits an entry would take.

use rayon::prelude::*;

use crate::rate::Rate;

/// The rule that turns keys, sites and rows into masks; stored with every saved model.
pub const MASK_SCHEME: u32 = 1;

const FOLD: u32 = 0xF01D_0001;
const FOLD_STR: u32 = 0xF01D_0002;
const BERNOULLI: u32 = 1;
const REFINE: u32 = 2;
const UNIFORM: u32 = 3;
const NORMAL: u32 = 4;

/// A source of randomness of 8 bytes: `Copy`, splittable, and without state.
///
/// A key is used for one purpose; everything else gets a key of its own, derived from it.
///
/// # Examples
/// ```
/// use burn_zoo::Key;
///
/// let run = Key::new(7);
/// let mask_key = run.fold_str("mask").fold(3); // the masks of epoch 3
/// assert_eq!(mask_key, Key::new(7).fold_str("mask").fold(3)); // a value, not a stream
/// assert_ne!(mask_key, run.fold_str("order").fold(3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Key([u32; 2]);

impl Key {
    /// The key of a seed.
    pub const fn new(seed: u64) -> Self {
        Self([seed as u32, (seed >> 32) as u32])
    }

    /// The `n`-th key derived from this one.
    pub fn fold(self, n: u64) -> Self {
        let [a, b, _, _] = philox([n as u32, (n >> 32) as u32, 0, FOLD], self.0);
        Self([a, b])
    }

    /// The key derived from this one by name.
    pub fn fold_str(self, name: &str) -> Self {
        let (bytes, mut key) = (name.as_bytes(), self);
        for at in (0..bytes.len().max(1)).step_by(8) {
            let mut word = [0; 8];
            let part = &bytes[at..bytes.len().min(at + 8)];
            word[..part.len()].copy_from_slice(part);
            let word = u64::from_le_bytes(word);
            let counter = [word as u32, (word >> 32) as u32, bytes.len() as u32, FOLD_STR];
            let [a, b, _, _] = philox(counter, key.0);
            key = Self([a, b]);
        }
        key
    }

    /// The key as a number: `Key::new(key.to_u64()) == key`.
    pub const fn to_u64(self) -> u64 {
        self.0[0] as u64 | (self.0[1] as u64) << 32
    }

    /// The order of `0..n` that this key stands for, every order equally likely (Fisher & Yates). It is made of the words that [`uniform`](Self::uniform)
    /// would be made of: a key that orders draws nothing else.
    pub fn permutation(self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for last in (1..n).rev() {
            let [a, b, _, _] = philox([last as u32, (last as u64 >> 32) as u32, 0, UNIFORM], self.0);
            let random = u64::from(a) | u64::from(b) << 32;
            // The high half of the product is uniform on 0..=last, to one part in 2^64 / n.
            let other = (u128::from(random) * (last as u128 + 1)) >> 64;
            order.swap(last, other as usize);
        }
        order
    }

    /// 0 or 1 for each entry of `rows` rows of `width`, 1 with probability `1 - rate`; the first row has the number `first`.
    pub fn bernoulli(self, rate: Rate, first: u64, rows: usize, width: usize) -> Vec<f32> {
        let threshold = (rate.keep() * (1u64 << 40) as f64).round() as u64;
        let (high, low) = (threshold >> 32, threshold as u32);
        let Ok(high) = u8::try_from(high) else {
            return vec![1.0; rows * width]; // the rate is below 2^-41: nothing is dropped
        };
        let mut out = vec![0.0; rows * width];
        self.fill_rows(first, width, &mut out, |key, row, out| bernoulli(key, high, low, row, width, out));
        out
    }

    /// A number of the open interval (0, 1) for each entry of `rows` rows of `width`.
    pub fn uniform(self, first: u64, rows: usize, width: usize) -> Vec<f32> {
        self.words(UNIFORM, first, rows, width, |words| {
            words.map(|word| ((word >> 9) as f32 + 0.5) * (1.0 / (1 << 23) as f32))
        })
    }

    /// A standard normal number for each entry of `rows` rows of `width`; equal on every platform (`libm`).
    pub fn normal(self, first: u64, rows: usize, width: usize) -> Vec<f32> {
        self.words(NORMAL, first, rows, width, |words| {
            let u = words.map(|word| (f64::from(word) + 0.5) / (1u64 << 32) as f64);
            let pair = |u: f64, v: f64| {
                let (radius, angle) = (libm::sqrt(-2.0 * libm::log(u)), std::f64::consts::TAU * v);
                [radius * libm::cos(angle), radius * libm::sin(angle)]
            };
            let ([a, b], [c, d]) = (pair(u[0], u[1]), pair(u[2], u[3]));
            [a, b, c, d].map(|z| z as f32)
        })
    }

    /// Four entries a block, for the laws that need whole words.
    fn words(
        self,
        tag: u32,
        first: u64,
        rows: usize,
        width: usize,
        law: impl Fn([u32; 4]) -> [f32; 4] + Sync,
    ) -> Vec<f32> {
        let mut out = vec![0.0; rows * width];
        self.fill_rows(first, width, &mut out, |key, first, out| {
            for (row, out) in out.chunks_mut(width).enumerate() {
                let row = first + row as u64;
                for (block, out) in out.chunks_mut(4).enumerate() {
                    let values = law(philox([block as u32, row as u32, (row >> 32) as u32, tag], key));
                    out.copy_from_slice(&values[..out.len()]);
                }
            }
        });
        out
    }

    /// Hands out whole rows, to several threads where the draw is large. The number of threads changes no value.
    fn fill_rows(self, first: u64, width: usize, out: &mut [f32], fill: impl Fn([u32; 2], u64, &mut [f32]) + Sync) {
        const PARALLEL: usize = 1 << 17; // entries; below it, waking threads costs more than it saves
        if out.is_empty() {
            return;
        }
        assert!(width.div_ceil(4) <= u32::MAX as usize, "a row of {width} entries is longer than a counter");
        if out.len() < PARALLEL {
            return fill(self.0, first, out);
        }
        let rows = (PARALLEL / 4 / width).max(1);
        out.par_chunks_mut(rows * width)
            .enumerate()
            .for_each(|(chunk, out)| fill(self.0, first + (chunk * rows) as u64, out));
    }
}

const MULTIPLIERS: [u64; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const LOW: u64 = 0xFFFF_FFFF;

/// Philox4x32-10 of one counter.
fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    philox_lanes(counter.map(|word| [u64::from(word)]), key).map(|[word]| word as u32)
}

/// Philox4x32-10 of `L` counters side by side: one counter a lane, a 32-bit word in the low half of each 64-bit lane, which is how
/// vector units multiply 32 by 32 bits. The high halves of the results are not zero.
#[inline(always)]
#[allow(clippy::needless_range_loop)] // one lane of four arrays
fn philox_lanes<const L: usize>(mut x: [[u64; L]; 4], mut key: [u32; 2]) -> [[u64; L]; 4] {
    for _ in 0..10 {
        let (k0, k1) = (u64::from(key[0]), u64::from(key[1]));
        for l in 0..L {
            let even = (x[0][l] & LOW) * MULTIPLIERS[0];
            let odd = (x[2][l] & LOW) * MULTIPLIERS[1];
            (x[0][l], x[1][l]) = ((odd >> 32) ^ x[1][l] ^ k0, odd);
            (x[2][l], x[3][l]) = ((even >> 32) ^ x[3][l] ^ k1, even);
        }
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    x
}

/// Whole rows of Bernoulli entries, by the widest vectors that this processor has.
fn bernoulli(key: [u32; 2], high: u8, low: u32, first: u64, width: usize, out: &mut [f32]) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the features that the function is compiled for were just detected.
            return unsafe { bernoulli_avx512(key, high, low, first, width, out) };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: the feature that the function is compiled for was just detected.
            return unsafe { bernoulli_avx2(key, high, low, first, width, out) };
        }
    }
    bernoulli_lanes::<4>(key, high, low, first, width, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn bernoulli_avx512(key: [u32; 2], high: u8, low: u32, first: u64, width: usize, out: &mut [f32]) {
    bernoulli_lanes::<16>(key, high, low, first, width, out);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn bernoulli_avx2(key: [u32; 2], high: u8, low: u32, first: u64, width: usize, out: &mut [f32]) {
    bernoulli_lanes::<8>(key, high, low, first, width, out);
}

/// `L` blocks at a time: several rows where they are narrow, part of one where it is wide.
#[inline(always)]
fn bernoulli_lanes<const L: usize>(key: [u32; 2], high: u8, low: u32, first: u64, width: usize, out: &mut [f32]) {
    let (rows, blocks) = (out.len() / width, width.div_ceil(16));
    let together = (L / blocks).clamp(1, rows);
    let (mut lane_row, mut lane_block) = ([0; L], [0; L]);
    for l in 0..L {
        (lane_row[l], lane_block[l]) =
            if blocks < L { ((l / blocks) as u64, (l % blocks) as u64) } else { (0, l as u64) };
    }
    for row in (0..rows).step_by(together) {
        for block in (0..blocks).step_by(L) {
            let mut counters = [[0; L]; 4];
            for l in 0..L {
                let number = first + row as u64 + lane_row[l];
                (counters[0][l], counters[1][l], counters[2][l]) =
                    (block as u64 + lane_block[l], number & LOW, number >> 32);
                counters[3][l] = u64::from(BERNOULLI);
            }
            let words = philox_lanes(counters, key);
            let mut bytes = [[0u64; 2]; L];
            for l in 0..L {
                bytes[l][0] = ((words[0][l] & LOW) | words[1][l] << 32).to_le();
                bytes[l][1] = ((words[2][l] & LOW) | words[3][l] << 32).to_le();
            }
            let bytes: &[u8] = bytemuck::cast_slice(bytes.as_flattened());
            let count = (width - block * 16).min(L * 16);
            for (i, row) in (row..rows.min(row + together)).enumerate() {
                let at = row * width + block * 16;
                compare(&bytes[i * blocks * 16..][..count], high, &mut out[at..at + count]);
                if low != 0 {
                    refine(
                        &bytes[i * blocks * 16..][..count],
                        high,
                        low,
                        key,
                        first + row as u64,
                        block * 16,
                        &mut out[at..at + count],
                    );
                }
            }
        }
    }
}

/// 1 where the byte is below `high`.
#[inline(always)]
fn compare(bytes: &[u8], high: u8, out: &mut [f32]) {
    for (out, byte) in out.iter_mut().zip(bytes) {
        *out = f32::from_bits(if *byte < high { 1f32.to_bits() } else { 0 });
    }
}

/// Decides the entries whose byte is `high` by 32 bits more.
#[inline(always)]
fn refine(bytes: &[u8], high: u8, low: u32, key: [u32; 2], row: u64, start: usize, out: &mut [f32]) {
    for (chunk, bytes) in bytes.chunks(64).enumerate() {
        let mut ties = match <&[u8; 64]>::try_from(bytes) {
            Ok(bytes) => (0..64).fold(0, |ties, i| ties | u64::from(bytes[i] == high) << i),
            Err(_) => (0..bytes.len()).fold(0, |ties, i| ties | u64::from(bytes[i] == high) << i),
        };
        while ties != 0 {
            let at = chunk * 64 + ties.trailing_zeros() as usize;
            let entry = start + at;
            let words = philox([(entry / 4) as u32, row as u32, (row >> 32) as u32, REFINE], key);
            out[at] = f32::from(u8::from(words[entry % 4] < low));
            ties &= ties - 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(rate: f64) -> Rate {
        Rate::new(rate).unwrap()
    }

    #[test]
    fn philox_gives_the_known_answers_of_random123() {
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        for (counter, key, answer) in [
            ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
            ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
            (pi, [0xa409_3822, 0x299f_31d0], [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]),
        ] {
            assert_eq!(philox(counter, key), answer);
        }
    }

    #[test]
    fn every_width_of_vector_draws_the_same_mask() {
        let key = Key::new(3);
        for (rows, width) in [(1, 1), (3, 11), (5, 16), (7, 17), (2, 1000), (33, 50)] {
            let expected = key.bernoulli(rate(0.3), 9, rows, width);
            let threshold = (0.7 * (1u64 << 40) as f64).round() as u64;
            let draw = |lanes: fn([u32; 2], u8, u32, u64, usize, &mut [f32])| {
                let mut out = vec![0.0; rows * width];
                lanes(key.0, (threshold >> 32) as u8, threshold as u32, 9, width, &mut out);
                out
            };
            for lanes in [bernoulli_lanes::<1>, bernoulli_lanes::<4>, bernoulli_lanes::<8>, bernoulli_lanes::<16>] {
                assert_eq!(draw(lanes), expected, "{rows} x {width}");
            }
        }
    }

    #[test]
    fn rows_drawn_in_chunks_are_the_rows_drawn_at_once() {
        let key = Key::new(11).fold_str("mask");
        let whole = key.bernoulli(rate(0.2), 100, 3000, 50); // large enough for several threads
        for (start, end) in [(0, 1), (1, 1500), (1500, 3000)] {
            let part = key.bernoulli(rate(0.2), 100 + start as u64, end - start, 50);
            assert_eq!(part, whole[start * 50..end * 50]);
        }
        for draw in [Key::uniform, Key::normal] {
            assert_eq!(draw(key, 5, 1, 13), draw(key, 0, 8, 13)[5 * 13..6 * 13]);
        }
    }

    #[test]
    fn one_thread_and_four_draw_the_same_mask() {
        let draw = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| Key::new(1).bernoulli(rate(0.2), 0, 1 << 14, 40))
        };
        assert_eq!(draw(1), draw(4));
    }

    #[test]
    fn the_measured_rate_is_the_rate_to_four_standard_errors() {
        let n = 1 << 20;
        for drop in [0.001, 0.05, 0.2, 0.3, 0.5, 0.9] {
            let kept = Key::new(5).bernoulli(rate(drop), 0, 1024, n / 1024).iter().filter(|&&x| x == 1.0).count();
            let error = (drop * (1.0 - drop) / n as f64).sqrt();
            assert!((1.0 - kept as f64 / n as f64 - drop).abs() < 4.0 * error, "{drop}: {kept} kept of {n}");
        }
    }

    #[test]
    fn the_rate_is_exact_beyond_eight_bits() {
        // All entries whose first byte ties are decided by the 32 bits that follow: at a keep rate of exactly 77.5 / 256, half of them.
        let keep = 77.5 / 256.0;
        let n = 1 << 20;
        let kept =
            Key::new(8).bernoulli(rate(1.0 - keep), 0, 1, n).iter().filter(|&&x| x == 1.0).count() as f64 / n as f64;
        let error = (keep * (1.0 - keep) / n as f64).sqrt();
        assert!((kept - keep).abs() < 4.0 * error && error * 4.0 < 0.5 / 256.0 + error);
    }

    #[test]
    fn a_rate_of_zero_keeps_everything() {
        assert!(Key::new(0).bernoulli(Rate::ZERO, 0, 10, 10).iter().all(|&x| x == 1.0));
    }

    #[test]
    fn uniform_and_normal_have_their_moments() {
        let moments = |values: Vec<f32>| {
            let n = values.len() as f64;
            let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
            (mean, values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n)
        };
        let n = 1u64 << 18;
        let error = |variance: f64| 4.0 * (variance / n as f64).sqrt();
        let uniform = Key::new(2).uniform(0, 1, n as usize);
        assert!(uniform.iter().all(|&x| x > 0.0 && x < 1.0));
        let (mean, variance) = moments(uniform);
        assert!((mean - 0.5).abs() < error(1.0 / 12.0) && (variance - 1.0 / 12.0).abs() < error(1.0 / 180.0));
        let (mean, variance) = moments(Key::new(2).normal(0, 1, n as usize));
        assert!(mean.abs() < error(1.0) && (variance - 1.0).abs() < error(2.0));
    }

    #[test]
    fn a_permutation_holds_each_index_once_and_moves_with_its_key() {
        let mut order = Key::new(4).permutation(1000);
        assert_ne!(order, Key::new(5).permutation(1000));
        order.sort_unstable();
        assert_eq!(order, (0..1000).collect::<Vec<_>>());
        // Every order of three, equally often to four standard errors.
        let mut counts = std::collections::HashMap::new();
        (0..6000).for_each(|seed| *counts.entry(Key::new(seed).fold(1).permutation(3)).or_insert(0) += 1);
        assert!(counts.len() == 6 && counts.values().all(|&n: &i32| (n - 1000).abs() < 4 * 29), "{counts:?}");
    }
}
