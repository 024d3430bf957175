//! What can be chosen about reading pictures.

use serde::{Deserialize, Serialize};

use super::{
    Images,
    scale::{Picture, fitted},
};
use crate::error::{Error, Result};

/// The largest height and width that pictures are read at.
const LARGEST: usize = 4096;

/// The most bytes that the pictures of a part may take in memory.
pub(super) const MOST: u64 = 8 << 30;

/// How pictures become numbers of one shape. The same reading holds at training and at prediction.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageReading {
    /// Height and width; none for the most frequent size. In files of settings `[height, width]`, `[side]`, or `[]` for none.
    #[serde(with = "size")]
    pub size: Option<[usize; 2]>,
    /// One channel or three.
    pub color: Color,
    /// What stands behind pixels that are transparent.
    pub alpha: Alpha,
    /// What happens to files that cannot be read.
    pub bad_files: BadFiles,
}

/// One channel or three.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Color {
    /// Grey if every picture is stored as grey, else red, green and blue.
    #[default]
    Auto,
    /// One channel: 0.299 red + 0.587 green + 0.114 blue.
    Grey,
    /// Three channels, alike for a grey picture.
    Rgb,
}

/// What stands behind pixels that are transparent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Alpha {
    /// Black.
    #[default]
    Black,
    /// White.
    White,
    /// Nothing: transparency is left out, and what was hidden is seen.
    Drop,
}

/// What happens to files that cannot be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BadFiles {
    /// All are named in one error.
    #[default]
    Error,
    /// They are left out, counted and named in a note.
    Skip,
}

impl ImageReading {
    /// The reading that gives pictures of exactly this shape: channels, height, width.
    pub fn fixed(&self, shape: [usize; 3]) -> Self {
        let color = if shape[0] == 1 { Color::Grey } else { Color::Rgb };
        Self { size: Some([shape[1], shape[2]]), color, ..self.clone() }
    }

    /// That the reading gives pictures.
    ///
    /// # Errors
    /// [`Error::Config`] for `size`.
    pub fn check(&self) -> Result<()> {
        match self.size {
            Some(size) if size.iter().any(|side| !(1..=LARGEST).contains(side)) => {
                Err(Error::config("size", format!("{size:?}"), format!("height and width of 1 to {LARGEST}")))
            }
            _ => Ok(()),
        }
    }

    /// The number of channels of pictures of which all, or not all, are grey.
    pub(super) fn channels(&self, all_grey: bool) -> usize {
        match self.color {
            Color::Grey => 1,
            Color::Auto if all_grey => 1,
            Color::Auto | Color::Rgb => 3,
        }
    }

    /// Pictures of one shape that are stored in bytes, and a note if they are scaled.
    pub(super) fn bytes(&self, shape: [usize; 3], bytes: &[u8], notes: &mut Vec<String>) -> Result<Images> {
        let [channels, height, width] = shape;
        let [h, w] = self.size.unwrap_or([height, width]);
        let wanted = [self.channels(channels == 1), h, w];
        let full = |byte: u8| f32::from(byte) / 255.0;
        let rows = bytes.len() / (channels * height * width);
        let mut values = room(rows, wanted)?;
        if wanted == shape {
            values.extend(bytes.iter().map(|&byte| full(byte)));
            return Ok(Images { shape, values });
        }
        if [h, w] != [height, width] {
            notes.push(format!("pictures of {height} x {width} are scaled to {h} x {w} (height x width)"));
        }
        for picture in bytes.chunks_exact(channels * height * width) {
            let sample = |channel: usize, y: usize, x: usize| full(picture[(channel * height + y) * width + x]);
            let row = |y: usize, out: &mut [f32]| match (channels, wanted[0]) {
                (3, 1) => (0..width).for_each(|x| out[x] = grey([0, 1, 2].map(|channel| sample(channel, y, x)))),
                _ => (0..wanted[0] * width).for_each(|i| out[i] = sample((i / width).min(channels - 1), y, i % width)),
            };
            let picture = Picture { size: [height, width], channels: wanted[0], row: &row };
            values.extend(fitted(&picture, [h, w]));
        }
        Ok(Images { shape: wanted, values })
    }
}

/// Red, green and blue as grey (ITU-R BT.601, as Pillow and torchvision have it).
pub(super) fn grey([red, green, blue]: [f32; 3]) -> f32 {
    if red == green && green == blue { red } else { 0.299 * red + 0.587 * green + 0.114 * blue }
}

/// Room for so many pictures.
pub(super) fn room(rows: usize, shape: [usize; 3]) -> Result<Vec<f32>> {
    let [channels, height, width] = shape;
    let values = [channels, height, width].iter().try_fold(rows, |product, &n| product.checked_mul(n));
    let mut room = Vec::new();
    let fits = values.filter(|&values| values as u64 <= MOST / 4).is_some_and(|n| room.try_reserve_exact(n).is_ok());
    if !fits {
        let gib = rows as f64 * (channels * height * width) as f64 * 4.0 / f64::from(1 << 30);
        let value = format!("{height} x {width}");
        return Err(Error::config("size", value, format!("smaller pictures: {rows} of these take {gib:.0} GiB")));
    }
    Ok(room)
}

/// A size as a list that may be empty: a setting that is absent has no name that could be given a value.
mod size {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(size: &Option<[usize; 2]>, serializer: S) -> Result<S::Ok, S::Error> {
        size.as_ref().map_or(&[][..], |size| &size[..]).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[usize; 2]>, D::Error> {
        match Vec::deserialize(deserializer)?[..] {
            [] => Ok(None),
            [side] => Ok(Some([side; 2])),
            [height, width] => Ok(Some([height, width])),
            _ => Err(D::Error::custom("expected [height, width], one side, or [] for the most frequent size")),
        }
    }
}
