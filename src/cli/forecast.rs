//! `burn-zoo forecast`: series in, what comes next out, with its uncertainty.

use std::{io::Write, path::PathBuf};

use anyhow::{Result, anyhow};
use burn_zoo::{
    data::series::{Origin, Panel, Windows},
    report::{Fan, fan_chart},
    zoo::{AnyModel, Forecast, SeriesModel},
};
use clap::builder::NonEmptyStringValueParser;

use super::{
    Usage,
    notes::Words,
    numbers::{level, whole},
    open,
    reading::Reading,
    records::{Cell, Format, Sink},
    sampling::Sampling,
    tables::Source,
};

/// Forecast what comes behind the last value of each series
///
/// Writes a row for each step: time, the columns that tell series apart, step,
/// mean, sd, sd_epistemic (networks disagree), sd_aleatoric (noise of the data),
/// lower and upper, in the target's unit. With --samples it writes joint paths
/// instead: path, time, step, value; each is of one sampled network with the
/// noise of the data in it, so that sums and extremes along a path are right.
///
/// Up to the model's horizon and without differences, intervals are those of
/// the mixture of all networks; else they are quantiles of some 1000 paths.
/// Behind the horizon the networks read what was sampled, block by block.
#[derive(clap::Args)]
pub struct Args {
    /// A model of the zoo, or a directory that `train lstm` wrote
    model: String,
    /// The series: a file, - for standard input, airline or seasonal [default:
    /// what the model was trained on]
    #[arg(long, value_name = "FILE|SERIES", value_parser = NonEmptyStringValueParser::new())]
    data: Option<String>,
    /// How many steps to forecast [default: the model's horizon]
    #[arg(long, value_name = "STEPS", value_parser = whole)]
    steps: Option<u64>,
    /// The probability, between 0 and 1, that an interval shall hold; may be
    /// given several times [default: 0.9]
    #[arg(long, value_name = "LEVEL", value_parser = level)]
    interval: Vec<f64>,
    /// Write so many joint paths instead
    #[arg(long, value_name = "PATHS", value_parser = whole, conflicts_with = "interval")]
    samples: Option<u64>,
    /// How to write the forecast
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Draw a fan chart into a file (.svg or .png); of several series or targets,
    /// one for each, its number behind the name
    #[arg(long, value_name = "FILE", value_parser = super::evaluate::picture)]
    plot: Option<PathBuf>,
    #[command(flatten)]
    sampling: Sampling,
    #[command(flatten)]
    reading: Reading,
}

/// Steps before the origin that a fan chart shows, in horizons.
const SHOWN: usize = 3;

/// Reads, forecasts, writes, and draws.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let opened = open(&args.model, args.sampling.device.spec())?;
    let AnyModel::Series(model) = &opened else {
        return Err(Usage(format!("{} does not forecast series: say `predict {0}`", args.model)).into());
    };
    let words = Words::new(args.sampling.quiet);
    words.device(&opened)?;
    let levels = if args.interval.is_empty() { vec![0.9] } else { args.interval.clone() };
    if let Some(at) = (1..levels.len()).find(|&at| levels[..at].contains(&levels[at])) {
        return Err(Usage(format!("--interval {} is given twice", levels[at])).into());
    }
    let file = model.file();
    let data = args.data.as_deref().unwrap_or(&file.data.name);
    let reading = args.reading.clone().or(&file.data.reading);
    let source = Source::read_series(data, &reading, &file.series.missing_values)?;
    source.frame.notes().for_each(|note| words.say(&note));
    let (panel, windows) = model.read(&source.frame)?;
    panel.notes.iter().for_each(|note| words.say(note));
    let steps = args.steps.map_or(file.series.horizon, |steps| usize::try_from(steps).unwrap_or(usize::MAX));
    let origins = windows.last_origins();
    let job = Job { args, model, panel: &panel, windows: &windows, origins: &origins, steps };
    let refused = |error: burn_zoo::Error| match error {
        burn_zoo::Error::Config { setting, value, expected } if setting == "steps" => {
            Usage(format!("--steps {value}: expected {expected}")).into()
        }
        burn_zoo::Error::Data { reason, .. } => anyhow!("{data}: {reason}"),
        other => anyhow::Error::from(other),
    };
    if let Some(paths) = args.samples {
        if args.plot.is_some() {
            return Err(Usage("--plot draws intervals, not --samples".to_string()).into());
        }
        let paths = usize::try_from(paths).ok().filter(|paths| (1..=1_000_000).contains(paths));
        let paths = paths.ok_or_else(|| Usage("--samples: expected 1 to 1000000 paths".to_string()))?;
        let paths = model.paths(&windows, &origins, steps, paths, args.sampling.seed).map_err(refused)?;
        return job.write_paths(&paths, out);
    }
    let forecasts = model.forecast(&windows, &origins, steps, &args.sampling.monte_carlo()).map_err(refused)?;
    if let Some(paths) = forecasts.iter().find_map(Forecast::paths) {
        words.say(&format!("intervals are quantiles of {paths} sampled paths"));
    }
    if let Some(path) = &args.plot {
        job.draw(&forecasts, &levels, path)?;
    }
    job.write(&forecasts, &levels, out)
}

/// Everything that is written about.
struct Job<'a> {
    args: &'a Args,
    model: &'a SeriesModel,
    panel: &'a Panel,
    windows: &'a Windows,
    origins: &'a [Origin],
    steps: usize,
}

impl Job<'_> {
    fn targets(&self) -> &[String] {
        &self.model.file().series.targets
    }

    /// The columns before the numbers: the time, and what tells series apart.
    fn head(&self) -> Vec<String> {
        let group = self.model.file().series.group.iter().cloned();
        ["time".to_string()].into_iter().chain(group).chain(["step".to_string()]).collect()
    }

    fn head_cells(&self, origin: Origin, step: usize) -> Vec<Cell> {
        let series = &self.panel.series()[origin.series];
        let time = Cell::Text(self.panel.stamp(origin.series, origin.at + step));
        let group = series.group().iter().cloned().map(Cell::Text);
        [time].into_iter().chain(group).chain([Cell::Whole(step + 1)]).collect()
    }

    /// Of each target; of several, with its name behind.
    fn columns(&self, names: &[String]) -> Vec<String> {
        match self.targets() {
            [_] => names.to_vec(),
            several => {
                several.iter().flat_map(|target| names.iter().map(move |name| format!("{name}_{target}"))).collect()
            }
        }
    }

    fn sink<'s>(&self, names: &'s [String], out: &'s mut dyn Write) -> Result<Sink<'s>> {
        Sink::of(self.args.format, &self.args.model, &self.args.sampling, names, &[], out)
    }

    fn write(&self, forecasts: &[Forecast], levels: &[f64], out: &mut dyn Write) -> Result<()> {
        let mut names = ["mean", "sd", "sd_epistemic", "sd_aleatoric"].map(String::from).to_vec();
        for level in levels {
            let level = if levels.len() > 1 { format!("_{level}") } else { String::new() };
            names.extend(["lower", "upper"].map(|name| format!("{name}{level}")));
        }
        let names = [self.head(), self.columns(&names)].concat();
        let mut sink = self.sink(&names, out)?;
        for forecast in forecasts {
            let intervals =
                levels.iter().map(|&level| forecast.interval(level)).collect::<burn_zoo::Result<Vec<_>>>()?;
            let (sd, epistemic, aleatoric) = (forecast.sd(), forecast.sd_epistemic(), forecast.sd_aleatoric());
            for step in 0..self.steps {
                let mut line = self.head_cells(forecast.origin, step);
                for target in 0..self.targets().len() {
                    let at = step * self.targets().len() + target;
                    let numbers = [forecast.mean()[at], sd[at], epistemic[at], aleatoric[at]];
                    line.extend(numbers.map(Cell::Number));
                    let ends = intervals.iter().flat_map(|interval| [interval.lower[at], interval.upper[at]]);
                    line.extend(ends.map(Cell::Number));
                }
                sink.write(&line)?;
            }
        }
        sink.end()
    }

    fn write_paths(&self, paths: &[Vec<Vec<f64>>], out: &mut dyn Write) -> Result<()> {
        let value = self.columns(&["value".to_string()]);
        let names = [vec!["path".to_string()], self.head(), value].concat();
        let (mut sink, targets) = (self.sink(&names, out)?, self.targets().len());
        for (number, path) in (1..).zip(paths) {
            for (&origin, values) in self.origins.iter().zip(path) {
                for (step, values) in values.chunks(targets).enumerate() {
                    let head = [Cell::Whole(number)].into_iter().chain(self.head_cells(origin, step));
                    sink.write(&head.chain(values.iter().copied().map(Cell::Number)).collect::<Vec<_>>())?;
                }
            }
        }
        sink.end()
    }

    /// A fan chart of each series and target.
    fn draw(&self, forecasts: &[Forecast], levels: &[f64], path: &std::path::Path) -> Result<()> {
        let targets = self.targets().len();
        let many = forecasts.len() * targets > 1;
        for (number, forecast) in forecasts.iter().enumerate() {
            let (origin, series) = (forecast.origin, &self.panel.series()[forecast.origin.series]);
            for (target, name) in self.targets().iter().enumerate() {
                let of = |values: &[f64]| values.iter().skip(target).step_by(targets).copied().collect::<Vec<f64>>();
                let history = self.windows.history(origin, target);
                let from = history.len().saturating_sub((SHOWN * self.steps).max(self.model.file().series.window));
                let bands = levels.iter().map(|&level| {
                    let interval = forecast.interval(level)?;
                    let ends = of(&interval.lower).into_iter().zip(of(&interval.upper));
                    Ok((level, ends.map(|(lower, upper)| [lower, upper]).collect()))
                });
                let bands = bands.collect::<burn_zoo::Result<Vec<(f64, Vec<[f64; 2]>)>>>()?;
                let stamps: Vec<String> =
                    (from..history.len() + self.steps).map(|step| self.panel.stamp(origin.series, step)).collect();
                let name = match series.name() {
                    group if group.is_empty() => name.clone(),
                    group => format!("{name} of {group}"),
                };
                let mean = of(forecast.mean());
                let fan = Fan {
                    name: &name,
                    history: &history[from..],
                    mean: &mean,
                    bands: &bands,
                    actual: &[],
                    stamps: &stamps,
                };
                let path = match many {
                    true => numbered(path, number * targets + target + 1),
                    false => path.to_path_buf(),
                };
                fan_chart(&fan).save(path)?;
            }
        }
        Ok(())
    }
}

/// `fan.svg` as `fan-3.svg`.
fn numbered(path: &std::path::Path, number: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let end = path.extension().unwrap_or_default().to_string_lossy().into_owned();
    path.with_file_name(format!("{stem}-{number}.{end}"))
}
