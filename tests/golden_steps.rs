//! Training steps against PyTorch's optimizers, schedulers and losses, by `train::fit` (`tests/golden/steps/generate.py`).
#![cfg(feature = "train")]

mod common;

use std::collections::BTreeMap;

use burn::tensor::Device;
use burn_zoo::{
    Key,
    models::{Mlp, MlpConfig, Noise, Task},
    nn::Activation,
    train::{Epoch, Examples, Quiet, TrainConfig, fit},
};
use common::{OF_LARGEST, assert_near, golden, numbers, parameters, rate, with_parameters};
use serde_json::Value;

struct Case(Value);

fn cases() -> Vec<Case> {
    let Value::Array(cases) = golden("steps/steps.json")["cases"].take() else { panic!("no cases") };
    assert_eq!(cases.len(), 26, "every case is read");
    cases.into_iter().map(Case).collect()
}

impl Case {
    fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    /// One step an epoch: all rows are in a batch.
    fn config(&self) -> TrainConfig {
        let given = &self.0["config"];
        let mut config = serde_json::to_value(TrainConfig::new()).unwrap();
        for (name, value) in given.as_object().unwrap() {
            *config.get_mut(name).unwrap_or_else(|| panic!("no setting `{name}`")) = value.clone();
        }
        let config: TrainConfig = serde_json::from_value(config).unwrap();
        config.with_epochs(self.curve().len()).with_batch_size(self.rows())
    }

    fn rows(&self) -> usize {
        self.0["x"].as_array().unwrap().len()
    }

    fn curve(&self) -> &[Value] {
        self.0["curve"].as_array().unwrap()
    }

    fn by_path(&self, name: &str) -> BTreeMap<String, Vec<f64>> {
        self.0[name].as_object().unwrap().iter().map(|(path, value)| (path.clone(), numbers(value))).collect()
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        numbers(&self.0[name]).into_iter().map(|x| x as f32).collect()
    }

    /// The network before the first step, without dropout.
    fn mlp(&self, device: &Device) -> Mlp {
        let task = match self.0["task"].as_str().unwrap() {
            "regression" => Task::Regression { targets: 2, noise: Noise::Constant },
            "classes" => Task::MultiClass { classes: 3 },
            "binary" => Task::Binary,
            other => panic!("unknown task {other}"),
        };
        let mlp = MlpConfig::new(3, task)
            .with_hidden(vec![6, 5])
            .with_activation(Activation::Tanh)
            .with_input_rate(rate(0.0))
            .with_rates(vec![rate(0.0)])
            .init(device, Key::new(0));
        with_parameters(mlp, &self.by_path("params"))
    }

    fn parts(&self) -> [Examples; 2] {
        let part = |targets| Examples::new(self.floats("x"), self.floats(targets), self.rows()).unwrap();
        let train = match self.0["weights"].is_null() {
            true => part("targets"),
            false => part("targets").with_weights(self.floats("weights")).unwrap(),
        };
        [train, part("valid_targets")]
    }
}

#[test]
fn parameters_and_curves_are_pytorchs() {
    for (name, device) in common::devices() {
        for case in cases() {
            let what = |part: &str| format!("{name}: {}: {part}", case.name());
            let model = case.mlp(&device.clone().autodiff());
            let trained = fit(model, &case.config(), case.parts(), &device, Quiet).unwrap();
            assert_eq!(
                trained.best_epoch,
                case.curve().len(),
                "{}",
                what("the last network is the best by its targets")
            );

            let (found, expected) = (parameters(&trained.model), case.by_path("after"));
            assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
            for (path, expected) in &expected {
                assert_near(&found[path], expected, OF_LARGEST, &what(path));
            }
            type Column = fn(&Epoch) -> Option<f64>;
            let columns: [(&str, Column); 5] = [
                ("learning_rate", |epoch| Some(epoch.learning_rate)),
                ("train_loss", |epoch| Some(epoch.train_loss)),
                ("penalty", |epoch| Some(epoch.penalty)),
                ("grad_norm", |epoch| epoch.grad_norm),
                ("clipped", |epoch| epoch.clipped),
            ];
            for (column, read) in columns {
                let expected = case.curve().iter().filter_map(|epoch| epoch.get(column)?.as_f64());
                let found: Vec<f64> = trained.curve.iter().filter_map(read).collect();
                assert_near(&found, &expected.collect::<Vec<_>>(), OF_LARGEST, &what(column));
            }
        }
    }
}
