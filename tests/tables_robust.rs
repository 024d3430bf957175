//! Whatever bytes come: no panic, bounded memory, one line; and what was written is read.

use std::{
    cell::Cell,
    io::{self, Cursor, Read, Write},
    rc::Rc,
};

use burn_zoo::data::read::{Decimal, Header, Quote, ReadError, ReadOptions, Record, TableReader};
use csv::{QuoteStyle, ReaderBuilder, Terminator, Trim, WriterBuilder};
use flate2::{Compression, write::GzEncoder};
use proptest::{collection::vec, prelude::*, sample::select};

fn line_ends(text: &[u8]) -> u64 {
    let text = String::from_utf8(text.to_vec()).unwrap().replace("\r\n", "\n");
    text.matches(['\n', '\r']).count() as u64
}

fn cell() -> impl Strategy<Value = String> {
    let characters =
        vec!['a', '1', '.', '"', '\'', ',', ';', '\t', '|', '\n', '\r', ' ', '-', 'é', '\u{a0}', '😀', '\\'];
    vec(select(characters), 0..8).prop_map(|characters| characters.into_iter().collect())
}

fn table() -> impl Strategy<Value = Vec<Vec<String>>> {
    (1_usize..5).prop_flat_map(|width| vec(vec(cell(), width), 0..12))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1000) })]

    /// Against the writer of the `csv` crate, in each of its styles.
    #[test]
    fn what_was_written_is_read_with_its_lines(
        table in table(),
        delimiter in select(vec![b',', b';', b'\t', b'|']),
        always in any::<bool>(),
        crlf in any::<bool>(),
        single in any::<bool>(),
    ) {
        let quote = if single { Quote::Single } else { Quote::Double };
        let mut writer = WriterBuilder::new()
            .delimiter(delimiter)
            .quote(if single { b'\'' } else { b'"' })
            .quote_style(if always { QuoteStyle::Always } else { QuoteStyle::Necessary })
            .terminator(if crlf { Terminator::CRLF } else { Terminator::Any(b'\n') })
            .from_writer(Vec::new());
        let names: Vec<String> = (0..table.first().map_or(2, Vec::len)).map(|i| format!("name {i}")).collect();
        writer.write_record(&names).unwrap();
        let mut expected = Vec::new();
        for row in &table {
            writer.flush().unwrap();
            let line = line_ends(writer.get_ref()) + 1;
            writer.write_record(row).unwrap();
            let cells: Vec<String> = row.iter().map(|cell| cell.trim().to_string()).collect();
            if cells.iter().any(|cell| !cell.is_empty()) {
                expected.push(Record { line, cells });
            }
        }
        let bytes = writer.into_inner().unwrap();
        let options = ReadOptions { delimiter: Some(delimiter), header: Header::Yes, quote, ..Default::default() };
        let mut reader = TableReader::from_reader("t.csv", Cursor::new(bytes), &options).unwrap();
        prop_assert_eq!(reader.columns(), &names[..]);
        let rows: Vec<Record> = reader.records().collect::<Result<_, _>>().unwrap();
        prop_assert_eq!(&rows, &expected);
        prop_assert_eq!(reader.blank_rows() as usize, table.len() - expected.len());
    }

    #[test]
    fn a_number_is_read_as_it_was_written(x in any::<f64>().prop_filter("finite", |x| x.is_finite())) {
        let options = ReadOptions { decimal: Some(Decimal::Comma), ..Default::default() };
        let reader = |options| TableReader::from_reader("t.csv", "a;b".as_bytes(), options).unwrap();
        let (point, comma) = (reader(&ReadOptions::default()), reader(&options));
        for text in [x.to_string(), format!("{x:e}")] {
            prop_assert_eq!(point.dialect().number(&text), Some(x));
            prop_assert_eq!(comma.dialect().number(&text.replace('.', ",")), Some(x));
        }
    }
}

/// Steele, Lea and Flood's SplitMix64: the same mutations in every run.
struct Draws(u64);

impl Draws {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(6) {
            0 => bytes.insert(at, self.of(b"\"\"',;\t|\n\r \0.\\\xff\xc3")),
            1 => bytes.insert(at, self.next() as u8),
            2 if !bytes.is_empty() => drop(bytes.remove(at)),
            3 if !bytes.is_empty() => bytes[at] ^= 1 << self.below(8),
            4 => bytes.truncate(at),
            _ => {
                let end = at + self.below(bytes.len() - at);
                let piece = bytes[at..end].to_vec();
                let to = self.below(bytes.len());
                bytes.splice(to..to, piece);
            }
        }
    }
}

#[test]
fn ten_thousand_damaged_tables_are_read_or_refused_without_a_panic() {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(b"a,b\n1,2\n3,4\n5,6\n").unwrap();
    let whole: [Vec<u8>; 6] = [
        b"Date;CO;T;;\r\n10/03/2004;2,6;13,6;;\r\n11/03/2004;-200;13;;\r\n;;;;\r\n".to_vec(),
        b"39, Private, <=50K\n50, ?, >50K\n\n".to_vec(),
        b"\xef\xbb\xbftext,label\r\n\"He said \"\"no\"\"\",neg\r\n\"Line one\nline two\",pos\r\n,neg\r\n".to_vec(),
        b"ham\t\"blue one\nspam\tWIN\nham\tdont\tworry\n".to_vec(),
        b"id,amount,note\n1,\"1,234.50\",\"a, b\"\n2,833.20,\n3,,caf\xc3\xa9\n".to_vec(),
        gzip.finish().unwrap(),
    ];
    let (mut draws, mut read, mut compared) = (Draws(1), 0, 0);
    for _ in 0..10_000 {
        let mut bytes = whole[draws.below(whole.len())].clone();
        (0..1 + draws.below(4)).for_each(|_| draws.mutate(&mut bytes));
        let options = ReadOptions {
            delimiter: draws.of(&[None, None, Some(b','), Some(b' ')]),
            decimal: draws.of(&[None, Some(Decimal::Comma)]),
            thousands: draws.of(&[None, None, Some('.'), Some('\'')]),
            header: draws.of(&[Header::Detect, Header::Yes, Header::No]),
            quote: draws.of(&[Quote::Double, Quote::Double, Quote::Single, Quote::None]),
            missing: vec!["-200".to_string()],
            skip: draws.of(&[0, 0, 1, 9]),
        };
        match rows(&bytes, &options) {
            Ok((reader, rows)) => {
                read += 1;
                compared += usize::from(compare(&bytes, &options, &reader, &rows));
            }
            Err(error) => {
                let error = error.to_string();
                assert!(error.starts_with("t.csv") && error.chars().count() < 300, "{error}");
                assert!(!error.chars().any(char::is_control), "{error:?}");
            }
        }
    }
    assert!(read > 1000 && compared > 500, "{read} read, {compared} compared: the test has lost its point");
}

/// All rows, checked to be what every row is.
fn rows(bytes: &[u8], options: &ReadOptions) -> Result<(TableReader, Vec<Record>), ReadError> {
    let mut reader = TableReader::from_reader("t.csv", Cursor::new(bytes.to_vec()), options)?;
    let rows: Vec<Record> = reader.records().collect::<Result<_, _>>()?;
    for row in &rows {
        assert_eq!(row.cells.len(), reader.columns().len());
        assert!(row.cells.iter().all(|cell| cell == cell.trim()));
        row.cells.iter().for_each(|cell| {
            reader.dialect().number(cell);
            reader.dialect().is_missing(cell);
        });
    }
    assert!(rows.is_sorted_by(|a, b| a.line < b.line));
    Ok((reader, rows))
}

/// Compares with the `csv` crate, where both follow the same rules; whether they do.
fn compare(bytes: &[u8], options: &ReadOptions, reader: &TableReader, rows: &[Record]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let padded = ["\" ", " \"", "\"\t", "\t\""].iter().any(|padded| text.contains(padded));
    let (dialect, dropped) = (reader.dialect(), !reader.notes().is_empty());
    if dialect.quote == Quote::Single || dialect.gzip || options.skip > 0 || padded || dropped {
        return false;
    }
    let mut csv = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(Trim::All)
        .delimiter(dialect.delimiter)
        .quoting(dialect.quote == Quote::Double)
        .from_reader(bytes);
    let theirs = csv.records().map(|row| row.unwrap().iter().map(str::to_string).collect::<Vec<_>>());
    let theirs = theirs.filter(|row| row.iter().any(|cell| !cell.is_empty()));
    let theirs: Vec<Vec<String>> = theirs.skip(usize::from(dialect.header)).collect();
    assert_eq!(rows.iter().map(|row| row.cells.clone()).collect::<Vec<_>>(), theirs, "{text:?}");
    true
}

/// Counts the bytes that are read.
struct Counted<R>(R, Rc<Cell<u64>>);

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(buffer)?;
        self.1.set(self.1.get() + read as u64);
        Ok(read)
    }
}

#[test]
fn what_never_ends_is_refused_before_it_fills_the_memory() {
    const MIB: u64 = 1 << 20;
    let cell = "a cell of more than 16 MiB";
    let endless: [(&[u8], u8, &str, u64); 5] = [
        (b"a,b\n1,2\n", b'x', cell, 17 * MIB),
        (b"a,b\n1,\"2\n", b'x', cell, 17 * MIB),
        (b"a,b\n1,2\n", b'"', cell, 33 * MIB),
        (b"a,b\n1,2\n", b',', "a row of more than 100000 columns", 5 * MIB),
        (b"", b',', "a row of more than 100000 columns", 5 * MIB),
    ];
    for (start, byte, says, most) in endless {
        let count = Rc::new(Cell::new(0));
        let source = Counted(Cursor::new(start).chain(io::repeat(byte)), count.clone());
        let rows = TableReader::from_reader("t.csv", source, &ReadOptions::default())
            .and_then(|mut reader| reader.records().collect::<Result<Vec<_>, _>>());
        let error = rows.unwrap_err().to_string();
        assert!(error.starts_with("t.csv, line ") && error.contains(says), "{error}");
        assert!(count.get() < most, "{} bytes", count.get());
    }
    // Cells that are each short enough.
    let row = [b'x'; 1000].into_iter().chain(*b",").collect::<Vec<u8>>().repeat(70_000);
    let row = Cursor::new(b"a\n".to_vec()).chain(Cursor::new(row));
    let options = ReadOptions { header: Header::Yes, delimiter: Some(b','), ..Default::default() };
    let mut reader = TableReader::from_reader("t.csv", row, &options).unwrap();
    let error = reader.records().next().unwrap().unwrap_err().to_string();
    assert!(error.starts_with("t.csv, line 2, column 67") && error.contains("a row of more than 64 MiB"), "{error}");
}

#[test]
fn the_largest_cell_that_is_allowed_is_read() {
    let text = format!("a,b\n1,{}\n", "x".repeat(16 << 20));
    let mut reader = TableReader::from_reader("t.csv", Cursor::new(text), &ReadOptions::default()).unwrap();
    assert_eq!(reader.records().next().unwrap().unwrap().cells[1].len(), 16 << 20);
}
