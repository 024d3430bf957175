//! `Mlp` against PyTorch: outputs, gradients and running statistics under given masks (`tests/golden/mlp/generate.py`).

mod common;

use std::collections::BTreeMap;

use burn::{
    module::Module,
    tensor::{Device, Tensor},
};
use burn_zoo::{
    Key, Pass, Replay, Statistics,
    models::{Mlp, MlpConfig, Noise, Task},
    nn::Activation,
};
use common::{
    OF_LARGEST, assert_near, devices, golden, gradients, numbers, parameters, rate, tensor, values, with_parameters,
};
use serde_json::Value;

struct Case(Value);

fn cases() -> Vec<Case> {
    let Value::Array(cases) = golden("mlp/mlp.json")["cases"].take() else { panic!("no cases") };
    assert_eq!(cases.len(), 19, "every case is read");
    cases.into_iter().map(Case).collect()
}

impl Case {
    fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    /// The network with the case's parameters.
    fn mlp(&self, device: &Device) -> Mlp {
        let config = &self.0["config"];
        let size = |name: &str| config[name].as_u64().unwrap() as usize;
        let activation: Activation = serde_json::from_value(config["activation"].clone()).unwrap();
        let mlp =
            MlpConfig::new(size("d_input"), Task::Regression { targets: size("d_output"), noise: Noise::Constant })
                .with_hidden(numbers(&config["hidden"]).into_iter().map(|width| width as usize).collect())
                .with_activation(activation)
                .with_input_rate(rate(config["input_rate"].as_f64().unwrap()))
                .with_rates(numbers(&config["rates"]).into_iter().map(rate).collect())
                .with_batch_norm(config["batch_norm"].as_bool().unwrap())
                .init(device, Key::new(0));
        with_parameters(mlp, &self.by_path("params"))
    }

    fn matrix(&self, name: &str, device: &Device) -> Tensor<2> {
        let rows = self.0[name].as_array().unwrap();
        tensor(&numbers(&self.0[name]), [rows.len(), rows[0].as_array().unwrap().len()], device)
    }

    fn by_path(&self, name: &str) -> BTreeMap<String, Vec<f64>> {
        self.0[name].as_object().unwrap().iter().map(|(path, value)| (path.clone(), numbers(value))).collect()
    }

    fn masks(&self) -> Replay {
        self.0["masks"].as_object().unwrap().iter().fold(Replay::new(), |replay, (site, mask)| {
            let rows = mask.as_array().unwrap();
            let shape = [rows.len(), rows[0].as_array().unwrap().len()];
            replay.with(site, shape, numbers(mask).into_iter().map(|bit| bit as f32).collect::<Vec<_>>())
        })
    }

    fn statistics(&self) -> Statistics {
        match self.0["statistics"].as_str().unwrap() {
            "running" => Statistics::Running,
            "batch" => Statistics::BatchUpdate,
            other => panic!("unknown statistics {other}"),
        }
    }

    /// The case's pass: its masks, or none.
    fn pass<'a>(&self, masks: &'a Replay) -> Pass<'a> {
        let pass = match self.0["masks"].as_object().unwrap().is_empty() {
            true => Pass::mean(),
            false => Pass::replay(masks),
        };
        pass.with_statistics(self.statistics())
    }
}

#[test]
fn outputs_are_pytorchs() {
    for (name, device) in common::devices_and_autodiff() {
        for case in cases() {
            let masks = case.masks();
            let output = values(case.mlp(&device).forward(case.matrix("x", &device), &case.pass(&masks)));
            assert_near(&output, &numbers(&case.0["output"]), OF_LARGEST, &format!("{name}: {}", case.name()));
        }
    }
}

#[test]
fn gradients_of_every_parameter_and_of_the_input_are_pytorchs() {
    for (name, device) in devices() {
        let device = device.autodiff();
        for case in cases() {
            let what = |part: &str| format!("{name}: {}: {part}", case.name());
            let (mlp, masks) = (case.mlp(&device), case.masks());
            let x = case.matrix("x", &device).require_grad();
            let output = mlp.forward(x.clone(), &case.pass(&masks));
            let (found, all) = gradients(&mlp, (output * case.matrix("c", &device)).sum());
            let expected = case.by_path("gradients");
            assert_eq!(
                found.keys().collect::<Vec<_>>(),
                expected.keys().collect::<Vec<_>>(),
                "{}",
                what("what is trained")
            );
            let all_largest = expected.values().map(|values| common::largest(values)).fold(0.0, f64::max);
            for (path, expected) in expected {
                // A bias before a normalisation by the batch has a gradient of zero: what is found there is the rounding of larger numbers.
                let vanishes = case.statistics() == Statistics::BatchUpdate && path.ends_with("linear.bias");
                assert_eq!(vanishes, common::largest(&expected) < 1e-12 * all_largest, "{}", what(&path));
                let largest = if vanishes { all_largest } else { common::largest(&expected) };
                common::assert_within(&found[&path], &expected, OF_LARGEST * largest, &what(&path));
            }
            let dx = values(x.grad(&all).unwrap());
            assert_near(&dx, &numbers(&case.0["dx"]), OF_LARGEST, &what("dx"));
        }
    }
}

#[test]
fn running_statistics_after_a_batch_are_pytorchs() {
    for (name, device) in common::devices_and_autodiff() {
        let mut updates = 0;
        for case in cases() {
            let (mlp, masks) = (case.mlp(&device), case.masks());
            mlp.forward(case.matrix("x", &device), &case.pass(&masks));
            let after = parameters(&mlp);
            if case.statistics() == Statistics::Running {
                assert_eq!(after, parameters(&case.mlp(&device)), "{name}: {} leaves everything alone", case.name());
                continue;
            }
            for (path, expected) in case.by_path("running_after") {
                assert_near(&after[&path], &expected, OF_LARGEST, &format!("{name}: {}: {path}", case.name()));
                updates += 1;
            }
        }
        assert_eq!(updates, 4, "{name}: a mean and a variance of two layers");
    }
}

#[test]
fn a_network_on_its_way_to_inference_predicts_what_it_predicted() {
    for (name, device) in devices() {
        for case in cases() {
            let (mlp, masks) = (case.mlp(&device.clone().autodiff()).valid(), case.masks());
            let pass = case.pass(&masks).with_statistics(Statistics::Running);
            let found = values(mlp.forward(case.matrix("x", &device), &pass));
            let expected = values(case.mlp(&device).forward(case.matrix("x", &device), &pass));
            assert_eq!(found, expected, "{name}: {}", case.name());
        }
    }
}

#[test]
fn a_mask_left_out_or_moved_does_not_hide() {
    // What these tests are worth: the masks of every case change its output by far more than the tolerance.
    let (name, device) = devices().swap_remove(0);
    for case in cases() {
        if case.0["masks"].as_object().unwrap().is_empty() {
            continue;
        }
        let without =
            case.mlp(&device).forward(case.matrix("x", &device), &Pass::mean().with_statistics(case.statistics()));
        let expected = numbers(&case.0["output"]);
        let distance = common::distance(&values(without), &expected);
        assert!(distance > 1000.0 * OF_LARGEST * common::largest(&expected), "{name}: {}", case.name());
    }
}
