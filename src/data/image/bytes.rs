//! The bytes of a file: unpacked if they are packed, whatever its name says, and never more than were asked for.

use std::{
    fs::File,
    io::{BufReader, Cursor, ErrorKind, Read},
    path::{Path, PathBuf},
};

use flate2::bufread::MultiGzDecoder;

use crate::error::{Error, Result};

/// How many bytes one packed byte can stand for, at most (RFC 1951: 258 bytes by two bits).
pub(super) const DEFLATE: u64 = 1032;

const GZIP: &[u8] = b"\x1f\x8b";
const WEB_PAGE: [&str; 6] = ["<!doctype", "<html", "<head", "<body", "<?xml", "<!--"];

/// How files begin that are none of ours, and what they are.
const OTHERS: [(usize, &[u8], &str); 18] = [
    (0, GZIP, "a gzip file: unpack it"),
    (0, b"PK", "a zip archive: unpack it"),
    (0, b"7z\xbc\xaf", "a 7z archive: unpack it"),
    (0, b"\xfd7zXZ", "an xz file: unpack it"),
    (0, b"BZh", "a bzip2 file: unpack it"),
    (0, b"\x28\xb5\x2f\xfd", "a zstd file: unpack it"),
    (257, b"ustar", "a tar archive: unpack it"),
    (0, b"%PDF", "a PDF file"),
    (0, b"version https://git-lfs", "a Git LFS pointer: fetch the file itself (git lfs pull)"),
    (0, b"\x89PNG", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture: save it as PNG or JPEG"),
    (8, b"WEBP", "a WebP picture: save it as PNG or JPEG"),
    (0, b"BM", "a BMP picture: save it as PNG or JPEG"),
    (0, b"II*\0", "a TIFF picture: save it as PNG or JPEG"),
    (0, b"MM\0*", "a TIFF picture: save it as PNG or JPEG"),
    (4, b"ftyp", "a HEIC or AVIF picture, or a film: save it as PNG or JPEG"),
    (0, b"<svg", "an SVG drawing: save it as PNG or JPEG"),
];

/// What a file is that begins like this, if it is another kind of file than expected.
pub(super) fn other(start: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start)).to_lowercase();
    if WEB_PAGE.iter().any(|tag| text.trim_start().starts_with(tag)) {
        return Some("looks like a web page: download the file itself");
    }
    let begins =
        |(at, magic, _): &&(usize, &[u8], &str)| start.get(*at..).is_some_and(|start| start.starts_with(magic));
    OTHERS.iter().find(begins).map(|(_, _, what)| *what)
}

/// A file that is read from its beginning.
pub(super) struct Contents {
    pub(super) path: PathBuf,
    source: Box<dyn Read>,
    length: u64,
    pub(super) gzip: bool,
}

impl Contents {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(Error::io(path))?;
        let length = file.metadata().map_err(Error::io(path))?.len();
        let mut source = BufReader::with_capacity(1 << 16, file);
        let mut start = Vec::new();
        source.by_ref().take(2).read_to_end(&mut start).map_err(Error::io(path))?;
        let gzip = start == GZIP;
        let source = Cursor::new(start).chain(source);
        let source: Box<dyn Read> =
            if gzip { Box::new(MultiGzDecoder::new(BufReader::new(source))) } else { Box::new(source) };
        Ok(Self { path: path.to_path_buf(), source, length, gzip })
    }

    /// The next `n` bytes, fewer at the end. Room is made for what there is, not for what was asked for.
    pub(super) fn read(&mut self, n: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        match self.source.by_ref().take(n).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) if self.gzip && error.kind() == ErrorKind::UnexpectedEof => {
                Err(self.data("the gzip is cut off"))
            }
            Err(error) => Err(Error::io(&self.path)(error)),
        }
    }

    /// Gives back what was read too far.
    pub(super) fn unread(&mut self, bytes: &[u8]) {
        let rest = std::mem::replace(&mut self.source, Box::new(std::io::empty()));
        self.source = Box::new(Cursor::new(bytes.to_vec()).chain(rest));
    }

    /// How many bytes there can be, from the beginning: as many as there are if it is not packed.
    pub(super) fn most(&self) -> u64 {
        if self.gzip { self.length.saturating_mul(DEFLATE) } else { self.length }
    }

    /// That something is wrong with this file.
    pub(super) fn data(&self, reason: impl Into<String>) -> Error {
        Error::Data { place: self.path.display().to_string(), reason: reason.into() }
    }
}
