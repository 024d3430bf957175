//! The whole way from a table to intervals, on the red wines: how good, and what must not matter.
#![cfg(all(feature = "train", feature = "cli", feature = "flex"))]

mod cli_support;

use burn_zoo::{
    DeviceSpec, Key,
    data::{Split, Table},
    recipe::{INTERVAL, Outcome, PASSES},
    settings::Settings,
    uncertainty::{MonteCarlo, RegressionPrediction},
    zoo,
};
use cli_support::{settings, train, wine};

fn outcome(table: &Table, settings: &Settings) -> Outcome {
    train(table, "quality", settings, DeviceSpec::Flex)
}

/// The table with some rows changed.
fn changed(table: &Table, rows: &[usize], change: impl Fn(&mut [f64])) -> Table {
    let mut values: Vec<Vec<f64>> = table.iter().map(<[f64]>::to_vec).collect();
    rows.iter().for_each(|&row| change(&mut values[row]));
    Table::new(table.columns().to_vec(), &values).unwrap()
}

fn split(settings: &Settings) -> Split {
    Split::random(wine().rows(), settings.data.split, Key::new(settings.train.seed).fold_str("split")).unwrap()
}

/// The prediction for some rows of the table, by as many passes as judge the test part.
fn prediction(outcome: &Outcome, table: &Table, rows: &[usize]) -> RegressionPrediction {
    let (features, _) = table.without("quality").unwrap();
    let rows: Vec<&[f64]> = rows.iter().map(|&row| features.row(row)).collect();
    outcome.model.predict(&rows, &MonteCarlo::new(PASSES)).unwrap().regression().unwrap()
}

#[test]
fn over_five_seeds_intervals_hold_as_often_as_they_say_and_the_error_is_small() {
    let scores: Vec<_> = (0..5)
        .map(|seed| {
            let settings = settings(&[&format!("train.seed={seed}")]);
            let test = outcome(&wine(), &settings).model.file().test.unwrap();
            let (monte_carlo, baseline) = (test.monte_carlo.regression().unwrap(), test.baseline.regression().unwrap());
            assert!(monte_carlo.nll < baseline.nll, "seed {seed}: {test:?}");
            assert!(monte_carlo.crps < baseline.crps, "seed {seed}: {test:?}");
            monte_carlo
        })
        .collect();
    let mean = |score: fn(&burn_zoo::uncertainty::RegressionScores) -> f64| scores.iter().map(score).sum::<f64>() / 5.0;
    let (coverage, rmse) = (mean(|scores| scores.coverage), mean(|scores| scores.rmse));
    assert!((0.86..=0.95).contains(&coverage), "{coverage}");
    assert!(rmse < 0.68, "{rmse}");
}

#[test]
fn the_command_in_the_description_makes_about_the_model_of_the_zoo_again() {
    let file = zoo::find("mlp/wine-red").unwrap().file().unwrap();
    assert_eq!(file.provenance.command, "burn-zoo train mlp --data wine-red --out DIR");
    let again = outcome(&wine(), &Settings::default()).model.file().clone();
    assert_eq!((&again.model, &again.train, &again.data.rows), (&file.model, &file.train, &file.data.rows));
    assert_eq!(again.scaling, file.scaling);
    // The weights' last digits are another processor's, and the best epoch may be another.
    let scores = |file: &burn_zoo::zoo::ModelFile| file.test.unwrap().monte_carlo.regression().unwrap();
    let (found, claimed) = (scores(&again), scores(&file));
    assert!((found.rmse - claimed.rmse).abs() < 0.03 && (found.nll - claimed.nll).abs() < 0.06, "{found:?}");
}

#[test]
fn rows_that_do_not_train_have_no_part_in_scaling_or_weights() {
    let settings = settings(&["train.epochs=1"]);
    let split = split(&settings);
    let others = [&split.valid[..], &split.test].concat();
    let table = changed(&wine(), &others, |row| row.iter_mut().for_each(|x| *x *= 1000.0));
    let (plain, large) = (outcome(&wine(), &settings), outcome(&table, &settings));
    assert_eq!(plain.model.file().scaling, large.model.file().scaling);
    assert_eq!(plain.curve[0].train_loss.to_bits(), large.curve[0].train_loss.to_bits());
    assert_eq!(plain.model.file().weights, large.model.file().weights);
    assert_ne!(plain.curve[0].valid_loss, large.curve[0].valid_loss);
}

#[test]
fn rows_that_judge_have_no_part_in_anything_else() {
    let settings = settings(&["train.epochs=8"]);
    let table = changed(&wine(), &split(&settings).test, |row| row.iter_mut().for_each(|x| *x *= 1000.0));
    let (plain, large) = (outcome(&wine(), &settings), outcome(&table, &settings));
    assert_eq!(plain.curve, large.curve);
    assert_eq!(plain.model.file().weights, large.model.file().weights);
    assert_eq!(plain.model.file().tau, large.model.file().tau);
    assert_ne!(plain.model.file().test, large.model.file().test);
}

#[test]
fn the_split_says_which_rows_did_what() {
    let settings = settings(&["train.epochs=1", "train.seed=9"]);
    let outcome = outcome(&wine(), &settings);
    assert_eq!(outcome.split, split(&settings));
    let training = changed(&wine(), &outcome.split.train, |row| row[11] = 0.0);
    let zeros = training.iter().filter(|row| row[11] == 0.0).count();
    assert_eq!(zeros, outcome.model.file().data.rows[0]);
}

/// 1 to 1e-3: the standardised targets differ in their last digits, and training carries that on.
#[track_caller]
fn assert_alike(found: f64, expected: f64) {
    assert!((found - expected).abs() <= 1e-3 * expected.abs(), "{found}: expected {expected}");
}

#[test]
fn another_unit_of_the_target_is_another_unit_of_the_prediction() {
    let settings = settings(&["train.epochs=20"]);
    let all: Vec<usize> = (0..wine().rows()).collect();
    let table = changed(&wine(), &all, |row| row[11] = 1000.0 * row[11] + 50_000.0);
    let (points, units) = (outcome(&wine(), &settings), outcome(&table, &settings));
    let rows = &points.split.test;
    let (a, b) = (prediction(&points, &wine(), rows), prediction(&units, &table, rows));

    let (tau_a, tau_b) = (points.model.file().tau.clone().unwrap(), units.model.file().tau.clone().unwrap());
    assert_alike(tau_b.monte_carlo[0] * 1e6, tau_a.monte_carlo[0]);
    assert_alike(tau_b.mean_network[0] * 1e6, tau_a.mean_network[0]);
    let (interval_a, interval_b) = (a.interval(INTERVAL).unwrap(), b.interval(INTERVAL).unwrap());
    let (total_a, total_b) = (a.total_variance().unwrap(), b.total_variance().unwrap());
    for row in 0..rows.len() {
        assert_alike(b.mean()[row] - 50_000.0, 1000.0 * a.mean()[row]);
        assert_alike(b.epistemic_variance()[row].sqrt(), 1000.0 * a.epistemic_variance()[row].sqrt());
        assert_alike(total_b[row].sqrt(), 1000.0 * total_a[row].sqrt());
        assert_alike(interval_b.lower[row] - 50_000.0, 1000.0 * interval_a.lower[row]);
        assert_alike(interval_b.upper[row] - 50_000.0, 1000.0 * interval_a.upper[row]);
    }
    let (a, b) = (points.model.file().test.unwrap(), units.model.file().test.unwrap());
    for (a, b) in [(a.monte_carlo, b.monte_carlo), (a.mean_network, b.mean_network), (a.baseline, b.baseline)] {
        let (a, b) = (a.regression().unwrap(), b.regression().unwrap());
        assert_alike(b.nll, a.nll + 1000f64.ln());
        assert_alike(b.rmse, 1000.0 * a.rmse);
        assert_alike(b.mae, 1000.0 * a.mae);
        assert_alike(b.crps, 1000.0 * a.crps);
        assert_alike(b.width, 1000.0 * a.width);
        assert!((a.coverage - b.coverage).abs() <= 1.0 / 240.0); // a wine at the very end of its interval
    }
}

#[test]
fn another_unit_of_a_feature_changes_nothing() {
    let settings = settings(&["train.epochs=20"]);
    let all: Vec<usize> = (0..wine().rows()).collect();
    let table = changed(&wine(), &all, |row| row[10] = 7.9 * row[10] - 3.0); // alcohol in another unit
    let (plain, units) = (outcome(&wine(), &settings), outcome(&table, &settings));
    let scores = |outcome: &Outcome| outcome.model.file().test.unwrap().monte_carlo.regression().unwrap();
    let (a, b) = (scores(&plain), scores(&units));
    assert_alike(b.rmse, a.rmse);
    assert_alike(b.nll, a.nll);
}
