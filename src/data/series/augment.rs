//! Windows a little changed each time that they train.

use serde::{Deserialize, Serialize};

use super::windows::{Origin, Part, Shape, Windows};
use crate::{
    error::{Error, Result},
    key::Key,
};

/// What happens to a window each time that it trains; nothing unless said. Windows that validate, test or are forecast from stay as they are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeriesAugmentation {
    /// Normal noise in each value that was measured, by its standard deviation as a share of the series': in targets and observed numbers of the window, not
    /// in the calendar, in what is known, or in what is to be said.
    pub jitter: f64,
    /// The window, and what is to be said, begin up to so many steps earlier or later, as far as the training part goes.
    pub shift: usize,
}

impl SeriesAugmentation {
    /// Whether nothing happens.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// That each number is one that can be meant.
    ///
    /// # Errors
    /// [`Error::Config`] with `augment.jitter` or `augment.shift`.
    pub fn check(&self) -> Result<()> {
        if !(0.0..=10.0).contains(&self.jitter) {
            return Err(Error::config("augment.jitter", self.jitter, "0 to 10"));
        }
        match self.shift > 10_000 {
            true => Err(Error::config("augment.shift", self.shift, "0 to 10000 steps")),
            false => Ok(()),
        }
    }

    /// Adds noise to an input, by a key of its own: what [`Examples::with_augmentation`] takes, if nothing is shifted.
    ///
    /// [`Examples::with_augmentation`]: crate::train::Examples::with_augmentation
    ///
    /// # Panics
    /// If the input has another length than the shape says.
    pub fn jitter(&self, input: &mut [f32], shape: &Shape, key: Key) {
        assert_eq!(input.len(), shape.d_input(), "an input of the shape");
        if self.jitter == 0.0 {
            return;
        }
        let noisy: Vec<usize> = (0..shape.targets).chain(shape.measured.iter().copied()).collect();
        let noise = key.fold_str("jitter").normal(0, 1, shape.window * noisy.len());
        for (step, noise) in input.chunks_mut(shape.features).take(shape.window).zip(noise.chunks(noisy.len())) {
            noisy.iter().zip(noise).for_each(|(&at, z)| step[at] += self.jitter as f32 * z);
        }
    }

    /// Another origin of the training part for one of its origins, by a key of its own: every step of the reach is equally likely, and one that has no
    /// window in the training part stands for the origin itself.
    pub fn shifted(&self, windows: &Windows, origin: Origin, key: Key) -> Origin {
        if self.shift == 0 {
            return origin;
        }
        let draw = f64::from(key.fold_str("shift").uniform(0, 1, 1)[0]);
        let by = (draw * (2 * self.shift + 1) as f64) as usize;
        let other = Origin { at: (origin.at + by).saturating_sub(self.shift), ..origin };
        if windows.is_in(other, Part::Train) { other } else { origin }
    }

    /// Makes the input and the targets of a training window anew, by a key of its own: shifted, then with noise.
    ///
    /// # Panics
    /// If the origin is none of the training part's, or the lengths are not those of the shape.
    pub fn renew(&self, windows: &Windows, origin: Origin, input: &mut [f32], target: &mut [f32], key: Key) {
        let other = self.shifted(windows, origin, key);
        if other != origin {
            input.copy_from_slice(&windows.input(other).expect("an origin of the training part has a window"));
            target.copy_from_slice(&windows.target(other));
        }
        self.jitter(input, windows.shape(), key);
    }
}
