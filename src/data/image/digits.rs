//! Digits by an unsteady hand: pictures to train with where none are at hand.

use rayon::prelude::*;

use super::{Images, Labelled};
use crate::key::Key;

const SIDE: usize = 28;

/// A stroke through points (x to the right, y down, both 0 to 1).
type Stroke = &'static [[f64; 2]];

/// The ways in which each digit is written.
const WAYS: [&[&[Stroke]]; 10] = [
    &[&[ZERO], &[ZERO_OPEN]],
    &[&[ONE], &[ONE], &[ONE, ONE_FLAG], &[ONE, ONE_FLAG, ONE_FOOT]],
    &[&[TWO, TWO_FOOT], &[TWO_LOOP]],
    &[&[THREE_TOP, THREE_BOTTOM], &[THREE_FLAT, THREE_BACK, THREE_BOTTOM]],
    &[&[FOUR_OPEN, FOUR_BAR, FOUR_STEM], &[FOUR_SLOPE, FOUR_LOW_BAR, FOUR_LONG_STEM]],
    &[&[FIVE_ROOF, FIVE_BACK, FIVE_BOWL]],
    &[&[SIX], &[SIX_WIDE]],
    &[&[SEVEN_ROOF, SEVEN_STEM], &[SEVEN_ROOF, SEVEN_STEM], &[SEVEN_ROOF, SEVEN_STEM, SEVEN_BAR]],
    &[&[EIGHT], &[EIGHT_TOP, EIGHT_BOTTOM]],
    &[&[NINE_HEAD, NINE_STEM], &[NINE_HEAD, NINE_HOOK]],
];

const ZERO: Stroke = &[
    [0.5, 0.02],
    [0.29, 0.14],
    [0.2, 0.5],
    [0.29, 0.86],
    [0.5, 0.98],
    [0.71, 0.86],
    [0.8, 0.5],
    [0.71, 0.14],
    [0.5, 0.02],
];
const ZERO_OPEN: Stroke = &[
    [0.6, 0.05],
    [0.34, 0.12],
    [0.2, 0.42],
    [0.24, 0.8],
    [0.47, 0.98],
    [0.73, 0.82],
    [0.8, 0.48],
    [0.68, 0.14],
    [0.45, 0.04],
];
const ONE: Stroke = &[[0.5, 0.02], [0.5, 0.35], [0.5, 0.98]];
const ONE_FLAG: Stroke = &[[0.3, 0.24], [0.42, 0.14], [0.5, 0.02]];
const ONE_FOOT: Stroke = &[[0.28, 0.98], [0.72, 0.98]];
const TWO: Stroke = &[[0.2, 0.27], [0.31, 0.07], [0.54, 0.0], [0.75, 0.14], [0.73, 0.38], [0.52, 0.65], [0.2, 0.97]];
const TWO_FOOT: Stroke = &[[0.2, 0.97], [0.5, 0.95], [0.82, 0.96]];
const TWO_LOOP: Stroke = &[
    [0.22, 0.2],
    [0.4, 0.03],
    [0.66, 0.06],
    [0.74, 0.28],
    [0.6, 0.58],
    [0.36, 0.88],
    [0.2, 0.94],
    [0.22, 0.8],
    [0.38, 0.8],
    [0.6, 0.96],
    [0.86, 0.9],
];
const THREE_TOP: Stroke = &[[0.22, 0.14], [0.45, 0.0], [0.71, 0.1], [0.7, 0.34], [0.42, 0.47]];
const THREE_FLAT: Stroke = &[[0.2, 0.04], [0.74, 0.03]];
const THREE_BACK: Stroke = &[[0.74, 0.03], [0.42, 0.45]];
const THREE_BOTTOM: Stroke = &[[0.42, 0.46], [0.72, 0.55], [0.79, 0.79], [0.54, 0.99], [0.18, 0.87]];
const FOUR_OPEN: Stroke = &[[0.3, 0.04], [0.25, 0.34], [0.2, 0.58]];
const FOUR_BAR: Stroke = &[[0.2, 0.58], [0.5, 0.56], [0.84, 0.56]];
const FOUR_STEM: Stroke = &[[0.68, 0.12], [0.66, 0.5], [0.63, 0.98]];
const FOUR_SLOPE: Stroke = &[[0.64, 0.0], [0.4, 0.34], [0.14, 0.64]];
const FOUR_LOW_BAR: Stroke = &[[0.14, 0.64], [0.88, 0.64]];
const FOUR_LONG_STEM: Stroke = &[[0.64, 0.0], [0.64, 0.5], [0.64, 0.98]];
const FIVE_ROOF: Stroke = &[[0.78, 0.03], [0.55, 0.03], [0.31, 0.04]];
const FIVE_BACK: Stroke = &[[0.31, 0.04], [0.26, 0.44]];
const FIVE_BOWL: Stroke = &[[0.26, 0.44], [0.5, 0.37], [0.76, 0.5], [0.78, 0.77], [0.53, 0.99], [0.18, 0.9]];
const SIX: Stroke = &[
    [0.66, 0.02],
    [0.42, 0.2],
    [0.26, 0.5],
    [0.24, 0.8],
    [0.46, 0.99],
    [0.71, 0.9],
    [0.74, 0.67],
    [0.53, 0.54],
    [0.26, 0.7],
];
const SIX_WIDE: Stroke = &[
    [0.74, 0.1],
    [0.52, 0.02],
    [0.3, 0.2],
    [0.2, 0.54],
    [0.28, 0.88],
    [0.52, 0.98],
    [0.77, 0.82],
    [0.7, 0.56],
    [0.44, 0.5],
    [0.23, 0.66],
];
const SEVEN_ROOF: Stroke = &[[0.18, 0.05], [0.5, 0.04], [0.8, 0.03]];
const SEVEN_STEM: Stroke = &[[0.8, 0.03], [0.62, 0.36], [0.47, 0.68], [0.39, 0.99]];
const SEVEN_BAR: Stroke = &[[0.36, 0.5], [0.74, 0.48]];
const EIGHT: Stroke = &[
    [0.7, 0.12],
    [0.47, 0.0],
    [0.26, 0.14],
    [0.33, 0.36],
    [0.62, 0.54],
    [0.78, 0.77],
    [0.54, 0.99],
    [0.25, 0.87],
    [0.28, 0.65],
    [0.52, 0.47],
    [0.71, 0.3],
    [0.7, 0.12],
];
const EIGHT_TOP: Stroke = &[[0.5, 0.47], [0.28, 0.36], [0.3, 0.1], [0.5, 0.01], [0.7, 0.1], [0.72, 0.36], [0.5, 0.47]];
const EIGHT_BOTTOM: Stroke =
    &[[0.5, 0.47], [0.24, 0.6], [0.24, 0.88], [0.5, 0.99], [0.76, 0.88], [0.76, 0.6], [0.5, 0.47]];
const NINE_HEAD: Stroke =
    &[[0.73, 0.14], [0.5, 0.01], [0.27, 0.13], [0.25, 0.38], [0.46, 0.5], [0.68, 0.38], [0.74, 0.14]];
const NINE_STEM: Stroke = &[[0.74, 0.12], [0.72, 0.5], [0.66, 0.99]];
const NINE_HOOK: Stroke = &[[0.74, 0.12], [0.76, 0.5], [0.66, 0.88], [0.46, 0.99], [0.26, 0.9]];

/// Pictures of 28 x 28 in 256 levels of grey, white on black: row i shows the digit i mod 10, and depends on the key and on i alone. The same on every platform.
pub fn digits(key: Key, rows: usize) -> Labelled {
    let mut values = vec![0.0; rows * SIDE * SIDE];
    values
        .par_chunks_mut(SIDE * SIDE)
        .enumerate()
        .for_each(|(row, pixels)| draw(row % 10, key.fold(row as u64), pixels));
    let images = Images { shape: [1, SIDE, SIDE], values };
    Labelled { images, labels: (0..rows).map(|row| row % 10).collect(), names: Vec::new() }
}

/// One digit.
fn draw(digit: usize, key: Key, pixels: &mut [f32]) {
    let draws = key.fold_str("hand").uniform(0, 1, 20);
    let share = |i: usize| f64::from(draws[i]);
    let between = |i: usize, low: f64, high: f64| low + (high - low) * share(i);
    let ways = WAYS[digit];
    let way = ways[(share(0) * ways.len() as f64) as usize];

    // The hand: how it holds the pen, and where it slips.
    let (radius, ink) = (between(1, 0.75, 1.7), between(2, 0.75, 1.0));
    let (tall, broad) = (between(3, 17.0, 21.0), between(4, 14.0, 21.0));
    let (slant, turn) = (between(5, -0.1, 0.4), between(6, -0.2, 0.2));
    let (right, down) = (between(7, -2.0, 2.0), between(8, -2.0, 2.0));
    let (sin, cos) = (libm::sin(turn), libm::cos(turn));
    let wave = |i: usize, x: f64, y: f64| {
        let (along, across) = (between(i, 0.3, 0.9) * y, between(i + 1, 0.0, 0.6) * x);
        between(i + 2, 0.025, 0.085) * libm::sin(std::f64::consts::TAU * (along + across + share(i + 3)))
    };
    let mut slips = key.fold_str("slip").normal(0, 1, 64).into_iter().map(|slip| 0.024 * f64::from(slip));
    let mut slip = || slips.next().expect("no digit has more than 32 points");
    let mut place = |[x, y]: [f64; 2]| {
        // Slow waves bend the whole digit, so that strokes stay joined; small slips move points.
        let (dx, dy) = (wave(9, x, y), wave(13, y, x));
        let (x, y) = (x + dx + slip() - 0.5, y + dy + slip() - 0.5);
        let (x, y) = ((x - slant * y) * broad, y * tall);
        let middle = (SIDE as f64 - 1.0) / 2.0;
        [middle + right + x * cos - y * sin, middle + down + x * sin + y * cos]
    };

    let mut nearest = [f64::INFINITY; SIDE * SIDE]; // squared distances from the pen's way
    for stroke in way {
        let points: Vec<[f64; 2]> = stroke.iter().map(|&point| place(point)).collect();
        let smooth = smooth(&points);
        smooth.windows(2).for_each(|piece| near(&mut nearest, [piece[0], piece[1]], radius + 1.0));
    }
    let grain = key.fold_str("grain").normal(0, 1, SIDE * SIDE);
    for (pixel, (nearest, grain)) in pixels.iter_mut().zip(nearest.into_iter().zip(grain)) {
        let covered = (radius + 0.5 - nearest.sqrt()).clamp(0.0, 1.0);
        let level = (covered * ink + 0.015 * f64::from(grain)).clamp(0.0, 1.0);
        *pixel = (level * 255.0).round() as f32 / 255.0;
    }
}

/// Points on the curve through `points` (Catmull & Rom), close together.
fn smooth(points: &[[f64; 2]]) -> Vec<[f64; 2]> {
    const PIECES: usize = 6;
    let last = points.len() - 1;
    let closed = (points[0][0] - points[last][0]).abs() + (points[0][1] - points[last][1]).abs() < 1.5;
    let at = |i: isize| match usize::try_from(i) {
        Err(_) if closed && last > 2 => points[last - 1],
        Err(_) => points[0],
        Ok(i) if i > last && closed && last > 2 => points[1],
        Ok(i) => points[i.min(last)],
    };
    let mut curve = vec![points[0]];
    for i in 0..last as isize {
        let [a, b, c, d] = [at(i - 1), at(i), at(i + 1), at(i + 2)];
        for piece in 1..=PIECES {
            let t = piece as f64 / PIECES as f64;
            let along = |k: usize| {
                let (a, b, c, d) = (a[k], b[k], c[k], d[k]);
                b + 0.5 * t * (c - a + t * (2.0 * a - 5.0 * b + 4.0 * c - d + t * (3.0 * (b - c) + d - a)))
            };
            curve.push([along(0), along(1)]);
        }
    }
    curve
}

/// Notes how near each pixel is to a straight piece, as far as the pen reaches.
fn near(nearest: &mut [f64; SIDE * SIDE], [a, b]: [[f64; 2]; 2], reach: f64) {
    let (dx, dy) = (b[0] - a[0], b[1] - a[1]);
    let length = dx * dx + dy * dy;
    let range = |k: usize| {
        let first = (a[k].min(b[k]) - reach).ceil().clamp(0.0, SIDE as f64) as usize;
        let end = (a[k].max(b[k]) + reach).floor().clamp(-1.0, SIDE as f64 - 1.0) + 1.0;
        first..end as usize
    };
    for y in range(1) {
        for x in range(0) {
            let (px, py) = (x as f64 - a[0], y as f64 - a[1]);
            let t = if length > 0.0 { ((px * dx + py * dy) / length).clamp(0.0, 1.0) } else { 0.0 };
            let (px, py) = (px - t * dx, py - t * dy);
            let nearest = &mut nearest[y * SIDE + x];
            *nearest = nearest.min(px * px + py * py);
        }
    }
}
