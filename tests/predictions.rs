//! What a prediction of real targets says: noise, units, likelihoods, intervals, scores; and views of a model by its task.

mod common;

use std::collections::BTreeSet;

use burn::tensor::{Device, Tensor};
use burn_zoo::{
    Error, Key, Pass, Predictive, Samples,
    models::{Mlp, MlpConfig, Noise, Task},
    outputs::{Gaussian, Point},
    uncertainty::{MonteCarlo, RegressionPrediction},
};
use common::{OF_LARGEST, assert_near, assert_within, devices, normal, rate, values};
use proptest::prelude::*;

const ROWS: usize = 6;
const PASSES: usize = 40;

/// The field case S7: y -> 1000 y + 50000.
const SCALE: f64 = 1000.0;
const SHIFT: f64 = 50_000.0;

/// f64 on the host, a few dozen operations.
const F64: f64 = 1e-12;

fn mlp(noise: Noise, targets: usize, device: &Device) -> Mlp {
    MlpConfig::new(3, Task::Regression { targets, noise }).with_rates(vec![rate(0.3)]).init(device, Key::new(1))
}

/// A prediction of one target without a word about its noise.
fn unknown(device: &Device) -> RegressionPrediction {
    let x = normal(2, [ROWS, 3], device);
    MonteCarlo::new(PASSES).predict(&mlp(Noise::Constant, 1, device).regression().unwrap(), x).unwrap()
}

fn predicted(device: &Device) -> RegressionPrediction {
    let x = normal(2, [ROWS, 3], device);
    MonteCarlo::new(PASSES).predict(&mlp(Noise::Predicted, 1, device).gaussian().unwrap(), x).unwrap()
}

fn targets() -> Vec<f64> {
    Key::new(9).normal(0, 1, ROWS).into_iter().map(f64::from).collect()
}

/// One row, one target, of given pass means.
fn points(means: &[f32]) -> RegressionPrediction {
    Point::summarise((), Samples::new([means.len(), 1, 1], means.to_vec())).unwrap()
}

/// The density of N(mean, sd^2) at y.
fn density(y: f64, mean: f64, sd: f64) -> f64 {
    (-0.5 * ((y - mean) / sd).powi(2)).exp() / (sd * (2.0 * std::f64::consts::PI).sqrt())
}

/// The distribution of N(mean, sd^2) at y.
fn distribution(y: f64, mean: f64, sd: f64) -> f64 {
    0.5 * libm::erfc(-(y - mean) / sd / 2f64.sqrt())
}

#[test]
fn without_a_word_about_the_noise_there_is_no_interval_for_an_observation() {
    for (name, device) in devices() {
        let prediction = unknown(&device);
        let no_tau = |failed: bool| assert!(failed, "{name}");
        no_tau(matches!(prediction.interval(0.9), Err(Error::NoTau)));
        no_tau(matches!(prediction.log_likelihood(&targets()), Err(Error::NoTau)));
        no_tau(matches!(prediction.crps(&targets()), Err(Error::NoTau)));
        no_tau(matches!(prediction.aleatoric_variance(), Err(Error::NoTau)));
        no_tau(matches!(prediction.total_variance(), Err(Error::NoTau)));
        assert!(prediction.tau().is_none() && prediction.epistemic_interval(0.9).is_ok(), "{name}");
    }
}

#[test]
fn a_precision_is_positive_and_one_for_each_target() {
    let prediction = points(&[0.0, 1.0]);
    for bad in [-1.0, 0.0, -0.0, f64::NAN, f64::INFINITY] {
        match prediction.clone().with_tau(&[bad]) {
            Err(Error::Config { setting, .. }) => assert_eq!(setting, "tau"),
            other => panic!("{bad}: {other:?}"),
        }
    }
    assert!(matches!(prediction.clone().with_tau(&[]), Err(Error::Length { expected: 1, found: 0, .. })));
    assert!(matches!(prediction.with_tau(&[1.0, 1.0]), Err(Error::Length { expected: 1, found: 2, .. })));
}

#[test]
fn a_model_that_predicts_its_noise_takes_no_constant_one() {
    for (name, device) in devices() {
        assert!(matches!(predicted(&device).with_tau(&[1.0]), Err(Error::Prediction { .. })), "{name}");
    }
}

#[test]
fn variances_are_the_networks_disagreement_and_the_noise_and_their_sum() {
    let prediction = points(&[1.0, 2.0, 6.0]).with_tau(&[0.25]).unwrap();
    // mean 3, squares 4 + 1 + 9 = 14, divided by T = 3
    assert_within(prediction.mean(), &[3.0], F64, "mean");
    assert_within(prediction.epistemic_variance(), &[14.0 / 3.0], F64, "epistemic");
    assert_within(&prediction.aleatoric_variance().unwrap(), &[4.0], F64, "aleatoric");
    assert_within(&prediction.total_variance().unwrap(), &[14.0 / 3.0 + 4.0], F64, "total");
}

#[test]
fn predicted_noise_is_the_mean_of_the_passes_variances() {
    for (name, device) in devices() {
        let (model, x) = (mlp(Noise::Predicted, 1, &device), normal(2, [ROWS, 3], &device));
        let sampler = MonteCarlo::new(PASSES);
        let prediction = predicted(&device);
        let (mut mean, mut variance) = (vec![0.0; ROWS], vec![0.0; ROWS]);
        for pass in 0..PASSES {
            let raw = values(model.forward(x.clone(), &Pass::network(sampler.key(pass)))); // mean, log variance
            for (row, raw) in raw.chunks(2).enumerate() {
                mean[row] += raw[0] / PASSES as f64;
                variance[row] += raw[1].exp() / PASSES as f64;
            }
        }
        assert_near(prediction.mean(), &mean, OF_LARGEST, name);
        assert_near(&prediction.aleatoric_variance().unwrap(), &variance, OF_LARGEST, name);
        let total = prediction.total_variance().unwrap();
        let sum: Vec<f64> = prediction.epistemic_variance().iter().zip(&variance).map(|(a, b)| a + b).collect();
        assert_near(&total, &sum, OF_LARGEST, name);
        assert!(prediction.interval(0.9).is_ok() && prediction.log_likelihood(&targets()).is_ok(), "{name}");
    }
}

#[test]
fn a_likelihood_is_that_of_the_mixture() {
    for (name, device) in devices() {
        let tau: f64 = 3.0;
        let prediction = unknown(&device).with_tau(&[tau]).unwrap();
        for (row, (y, found)) in targets().iter().zip(prediction.log_likelihood(&targets()).unwrap()).enumerate() {
            let p = |pass| density(*y, prediction.sample(pass, row, 0).unwrap(), tau.sqrt().recip());
            let expected = ((0..PASSES).map(p).sum::<f64>() / PASSES as f64).ln();
            assert_within(&[found], &[expected], F64, &format!("{name}: row {row}"));
        }
    }
}

#[test]
fn a_likelihood_far_from_every_network_is_finite() {
    // exp(-0.5e12) is zero in f64; its logarithm is not needed to be known through it.
    let found = points(&[0.0, 1.0]).with_tau(&[1.0]).unwrap().log_likelihood(&[1e6]).unwrap()[0];
    let nearest = -0.5 * (1e6f64 - 1.0).powi(2) - 0.5 * (2.0 * std::f64::consts::PI).ln() - 2f64.ln();
    assert_near(&[found], &[nearest], 1e-9, "the nearest network, halved");
}

#[test]
fn one_gaussian_has_its_textbook_interval_likelihood_and_score() {
    // One pass: N(2, 3^2).
    let prediction = points(&[2.0]).with_tau(&[1.0 / 9.0]).unwrap();
    for (level, z) in [(0.5, 0.674_489_750_196_081_7), (0.9, 1.644_853_626_951_472_2), (0.95, 1.959_963_984_540_054)] {
        let interval = prediction.interval(level).unwrap();
        assert_within(&interval.lower, &[2.0 - 3.0 * z], 1e-10, "lower");
        assert_within(&interval.upper, &[2.0 + 3.0 * z], 1e-10, "upper");
        assert_within(&[interval.width()], &[6.0 * z], 1e-10, "width");
    }
    assert_within(
        &prediction.log_likelihood(&[5.0]).unwrap(),
        &[-0.5 - 3f64.ln() - 0.918_938_533_204_672_7],
        F64,
        "LL",
    );
    // CRPS of N(0, 1) at 0: 2 phi(0) - 1 / sqrt(pi)
    let at_mean = 3.0 * (2.0 * density(0.0, 0.0, 1.0) - 1.0 / std::f64::consts::PI.sqrt());
    assert_within(&prediction.crps(&[2.0]).unwrap(), &[at_mean], F64, "CRPS");
}

#[test]
fn an_interval_holds_its_share_of_the_mixture() {
    for (name, device) in devices() {
        let tau: f64 = 30.0;
        let prediction = unknown(&device).with_tau(&[tau]).unwrap();
        for level in [0.01, 0.5, 0.9, 0.99, 0.9999] {
            let interval = prediction.interval(level).unwrap();
            assert_eq!(interval.level, level);
            for row in 0..ROWS {
                let below = |y: f64| {
                    let of = |pass| distribution(y, prediction.sample(pass, row, 0).unwrap(), tau.sqrt().recip());
                    (0..PASSES).map(of).sum::<f64>() / PASSES as f64
                };
                let tails = [below(interval.lower[row]), 1.0 - below(interval.upper[row])];
                assert_within(&tails, &[(1.0 - level) / 2.0; 2], 1e-10, &format!("{name}, {level}: row {row}"));
            }
        }
    }
}

#[test]
fn an_interval_between_two_far_modes_is_found() {
    // Half the mass about -100, half about 100, and next to none in between, where Newton's steps fly off.
    let prediction = points(&[-100.0, 100.0]).with_tau(&[1.0]).unwrap();
    let interval = prediction.interval(0.5).unwrap();
    // The quarter quantile is the median of the lower mode.
    assert_within(&interval.lower, &[-100.0], 1e-9, "lower");
    assert_within(&interval.upper, &[100.0], 1e-9, "upper");
    let interval = prediction.interval(1e-6).unwrap();
    assert!(interval.lower[0] <= interval.upper[0] && interval.lower[0].abs() < 100.0);
}

#[test]
fn an_epistemic_interval_is_of_the_networks_means_alone() {
    let prediction = points(&[3.0, 1.0, 2.0, 5.0, 4.0]);
    let interval = prediction.epistemic_interval(0.5).unwrap();
    // Quantiles by linear interpolation: 0.25 of four steps is the second number.
    assert_eq!((interval.lower, interval.upper), (vec![2.0], vec![4.0]));
    let interval = prediction.epistemic_interval(0.9).unwrap();
    assert_within(
        &[interval.lower[0], interval.upper[0]],
        &[1.2, 4.8],
        F64,
        "0.05 of four steps is a fifth of the first",
    );
    let with_noise = prediction.with_tau(&[1e-6]).unwrap();
    assert!(with_noise.interval(0.9).unwrap().width() > 1000.0, "the noise counts in the interval for an observation");
    assert_within(&[with_noise.epistemic_interval(0.9).unwrap().width()], &[3.6], F64, "and does not here");
}

#[test]
fn a_level_is_a_probability_between_zero_and_one() {
    let prediction = points(&[0.0, 1.0]).with_tau(&[1.0]).unwrap();
    for bad in [0.0, 1.0, -0.5, 90.0, f64::NAN] {
        assert!(matches!(prediction.interval(bad), Err(Error::Config { .. })), "{bad}");
        assert!(matches!(prediction.epistemic_interval(bad), Err(Error::Config { .. })), "{bad}");
    }
}

#[test]
fn coverage_is_the_share_of_targets_inside() {
    let prediction = Point::summarise((), Samples::new([1, 4, 1], vec![0.0; 4])).unwrap().with_tau(&[1.0]).unwrap();
    let interval = prediction.interval(0.9).unwrap();
    assert_eq!(interval.coverage(&[0.0, 1.6, 1.7, f64::NAN]).unwrap(), 0.5);
    assert!(matches!(interval.coverage(&[0.0]), Err(Error::Length { expected: 4, found: 1, .. })));
}

#[test]
fn the_score_is_the_integral_that_defines_it() {
    // CRPS = integral of (F(z) - [z >= y])^2, by the midpoint rule.
    let (means, tau) = ([-1.0f32, 0.25, 2.0], 4.0f64);
    let prediction = points(&means).with_tau(&[tau]).unwrap();
    for y in [-3.0, 0.0, 0.5, 4.0] {
        let steps = 200_000;
        let dz = 20.0 / steps as f64;
        let integral: f64 = (0..steps)
            .map(|i| {
                let z = -10.0 + (i as f64 + 0.5) * dz;
                let f = means.iter().map(|&m| distribution(z, f64::from(m), tau.sqrt().recip())).sum::<f64>() / 3.0;
                (f - f64::from(u8::from(z >= y))).powi(2) * dz
            })
            .sum();
        assert_within(&prediction.crps(&[y]).unwrap(), &[integral], 1e-4, &format!("at {y}")); // a jump inside a step of 1e-4
    }
}

#[test]
fn one_networks_fitted_precision_is_one_over_its_mean_square_error() {
    let prediction = Point::summarise((), Samples::new([1, 4, 1], vec![0.0, 1.0, 2.0, 3.0])).unwrap();
    // errors 1, -1, 2, 0: mean square 1.5
    let tau = prediction.fit_tau(&[1.0, 0.0, 4.0, 3.0]).unwrap();
    assert_near(&tau, &[1.0 / 1.5], 1e-6, "maximum likelihood of a Gaussian"); // a maximum is flat: half the digits
}

#[test]
fn a_fitted_precision_is_the_most_likely() {
    for (name, device) in devices() {
        let prediction = unknown(&device);
        let tau = prediction.fit_tau(&targets()).unwrap()[0];
        let likelihood = |tau: f64| -> f64 {
            prediction.clone().with_tau(&[tau]).unwrap().log_likelihood(&targets()).unwrap().iter().sum()
        };
        for other in [0.5, 0.9, 0.999, 1.001, 1.1, 2.0] {
            assert!(likelihood(tau) > likelihood(tau * other), "{name}: {other} times {tau}");
        }
    }
}

#[test]
fn a_precision_cannot_be_fitted_to_targets_that_are_met_exactly() {
    assert!(matches!(points(&[1.0, 1.0]).fit_tau(&[1.0]), Err(Error::Config { .. })));
    assert!(matches!(points(&[1.0, 1.0]).fit_tau(&[1.0, 2.0]), Err(Error::Length { expected: 1, found: 2, .. })));
}

/// What S7 asks: `mapped` is `own`, read in units of y -> 1000 y + 50000.
fn check_units(own: &RegressionPrediction, mapped: &RegressionPrediction, what: &str) {
    let ends = |values: &[f64]| values.iter().map(|y| SCALE * y + SHIFT).collect::<Vec<_>>();
    let squares = |values: &[f64]| values.iter().map(|v| SCALE * SCALE * v).collect::<Vec<_>>();
    assert_near(mapped.mean(), &ends(own.mean()), F64, &format!("{what}: mean"));
    let (a, b) = (mapped.epistemic_variance(), squares(own.epistemic_variance()));
    assert_near(a, &b, F64, &format!("{what}: epistemic variance"));
    let (a, b) = (mapped.aleatoric_variance().unwrap(), squares(&own.aleatoric_variance().unwrap()));
    assert_near(&a, &b, F64, &format!("{what}: aleatoric variance"));
    let (a, b) = (mapped.total_variance().unwrap(), squares(&own.total_variance().unwrap()));
    assert_near(&a, &b, F64, &format!("{what}: total variance"));
    assert_within(&[mapped.sample(3, 2, 0).unwrap()], &ends(&[own.sample(3, 2, 0).unwrap()]), 1e-9, what);
    for (mapped, own) in [
        (mapped.interval(0.9).unwrap(), own.interval(0.9).unwrap()),
        (mapped.epistemic_interval(0.9).unwrap(), own.epistemic_interval(0.9).unwrap()),
    ] {
        assert_near(&mapped.lower, &ends(&own.lower), 1e-10, &format!("{what}: lower ends")); // Newton's steps end at 1e-13
        assert_near(&mapped.upper, &ends(&own.upper), 1e-10, &format!("{what}: upper ends"));
    }
    let y = targets();
    let (found, expected) = (mapped.log_likelihood(&ends(&y)).unwrap(), own.log_likelihood(&y).unwrap());
    let expected: Vec<f64> = expected.iter().map(|l| l - SCALE.ln()).collect();
    assert_within(&found, &expected, 1e-8, &format!("{what}: likelihood")); // 50 000 costs 5 digits of a difference
    let (found, expected) = (mapped.crps(&ends(&y)).unwrap(), own.crps(&y).unwrap());
    assert_near(&found, &expected.iter().map(|s| SCALE * s).collect::<Vec<_>>(), 1e-9, &format!("{what}: score"));
}

#[test]
fn constant_noise_reads_in_the_targets_units() {
    for (name, device) in devices() {
        let tau = 3.0;
        let own = unknown(&device).with_tau(&[tau]).unwrap();
        let after = unknown(&device).in_units(&[SCALE], &[SHIFT]).unwrap().with_tau(&[tau / SCALE / SCALE]).unwrap();
        check_units(&own, &after, &format!("{name}: units, then tau"));
        let before = own.clone().in_units(&[SCALE], &[SHIFT]).unwrap();
        check_units(&own, &before, &format!("{name}: tau, then units"));
        assert_near(before.tau().unwrap(), &[tau / SCALE / SCALE], F64, "tau is the target's too");
    }
}

#[test]
fn predicted_noise_reads_in_the_targets_units() {
    for (name, device) in devices() {
        let own = predicted(&device);
        check_units(&own, &own.clone().in_units(&[SCALE], &[SHIFT]).unwrap(), name);
    }
}

#[test]
fn a_precision_fitted_in_the_targets_units_is_that_of_the_models_over_the_square() {
    for (name, device) in devices() {
        let own = unknown(&device).fit_tau(&targets()).unwrap()[0];
        let y: Vec<f64> = targets().iter().map(|y| SCALE * y + SHIFT).collect();
        let mapped = unknown(&device).in_units(&[SCALE], &[SHIFT]).unwrap().fit_tau(&y).unwrap()[0];
        assert_near(&[mapped * SCALE * SCALE], &[own], 1e-5, name); // a maximum is flat: half the digits
    }
}

#[test]
fn every_target_has_its_own_unit() {
    for (name, device) in devices() {
        let x = normal(2, [ROWS, 3], &device);
        let own = MonteCarlo::new(PASSES).predict(&mlp(Noise::Constant, 2, &device), x).unwrap().regression().unwrap();
        let mapped = own.clone().in_units(&[10.0, -2.0], &[0.0, 7.0]).unwrap().with_tau(&[1.0, 100.0]).unwrap();
        let interval = mapped.interval(0.8).unwrap();
        for i in 0..2 * ROWS {
            let (scale, shift) = [(10.0, 0.0), (-2.0, 7.0)][i % 2];
            assert_within(&mapped.mean()[i..=i], &[own.mean()[i] * scale + shift], F64, name);
            assert_near(&mapped.epistemic_variance()[i..=i], &[own.epistemic_variance()[i] * scale * scale], F64, name);
            assert_eq!(mapped.aleatoric_variance().unwrap()[i], [1.0, 0.01][i % 2], "{name}");
            assert!(interval.lower[i] < interval.upper[i], "{name}: a negative scale swaps no ends");
        }
    }
}

#[test]
fn units_of_units_are_units() {
    for (name, device) in devices() {
        let own = predicted(&device);
        let twice = own.clone().in_units(&[10.0], &[1.0]).unwrap().in_units(&[100.0], &[SHIFT - 100.0]).unwrap();
        check_units(&own, &twice, name);
    }
}

#[test]
fn units_are_one_for_each_target() {
    let prediction = points(&[0.0]);
    assert!(matches!(prediction.clone().in_units(&[], &[0.0]), Err(Error::Length { expected: 1, found: 0, .. })));
    assert!(matches!(prediction.in_units(&[1.0], &[0.0, 1.0]), Err(Error::Length { expected: 1, found: 2, .. })));
}

#[test]
fn a_unit_that_maps_every_target_to_one_or_to_none_is_refused() {
    for (scale, shift) in [(0.0, 0.0), (f64::NAN, 0.0), (f64::INFINITY, 0.0), (1.0, f64::NAN), (1.0, f64::INFINITY)] {
        let result = points(&[0.0]).in_units(&[scale], &[shift]);
        assert!(matches!(result, Err(Error::Config { .. })), "{scale}, {shift}");
    }
}

#[test]
fn targets_of_another_number_are_refused() {
    let prediction = points(&[0.0]).with_tau(&[1.0]).unwrap();
    assert!(matches!(prediction.log_likelihood(&[]), Err(Error::Length { expected: 1, found: 0, .. })));
    assert!(matches!(prediction.crps(&[0.0, 0.0]), Err(Error::Length { expected: 1, found: 2, .. })));
}

#[test]
fn a_view_of_another_task_is_refused_with_the_task_in_the_words() {
    let (_, device) = devices().swap_remove(0);
    let of = |task| MlpConfig::new(3, task).init(&device, Key::new(1));
    let tasks = [
        Task::MultiClass { classes: 3 },
        Task::Binary,
        Task::MultiLabel { labels: 2 },
        Task::Regression { targets: 1, noise: Noise::Constant },
        Task::Regression { targets: 1, noise: Noise::Predicted },
    ];
    let mut words = BTreeSet::new();
    for (i, task) in tasks.into_iter().enumerate() {
        let mlp = of(task);
        let views = [
            mlp.classifier().map(drop),
            mlp.binary().map(drop),
            mlp.multi_label().map(drop),
            mlp.regression().map(drop),
            mlp.gaussian().map(drop),
        ];
        for (j, view) in views.into_iter().enumerate() {
            match view {
                Ok(()) => assert_eq!(i, j, "{task:?}"),
                Err(error @ Error::Task { .. }) => assert!(i != j && words.insert(error.to_string()), "{error}"),
                Err(other) => panic!("{other}"),
            }
        }
    }
    assert_eq!(words.len(), 5 * 4, "each names what was wanted and what the model is");
    assert!(
        of(Task::Regression { targets: 1, noise: Noise::None }).regression().is_ok(),
        "no noise is a point as well"
    );
}

#[test]
fn a_prediction_of_another_kind_is_refused_by_its_name() {
    let (_, device) = devices().swap_remove(0);
    let predict = |task| {
        let mlp = MlpConfig::new(3, task).init(&device, Key::new(1));
        MonteCarlo::new(2).predict(&mlp, Tensor::ones([2, 3], &device)).unwrap()
    };
    let error = predict(Task::Binary).regression().unwrap_err().to_string();
    assert_eq!(error, "the prediction is not a regression, it is one of classes");
    let error = predict(Task::MultiLabel { labels: 2 }).classes().unwrap_err().to_string();
    assert_eq!(error, "the prediction is not one of classes, it is one of labels");
    let error = predict(Task::Regression { targets: 1, noise: Noise::None }).multi_label().unwrap_err().to_string();
    assert_eq!(error, "the prediction is not one of labels, it is a regression");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn wider_levels_have_wider_intervals_about_narrower_ones(
        raw in proptest::collection::vec((-100.0f32..100.0, -6.0f32..6.0), 1..12), narrow in 0.01f64..0.98,
    ) {
        // [passes, 1, 2]: the mean, then the log variance
        let values = raw.iter().flat_map(|&(mean, log_variance)| [mean, log_variance]).collect();
        let prediction = Gaussian::summarise((), Samples::new([raw.len(), 1, 2], values)).unwrap();
        let (inner, outer) = (prediction.interval(narrow).unwrap(), prediction.interval(narrow + 0.01).unwrap());
        prop_assert!(outer.lower[0] < inner.lower[0] && inner.lower[0] <= inner.upper[0] && inner.upper[0] < outer.upper[0]);
        let (inner, outer) = (prediction.epistemic_interval(narrow).unwrap(), prediction.epistemic_interval(narrow + 0.01).unwrap());
        prop_assert!(outer.lower[0] <= inner.lower[0] && inner.upper[0] <= outer.upper[0]);
    }

    #[test]
    fn variances_add_up_and_are_not_negative(
        raw in proptest::collection::vec((-1e6f32..1e6, -10.0f32..10.0), 1..20), y in -1e6f64..1e6,
    ) {
        let values = raw.iter().flat_map(|&(mean, log_variance)| [mean, log_variance]).collect();
        let prediction = Gaussian::summarise((), Samples::new([raw.len(), 1, 2], values)).unwrap();
        let (epistemic, aleatoric) = (prediction.epistemic_variance()[0], prediction.aleatoric_variance().unwrap()[0]);
        prop_assert!(epistemic >= 0.0 && aleatoric > 0.0);
        prop_assert_eq!(prediction.total_variance().unwrap()[0], epistemic + aleatoric);
        prop_assert!(prediction.log_likelihood(&[y]).unwrap()[0].is_finite());
        let score = prediction.crps(&[y]).unwrap()[0];
        // f64 differences of numbers up to 1e6
        prop_assert!(score >= -1e-9 && score.is_finite());
    }
}

#[test]
fn intervals_are_as_right_in_small_units_as_in_large_ones() {
    let (_, device) = devices().swap_remove(0);
    let own = unknown(&device).with_tau(&[4.0]).unwrap().interval(0.9).unwrap();
    for scale in [1e-20, 1e20] {
        let there = unknown(&device).in_units(&[scale], &[0.0]).unwrap().with_tau(&[4.0 / scale / scale]).unwrap();
        let there = there.interval(0.9).unwrap();
        for (own, there) in own.lower.iter().chain(&own.upper).zip(there.lower.iter().chain(&there.upper)) {
            assert!((there / scale - own).abs() < 1e-10 * (1.0 + own.abs()), "{scale}: {own} and {there}");
        }
    }
}

#[test]
fn an_interval_that_holds_nearly_everything_is_alike_on_both_sides() {
    let interval = points(&[-1.0, 1.0]).with_tau(&[1.0]).unwrap().interval(1.0 - 1e-15).unwrap();
    assert!((interval.lower[0] + interval.upper[0]).abs() < 1e-9, "{interval:?}");
}
