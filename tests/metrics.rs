//! Scores of plain numbers, by hand.

mod common;

use burn_zoo::{
    Error,
    uncertainty::metrics::{Classified, Mean, mae, rmse},
};
use common::assert_within;

/// f64, a few operations.
const F64: f64 = 1e-15;

#[test]
fn a_mean_has_its_standard_error() {
    let Mean { mean, standard_error } = Mean::of(&[1.0, 2.0, 6.0]).unwrap();
    // squares 4 + 1 + 9 = 14, over n - 1 = 2, over n = 3
    assert_within(&[mean, standard_error], &[3.0, (14.0f64 / 2.0 / 3.0).sqrt()], F64, "1, 2, 6");
    assert_eq!(Mean::of(&[5.0]).unwrap(), Mean { mean: 5.0, standard_error: 0.0 });
    assert!(matches!(Mean::of(&[]), Err(Error::NoRows)));
}

#[test]
fn errors_are_counted_squared_and_plain() {
    let (predicted, targets) = ([1.0, 2.0, 3.0], [1.0, 4.0, -1.0]); // errors 0, -2, 4
    assert_within(&[rmse(&predicted, &targets).unwrap()], &[(20.0f64 / 3.0).sqrt()], F64, "rmse");
    assert_within(&[mae(&predicted, &targets).unwrap()], &[2.0], F64, "mae");
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
    let right = Classified::new(rows, &[0, 1]).unwrap();
    assert_eq!((right.accuracy(), right.nll(), right.brier(), right.ece(15)), (1.0, 0.0, 0.0, 0.0));
    let wrong = Classified::new(rows, &[1, 0]).unwrap();
    assert_eq!((wrong.accuracy(), wrong.nll(), wrong.brier(), wrong.ece(15)), (0.0, f64::INFINITY, 2.0, 1.0));
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
