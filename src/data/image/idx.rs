//! IDX files, as MNIST and its kin have them: big-endian headers, then bytes.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::{
    Images, Labelled,
    bytes::{Contents, other},
    counted,
    reading::{ImageReading, MOST},
};
use crate::error::{Error, Result};

/// The largest height and width of pictures.
const LARGEST: u64 = 1 << 14;

/// The bytes of a file's pictures, and their shape.
struct Pictures {
    bytes: Vec<u8>,
    shape: [usize; 3],
    rows: usize,
}

/// A pair of IDX files, packed with gzip or not, whatever their names say: pictures of one channel, 0 to 1, and the label of each.
///
/// # Errors
/// [`Error::Io`]; [`Error::Data`] for files that are cut off, exchanged, of unequal counts, or no IDX files.
pub fn read_idx(images: &Path, labels: &Path) -> Result<(Images, Vec<usize>)> {
    let (pictures, labels) = pair(images, labels, &mut Sha256::new())?;
    let images = ImageReading::default().bytes(pictures.shape, &pictures.bytes, &mut Vec::new())?;
    Ok((images, labels))
}

/// One part of a data set in `directory`, `train` or `t10k`; none if neither of its files is there.
pub(super) fn part(
    directory: &Path,
    part: &str,
    classes: usize,
    reading: &ImageReading,
    sha256: &mut Sha256,
    notes: &mut Vec<String>,
) -> Result<Option<Labelled>> {
    let (images, labels) = (find(directory, part, "images", "idx3"), find(directory, part, "labels", "idx1"));
    let missing = |what: &str, dimensions: &str| Error::Data {
        place: directory.display().to_string(),
        reason: format!(
            "no {part}-{what}-{dimensions}-ubyte here (looked for that name, with `.` before `{dimensions}` too, with and without .gz)"
        ),
    };
    let (images, labels) = match (images, labels) {
        (None, None) => return Ok(None),
        (None, Some(_)) => return Err(missing("images", "idx3")),
        (Some(_), None) => return Err(missing("labels", "idx1")),
        (Some(images), Some(labels)) => (images, labels),
    };
    let (pictures, numbers) = pair(&images, &labels, sha256)?;
    if let Some(row) = numbers.iter().position(|&label| label >= classes) {
        let reason = format!("label {} of row {row}: expected 0 to {}", numbers[row], classes - 1);
        return Err(Error::Data { place: labels.display().to_string(), reason });
    }
    let images = reading.bytes(pictures.shape, &pictures.bytes, notes)?;
    Ok(Some(Labelled { images, labels: numbers, names: Vec::new() }))
}

/// That a directory has no files of a part.
pub(super) fn nothing(directory: &Path, parts: &str) -> Error {
    let reason = format!(
        "no IDX files here: expected {parts}-images-idx3-ubyte and {parts}-labels-idx1-ubyte, with and without .gz, with `.` before `idx` too"
    );
    Error::Data { place: directory.display().to_string(), reason }
}

fn find(directory: &Path, part: &str, what: &str, dimensions: &str) -> Option<PathBuf> {
    let name = |point: &str, gz: &str| directory.join(format!("{part}-{what}{point}{dimensions}-ubyte{gz}"));
    let names = [name("-", ""), name("-", ".gz"), name(".", ""), name(".", ".gz")];
    names.into_iter().find(|path| path.exists())
}

fn pair(images: &Path, labels: &Path, sha256: &mut Sha256) -> Result<(Pictures, Vec<usize>)> {
    let pictures = read_pictures(images, sha256)?;
    let numbers = read_labels(labels, images, pictures.rows, sha256)?;
    Ok((pictures, numbers))
}

fn read_pictures(path: &Path, sha256: &mut Sha256) -> Result<Pictures> {
    let mut file = Contents::open(path)?;
    let [rows, height, width] = header::<3>(&mut file, sha256)?;
    if rows == 0 || ![height, width].iter().all(|side| (1..=LARGEST).contains(side)) {
        return Err(file.data(format!("{rows} images of {height} x {width}: expected some, of 1 to {LARGEST} a side")));
    }
    let bytes = body(&mut file, 16, rows * height * width, "bytes of pixels", sha256)?;
    Ok(Pictures { bytes, shape: [1, height as usize, width as usize], rows: rows as usize })
}

/// The labels of so many `images`.
fn read_labels(path: &Path, images: &Path, rows: usize, sha256: &mut Sha256) -> Result<Vec<usize>> {
    let mut file = Contents::open(path)?;
    let [labels] = header::<1>(&mut file, sha256)?;
    if labels != rows as u64 {
        let (images_of, labels_of) = (counted(rows, "image"), counted(labels as usize, "label"));
        let reason = format!("{images_of}, {labels_of} (in {})", path.display());
        return Err(Error::Data { place: images.display().to_string(), reason });
    }
    let bytes = body(&mut file, 8, labels, "labels", sha256)?;
    Ok(bytes.into_iter().map(usize::from).collect())
}

/// The lengths of the `N` dimensions: three of pictures, one of labels.
fn header<const N: usize>(file: &mut Contents, sha256: &mut Sha256) -> Result<[u64; N]> {
    let start = file.read(512)?;
    let wanted = if N == 3 { "images" } else { "labels" };
    let number = |at: usize| start.get(at..at + 4).map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four")));
    let length = 4 + 4 * N;
    let magic = match number(0) {
        None if start.is_empty() => return Err(file.data("empty")),
        None => return Err(file.data(format!("cut off: a header of {length} bytes expected, {} found", start.len()))),
        Some(magic) => magic,
    };
    let [zero, zero_too, kind, dimensions] = magic.to_be_bytes();
    match (kind, dimensions) {
        _ if [zero, zero_too] != [0, 0] => {
            let found = match (other(&start), magic.swap_bytes()) {
                (Some(found), _) => found.to_string(),
                (None, 0x0801 | 0x0803) => {
                    format!(
                        "bad magic number {magic:#010x}: wrong byte order, the numbers of the header must be big-endian"
                    )
                }
                (None, _) => format!("bad magic number {magic:#010x}: not an IDX file"),
            };
            return Err(file.data(found));
        }
        (8, _) if usize::from(dimensions) == N => {}
        (8, 1) => return Err(file.data(format!("this is a label file, expected {wanted}"))),
        (8, 3) => return Err(file.data(format!("this is an image file, expected {wanted}"))),
        (8, _) => {
            return Err(
                file.data(format!("an IDX file of {dimensions} dimensions, expected {wanted} ({N} dimensions)"))
            );
        }
        (9 | 11..=14, _) => {
            return Err(file.data(format!("an IDX file of numbers of the type {kind:#04x}, expected bytes (0x08)")));
        }
        _ => return Err(file.data(format!("bad magic number {magic:#010x}: not an IDX file"))),
    }
    if start.len() < length {
        return Err(file.data(format!("cut off: a header of {length} bytes expected, {} found", start.len())));
    }
    sha256.update(&start[..length]);
    let lengths = std::array::from_fn(|i| u64::from(number(4 + 4 * i).expect("the header is whole")));
    file.unread(&start[length..]);
    Ok(lengths)
}

/// The bytes behind a header: exactly as many as it says. Nothing is read if they would not fit as numbers of 4 bytes.
fn body(file: &mut Contents, header: u64, expected: u64, what: &str, sha256: &mut Sha256) -> Result<Vec<u8>> {
    let most = file.most().saturating_sub(header);
    if expected > most {
        let found = if file.gzip { "more than so short a gzip can hold".to_string() } else { format!("{most} found") };
        return Err(file.data(format!("{expected} {what} expected, {found}")));
    }
    if !file.gzip && expected < most {
        return Err(file.data(format!("{expected} {what} expected, {most} found")));
    }
    if expected > MOST / 4 {
        let gib = MOST >> 30;
        return Err(file.data(format!("{expected} {what} are too many: as numbers they take more than {gib} GiB")));
    }
    let bytes = file.read(expected + 1)?;
    if bytes.len() as u64 != expected {
        let found = if bytes.len() as u64 > expected { "more".to_string() } else { bytes.len().to_string() };
        return Err(file.data(format!("{expected} {what} expected, {found} found")));
    }
    sha256.update(&bytes);
    Ok(bytes)
}
