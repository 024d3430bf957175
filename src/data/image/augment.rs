//! Pictures a little changed, each time another way: what a class's pictures have in common is more than their pixels.

use serde::{Deserialize, Serialize};

use super::Normalisation;
use crate::{
    error::{Error, Result},
    key::Key,
};

/// What happens to a picture each time that it trains, in this order; nothing unless said. Pictures that validate, test or are predicted stay as they are.
///
/// What comes in from outside of a picture is black.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// Whether left and right are exchanged, in half of the cases: not for digits or text.
    pub flip: bool,
    /// Turned by up to so many degrees to either side.
    pub rotate: f64,
    /// Moved by up to so large a share of its height and width.
    pub shift: f64,
    /// Up to so much larger or smaller: 0.1 is a factor of 1/1.1 to 1.1.
    pub zoom: f64,
    /// Padded by so many pixels on each side and cut back to its size at a random place.
    pub crop: usize,
    /// Lighter or darker by up to so much of full scale.
    pub brightness: f64,
    /// Normal noise in each pixel, by its standard deviation as a share of full scale.
    pub noise: f64,
    /// The probability that a rectangle becomes black, after Zhong et al., "Random erasing data augmentation", AAAI 2020,
    /// <https://arxiv.org/abs/1708.04896>, who fill it with random values. Its area is 2 to 33 % of the picture's, as torchvision's, before its sides are
    /// rounded to pixels: in a picture of a few pixels it can be more.
    pub erase: f64,
}

impl Augmentation {
    /// Whether nothing happens.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// That each number is one that can be meant.
    ///
    /// # Errors
    /// [`Error::Config`] with `augment.rotate` and so on.
    pub fn check(&self) -> Result<()> {
        for (name, value, most) in [
            ("rotate", self.rotate, 180.0),
            ("shift", self.shift, 1.0),
            ("zoom", self.zoom, 4.0),
            ("brightness", self.brightness, 1.0),
            ("noise", self.noise, 1.0),
            ("erase", self.erase, 1.0),
        ] {
            if !(0.0..=most).contains(&value) {
                return Err(Error::config(format!("augment.{name}"), value, format!("0 to {most}")));
            }
        }
        match self.crop > 1 << 12 {
            true => Err(Error::config("augment.crop", self.crop, "0 to 4096 pixels")),
            false => Ok(()),
        }
    }

    /// Changes one picture, which is normalised, by a key of its own.
    ///
    /// # Shapes
    /// - pixels: channels, height, width.
    ///
    /// # Panics
    /// If there are not as many pixels as the shape says, or none, or the normalisation is one of another number of channels.
    pub fn apply(&self, pixels: &mut [f32], shape: [usize; 3], normalisation: &Normalisation, key: Key) {
        let [channels, height, width] = shape;
        assert_whole(pixels, shape);
        let known = [normalisation.mean.len(), normalisation.sd.len()];
        assert_eq!(known, [channels; 2], "a mean and a standard deviation for each channel");
        let ends: Vec<[f32; 2]> = (0..channels).map(|channel| normalisation.ends(channel)).collect();
        let black: Vec<f32> = ends.iter().map(|[black, _]| *black).collect();
        let draws = |name: &str, n: usize| key.fold_str(name).uniform(0, 1, n);
        let between = |draw: f32, most: f64| (2.0 * f64::from(draw) - 1.0) * most;
        if self.flip && draws("flip", 1)[0] < 0.5 {
            pixels.chunks_exact_mut(width).for_each(<[f32]>::reverse);
        }
        if self.rotate > 0.0 || self.shift > 0.0 || self.zoom > 0.0 {
            let moved = draws("shift", 2);
            let resampling = Resampling {
                degrees: between(draws("rotate", 1)[0], self.rotate),
                factor: libm::exp(between(draws("zoom", 1)[0], libm::log1p(self.zoom))),
                down: between(moved[0], self.shift * height as f64),
                right: between(moved[1], self.shift * width as f64),
            };
            resampling.apply(pixels, [height, width], &black);
        }
        if self.crop > 0 {
            let place = draws("crop", 2);
            let offset = |draw: f32| (f64::from(draw) * (2 * self.crop + 1) as f64) as isize - self.crop as isize;
            move_by(pixels, [height, width], [offset(place[0]), offset(place[1])], &black);
        }
        if self.brightness > 0.0 {
            let by = between(draws("brightness", 1)[0], self.brightness) as f32;
            for (plane, [black, white]) in pixels.chunks_exact_mut(height * width).zip(&ends) {
                plane.iter_mut().for_each(|pixel| *pixel = (*pixel + by * (white - black)).clamp(*black, *white));
            }
        }
        if self.noise > 0.0 {
            let noise = key.fold_str("noise").normal(0, 1, pixels.len());
            let planes = pixels.chunks_exact_mut(height * width).zip(noise.chunks_exact(height * width));
            for ((plane, noise), [black, white]) in planes.zip(&ends) {
                let sd = self.noise as f32 * (white - black);
                let noisy = |(pixel, z): (&mut f32, &f32)| *pixel = (*pixel + z * sd).clamp(*black, *white);
                plane.iter_mut().zip(noise).for_each(noisy);
            }
        }
        if self.erase > 0.0 {
            let draws = draws("erase", 5);
            if f64::from(draws[0]) < self.erase {
                let [area, aspect, top, left] = [1, 2, 3, 4].map(|i| f64::from(draws[i]));
                let area = (0.02 + 0.31 * area) * (height * width) as f64;
                // From 0.3 to 1 / 0.3, both directions alike.
                let aspect = libm::exp((2.0 * aspect - 1.0) * libm::log(1.0 / 0.3));
                let side = |length: f64, most: usize| (length.round() as usize).clamp(1, most);
                let (high, wide) = (side(libm::sqrt(area * aspect), height), side(libm::sqrt(area / aspect), width));
                let place = |draw: f64, free: usize| (draw * (free + 1) as f64) as usize;
                let (top, left) = (place(top, height - high), place(left, width - wide));
                for (channel, plane) in pixels.chunks_exact_mut(height * width).enumerate() {
                    let rows = plane.chunks_exact_mut(width).skip(top).take(high);
                    rows.for_each(|row| row[left..left + wide].fill(black[channel]));
                }
            }
        }
    }
}

/// The picture turned by so many degrees against the clock about its middle, bilinearly, with black where nothing was. Not normalised: black is 0.
///
/// # Shapes
/// - pixels and output: channels, height, width.
///
/// # Panics
/// If there are not as many pixels as the shape says, or none.
pub fn rotated(pixels: &[f32], shape: [usize; 3], degrees: f64) -> Vec<f32> {
    assert_whole(pixels, shape);
    let ([channels, height, width], mut pixels) = (shape, pixels.to_vec());
    let turned = Resampling { degrees, factor: 1.0, down: 0.0, right: 0.0 };
    turned.apply(&mut pixels, [height, width], &vec![0.0; channels]);
    pixels
}

/// That these are the pixels of one picture.
fn assert_whole(pixels: &[f32], shape: [usize; 3]) {
    let expected: usize = shape.iter().product();
    assert!(pixels.len() == expected && expected > 0, "{} pixels are no picture of the shape {shape:?}", pixels.len());
}

/// Turned against the clock and made larger about the middle, then moved: in one step, since each step blurs.
struct Resampling {
    degrees: f64,
    factor: f64,
    down: f64,
    right: f64,
}

impl Resampling {
    fn apply(&self, pixels: &mut [f32], [height, width]: [usize; 2], black: &[f32]) {
        let (sin, cos) = sin_cos(self.degrees);
        let (sin, cos) = (sin / self.factor, cos / self.factor);
        let middle = |n: usize| (n as f64 - 1.0) / 2.0;
        let source = pixels.to_vec();
        for y in 0..height {
            for x in 0..width {
                // Where this pixel was: moved back, turned back (y points down), and smaller again.
                let (v, u) = (y as f64 - self.down - middle(height), x as f64 - self.right - middle(width));
                let (from_y, from_x) = (u * sin + v * cos + middle(height), u * cos - v * sin + middle(width));
                let ((top, below), (left, beside)) = (parts(from_y), parts(from_x));
                let corner = |y: isize, x: isize| {
                    let inside = (y as usize) < height && (x as usize) < width; // below 0 is far above
                    inside.then(|| y as usize * width + x as usize)
                };
                let corners =
                    [corner(top, left), corner(top, left + 1), corner(top + 1, left), corner(top + 1, left + 1)];
                for (channel, plane) in source.chunks_exact(height * width).enumerate() {
                    let [a, b, c, d] = corners.map(|corner| corner.map_or(black[channel], |at| plane[at]));
                    let mixed = |a: f32, b: f32, share: f32| a + (b - a) * share; // exactly a where b is a, or the share 0
                    pixels[(channel * height + y) * width + x] = mixed(mixed(a, b, beside), mixed(c, d, beside), below);
                }
            }
        }
    }
}

/// The whole number below, and what is left. (`floor` is a call on x86-64.)
fn parts(x: f64) -> (isize, f32) {
    let whole = x as isize - isize::from((x as isize) as f64 > x);
    (whole, (x - whole as f64) as f32)
}

/// Exact at quarter turns.
fn sin_cos(degrees: f64) -> (f64, f64) {
    let turns = degrees / 90.0;
    if turns == turns.round() {
        return [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0)][(turns as i64).rem_euclid(4) as usize];
    }
    let angle = degrees * (std::f64::consts::PI / 180.0);
    (libm::sin(angle), libm::cos(angle))
}

/// The picture moved by whole pixels, down and to the right.
fn move_by(pixels: &mut [f32], [height, width]: [usize; 2], by: [isize; 2], black: &[f32]) {
    let source = pixels.to_vec();
    let from = |to: usize, by: isize, length: usize| to.checked_add_signed(-by).filter(|&from| from < length);
    let (left, right) = (by[1].max(0) as usize, (-by[1]).max(0) as usize);
    for (i, row) in pixels.chunks_exact_mut(width).enumerate() {
        let (channel, y) = (i / height, i % height);
        row.fill(black[channel]);
        if let Some(y) = from(y, by[0], height).filter(|_| left + right < width) {
            let length = width - left - right;
            row[left..][..length].copy_from_slice(&source[(channel * height + y) * width + right..][..length]);
        }
    }
}
