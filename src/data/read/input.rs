//! The bytes of a table: unpacked, without a byte order mark, and refused if they are another kind of file.

use std::io::{self, BufRead, BufReader, Cursor, ErrorKind, Read};

use flate2::bufread::MultiGzDecoder;

use super::error::ReadError;

/// How files begin that are no tables, what they are, and what to do.
const OTHERS: [(&[u8], &str, &str); 14] = [
    (b"\x1f\x8b", "gzip inside of gzip", "unpack it once"),
    (b"PK\x03\x04", "a zip archive or an Excel file", "unpack it, or save the sheet as CSV"),
    (b"PK\x05\x06", "an empty zip archive", "pack the table again"),
    (b"\xd0\xcf\x11\xe0", "an Excel file", "save the sheet as CSV"),
    (b"PAR1", "a Parquet file", "convert it to CSV"),
    (b"\x89HDF", "an HDF5 file", "convert it to CSV"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"\x28\xb5\x2f\xfd", "a zstd file", "unpack it, or pack it with gzip"),
    (b"\xfd7zXZ", "an xz file", "unpack it, or pack it with gzip"),
    (b"BZh", "a bzip2 file", "unpack it, or pack it with gzip"),
    (b"%PDF", "a PDF file", "export the table as CSV"),
    (b"\xff\xfe", "text in UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "save it as UTF-8"),
    (b"version https://git-lfs", "a Git LFS pointer", "fetch the file itself (git lfs pull)"),
];
const WEB_PAGE: [&str; 6] = ["<!doctype", "<html", "<head", "<body", "<?xml", "<!--"];
const GZIP: &[u8] = b"\x1f\x8b";
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What is looked at to tell a dialect: so many bytes, or twice as many until there are `SAMPLE_LINES`.
const SAMPLE: usize = 64 << 10;
const SAMPLE_LINES: usize = 8;
const LONGEST_SAMPLE: usize = 4 << 20;

/// Text that is ready to be split into rows, and its beginning for a look ahead.
pub(super) struct Input {
    /// All of the text.
    pub(super) source: Box<dyn BufRead>,
    /// The line on which it begins.
    pub(super) line: u64,
    /// Its beginning, again.
    pub(super) sample: Vec<u8>,
    /// Whether the sample is all of it.
    pub(super) whole: bool,
    /// Whether it was packed.
    pub(super) gzip: bool,
    /// Whether it had a byte order mark.
    pub(super) byte_order_mark: bool,
}

impl Input {
    /// The text of `source` after `skip` lines.
    pub(super) fn open(file: &str, mut source: Box<dyn Read>, skip: u64) -> Result<Self, ReadError> {
        let mut start = beginning(&mut source, 512).map_err(|source| failed(file, false, source))?;
        let gzip = start.starts_with(GZIP);
        if gzip {
            source = Box::new(MultiGzDecoder::new(BufReader::new(Cursor::new(start).chain(source))));
            start = beginning(&mut source, 512).map_err(|source| failed(file, true, source))?;
        }
        refuse_others(file, &start)?;
        let byte_order_mark = start.starts_with(BYTE_ORDER_MARK);
        if byte_order_mark {
            start.drain(..BYTE_ORDER_MARK.len());
        }
        let mut source = BufReader::new(Cursor::new(start).chain(source));
        let skipped = skip_lines(&mut source, skip).map_err(|source| failed(file, gzip, source))?;
        let (sample, whole) = sample(&mut source).map_err(|source| failed(file, gzip, source))?;
        let source = Box::new(Cursor::new(sample.clone()).chain(source));
        Ok(Self { source, line: skipped + 1, sample, whole, gzip, byte_order_mark })
    }
}

/// An error of the system, or of the decoder.
pub(super) fn failed(file: &str, gzip: bool, source: io::Error) -> ReadError {
    let file = file.to_string();
    if gzip { ReadError::Gzip { file, source } } else { ReadError::Io { file, source } }
}

/// What the buffer holds, empty at the end, read again after an interruption.
pub(super) fn fill(source: &mut impl BufRead) -> io::Result<&[u8]> {
    loop {
        match source.fill_buf() {
            Ok([]) => return Ok(&[]),
            Ok(_) => break,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    source.fill_buf() // reads nothing: the buffer is not empty
}

/// The first bytes, so many if there are so many, however small the pieces in which they come.
fn beginning(source: &mut impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    source.take(bytes as u64).read_to_end(&mut start)?;
    Ok(start)
}

fn refuse_others(file: &str, start: &[u8]) -> Result<(), ReadError> {
    let refuse = |found, advice| Err(ReadError::Format { file: file.to_string(), found, advice });
    if let Some((_, found, advice)) = OTHERS.iter().find(|(magic, ..)| start.starts_with(magic)) {
        return refuse(found, advice);
    }
    let text = String::from_utf8_lossy(start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start)).to_lowercase();
    if WEB_PAGE.iter().any(|tag| text.trim_start().starts_with(tag)) {
        return refuse("a web page", "download the file itself");
    }
    Ok(())
}

/// Leaves out so many lines, fewer if there are no more, and says how many.
fn skip_lines(source: &mut impl BufRead, lines: u64) -> io::Result<u64> {
    let mut skipped = 0;
    while skipped < lines {
        let buffer = fill(source)?;
        let (length, end) = (buffer.len(), buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r')));
        let carriage_return = end.is_some_and(|end| buffer[end] == b'\r');
        source.consume(end.map_or(length, |end| end + 1));
        if carriage_return && fill(source)?.first() == Some(&b'\n') {
            source.consume(1);
        }
        skipped += u64::from(end.is_some());
        if length == 0 {
            break;
        }
    }
    Ok(skipped)
}

/// The beginning of the text, and whether it is all.
fn sample(source: &mut impl Read) -> io::Result<(Vec<u8>, bool)> {
    let (mut sample, mut wanted) = (Vec::new(), SAMPLE);
    loop {
        sample.extend(beginning(source, wanted - sample.len())?);
        let lines = || sample.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).take(SAMPLE_LINES).count();
        if sample.len() < wanted || wanted >= LONGEST_SAMPLE || lines() == SAMPLE_LINES {
            return Ok((sample.clone(), sample.len() < wanted));
        }
        wanted *= 2;
    }
}
