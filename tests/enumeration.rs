//! Networks so small that every mask can be written down: what Monte Carlo estimates is then known exactly, and how fast it gets there.

mod common;

use burn::tensor::{Device, Tensor};
use burn_zoo::{
    Key, Pass, Replay, Stochastic, from_fn,
    models::{Mlp, MlpConfig, Task},
    nn::Dropout,
    outputs::{Logits, Point},
    uncertainty::{ClassPrediction, MonteCarlo},
};
use common::{
    OF_LARGEST, assert_near, assert_standard_errors, assert_within, devices, log_slope, mean, normal, rate, values,
};

const INPUTS: usize = 8;
const CLASSES: usize = 3;
const ROWS: usize = 4;

/// One rate for each half of the inputs.
const RATES: [f64; 2] = [0.2, 0.4];

/// softmax(dropout(x) W + b), the halves of x dropped with different rates.
struct Net {
    halves: [Dropout; 2],
    weight: Tensor<2>,
    bias: Tensor<2>,
}

impl Net {
    fn new(outputs: usize, device: &Device) -> Self {
        Self {
            halves: RATES.map(|q| Dropout::new(rate(q))),
            weight: normal(1, [INPUTS, outputs], device) * 0.7,
            bias: normal(2, [1, outputs], device),
        }
    }

    fn forward(&self, x: Tensor<2>, pass: &Pass<'_>) -> Tensor<2> {
        let half = |i: usize| {
            let x = x.clone().narrow(1, i * INPUTS / 2, INPUTS / 2);
            self.halves[i].forward(x, &pass.at("halves").at(i))
        };
        Tensor::cat(vec![half(0), half(1)], 1).matmul(self.weight.clone()) + self.bias.clone()
    }

    fn classifier(&self) -> impl Stochastic<Tensor<2>, Output = Logits> + '_ {
        from_fn(|x: Tensor<2>, pass| Logits(self.forward(x, pass)))
    }

    fn regression(&self) -> impl Stochastic<Tensor<2>, Output = Point> + '_ {
        from_fn(|x: Tensor<2>, pass| Point(self.forward(x, pass)))
    }
}

/// Every mask of `INPUTS` units and its probability, where unit `i` is dropped with `rates(i)`.
fn masks(rates: impl Fn(usize) -> f64) -> Vec<([f64; INPUTS], f64)> {
    let masks = (0..1u32 << INPUTS).map(|code| {
        let mask: [f64; INPUTS] = std::array::from_fn(|i| f64::from(code >> i & 1));
        let probability = (0..INPUTS).map(|i| if mask[i] == 1.0 { 1.0 - rates(i) } else { rates(i) }).product();
        (mask, probability)
    });
    masks.collect()
}

fn halves(i: usize) -> f64 {
    RATES[i / (INPUTS / 2)]
}

/// dropout(x) W + b in f64, for one mask and one row.
fn scores(x: &[f64], mask: &[f64; INPUTS], rates: impl Fn(usize) -> f64, weight: &[f64], bias: &[f64]) -> Vec<f64> {
    let outputs = bias.len();
    let score =
        |c: usize| (0..INPUTS).map(|i| x[i] * mask[i] / (1.0 - rates(i)) * weight[i * outputs + c]).sum::<f64>();
    (0..outputs).map(|c| score(c) + bias[c]).collect()
}

fn softmax(scores: &[f64]) -> Vec<f64> {
    let sum: f64 = scores.iter().map(|z| z.exp()).sum();
    scores.iter().map(|z| z.exp() / sum).collect()
}

fn entropy(p: &[f64]) -> f64 {
    -p.iter().map(|p| p * p.ln()).sum::<f64>()
}

/// What infinitely many passes would say, row by row.
struct Exact {
    probabilities: Vec<Vec<f64>>,
    entropy: Vec<f64>,
    expected_entropy: Vec<f64>,
    mutual_information: Vec<f64>,
    /// Of the passes' probabilities.
    variance: Vec<Vec<f64>>,
    /// Of what one pass adds to the entropy, the expected entropy and the mutual information, to the first order.
    influence: Vec<[f64; 3]>,
}

fn exact(net: &Net, x: &Tensor<2>) -> Exact {
    let (weight, bias, x) = (values(net.weight.clone()), values(net.bias.clone()), values(x.clone()));
    let mut exact = Exact {
        probabilities: Vec::new(),
        entropy: Vec::new(),
        expected_entropy: Vec::new(),
        mutual_information: Vec::new(),
        variance: Vec::new(),
        influence: Vec::new(),
    };
    for x in x.chunks(INPUTS) {
        let (mut p, mut squares, mut expected) = (vec![0.0; CLASSES], vec![0.0; CLASSES], 0.0);
        for (mask, probability) in masks(halves) {
            let sampled = softmax(&scores(x, &mask, halves, &weight, &bias));
            expected += probability * entropy(&sampled);
            for c in 0..CLASSES {
                p[c] += probability * sampled[c];
                squares[c] += probability * sampled[c] * sampled[c];
            }
        }
        let mut influence = [0.0; 3];
        for (mask, probability) in masks(halves) {
            let sampled = softmax(&scores(x, &mask, halves, &weight, &bias));
            let cross = -sampled.iter().zip(&p).map(|(sampled, p)| sampled * p.ln()).sum::<f64>();
            let own = entropy(&sampled);
            let mean = [entropy(&p), expected, entropy(&p) - expected];
            for (i, value) in [cross, own, cross - own].into_iter().enumerate() {
                influence[i] += probability * (value - mean[i]).powi(2);
            }
        }
        exact.influence.push(influence);
        exact.entropy.push(entropy(&p));
        exact.expected_entropy.push(expected);
        exact.mutual_information.push(entropy(&p) - expected);
        exact.variance.push((0..CLASSES).map(|c| squares[c] - p[c] * p[c]).collect());
        exact.probabilities.push(p);
    }
    exact
}

fn probabilities(prediction: &ClassPrediction) -> Vec<f64> {
    (0..prediction.rows()).flat_map(|row| prediction.probabilities(row).to_vec()).collect()
}

#[test]
fn the_probabilities_of_all_masks_add_up_to_one() {
    assert_within(&[masks(halves).iter().map(|(_, p)| p).sum()], &[1.0], 1e-12, "sum");
}

#[test]
fn every_one_of_the_masks_gives_the_scores_of_its_sub_network() {
    for (name, device) in devices() {
        let net = Net::new(CLASSES, &device);
        let x = normal(3, [ROWS, INPUTS], &device);
        let (weight, bias, plain) = (values(net.weight.clone()), values(net.bias.clone()), values(x.clone()));
        for (mask, _) in masks(halves) {
            let half =
                |i: usize| mask[i * INPUTS / 2..(i + 1) * INPUTS / 2].iter().map(|&m| m as f32).collect::<Vec<_>>();
            let replay =
                Replay::new().with("halves.0", [1, INPUTS / 2], half(0)).with("halves.1", [1, INPUTS / 2], half(1));
            let expected: Vec<f64> =
                plain.chunks(INPUTS).flat_map(|x| scores(x, &mask, halves, &weight, &bias)).collect();
            let found = values(net.forward(x.clone(), &Pass::replay(&replay)));
            assert_near(&found, &expected, OF_LARGEST, &format!("{name}: {mask:?}"));
        }
    }
}

#[test]
fn mean_probabilities_entropies_and_information_converge_to_those_of_all_masks() {
    for (name, device) in devices() {
        let net = Net::new(CLASSES, &device);
        let x = normal(3, [ROWS, INPUTS], &device);
        let exact = exact(&net, &x);
        let passes = 10_000;
        let prediction = MonteCarlo::new(passes).predict(&net.classifier(), x).unwrap();
        for row in 0..ROWS {
            for c in 0..CLASSES {
                let error = (exact.variance[row][c] / passes as f64).sqrt();
                let found = prediction.probabilities(row)[c];
                assert_standard_errors(
                    found,
                    exact.probabilities[row][c],
                    error,
                    4.0,
                    &format!("{name}: row {row}, class {c}"),
                );
            }
        }
        for row in 0..ROWS {
            for (i, (found, expected)) in [
                (prediction.entropy(), &exact.entropy),
                (prediction.expected_entropy(), &exact.expected_entropy),
                (prediction.mutual_information(), &exact.mutual_information),
            ]
            .into_iter()
            .enumerate()
            {
                // The bias, of the order of 1 / T, is small against the scatter, 1 / sqrt(T).
                let error = (exact.influence[row][i] / passes as f64).sqrt();
                assert!(expected[row] > 8.0 * error, "{name}: the error tells it from zero");
                assert_standard_errors(
                    found[row],
                    expected[row],
                    error,
                    4.0,
                    &format!("{name}: row {row}, quantity {i}"),
                );
            }
        }
    }
}

/// T, and for each of many seeds what T passes predict.
fn predictions(net: &Net, x: &Tensor<2>) -> Vec<(usize, Vec<ClassPrediction>)> {
    let predict = |t: usize| {
        let of = |seed| MonteCarlo::new(t).seed(seed).predict(&net.classifier(), x.clone()).unwrap();
        (0..100).map(|seed| of(1000 * t as u64 + seed)).collect()
    };
    [8, 32, 128].into_iter().map(|t| (t, predict(t))).collect()
}

#[test]
fn the_error_of_mean_probabilities_falls_as_one_over_the_root_of_the_passes() {
    for (name, device) in devices() {
        let net = Net::new(CLASSES, &device);
        let x = normal(3, [ROWS, INPUTS], &device);
        let exact: Vec<f64> = exact(&net, &x).probabilities.concat();
        let error = |predictions: &[ClassPrediction]| {
            let squares = |p: &ClassPrediction| {
                let found = probabilities(p);
                found.iter().zip(&exact).map(|(p, exact)| (p - exact).powi(2)).sum::<f64>() / exact.len() as f64
            };
            (predictions.iter().map(squares).sum::<f64>() / predictions.len() as f64).sqrt()
        };
        let points: Vec<_> = predictions(&net, &x).iter().map(|(t, all)| (*t as f64, error(all))).collect();
        // 100 seeds know each error to about 1 / sqrt(200) = 7 %, and so the slope over a factor of 16 to 0.07 sqrt(2) / ln 16 = 0.036.
        assert_within(&[log_slope(&points)], &[-0.5], 0.1, &format!("{name}: slope through {points:?}"));
    }
}

#[test]
fn the_bias_of_entropy_and_of_information_falls_as_one_over_the_passes() {
    for (name, device) in devices() {
        let net = Net::new(CLASSES, &device);
        let x = normal(3, [ROWS, INPUTS], &device);
        let exact = exact(&net, &x);
        // Mean probabilities and expected entropies are unbiased, so what is linear in them can be taken off without moving a
        // mean: the bias stays, most of the scatter goes.
        let biases = |prediction: &ClassPrediction| {
            let (mut entropy, mut information) = (0.0, 0.0);
            for row in 0..ROWS {
                let p = &exact.probabilities[row];
                let linear = |(found, p): (&f64, &f64)| -(found - p) * p.ln();
                let linear: f64 = prediction.probabilities(row).iter().zip(p).map(linear).sum();
                let expected = prediction.expected_entropy()[row] - exact.expected_entropy[row];
                entropy += prediction.entropy()[row] - exact.entropy[row] - linear;
                information += prediction.mutual_information()[row] - exact.mutual_information[row] + expected - linear;
            }
            (entropy / ROWS as f64, information / ROWS as f64)
        };
        // To the first order in 1 / T: minus half the variance of each class's probability over itself.
        let relative = |row: usize| (0..CLASSES).map(move |c| (row, c));
        let half: f64 =
            (0..ROWS).flat_map(relative).map(|(r, c)| exact.variance[r][c] / exact.probabilities[r][c]).sum();
        let expected = |t: usize| -0.5 * half / ROWS as f64 / t as f64;

        let all = predictions(&net, &x);
        let (mut entropies, mut informations) = (Vec::new(), Vec::new());
        for (t, predictions) in &all {
            let (entropy, information): (Vec<f64>, Vec<f64>) = predictions.iter().map(biases).unzip();
            for (what, bias, points) in
                [("entropy", entropy, &mut entropies), ("information", information, &mut informations)]
            {
                let (found, error) = mean(&bias);
                assert!(found < -4.0 * error, "{name}: {what} of {t} passes is low: {found} +- {error}");
                if *t == 128 {
                    assert_standard_errors(found, expected(*t), error, 4.0, &format!("{name}: bias of {what}"));
                }
                points.push((*t as f64, -found));
            }
        }
        for (what, points) in [("entropy", entropies), ("information", informations)] {
            // 100 seeds know each bias to about 8 %: the slope over a factor of 16 to 0.08 sqrt(2) / ln 16 = 0.04.
            assert_within(&[log_slope(&points)], &[-1.0], 0.15, &format!("{name}, {what}: slope through {points:?}"));
        }
    }
}

#[test]
fn expected_entropy_is_unbiased() {
    for (name, device) in devices() {
        let net = Net::new(CLASSES, &device);
        let x = normal(3, [ROWS, INPUTS], &device);
        let exact = mean(&exact(&net, &x).expected_entropy).0;
        for (t, predictions) in predictions(&net, &x) {
            let found: Vec<f64> = predictions.iter().map(|p| mean(p.expected_entropy()).0).collect();
            let (found, error) = mean(&found);
            assert_standard_errors(found, exact, error, 4.0, &format!("{name}: {t} passes"));
        }
    }
}

/// A linear softmax classifier whose inputs share one rate.
fn linear(q: f64, device: &Device) -> Mlp {
    let task = Task::MultiClass { classes: CLASSES };
    MlpConfig::new(INPUTS, task).with_hidden(vec![]).with_input_rate(rate(q)).init(device, Key::new(4))
}

#[test]
fn the_mean_network_is_the_normalised_geometric_mean_of_all_linear_softmax_networks() {
    // Baldi & Sadowski 2013. log softmax(z_m) = z_m - c(m), where c(m) is the same for every class, and the mean of z_m over the masks, weighted by
    // their probabilities, is the mean network's z: so the equation is exact at any rate, for one rate and for several.
    for (name, device) in devices() {
        let x = normal(3, [ROWS, INPUTS], &device);
        let net = Net::new(CLASSES, &device);
        let halved =
            (net.weight.clone(), net.bias.clone(), halves as fn(usize) -> f64, net.forward(x.clone(), &Pass::mean()));
        let shared = [(0.5, (|_| 0.5) as fn(usize) -> f64), (0.2, |_| 0.2)].map(|(q, rates)| {
            let (mlp, parameters) = (linear(q, &device), common::parameters(&linear(q, &device)));
            let weight = common::tensor(&parameters["output.weight"], [INPUTS, CLASSES], &device);
            let bias = common::tensor(&parameters["output.bias"], [1, CLASSES], &device);
            (weight, bias, rates, mlp.forward(x.clone(), &Pass::mean()))
        });
        for (weight, bias, rates, mean_network) in shared.into_iter().chain([halved]) {
            let (weight, bias) = (values(weight), values(bias));
            for (x, mean_network) in values(x.clone()).chunks(INPUTS).zip(values(mean_network).chunks(CLASSES)) {
                let mut log_mean = vec![0.0; CLASSES];
                for (mask, probability) in masks(rates) {
                    let p = softmax(&scores(x, &mask, rates, &weight, &bias));
                    log_mean.iter_mut().zip(p).for_each(|(sum, p)| *sum += probability * p.ln());
                }
                // exp of the mean logarithms, divided by its sum
                let geometric = softmax(&log_mean);
                assert_within(
                    &softmax(mean_network),
                    &geometric,
                    OF_LARGEST,
                    &format!("{name}, rates {} ..", rates(0)),
                );
            }
        }
    }
}

#[test]
fn the_mean_network_is_not_the_arithmetic_mean() {
    // Else the test above would hold for the wrong reason, and Monte Carlo would be for nothing.
    for (name, device) in devices() {
        let net = Net::new(CLASSES, &device);
        let x = normal(3, [ROWS, INPUTS], &device);
        let mean_network = MonteCarlo::new(1).mean_network(&net.classifier(), x.clone()).unwrap();
        let distance = common::distance(&probabilities(&mean_network), &exact(&net, &x).probabilities.concat());
        assert!(distance > 0.01, "{name}: {distance}");
    }
}

#[test]
fn a_linear_regression_has_the_mean_and_the_variance_of_the_closed_form() {
    // f = sum w x m / (1 - q) + b: mean w x + b, variance sum w^2 x^2 q / (1 - q)
    for (name, device) in devices() {
        let net = Net::new(1, &device);
        let x = normal(3, [ROWS, INPUTS], &device);
        let (weight, plain) = (values(net.weight.clone()), values(x.clone()));
        let closed = |x: &[f64]| -> f64 {
            (0..INPUTS).map(|i| (weight[i] * x[i]).powi(2) * halves(i) / (1.0 - halves(i))).sum()
        };
        let closed: Vec<f64> = plain.chunks(INPUTS).map(closed).collect();

        let bias = values(net.bias.clone());
        let mean_network = values(net.forward(x.clone(), &Pass::mean()));
        let passes = 10_000;
        let prediction = MonteCarlo::new(passes).predict(&net.regression(), x).unwrap();
        for row in 0..ROWS {
            let f = |mask: &_| scores(&plain[row * INPUTS..][..INPUTS], mask, halves, &weight, &bias)[0];
            let moment =
                |n: i32| masks(halves).iter().map(|(m, p)| p * (f(m) - mean_network[row]).powi(n)).sum::<f64>();
            // By all masks: exact, but for the mean network's f32.
            assert_within(&[moment(1)], &[0.0], OF_LARGEST, &format!("{name}: mean of row {row}"));
            assert_near(&[moment(2)], &closed[row..=row], OF_LARGEST, &format!("{name}: variance of row {row}"));
            // By Monte Carlo: the standard error of a variance is sqrt((m4 - m2^2) / T).
            let (m2, t) = (moment(2), passes as f64);
            let (mean, variance) = (prediction.mean()[row], prediction.epistemic_variance()[row]);
            assert_standard_errors(
                mean,
                mean_network[row],
                (m2 / t).sqrt(),
                4.0,
                &format!("{name}: mean of row {row}"),
            );
            let error = ((moment(4) - m2 * m2) / t).sqrt();
            assert_standard_errors(variance, m2, error, 4.0, &format!("{name}: variance of row {row}"));
        }
    }
}
