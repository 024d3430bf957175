//! `Cnn` against PyTorch: outputs and gradients under given masks (`tests/golden/cnn/generate.py`).

mod common;

use burn::tensor::{Device, Tensor};
use burn_zoo::{
    Key, Pass, Recorder, Replay, Statistics, Stochastic,
    models::{Cnn, CnnConfig, Noise, Task},
};
use common::{
    assert_within, devices, devices_and_autodiff, filled, golden, gradients, hashed, largest, rate, tensor, values,
};
use serde_json::Value;

/// Of the largest value: LeNet adds up 800 products for each of 500 units, and wgpu's kernels in another order than PyTorch in f64.
const OF_LARGEST: f64 = common::OF_LARGEST;

struct Case(Value);

fn cases() -> Vec<Case> {
    let Value::Array(cases) = golden("cnn/cnn.json")["cases"].take() else { panic!("no cases") };
    assert_eq!(cases.len(), 9, "every case is read");
    cases.into_iter().map(Case).collect()
}

impl Case {
    fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    fn size(&self, name: &str) -> usize {
        self.0[name].as_u64().unwrap() as usize
    }

    fn config(&self) -> CnnConfig {
        let config = &self.0["config"];
        let sizes = |name: &str| common::numbers(&config[name]).into_iter().map(|size| size as usize);
        let rates: Vec<_> = common::numbers(&config["rates"]).into_iter().map(rate).collect();
        let input = sizes("input").collect::<Vec<_>>().try_into().unwrap();
        let targets = config["classes"].as_u64().unwrap() as usize;
        CnnConfig::new(input, Task::Regression { targets, noise: Noise::Constant })
            .with_stages(serde_json::from_value(config["stages"].clone()).unwrap())
            .with_global_pool(config["global_pool"].as_bool().unwrap())
            .with_depth_rate(rate(config["depth_rate"].as_f64().unwrap()))
            .with_hidden(sizes("hidden").collect())
            .with_input_rate(rate(config["input_rate"].as_f64().unwrap()))
            .with_rates(if rates.is_empty() { vec![rate(0.0)] } else { rates })
    }

    /// The network with the case's parameters.
    fn cnn(&self, device: &Device) -> Cnn {
        let scale = |path: &str| self.0["scales"][path].as_f64().unwrap_or(0.5); // running statistics are not trained
        filled(self.config().init(device, Key::new(0)), scale)
    }

    fn pictures(&self, device: &Device) -> Tensor<4> {
        let [channels, height, width] = self.config().input;
        let shape = [self.size("rows"), channels, height, width];
        tensor(&hashed("pictures", shape.iter().product()), shape, device)
    }

    /// A mask for each site that the network draws at, as the case has it.
    fn masks(&self, cnn: &Cnn, device: &Device) -> Replay {
        let recorder = Recorder::new();
        let pass = Pass::train(Key::new(0)).with_statistics(Statistics::Running);
        cnn.forward(self.pictures(device), &pass.recorded(&recorder));
        recorder.draws().into_iter().filter(|draw| draw.values.is_some()).fold(Replay::new(), |replay, draw| {
            let burn_zoo::Law::Bernoulli(rate) = draw.law else { panic!("{draw:?}") };
            let mut shape = draw.shape;
            shape[0] = shape[0].min(self.size("rows_of_masks"));
            let bits = hashed(&draw.site, shape.iter().product());
            let bits = bits.into_iter().map(|x| f32::from(u8::from(x >= 2.0 * rate.get() - 1.0)));
            replay.with(&draw.site, shape.clone(), bits.collect::<Vec<_>>())
        })
    }

    /// The case's pass: its masks, or none.
    fn pass<'a>(&self, masks: &'a Replay) -> Pass<'a> {
        let pass = if self.size("rows_of_masks") == 0 { Pass::mean() } else { Pass::replay(masks) };
        let by_batch = self.0["by_batch"].as_bool().unwrap();
        pass.with_statistics(if by_batch { Statistics::Batch } else { Statistics::Running })
    }
}

/// The entries of a gradient that the file has, and the sum of all magnitudes.
fn assert_probe(found: &[f64], probe: &Value, what: &str, smallest: f64) {
    let at = common::numbers(&probe["at"]).into_iter().map(|at| found[at as usize]).collect::<Vec<_>>();
    let (expected, magnitude) = (common::numbers(&probe["values"]), probe["magnitude"].as_f64().unwrap());
    let size = found.iter().fold(smallest, |size, x| size.max(x.abs()));
    assert_within(&at, &expected, OF_LARGEST * size, what);
    let sum: f64 = found.iter().map(|x| x.abs()).sum();
    assert!((sum - magnitude).abs() <= OF_LARGEST * size * found.len() as f64, "{what}: {sum} of {magnitude} in all");
}

#[test]
fn outputs_are_pytorchs() {
    for (name, device) in devices_and_autodiff() {
        for case in cases() {
            let cnn = case.cnn(&device);
            let masks = case.masks(&cnn, &device);
            let output = values(cnn.forward(case.pictures(&device), &case.pass(&masks)));
            let expected = common::numbers(&case.0["output"]);
            assert_within(&output, &expected, OF_LARGEST * largest(&expected), &format!("{name}: {}", case.name()));
        }
    }
}

#[test]
fn gradients_of_every_parameter_and_of_the_pictures_are_pytorchs() {
    for (name, device) in devices() {
        let device = device.autodiff();
        for case in cases() {
            let what = |part: &str| format!("{name}: {}: {part}", case.name());
            let cnn = case.cnn(&device);
            let (masks, x) = (case.masks(&cnn, &device), case.pictures(&device).require_grad());
            let output = cnn.forward(x.clone(), &case.pass(&masks));
            let c = hashed("weights of the outputs", output.shape().num_elements());
            let c = tensor(&c, output.dims(), &device);
            let (found, all) = gradients(&cnn, (output * c).sum());
            let expected = case.0["gradients"].as_object().unwrap();
            assert_eq!(found.len(), expected.len(), "{}", what("what is trained"));
            // A bias before a normalisation by the batch has a gradient of zero: what is found there is the rounding of larger numbers.
            let most = expected.values().map(|probe| largest(&common::numbers(&probe["values"]))).fold(0.0, f64::max);
            for (path, probe) in expected {
                let vanishes = probe["magnitude"].as_f64().unwrap() < 1e-9 * most;
                assert_probe(&found[path], probe, &what(path), if vanishes { most } else { 0.0 });
            }
            assert_probe(&values(x.grad(&all).unwrap()), &case.0["dx"], &what("dx"), 0.0);
        }
    }
}

#[test]
fn a_mask_left_out_or_moved_does_not_hide() {
    // What these tests are worth: the masks of every case change its output by far more than the tolerance.
    let (name, device) = devices().swap_remove(0);
    for case in cases().iter().filter(|case| case.size("rows_of_masks") > 0) {
        let cnn = case.cnn(&device);
        let without = Pass::mean().with_statistics(case.pass(&Replay::new()).statistics());
        let found = values(cnn.forward(case.pictures(&device), &without));
        let expected = common::numbers(&case.0["output"]);
        let distance = common::distance(&found, &expected);
        assert!(distance > 1000.0 * OF_LARGEST * largest(&expected), "{name}: {}", case.name());
    }
}

#[test]
fn rows_of_numbers_are_pictures() {
    let (_, device) = devices().swap_remove(0);
    let case = &cases()[4];
    let (cnn, x) = (case.cnn(&device), case.pictures(&device));
    let pass = Pass::network(Key::new(3));
    let output = |output| {
        let burn_zoo::outputs::Outputs::Point(burn_zoo::outputs::Point(x)) = output else { panic!("{output:?}") };
        values(x)
    };
    let flat: Tensor<2> = x.clone().flatten(1, 3);
    assert_eq!(output(cnn.run(x, &pass)), output(cnn.run(flat, &pass)));
}
