//! Where pictures come from, by name.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use sha2::{Digest, Sha256};

use super::{ImageData, ImageReading, Labelled, TestPart, cifar, digits, folder, idx};
use crate::{
    error::{Error, Result},
    key::Key,
};

/// Where pictures come from: `mnist:DIR`, `fashion-mnist:DIR`, `cifar10:DIR`, `images:DIR` or `digits`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageSource {
    /// The IDX files of MNIST.
    Mnist(PathBuf),
    /// The IDX files of Fashion-MNIST.
    FashionMnist(PathBuf),
    /// The binary files of CIFAR-10.
    Cifar10(PathBuf),
    /// A folder of PNG and JPEG files for each class.
    Folder(PathBuf),
    /// The digits that this crate draws: nothing is read.
    Digits,
}

const FASHION: [&str; 10] =
    ["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"];
const NAMES: [&str; 5] = ["fashion-mnist", "mnist", "cifar10", "images", "digits"];

/// How many digits there are to train with and to test with.
const DIGITS: [usize; 2] = [3000, 1000];

impl ImageSource {
    /// Everything that there is.
    ///
    /// The sha256 is that of the unpacked files one after the other (pictures, labels; training, test), the names of the classes apart. That of a folder is the
    /// sha256 of a line `SHA256  CLASS/FILE` for each picture, as `sha256sum` writes them.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Data`] with the file; [`Error::Config`] for the reading.
    pub fn read(&self, reading: &ImageReading) -> Result<ImageData> {
        reading.check()?;
        let (mut sha256, mut notes) = (Sha256::new(), Vec::new());
        let (classes, train, test) = match self {
            Self::Mnist(directory) | Self::FashionMnist(directory) => {
                let classes = self.idx_classes();
                let mut part = |part| idx::part(directory, part, classes.len(), reading, &mut sha256, &mut notes);
                let train = part("train")?.ok_or_else(|| missing(directory, || idx::nothing(directory, "train")))?;
                let test = part("t10k")?;
                (classes, train, test)
            }
            Self::Cifar10(directory) => {
                let directory = &cifar::directory(directory);
                let classes = cifar::classes(directory)?;
                let train = cifar::part(directory, &cifar::TRAIN, reading, &mut sha256, &mut notes)?;
                let train = train.ok_or_else(|| missing(directory, || cifar::missing(directory, &cifar::TRAIN)))?;
                (classes, train, cifar::part(directory, &cifar::TEST, reading, &mut sha256, &mut notes)?)
            }
            Self::Folder(directory) => {
                let (classes, pictures, sha256) = folder::read(directory, reading, &mut notes)?;
                return Ok(ImageData { classes, train: pictures, test: None, sha256, notes });
            }
            Self::Digits => {
                let train = drawn("train", DIGITS[0], reading, &mut sha256, &mut notes)?;
                (digit_names(), train, Some(drawn("test", DIGITS[1], reading, &mut sha256, &mut notes)?))
            }
        };
        if test.is_none() {
            notes.push("there is no official test part here: a part of the training pictures tests".to_string());
        }
        if let Some(test) = test.as_ref().filter(|test| test.images.shape() != train.images.shape()) {
            let (train, test) = (train.images.shape(), test.images.shape());
            let reason = format!("pictures of {train:?} train and of {test:?} test: choose one size");
            return Err(Error::Data { place: self.to_string(), reason });
        }
        notes.dedup();
        Ok(ImageData { classes, train, test, sha256: hex(sha256), notes })
    }

    /// The part to judge a model by: the official test part where there is one, else everything.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn read_test(&self, reading: &ImageReading) -> Result<TestPart> {
        reading.check()?;
        let (mut sha256, mut notes) = (Sha256::new(), Vec::new());
        let (classes, test): (_, Option<Labelled>) = match self {
            Self::Mnist(directory) | Self::FashionMnist(directory) => {
                let classes = self.idx_classes();
                let test = idx::part(directory, "t10k", classes.len(), reading, &mut sha256, &mut notes)?;
                (classes, test)
            }
            Self::Cifar10(directory) => {
                let directory = &cifar::directory(directory);
                let test = cifar::part(directory, &cifar::TEST, reading, &mut sha256, &mut notes)?;
                (cifar::classes(directory)?, test)
            }
            Self::Folder(_) => (Vec::new(), None),
            Self::Digits => (digit_names(), Some(drawn("test", DIGITS[1], reading, &mut sha256, &mut notes)?)),
        };
        if let Some(pictures) = test {
            return Ok(TestPart { classes, pictures, sha256: hex(sha256), notes });
        }
        let ImageData { classes, train, sha256, notes, .. } = self.read(reading)?;
        Ok(TestPart { classes, pictures: train, sha256, notes })
    }

    fn idx_classes(&self) -> Vec<String> {
        match self {
            Self::FashionMnist(_) => FASHION.map(str::to_string).to_vec(),
            _ => digit_names(),
        }
    }
}

fn digit_names() -> Vec<String> {
    (0..10).map(|digit: u8| digit.to_string()).collect()
}

/// Some of the built-in digits.
fn drawn(
    part: &str,
    rows: usize,
    reading: &ImageReading,
    sha256: &mut Sha256,
    notes: &mut Vec<String>,
) -> Result<Labelled> {
    let mut drawn = digits(Key::new(0).fold_str("digits").fold_str(part), rows);
    let bytes: Vec<u8> = drawn.images.values().iter().map(|value| (value * 255.0).round() as u8).collect();
    sha256.update(&bytes);
    sha256.update(drawn.labels.iter().map(|&label| label as u8).collect::<Vec<u8>>());
    drawn.images = reading.bytes(drawn.images.shape(), &bytes, notes)?;
    Ok(drawn)
}

/// What is wrong with a directory: that there is none, or else.
fn missing(directory: &Path, or_else: impl FnOnce() -> Error) -> Error {
    match std::fs::read_dir(directory) {
        Err(source) => Error::Io { path: directory.to_path_buf(), source },
        Ok(_) => or_else(),
    }
}

fn hex(sha256: Sha256) -> String {
    sha256.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

impl FromStr for ImageSource {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, directory) = text.split_once(':').map_or((text, None), |(name, rest)| (name, Some(rest)));
        let with: fn(PathBuf) -> Self = match name {
            "mnist" => Self::Mnist,
            "fashion-mnist" => Self::FashionMnist,
            "cifar10" => Self::Cifar10,
            "images" => Self::Folder,
            "digits" if directory.is_none() => return Ok(Self::Digits),
            "digits" => return Err(Error::config("data", text, "`digits` alone: nothing is read")),
            _ => return Err(Error::unknown("source of pictures", name, NAMES)),
        };
        match directory.filter(|directory| !directory.is_empty()) {
            Some(directory) => Ok(with(PathBuf::from(directory))),
            None => Err(Error::config("data", text, format!("`{name}:DIR`, with the folder that holds the files"))),
        }
    }
}

impl fmt::Display for ImageSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mnist(directory) => write!(f, "mnist:{}", directory.display()),
            Self::FashionMnist(directory) => write!(f, "fashion-mnist:{}", directory.display()),
            Self::Cifar10(directory) => write!(f, "cifar10:{}", directory.display()),
            Self::Folder(directory) => write!(f, "images:{}", directory.display()),
            Self::Digits => f.write_str("digits"),
        }
    }
}
