//! Pictures: read from IDX, CIFAR-10 or folders of PNG and JPEG, drawn, normalised and augmented.

mod augment;
mod bytes;
mod cifar;
#[cfg(feature = "images")]
mod decode;
mod digits;
mod folder;
mod idx;
mod normalisation;
mod reading;
mod scale;
mod source;

pub use augment::{Augmentation, rotated};
pub use digits::digits;
pub use folder::{PictureFile, ReadPicture, find_pictures, read_images, read_pictures};
pub use idx::read_idx;
pub use normalisation::Normalisation;
pub use reading::{Alpha, BadFiles, Color, ImageReading};
pub use source::ImageSource;

use crate::error::{Error, Result};

/// Pictures of one shape: `[rows, channels, height, width]`, row by row; 0 is black and 1 is full scale until they are normalised.
#[derive(Clone, Debug, PartialEq)]
pub struct Images {
    shape: [usize; 3],
    values: Vec<f32>,
}

/// Pictures, and what they show.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled {
    /// The pictures.
    pub images: Images,
    /// The class of each, a place in the list of classes.
    pub labels: Vec<usize>,
    /// The file that each was read from, `class/file`; empty where pictures have no files of their own.
    pub names: Vec<String>,
}

/// Everything that a source of pictures holds.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageData {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The pictures to train with, and to split where there is no test part.
    pub train: Labelled,
    /// The official test part of MNIST, Fashion-MNIST, CIFAR-10 and the digits.
    pub test: Option<Labelled>,
    /// The sha256 of everything read, in order; see [`ImageSource::read`].
    pub sha256: String,
    /// What was decided or left out, a line each.
    pub notes: Vec<String>,
}

/// The pictures to judge a model by.
#[derive(Clone, Debug, PartialEq)]
pub struct TestPart {
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The official test part where there is one, else everything.
    pub pictures: Labelled,
    /// The sha256 of everything read, in order; see [`ImageSource::read`].
    pub sha256: String,
    /// What was decided or left out, a line each.
    pub notes: Vec<String>,
}

impl Images {
    /// Pictures of the shape `[channels, height, width]`, one after the other.
    ///
    /// # Errors
    /// [`Error::Config`] for a shape without pixels; [`Error::Length`] if the last picture is not whole; [`Error::Value`] for a pixel that is not finite.
    pub fn new(shape: [usize; 3], values: Vec<f32>) -> Result<Self> {
        let pixels = shape.iter().try_fold(1_usize, |product, &n| product.checked_mul(n)).unwrap_or(0);
        if pixels == 0 {
            return Err(Error::config("shape", format!("{shape:?}"), "channels, height and width of at least 1"));
        }
        if !values.len().is_multiple_of(pixels) {
            let whole = values.len().div_ceil(pixels);
            return Err(Error::length(format!("pixels of {whole} pictures"), whole * pixels, values.len()));
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let place = format!("picture {}, value {}", at / pixels, at % pixels);
            return Err(Error::Value { place, value: values[at].to_string(), expected: "a finite number" });
        }
        Ok(Self { shape, values })
    }

    /// The shape of each picture: channels, height, width.
    pub fn shape(&self) -> [usize; 3] {
        self.shape
    }

    /// The number of pictures.
    pub fn rows(&self) -> usize {
        self.values.len() / self.pixels()
    }

    /// One picture: its channels one after the other.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.pixels()..][..self.pixels()]
    }

    /// All pictures.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// All pictures, without a copy.
    pub fn into_values(self) -> Vec<f32> {
        self.values
    }

    /// The pictures of these numbers, in this order.
    ///
    /// # Panics
    /// If there is no such picture.
    pub fn select(&self, rows: &[usize]) -> Self {
        let mut values = Vec::with_capacity(rows.len() * self.pixels());
        rows.iter().for_each(|&row| values.extend_from_slice(self.row(row)));
        Self { shape: self.shape, values }
    }

    fn pixels(&self) -> usize {
        self.shape.iter().product()
    }
}

/// "1 picture", "2 pictures".
fn counted(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}
