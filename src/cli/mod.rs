//! One file a subcommand, each `fn run(args, out) -> anyhow::Result<()>`. Data on `out`, words on standard error.

mod check;
mod completions;
mod config;
mod devices;
mod evaluate;
mod forecast;
mod list;
mod notes;
mod numbers;
mod predict;
mod progress;
mod reading;
mod records;
mod sampling;
mod show;
mod tables;
mod texts;
mod train;

use std::{
    io::{self, BufWriter, ErrorKind, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Result;
use burn_zoo::{
    DeviceSpec, Error,
    zoo::{self, AnyFile, AnyModel},
};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

/// Dropout models that say how sure they are
#[derive(Parser)]
#[command(name = "burn-zoo", version, max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
#[allow(clippy::large_enum_variant)] // there is one
enum Command {
    List(list::Args),
    Show(show::Args),
    Config(config::Args),
    Check(check::Args),
    Train(train::Args),
    Predict(predict::Args),
    Evaluate(evaluate::Args),
    Forecast(forecast::Args),
    Devices(devices::Args),
    Completions(completions::Args),
}

/// The variable of the environment that chooses a device.
const DEVICE: &str = "BURN_ZOO_DEVICE";

/// The device of a command that computes
#[derive(Clone, clap::Args)]
struct OnDevice {
    /// Where to compute, such as flex, ndarray, wgpu:discrete:0 [default: the
    /// first of flex, ndarray that is compiled in]
    #[arg(long, value_name = "DEVICE", env = DEVICE, hide_env_values = true, value_parser = device)]
    device: Option<DeviceSpec>,
}

impl OnDevice {
    fn spec(&self) -> DeviceSpec {
        self.device.unwrap_or(DeviceSpec::default_spec())
    }

    /// The device that the arguments name, whatever the environment says.
    fn of_arguments(&self) -> Option<DeviceSpec> {
        self.device.filter(|device| !is_of_environment(&device.to_string()))
    }
}

fn device(text: &str) -> Result<DeviceSpec, String> {
    let from = if is_of_environment(text) { format!(" ({DEVICE} says so)") } else { String::new() };
    text.parse().map_err(|error| format!("{error}{from}"))
}

fn is_of_environment(device: &str) -> bool {
    std::env::var(DEVICE).is_ok_and(|said| said == device)
}

/// How a listing is written
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Listing {
    /// Aligned columns, for people
    #[default]
    Table,
    /// One JSON document
    Json,
}

/// A mistake in the arguments rather than in the data: exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(String);

/// A check found a difference: exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Difference(String);

fn usage(error: Error) -> anyhow::Error {
    Usage(error.to_string()).into()
}

/// Runs the command: 0 done (a closed pipe included), 1 failed, 2 a mistake in the arguments, 3 a check found a difference; a training that is interrupted ends with 130.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            complain(&mistake(&error));
            return ExitCode::from(2);
        }
        Err(help) => {
            return match help.print() {
                Err(error) if error.kind() != ErrorKind::BrokenPipe => failed(&of_stdout(error).into()),
                _ => ExitCode::SUCCESS,
            };
        }
    };
    let mut out = BufWriter::new(Stdout(io::stdout().lock()));
    let done = match cli.command {
        Command::List(args) => list::run(&args, &mut out),
        Command::Show(args) => show::run(&args, &mut out),
        Command::Config(args) => config::run(&args, &mut out),
        Command::Check(args) => check::run(&args, &mut out),
        Command::Train(args) => train::run(&args, &mut out),
        Command::Predict(args) => predict::run(&args, &mut out),
        Command::Evaluate(args) => evaluate::run(&args, &mut out),
        Command::Forecast(args) => forecast::run(&args, &mut out),
        Command::Devices(args) => devices::run(&args, &mut out),
        Command::Completions(args) => completions::run(&args, &mut out),
    };
    match done.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = out.flush(); // whole records that were already made
            failed(&error)
        }
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    complain(&format!("error: {}", with_causes(error)));
    ExitCode::from(match error {
        _ if error.is::<Usage>() => 2,
        _ if error.is::<Difference>() => 3,
        _ => 1,
    })
}

/// Standard output, whose errors say that it was that.
struct Stdout(io::StdoutLock<'static>);

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes).map_err(of_stdout)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush().map_err(of_stdout)
    }
}

fn of_stdout(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("standard output: {error}"))
}

/// One line on standard error, if anybody reads it.
fn complain(line: &str) {
    let _ = writeln!(io::stderr(), "{}", one_line(line, 2000));
}

/// The beginning of a text, without control characters: what a user's file or argument holds must not break lines of ours.
fn one_line(text: &str, longest: usize) -> String {
    let mut line = String::new();
    for c in text.chars().take(longest) {
        if c.is_control() { line.extend(c.escape_default()) } else { line.push(c) }
    }
    if text.chars().nth(longest).is_some() {
        line.push('…');
    }
    line
}

/// What is wrong with the arguments, in one line.
fn mistake(error: &clap::Error) -> String {
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        let command = Cli::command();
        let commands: Vec<&str> = command.get_subcommands().map(clap::Command::get_name).collect();
        return format!("error: no command: expected one of {} (burn-zoo --help)", commands.join(", "));
    }
    let text = error.to_string();
    let lines = text.lines().map(str::trim);
    let what: Vec<&str> = lines.clone().take_while(|line| !line.is_empty()).collect();
    let tips = lines.filter_map(|line| line.strip_prefix("tip: "));
    [what.join(" ")].into_iter().chain(tips.map(str::to_string)).collect::<Vec<_>>().join("; ")
}

/// The error and its causes; a cause that the error has told already is not told again.
fn with_causes(error: &anyhow::Error) -> String {
    error
        .chain()
        .skip(1)
        .map(ToString::to_string)
        .fold(error.to_string(), |told, cause| if told.ends_with(&cause) { told } else { format!("{told}: {cause}") })
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<io::Error>())
        .any(|cause| cause.kind() == ErrorKind::BrokenPipe)
}

/// What is written about a model of the zoo, or about one that was saved in a directory.
fn describe(name: &str) -> Result<AnyFile> {
    match zoo::find(name) {
        Ok(entry) => Ok(entry.describe()?),
        Err(_) if Path::new(name).exists() => Ok(AnyFile::open(Path::new(name))?),
        Err(error) => Err(no_model(&error)),
    }
}

fn no_model(error: &Error) -> anyhow::Error {
    Usage(format!("{error} (nor is it a directory that `train` wrote)")).into()
}

/// A model of the zoo, or one that was saved in a directory.
fn open(name: &str, device: DeviceSpec) -> Result<AnyModel> {
    let device = device.init()?;
    match zoo::find(name) {
        Ok(entry) => Ok(entry.open(&device)?),
        Err(_) if Path::new(name).exists() => Ok(AnyModel::open(Path::new(name), &device)?),
        Err(error) => Err(no_model(&error)),
    }
}

/// Columns side by side, text to the left and numbers to the right; a later block keeps the widths of those before it.
struct Aligned {
    header: Option<Vec<String>>,
    widths: Vec<usize>,
    right: Vec<bool>,
}

impl Aligned {
    fn new(header: &[impl ToString]) -> Self {
        let header: Vec<String> = header.iter().map(ToString::to_string).collect();
        let widths = header.iter().map(|name| name.chars().count()).collect();
        Self { right: Vec::new(), widths, header: Some(header) }
    }

    fn write(&mut self, out: &mut dyn Write, rows: &[Vec<String>]) -> io::Result<()> {
        for row in rows {
            for (width, cell) in self.widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        if self.right.is_empty() {
            let is_number = |cell: &String| cell.is_empty() || number_of(cell).parse::<f64>().is_ok();
            let numbers = |column: usize| {
                rows.iter().all(|row| is_number(&row[column])) && rows.iter().any(|row| !row[column].is_empty())
            };
            self.right = (0..self.widths.len()).map(|column| rows.is_empty() || numbers(column)).collect();
        }
        let header = self.header.take();
        for row in header.iter().chain(rows) {
            let mut text = String::new();
            for (column, cell) in row.iter().enumerate() {
                let pad = " ".repeat(self.widths[column] - cell.chars().count());
                let cell = if self.right[column] { format!("{pad}{cell}") } else { format!("{cell}{pad}") };
                text += &format!("{}{cell}", if column > 0 { "  " } else { "" });
            }
            writeln!(out, "{}", text.trim_end())?;
        }
        Ok(())
    }
}

/// The number of a cell like `0.68 ± 0.03`.
fn number_of(cell: &str) -> &str {
    cell.split_once(" ± ").map_or(cell, |(number, _)| number)
}

/// Writes columns side by side: text to the left, numbers to the right.
fn write_columns(out: &mut dyn Write, header: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    Aligned::new(header).write(out, rows)
}
