//! Damaged pictures: no panic, bounded memory, an error in one line or pixels from 0 to 1.
#![cfg(feature = "images")]

mod image_files;
mod memory;

use std::{
    fs,
    io::Cursor,
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    sync::atomic::Ordering::Relaxed,
};

use burn_zoo::{
    Key,
    data::image::{ImageReading, ImageSource, Images, digits, read_idx, read_images},
};
use image::{DynamicImage, ImageFormat};
use image_files::{gzip, idx};
use memory::{LIVE, PEAK, alone};
use tempfile::TempDir;

/// The most bytes alive while a file of some kilobytes is read.
const BOUND: usize = 64 << 20;

/// Numbers of a key's own, one after the other.
struct Draws(Key, u64);

impl Draws {
    fn below(&mut self, n: usize) -> usize {
        self.1 += 1;
        (self.0.fold(self.1).to_u64() % n.max(1) as u64) as usize
    }

    /// Flips, writes, removes, cuts, doubles: anywhere, or in the first bytes.
    fn damage(&mut self, bytes: &mut Vec<u8>) {
        let end = if self.below(2) == 0 { bytes.len().min(64) } else { bytes.len() };
        let at = self.below(end);
        let byte = [0, 1, 0x7f, 0x80, 0xff, self.below(256) as u8][self.below(6)];
        match self.below(7) {
            _ if bytes.is_empty() => bytes.push(byte),
            0 => bytes[at] = byte,
            1 | 2 => bytes[at] ^= 1 << self.below(8),
            3 => drop(bytes.remove(at)),
            4 => bytes.truncate(at),
            5 => {
                let word = [byte; 4];
                let end = bytes.len().min(at + 4);
                bytes[at..end].copy_from_slice(&word[..end - at]);
            }
            _ => {
                let piece = bytes[at..bytes.len().min(at + 1 + self.below(100))].to_vec();
                let to = self.below(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
}

/// So many damaged versions of `originals`, each written over `file` and read.
#[track_caller]
fn survive(
    originals: &[Vec<u8>],
    cases: u64,
    seed: u64,
    file: &PathBuf,
    read: impl Fn() -> Result<Vec<Images>, String>,
) -> [usize; 2] {
    let _alone = alone();
    let mut counts = [0, 0];
    let failed: Vec<u64> = (0..cases)
        .filter(|&case| {
            let mut draws = Draws(Key::new(seed).fold(case), 0);
            let mut bytes = originals[draws.below(originals.len())].clone();
            (0..=draws.below(3)).for_each(|_| draws.damage(&mut bytes));
            // A PNG with a wrong checksum is refused early: half of them get right ones.
            if bytes.starts_with(b"\x89PNG") && draws.below(2) == 0 {
                mend(&mut bytes);
            }
            fs::write(file, &bytes).unwrap();
            let before = LIVE.load(Relaxed);
            PEAK.store(before, Relaxed);
            let read = catch_unwind(AssertUnwindSafe(&read));
            let peak = PEAK.load(Relaxed).saturating_sub(before);
            let good = match read {
                Err(_) => false,
                Ok(Err(error)) => {
                    counts[0] += 1;
                    !error.is_empty() && !error.contains('\n')
                }
                Ok(Ok(images)) => {
                    counts[1] += 1;
                    images.iter().all(|images| images.values().iter().all(|value| (0.0..=1.0).contains(value)))
                }
            };
            if peak > BOUND {
                eprintln!("case {case}: {peak} bytes for {}", bytes.len());
            }
            !good || peak > BOUND
        })
        .collect();
    assert!(failed.is_empty(), "{} cases failed, among them {:?}", failed.len(), &failed[..failed.len().min(20)]);
    counts
}

/// Right checksums for the chunks of a PNG.
fn mend(bytes: &mut [u8]) {
    let mut at = 8;
    while let Some(length) = bytes.get(at..at + 4) {
        let length = u32::from_be_bytes(length.try_into().unwrap()) as usize;
        let end = at.saturating_add(8).saturating_add(length);
        let Some(chunk) = bytes.get(at + 4..end) else { return };
        let mut crc = flate2::Crc::new();
        crc.update(chunk);
        let sum = crc.sum().to_be_bytes();
        let Some(place) = bytes.get_mut(end..end + 4) else { return };
        place.copy_from_slice(&sum);
        at = end + 4;
    }
}

/// Digits as pictures of some kinds.
fn pictures(format: ImageFormat) -> Vec<Vec<u8>> {
    let digits = digits(Key::new(1), 3).images;
    let grey = |row: usize| {
        let bytes = digits.row(row).iter().map(|value| (value * 255.0) as u8).collect();
        DynamicImage::ImageLuma8(image::GrayImage::from_raw(28, 28, bytes).unwrap())
    };
    let kinds = match format {
        ImageFormat::Png => {
            vec![grey(0), grey(1).to_rgba8().into(), grey(2).to_rgb16().into(), grey(2).to_luma_alpha16().into()]
        }
        _ => vec![grey(0), grey(1).to_rgb8().into()],
    };
    let write = |kind: DynamicImage| {
        let mut bytes = Cursor::new(Vec::new());
        kind.write_to(&mut bytes, format).unwrap();
        bytes.into_inner()
    };
    let mut files: Vec<Vec<u8>> = kinds.into_iter().map(write).collect();
    // The field's, where they are: other encoders, palettes, EXIF.
    let field = std::env::var_os("BURN_ZOO_DATA").map(|data| PathBuf::from(data).join("../field/D08"));
    for folder in field.iter().flat_map(|field| [field.join("decode"), field.join("exif")]) {
        for file in fs::read_dir(folder).into_iter().flatten() {
            let bytes = fs::read(file.unwrap().path()).unwrap();
            if bytes.starts_with(b"\x89PNG") == (format == ImageFormat::Png) {
                files.push(bytes);
            }
        }
    }
    files
}

fn damaged_pictures(format: ImageFormat, seed: u64) {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("picture");
    let reading = ImageReading::default().fixed([3, 16, 16]);
    let counts = survive(&pictures(format), 1000, seed, &file, || {
        let (_, read) = read_images(&file, &reading).unwrap().remove(0);
        let own = read_images(&file, &ImageReading::default()).unwrap().remove(0).1;
        assert_eq!(read.is_ok(), own.is_ok());
        Ok(vec![read?, own?])
    });
    assert!(counts[0] > 100, "{counts:?}");
}

#[test]
fn a_damaged_png_is_a_picture_or_an_error() {
    damaged_pictures(ImageFormat::Png, 1);
}

#[test]
fn a_damaged_jpeg_is_a_picture_or_an_error() {
    damaged_pictures(ImageFormat::Jpeg, 2);
}

#[test]
fn a_damaged_idx_file_is_pictures_or_an_error() {
    let directory = TempDir::new().unwrap();
    let [images, labels] = ["images", "labels"].map(|name| directory.path().join(name));
    let (pixels, numbers) = (idx(&[5, 6, 4], &[100; 120]), idx(&[5], &[1, 2, 3, 4, 5]));
    let read = || read_idx(&images, &labels).map(|(images, _)| vec![images]).map_err(|error| error.to_string());
    fs::write(&labels, &numbers).unwrap();
    let counts = survive(&[pixels.clone(), gzip(&pixels)], 600, 3, &images, read);
    assert!(counts[0] > 50 && counts[1] > 50, "{counts:?}");
    fs::write(&images, &pixels).unwrap();
    let counts = survive(&[numbers.clone(), gzip(&numbers)], 400, 4, &labels, read);
    assert!(counts[0] > 100, "{counts:?}");
}

#[test]
fn a_damaged_cifar_file_is_pictures_or_an_error() {
    let directory = TempDir::new().unwrap();
    let record = |label: u8| [&[label][..], &[label * 20; 3072]].concat();
    for batch in 1..=5 {
        fs::write(directory.path().join(format!("data_batch_{batch}.bin")), record(batch)).unwrap();
    }
    let file = directory.path().join("data_batch_3.bin");
    let source = ImageSource::Cifar10(directory.path().to_path_buf());
    let counts = survive(&[record(1), [record(2), record(9)].concat(), gzip(&record(3))], 300, 5, &file, || {
        let data = source.read(&ImageReading::default()).map_err(|error| error.to_string())?;
        Ok(vec![data.train.images])
    });
    assert!(counts[0] > 50 && counts[1] > 50, "{counts:?}");
}
