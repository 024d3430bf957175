//! Running the command line, for the tests of what it promises.
#![allow(dead_code)] // every test binary uses a part of it

#[cfg(unix)]
pub mod terminal;

use std::{
    io::Write,
    path::Path,
    process::{Command, Output, Stdio},
};

use burn_zoo::{
    DeviceSpec,
    data::{self, Frame, Table},
    recipe::{Origin, Outcome, train_mlp},
    settings::Settings,
    train::Quiet,
    zoo::Reading,
};

/// The program that cargo built for this test.
pub const BURN_ZOO: &str = env!("CARGO_BIN_EXE_burn-zoo");

/// How a command ended, and what it said.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).expect("the command line writes text");
        Self { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Ran {
    /// Standard output of a command that worked and had nothing to say.
    pub fn data(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }
}

/// The program with nothing from outside that would change it.
pub fn command(directory: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(BURN_ZOO);
    command.args(args).current_dir(directory).env_remove("BURN_ZOO_DEVICE");
    command
}

/// Runs the program in a directory.
pub fn burn_zoo(directory: &Path, args: &[&str]) -> Ran {
    command(directory, args).stdin(Stdio::null()).output().expect("the program starts").into()
}

/// The words of a command line, as a shell takes them apart; quotes are single.
pub fn words(line: &str) -> Vec<String> {
    let (mut words, mut quoted) = (vec![String::new()], false);
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().expect("there is one").push(c),
        }
    }
    words.into_iter().filter(|word| !word.is_empty()).collect()
}

/// Runs the program with a text on standard input.
pub fn burn_zoo_reading(directory: &Path, args: &[&str], input: &str) -> Ran {
    let mut child = command(directory, args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let (mut stdin, input) = (child.stdin.take().expect("a pipe"), input.to_string());
    let writer = std::thread::spawn(move || drop(stdin.write_all(input.as_bytes()))); // it may have stopped reading
    let output = child.wait_with_output().expect("the program ends");
    writer.join().expect("the writer ends");
    output.into()
}

/// The built-in wines.
pub fn wine() -> Table {
    data::find("wine-red").expect("it is built in").table()
}

/// The names of the wine table's columns as a line of CSV.
pub fn wine_header() -> String {
    wine().columns().join(",")
}

/// The wines as CSV, `rows` of them, from the first again where the table ends.
pub fn wine_csv(rows: usize) -> String {
    let table = wine();
    let line = |row: &[f64]| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(",") + "\n";
    let lines: String = table.iter().cycle().take(rows).map(line).collect();
    format!("{}\n{lines}", wine_header())
}

/// The cells of a text in CSV, with its header.
pub fn cells(csv: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(csv.as_bytes());
    let records = reader.records().map(|record| record.expect("CSV that was just written"));
    records.map(|record| record.iter().map(str::to_string).collect()).collect()
}

/// The numbers of the columns from `mean` on; `outside` and what follows are none.
pub fn numbers(csv: &str) -> Vec<Vec<f64>> {
    let cells = cells(csv);
    let from = cells[0].iter().position(|name| name == "mean").expect("a column of means");
    let to = cells[0].iter().position(|name| name == "outside").expect("a column of remarks");
    let number = |cell: &String| cell.parse().expect("a number");
    cells[1..].iter().map(|row| row[from..to].iter().map(number).collect()).collect()
}

/// That two tables of numbers agree to `tolerance` of the largest: a product of another shape or on another device rounds differently.
pub fn assert_close(a: &[Vec<f64>], b: &[Vec<f64>], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    let (a, b) = (a.concat(), b.concat());
    assert_eq!(a.len(), b.len());
    let largest = a.iter().fold(0.0f64, |largest, x| largest.max(x.abs()));
    for (x, y) in a.iter().zip(&b) {
        assert!((x - y).abs() <= tolerance * largest, "{x} and {y} differ by more than {tolerance} of {largest}");
    }
}

/// Default settings but for some, in the command line's words.
pub fn settings(changes: &[&str]) -> Settings {
    let change = |settings: Settings, set: &&str| {
        let (path, value) = set.split_once('=').expect("path=value");
        settings.set(path, value).expect("a setting")
    };
    changes.iter().fold(Settings::default(), change)
}

/// Trains on a table as the command line does.
pub fn train(table: &Table, target: &str, settings: &Settings, device: DeviceSpec) -> Outcome {
    let name = || "test".to_string();
    let origin = Origin {
        data: vec![name()],
        sha256: vec![name()],
        reading: Reading::default(),
        command: name(),
        device: device.to_string(),
    };
    train_mlp(&Frame::of("test", table), target, settings, origin, &device.init().expect("a device"), Quiet)
        .expect("a training that works")
}
