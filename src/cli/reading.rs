//! How a table is to be read, where it cannot be found out.

use std::{io, io::Write};

use anyhow::Result;
use burn_zoo::data::read::{Decimal, Header, Quote, ReadOptions, TableReader};
use clap::ValueEnum;

/// The dialect of a table; what is not said is detected
#[derive(clap::Args)]
#[command(next_help_heading = "Reading")]
pub struct Reading {
    /// What stands between cells: a character, or tab [default: detected]
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// The mark before a number's decimals [default: detected]
    #[arg(long, value_enum, value_name = "MARK")]
    decimal: Option<Mark>,
    /// The mark between a number's thousands [default: none]
    #[arg(long, value_name = "CHAR")]
    thousands: Option<char>,
    /// What cells with delimiters in them stand in [default: double]
    #[arg(long, value_enum, value_name = "KIND")]
    quote: Option<Quotes>,
    /// The first line is a header, even if it looks like data
    #[arg(long)]
    header: bool,
    /// There is no header: the columns are the model's, in its order
    #[arg(long, conflicts_with = "header")]
    no_header: bool,
    /// Skip so many lines before the header
    #[arg(long, value_name = "LINES", default_value_t = 0)]
    skip: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum Mark {
    Point,
    Comma,
}

#[derive(Clone, Copy, ValueEnum)]
enum Quotes {
    Double,
    Single,
    None,
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("expected one ASCII character, or tab".to_string()),
    }
}

impl Reading {
    /// Opens `file`, or standard input for `-`, and says on standard error what is worth saying.
    pub fn open(&self, file: &str) -> Result<TableReader> {
        let options = ReadOptions {
            delimiter: self.delimiter,
            decimal: self.decimal.map(|mark| match mark {
                Mark::Point => Decimal::Point,
                Mark::Comma => Decimal::Comma,
            }),
            thousands: self.thousands,
            header: match (self.header, self.no_header) {
                (true, _) => Header::Yes,
                (_, true) => Header::No,
                _ => Header::Detect,
            },
            quote: match self.quote {
                None | Some(Quotes::Double) => Quote::Double,
                Some(Quotes::Single) => Quote::Single,
                Some(Quotes::None) => Quote::None,
            },
            skip: self.skip,
            ..ReadOptions::default()
        };
        let reader = match file {
            "-" => TableReader::from_reader("standard input", io::stdin(), &options)?,
            file => TableReader::open(file, &options)?,
        };
        for note in reader.notes() {
            let _ = writeln!(io::stderr(), "note: {file}: {note}"); // nobody who reads it is no failure
        }
        Ok(reader)
    }
}
