//! The dropout layers against PyTorch: outputs and gradients under given draws (`tests/golden/layers/generate.py`).

mod common;

use std::collections::BTreeMap;

use burn::{
    module::Param,
    nn::{
        Linear, PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig},
    },
    tensor::{Device, Tensor, TensorData},
};
use burn_zoo::{
    Key, Law, Pass, Recorder, Replay,
    nn::{
        AlphaDropout, ConcreteDropoutConfig, DropBlock, DropConnect, Dropout, GaussianDropout,
        SpatialConcreteDropout2dConfig, SpatialDropout1d, SpatialDropout2d, SpatialDropout3d, StochasticDepth,
    },
};
use common::{OF_LARGEST, assert_near, devices, devices_and_autodiff, golden, numbers, rate, values};
use serde_json::Value;

struct Case(Value);

fn cases() -> Vec<Case> {
    let Value::Array(cases) = golden("layers/layers.json")["cases"].take() else { panic!("no cases") };
    assert_eq!(cases.len(), 23, "every case is read");
    cases.into_iter().map(Case).collect()
}

/// What a case's layer makes of its input.
struct Run {
    output: Vec<f64>,
    /// Of the input, and of each parameter by its name in the file; empty on an inner device.
    gradients: BTreeMap<String, Vec<f64>>,
}

impl Case {
    fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    fn tensor<const D: usize>(&self, value: &Value, device: &Device) -> Tensor<D> {
        let shape: Vec<usize> = numbers(&value["shape"]).into_iter().map(|size| size as usize).collect();
        Tensor::from_data(TensorData::new(numbers(&value["values"]), shape), device)
    }

    fn param<const D: usize>(&self, name: &str, device: &Device) -> Option<Param<Tensor<D>>> {
        let tensor = self.tensor(self.0["params"].get(name)?, device);
        Some(Param::from_tensor(if device.is_autodiff() { tensor.require_grad() } else { tensor }))
    }

    fn replay(&self) -> Replay {
        let draw = &self.0["draw"];
        let shape: Vec<usize> = numbers(&draw["shape"]).into_iter().map(|size| size as usize).collect();
        let values: Vec<f32> = numbers(&draw["values"]).into_iter().map(|value| value as f32).collect();
        Replay::new().with("layer", shape, values)
    }

    fn number(&self, name: &str) -> f64 {
        self.0[name].as_f64().unwrap()
    }

    fn linear(&self, device: &Device) -> Linear {
        let weight = self.param("weight", device).unwrap();
        Linear { weight, bias: self.param("bias", device) }
    }

    fn conv2d(&self, device: &Device) -> Conv2d {
        let config = &self.0["config"];
        let pair = |name: &str| [0, 1].map(|i| config[name][i].as_u64().unwrap() as usize);
        let padding = match config["same"].as_bool().unwrap() {
            true => PaddingConfig2d::Same,
            false => {
                let [top, left, bottom, right] = [0, 1, 2, 3].map(|i| config["padding"][i].as_u64().unwrap() as usize);
                PaddingConfig2d::Explicit(top, left, bottom, right)
            }
        };
        let conv = Conv2dConfig::new(pair("channels"), pair("kernel"))
            .with_stride(pair("stride"))
            .with_dilation(pair("dilation"))
            .with_groups(config["groups"].as_u64().unwrap() as usize)
            .with_padding(padding)
            .with_bias(config["bias"].as_bool().unwrap())
            .init(device);
        Conv2d { weight: self.param("weight", device).unwrap(), bias: self.param("bias", device), ..conv }
    }

    /// Runs the layer on `device` under the case's draw, or under another pass.
    fn run(&self, device: &Device, pass: &Pass<'_>) -> Run {
        let rate = rate(self.number("rate"));
        let pass = &pass.at("layer");
        match self.0["layer"].as_str().unwrap() {
            "element" => self.apply(device, |x: Tensor<2>| Dropout::new(rate).forward(x, pass)),
            "spatial 1d" => self.apply(device, |x| SpatialDropout1d::new(rate).forward(x, pass)),
            "spatial 2d" => self.apply(device, |x| SpatialDropout2d::new(rate).forward(x, pass)),
            "spatial 3d" => self.apply(device, |x| SpatialDropout3d::new(rate).forward(x, pass)),
            "alpha" => self.apply(device, |x: Tensor<2>| AlphaDropout::new(rate).forward(x, pass)),
            "gaussian" => self.apply(device, |x: Tensor<2>| GaussianDropout::new(rate).forward(x, pass)),
            "drop-block" => {
                let block = self.number("block") as usize;
                self.apply(device, |x| DropBlock::new(rate, block).forward(x, pass))
            }
            "stochastic-depth" => {
                let branch = |x: Tensor<3>| StochasticDepth::new(rate).forward(x.tanh(), pass);
                self.apply(device, |x| x.clone() + branch(x))
            }
            "drop-connect linear" => {
                let layer = self.linear(device);
                let params = params([("weight", Some(flat(&layer.weight))), ("bias", layer.bias.as_ref().map(flat))]);
                self.with_params(device, params, |x| DropConnect::new(rate).linear(&layer, x, pass))
            }
            "drop-connect conv2d" => {
                let layer = self.conv2d(device);
                let params = params([("weight", Some(flat(&layer.weight))), ("bias", layer.bias.as_ref().map(flat))]);
                self.with_params(device, params, |x| DropConnect::new(rate).conv2d(&layer, x, pass))
            }
            "concrete" => {
                let config = ConcreteDropoutConfig::new().with_rate(rate.get());
                let layer = config.with_length_scale(self.number("length_scale")).init(device);
                let weight = self.param::<2>("weight", device).unwrap();
                let params = params([("logit", Some(flat(&layer.logit))), ("weight", Some(flat(&weight)))]);
                self.with_params(device, params, |x: Tensor<2>| {
                    let y = layer.forward(x, pass);
                    let products = y.clone().matmul(weight.val());
                    let squares = weight.val().square().sum();
                    let regulariser = layer.regulariser(squares, self.number("units") as usize);
                    Tensor::cat(vec![y.flatten::<1>(0, 1), products.flatten(0, 1), regulariser], 0)
                })
            }
            "spatial-concrete" => {
                let config = SpatialConcreteDropout2dConfig::new().with_rate(rate.get());
                let layer = config.with_length_scale(self.number("length_scale")).init(device);
                let weight = self.param::<2>("weight", device).unwrap();
                let params = params([("logit", Some(flat(&layer.logit))), ("weight", Some(flat(&weight)))]);
                self.with_params(device, params, |x: Tensor<4>| {
                    let y = layer.forward(x, pass);
                    let features = y.clone().flatten::<3>(2, 3).mean_dim(2).flatten::<2>(1, 2);
                    let products = features.matmul(weight.val());
                    let squares = weight.val().square().sum();
                    let regulariser = layer.regulariser(squares, self.number("units") as usize);
                    Tensor::cat(vec![y.flatten::<1>(0, 3), products.flatten(0, 1), regulariser], 0)
                })
            }
            other => panic!("unknown layer {other}"),
        }
    }

    fn apply<const D: usize, const E: usize>(
        &self,
        device: &Device,
        layer: impl FnOnce(Tensor<D>) -> Tensor<E>,
    ) -> Run {
        self.with_params(device, BTreeMap::new(), layer)
    }

    fn with_params<const D: usize, const E: usize>(
        &self,
        device: &Device,
        params: BTreeMap<String, Gradient>,
        layer: impl FnOnce(Tensor<D>) -> Tensor<E>,
    ) -> Run {
        let x: Tensor<D> = self.tensor(&self.0["x"], device);
        if !device.is_autodiff() {
            return Run { output: values(layer(x)), gradients: BTreeMap::new() };
        }
        let x = x.require_grad();
        let output = layer(x.clone());
        let gradients = (output.clone() * self.tensor(&self.0["c"], device)).sum().backward();
        let mut found: BTreeMap<String, Vec<f64>> =
            params.into_iter().map(|(name, param)| (name, param(&gradients))).collect();
        found.insert("x".to_string(), values(x.grad(&gradients).unwrap()));
        Run { output: values(output), gradients: found }
    }

    fn expected_gradients(&self) -> BTreeMap<String, Vec<f64>> {
        let params = self.0["gradients"].as_object().unwrap();
        let params = params.iter().map(|(name, value)| (name.clone(), numbers(&value["values"])));
        params.chain([("x".to_string(), numbers(&self.0["dx"]["values"]))]).collect()
    }
}

/// Reads a parameter's gradient.
type Gradient = Box<dyn Fn(&burn::tensor::Gradients) -> Vec<f64>>;

fn flat<const D: usize>(param: &Param<Tensor<D>>) -> Gradient {
    let tensor = param.val();
    Box::new(move |gradients| values(tensor.grad(gradients).unwrap()))
}

fn params<const N: usize>(params: [(&str, Option<Gradient>); N]) -> BTreeMap<String, Gradient> {
    params.into_iter().filter_map(|(name, param)| Some((name.to_string(), param?))).collect()
}

#[test]
fn outputs_are_pytorchs() {
    for (name, device) in devices_and_autodiff() {
        for case in cases() {
            let found = case.run(&device, &Pass::replay(&case.replay())).output;
            let expected = numbers(&case.0["output"]["values"]);
            assert_near(&found, &expected, OF_LARGEST, &format!("{name}: {}", case.name()));
        }
    }
}

#[test]
fn gradients_of_the_input_and_of_every_parameter_are_pytorchs() {
    for (name, device) in devices() {
        for case in cases() {
            let found = case.run(&device.clone().autodiff(), &Pass::replay(&case.replay())).gradients;
            let expected = case.expected_gradients();
            let names = |gradients: &BTreeMap<String, Vec<f64>>| gradients.keys().cloned().collect::<Vec<_>>();
            assert_eq!(names(&found), names(&expected), "{name}: {}", case.name());
            for (path, expected) in expected {
                assert_near(&found[&path], &expected, OF_LARGEST, &format!("{name}: {}: d{path}", case.name()));
            }
        }
    }
}

#[test]
fn a_draw_left_out_does_not_hide() {
    // What these tests are worth: the draw of every case changes its output by far more than the tolerance.
    let (name, device) = devices().swap_remove(0);
    for case in cases() {
        let without = case.run(&device, &Pass::mean()).output;
        let expected = numbers(&case.0["output"]["values"]);
        let distance = common::distance(&without, &expected);
        assert!(distance > 1000.0 * OF_LARGEST * common::largest(&expected), "{name}: {}", case.name());
    }
}

#[test]
fn drop_block_draws_seeds_at_the_rate_that_was_solved_for_elsewhere() {
    let (_, device) = devices().swap_remove(0);
    let Value::Array(cases) = golden("layers/layers.json")["seed_rates"].take() else { panic!("no rates of seeds") };
    assert_eq!(cases.len(), 30);
    for case in cases {
        let size = numbers(&case["size"]);
        let layer = DropBlock::new(rate(case["rate"].as_f64().unwrap()), case["block"].as_u64().unwrap() as usize);
        let recorder = Recorder::new();
        let x = Tensor::ones([1, 1, size[0] as usize, size[1] as usize], &device);
        layer.forward(x, &Pass::network(Key::new(0)).recorded(&recorder));
        let Law::Bernoulli(found) = recorder.draws()[0].law else { panic!("seeds are drawn") };
        let expected = case["seed_rate"].as_f64().unwrap();
        assert!((found.get() - expected).abs() < 1e-12 * expected, "{found} for {case}");
    }
}
