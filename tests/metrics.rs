//! Scores of plain numbers and of predictions, by hand.

mod common;

use burn_zoo::{
    Error, Key, Predictive, Samples,
    outputs::{Logits, Point},
    uncertainty::{
        ClassPrediction, ClassScores, RegressionPrediction, RegressionScores,
        metrics::{Bin, Classified, Estimate, auroc, mae, rmse},
    },
};
use common::{assert_standard_errors, assert_within, mean};

/// f64, a few operations.
const F64: f64 = 1e-15;

/// An estimate that has a standard error.
fn with_error(estimate: Estimate) -> [f64; 2] {
    [estimate.value, estimate.standard_error.unwrap()]
}

#[test]
fn a_mean_has_its_standard_error_unless_it_is_of_one_value() {
    // squares 4 + 1 + 9 = 14, over n - 1 = 2, over n = 3
    let found = with_error(Estimate::mean(&[1.0, 2.0, 6.0]).unwrap());
    assert_within(&found, &[3.0, (14.0f64 / 2.0 / 3.0).sqrt()], F64, "1, 2, 6");
    assert_eq!(Estimate::mean(&[5.0]).unwrap(), Estimate { value: 5.0, standard_error: None });
    assert!(matches!(Estimate::mean(&[]), Err(Error::NoRows)));
    let infinite = Estimate::mean(&[1.0, f64::INFINITY]).unwrap();
    assert_eq!(infinite, Estimate { value: f64::INFINITY, standard_error: None }, "and no NaN");
}

#[test]
fn errors_are_counted_squared_and_plain() {
    let (predicted, targets) = ([1.0, 2.0, 3.0], [1.0, 4.0, -1.0]); // errors 0, -2, 4
    // Squares 0, 4, 16: mean 20/3, standard error sqrt((400 + 64 + 784) / 9 / 2 / 3) = sqrt(208 / 9), over twice the root
    let (root, error) = ((20.0f64 / 3.0).sqrt(), (208.0f64 / 9.0).sqrt());
    assert_within(&with_error(rmse(&predicted, &targets).unwrap()), &[root, error / (2.0 * root)], F64, "rmse");
    // 0, 2, 4: squares of deviations 8, over 2, over 3
    assert_within(&with_error(mae(&predicted, &targets).unwrap()), &[2.0, (8.0f64 / 6.0).sqrt()], F64, "mae");
    assert_eq!(with_error(rmse(&targets, &targets).unwrap()), [0.0, 0.0], "no 0 / 0");
}

#[test]
fn errors_of_another_number_of_targets_or_of_none_are_refused() {
    for score in [rmse, mae] {
        assert!(matches!(score(&[1.0], &[1.0, 2.0]), Err(Error::Length { expected: 2, found: 1, .. })));
        assert!(matches!(score(&[], &[]), Err(Error::NoRows)));
    }
}

#[test]
fn sure_and_right_is_perfect_and_sure_and_wrong_is_the_worst() {
    let rows: [&[f64]; 2] = [&[1.0, 0.0], &[0.0, 1.0]];
    let scores = |targets: &[usize]| {
        let rows = Classified::new(rows, targets).unwrap();
        [rows.accuracy(), rows.nll(), rows.brier(), rows.ece(15)]
    };
    assert_eq!(scores(&[0, 1]).map(with_error), [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0], [0.0, 0.0]]);
    let wrong = scores(&[1, 0]);
    assert_eq!(wrong.map(|score| score.value), [0.0, f64::INFINITY, 2.0, 1.0]);
    assert_eq!(wrong[1].standard_error, None);
}

#[test]
fn a_table_of_reliability_has_all_bins_and_the_certain_rows_in_the_last() {
    let rows: [&[f64]; 5] = [&[0.5, 0.5], &[0.75, 0.25], &[0.25, 0.75], &[1.0, 0.0], &[0.875, 0.125]];
    let classified = Classified::new(rows, &[1, 0, 0, 0, 0]).unwrap();
    let bin = |low, high, n, confidence, accuracy| Bin { low, high, n, confidence, accuracy };
    let expected = [
        bin(0.0, 0.25, 0, 0.0, 0.0),
        bin(0.25, 0.5, 0, 0.0, 0.0),
        bin(0.5, 0.75, 1, 0.5, 0.0), // an edge belongs to the bin above it; class 0 is the first of equals
        bin(0.75, 1.0, 4, (0.75 + 0.75 + 1.0 + 0.875) / 4.0, 0.75),
    ];
    assert_eq!(classified.reliability(4), expected);
    // (1 * 0.5 + |3.375 - 3|) / 5
    assert_within(&[classified.ece(4).value], &[0.875 / 5.0], F64, "ece");
}

#[test]
fn more_than_two_classes_are_binned_by_the_top_one() {
    let classified = Classified::new([&[0.25, 0.35, 0.4][..]], &[2]).unwrap();
    let table = classified.reliability(10);
    assert_eq!((table[4].n, table[4].confidence, table[4].accuracy), (1, 0.4, 1.0));
    assert_eq!(table.iter().map(|bin| bin.n).sum::<usize>(), 1);
    assert_eq!(classified.ece(10).standard_error, None, "one row");
}

#[test]
fn a_calibration_errors_jackknife_leaves_out_each_row() {
    let confidences: Vec<f64> = Key::new(4).uniform(0, 1, 60).into_iter().map(f64::from).collect();
    let rows: Vec<[f64; 2]> = confidences.iter().map(|&c| [0.5 + 0.5 * c, 0.5 - 0.5 * c]).collect();
    let targets: Vec<usize> = Key::new(5).uniform(0, 1, 60).iter().map(|&u| usize::from(u > 0.7)).collect();
    let ece = |left_out: Option<usize>| {
        let kept = |i: &usize| Some(*i) != left_out;
        let targets: Vec<usize> = (0..60).filter(kept).map(|i| targets[i]).collect();
        Classified::new((0..60).filter(kept).map(|i| &rows[i][..]), &targets).unwrap().ece(15)
    };
    let without: Vec<f64> = (0..60).map(|i| ece(Some(i)).value).collect();
    let (centre, _) = mean(&without);
    let expected = (59.0 / 60.0 * without.iter().map(|e| (e - centre).powi(2)).sum::<f64>()).sqrt();
    assert_within(&[ece(None).standard_error.unwrap()], &[expected], 1e-14, "a sum in another order");
}

/// 200 predictions of 40 rows each, of which every standard error is the spread of the score over the 200, roughly.
#[test]
fn standard_errors_are_the_spread_of_the_scores_over_samples() {
    const ROWS: usize = 40;
    let prediction = RegressionPrediction::constant(&[0.0], &[1.0], ROWS).unwrap();
    let draw = |i: u64| Key::new(6).fold(i).normal(0, 1, ROWS).into_iter().map(f64::from).collect::<Vec<_>>();
    let scores: Vec<RegressionScores> = (0..200).map(|i| prediction.scores(&draw(i), 0.5).unwrap()).collect();
    for (at, name) in RegressionScores::NAMES.into_iter().enumerate().filter(|(_, name)| !["n", "width"].contains(name))
    {
        let values: Vec<f64> = scores.iter().map(|scores| scores.values()[at]).collect();
        let spread = mean(&values).1 * 200f64.sqrt();
        let errors: Vec<f64> = scores.iter().map(|scores| scores.standard_errors()[at].unwrap()).collect();
        // A standard deviation of 200 has a standard error of 1/sqrt(400) of itself.
        assert_standard_errors(mean(&errors).0, spread, spread / 20.0, 3.0, name);
    }
    assert_eq!(scores[0].standard_errors()[0], None, "the number of rows is known");
    assert_within(&[scores[0].standard_error.unwrap().width], &[0.0], 1e-12, "all intervals are alike");
}

#[test]
fn the_targets_of_a_row_count_as_one() {
    // Two targets that always err alike are no more rows than one.
    let errors: [f64; 4] = [0.5, -1.0, 2.0, 0.25];
    let scores = |targets: usize| {
        let prediction = RegressionPrediction::constant(&vec![0.0; targets], &vec![1.0; targets], 4).unwrap();
        let y: Vec<f64> = errors.iter().flat_map(|error| vec![*error; targets]).collect();
        prediction.scores(&y, 0.9).unwrap()
    };
    let (one, two) = (scores(1), scores(2));
    assert_eq!((one.n, two.n), (4, 4));
    assert_within(&two.values(), &one.values(), F64, "scores");
    let errors =
        |scores: RegressionScores| scores.standard_errors()[1..].iter().map(|e| e.unwrap()).collect::<Vec<_>>();
    assert_within(&errors(two), &errors(one), F64, "standard errors");
}

#[test]
fn scores_are_written_with_their_errors_and_without_where_there_are_none() {
    let one = RegressionPrediction::constant(&[0.0], &[1.0], 1).unwrap().scores(&[0.5], 0.9).unwrap();
    assert_eq!((one.standard_error, one.standard_errors()), (None, [None; 7]));
    let two = RegressionPrediction::constant(&[0.0], &[1.0], 2).unwrap().scores(&[0.5, 1.0], 0.9).unwrap();
    let classes = ClassPrediction::constant(&[1.0, 2.0], 2).unwrap().scores(&[0, 1]).unwrap();
    let keys = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let json = serde_json::to_value(one).unwrap();
    assert!(json.get("standard_error").is_none() && !json.to_string().contains("null"));
    let json = serde_json::to_value(two).unwrap();
    assert_eq!(keys(&json["standard_error"]).len(), 6);
    assert_eq!(keys(&serde_json::to_value(classes).unwrap()["standard_error"]).len(), 4);
    assert_eq!(serde_json::from_value::<RegressionScores>(json.clone()).unwrap(), two);
    for scores in [one, two] {
        assert_eq!(toml::from_str::<RegressionScores>(&toml::to_string(&scores).unwrap()).unwrap(), scores);
    }
    assert_eq!(toml::from_str::<ClassScores>(&toml::to_string(&classes).unwrap()).unwrap(), classes);
    for (at, key) in [("", "rsme"), ("standard_error", "n")] {
        let mut odd = json.clone();
        let object = if at.is_empty() { &mut odd } else { &mut odd[at] };
        object[key] = 1.0.into();
        assert!(serde_json::from_value::<RegressionScores>(odd).unwrap_err().to_string().contains(key), "unknown");
    }
}

#[test]
fn a_score_that_is_no_number_is_an_error_with_the_row() {
    let prediction = RegressionPrediction::constant(&[0.0], &[1.0], 2).unwrap();
    let words = |y: f64| prediction.scores(&[0.0, y], 0.9).unwrap_err().to_string();
    assert_eq!(words(f64::NAN), "row 1: `NaN` is not a finite squared error");
    assert_eq!(words(f64::INFINITY), "row 1: `inf` is not a finite squared error");
    assert_eq!(words(1e160), "row 1: `inf` is not a finite squared error");
}

#[test]
fn a_target_that_every_network_rules_out_has_a_finite_likelihood() {
    // p = exp(-2000) and exp(-3000) are 0 in f64; the mean's logarithm is -2000 - ln 2, but for exp(-1000).
    let logits = Samples::new([2, 1, 2], vec![2000.0, 0.0, 3000.0, 0.0]);
    let prediction = Logits::summarise((), logits).unwrap();
    assert_eq!(prediction.probabilities(0), [1.0, 0.0]);
    assert_within(prediction.log_probabilities(0), &[0.0, -2000.0 - 2f64.ln()], 1e-12, "logarithms");
    assert_within(&[prediction.scores(&[1]).unwrap().nll], &[2000.0 + 2f64.ln()], 1e-12, "nll");
}

#[test]
fn constant_classes_are_the_frequencies() {
    let prediction = ClassPrediction::constant(&[30.0, 10.0, 0.0], 4).unwrap();
    assert_eq!((prediction.rows(), prediction.n_classes(), prediction.passes()), (4, 3, 1));
    for row in 0..4 {
        assert_within(prediction.probabilities(row), &[0.75, 0.25, 0.0], F64, "3 : 1");
        assert_eq!(prediction.class(row), 0);
    }
    let entropy = -0.75 * 0.75f64.ln() - 0.25 * 0.25f64.ln();
    assert_within(prediction.entropy(), &[entropy; 4], F64, "nats");
    assert_eq!((prediction.mutual_information(), prediction.variation_ratio()), (&[0.0; 4][..], &[0.0; 4][..]));
    let scores = prediction.scores(&[0, 0, 1, 2]).unwrap();
    assert_eq!(scores.accuracy, 0.5);
    let nll = (-2.0 * 0.75f64.ln() - 0.25f64.ln() - f64::MIN_POSITIVE.ln()) / 4.0;
    assert_within(&[scores.nll], &[nll], 1e-12, "a class that was never seen costs 708 nats");
    assert!(matches!(ClassPrediction::constant(&[1.0], 0), Err(Error::NoRows)));
    for bad in [&[][..], &[0.0, 0.0], &[1.0, -1.0], &[f64::NAN, 1.0], &[f64::INFINITY]] {
        assert!(matches!(ClassPrediction::constant(bad, 1), Err(Error::Config { .. })), "{bad:?}");
    }
}

#[test]
fn an_interval_says_which_targets_it_holds() {
    let prediction = Point::summarise((), Samples::new([1, 3, 1], vec![0.0; 3])).unwrap().with_tau(&[1.0]).unwrap();
    let interval = prediction.interval(0.9).unwrap();
    assert_eq!(interval.holds(&[0.0, 2.0, f64::NAN]).unwrap(), [true, false, false]);
    assert!(matches!(interval.holds(&[0.0]), Err(Error::Length { expected: 3, found: 1, .. })));
}

#[test]
fn probabilities_need_rows_targets_and_classes() {
    let row: &[f64] = &[0.25, 0.75];
    assert!(matches!(Classified::new([], &[]), Err(Error::NoRows)));
    assert!(matches!(Classified::new([row], &[0, 1]), Err(Error::Length { expected: 1, found: 2, .. })));
    match Classified::new([row, row], &[1, 2]) {
        Err(error @ Error::Value { .. }) => assert_eq!(error.to_string(), "row 1: `2` is not a class"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_area_under_the_roc_is_the_share_of_pairs_in_order() {
    // By counting pairs, with ties; and DeLong's error from the placements of each score.
    let scores = |seed: u64, n: usize, shift: f64| -> Vec<f64> {
        let normal = Key::new(seed).normal(0, 1, n);
        normal.into_iter().map(|z| ((f64::from(z) + shift) * 4.0).round() / 4.0).collect()
    };
    let (positives, negatives) = (scores(1, 57, 0.7), scores(2, 83, 0.0));
    let pair = |p: f64, n: f64| if p > n { 1.0 } else { f64::from(u8::from(p == n)) / 2.0 };
    let of_positive: Vec<f64> =
        positives.iter().map(|&p| negatives.iter().map(|&n| pair(p, n)).sum::<f64>() / 83.0).collect();
    let of_negative: Vec<f64> =
        negatives.iter().map(|&n| positives.iter().map(|&p| pair(p, n)).sum::<f64>() / 57.0).collect();
    let ((area, a), (_, b)) = (mean(&of_positive), mean(&of_negative));
    assert!(positives.iter().any(|p| negatives.contains(p)), "there are ties");
    let found = with_error(auroc(&positives, &negatives).unwrap());
    assert_within(&found, &[area, (a * a + b * b).sqrt()], 1e-13, "57 and 83 scores");
    let turned = auroc(&negatives, &positives).unwrap().value;
    assert_within(&[turned], &[1.0 - area], 1e-13, "the other way round");
}

#[test]
fn an_area_is_at_its_ends_and_without_two_classes_there_is_none() {
    assert_eq!(auroc(&[2.0, 3.0], &[0.0, 1.0]).unwrap(), Estimate { value: 1.0, standard_error: Some(0.0) });
    assert_eq!(auroc(&[0.0], &[1.0, 2.0]).unwrap(), Estimate { value: 0.0, standard_error: None });
    assert_eq!(auroc(&[1.0, 1.0], &[1.0, 1.0]).unwrap().value, 0.5);
    assert_eq!(auroc(&[f64::INFINITY, 0.0], &[-0.0, f64::NEG_INFINITY]).unwrap().value, 0.875, "0 is -0");
    for (positives, negatives) in [(&[][..], &[1.0][..]), (&[1.0], &[])] {
        assert!(matches!(auroc(positives, negatives), Err(Error::NoRows)));
    }
    let error = auroc(&[1.0], &[0.0, f64::NAN]).unwrap_err().to_string();
    assert_eq!(error, "scores of negatives, row 1: `NaN` is not a number");
}
