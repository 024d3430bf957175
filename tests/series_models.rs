//! Models of series: what is saved is what was trained, paths are joint, and what the zoo claims is computed again.
#![cfg(all(feature = "train", feature = "flex"))]

use std::{fs, io::Cursor};

use burn::tensor::Device;
use burn_zoo::{
    data::{
        Frame,
        read::{ReadOptions, TableReader},
        series::{Auto, Part, find},
    },
    recipe::{INTERVAL, Origin, Outcome, PASSES, train_series},
    settings::ForecastSettings,
    train::Quiet,
    uncertainty::MonteCarlo,
    zoo::{self, AnyFile, AnyModel, SeriesFile, SeriesModel},
};

fn origin() -> Origin {
    Origin::of_built_in("test", "0".repeat(64), "cargo test", "flex")
}

/// A small and short training, with some settings changed.
fn settings(changes: &[&str]) -> ForecastSettings {
    let short = ["train.epochs=3", "train.seed=1", "model.hidden=8", "data.time=t", "data.target=y", "data.horizon=4"];
    let window = ["data.window=8", "data.season=7", "data.calendar=none"];
    short.iter().chain(&window).chain(changes).fold(ForecastSettings::default(), |settings, change| {
        let (path, value) = change.split_once('=').unwrap();
        settings.set(path, value).unwrap()
    })
}

fn frame(text: &str) -> Frame {
    let reader = TableReader::from_reader("t.csv", Cursor::new(text.to_string()), &ReadOptions::default());
    Frame::read("t.csv", reader.unwrap()).unwrap()
}

/// Numbered steps of a series.
fn table(values: &[f64]) -> Frame {
    let lines: String = values.iter().enumerate().map(|(t, y)| format!("{t},{y}\n")).collect();
    frame(&format!("t,y\n{lines}"))
}

fn waves(n: usize) -> Vec<f64> {
    (0..n).map(|t| 50.0 + 10.0 * (t as f64 * 0.9).sin() + 3.0 * ((t * 7919) % 13) as f64).collect()
}

fn train(frame: &Frame, changes: &[&str]) -> Outcome<SeriesModel> {
    let numbers = [&["data.format=number"], changes].concat();
    train_series(frame, &settings(&numbers), origin(), &Device::flex(), Quiet).unwrap()
}

#[test]
fn a_saved_model_opens_to_the_same_forecasts_bit_for_bit() {
    let frame = table(&waves(120));
    for noise in ["model.noise=constant", "model.noise=predicted"] {
        let model = train(&frame, &[noise, "data.transform=log"]).model;
        let (_, windows) = model.read(&frame).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("model");
        model.save(&place, &[]).unwrap();
        let AnyModel::Series(opened) = AnyModel::open(&place, &Device::flex()).unwrap() else { panic!("of series") };
        assert_eq!(opened.file(), model.file());
        assert_eq!(AnyFile::open(&place).unwrap(), AnyFile::Series(model.file().clone()));
        for steps in [3, 4, 9] {
            let forecast = |model: &SeriesModel| {
                let of = model.forecast(&windows, &windows.last_origins(), steps, &MonteCarlo::new(20)).unwrap();
                let interval = of[0].interval(0.9).unwrap();
                [of[0].mean(), &of[0].sd(), &interval.lower, &interval.upper].concat()
            };
            assert_eq!(forecast(&model), forecast(&opened));
        }
    }
}

#[test]
fn a_forecast_of_the_horizon_is_the_mixture_and_paths_sample_it() {
    let frame = table(&waves(120));
    let model = train(&frame, &[]).model;
    let (_, windows) = model.read(&frame).unwrap();
    let origins = windows.last_origins();
    let exact = &model.forecast(&windows, &origins, 4, &MonteCarlo::new(2000)).unwrap()[0];
    assert_eq!(exact.paths(), None);
    let paths = model.paths(&windows, &origins, 4, 2000, 0).unwrap();
    for step in 0..4 {
        let values: Vec<f64> = paths.iter().map(|path| path[0][step]).collect();
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let sd = (values.iter().map(|y| (y - mean).powi(2)).sum::<f64>() / n).sqrt();
        // Four standard errors.
        assert!((mean - exact.mean()[step]).abs() < 4.0 * exact.sd()[step] / n.sqrt(), "{step}");
        assert!((sd / exact.sd()[step] - 1.0).abs() < 4.0 / (2.0 * n).sqrt(), "{step}");
    }
    // The same seed, the same paths; another, others.
    assert_eq!(model.paths(&windows, &origins, 4, 5, 0).unwrap(), paths[..5].to_vec());
    assert_ne!(model.paths(&windows, &origins, 4, 5, 1).unwrap(), paths[..5].to_vec());
    // A path of a longer forecast begins as that of a shorter one.
    let longer = model.paths(&windows, &origins, 10, 5, 0).unwrap();
    assert!(longer.iter().zip(&paths).all(|(long, short)| long[0].len() == 10 && long[0][..4] == short[0][..]));
}

#[test]
fn the_sum_along_a_path_has_the_variance_of_correlated_noise() {
    // Without any dropout, a path is the mean network with noise: Var(sum) = sum_ij s_i s_j rho^|i - j|.
    let frame = table(&waves(120));
    let none = ["model.input_rate=0", "model.recurrent_rate=0", "model.output_rate=0"];
    let model = train(&frame, &none).model;
    let (_, windows) = model.read(&frame).unwrap();
    let origins = windows.last_origins();
    let forecast = &model.forecast(&windows, &origins, 4, &MonteCarlo::new(50)).unwrap()[0];
    assert!(forecast.sd_epistemic().iter().all(|sd| *sd == 0.0), "no dropout, no spread");
    let (sd, rho) = (forecast.sd(), model.file().correlation);
    assert!(rho.abs() > 0.05 && rho.abs() <= 0.95, "{rho}");
    let pairs = (0..4).flat_map(|i: i32| (0..4).map(move |j: i32| (i, j)));
    let expected: f64 = pairs.map(|(i, j)| sd[i as usize] * sd[j as usize] * rho.powi((i - j).abs())).sum();
    let sums: Vec<f64> =
        model.paths(&windows, &origins, 4, 4000, 0).unwrap().iter().map(|path| path[0].iter().sum()).collect();
    let mean = sums.iter().sum::<f64>() / 4000.0;
    let variance = sums.iter().map(|sum| (sum - mean).powi(2)).sum::<f64>() / 4000.0;
    assert!((variance / expected - 1.0).abs() < 4.0 * (2.0f64 / 4000.0).sqrt(), "{variance} {expected}");
    assert!((mean - forecast.mean().iter().sum::<f64>()).abs() < 4.0 * (expected / 4000.0).sqrt());
}

#[test]
fn differences_widen_a_forecast_step_by_step() {
    // A random walk: the noise of all steps adds up.
    let noise = burn_zoo::Key::new(5).normal(0, 1, 300);
    let walk: Vec<f64> = noise
        .iter()
        .scan(100.0, |at, z| {
            *at += f64::from(*z);
            Some(*at)
        })
        .collect();
    let frame = table(&walk);
    let model = train(&frame, &["data.transform=difference"]).model;
    let (_, windows) = model.read(&frame).unwrap();
    let forecast = &model.forecast(&windows, &windows.last_origins(), 16, &MonteCarlo::new(50)).unwrap()[0];
    assert_eq!(forecast.paths(), Some(1000));
    let sd = forecast.sd();
    // As the root of the number of steps: 4 times as wide behind 16 steps, to a third for what is fitted.
    assert!((sd[15] / sd[0] / 4.0 - 1.0).abs() < 0.35, "{sd:?}");
    assert!((sd[0] - 1.0).abs() < 0.3, "{sd:?}");
    let far = (forecast.mean()[0] - walk[299]).abs();
    assert!(far < 1.0, "{far}");
}

#[test]
fn a_series_is_forecast_alike_whatever_other_series_stand_beside_it() {
    let rows: String = ["a", "b"]
        .iter()
        .flat_map(|site| {
            waves(120)
                .into_iter()
                .enumerate()
                .map(move |(t, y)| format!("{site},{t},{}\n", if *site == "a" { y } else { 3.0 * y }))
        })
        .collect();
    let both = frame(&format!("site,t,y\n{rows}"));
    let model = train(&both, &["data.group=site"]).model;
    let one = frame(&format!(
        "site,t,y\n{}",
        rows.lines().filter(|row| row.starts_with('b')).map(|row| format!("{row}\n")).collect::<String>()
    ));
    let forecast = |frame: &Frame, name: &str, steps: usize| {
        let (panel, windows) = model.read(frame).unwrap();
        let all = model.forecast(&windows, &windows.last_origins(), steps, &MonteCarlo::new(20)).unwrap();
        let at = panel.series().iter().position(|series| series.name() == name).unwrap();
        all[at].clone()
    };
    let (beside, alone) = (forecast(&both, "b", 4), forecast(&one, "b", 4));
    assert!(beside.mean().iter().zip(alone.mean()).all(|(a, b)| (a / b - 1.0).abs() < 1e-4));
    // And on their own scales both are the same.
    let a = forecast(&both, "a", 4);
    assert!(beside.mean().iter().zip(a.mean()).all(|(b, a)| (b / a / 3.0 - 1.0).abs() < 1e-4));
}

#[test]
fn augmentation_changes_the_training_alone() {
    let frame = table(&waves(120));
    let plain = train(&frame, &[]);
    let noisy = train(&frame, &["augment.jitter=0.2", "augment.shift=2"]);
    assert_ne!(plain.curve[0].train_loss, noisy.curve[0].train_loss);
    assert_eq!(plain.model.file().series, noisy.model.file().series);
    assert_eq!(train(&frame, &["augment.jitter=0.2", "augment.shift=2"]).model.file(), noisy.model.file());
}

#[test]
fn a_description_that_does_not_hold_is_refused_for_what_is_wrong_in_it() {
    let model = train(&table(&waves(120)), &[]).model;
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("model");
    model.save(&place, &[]).unwrap();
    let text = fs::read_to_string(place.join("model.toml")).unwrap();
    for (was, is, says) in [
        ("kind = \"series\"", "kind = \"sires\"", "unknown kind `sires`: did you mean `series`?"),
        ("correlation = ", "correlation = 7 # ", "the correlation is 7: expected -1 to 1"),
        ("horizon = 4\ntransform", "horizon = 5\ntransform", "5 targets for"),
        ("features = 1", "features = 2", "expected 1 features, and 0 numbers known"),
        ("noise = \"constant\"", "noise = \"predicted\"", "a tau for predicted noise"),
        ("[series.time]", "[series.tiem]", "unknown field `tiem`"),
        ("mask_scheme = 1", "mask_scheme = 2", "mask scheme 2"),
    ] {
        let broken = text.replacen(was, is, usize::MAX);
        assert_ne!(broken, text, "{was}");
        let error = AnyFile::read(&broken, "model.toml".as_ref()).unwrap_err().to_string();
        assert!(error.contains(says) && !error.contains('\n'), "{is}: {error}");
    }
    let weights = place.join("weights.safetensors");
    let mut bytes = fs::read(&weights).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&weights, bytes).unwrap();
    let error = SeriesModel::open(&place, &Device::flex()).unwrap_err().to_string();
    assert!(error.contains("sha256") && !error.contains('\n'), "{error}");
}

/// The models of series that come with the crate.
fn entries() -> impl Iterator<Item = (&'static str, SeriesModel)> {
    zoo::list().iter().filter(|entry| entry.name.starts_with("lstm/")).filter_map(|entry| {
        match entry.open(&Device::flex()).unwrap() {
            AnyModel::Series(model) => Some((entry.name, model)),
            _ => None,
        }
    })
}

#[test]
fn models_of_the_zoo_are_as_good_as_they_claim() {
    assert_eq!(entries().count(), 1);
    for (name, model) in entries() {
        let frame = find(&model.file().data.name).unwrap().frame();
        assert_eq!(model.file().data.sha256, find(&model.file().data.name).unwrap().sha256());
        let (_, windows) = model.read(&frame).unwrap();
        let rolling = model.evaluate(&windows, Part::Test, 1, &MonteCarlo::new(PASSES), INTERVAL).unwrap();
        let claimed = model.file().test.unwrap();
        assert_eq!((claimed.origins, rolling.steps.len()), (rolling.all.origins, model.file().series.horizon));
        for ((way, claimed), (_, found)) in claimed.ways().into_iter().zip(rolling.all.ways()) {
            let (claimed, found) = (claimed.unwrap(), found.unwrap());
            for (claimed, found) in claimed.values().into_iter().zip(found.values()) {
                let (claimed, found) = (claimed.unwrap(), found.unwrap());
                assert!((claimed - found).abs() < 1e-3 * claimed.abs().max(1.0), "{name} {way}: {claimed} {found}");
            }
        }
        assert!(claimed.not_beaten().is_empty(), "{name}");
    }
}

#[test]
fn a_card_says_what_the_description_says() {
    let card = include_str!("../models/lstm/README.md");
    for (name, model) in entries() {
        let file = model.file();
        let mut claims = vec![
            format!("## {name}"),
            format!("{} parameters, {} bytes", file.weights.params, file.weights.bytes),
            file.provenance.command.clone(),
        ];
        for (way, scores) in file.test.unwrap().ways() {
            let row = match way {
                "monte_carlo" => "Monte Carlo",
                "mean_network" => "mean network",
                "seasonal_naive" => "seasonal naive",
                _ => "drift",
            };
            let cells: Vec<String> =
                scores.unwrap().values()[1..].iter().map(|x| format!("{:.4}", x.unwrap())).collect();
            claims.push(format!("| {row} | {} |", cells.join(" | ")));
        }
        for claim in claims {
            assert!(card.contains(&claim), "models/lstm/README.md does not say of {name}: {claim}");
        }
    }
}

#[test]
fn files_of_series_are_the_same_after_a_round_through_toml() {
    let model = train(&table(&waves(120)), &["data.trend=true", "model.noise=predicted"]).model;
    let text = model.file().to_toml();
    assert_eq!(&SeriesFile::read(&text, "model.toml".as_ref()).unwrap(), model.file());
    assert_eq!(model.file().series.window, 8);
    assert_eq!(model.file().data.settings.window, Auto::Is(8));
}
