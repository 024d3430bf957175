//! Monte Carlo over models of Burn's own layers: what it promises, and what it must not touch.

mod common;

use burn::{
    module::Module,
    nn::{BatchNorm, BatchNormConfig, Dropout, DropoutConfig, Linear, LinearConfig},
    tensor::{Device, Tensor, activation::relu},
};
use burn_zoo::{
    Error, Key,
    nn::init_weights,
    outputs::{Logits, Point},
    uncertainty::{ClassPrediction, RegressionPrediction, StockMonteCarlo},
};
use common::{OF_LARGEST, assert_near, assert_standard_errors, devices, normal, parameters, tensor, values};

const ROWS: usize = 6;
const INPUTS: usize = 5;

#[derive(Module, Debug)]
struct Net {
    linear: Linear,
    norm: BatchNorm,
    dropout: Dropout,
    output: Linear,
}

impl Net {
    fn new(q: f64, device: &Device) -> Self {
        let net = Self {
            linear: LinearConfig::new(INPUTS, 16).init(device),
            norm: BatchNormConfig::new(16).init(device),
            dropout: DropoutConfig::new(q).init(),
            output: LinearConfig::new(16, 2).init(device),
        };
        let net = init_weights(net, Key::new(3));
        let mut numbers = parameters(&net);
        // Statistics that no batch of these tests has.
        numbers.insert("norm.running_mean".to_string(), (0..16).map(|i| 0.1 * f64::from(i) - 0.5).collect());
        numbers.insert("norm.running_var".to_string(), (0..16).map(|i| 0.5 + 0.2 * f64::from(i)).collect());
        common::with_parameters(net, &numbers)
    }

    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        let x = relu(self.norm.forward(self.linear.forward(x)));
        self.output.forward(self.dropout.forward(x))
    }
}

fn x(device: &Device) -> Tensor<2> {
    normal(1, [ROWS, INPUTS], device)
}

fn predict(passes: usize, net: &Net, x: Tensor<2>) -> RegressionPrediction {
    StockMonteCarlo::new(passes).predict(net, x, |net, x| Point(net.forward(x))).unwrap()
}

/// A model as it is left by training, and as it is after `valid`.
fn both(q: f64, device: &Device) -> [(&'static str, Net); 2] {
    let live = Net::new(q, &device.clone().autodiff());
    [("valid", live.valid()), ("autodiff", live)]
}

#[test]
fn samples_vary_for_a_valid_model_and_for_one_on_an_autodiff_device() {
    for (name, device) in devices() {
        for (kind, net) in both(0.5, &device) {
            let prediction = predict(20, &net, x(&device));
            assert_eq!((prediction.passes(), prediction.rows()), (20, ROWS));
            assert!(prediction.epistemic_variance().iter().all(|v| *v > 0.0), "{name}, {kind}");
        }
    }
}

#[test]
fn a_model_that_never_saw_an_autodiff_device_varies_too() {
    for (name, device) in devices() {
        let prediction = predict(20, &Net::new(0.5, &device), x(&device));
        assert!(prediction.epistemic_variance().iter().all(|v| *v > 0.0), "{name}");
    }
}

#[test]
fn an_input_on_an_autodiff_device_is_as_good() {
    for (name, device) in devices() {
        for (kind, net) in both(0.5, &device) {
            let prediction = predict(20, &net, x(&device).autodiff());
            assert!(prediction.epistemic_variance().iter().all(|v| *v > 0.0), "{name}, {kind}");
        }
    }
}

#[test]
fn the_mean_of_many_passes_is_the_network_without_dropout() {
    // Behind the dropout everything is linear, so the mean network is exactly the mean. Burn's draws follow no seed of ours: six standard
    // errors make one failure in 5e8 runs of each of these 24 comparisons.
    for (name, device) in devices() {
        for (kind, net) in both(0.5, &device) {
            let passes = 2000;
            let prediction = predict(passes, &net, x(&device));
            let expected = values(net.valid().forward(x(&device)));
            for (i, expected) in expected.into_iter().enumerate() {
                let error = (prediction.epistemic_variance()[i] / passes as f64).sqrt();
                let what = format!("{name}, {kind}: {i}");
                assert_standard_errors(prediction.mean()[i], expected, error, 6.0, &what);
            }
        }
    }
}

#[test]
fn batch_norm_is_frozen() {
    for (name, device) in devices() {
        for (kind, net) in both(0.0, &device) {
            let expected = values(net.valid().forward(x(&device)));
            let whole = predict(3, &net, x(&device));
            assert_near(whole.mean(), &expected, OF_LARGEST, &format!("{name}, {kind}: running statistics"));
            for row in 0..ROWS {
                let alone = predict(3, &net, x(&device).narrow(0, row, 1));
                let whole = &whole.mean()[2 * row..2 * row + 2];
                common::assert_within(
                    alone.mean(),
                    whole,
                    OF_LARGEST * common::largest(&expected),
                    &format!("{name}, {kind}"),
                );
            }
            assert_eq!(whole.epistemic_variance(), [0.0; 2 * ROWS], "{name}, {kind}");
        }
    }
}

#[test]
fn the_model_is_left_as_it_was() {
    for (name, device) in devices() {
        for (kind, net) in both(0.5, &device) {
            // `valid` also brings in what Burn has put aside of the running statistics.
            let (numbers, tree) = (parameters(&net.valid()), net.to_string());
            let flags = |net: &Net| (net.dropout.training.is_enabled(), net.norm.training.is_enabled());
            let before = flags(&net);
            predict(5, &net, x(&device));
            assert_eq!(parameters(&net.valid()), numbers, "{name}, {kind}: statistics");
            assert_eq!((net.to_string(), flags(&net)), (tree, before), "{name}, {kind}: flags");
            let device = device.clone().autodiff();
            let net = if kind == "valid" { net.train() } else { net };
            let (gradients, _) =
                common::gradients(&net, net.forward(normal(2, [ROWS, INPUTS], &device)).square().sum());
            assert_eq!(gradients.len(), 6, "{name}, {kind}: weights and biases, gamma and beta can still be trained");
        }
    }
}

#[test]
fn a_frozen_dropout_is_sampled_all_the_same() {
    for (name, device) in devices() {
        let net = Net::new(0.5, &device.clone().autodiff()).freeze();
        assert!(predict(20, &net, x(&device)).epistemic_variance().iter().all(|v| *v > 0.0), "{name}");
    }
}

#[test]
fn a_model_without_burns_dropout_is_refused() {
    #[derive(Module, Debug)]
    struct Without {
        linear: Linear,
        norm: BatchNorm,
        ours: burn_zoo::nn::Dropout,
    }
    for (name, device) in devices() {
        let net = Without {
            linear: LinearConfig::new(INPUTS, 3).init(&device),
            norm: BatchNormConfig::new(3).init(&device),
            ours: burn_zoo::nn::DropoutConfig::new(0.5).init(), // obeys a pass, and gets none here
        };
        let forward = |net: &Without, x: Tensor<2>| Logits(net.norm.forward(net.linear.forward(x)));
        let result: Result<ClassPrediction, _> = StockMonteCarlo::new(5).predict(&net, x(&device), forward);
        assert!(matches!(result, Err(Error::NoNoise)), "{name}");
    }
}

#[test]
fn nested_and_repeated_dropouts_are_found() {
    #[derive(Module, Debug)]
    struct Block {
        dropout: Option<Dropout>,
    }
    #[derive(Module, Debug)]
    struct Deep {
        blocks: Vec<Block>,
    }
    for (name, device) in devices() {
        let block = |q: Option<f64>| Block { dropout: q.map(|q| DropoutConfig::new(q).init()) };
        let net = Deep { blocks: vec![block(None), block(Some(0.5))] };
        let forward = |net: &Deep, x: Tensor<2>| {
            let each = |x, block: &Block| block.dropout.iter().fold(x, |x, dropout| dropout.forward(x));
            Point(net.blocks.iter().fold(x, each))
        };
        let prediction = StockMonteCarlo::new(50).predict(&net, Tensor::<2>::ones([2, 3], &device), forward).unwrap();
        assert!(prediction.epistemic_variance().iter().all(|v| *v > 0.0), "{name}");
    }
}

#[test]
fn no_rows_and_no_finite_numbers_are_errors() {
    for (name, device) in devices() {
        let net = Net::new(0.5, &device);
        let predict = |x| StockMonteCarlo::new(5).predict(&net, x, |net, x: Tensor<2>| Point(net.forward(x)));
        assert!(matches!(predict(Tensor::empty([0, INPUTS], &device)), Err(Error::NoRows)), "{name}");
        let mut data = vec![1.0; 3 * INPUTS];
        data[2 * INPUTS] = f64::INFINITY;
        assert!(matches!(predict(tensor(&data, [3, INPUTS], &device)), Err(Error::NotFinite { row: 2, .. })), "{name}");
    }
}

#[test]
#[should_panic(expected = "a prediction of no passes")]
fn no_passes_make_no_prediction() {
    StockMonteCarlo::new(0);
}
