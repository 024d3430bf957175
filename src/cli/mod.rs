//! One file a subcommand, each `fn run(args, out) -> anyhow::Result<()>`. Data on `out`, words on standard error.

mod devices;
mod list;
mod numbers;
mod predict;
mod progress;
mod reading;
mod show;
mod train;

use std::{
    io::{self, BufWriter, ErrorKind, Write},
    path::Path,
    process::ExitCode,
};

use anyhow::Result;
use burn_zoo::{DeviceSpec, Error, zoo};
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};

/// Dropout models that say how sure they are
#[derive(Parser)]
#[command(name = "burn-zoo", version, max_term_width = 80)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    List(list::Args),
    Show(show::Args),
    Train(train::Args),
    Predict(predict::Args),
    Devices(devices::Args),
}

/// The device of a command that computes
#[derive(clap::Args)]
struct OnDevice {
    /// Where to compute, such as flex, ndarray, wgpu:discrete:0 [default: the
    /// first of flex, ndarray that is compiled in]
    #[arg(long, value_name = "DEVICE", env = "BURN_ZOO_DEVICE", hide_env_values = true)]
    device: Option<DeviceSpec>,
}

impl OnDevice {
    fn spec(&self) -> DeviceSpec {
        self.device.unwrap_or(DeviceSpec::default_spec())
    }
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
#[derive(Debug)]
struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

fn usage(error: Error) -> anyhow::Error {
    Usage(error.to_string()).into()
}

/// Runs the command: 0 done (a closed pipe included), 1 failed, 2 a mistake in the arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) if error.use_stderr() => {
            complain(&mistake(&error));
            return ExitCode::from(2);
        }
        Err(help) => {
            let _ = help.print(); // a closed pipe is success
            return ExitCode::SUCCESS;
        }
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let done = match cli.command {
        Command::List(args) => list::run(&args, &mut out),
        Command::Show(args) => show::run(&args, &mut out),
        Command::Train(args) => train::run(&args, &mut out),
        Command::Predict(args) => predict::run(&args, &mut out),
        Command::Devices(args) => devices::run(&args, &mut out),
    };
    match done.and_then(|()| Ok(out.flush()?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = out.flush(); // whole records that were already made
            complain(&format!("error: {}", with_causes(&error)));
            ExitCode::from(if error.is::<Usage>() { 2 } else { 1 })
        }
    }
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
fn describe(name: &str) -> Result<zoo::ModelFile> {
    match zoo::find(name) {
        Ok(entry) => Ok(entry.file()?),
        Err(_) if Path::new(name).exists() => Ok(zoo::ModelFile::open(Path::new(name))?),
        Err(error) => Err(no_model(&error)),
    }
}

fn no_model(error: &Error) -> anyhow::Error {
    Usage(format!("{error} (nor is it a directory that `train` wrote)")).into()
}

/// A model of the zoo, or one that was saved in a directory.
fn open(name: &str, device: DeviceSpec) -> Result<zoo::Model> {
    let device = device.init()?;
    match zoo::find(name) {
        Ok(entry) => Ok(entry.load(&device)?),
        Err(_) if Path::new(name).exists() => Ok(zoo::Model::open(Path::new(name), &device)?),
        Err(error) => Err(no_model(&error)),
    }
}

/// Writes columns side by side: text to the left, numbers to the right.
fn write_columns(out: &mut dyn Write, header: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let cells = |column: usize| rows.iter().map(move |row| row[column].as_str());
    let width =
        |column: usize| cells(column).chain([header[column]]).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..header.len()).map(width).collect();
    let right: Vec<bool> =
        (0..header.len()).map(|column| cells(column).all(|cell| cell.parse::<f64>().is_ok())).collect();
    let mut line = |row: &mut dyn Iterator<Item = &str>| {
        let mut text = String::new();
        for (column, cell) in row.enumerate() {
            let pad = " ".repeat(widths[column] - cell.chars().count());
            let cell = if right[column] { format!("{pad}{cell}") } else { format!("{cell}{pad}") };
            text += &format!("{}{cell}", if column > 0 { "  " } else { "" });
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(&mut header.iter().copied())?;
    rows.iter().try_for_each(|row| line(&mut row.iter().map(String::as_str)))
}
