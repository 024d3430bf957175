//! Finds out from the beginning of a table how it is written.

use super::{
    Decimal, Dialect, Quote, ReadOptions, Record,
    dialect::number,
    error::{ReadError, shown},
    input::Input,
    rows::Rows,
};

/// Delimiters in the order in which they win if all else is equal: the rarer in text, the earlier.
const DELIMITERS: [u8; 4] = [b'\t', b';', b'|', b','];

/// The beginning of a table, split into rows; blank ones are left out.
pub(super) struct Sample {
    pub(super) dialect: Dialect,
    rows: Vec<Record>,
}

impl Sample {
    /// What the options say and the input shows; whether there is a header is not yet decided.
    pub(super) fn new(input: &Input, options: &ReadOptions) -> Self {
        let delimiter = options.delimiter.unwrap_or_else(|| delimiter(input, options));
        let rows = split(input, delimiter, options).0;
        let dialect = Dialect {
            delimiter,
            decimal: options.decimal.unwrap_or_else(|| decimal(&rows, delimiter, options.thousands)),
            thousands: options.thousands,
            quote: options.quote,
            gzip: input.gzip,
            byte_order_mark: input.byte_order_mark,
            ..Dialect::default()
        };
        Self { dialect: dialect.with_missing(&options.missing), rows }
    }

    /// The rows below the first one.
    fn below(&self) -> &[Record] {
        self.rows.get(1..).unwrap_or_default()
    }

    /// The length of most rows below the first one, if that is another, and the line of the first such row.
    pub(super) fn other_length(&self, first: &Record) -> Option<(usize, u64)> {
        let lengths: Vec<usize> = self.below().iter().map(|row| row.cells.len()).collect();
        let (length, times) = mode(&lengths)?;
        let row = self.below().iter().find(|row| row.cells.len() == length)?;
        (length != first.cells.len() && times > 1 && 2 * times > lengths.len()).then_some((length, row.line))
    }

    /// The first row that is one cell with several numbers in it.
    pub(super) fn blanks(&self) -> Option<&Record> {
        let is_number = |text: &str| self.dialect.number(text).is_some();
        let is_numbers = |cell: &str| !is_number(cell) && cell.split_whitespace().all(is_number);
        self.rows.iter().find(|row| matches!(&row.cells[..], [cell] if is_numbers(cell)))
    }

    /// The cell by which a first row looks like the rows below it.
    ///
    /// If there are columns of numbers, it looks so if its cells in all of them are numbers or missing. Else it does by
    /// any cell that occurs again in its column, or has the one pattern of digits that its column has, such as a date.
    pub(super) fn like_data<'a>(&self, first: &'a Record) -> Option<&'a str> {
        let is_number = |cell: &str| self.dialect.number(cell).is_some();
        let is_missing = |cell: &str| self.dialect.is_missing(cell);
        let below = |column: usize| {
            let cells = self.below().iter().filter_map(move |row| row.cells.get(column)).map(String::as_str);
            cells.filter(|cell| !is_missing(cell))
        };
        // Without rows below, each column may be one of numbers.
        let has_numbers =
            |column: usize| below(column).all(is_number) && (below(column).next().is_some() || self.below().is_empty());
        let columns = || first.cells.iter().map(String::as_str).enumerate();
        let mut of_numbers = columns().filter(|&(column, _)| has_numbers(column)).map(|(_, cell)| cell).peekable();
        if of_numbers.peek().is_some() {
            let cells: Vec<&str> = of_numbers.filter(|cell| !is_missing(cell)).collect();
            return cells.first().copied().filter(|_| cells.iter().all(|cell| is_number(cell)));
        }
        let is_alike = |&(column, cell): &(usize, &str)| {
            let again = below(column).any(|other| other == cell);
            let same = || below(column).next().is_some() && below(column).all(|other| pattern(other) == pattern(cell));
            !is_missing(cell) && (again || cell.contains(|c: char| c.is_ascii_digit()) && same())
        };
        columns().find(is_alike).map(|(_, cell)| cell)
    }

    /// What the user may want to say of this table.
    pub(super) fn notes(&self, options: &ReadOptions) -> Vec<String> {
        let cells = || self.rows.iter().flat_map(|row| &row.cells).map(String::as_str);
        let mut notes = Vec::new();
        if options.decimal.is_none() && options.thousands.is_none() {
            let note = |cell| match self.other_notations(cell) {
                ways if ways.is_empty() => None,
                ways => {
                    let ways = ways.join(" or ");
                    Some(format!("cells like `{}` are no numbers as they stand: if they are, say {ways}", shown(cell)))
                }
            };
            notes.extend(cells().find_map(note));
        }
        let quoted = |cell: &&str| cell.len() > 1 && cell.starts_with('\'') && cell.ends_with('\'');
        if options.quote == Quote::Double && 2 * cells().filter(quoted).count() > cells().count() {
            notes
                .push("most cells stand in single quotes, which are kept: to take them off, say --quote single".into());
        }
        notes
    }

    /// The options by which a cell is a number that is none in this dialect.
    fn other_notations(&self, cell: &str) -> Vec<&'static str> {
        if !cell.contains(['.', ',']) || self.dialect.number(cell).is_some() {
            return Vec::new();
        }
        let reads = |decimal, thousands| number(cell, decimal, thousands).is_some();
        let (point, comma) = (reads(Decimal::Point, None), reads(Decimal::Comma, None));
        let notations = [
            (point, "--decimal point"),
            (comma, "--decimal comma"),
            (!point && reads(Decimal::Point, Some(',')), "--thousands ,"),
            (!comma && reads(Decimal::Comma, Some('.')), "--decimal comma --thousands ."),
        ];
        notations.into_iter().filter(|(reads, _)| *reads).map(|(_, option)| option).collect()
    }
}

/// The delimiter by which most rows have the same number of cells, at least two; then, by which most cells are numbers.
fn delimiter(input: &Input, options: &ReadOptions) -> u8 {
    let mut best = (0.0, 0.0, if options.decimal == Some(Decimal::Comma) { b';' } else { b',' });
    for byte in DELIMITERS {
        if byte == b',' && options.decimal == Some(Decimal::Comma) {
            continue;
        }
        let (mut rows, fault) = split(input, byte, options);
        if fault.is_some_and(|fault| matches!(fault, ReadError::UnclosedQuote { .. } | ReadError::AfterQuote { .. })) {
            // The quotes will be refused; by which delimiter, is to be told from all of the sample.
            rows = split(input, byte, &ReadOptions { quote: Quote::None, ..options.clone() }).0;
        }
        let lengths: Vec<usize> = rows.iter().map(|row| row.cells.len()).collect();
        let Some((_, times)) = mode(&lengths).filter(|&(length, _)| length > 1) else { continue };
        let cells = || rows.iter().flat_map(|row| &row.cells);
        let is_number =
            |cell: &&String| [Decimal::Point, Decimal::Comma].iter().any(|&d| number(cell, d, None).is_some());
        let numbers = cells().filter(is_number).count() as f64 / cells().count() as f64;
        let found = (times as f64 / rows.len() as f64, numbers, byte);
        if (found.0, found.1) > (best.0, best.1) {
            best = found;
        }
    }
    best.2
}

/// The comma, if the delimiter is another and numbers have it that can have no other meaning, and no such points.
fn decimal(rows: &[Record], delimiter: u8, thousands: Option<char>) -> Decimal {
    match thousands {
        Some('.') => return Decimal::Comma,
        Some(',') => return Decimal::Point,
        _ if delimiter == b',' => return Decimal::Point,
        _ => {}
    }
    let cells = || rows.iter().flat_map(|row| &row.cells).filter(|cell| cell.contains(['.', ',']));
    // `1,234` is a number by a decimal comma, and by a comma between thousands: it says nothing.
    let reads = |cell: &str, decimal, group| {
        number(cell, decimal, None).is_some() || number(cell, decimal, Some(group)).is_some()
    };
    let comma = |cell: &&String| reads(cell, Decimal::Comma, '.');
    let point = |cell: &&String| reads(cell, Decimal::Point, ',');
    let commas = cells().any(|cell| comma(&cell) && !point(&cell));
    let points = cells().any(|cell| point(&cell) && !comma(&cell));
    if commas && !points { Decimal::Comma } else { Decimal::Point }
}

/// The rows of a sample as far as they can be split, and what stopped that before its end.
fn split(input: &Input, delimiter: u8, options: &ReadOptions) -> (Vec<Record>, Option<ReadError>) {
    let mut rows = Rows::new(&input.sample[..], "", false, delimiter, options.quote, input.line);
    let (mut records, mut fault) = (Vec::new(), None);
    loop {
        match rows.next() {
            Ok(Some(record)) => records.push(record),
            Ok(None) => break,
            // A quote may be closed after the sample.
            Err(ReadError::UnclosedQuote { .. }) if !input.whole => break,
            Err(error) => {
                fault = Some(error);
                break;
            }
        }
    }
    if !input.whole && fault.is_none() && records.len() > 1 {
        records.pop(); // it may be cut
    }
    records.retain(|record| !record.is_blank());
    (records, fault)
}

/// The most frequent length, the greater of equally frequent ones, and how often it is.
fn mode(lengths: &[usize]) -> Option<(usize, usize)> {
    let mut counts = std::collections::BTreeMap::<usize, usize>::new();
    lengths.iter().for_each(|&length| *counts.entry(length).or_default() += 1);
    counts.into_iter().max_by_key(|&(_, times)| times)
}

/// A cell with each digit replaced by 9.
fn pattern(cell: &str) -> String {
    cell.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect()
}
