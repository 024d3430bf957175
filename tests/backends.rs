//! Every model on every device that is compiled in and present, from keys to numbers, against PyTorch in float64 (`tests/golden/backends/generate.py`):
//! masks, outputs, gradients, ten steps of training and Monte Carlo; and sums over more entries than some devices can reduce over.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use burn::{
    module::Module,
    nn::{Linear, LinearConfig},
    optim::{AdamConfig, GradientsParams},
    tensor::{Device, Tensor, activation::tanh},
};
use burn_zoo::{
    Key, Pass, Predictive, Recorder, Statistics, Stochastic, device_faults,
    models::{
        Cnn, CnnConfig, DropoutAt, HeadConfig, Lstm, LstmConfig, Mlp, MlpConfig, Noise, Norm, Over, Pool,
        SequenceInput, Stage, Task, UncertaintyHead,
    },
    nn::Activation,
    outputs::Outputs,
    train::Loss,
    uncertainty::{MonteCarlo, Prediction, Sampling},
};
use common::{
    NATS, OF_LARGEST, assert_near, assert_within, at, devices, devices_and_autodiff, distance, filled, golden,
    gradients, hashed, largest, numbers, parameters, rate, tensor, values,
};
use serde_json::Value;

/// Of the largest: Adam makes a step as long for a small gradient as for a large one, and so carries the rounding of the smallest into the parameters.
/// The generator lets none be smaller than 1e-4 of the largest in its tensor. On flex and ndarray the furthest was 9e-6 apart.
const IN_TEN_STEPS: f64 = 1e-4;

/// What some devices can reduce over.
const MOST_OF_A_REDUCTION: usize = 1 << 16;

/// The tests of each model.
macro_rules! suite {
    ($($model:ident),*) => {$(
        mod $model {
            use super::*;

            fn suite() -> Suite<impl Model> {
                Suite::of(stringify!($model), super::$model)
            }

            #[test]
            fn masks_are_those_of_the_keys_bit_for_bit() {
                suite().masks_are_those_of_the_keys_bit_for_bit();
            }

            #[test]
            fn outputs_are_pytorchs() {
                suite().outputs_are_pytorchs();
            }

            #[test]
            fn gradients_are_pytorchs() {
                suite().gradients_are_pytorchs();
            }

            #[test]
            fn ten_steps_of_training_are_pytorchs() {
                suite().ten_steps_of_training_are_pytorchs();
            }

            #[test]
            fn monte_carlo_is_pytorchs_in_chunks_of_any_size() {
                suite().monte_carlo_is_pytorchs_in_chunks_of_any_size();
            }

            #[test]
            fn a_seed_gives_the_same_bits_again_and_another_seed_others() {
                suite().a_seed_gives_the_same_bits_again_and_another_seed_others();
            }

            #[test]
            fn another_key_or_a_mask_left_out_does_not_hide() {
                suite().another_key_or_a_mask_left_out_does_not_hide();
            }
        }
    )*};
}

// Every model: a new one joins by its name here, by a function of that name, and by a case of that name in `generate.py`.
suite! { mlp, cnn, lstm, words, head }

fn mlp(device: &Device) -> Mlp {
    MlpConfig::new(5, Task::Regression { targets: 2, noise: Noise::Predicted })
        .with_hidden(vec![8, 6])
        .with_activation(Activation::Tanh)
        .with_input_rate(rate(0.25))
        .with_rates(vec![rate(0.5), rate(0.25)])
        .init(device, Key::new(0))
}

fn cnn(device: &Device) -> Cnn {
    let first = Stage {
        padding: 1,
        norm: Norm::After,
        pool: Pool::Max(2),
        dropout: "spatial:0.25".parse().unwrap(),
        ..Stage::new(4, 3)
    };
    let second = Stage {
        padding: 1,
        pool: Pool::Average(2),
        dropout: "element:0.5".parse().unwrap(),
        dropout_at: DropoutAt::BeforePool,
        ..Stage::new(5, 3)
    };
    CnnConfig::new([1, 8, 8], Task::MultiClass { classes: 3 })
        .with_stages(vec![first, second])
        .with_hidden(vec![7])
        .with_input_rate(rate(0.25))
        .with_rates(vec![rate(0.5)])
        .init(device, Key::new(0))
}

fn lstm(device: &Device) -> Lstm {
    let input = SequenceInput::Numbers { features: 2, known: 2 };
    lstm_config(input, Task::Regression { targets: 2, noise: Noise::Constant }).with_hidden(5).init(device, Key::new(0))
}

fn words(device: &Device) -> Lstm {
    lstm_config(SequenceInput::Words { vocabulary: 7, embedding: 3 }, Task::Binary)
        .with_hidden(4)
        .with_bidirectional(true)
        .with_word_rate(rate(0.25))
        .init(device, Key::new(0))
}

fn lstm_config(input: SequenceInput, task: Task) -> LstmConfig {
    LstmConfig::new(input, task)
        .with_input_rate(rate(0.25))
        .with_recurrent_rate(rate(0.375))
        .with_output_rate(rate(0.5))
}

fn head(device: &Device) -> Headed {
    let config = HeadConfig::new(6, Task::MultiLabel { labels: 3 }).with_hidden(Some(8)).with_rate(rate(0.5));
    Headed { backbone: LinearConfig::new(5, 6).init(device), head: config.init(device, Key::new(0)) }
}

/// Somebody's own module with our head.
#[derive(Module, Debug)]
struct Headed {
    backbone: Linear,
    head: UncertaintyHead,
}

impl Headed {
    fn over(&self) -> Over<&Mlp, impl Fn(Tensor<2>) -> Tensor<2> + '_> {
        self.head.over(|x| tanh(self.backbone.forward(x)))
    }
}

impl Stochastic<Tensor<2>> for Headed {
    type Output = Outputs;

    fn run(&self, input: Tensor<2>, pass: &Pass<'_>) -> Outputs {
        self.over().run(input, pass)
    }

    fn run_many(&self, input: Tensor<2>, passes: &[Pass<'_>], sink: &mut dyn FnMut(usize, Outputs)) {
        self.over().run_many(input, passes, sink);
    }
}

trait Model: Module + Stochastic<Tensor<2>, Output = Outputs> {}

impl<M: Module + Stochastic<Tensor<2>, Output = Outputs>> Model for M {}

/// What the file has of a model, and how the model is built.
struct Suite<M> {
    file: Value,
    case: Value,
    build: fn(&Device) -> M,
}

impl<M: Model> Suite<M> {
    fn of(name: &str, build: fn(&Device) -> M) -> Self {
        let mut file = golden("backends/backends.json");
        let Value::Array(cases) = file["models"].take() else { panic!("no models") };
        let case = cases.into_iter().find(|case| case["name"] == name);
        Self { file, case: case.unwrap_or_else(|| panic!("no case of `{name}`")), build }
    }

    /// With the parameters of the file.
    fn model(&self, device: &Device) -> M {
        filled((self.build)(device), |path| scale(&self.case, path))
    }

    fn input(&self, device: &Device) -> Tensor<2> {
        matrix(&self.case["input"], device)
    }

    fn seed(&self) -> u64 {
        self.file["seed"].as_u64().unwrap()
    }

    fn key(&self) -> Key {
        Key::new(self.seed())
    }

    fn monte_carlo(&self) -> MonteCarlo {
        MonteCarlo::new(self.file["passes"].as_u64().unwrap() as usize).seed(self.seed())
    }

    /// The output of a model that nothing was done to: a pass of training moves running statistics.
    fn output(&self, pass: &Pass<'_>, device: &Device) -> Vec<f64> {
        values(self.model(device).run(self.input(device), pass).packed())
    }

    fn masks_are_those_of_the_keys_bit_for_bit(&self) {
        for (name, device) in devices() {
            for (kind, pass) in [("network", Pass::network(self.key())), ("training", Pass::train(self.key()))] {
                let recorder = Recorder::new();
                self.output(&pass.recorded(&recorder), &device);
                let draws = recorder.draws();
                let expected = self.case["masks"][kind].as_object().unwrap();
                assert_eq!(draws.iter().filter(|draw| draw.values.is_some()).count(), expected.len(), "{name}: sites");
                for draw in draws {
                    let Some(used) = draw.values else { continue };
                    let shape = [draw.shape[0], draw.shape[1..].iter().product()];
                    let on_device = at(&pass, &draw.site, |pass| pass.draw(draw.law, shape, &device)).unwrap();
                    for found in [used.iter::<f64>().collect(), values(on_device)] {
                        assert_eq!(bits(&found), expected[&draw.site], "{name}, {kind}: {}", draw.site);
                    }
                }
            }
        }
    }

    fn outputs_are_pytorchs(&self) {
        for (name, device) in devices_and_autodiff() {
            let passes = [Pass::mean(), Pass::network(self.key()), Pass::train(self.key())];
            for (kind, pass) in ["mean", "network", "training"].into_iter().zip(passes) {
                let expected = numbers(&self.case["outputs"][kind]);
                assert_near(&self.output(&pass, &device), &expected, OF_LARGEST, &format!("{name}, {kind}"));
            }
        }
    }

    fn gradients_are_pytorchs(&self) {
        for (name, device) in devices() {
            let device = device.autodiff();
            let (model, x) = (self.model(&device), self.input(&device).require_grad());
            let (mut found, all) = gradients(&model, weighted(model.run(x.clone(), &Pass::train(self.key())).packed()));
            // Numbers of words have none.
            found.extend(x.grad(&all).map(|grad| ("input".to_string(), values(grad))));
            assert_all(&found, &self.case["gradients"], of_largest(OF_LARGEST), name);
        }
    }

    /// The loss of each step, and the model behind the last one.
    fn trained(&self, run: Key, device: &Device) -> (Vec<f64>, M) {
        let (mut model, x, targets) = (self.model(device), self.input(device), matrix(&self.case["targets"], device));
        let mask_key = run.fold_str("mask").fold(1); // of the first epoch
        let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
        let steps = self.case["losses"].as_array().unwrap().len();
        let losses = (0..steps as u64).map(|step| {
            let output = model.run(x.clone(), &Pass::train(mask_key.fold(step)));
            let loss = Loss::of(output, targets.clone()).0.mean();
            let grads = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(self.file["learning rate"].as_f64().unwrap(), model.clone(), grads);
            values(loss)[0]
        });
        (losses.collect(), model)
    }

    fn ten_steps_of_training_are_pytorchs(&self) {
        let expected = numbers(&self.case["losses"]);
        assert_eq!(expected.len(), 10);
        for (name, device) in devices() {
            let device = device.autodiff();
            let (losses, model) = self.trained(self.key(), &device);
            assert_near(&losses, &expected, IN_TEN_STEPS, &format!("{name}: losses"));
            assert_all(&parameters(&model), &self.case["after"], of_largest(IN_TEN_STEPS), name);
            let output = values(model.run(self.input(&device), &Pass::mean()).packed());
            assert_near(&output, &numbers(&self.case["output after"]), IN_TEN_STEPS, &format!("{name}: output after"));

            // The same masks give the same bits; what the test is worth is seen by others.
            let (again, same) = self.trained(self.key(), &device);
            assert_eq!((again, parameters(&same)), (losses, parameters(&model)), "{name}");
            let (others, _) = self.trained(self.key().fold(1), &device);
            assert!(distance(&others, &expected) > 100.0 * IN_TEN_STEPS * largest(&expected), "{name}");
        }
    }

    fn monte_carlo_is_pytorchs_in_chunks_of_any_size(&self) {
        for (name, device) in devices() {
            let (model, x) = (self.model(&device), self.input(&device));
            for (kind, sampling) in [("network", Sampling::Network), ("rows", Sampling::Rows)] {
                let expected = &self.case[format!("monte carlo by {kind}").as_str()];
                for chunk in [1, 4, x.dims()[0]] {
                    let sampler = self.monte_carlo().sampling(sampling).chunk(chunk);
                    let found = quantities(sampler.predict(&model, x.clone()).unwrap());
                    let tolerance = |quantity: &str, expected: &[f64]| match quantity {
                        "entropy" | "expected entropy" | "mutual information" => NATS,
                        _ => OF_LARGEST * largest(expected),
                    };
                    assert_all(&found, expected, tolerance, &format!("{name}, by {kind}, chunks of {chunk}"));
                }
            }
        }
    }

    fn a_seed_gives_the_same_bits_again_and_another_seed_others(&self) {
        for (name, device) in devices() {
            let (model, x) = (self.model(&device), self.input(&device));
            for sampling in [Sampling::Network, Sampling::Rows] {
                let predict = |seed| {
                    let sampler = self.monte_carlo().seed(seed).sampling(sampling);
                    quantities(sampler.predict(&model, x.clone()).unwrap())
                };
                let (first, other) = (predict(self.seed()), predict(self.seed() + 1));
                assert_eq!(first, predict(self.seed()), "{name}");
                for (quantity, found) in first {
                    assert!(distance(&found, &other[&quantity]) > 10.0 * NATS, "{name}: {quantity}");
                }
            }
        }
    }

    /// What these tests are worth.
    fn another_key_or_a_mask_left_out_does_not_hide(&self) {
        let (name, device) = devices().swap_remove(0);
        let far = |pass: &Pass<'_>, kind: &str, what: &str| {
            let expected = numbers(&self.case["outputs"][kind]);
            let distance = distance(&self.output(pass, &device), &expected);
            assert!(distance > 100.0 * OF_LARGEST * largest(&expected), "{name}, {kind}: {what}: {distance}");
        };
        far(&Pass::network(self.key().fold(0)), "network", "another key");
        far(&Pass::train(self.key().fold(0)), "training", "another key");
        far(&Pass::rows(self.key(), 1).with_statistics(Statistics::Batch), "training", "rows that are counted from 1");
        let recorder = Recorder::new();
        self.output(&Pass::train(self.key()).recorded(&recorder), &device);
        for draw in recorder.draws() {
            let Some(mask) = draw.values else { continue };
            let ones = vec![1.0; mask.num_elements()];
            let without = recorder.replay().with(&draw.site, mask.shape().to_vec(), ones);
            far(&Pass::replay(&without).with_statistics(Statistics::Batch), "training", &draw.site);
        }
    }
}

/// The scale of a parameter's numbers.
fn scale(case: &Value, path: &str) -> f64 {
    case["scales"][path].as_f64().unwrap_or_else(|| panic!("no `{path}` in the file"))
}

fn matrix(rows: &Value, device: &Device) -> Tensor<2> {
    let values = numbers(rows);
    let n = rows.as_array().unwrap().len();
    tensor(&values, [n, values.len() / n], device)
}

/// The sum of all outputs, each with a factor of its own.
fn weighted(output: Tensor<2>) -> Tensor<1> {
    let factors =
        tensor(&hashed("weights of the outputs", output.shape().num_elements()), output.dims(), &output.device());
    (output * factors).sum()
}

/// As the file writes masks.
fn bits(mask: &[f64]) -> String {
    let bit = |&entry: &f64| match entry {
        0.0 => '0',
        1.0 => '1',
        other => panic!("{other} is no bit"),
    };
    mask.iter().map(bit).collect()
}

/// All that a prediction says of the passes together, by its name in the file.
fn quantities(prediction: Prediction) -> BTreeMap<String, Vec<f64>> {
    let of_distributions = |probabilities: Vec<f64>, [total, expected, mutual]: [&[f64]; 3]| {
        let entropies = [("entropy", total), ("expected entropy", expected), ("mutual information", mutual)];
        let mut all: Vec<_> = entropies.map(|(name, values)| (name, values.to_vec())).into();
        all.push(("probabilities", probabilities));
        all
    };
    let all = match prediction {
        Prediction::Classes(p) => {
            let probabilities = (0..p.rows()).flat_map(|row| p.probabilities(row).to_vec()).collect();
            of_distributions(probabilities, [p.entropy(), p.expected_entropy(), p.mutual_information()])
        }
        Prediction::MultiLabel(p) => {
            of_distributions(p.probabilities(), [p.entropy(), p.expected_entropy(), p.mutual_information()])
        }
        Prediction::Regression(p) => {
            // A variance is the square of a spread that is right to 1e-5 of the largest.
            let spread = p.epistemic_variance().iter().map(|variance| variance.sqrt()).collect();
            let noise = p.aleatoric_variance().ok().map(|noise| ("noise", noise));
            [("mean", p.mean().to_vec()), ("spread", spread)].into_iter().chain(noise).collect()
        }
    };
    all.into_iter().map(|(name, values)| (name.to_string(), values)).collect()
}

fn of_largest(tolerance: f64) -> impl Fn(&str, &[f64]) -> f64 {
    move |_, expected| tolerance * largest(expected)
}

/// That the same things were found as the file has, each within the tolerance that it is given.
#[track_caller]
fn assert_all(
    found: &BTreeMap<String, Vec<f64>>,
    expected: &Value,
    tolerance: impl Fn(&str, &[f64]) -> f64,
    what: &str,
) {
    let expected = expected.as_object().unwrap();
    assert!(found.keys().eq(expected.keys().collect::<BTreeSet<_>>()), "{what}: what is there");
    for (name, expected) in expected {
        let expected = numbers(expected);
        assert_within(&found[name], &expected, tolerance(name, &expected), &format!("{what}: {name}"));
    }
}

#[test]
fn predictions_of_more_rows_than_some_devices_reduce_over_are_pytorchs() {
    let file = golden("backends/backends.json");
    let case = &file["many rows"];
    let size = |name: &str| case[name].as_u64().unwrap() as usize;
    let rows = size("rows");
    assert!(rows > MOST_OF_A_REDUCTION);
    for (name, device) in devices() {
        let config = MlpConfig::new(1, Task::Regression { targets: 1, noise: Noise::Constant })
            .with_hidden(vec![4])
            .with_activation(Activation::Tanh)
            .with_input_rate(rate(0.25))
            .with_rates(vec![rate(0.5)]);
        let mlp = filled(config.init(&device, Key::new(0)), |_| 0.5);
        let x = tensor(&hashed("many rows", rows), [rows, 1], &device);
        for chunk in [rows, 1024] {
            let sampler = MonteCarlo::new(size("passes")).seed(file["seed"].as_u64().unwrap()).chunk(chunk);
            let found = quantities(sampler.predict(&mlp, x.clone()).unwrap());
            let what = |of: &str| format!("{name}, chunks of {chunk}: {of}");
            for of in ["mean", "spread"] {
                let picked: Vec<f64> = numbers(&case["at"]).into_iter().map(|at| found[of][at as usize]).collect();
                assert_near(&picked, &numbers(&case[of]), OF_LARGEST, &what(of));
            }
            let mean = common::mean(&found["mean"]).0;
            assert_near(&[mean], &numbers(&case["mean of means"]), OF_LARGEST, &what("mean of means"));
        }
    }
}

/// Of `rows` pictures of a case of many places: the outputs, the network with its running statistics, and the gradients.
fn at_many_places(
    case: &Value,
    seed: u64,
    rows: usize,
    device: &Device,
) -> (Vec<f64>, Cnn, BTreeMap<String, Vec<f64>>) {
    let side = case["side"].as_u64().unwrap() as usize;
    let stage = Stage {
        padding: 1,
        norm: serde_json::from_value(case["norm"].clone()).unwrap(),
        dropout: "spatial:0.25".parse().unwrap(),
        ..Stage::new(2, 3)
    };
    let config = CnnConfig::new([1, side, side], Task::Regression { targets: 1, noise: Noise::Constant })
        .with_stages(vec![stage])
        .with_global_pool(true)
        .with_hidden(vec![]);
    let cnn = filled(config.init(device, Key::new(0)), |path| scale(case, path));
    let positive = |name: &str, shape: [usize; 2]| {
        let values: Vec<f64> = hashed(name, shape.iter().product()).into_iter().map(|x| 1.0 + x).collect();
        tensor(&values, shape, device)
    };
    let output = cnn.run(positive("many places", [rows, side * side]), &Pass::train(Key::new(seed))).packed();
    let factors = positive("weights of the outputs", output.dims());
    let (gradients, _) = gradients(&cnn, (output.clone() * factors).sum());
    (values(output), cnn, gradients)
}

#[test]
fn gradients_of_a_convolution_at_more_places_than_some_devices_reduce_over_are_pytorchs() {
    let file = golden("backends/backends.json");
    let seed = file["seed"].as_u64().unwrap();
    let cases = file["many places"].as_array().unwrap();
    assert_eq!(cases.len(), 2, "without and with a normalisation by the batch");
    for (name, device) in devices() {
        let device = device.autodiff();
        for case in cases {
            let [rows, side] = ["rows", "side"].map(|size| case[size].as_u64().unwrap() as usize);
            assert!(rows * side * side > MOST_OF_A_REDUCTION);
            let what = format!("{name}, norm: {}", case["norm"]);
            let (output, cnn, found) = at_many_places(case, seed, rows, &device);
            assert_near(&output, &numbers(&case["output"]), OF_LARGEST, &format!("{what}: output"));
            let mut running = parameters(&cnn);
            running.retain(|path, _| path.contains("running_"));
            assert_all(&running, &case["running"], of_largest(OF_LARGEST), &what);
            // A normalisation takes away what all places have in common: what is left is as right as the sums that it is the difference of.
            let most =
                case["gradients"].as_object().unwrap().values().map(|of| largest(&numbers(of))).fold(0.0, f64::max);
            let tolerance = OF_LARGEST * most;
            assert_all(&found, &case["gradients"], |_, _| tolerance, &what);

            // What this is worth: the last two pictures are no more than what such a device would lose.
            assert!((rows - 2) * side * side < MOST_OF_A_REDUCTION);
            let (.., without) = at_many_places(case, seed, rows - 2, &device);
            for part in ["conv.bias", "conv.weight"].map(|part| format!("stages.0.blocks.0.{part}")) {
                let (found, expected) = (&without[&part], numbers(&case["gradients"][&part]));
                assert!(case["norm"] != "none" || distance(found, &expected) > 100.0 * tolerance, "{what}: {part}");
            }
        }
    }
}

#[test]
fn a_device_that_loses_the_tail_of_a_sum_is_told_of_before_a_run_that_needs_it() {
    for (name, device) in devices() {
        let (model, many) = (mlp(&device), MOST_OF_A_REDUCTION + 5000);
        let is_right = values(Tensor::<2>::ones([1, many], &device).sum_dim(1))[0] == many as f64;
        let faults = device_faults(&model, many).unwrap();
        assert_eq!(!faults.iter().any(|fault| fault.operation == "sum"), is_right, "{name}: {faults:?}");
        assert_eq!(device_faults(&model, 64).unwrap(), [], "{name}: a run of short sums");
    }
}

#[cfg(feature = "wgpu")]
#[test]
fn an_adapter_that_is_not_there_is_an_error_that_names_those_that_are() {
    if devices().iter().all(|(name, _)| !name.starts_with("wgpu")) {
        return; // said already
    }
    let error = "wgpu:discrete:77".parse::<burn_zoo::DeviceSpec>().unwrap().init().unwrap_err().to_string();
    assert!(error.starts_with("device `wgpu:discrete:77`: no such adapter: there is `wgpu:"), "{error}");
    assert!(error.ends_with("choose another device (`burn-zoo devices`)") && error.lines().count() == 1, "{error}");
    let software = burn_zoo::adapters()
        .into_iter()
        .find(|adapter| adapter.device == "wgpu:software".parse::<burn_zoo::DeviceSpec>().ok());
    assert!(software.unwrap().is_software());
}
