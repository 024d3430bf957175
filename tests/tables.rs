//! Tables as people have them: the field cases D01-D05 and D11, each with a small copy that always runs.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{Cursor, Read, Write},
    path::PathBuf,
};

use burn_zoo::data::read::{Decimal, Header, Quote, ReadError, ReadOptions, Record, TableReader};
use flate2::{Compression, write::GzEncoder};

/// A file of the field cases, beside the data; `None`, with a note, where there are none.
fn field(name: &str) -> Option<PathBuf> {
    let path = env::var_os("BURN_ZOO_DATA").map(|data| PathBuf::from(data).join("../field").join(name));
    let path = path.filter(|path| path.exists());
    if path.is_none() {
        eprintln!("skipped: no field file {name} beside $BURN_ZOO_DATA");
    }
    path
}

fn no_header() -> ReadOptions {
    ReadOptions { header: Header::No, ..ReadOptions::default() }
}

fn reader(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> Result<TableReader, ReadError> {
    TableReader::from_reader("t.csv", Cursor::new(bytes.as_ref().to_vec()), options)
}

fn rows(reader: &mut TableReader) -> Vec<Record> {
    reader.records().collect::<Result<_, _>>().unwrap()
}

/// The cells of a text, row by row.
fn cells(text: &str, options: &ReadOptions) -> Vec<Vec<String>> {
    rows(&mut reader(text, options).unwrap()).into_iter().map(|row| row.cells).collect()
}

/// The error of a text, wherever it comes, checked to be one line.
fn error(bytes: impl AsRef<[u8]>, options: &ReadOptions) -> String {
    let error = reader(bytes, options).and_then(|mut reader| reader.records().collect::<Result<Vec<_>, _>>());
    let error = error.unwrap_err().to_string();
    assert!(!error.contains(['\n', '\r', '\0']), "{error:?}");
    error
}

fn plain() -> ReadOptions {
    ReadOptions::default()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// How often each value stands in a column, from 1.
fn counts(rows: &[Record], column: usize) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    rows.iter().for_each(|row| *counts.entry(row.cells[column - 1].as_str()).or_default() += 1);
    counts
}

/// The mean of the numbers in a column, from 1, and how many cells are missing.
fn mean(reader: &TableReader, rows: &[Record], column: usize) -> (f64, usize) {
    let dialect = reader.dialect();
    let cells = rows.iter().map(|row| row.cells[column - 1].as_str()).filter(|cell| !dialect.is_missing(cell));
    let numbers: Vec<f64> = cells.map(|cell| dialect.number(cell).unwrap_or_else(|| panic!("`{cell}`"))).collect();
    (numbers.iter().sum::<f64>() / numbers.len() as f64, rows.len() - numbers.len())
}

/// The README of the cases states means with six decimals.
fn assert_mean(found: f64, stated: f64) {
    assert!((found - stated).abs() < 1e-6, "{found} is not {stated}");
}

// D01: semicolons, decimal commas, nameless columns, blank rows, -200 for missing.

#[test]
fn air_quality_is_read_with_the_values_of_its_readme() {
    let Some(path) = field("D01/air-quality.csv") else { return };
    let mut reader = TableReader::open(path, &ReadOptions { missing: vec!["-200".into()], ..plain() }).unwrap();
    let rows = rows(&mut reader);
    assert_eq!((rows.len(), reader.columns().len(), reader.blank_rows()), (96, 15, 5));
    assert_eq!(rows[0].cells[..2], ["10/03/2004", "18.00.00"]);
    assert_eq!(rows[95].cells[..2], ["14/03/2004", "17.00.00"]);
    assert_eq!(reader.notes(), ["2 nameless empty columns dropped"]);
    assert_eq!(reader.dialect().to_string(), "`;` between cells, decimal comma");
    let column = |name: &str| reader.columns().iter().position(|column| column == name).unwrap() + 1;
    assert_mean(mean(&reader, &rows, column("C6H6(GT)")).0, 9.772917);
    assert_mean(mean(&reader, &rows, column("T")).0, 12.176042);
    assert_mean(mean(&reader, &rows, column("CO(GT)")).0, 2.451648);
    for (name, missing) in [("CO(GT)", 5), ("NMHC(GT)", 1), ("NOx(GT)", 5), ("NO2(GT)", 5)] {
        assert_eq!(mean(&reader, &rows, column(name)).1, missing, "{name}");
    }
}

const AIR: &str = "Date;CO;T;;\r\n10/03/2004;2,6;13,6;;\r\n11/03/2004;-200;13;;\r\n;;;;\r\n;;;;\r\n";

#[test]
fn semicolons_and_decimal_commas_are_found_and_empty_columns_and_rows_left_out() {
    let mut reader = reader(AIR, &ReadOptions { missing: vec!["-200".into()], ..plain() }).unwrap();
    let rows = rows(&mut reader);
    assert_eq!(reader.columns(), ["Date", "CO", "T"]);
    assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 3]);
    assert_eq!((mean(&reader, &rows, 2), mean(&reader, &rows, 3)), ((2.6, 1), (13.3, 0)));
    assert_eq!((reader.blank_rows(), reader.dialect().decimal), (2, Decimal::Comma));
}

#[test]
fn a_value_in_a_nameless_column_is_refused_however_late() {
    let late = AIR.replacen("-200;13;;", "-200;13;;7", 1);
    assert_eq!(error(late, &plain()), "t.csv, line 3, column 5: `7` in a column without a name: name it in the header");
    let index = ",name\n0,bob\n1,eve\n";
    assert_eq!(
        error(index, &plain()),
        "t.csv, line 2, column 1: `0` in a column without a name: name it in the header"
    );
}

#[test]
fn a_comma_is_no_decimal_mark_where_it_may_mean_something_else() {
    let decimal = |text: &str| {
        let reader = reader(text, &plain()).unwrap();
        (reader.dialect().decimal, reader.notes().join(" "))
    };
    let note =
        |cell: &str, ways: &str| format!("cells like `{cell}` are no numbers as they stand: if they are, say {ways}");
    assert_eq!(decimal("a;b\n2,6;1\n"), (Decimal::Comma, String::new()));
    assert_eq!(decimal("a;b\n2,6;2.6\n"), (Decimal::Point, note("2,6", "--decimal comma")));
    assert_eq!(decimal("a;b\n1,234;1\n"), (Decimal::Point, note("1,234", "--decimal comma or --thousands ,")));
    assert_eq!(decimal("a;b\n0,125;1\n"), (Decimal::Comma, String::new()));
    assert_eq!(decimal("a,b\n\"2,6\",1\n"), (Decimal::Point, note("2,6", "--decimal comma")));
    let dots = "1.234,5";
    assert_eq!(decimal("a;b\n1.234,5;1\n"), (Decimal::Comma, note(dots, "--decimal comma --thousands .")));
    let said = ReadOptions { decimal: Some(Decimal::Comma), ..plain() };
    assert_eq!(cells("y\n2,6\n3,5\n", &said), [["2,6"], ["3,5"]]);
}

// D02: no header, odd labels, a remark on the first line.

#[test]
fn adult_has_74_rows_without_a_header_and_is_refused_with_one() {
    let Some(path) = field("D02/adult.data") else { return };
    let mut reader = TableReader::open(&path, &no_header()).unwrap();
    let rows = rows(&mut reader);
    assert_eq!((rows.len(), reader.columns().len(), reader.columns()[14].as_str()), (74, 15, "column_15"));
    for (column, unknown) in [(2, 4), (7, 4), (14, 5)] {
        assert_eq!(counts(&rows, column)["?"], unknown);
    }
    assert_eq!(counts(&rows, 15), [("<=50K", 56), (">50K", 18)].into());
    assert_mean(mean(&reader, &rows, 1).0, 38.040541);
    let error = TableReader::open(&path, &plain()).unwrap_err().to_string();
    let says = "line 1: `39` looks like data, not like a header: say --no-header, or --header if it is one";
    assert!(error.ends_with(says), "{error}");
}

#[test]
fn the_remark_in_adult_test_is_refused_or_skipped() {
    let Some(path) = field("D02/adult.test") else { return };
    for options in [plain(), no_header()] {
        let error = TableReader::open(&path, &options).unwrap_err();
        assert!(matches!(error, ReadError::FirstLine { line: 1, found: 1, expected: 15, skip: 1, .. }), "{error}");
    }
    let mut reader = TableReader::open(&path, &ReadOptions { skip: 1, ..no_header() }).unwrap();
    let rows = rows(&mut reader);
    assert_eq!((rows.len(), rows[0].line), (39, 2));
    for (column, unknown) in [(2, 5), (7, 5), (14, 1)] {
        assert_eq!(counts(&rows, column)["?"], unknown);
    }
    assert_eq!(counts(&rows, 15), [("<=50K.", 28), (">50K.", 11)].into());
}

#[test]
fn a_first_line_that_is_data_is_never_taken_for_a_header_in_silence() {
    let says = |cell: &str| {
        format!("t.csv, line 1: `{cell}` looks like data, not like a header: say --no-header, or --header if it is one")
    };
    let data = [
        ("39, Private, <=50K\n50, Private, >50K\n\n", "39"),
        ("?,1.5,a\n3,2.5,b\n", "1.5"),                       // a missing value says nothing
        ("2024-01-01,up\n2024-01-02,down\n", "2024-01-01"),  // dates of one pattern
        ("ham\tok, then\nspam\tWIN\nham\tsee you\n", "ham"), // a value that comes again
        ("7,8\n", "7"),                                      // nothing to compare with
    ];
    for (text, cell) in data {
        assert_eq!(error(text, &plain()), says(cell), "{text}");
        assert_eq!(cells(text, &no_header()).len(), text.trim().lines().count());
    }
    let years = "2019,2020\n1,2\n3,4\n";
    assert_eq!(error(years, &plain()), says("2019"));
    assert_eq!(reader(years, &ReadOptions { header: Header::Yes, ..plain() }).unwrap().columns(), ["2019", "2020"]);
    for header in ["id,2019,all\nA1,1,2\nA2,3,4\n", "a,b\n1,x\n", "label,text\nham,ok\nspam,no\n", "x1,x2\n"] {
        assert!(reader(header, &plain()).is_ok(), "{header}");
    }
}

#[test]
fn a_first_line_of_another_length_names_the_lines_to_skip() {
    let remarks = "# made by\n# nobody\na,b\n1,2\n3,4\n5,6\n7,8\n";
    let says = "t.csv, line 1: 1 field where the lines below have 2: if it is a remark, say --skip 2";
    assert_eq!(error(remarks, &plain()), says);
    let mut reader = reader(remarks, &ReadOptions { skip: 2, ..plain() }).unwrap();
    assert_eq!((reader.columns().join(" ").as_str(), rows(&mut reader)[0].line), ("a b", 4));
}

// D03: predict-time schema; here only that all of it is read.

#[test]
fn all_files_of_automobiles_are_read() {
    let Some(train) = field("D03/train.csv") else { return };
    let width = |name: &str| match name {
        "new-missing-column.csv" | "new-no-target.csv" => 25,
        "new-reordered.csv" => 27,
        _ => 26,
    };
    for entry in fs::read_dir(train.parent().unwrap()).unwrap() {
        let name = entry.as_ref().unwrap().file_name().into_string().unwrap();
        let mut reader = TableReader::open(entry.unwrap().path(), &plain()).unwrap();
        let rows = rows(&mut reader);
        assert_eq!(reader.columns().len(), width(&name), "{name}");
        assert_eq!(rows.len(), if name == "train.csv" { 190 } else { 10 }, "{name}");
        assert_eq!(reader.notes(), [""; 0], "{name}");
        match name.as_str() {
            "train.csv" => {
                assert_mean(mean(&reader, &rows, 26).0, 13145.852632);
                let unknown = |(_, column)| counts(&rows, column).get("?").copied().unwrap_or(0);
                let columns = reader.columns().iter().zip(1..).map(unknown).filter(|&count| count > 0);
                assert_eq!(columns.collect::<Vec<_>>(), [32, 2, 4, 4, 1, 1]);
            }
            "new-typo-header.csv" => assert_eq!(reader.columns()[13], "Curb-Weight"),
            "new-unseen-level.csv" => assert_eq!((rows[3].line, rows[3].cells[2].as_str()), (5, "mercury")),
            "new-empty-cells.csv" => assert_eq!((rows[4].line, rows[4].cells[21].as_str()), (6, "")),
            "new-reordered.csv" => assert_eq!(rows[0].cells[26], "row 0, seen twice"),
            _ => {}
        }
    }
}

#[test]
fn names_are_trimmed_and_two_of_one_name_are_refused() {
    assert_eq!(reader("a, Curb-Weight \n1,2\n", &plain()).unwrap().columns(), ["a", "Curb-Weight"]);
    let twice = "a,b, a\n1,2,3\n";
    assert_eq!(error(twice, &plain()), "t.csv, line 1: columns 1 and 3 are both called `a`: expected one");
}

// D04: single quotes, bare nan.

#[test]
fn recurrence_is_read_with_or_without_its_single_quotes() {
    let Some(path) = field("D04/recurrence.csv") else { return };
    for quote in [Quote::Single, Quote::Double] {
        let mut reader = TableReader::open(&path, &ReadOptions { quote, ..no_header() }).unwrap();
        let rows = rows(&mut reader);
        assert_eq!((rows.len(), reader.columns().len()), (286, 10));
        let missing =
            |column: usize| rows.iter().filter(|row| reader.dialect().is_missing(&row.cells[column - 1])).count();
        assert_eq!((1..=10).map(missing).collect::<Vec<_>>(), [0, 0, 0, 0, 8, 0, 0, 1, 0, 0]);
        let (no, yes) = ("no-recurrence-events", "recurrence-events");
        let quoted = [format!("'{no}'"), format!("'{yes}'")];
        let [no, yes] = if quote == Quote::Single { [no, yes] } else { [quoted[0].as_str(), quoted[1].as_str()] };
        assert_eq!(counts(&rows, 10), [(no, 201), (yes, 85)].into());
        assert_eq!(reader.notes().len(), usize::from(quote == Quote::Double));
    }
    assert!(matches!(TableReader::open(&path, &plain()), Err(ReadError::NotAHeader { line: 1, .. })));
}

#[test]
fn single_quotes_are_kept_with_a_note_or_taken_off_by_option() {
    let text = "'x','y'\n'40-49','it''s so'\n'50-59',nan\n";
    let mut kept = reader(text, &plain()).unwrap();
    assert_eq!(rows(&mut kept)[0].cells, ["'40-49'", "'it''s so'"]);
    let says = "most cells stand in single quotes, which are kept: to take them off, say --quote single";
    assert_eq!(kept.notes(), [says]);
    let single = ReadOptions { quote: Quote::Single, ..plain() };
    assert_eq!(cells(text, &single), [["40-49", "it's so"], ["50-59", "nan"]]);
}

// D05: mixed types, quoted line ends.

#[test]
fn orders_are_40_rows_on_45_lines() {
    let Some(path) = field("D05/orders.csv") else { return };
    let mut reader = TableReader::open(path, &ReadOptions { thousands: Some(','), ..plain() }).unwrap();
    let rows = rows(&mut reader);
    assert_eq!((rows.len(), reader.columns().len(), rows[39].line), (40, 15, 45));
    assert_eq!((reader.columns()[10].as_str(), reader.columns()[14].as_str()), ("colour", "minutes"));
    assert_eq!(counts(&rows, 11), [("blue", 17), ("green", 13), ("red", 10)].into());
    assert_eq!(rows[0].cells[8], "03569");
    assert_eq!(rows[5].cells[8], "01374");
    assert!((mean(&reader, &rows, 4).0 - 5381.1635).abs() < 1e-9);
    assert!((mean(&reader, &rows, 15).0 - 50.57).abs() < 1e-9);
    let notes: Vec<&Record> = rows.iter().filter(|row| row.cells[12].contains('\n')).collect();
    assert_eq!(notes.iter().map(|row| row.line).collect::<Vec<_>>(), [5, 16, 27, 38]);
    assert_eq!(notes[0].cells[12], "left at \"back\" door,\nring twice");
    // Rows 20 and 31 of the README stand on later lines, by the line ends in cells before them.
    let is_bad = |row: &&Record| reader.dialect().number(&row.cells[9]).is_none();
    let bad: Vec<(u64, &str)> = rows.iter().filter(is_bad).map(|row| (row.line, row.cells[9].as_str())).collect();
    assert_eq!(bad, [(10, "n/a"), (22, "unknown"), (34, "12 kg")]);
}

#[test]
fn wide_has_1501_columns() {
    let Some(path) = field("D05/wide.csv") else { return };
    let mut reader = TableReader::open(path, &plain()).unwrap();
    let rows = rows(&mut reader);
    assert_eq!((rows.len(), reader.columns().len()), (24, 1501));
    let target = reader.columns().iter().position(|column| column == "y").unwrap() + 1;
    assert_mean(mean(&reader, &rows, target).0, 10.916667);
}

#[test]
fn a_line_end_in_a_cell_counts_as_a_line_whatever_its_bytes() {
    for end in ["\n", "\r\n", "\r"] {
        let text = "a,b\n1,\"x\n\ny\"\n\n2,z\n\"\"\"q\"\", r\",\"\"\n".replace('\n', end);
        let rows = rows(&mut reader(&text, &plain()).unwrap());
        assert_eq!(rows.iter().map(|row| row.line).collect::<Vec<_>>(), [2, 6, 7], "{end:?}");
        assert_eq!(rows[0].cells[1], "x\n\ny".replace('\n', end));
        assert_eq!(rows[2].cells, ["\"q\", r", ""]);
        assert_eq!(error(text + "3", &plain()), "t.csv, line 8: 1 field, expected 2");
    }
}

#[test]
fn thousands_are_read_by_option_and_noted_without() {
    let text = "zip,amount\n01307,\"1,234.50\"\n01308,833.20\n";
    let mut with = reader(text, &ReadOptions { thousands: Some(','), ..plain() }).unwrap();
    let rows = rows(&mut with);
    assert_eq!((rows[0].cells[0].as_str(), mean(&with, &rows, 2).0), ("01307", 1033.85));
    let without = reader(text, &plain()).unwrap();
    assert_eq!(without.dialect().number("1,234.50"), None);
    let says = "cells like `1,234.50` are no numbers as they stand: if they are, say --thousands ,";
    assert_eq!(without.notes(), [says]);
}

// D11: text.

#[test]
fn reviews_keep_their_texts_whole() {
    let Some(path) = field("D11/reviews.csv") else { return };
    let mut reader = TableReader::open(path, &plain()).unwrap();
    let rows = rows(&mut reader);
    assert_eq!(reader.columns(), ["text", "label"]);
    assert!(reader.dialect().byte_order_mark);
    // Row 7 is three blanks, which are trimmed.
    let lengths: Vec<usize> = rows.iter().map(|row| row.cells[0].chars().count()).collect();
    assert_eq!(lengths, [21, 34, 31, 0, 28, 4, 0, 20000, 2, 2, 21, 15]);
    assert_eq!(rows[9].cells[0], "NA");
    assert!(rows[0].cells[0].ends_with("\u{1f44d}\u{1f3fd}"));
    assert_eq!(counts(&rows, 2), [("pos", 6), ("neg", 6)].into());
}

#[test]
fn sms_is_refused_with_quotes_and_read_up_to_its_third_field_without() {
    let Some(path) = field("D11/sms.tsv") else { return };
    let error = TableReader::open(&path, &no_header()).unwrap_err();
    assert!(matches!(error, ReadError::AfterQuote { line: 4, column: 2, opened: 1, .. }), "{error}");
    let mut reader = TableReader::open(&path, &ReadOptions { quote: Quote::None, ..no_header() }).unwrap();
    assert_eq!(reader.dialect().delimiter, b'\t');
    let rows: Vec<_> = reader.records().collect();
    assert_eq!(rows.len(), 6);
    assert!(matches!(&rows[0], Ok(row) if row.cells[1].starts_with("\"blue one, not")));
    assert!(matches!(&rows[5], Err(ReadError::Fields { line: 6, found: 3, expected: 2, .. })));
}

#[test]
fn an_unbalanced_quote_never_swallows_rows() {
    let (none, open) = (ReadOptions { quote: Quote::None, ..no_header() }, "ham\t\"blue\nspam\tWIN\nham\tok \"so\"\n");
    assert_eq!(cells(open, &none).len(), 3);
    let after = "t.csv, line 3, column 2: text follows the closing quote of the cell that began on line 1";
    assert!(error(open, &no_header()).starts_with(after));
    let unclosed = "t.csv, line 1, column 2: the quote that opens this cell is never closed";
    assert!(error(&open[..23], &no_header()).starts_with(unclosed));
    // A blank before an opening quote, or after a closing one, is padding.
    assert_eq!(cells("a, \"b\"\n1, \"x, y\" \n", &plain()), [["1", "x, y"]]);
}

// What is no table, or too much of one.

#[test]
fn gzip_is_read_by_content_whatever_the_name_says() {
    let directory = tempfile::tempdir().unwrap();
    let (packed, unpacked) = (directory.path().join("packed.csv"), directory.path().join("unpacked.csv.gz"));
    let two_members = [gzip(&AIR.as_bytes()[..20]), gzip(&AIR.as_bytes()[20..])].concat();
    fs::write(&packed, two_members).unwrap();
    fs::write(&unpacked, AIR).unwrap();
    for (path, gzip) in [(packed, true), (unpacked, false)] {
        let mut reader = TableReader::open(path, &plain()).unwrap();
        assert_eq!((rows(&mut reader).len(), reader.dialect().gzip), (2, gzip));
    }
}

#[test]
fn a_cut_gzip_file_is_an_error_and_not_a_shorter_table() {
    let long: String =
        "a,b\n".to_string() + &(0..99_999_u64).map(|i| format!("x{},{}\n", i * i, i)).collect::<String>();
    let packed = gzip(long.as_bytes());
    for length in [5, packed.len() / 2, packed.len() - 1] {
        assert!(error(&packed[..length], &plain()).starts_with("t.csv: the gzip data are cut or damaged"));
    }
    assert_eq!(rows(&mut reader(packed, &plain()).unwrap()).len(), 99_999);
}

#[test]
fn other_kinds_of_files_are_named() {
    let others: [(&[u8], &str); 8] = [
        (b"\n <!DOCTYPE html><html>", "this is a web page, not a table: download the file itself"),
        (
            b"PK\x03\x04\x14\x00",
            "this is a zip archive or an Excel file, not a table: unpack it, or save the sheet as CSV",
        ),
        (b"\xff\xfea\0,\0b\0", "this is text in UTF-16, not a table: save it as UTF-8"),
        (b"\xd0\xcf\x11\xe0\xa1", "this is an Excel file, not a table: save the sheet as CSV"),
        (b"PAR1\x15", "this is a Parquet file, not a table: convert it to CSV"),
        (
            b"version https://git-lfs.github.com",
            "this is a Git LFS pointer, not a table: fetch the file itself (git lfs pull)",
        ),
        (b"", "empty: no header and no rows"),
        (b"\xef\xbb\xbf\r\n\r\n", "empty: no header and no rows"),
    ];
    for (bytes, says) in others {
        assert_eq!(error(bytes, &plain()), format!("t.csv: {says}"));
        assert_eq!(error(gzip(bytes), &plain()), format!("t.csv: {says}"));
    }
    assert_eq!(error(gzip(&gzip(b"a")), &plain()), "t.csv: this is gzip inside of gzip, not a table: unpack it once");
    let skipped = "t.csv: empty: no header and no rows after the 2 skipped lines";
    assert_eq!(error("a,b\n1,2\n", &ReadOptions { skip: 2, ..plain() }), skipped);
    assert!(error("a,b\n1,2", &ReadOptions { skip: u64::MAX, ..plain() }).contains("empty"));
    let missing = TableReader::open("/nowhere/t.csv", &plain()).unwrap_err().to_string();
    assert!(missing.starts_with("/nowhere/t.csv: No such file"), "{missing}");
    assert!(matches!(TableReader::open("/", &plain()), Err(ReadError::Io { .. })));
}

#[test]
fn a_header_alone_is_a_table_without_rows() {
    for text in ["a,b", "a,b\n", "\u{feff}a,b\r\n\r\n"] {
        let mut reader = reader(text, &plain()).unwrap();
        assert_eq!((reader.columns().join(" ").as_str(), rows(&mut reader).len()), ("a b", 0));
    }
}

#[test]
fn bytes_that_are_no_text_are_refused_by_line_and_column() {
    let says = "t.csv, line 4, column 2: `caf\u{fffd}` is not UTF-8: save the file as UTF-8";
    assert_eq!(error(b"a,b\n1,\"x\ny\"\n2,caf\xe9\n", &plain()), says);
    let says = "t.csv, line 3, column 1: a NUL byte: expected text in UTF-8, found UTF-16 or a binary file";
    assert_eq!(error(b"a,b\n1,2\n\0,3\n", &plain()), says);
    // Halves of one character in two cells are no character.
    assert!(error(b"a,b\n\xc3,\xa9\n", &plain()).contains("line 2, column 1"));
}

#[test]
fn numbers_with_only_blanks_between_them_are_refused_or_read_by_option() {
    let says =
        "t.csv, line 2: `1.5  2  3` is one cell: put commas, semicolons or tabs between cells, or say --delimiter";
    assert_eq!(error("a b c\n1.5  2  3\n", &plain()), says);
    assert_eq!(cells("a b\n1 2\n", &ReadOptions { delimiter: Some(b' '), ..plain() }), [["1", "2"]]);
}

#[test]
fn an_error_ends_the_rows() {
    let mut reader = reader("a,b\n1,2\n3\n4,5\n", &plain()).unwrap();
    assert_eq!(reader.records().map(|row| row.is_ok()).collect::<Vec<_>>(), [true, false]);
    assert_eq!(reader.records().count(), 0);
}

#[test]
fn delimiters_are_told_by_consistency() {
    let cases = [
        ("a\tb\nhello, you\t1\nbye, you\t2\n", b'\t', plain()),
        ("a|b\n1|2\n", b'|', plain()),
        ("a,b\n\"x;y;z\",1\n\"u;v;w\",2\n", b',', plain()),
        ("a;b;c\n1,5;2,5;3\n1,5;2,5;3,5\n", b';', plain()),
        ("y\n1\n2\n", b',', plain()),
        // By commas too, all rows are of one length: more cells are numbers by the other.
        ("1,5;2,5\n3,5;4,5\n", b';', no_header()),
        ("a;b,1\nc;d,2\n", b',', no_header()),
    ];
    for (text, delimiter, options) in cases {
        assert_eq!(reader(text, &options).unwrap().dialect().delimiter, delimiter, "{text}");
    }
}

/// Gives one byte at a time, as a slow pipe does.
struct Slow(Cursor<Vec<u8>>);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let length = buffer.len().min(1);
        self.0.read(&mut buffer[..length])
    }
}

#[test]
fn a_pipe_is_read_as_a_file_however_small_its_pieces() {
    for bytes in [AIR.as_bytes().to_vec(), gzip(AIR.as_bytes())] {
        let mut slow = TableReader::from_reader("t.csv", Slow(Cursor::new(bytes.clone())), &plain()).unwrap();
        let mut fast = reader(bytes, &plain()).unwrap();
        assert_eq!(slow.dialect(), fast.dialect());
        assert_eq!(rows(&mut slow), rows(&mut fast));
    }
}
