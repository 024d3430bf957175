//! A user's own module of Burn's `Linear` and our `Dropout` against PyTorch (`examples/own_model.py --golden`).

mod common;

use std::collections::BTreeMap;

use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor, activation::relu},
};
use burn_zoo::{
    Pass, Predictive, Replay, Samples,
    nn::{Dropout, DropoutConfig},
    outputs::Point,
};
use common::{
    OF_LARGEST, assert_near, devices, devices_and_autodiff, golden, gradients, numbers, tensor, values, with_parameters,
};
use serde_json::Value;

#[derive(Module, Debug)]
struct Net {
    linear1: Linear,
    dropout: Dropout,
    linear2: Linear,
}

impl Net {
    fn new(device: &Device) -> Self {
        let net = Self {
            linear1: LinearConfig::new(10, 20).init(device),
            dropout: DropoutConfig::new(0.5).init(),
            linear2: LinearConfig::new(20, 1).init(device),
        };
        with_parameters(net, &by_path("params"))
    }

    fn forward(&self, x: Tensor<2>, pass: &Pass<'_>) -> Tensor<2> {
        let x = relu(self.linear1.forward(x)); // [rows, 20]
        let x = self.dropout.forward(x, &pass.at("dropout"));
        self.linear2.forward(x) // [rows, 1]
    }
}

const ROWS: usize = 4;

fn file() -> Value {
    golden("own_model/own_model.json")
}

fn by_path(name: &str) -> BTreeMap<String, Vec<f64>> {
    file()[name].as_object().unwrap().iter().map(|(path, value)| (path.clone(), numbers(value))).collect()
}

fn x(device: &Device) -> Tensor<2> {
    tensor(&numbers(&file()["x"]), [ROWS, 10], device)
}

/// The masks of the eight passes, each for all rows.
fn masks() -> Vec<Replay> {
    let masks = numbers(&file()["masks"]).into_iter().map(|bit| bit as f32).collect::<Vec<_>>();
    masks.chunks(20).map(|mask| Replay::new().with("dropout", [1, 20], mask)).collect()
}

#[test]
fn every_pass_is_pytorchs() {
    for (name, device) in devices_and_autodiff() {
        let net = Net::new(&device);
        let outputs: Vec<f64> =
            masks().iter().flat_map(|mask| values(net.forward(x(&device), &Pass::replay(mask)))).collect();
        assert_near(&outputs, &numbers(&file()["outputs"]), OF_LARGEST, name);
    }
}

#[test]
fn the_mean_pass_is_pytorchs_in_eval_mode() {
    for (name, device) in devices_and_autodiff() {
        let output = values(Net::new(&device).forward(x(&device), &Pass::mean()));
        assert_near(&output, &numbers(&file()["deterministic"]), OF_LARGEST, name);
    }
}

#[test]
fn the_mean_and_the_spread_of_the_passes_are_pytorchs() {
    for (name, device) in devices() {
        let net = Net::new(&device);
        let passes = masks();
        let outputs = passes.iter().flat_map(|mask| values(net.forward(x(&device), &Pass::replay(mask))));
        let samples = Samples::new([passes.len(), ROWS, 1], outputs.map(|output| output as f32).collect());
        let prediction = Point::summarise((), samples).unwrap();
        let sd: Vec<f64> = prediction.epistemic_variance().iter().map(|variance| variance.sqrt()).collect();
        assert_near(prediction.mean(), &numbers(&file()["mean"]), OF_LARGEST, name);
        assert_near(&sd, &numbers(&file()["sd"]), OF_LARGEST, name);
    }
}

#[test]
fn gradients_through_a_sampled_network_are_pytorchs() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let net = Net::new(&device);
        let (found, _) = gradients(&net, net.forward(x(&device), &Pass::replay(&masks()[0])).sum());
        let expected = by_path("gradients");
        assert_eq!(found.len(), expected.len(), "{name}");
        for (path, expected) in expected {
            assert_near(&found[&path], &expected, OF_LARGEST, &format!("{name}: {path}"));
        }
    }
}
