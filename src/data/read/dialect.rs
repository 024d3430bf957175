//! How a table is written: what a user says of it, and what holds.

use std::{borrow::Cow, fmt};

use super::error::{ReadError, shown};

/// The mark between the whole and the fraction of a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Decimal {
    /// `2.6`
    #[default]
    Point,
    /// `2,6`
    Comma,
}

/// Whether the first line names the columns.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Header {
    /// It does, unless it looks like data: then the table is refused.
    #[default]
    Detect,
    /// It does, whatever it looks like.
    Yes,
    /// It is data; the columns are called `column_1`, `column_2`, ...
    No,
}

/// What stands around a cell that holds a delimiter, a line end or a quote; a quote inside is doubled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Quote {
    /// `"`
    #[default]
    Double,
    /// `'`
    Single,
    /// Nothing: quotes are ordinary characters.
    None,
}

impl Quote {
    pub(super) fn byte(self) -> Option<u8> {
        match self {
            Self::Double => Some(b'"'),
            Self::Single => Some(b'\''),
            Self::None => None,
        }
    }
}

/// What a user says of a table; what is not said is found out from its beginning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadOptions {
    /// The character between cells; else the most consistent of `,`, `;`, tab and `|`.
    pub delimiter: Option<u8>,
    /// The decimal mark; else the comma if the delimiter is another, there are numbers like `2,6` and none like `2.6`.
    pub decimal: Option<Decimal>,
    /// The mark between groups of three digits; else there is none, and `1,234.5` is no number.
    pub thousands: Option<char>,
    /// Whether the first line names the columns.
    pub header: Header,
    /// What stands around cells.
    pub quote: Quote,
    /// What means "missing" besides an empty cell, `NA`, `?` and their like: a text, or a number however it is written.
    pub missing: Vec<String>,
    /// Lines to leave out at the beginning.
    pub skip: u64,
}

impl ReadOptions {
    /// Refuses marks that contradict each other.
    pub(super) fn check(&self) -> Result<(), ReadError> {
        let refuse =
            |option, value: char, expected| Err(ReadError::Option { option, value: value.to_string(), expected });
        if let Some(byte) = self.delimiter
            && (!byte.is_ascii() || byte.is_ascii_alphanumeric() || b"\0\r\n\"'".contains(&byte))
        {
            return refuse(
                "--delimiter",
                byte.into(),
                "an ASCII character that is no letter, digit, quote or line end",
            );
        }
        match (self.thousands, self.decimal) {
            (Some('.'), Some(Decimal::Point)) | (Some(','), Some(Decimal::Comma)) => {
                refuse("--thousands", self.thousands.unwrap_or_default(), "another mark than the decimal one")
            }
            (Some(mark), _) if mark.is_alphanumeric() || mark.is_control() || "+-".contains(mark) => {
                refuse("--thousands", mark, "a mark that is no letter, digit or sign")
            }
            _ => Ok(()),
        }
    }
}

/// How a table is written, as said or found out.
///
/// `Display` says it in words, for a note to the user.
#[derive(Clone, Debug, PartialEq)]
pub struct Dialect {
    /// The character between cells.
    pub delimiter: u8,
    /// The decimal mark.
    pub decimal: Decimal,
    /// The mark between groups of three digits.
    pub thousands: Option<char>,
    /// What stands around cells.
    pub quote: Quote,
    /// Whether the first line names the columns.
    pub header: bool,
    /// Whether the file is packed with gzip, whatever its name.
    pub gzip: bool,
    /// Whether it begins with a byte order mark.
    pub byte_order_mark: bool,
    pub(super) missing: Vec<Missing>,
}

/// A text that means "missing", and the number that it is.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Missing {
    text: String,
    number: Option<f64>,
}

/// What always means "missing".
const MISSING: [&str; 11] = ["", "NA", "N/A", "n/a", "nan", "NaN", "NULL", "null", "None", "?", "-"];

impl Default for Dialect {
    /// Commas, decimal points, double quotes and a header.
    fn default() -> Self {
        Self {
            delimiter: b',',
            decimal: Decimal::Point,
            thousands: None,
            quote: Quote::Double,
            header: true,
            gzip: false,
            byte_order_mark: false,
            missing: Vec::new(),
        }
    }
}

impl Dialect {
    /// The finite number that a cell is; `None` if it is none.
    ///
    /// A mark that is not said or found is no part of a number: `13,6` is never 136.
    ///
    /// # Examples
    /// ```
    /// # use burn_zoo::data::read::{ReadOptions, TableReader};
    /// let german = TableReader::from_reader("a.csv", "x;y\n2,6;?\n".as_bytes(), &ReadOptions::default())?;
    /// assert_eq!(german.dialect().number("2,6"), Some(2.6));
    /// assert_eq!(german.dialect().number("2.6"), None);
    /// # Ok::<(), burn_zoo::data::read::ReadError>(())
    /// ```
    pub fn number(&self, cell: &str) -> Option<f64> {
        number(cell, self.decimal, self.thousands)
    }

    /// Whether a cell stands for a value that is not known.
    ///
    /// That is an empty cell, `NA`, `N/A`, `n/a`, `nan`, `NaN`, `NULL`, `null`, `None`, `?`, `-`, and what the options
    /// name. A column of free text should ask only whether a cell is empty: `NA` may be a text.
    pub fn is_missing(&self, cell: &str) -> bool {
        let cell = cell.trim();
        let number = || self.number(cell);
        let is =
            |missing: &Missing| missing.text == cell || missing.number.is_some_and(|known| number() == Some(known));
        MISSING.contains(&cell) || self.missing.iter().any(is)
    }

    /// This dialect with more texts, or numbers in any spelling, that mean "missing".
    pub(super) fn with_missing(mut self, missing: &[String]) -> Self {
        let known = |text: &String| {
            let text = text.trim().to_string();
            // A user may write -99.9 on the command line for a file that has -99,9.
            let number = self.number(&text).or_else(|| number(&text, Decimal::Point, None));
            Missing { text, number }
        };
        self.missing = missing.iter().map(known).collect();
        self
    }
}

/// A finite number in this notation.
pub(super) fn number(cell: &str, decimal: Decimal, thousands: Option<char>) -> Option<f64> {
    let cell = cell.trim();
    let plain = match (decimal, thousands) {
        (Decimal::Point, None) => Cow::Borrowed(cell),
        _ => Cow::Owned(with_point(cell, decimal, thousands)?),
    };
    let is_part = |byte: u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
    let plain = plain.bytes().all(is_part).then_some(plain)?; // "inf" and "nan" parse, too
    plain.parse().ok().filter(|number: &f64| number.is_finite())
}

/// A number in this notation rewritten with a decimal point and without marks between thousands.
fn with_point(cell: &str, decimal: Decimal, thousands: Option<char>) -> Option<String> {
    let mark = if decimal == Decimal::Comma { ',' } else { '.' };
    let (whole, rest) = cell.split_at(cell.find([mark, 'e', 'E']).unwrap_or(cell.len()));
    Some(ungrouped(whole, thousands)? + &rest.replacen(mark, ".", 1))
}

/// The sign and digits before the decimal mark, without the marks between groups of three.
fn ungrouped(whole: &str, thousands: Option<char>) -> Option<String> {
    let digits = whole.strip_prefix(['+', '-']).unwrap_or(whole);
    let digits_only = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let Some(mark) = thousands.filter(|&mark| digits.contains(mark)) else {
        return digits_only(digits).then(|| whole.to_string());
    };
    let mut groups = digits.split(mark);
    let first = groups.next().filter(|first| (1..=3).contains(&first.len()) && !first.starts_with('0'))?;
    let grouped = digits_only(first) && groups.all(|group| group.len() == 3 && digits_only(group));
    grouped.then(|| whole.chars().filter(|&c| c != mark).collect())
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.delimiter {
            b'\t' => write!(f, "tabs between cells")?,
            b' ' => write!(f, "blanks between cells")?,
            byte => write!(f, "`{}` between cells", byte as char)?,
        }
        if self.decimal == Decimal::Comma {
            write!(f, ", decimal comma")?;
        }
        if let Some(mark) = self.thousands {
            write!(f, ", `{}` between thousands", shown(&mark.to_string()))?;
        }
        let facts = [
            (self.quote == Quote::Single, "single quotes"),
            (self.quote == Quote::None, "no quotes"),
            (!self.header, "no header"),
            (self.gzip, "gzip"),
            (self.byte_order_mark, "byte order mark"),
        ];
        facts.iter().filter(|(holds, _)| *holds).try_for_each(|(_, fact)| write!(f, ", {fact}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_obeys_the_marks_of_the_dialect_and_nothing_else() {
        let (point, comma) = (Decimal::Point, Decimal::Comma);
        let cases = [
            ("2.6", point, None, Some(2.6)),
            (" -2.6e3 ", point, None, Some(-2600.0)),
            ("+.5", point, None, Some(0.5)),
            ("5.", point, None, Some(5.0)),
            ("007", point, None, Some(7.0)),
            ("2,6", point, None, None),
            ("13,6", point, Some(','), None),
            ("1,234.50", point, None, None),
            ("1,234.50", point, Some(','), Some(1234.5)),
            ("-1,234,567", point, Some(','), Some(-1_234_567.0)),
            ("833.20", point, Some(','), Some(833.2)),
            ("1,23,456", point, Some(','), None),
            ("0,123", point, Some(','), None),
            ("1234,567", point, Some(','), None),
            ("1'234.5", point, Some('\''), Some(1234.5)),
            ("1\u{a0}234", point, Some('\u{a0}'), Some(1234.0)),
            ("2,6", comma, None, Some(2.6)),
            ("2,6E-1", comma, None, Some(0.26)),
            ("2.6", comma, None, None),
            ("2,6,1", comma, None, None),
            ("1.234,5", comma, None, None),
            ("1.234,5", comma, Some('.'), Some(1234.5)),
            ("1,5e1,5", comma, None, None),
        ];
        for (cell, decimal, thousands, expected) in cases {
            assert_eq!(number(cell, decimal, thousands), expected, "{cell} {decimal:?} {thousands:?}");
        }
    }

    #[test]
    fn what_is_not_a_finite_number_is_none() {
        let none = ["", "-", "+", ".", "e5", "1e", "inf", "-Infinity", "nan", "1e400", "0x10", "12 kg", "1_000", "5%"];
        for cell in none {
            assert_eq!(number(cell, Decimal::Point, None), None, "{cell}");
        }
    }

    #[test]
    fn missing_is_what_everybody_calls_so_and_what_the_user_names() {
        let comma = Dialect { decimal: Decimal::Comma, ..Dialect::default() };
        let dialect = comma.with_missing(&["-200".into(), "-99.9".into(), "unknown".into()]);
        for cell in MISSING.iter().chain(&["  ", "-200", "-200,0", "-2e2", "-99,9", "unknown"]) {
            assert!(dialect.is_missing(cell), "{cell}");
        }
        for cell in ["0", "-200,1", "--", "none of it", "nothing", "Unknown"] {
            assert!(!dialect.is_missing(cell), "{cell}");
        }
    }

    #[test]
    fn marks_that_contradict_each_other_are_refused() {
        let options = ReadOptions { decimal: Some(Decimal::Comma), thousands: Some(','), ..Default::default() };
        let error = options.check().unwrap_err().to_string();
        assert_eq!(error, "`--thousands` is `,`: expected another mark than the decimal one");
        for delimiter in [b'"', b'\'', b'\n', b'\r', 0, b'e', b'7', 0xe9] {
            let options = ReadOptions { delimiter: Some(delimiter), ..Default::default() };
            let error = options.check().unwrap_err().to_string();
            assert!(error.starts_with("`--delimiter` is `") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn a_dialect_says_in_words_what_is_unusual() {
        assert_eq!(Dialect::default().to_string(), "`,` between cells");
        let dialect = Dialect { delimiter: b'\t', decimal: Decimal::Comma, gzip: true, ..Dialect::default() };
        assert_eq!(dialect.to_string(), "tabs between cells, decimal comma, gzip");
    }
}
