//! Gradients through dropout against finite differences, in f64. A process of its own: the precision of a device is set once, before its first tensor.

mod common;

use std::{collections::BTreeMap, sync::OnceLock};

use burn::tensor::{Device, FloatDType, IntDType, Tensor};
use burn_zoo::{
    Key, Pass, Statistics,
    models::{Mlp, MlpConfig, Task},
    nn::{Activation, ElmanCell, GateMasks, GruCell, LstmCell, Recurrent, RecurrentCell, RecurrentConfig},
};
use common::{assert_near, gradients, normal, parameters, rate, values, with_parameters};

/// The step of central differences, and how far from them a gradient may be, of the largest of its parameter.
///
/// A step h is wrong by h^2 of the third derivative and by eps / h: in f64 about 1e-10 of outputs of the order of one, with a margin for parameters of
/// small gradient. Burn's sigmoid, and silu with it, goes through f32 on ndarray: there eps is 6e-8, and the step must be large.
fn accuracy(name: &str, activation: Activation) -> (f64, f64) {
    match (name, activation) {
        ("ndarray", Activation::Sigmoid | Activation::Silu) => (2e-2, 1e-2),
        _ => (1e-5, 1e-7),
    }
}

/// Both backends, computing in f64 with gradients.
fn devices() -> &'static [(&'static str, Device)] {
    static DEVICES: OnceLock<Vec<(&'static str, Device)>> = OnceLock::new();
    DEVICES.get_or_init(|| {
        let configure = |(name, mut device): (&'static str, Device)| {
            device.configure((FloatDType::F64, IntDType::I64)).unwrap();
            (name, device.autodiff())
        };
        common::devices().into_iter().map(configure).collect()
    })
}

const ROWS: usize = 4;
const INPUTS: usize = 3;

fn mlp(activation: Activation, batch_norm: bool, device: &Device) -> Mlp {
    MlpConfig::new(INPUTS, Task::MultiClass { classes: 2 })
        .with_hidden(vec![5, 4])
        .with_activation(activation)
        .with_input_rate(rate(0.2))
        .with_rates(vec![rate(0.2)])
        .with_batch_norm(batch_norm)
        .init(device, Key::new(1))
}

/// A loss in which every output has a weight of its own.
fn loss(mlp: &Mlp, x: Tensor<2>, pass: &Pass<'_>) -> Tensor<1> {
    let y = mlp.forward(x, pass);
    let weight = normal(3, y.dims(), &y.device());
    (y * weight).sum()
}

/// Central differences of `f` about `numbers`, one at a time.
fn differences(numbers: &[f64], step: f64, f: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let at = |i: usize, step: f64| {
        let mut moved = numbers.to_vec();
        moved[i] += step;
        f(&moved)
    };
    (0..numbers.len()).map(|i| (at(i, step) - at(i, -step)) / (2.0 * step)).collect()
}

fn check(activation: Activation, batch_norm: bool, pass: &Pass<'_>) {
    for (name, device) in devices() {
        let what = |part: &str| format!("{name}, {activation:?}, batch norm {batch_norm}: {part}: {pass:?}");
        let (step, tolerance) = accuracy(name, activation);
        let mlp = mlp(activation, batch_norm, device);
        let x = normal(2, [ROWS, INPUTS], device);
        let input = x.clone().require_grad();
        let (found, all) = gradients(&mlp, loss(&mlp, input.clone(), pass));

        let numbers: BTreeMap<String, Vec<f64>> = parameters(&mlp);
        assert_eq!(found.len(), numbers.len() - if batch_norm { 4 } else { 0 }, "{}", what("all but the statistics"));
        for (path, gradient) in &found {
            if batch_norm && pass.statistics() == Statistics::Batch && path.ends_with("linear.bias") {
                // A bias before a normalisation by the batch moves nothing: both ways find the rounding.
                assert!(common::largest(gradient) < 1e-12, "{}", what(path));
                continue;
            }
            let expected = differences(&numbers[path], step, |moved| {
                let mut numbers = numbers.clone();
                numbers.insert(path.clone(), moved.to_vec());
                values(loss(&with_parameters(mlp.clone(), &numbers), x.clone(), pass))[0]
            });
            assert_near(gradient, &expected, tolerance, &what(path));
        }
        let expected = differences(&values(x.clone()), step, |moved| {
            values(loss(&mlp, common::tensor(moved, [ROWS, INPUTS], device), pass))[0]
        });
        assert_near(&values(input.grad(&all).unwrap()), &expected, tolerance, &what("input"));
    }
}

#[test]
fn the_devices_compute_in_f64() {
    for (name, device) in devices() {
        let third = common::tensor(&[1.0 / 3.0], [1], device);
        assert_eq!(values(third), [1.0 / 3.0], "{name}: f32 would have rounded");
    }
}

#[test]
fn gradients_through_a_sampled_network_are_those_of_finite_differences() {
    for activation in Activation::ALL {
        check(activation, false, &Pass::network(Key::new(4)));
    }
}

#[test]
fn gradients_through_training_masks_are_those_of_finite_differences() {
    for activation in Activation::ALL {
        check(activation, false, &Pass::train(Key::new(4)));
    }
}

#[test]
fn gradients_through_the_mean_network_are_those_of_finite_differences() {
    check(Activation::Tanh, false, &Pass::mean());
    check(Activation::Tanh, true, &Pass::mean());
}

#[test]
fn gradients_through_running_statistics_are_those_of_finite_differences() {
    check(Activation::Tanh, true, &Pass::network(Key::new(4)));
}

#[test]
fn gradients_through_the_statistics_of_the_batch_are_those_of_finite_differences() {
    check(Activation::Tanh, true, &Pass::train(Key::new(4)).with_statistics(Statistics::Batch));
}

/// A recurrent network in f64 runs in the plain formulation, which `tests/recurrent.rs` holds the operation against.
fn check_recurrent<C: RecurrentCell>(cell: &str, has_sigmoid: bool) {
    const LENGTHS: [usize; 3] = [3, 1, 2];
    for (name, device) in devices() {
        let (step, tolerance) = accuracy(name, if has_sigmoid { Activation::Sigmoid } else { Activation::Tanh });
        let config = RecurrentConfig::new(2, 2)
            .with_layers(2)
            .with_bidirectional(true)
            .with_input_rate(rate(0.2))
            .with_recurrent_rate(rate(0.3))
            .with_output_rate(rate(0.2))
            .with_weight_rate(rate(0.1))
            .with_gate_masks(GateMasks::Untied);
        let network: Recurrent<C> = config.init(device, Key::new(1));
        let loss = |network: &Recurrent<C>, x: Tensor<3>| {
            let (out, state) = network.forward_padded(x, &LENGTHS, None, &Pass::train(Key::new(4)));
            let weighed = |x: Tensor<3>, seed| (x.clone() * normal(seed, x.dims(), device)).sum();
            weighed(out, 3) + weighed(state.hidden, 5)
        };
        let x: Tensor<3> = normal(2, [3, 3, 2], device);
        let input = x.clone().require_grad();
        let (found, all) = gradients(&network, loss(&network, input.clone()));
        let numbers: BTreeMap<String, Vec<f64>> = parameters(&network);
        assert_eq!(found.len(), 16, "{cell}");
        for (path, gradient) in &found {
            let expected = differences(&numbers[path], step, |moved| {
                let mut numbers = numbers.clone();
                numbers.insert(path.clone(), moved.to_vec());
                values(loss(&with_parameters(network.clone(), &numbers), x.clone()))[0]
            });
            assert_near(gradient, &expected, tolerance, &format!("{cell} on {name}: {path}"));
        }
        let expected = differences(&values(x.clone()), step, |moved| {
            values(loss(&network, common::tensor(moved, [3, 3, 2], device)))[0]
        });
        assert_near(&values(input.grad(&all).unwrap()), &expected, tolerance, &format!("{cell} on {name}: input"));
    }
}

#[test]
fn gradients_through_recurrent_layers_are_those_of_finite_differences() {
    check_recurrent::<LstmCell>("lstm", true);
    check_recurrent::<GruCell>("gru", true);
    check_recurrent::<ElmanCell>("elman", false);
}
