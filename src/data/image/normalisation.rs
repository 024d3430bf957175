//! Pictures on the standard scale.

use serde::{Deserialize, Serialize};

use super::Images;
use crate::error::{Error, Result};

/// Takes each channel to mean 0 and standard deviation 1, as they were in the pictures that it was made of: the training part, never another.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalisation {
    /// The mean of each channel.
    pub mean: Vec<f64>,
    /// The standard deviation (divided by n) of each channel; 1 for a channel that is the same everywhere.
    pub sd: Vec<f64>,
}

impl Normalisation {
    /// That of these pictures; mean 0 and standard deviation 1 without any.
    pub fn of(images: &Images) -> Self {
        let [channels, height, width] = images.shape();
        let n = (images.rows() * height * width) as f64;
        // A sum a channel of a picture, in order: the same on every machine.
        let sum = |term: &dyn Fn(usize, f64) -> f64| -> Vec<f64> {
            let mut sums = vec![0.0; channels];
            for (i, plane) in images.values().chunks_exact(height * width).enumerate() {
                let channel = i % channels;
                sums[channel] += plane.iter().map(|&value| term(channel, f64::from(value))).sum::<f64>();
            }
            sums.into_iter().map(|sum| if n > 0.0 { sum / n } else { 0.0 }).collect()
        };
        let mean = sum(&|_, value| value);
        let variance = sum(&|channel, value| (value - mean[channel]) * (value - mean[channel]));
        // Below a thousandth of a grey level it is rounding, not a scale.
        let sd = variance.into_iter().map(|variance| if variance < 1e-12 { 1.0 } else { variance.sqrt() }).collect();
        Self { mean, sd }
    }

    /// The pictures on the standard scale, in place.
    ///
    /// # Panics
    /// If the pictures have another number of channels, or there is not a standard deviation for each mean.
    pub fn apply(&self, mut images: Images) -> Images {
        assert_eq!(images.shape[0], self.mean.len(), "a mean for each channel");
        let pixels = images.pixels();
        images.values.chunks_exact_mut(pixels).for_each(|row| self.apply_row(row));
        images
    }

    /// One picture on the standard scale, in place.
    ///
    /// # Shapes
    /// - pixels: channels, height, width
    ///
    /// # Panics
    /// If the pixels are not as many for each channel, or there is not one mean and one standard deviation for each.
    pub fn apply_row(&self, pixels: &mut [f32]) {
        let channels = self.mean.len();
        assert!(channels > 0 && self.sd.len() == channels, "a mean and a standard deviation for each channel");
        assert!(
            pixels.len().is_multiple_of(channels),
            "{} pixels are not {channels} channels of one size",
            pixels.len()
        );
        let plane = (pixels.len() / channels).max(1);
        for (pixels, (mean, sd)) in pixels.chunks_mut(plane).zip(self.mean.iter().zip(&self.sd)) {
            pixels.iter_mut().for_each(|pixel| *pixel = ((f64::from(*pixel) - mean) / sd) as f32);
        }
    }

    /// That there are a mean and a positive standard deviation for each channel.
    ///
    /// # Errors
    /// [`Error::Config`] with `normalisation.mean` or `normalisation.sd`.
    pub fn check(&self) -> Result<()> {
        let finite = self.mean.iter().all(|mean| mean.abs() <= 1e6);
        if self.mean.is_empty() || !finite {
            return Err(Error::config("normalisation.mean", format!("{:?}", self.mean), "a number for each channel"));
        }
        let positive = self.sd.iter().all(|sd| (1e-6..=1e6).contains(sd));
        if self.sd.len() != self.mean.len() || !positive {
            return Err(Error::config("normalisation.sd", format!("{:?}", self.sd), "1e-6 to 1e6 for each channel"));
        }
        Ok(())
    }

    /// What the black and the white of a channel become.
    pub(super) fn ends(&self, channel: usize) -> [f32; 2] {
        [0.0, 1.0].map(|value| ((value - self.mean[channel]) / self.sd[channel]) as f32)
    }
}
