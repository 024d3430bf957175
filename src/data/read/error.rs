//! What can be wrong with a table, one variant a cause.

use std::io;

/// Why a table cannot be read: file, line, column and value, as far as they are known, on one line.
///
/// Lines are physical lines and columns are places in the row; both count from 1.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The system does not give the bytes.
    #[error("{file}: {source}")]
    Io {
        /// The file, or what stands for it.
        file: String,
        /// The system's word.
        source: io::Error,
    },
    /// A gzip file that is cut or damaged.
    #[error("{file}: the gzip data are cut or damaged: {source}")]
    Gzip {
        /// The file.
        file: String,
        /// The decoder's word.
        source: io::Error,
    },
    /// Another kind of file.
    #[error("{file}: this is {found}, not a table: {advice}")]
    Format {
        /// The file.
        file: String,
        /// What it is.
        found: &'static str,
        /// What to do.
        advice: &'static str,
    },
    /// Nothing but blank lines: no header and no rows.
    #[error("{file}: empty: no header and no rows{}", after(*.skip))]
    Empty {
        /// The file.
        file: String,
        /// The lines that were skipped on request.
        skip: u64,
    },
    /// A NUL byte, which no text has.
    #[error("{file}, line {line}, column {column}: a NUL byte: expected text in UTF-8, found UTF-16 or a binary file")]
    Nul {
        /// The file.
        file: String,
        /// The line of the byte.
        line: u64,
        /// The column of the byte.
        column: usize,
    },
    /// Text in another encoding.
    #[error("{file}, line {line}, column {column}: `{}` is not UTF-8: save the file as UTF-8", shown(.value))]
    Encoding {
        /// The file.
        file: String,
        /// The line of the first such byte.
        line: u64,
        /// The column of the cell.
        column: usize,
        /// The cell, with a replacement character for what cannot be read.
        value: String,
    },
    /// A quote that opens a cell and is never closed.
    #[error(
        "{file}, line {line}, column {column}: the quote that opens this cell is never closed: \
         close it, or say --quote none if quotes are ordinary characters"
    )]
    UnclosedQuote {
        /// The file.
        file: String,
        /// The line of the quote.
        line: u64,
        /// The column of the cell.
        column: usize,
    },
    /// Text between a closing quote and the end of the cell.
    #[error(
        "{file}, line {line}, column {column}: text follows the closing quote of the cell that began on line {opened}: \
         double a quote inside a cell, or say --quote none if quotes are ordinary characters"
    )]
    AfterQuote {
        /// The file.
        file: String,
        /// The line of the text.
        line: u64,
        /// The column of the cell.
        column: usize,
        /// The line of the opening quote.
        opened: u64,
    },
    /// More than this reader holds in memory, often because of a quote that is not closed.
    #[error("{file}, line {line}, column {column}: {what} of more than {limit}: look for a quote that is not closed")]
    TooLarge {
        /// The file.
        file: String,
        /// The line of the row.
        line: u64,
        /// The column where it became too much.
        column: usize,
        /// What is too large.
        what: &'static str,
        /// What is allowed, with its unit.
        limit: &'static str,
    },
    /// A first line of another length than the rows below it.
    #[error(
        "{file}, line {line}: {found} field{} where the lines below have {expected}: \
         if it is a remark, say --skip {skip}", plural(*.found)
    )]
    FirstLine {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// Its fields.
        found: usize,
        /// The fields of most lines below it.
        expected: usize,
        /// The lines before the first one of that length.
        skip: u64,
    },
    /// A row that is longer or shorter than the first line.
    #[error("{file}, line {line}: {found} field{}, expected {expected}", plural(*.found))]
    Fields {
        /// The file.
        file: String,
        /// The line on which the row begins.
        line: u64,
        /// Its fields.
        found: usize,
        /// The fields of the first line.
        expected: usize,
    },
    /// Numbers that only blanks separate.
    #[error(
        "{file}, line {line}: `{}` is one cell: put commas, semicolons or tabs between cells, or say --delimiter",
        shown(.value)
    )]
    Blanks {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The numbers.
        value: String,
    },
    /// A first line that is formed like the rows below it.
    #[error(
        "{file}, line {line}: `{}` looks like data, not like a header: say --no-header, or --header if it is one",
        shown(.value)
    )]
    NotAHeader {
        /// The file.
        file: String,
        /// The line.
        line: u64,
        /// The cell that gives it away.
        value: String,
    },
    /// Two columns of one name.
    #[error("{file}, line {line}: columns {first} and {column} are both called `{}`: expected one", shown(.name))]
    Duplicate {
        /// The file.
        file: String,
        /// The line of the header.
        line: u64,
        /// The column that has the name first.
        first: usize,
        /// The column that has it again.
        column: usize,
        /// The name, without blanks around it.
        name: String,
    },
    /// A value in a column that the header does not name.
    #[error(
        "{file}, line {line}, column {column}: `{}` in a column without a name: name it in the header",
        shown(.value)
    )]
    Nameless {
        /// The file.
        file: String,
        /// The line on which the row begins.
        line: u64,
        /// The column.
        column: usize,
        /// The first value found.
        value: String,
    },
    /// An option with a value that reads no table.
    #[error("`{option}` is `{}`: expected {expected}", shown(.value))]
    Option {
        /// The option as the command line has it.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        expected: &'static str,
    },
}

fn after(skip: u64) -> String {
    if skip == 0 { String::new() } else { format!(" after the {skip} skipped line{}", plural(skip)) }
}

/// The ending of a count's noun.
pub(super) fn plural(count: impl TryInto<u64>) -> &'static str {
    if count.try_into().is_ok_and(|count| count == 1) { "" } else { "s" }
}

/// A value on one line of a message: its beginning, without control characters.
pub(super) fn shown(value: &str) -> String {
    const LONGEST: usize = 60;
    let mut shown: String = value
        .chars()
        .take(LONGEST)
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect();
    if value.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
