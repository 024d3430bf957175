//! Plain text in files.

use std::{fs::File, io::Read, path::Path};

use flate2::bufread::MultiGzDecoder;

use super::tokens::with_line_feeds;
use crate::{
    data::table::sha256,
    error::{Error, Result},
};

/// The most bytes of text in a file.
const MOST: u64 = 1 << 30;

/// A file of plain text in UTF-8, packed with gzip or not, without its byte order mark and its carriage returns.
#[derive(Clone, Debug)]
pub struct TextFile {
    name: String,
    text: String,
    sha256: String,
}

impl TextFile {
    /// Reads a file.
    ///
    /// # Errors
    /// [`Error::Io`]; as [`from_bytes`](Self::from_bytes).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut bytes = Vec::new();
        let file = File::open(path).map_err(Error::io(path))?;
        file.take(MOST + 1).read_to_end(&mut bytes).map_err(Error::io(path))?;
        Self::from_bytes(&path.display().to_string(), &bytes)
    }

    /// The text that bytes are; `name` stands for the file in messages.
    ///
    /// # Errors
    /// [`Error::Data`] with line and byte, both from 1, for bytes that are no text in UTF-8; for no text, and for more than 1 GiB of it.
    pub fn from_bytes(name: &str, bytes: &[u8]) -> Result<Self> {
        let refuse = |place: String, reason: &str| Error::Data { place, reason: reason.to_string() };
        let whole = || name.to_string();
        let sha256 = sha256(bytes);
        let mut unpacked = Vec::new();
        let mut text = bytes;
        if bytes.starts_with(b"\x1f\x8b") {
            let read = MultiGzDecoder::new(bytes).take(MOST + 1).read_to_end(&mut unpacked);
            read.map_err(|why| refuse(whole(), &format!("the gzip data are cut or damaged: {why}")))?;
            text = &unpacked;
        }
        if text.len() as u64 > MOST {
            return Err(refuse(whole(), "more than 1 GiB of text: cut it"));
        }
        if text.starts_with(b"\xff\xfe") || text.starts_with(b"\xfe\xff") {
            return Err(refuse(whole(), "this is text in UTF-16: save it as UTF-8"));
        }
        text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let read = str::from_utf8(text);
        let valid = read.as_ref().map_or_else(|error| error.valid_up_to(), |text| text.len());
        if let Some(at) = text[..valid].iter().position(|&byte| byte == 0) {
            let reason = "a NUL byte: expected text in UTF-8, found UTF-16 or a binary file";
            return Err(refuse(place(name, text, at), reason));
        }
        let read = read.map_err(|_| {
            let reason = format!("0x{:02x} is not UTF-8: save the file as UTF-8", text[valid]);
            refuse(place(name, text, valid), &reason)
        })?;
        if read.is_empty() {
            return Err(refuse(whole(), "empty: no text"));
        }
        Ok(Self { name: whole(), text: with_line_feeds(read).into_owned(), sha256 })
    }

    /// What the file is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The sha256 of the file as it is, in hexadecimal digits.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// Its lines without their ends, which are LF, CR LF or CR alone. An end behind the last line begins no other.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split_terminator('\n')
    }
}

/// The line and the byte in it of a place in a text, for messages.
fn place(name: &str, text: &[u8], at: usize) -> String {
    let before = &text[..at];
    // A CR LF ends one line: its LF counts, its CR does not.
    let ends = |i: usize| before[i] == b'\n' || before[i] == b'\r' && text.get(i + 1) != Some(&b'\n');
    let line = (0..at).filter(|&i| ends(i)).count() + 1;
    let start = (0..at).rev().find(|&i| ends(i)).map_or(0, |i| i + 1);
    format!("{name}, line {line}, byte {}", at - start + 1)
}
