//! Measures of uncertainty and scores against NumPy (`tests/golden/uncertainty/generate.py`).

mod common;

use burn_zoo::{
    Predictive, Samples,
    outputs::{BinaryLogits, Gaussian, Logits, MultiLabelLogits, Point},
    uncertainty::{ClassPrediction, RegressionPrediction, metrics::Classified},
};
use common::{assert_within, golden, numbers};
use serde_json::Value;

/// f64 on both sides: some dozens of operations on numbers of the order of one.
const F64: f64 = 1e-12;

fn section(name: &str) -> Value {
    golden("uncertainty/uncertainty.json")[name].take()
}

/// The numbers of `[passes, rows, ...]`, as samples of as many numbers a row.
fn samples(value: &Value) -> Samples {
    let (passes, rows) = (value.as_array().unwrap().len(), value[0].as_array().unwrap().len());
    let values: Vec<f32> = numbers(value).into_iter().map(|value| value as f32).collect();
    Samples::new([passes, rows, values.len() / passes / rows], values)
}

fn assert_golden(found: &[f64], golden: &Value, name: &str) {
    assert_within(found, &numbers(&golden[name]), F64, name);
}

fn assert_classes(found: &ClassPrediction, golden: &Value) {
    let probabilities: Vec<f64> = (0..found.rows()).flat_map(|row| found.probabilities(row).to_vec()).collect();
    assert_golden(&probabilities, golden, "probabilities");
    assert_golden(found.entropy(), golden, "entropy");
    assert_golden(found.expected_entropy(), golden, "expected_entropy");
    assert_golden(found.mutual_information(), golden, "mutual_information");
    assert_golden(found.variation_ratio(), golden, "variation_ratio");
    let exactly_zero = |row: &usize| numbers(&golden["mutual_information"])[*row] == 0.0;
    assert!((0..found.rows()).filter(exactly_zero).all(|row| found.mutual_information()[row] == 0.0));
}

#[test]
fn exclusive_classes_are_numpys() {
    let golden = section("classification");
    assert_classes(&Logits::summarise((), samples(&golden["logits"])).unwrap(), &golden);
}

#[test]
fn two_classes_are_numpys() {
    let golden = section("binary");
    assert_classes(&BinaryLogits::summarise((), samples(&golden["logits"])).unwrap(), &golden);
}

#[test]
fn labels_are_numpys() {
    let golden = section("multi_label");
    let found = MultiLabelLogits::summarise((), samples(&golden["logits"])).unwrap();
    assert_golden(&found.probabilities(), &golden, "probabilities");
    assert_golden(found.entropy(), &golden, "entropy");
    assert_golden(found.expected_entropy(), &golden, "expected_entropy");
    assert_golden(found.mutual_information(), &golden, "mutual_information");
}

fn assert_regression(found: &RegressionPrediction, y: &[f64], golden: &Value) {
    assert_golden(found.mean(), golden, "mean");
    // A difference of squares of up to 52, whose f64 sums NumPy rounds at 52^2 eps.
    assert_within(found.epistemic_variance(), &numbers(&golden["epistemic_variance"]), 1e-11, "epistemic_variance");
    assert_golden(&found.aleatoric_variance().unwrap(), golden, "aleatoric_variance");
    assert_within(&found.total_variance().unwrap(), &numbers(&golden["total_variance"]), 1e-11, "total_variance");
    // Up to 2e4 where the target is 100 away.
    assert_within(&found.log_likelihood(y).unwrap(), &numbers(&golden["log_likelihood"]), 1e-10, "log_likelihood");
    assert_within(&found.crps(y).unwrap(), &numbers(&golden["crps"]), 1e-11, "crps");
    for level in [90, 50] {
        let interval = found.interval(f64::from(level) / 100.0).unwrap();
        for (name, ends) in [("lower", &interval.lower), ("upper", &interval.upper)] {
            // A quantile in the gap between two modes amplifies rounding.
            assert_within(ends, &numbers(&golden[format!("{name}_{level}")]), 1e-9, &format!("{name} {level}"));
        }
    }
}

#[test]
fn regression_with_constant_noise_is_numpys() {
    let golden = section("regression");
    let found = Point::summarise((), samples(&golden["samples"])).unwrap();
    let found = found.with_tau(&numbers(&golden["tau"])).unwrap();
    assert_regression(&found, &numbers(&golden["y"]), &golden["constant_noise"]);
}

fn gaussians(golden: &Value) -> RegressionPrediction {
    let (means, log_variances) = (samples(&golden["samples"]), samples(&golden["log_variance"]));
    let [passes, rows, targets] = means.dims();
    let packed = (0..passes).flat_map(|pass| (0..rows).map(move |row| (pass, row)));
    let packed = packed.flat_map(|(pass, row)| [means.row(pass, row), log_variances.row(pass, row)].concat()).collect();
    Gaussian::summarise((), Samples::new([passes, rows, 2 * targets], packed)).unwrap()
}

#[test]
fn regression_with_predicted_noise_is_numpys() {
    let golden = section("regression");
    let found = gaussians(&golden);
    assert_regression(&found, &numbers(&golden["y"]), &golden["predicted_noise"]);
}

/// Against integrals, which are right to ten digits of numbers of up to 50.
fn assert_log_regression(found: &RegressionPrediction, y: &[f64], golden: &Value) {
    let near = |found: &[f64], name: &str| assert_within(found, &numbers(&golden[name]), 1e-8, name);
    near(found.mean(), "mean");
    near(found.epistemic_variance(), "epistemic_variance");
    near(&found.aleatoric_variance().unwrap(), "aleatoric_variance");
    near(&found.total_variance().unwrap(), "total_variance");
    near(&found.log_likelihood(y).unwrap(), "log_likelihood");
    near(&found.crps(y).unwrap(), "crps");
    for level in [90, 50] {
        let interval = found.interval(f64::from(level) / 100.0).unwrap();
        near(&interval.lower, &format!("lower_{level}"));
        near(&interval.upper, &format!("upper_{level}"));
    }
}

#[test]
fn targets_by_their_logarithms_are_numpys() {
    let golden = section("log_regression");
    let y = numbers(&golden["y"]);
    let found = Point::summarise((), samples(&golden["samples"])).unwrap().with_tau(&numbers(&golden["tau"])).unwrap();
    assert_log_regression(&found.exponentiated().unwrap(), &y, &golden["constant_noise"]);
    assert_log_regression(&gaussians(&golden).exponentiated().unwrap(), &y, &golden["predicted_noise"]);
}

#[test]
fn the_fitted_precision_is_numpys() {
    let golden = section("fit_tau");
    let prediction = Point::summarise((), samples(&golden["samples"])).unwrap();
    let y = numbers(&golden["y"]);
    let tau = prediction.fit_tau(&y).unwrap();
    // NumPy solves for the zero of the derivative; a search for the maximum itself finds half the digits.
    common::assert_near(&tau, &numbers(&golden["tau"]), 1e-6, "tau");
    let likelihood = common::mean(&prediction.with_tau(&tau).unwrap().log_likelihood(&y).unwrap()).0;
    assert_within(&[likelihood], &numbers(&golden["mean_log_likelihood"]), 1e-12, "the likelihood at the maximum");
}

#[test]
fn scores_of_probabilities_are_numpys() {
    let golden = section("scores");
    let p = numbers(&golden["probabilities"]);
    let targets: Vec<usize> = numbers(&golden["targets"]).into_iter().map(|target| target as usize).collect();
    let classified = Classified::new(p.chunks(3), &targets).unwrap();
    assert_golden(&[classified.accuracy().value], &golden, "accuracy");
    assert_golden(&[classified.nll().value], &golden, "nll");
    assert_golden(&[classified.brier().value], &golden, "brier");
    assert_golden(&[classified.ece(15).value], &golden, "ece");
}

#[test]
fn calibration_errors_are_numpys_edges_of_bins_included() {
    for case in section("calibration").as_array().unwrap() {
        // Class 0 is the top one, with the case's confidence; the target is class 1 where that is wrong.
        let rows: Vec<[f64; 2]> =
            numbers(&case["confidence"]).into_iter().map(|confidence| [confidence, 0.0]).collect();
        let targets: Vec<usize> = numbers(&case["correct"]).into_iter().map(|correct| 1 - correct as usize).collect();
        let classified = Classified::new(rows.iter().map(|row| row.as_slice()), &targets).unwrap();
        let ece = classified.ece(15);
        assert_golden(&[ece.value], case, "ece");
        assert_golden(&[ece.standard_error.unwrap()], case, "ece_error");
    }
}
