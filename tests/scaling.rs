//! The two scalings of dropout: a network written by hand with the original one, and what the conversion makes of it.

mod common;

use burn::{
    module::Module,
    tensor::{Device, Tensor, activation::relu},
};
use burn_zoo::{
    Key, Pass, Recorder,
    models::{Mlp, MlpConfig, Noise, Task},
};
use common::{OF_LARGEST, assert_near, devices, distance, largest, normal, parameters, rate, tensor, values};

const SIZES: [usize; 4] = [6, 16, 8, 2];
const INPUT_RATE: f64 = 0.2;
const HIDDEN_RATE: f64 = 0.3;

/// The layers' rates in order: each is that of the dropout before the layer.
const RATES: [f64; 3] = [INPUT_RATE, HIDDEN_RATE, HIDDEN_RATE];

fn mlp(device: &Device) -> Mlp {
    MlpConfig::new(SIZES[0], Task::Regression { targets: SIZES[3], noise: Noise::None })
        .with_hidden(vec![SIZES[1], SIZES[2]])
        .with_input_rate(rate(INPUT_RATE))
        .with_rates(vec![rate(HIDDEN_RATE)])
        .init(device, Key::new(2))
}

/// The weights of `mlp` in plain matrix products: unit by unit `masks` in front of each layer, and `factors` on each layer's weights.
fn by_hand(mlp: &Mlp, x: Tensor<2>, masks: &[Tensor<2>; 3], factors: [f64; 3]) -> Vec<f64> {
    let device = x.device();
    let parameters = parameters(mlp);
    let mut x = x;
    for (i, name) in ["layers.0.linear", "layers.1.linear", "output"].iter().enumerate() {
        let weight = tensor(&parameters[&format!("{name}.weight")], [SIZES[i], SIZES[i + 1]], &device);
        let bias = tensor(&parameters[&format!("{name}.bias")], [1, SIZES[i + 1]], &device);
        x = (x * masks[i].clone()).matmul(weight * factors[i]) + bias;
        x = if i < 2 { relu(x) } else { x };
    }
    values(x)
}

/// Unscaled masks of zeros and ones, as `pass` draws them in front of each layer.
fn masks(mlp: &Mlp, rows: usize, pass: &Pass<'_>, device: &Device) -> [Tensor<2>; 3] {
    let recorder = Recorder::new();
    mlp.forward(Tensor::ones([rows, SIZES[0]], device), &pass.recorded(&recorder));
    let draws = recorder.draws();
    let sites: Vec<_> = draws.iter().map(|draw| draw.site.as_str()).collect();
    assert_eq!(sites, ["input_dropout", "layers.0.dropout", "layers.1.dropout"]);
    let mask = |i: usize| Tensor::from_data(draws[i].values.clone().unwrap(), device);
    [mask(0), mask(1), mask(2)]
}

fn ones(device: &Device) -> [Tensor<2>; 3] {
    [0, 1, 2].map(|i| Tensor::ones([1, SIZES[i]], device))
}

#[test]
fn a_network_of_the_original_scaling_predicts_alike_under_every_mask_once_converted() {
    for (name, device) in devices() {
        let original = mlp(&device);
        let converted = original.clone().to_inverted_scaling();
        let x = normal(3, [5, SIZES[0]], &device);
        for seed in 0..20 {
            for pass in [Pass::train(Key::new(seed)), Pass::network(Key::new(seed))] {
                // In training the original convention scales nothing.
                let expected = by_hand(&original, x.clone(), &masks(&original, 5, &pass, &device), [1.0; 3]);
                let found = values(converted.forward(x.clone(), &pass));
                assert_near(&found, &expected, OF_LARGEST, &format!("{name}: {pass:?}"));
            }
        }
    }
}

#[test]
fn a_network_of_the_original_scaling_predicts_alike_without_a_mask_once_converted() {
    for (name, device) in devices() {
        let original = mlp(&device);
        let converted = original.clone().to_inverted_scaling();
        let x = normal(3, [5, SIZES[0]], &device);
        // At test the original convention multiplies the weights by the probability of keeping.
        let expected = by_hand(&original, x.clone(), &ones(&device), RATES.map(|q| 1.0 - q));
        assert_near(&values(converted.forward(x, &Pass::mean())), &expected, OF_LARGEST, name);
    }
}

#[test]
fn a_network_of_this_crate_read_by_the_original_scaling_predicts_alike() {
    for (name, device) in devices() {
        let inverted = mlp(&device);
        let original = inverted.clone().to_original_scaling();
        let x = normal(3, [5, SIZES[0]], &device);
        let expected = values(inverted.forward(x.clone(), &Pass::mean()));
        let found = by_hand(&original, x.clone(), &ones(&device), RATES.map(|q| 1.0 - q));
        assert_near(&found, &expected, OF_LARGEST, &format!("{name}: at test"));
        let pass = Pass::network(Key::new(5));
        let expected = values(inverted.forward(x.clone(), &pass));
        let found = by_hand(&original, x, &masks(&original, 5, &pass, &device), [1.0; 3]);
        assert_near(&found, &expected, OF_LARGEST, &format!("{name}: in training"));
    }
}

#[test]
fn there_and_back_gives_the_same_weights() {
    for (name, device) in devices() {
        let before = parameters(&mlp(&device));
        let after = parameters(&mlp(&device).to_inverted_scaling().to_original_scaling());
        for (path, expected) in before {
            assert_near(&after[&path], &expected, 2.0 * f64::from(f32::EPSILON), &format!("{name}: {path}"));
        }
    }
}

#[test]
fn a_swap_of_the_rate_and_the_probability_of_keeping_does_not_hide() {
    // These tests would be worth nothing if a network with swapped factors passed them too: it is off by far more than the tolerance.
    for (name, device) in devices() {
        let original = mlp(&device);
        let x = normal(3, [5, SIZES[0]], &device);
        let right = by_hand(&original, x.clone(), &ones(&device), RATES.map(|q| 1.0 - q));
        let converted = values(original.clone().to_inverted_scaling().forward(x.clone(), &Pass::mean()));
        let swapped = by_hand(&original, x.clone(), &ones(&device), RATES);
        let unscaled = by_hand(&original, x.clone(), &ones(&device), [1.0; 3]);
        let shifted = by_hand(&original, x, &ones(&device), [HIDDEN_RATE, INPUT_RATE, INPUT_RATE].map(|q| 1.0 - q));
        assert_near(&converted, &right, OF_LARGEST, name);
        for (what, wrong) in [("swapped", swapped), ("unscaled", unscaled), ("another layer's rate", shifted)] {
            assert!(distance(&wrong, &right) > 1000.0 * OF_LARGEST * largest(&right), "{name}: {what}");
        }
    }
}

#[test]
fn biases_are_never_dropped_and_so_never_scaled() {
    for (name, device) in devices() {
        let (before, after) = (parameters(&mlp(&device)), parameters(&mlp(&device).to_inverted_scaling()));
        for path in before.keys().filter(|path| path.ends_with("bias")) {
            assert_eq!(before[path], after[path], "{name}: {path}");
        }
    }
}

#[test]
fn a_converted_network_can_still_be_trained() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let converted = mlp(&device).to_inverted_scaling();
        let loss = converted.forward(normal(3, [5, SIZES[0]], &device), &Pass::train(Key::new(1))).square().sum();
        let (gradients, _) = common::gradients(&converted, loss);
        assert_eq!(gradients.len(), 6, "{name}: two parameters of three layers");
        assert_eq!(converted.num_params(), mlp(&device).num_params(), "{name}");
    }
}
