//! `burn-zoo train`: from a table to a saved model.

use std::{
    fs,
    io::{Write, stderr},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use burn_zoo::{
    data,
    recipe::{Origin, train_mlp},
    settings::Settings,
    train::Epoch,
};

use super::{OnDevice, Usage, progress::Report, show::write_evaluation, usage};

/// Train a model on a built-in table, and save it with its preprocessing
#[derive(clap::Args)]
pub struct Args {
    /// The family of models, mlp, or a file with settings (TOML)
    #[arg(value_name = "FAMILY|CONFIG.toml")]
    family: String,
    /// The table: wine-red
    #[arg(long)]
    data: String,
    /// The directory to write; it must not exist
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// The column to predict [default: the table's usual one]
    #[arg(long, value_name = "COLUMN")]
    target: Option<String>,
    /// Change a setting, such as train.epochs=50 or model.rates=[0.1,0.2]; may
    /// be given several times
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
    /// Draws split, initial weights, order and masks [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    /// Say nothing while it works
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    device: OnDevice,
}

/// Trains, saves, and writes the scores on the test part.
pub fn run(args: &Args, out: &mut dyn Write) -> Result<()> {
    let settings = settings(args)?;
    if args.out.symlink_metadata().is_ok() {
        anyhow::bail!("{}: there is something already: choose a new directory", args.out.display());
    }
    check_place(&args.out)?;
    let built_in = data::find(&args.data).map_err(usage)?;
    let (table, target) = (built_in.table(), args.target.as_deref().unwrap_or(built_in.target));
    table.without(target).map_err(usage)?;
    let spec = args.device.spec();
    let origin = Origin {
        data: built_in.name.to_string(),
        sha256: built_in.sha256(),
        command: command(args),
        device: spec.to_string(),
    };
    let report = Report::new(args.quiet, &settings.train);
    let outcome = train_mlp(&table, target, &settings, origin, &spec.init()?, report)?;

    outcome.model.save(&args.out, &[("curve.csv", curve(&outcome.curve))])?;
    if !args.quiet {
        let best = outcome.model.file().provenance.best_epoch;
        // Nobody who reads standard error is no failure.
        let _ = writeln!(stderr(), "saved {} (epoch {best} of {})", args.out.display(), outcome.curve.len());
    }
    match &outcome.model.file().test {
        Some(test) => Ok(write_evaluation(test, out)?),
        None => Ok(()),
    }
}

/// The training as CSV; what was not measured is empty.
fn curve(epochs: &[Epoch]) -> String {
    let mut csv = "epoch,train_loss,valid_loss,learning_rate,penalty,grad_norm,clipped\n".to_string();
    for Epoch { number, train_loss, valid_loss, best: _, learning_rate, penalty, grad_norm, clipped } in epochs {
        let [grad_norm, clipped] = [grad_norm, clipped].map(|x| x.map(|x| x.to_string()).unwrap_or_default());
        csv += &format!("{number},{train_loss},{valid_loss},{learning_rate},{penalty},{grad_norm},{clipped}\n");
    }
    csv
}

/// That the directory can be made: to be found before the training, not behind it.
fn check_place(out: &Path) -> Result<()> {
    if out.file_name().is_none() {
        return Err(Usage(format!("--out {}: expected the name of a new directory", out.display())).into());
    }
    let exists = |place: &&Path| place.as_os_str().is_empty() || place.exists();
    let place = out.ancestors().skip(1).find(exists).unwrap_or(Path::new(""));
    let probe = place.join(format!(".burn-zoo.{}", std::process::id()));
    fs::create_dir(&probe).and_then(|()| fs::remove_dir(&probe)).with_context(|| out.display().to_string())
}

fn settings(args: &Args) -> Result<Settings> {
    let mut settings = match args.family.as_str() {
        "mlp" => Settings::default(),
        file if file.ends_with(".toml") => {
            let text = fs::read_to_string(file).with_context(|| file.to_string())?;
            Settings::from_toml(&text).with_context(|| file.to_string())?
        }
        other => {
            return Err(
                Usage(format!("unknown family `{other}`: expected `mlp`, or a file with settings (.toml)")).into()
            );
        }
    };
    for set in &args.set {
        let (path, value) = set
            .split_once('=')
            .ok_or_else(|| Usage(format!("--set {set}: expected PATH=VALUE, such as train.epochs=50")))?;
        settings = settings.set(path.trim(), value.trim()).map_err(usage)?;
    }
    if let Some(seed) = args.seed {
        settings.train.seed = seed;
    }
    let from_file = args.family != "mlp" && args.set.is_empty();
    match settings.check() {
        Err(error) if from_file => Err(error).with_context(|| args.family.clone()),
        checked => checked.map_err(usage),
    }?;
    Ok(settings)
}

/// The command that makes this model again; where it was saved does not matter.
fn command(args: &Args) -> String {
    let mut words = vec!["burn-zoo train".to_string(), word(&args.family), format!("--data {}", word(&args.data))];
    words.extend(args.target.iter().map(|target| format!("--target {}", word(target))));
    words.extend(args.set.iter().map(|set| format!("--set {}", word(set))));
    words.extend(args.seed.iter().map(|seed| format!("--seed {seed}")));
    words.push("--out DIR".to_string());
    words.join(" ")
}

/// A word as a shell reads it.
fn word(text: &str) -> String {
    match !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "_./=,:-".contains(c)) {
        true => text.to_string(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(word("train.epochs=20"), "train.epochs=20");
        assert_eq!(word("fixed acidity"), "'fixed acidity'");
        assert_eq!(word("it's"), "'it'\\''s'");
    }
}
