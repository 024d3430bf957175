//! How a table is to be read, where it cannot be found out.

use std::io;

use burn_zoo::{
    data::read::{Decimal, Header, Quote, ReadError, ReadOptions, TableReader},
    zoo,
};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::numbers::whole;

/// The dialect of a table; what is not said is detected
#[derive(Clone, Debug, Default, clap::Args, Serialize, Deserialize)]
#[command(next_help_heading = "Reading")]
pub struct Reading {
    /// What stands between cells: a character, or tab [default: detected]
    #[arg(long, value_name = "CHAR", value_parser = delimiter)]
    delimiter: Option<u8>,
    /// The mark before a number's decimals [default: detected]
    #[arg(long, value_enum, value_name = "MARK")]
    decimal: Option<Mark>,
    /// The mark between a number's thousands [default: none]
    #[arg(long, value_name = "CHAR", value_parser = character)]
    thousands: Option<char>,
    /// What cells with delimiters in them stand in [default: double]
    #[arg(long, value_enum, value_name = "KIND")]
    quote: Option<Quotes>,
    /// The first line is a header, even if it looks like data
    #[arg(long)]
    header: bool,
    /// There is no header: columns are called column_1, column_2, ..., or to
    /// predict, if the training table had names, are the model's in its order
    #[arg(long, conflicts_with = "header")]
    no_header: bool,
    /// Skip so many lines before the header
    #[arg(long, value_name = "LINES", default_value_t = 0, value_parser = whole)]
    skip: u64,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
enum Mark {
    Point,
    Comma,
}

#[derive(Clone, Copy, Debug, ValueEnum, Serialize, Deserialize)]
enum Quotes {
    Double,
    Single,
    None,
}

fn character(text: &str) -> Result<char, String> {
    text.parse().map_err(|_| "expected one character".to_string())
}

fn delimiter(text: &str) -> Result<u8, String> {
    match text.as_bytes() {
        b"tab" | b"\\t" => Ok(b'\t'),
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => Err("expected one ASCII character, or tab".to_string()),
    }
}

impl Reading {
    /// The first option that was said: only tables have use for them.
    pub fn said(&self) -> Option<&'static str> {
        [
            ("--delimiter", self.delimiter.is_some()),
            ("--decimal", self.decimal.is_some()),
            ("--thousands", self.thousands.is_some()),
            ("--quote", self.quote.is_some()),
            ("--header", self.header),
            ("--no-header", self.no_header),
            ("--skip", self.skip > 0),
        ]
        .into_iter()
        .find_map(|(option, said)| said.then_some(option))
    }

    /// The same, with what was said at the training where nothing is said now.
    pub fn or(mut self, training: &zoo::Reading) -> Self {
        let quote = |name: &String| Quotes::from_str(name, true).ok();
        self.quote = self.quote.or(training.quote.as_ref().and_then(quote));
        self.thousands = self.thousands.or(training.thousands);
        self
    }

    /// What files to predict should be read by, too: `columns` are those of a table without a header.
    pub fn remembered(&self, columns: Option<usize>) -> zoo::Reading {
        let quote = self.quote.and_then(|quote| Some(quote.to_possible_value()?.get_name().to_string()));
        zoo::Reading { quote, thousands: self.thousands, columns }
    }

    /// Opens `file`, or standard input for `-`; these cells are missing besides the usual ones.
    pub fn open(&self, file: &str, missing: &[String]) -> Result<TableReader, ReadError> {
        match file {
            "-" => TableReader::from_reader("standard input", io::stdin(), &self.options(missing)),
            file => TableReader::open(file, &self.options(missing)),
        }
    }

    /// Reads the bytes of a file that is called `name`.
    pub fn read(&self, name: &str, bytes: Vec<u8>, missing: &[String]) -> Result<TableReader, ReadError> {
        TableReader::from_reader(name, io::Cursor::new(bytes), &self.options(missing))
    }

    fn options(&self, missing: &[String]) -> ReadOptions {
        ReadOptions {
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
            missing: missing.to_vec(),
        }
    }
}
