//! Recurrent layers and `Lstm` against PyTorch: outputs, states and gradients under given masks (`tests/golden/recurrent/generate.py`).

mod common;

use burn::tensor::{Device, Tensor};
use burn_zoo::{
    Key, Law, Pass, Recorder, Replay,
    models::{Lstm, LstmConfig, Noise, SequenceInput, Task},
    nn::{
        ElmanCell, GateMasks, GruCell, LstmCell, MaskTime, Recurrent, RecurrentCell, RecurrentConfig, RecurrentState,
    },
};
use common::{OF_LARGEST, devices, devices_and_autodiff, filled, golden, gradients, hashed, rate, tensor, values};
use serde_json::Value;

/// A hundred steps add up a hundred roundings.
const OF_LARGEST_IN_100_STEPS: f64 = 1e-4;

/// What `generate.py` calls `SCALE`.
const SCALE: f64 = 0.5;

struct Case(Value);

fn cases(of: &str, n: usize) -> Vec<Case> {
    let Value::Array(cases) = golden("recurrent/recurrent.json")[of].take() else { panic!("no cases of {of}") };
    assert_eq!(cases.len(), n, "every case is read");
    cases.into_iter().map(Case).collect()
}

/// The cases of the layers of one cell.
fn layers(cell: &str) -> Vec<Case> {
    cases("layers", 36).into_iter().filter(|case| case.0["config"]["cell"] == cell).collect()
}

fn scaled(name: &str, n: usize) -> Vec<f64> {
    hashed(name, n).into_iter().map(|x| SCALE * x).collect()
}

/// Both formulations, by name; elsewhere than on a CPU they are one.
fn formulations(name: &str) -> &'static [bool] {
    if name.starts_with("wgpu") { &[false] } else { &[false, true] }
}

impl Case {
    fn name(&self) -> &str {
        self.0["name"].as_str().unwrap()
    }

    fn config(&self) -> &Value {
        &self.0["config"]
    }

    fn size(&self, name: &str) -> usize {
        self.config()[name].as_u64().unwrap() as usize
    }

    fn rate(&self, name: &str) -> burn_zoo::Rate {
        rate(self.config()[name].as_f64().unwrap())
    }

    fn gate_masks(&self) -> GateMasks {
        serde_json::from_value(self.config()["gate_masks"].clone()).unwrap()
    }

    fn mask_time(&self) -> MaskTime {
        serde_json::from_value(self.config()["mask_time"].clone()).unwrap()
    }

    fn tolerance(&self) -> f64 {
        if self.0["steps"] == 100 { OF_LARGEST_IN_100_STEPS } else { OF_LARGEST }
    }

    fn network<C: RecurrentCell>(&self, device: &Device, plain: bool) -> Recurrent<C> {
        let config = RecurrentConfig::new(self.size("d_input"), self.size("d_hidden"))
            .with_layers(self.size("layers"))
            .with_bidirectional(self.config()["bidirectional"].as_bool().unwrap())
            .with_input_rate(self.rate("input_rate"))
            .with_recurrent_rate(self.rate("recurrent_rate"))
            .with_output_rate(self.rate("output_rate"))
            .with_weight_rate(self.rate("weight_rate"))
            .with_gate_masks(self.gate_masks())
            .with_mask_time(self.mask_time());
        let network = filled(config.init(device, Key::new(0)), |_| SCALE);
        if plain { network.in_plain_formulation() } else { network }
    }

    /// The input, and the state before it.
    fn inputs<C: RecurrentCell>(&self, network: &Recurrent<C>, device: &Device) -> (Tensor<3>, Option<RecurrentState>) {
        let steps = self.0["steps"].as_u64().unwrap() as usize;
        let tracked = |x: Tensor<3>| if device.is_autodiff() { x.require_grad() } else { x };
        let shape = [ROWS, steps, network.d_input()];
        let x = tracked(tensor(&hashed("input", shape.iter().product()), shape, device));
        let state = self.0["state"].as_bool().unwrap().then(|| {
            let directions = network.layers().len() * (network.d_output() / network.d_hidden());
            let shape = [directions, ROWS, network.d_hidden()];
            let part = |name: &str| tracked(tensor(&scaled(name, shape.iter().product()), shape, device));
            let cell = (self.config()["cell"] == "lstm").then(|| part("cell"));
            RecurrentState { hidden: part("hidden"), cell, step: self.size("first") }
        });
        (x, state)
    }

    fn run<C: RecurrentCell>(
        &self,
        network: &Recurrent<C>,
        (x, state): (Tensor<3>, Option<RecurrentState>),
        pass: &Pass<'_>,
    ) -> (Tensor<3>, RecurrentState) {
        match &self.0["lengths"] {
            Value::Null => network.forward(x, state, pass),
            lengths => {
                let lengths: Vec<usize> = common::numbers(lengths).into_iter().map(|length| length as usize).collect();
                network.forward_padded(x, &lengths, state, pass)
            }
        }
    }

    /// A mask for each site at which `forward` draws, as the case has it.
    fn masks(&self, forward: impl FnOnce(&Pass<'_>)) -> Replay {
        let recorder = Recorder::new();
        forward(&Pass::train(Key::new(0)).recorded(&recorder));
        let drawn = recorder.draws().into_iter().filter(|draw| draw.values.is_some());
        drawn.fold(Replay::new(), |replay, draw| {
            let Law::Bernoulli(rate) = draw.law else { panic!("{draw:?}") };
            let mut shape = draw.shape;
            shape[0] = shape[0].min(self.size("rows_of_masks"));
            let bits = hashed(&draw.site, shape.iter().product());
            let bits = bits.into_iter().map(|x| f32::from(u8::from(x >= 2.0 * rate.get() - 1.0)));
            replay.with(&draw.site, shape.clone(), bits.collect::<Vec<_>>())
        })
    }

    fn pass<'a>(&self, masks: &'a Replay) -> Pass<'a> {
        if self.size("rows_of_masks") == 0 { Pass::mean() } else { Pass::replay(masks) }
    }

    /// The numbers that the file has of a result, and the sum of all.
    #[track_caller]
    fn assert_probe(&self, found: &[f64], probe: &Value, what: &str) {
        let (expected, largest) = (common::numbers(&probe["values"]), probe["largest"].as_f64().unwrap());
        let n = expected.len();
        let at: Vec<f64> = (0..n).map(|j| found[if found.len() > n { j * found.len() / n } else { j }]).collect();
        let what = format!("{}: {what}", self.name());
        common::assert_within(&at, &expected, self.tolerance() * largest, &what);
        let sum: f64 = found.iter().zip(hashed("factors", found.len())).map(|(x, factor)| x * factor).sum();
        let (expected, n) = (probe["sum"].as_f64().unwrap(), found.len() as f64);
        // A sum of n errors, of which each may have either sign.
        assert!(
            (sum - expected).abs() <= self.tolerance() * largest * n.sqrt(),
            "{what}: {sum}, expected {expected} in all"
        );
    }

    /// Of all results, with factors of their own.
    fn loss(&self, results: &Results) -> Tensor<1> {
        let weighted = |name: &str, x: &Tensor<3>| {
            let factors = hashed(&format!("weights of {name}"), x.shape().num_elements());
            (x.clone() * tensor(&factors, x.dims(), &x.device())).sum()
        };
        let mut terms = results.iter().map(|(name, x)| weighted(name, x));
        let first = terms.next().unwrap();
        terms.fold(first, |sum, term| sum + term)
    }
}

const ROWS: usize = 4;

/// By their names in the file.
type Results = Vec<(&'static str, Tensor<3>)>;

fn results((output, state): (Tensor<3>, RecurrentState)) -> Results {
    let hidden = [("output", output), ("hidden", state.hidden)];
    hidden.into_iter().chain(state.cell.map(|cell| ("cell", cell))).collect()
}

fn the_layers_are_pytorchs<C: RecurrentCell>(cell: &str) {
    // The gradients below want the outputs on an autodiff device first: on wgpu that is enough.
    for (device_name, device) in devices_and_autodiff().into_iter().filter(|(name, _)| *name != "wgpu with autodiff") {
        for case in layers(cell) {
            for &plain in formulations(device_name) {
                let network: Recurrent<C> = case.network(&device, plain);
                let (x, state) = case.inputs(&network, &device);
                let masks = case.masks(|pass| drop(case.run(&network, (x.clone(), state.clone()), pass)));
                let found = results(case.run(&network, (x, state), &case.pass(&masks)));
                let expected = case.0["results"].as_object().unwrap();
                assert_eq!(found.len(), expected.len(), "{}", case.name());
                for (name, x) in found {
                    let what = format!("{name} on {device_name}, plain: {plain}");
                    case.assert_probe(&values(x), &expected[name], &what);
                }
            }
        }
    }
}

fn the_gradients_of_layers_are_pytorchs<C: RecurrentCell>(cell: &str) {
    for (device_name, device) in devices() {
        let device = device.autodiff();
        for case in layers(cell) {
            for &plain in formulations(device_name) {
                let network: Recurrent<C> = case.network(&device, plain);
                let (x, state) = case.inputs(&network, &device);
                let masks = case.masks(|pass| drop(case.run(&network, (x.clone(), state.clone()), pass)));
                let found = results(case.run(&network, (x.clone(), state.clone()), &case.pass(&masks)));
                let (of_parameters, all) = gradients(&network, case.loss(&found));
                let expected = case.0["gradients"].as_object().unwrap();
                assert_eq!(of_parameters.len(), expected.len(), "{}: what is trained", case.name());
                let what = |of: &str| format!("gradient of {of} on {device_name}, plain: {plain}");
                for (path, probe) in expected {
                    case.assert_probe(&of_parameters[path], probe, &what(path));
                }
                let state = state.map(|state| [("hidden", Some(state.hidden)), ("cell", state.cell)]);
                let of_state = state.into_iter().flatten().filter_map(|(name, x)| Some((name, x?)));
                let inputs: Results = [("input", x)].into_iter().chain(of_state).collect();
                let expected = case.0["of_inputs"].as_object().unwrap();
                assert_eq!(inputs.len(), expected.len(), "{}: what is read", case.name());
                for (name, x) in inputs {
                    case.assert_probe(&values(x.grad(&all).unwrap()), &expected[name], &what(name));
                }
            }
        }
    }
}

#[test]
fn outputs_and_states_of_an_lstm_are_pytorchs() {
    the_layers_are_pytorchs::<LstmCell>("lstm");
}

#[test]
fn outputs_and_states_of_a_gru_are_pytorchs() {
    the_layers_are_pytorchs::<GruCell>("gru");
}

#[test]
fn outputs_and_states_of_a_plain_recurrent_network_are_pytorchs() {
    the_layers_are_pytorchs::<ElmanCell>("elman");
}

#[test]
fn gradients_of_an_lstm_are_pytorchs() {
    the_gradients_of_layers_are_pytorchs::<LstmCell>("lstm");
}

#[test]
fn gradients_of_a_gru_are_pytorchs() {
    the_gradients_of_layers_are_pytorchs::<GruCell>("gru");
}

#[test]
fn gradients_of_a_plain_recurrent_network_are_pytorchs() {
    the_gradients_of_layers_are_pytorchs::<ElmanCell>("elman");
}

#[test]
fn a_mask_left_out_does_not_hide() {
    // What these tests are worth: each mask of every case changes its output by far more than the tolerance.
    let (_, device) = devices().swap_remove(0);
    let is_masked = |case: &&Case| case.size("rows_of_masks") > 0;
    // Of one step, what a mask drops may be a state of zero, or of a row that has ended.
    let is_seen = |case: &&Case| case.mask_time() == MaskTime::Sequence;
    for case in layers("lstm").iter().filter(is_masked).filter(is_seen) {
        let network: Recurrent<LstmCell> = case.network(&device, false);
        let run = |pass: &Pass<'_>| {
            let (out, state) = case.run(&network, case.inputs(&network, &device), pass);
            values(out).into_iter().chain(values(state.hidden)).collect::<Vec<_>>()
        };
        let masks = case.masks(|pass| drop(run(pass)));
        let recorder = Recorder::new();
        let with = run(&case.pass(&masks).recorded(&recorder));
        for draw in recorder.draws() {
            let Some(mask) = draw.values.filter(|mask| mask.iter::<f32>().any(|kept| kept == 0.0)) else { continue };
            let ones = vec![1.0; mask.num_elements()];
            let without = masks.clone().with(&draw.site, mask.shape().to_vec(), ones);
            let distance = common::distance(&run(&Pass::replay(&without)), &with);
            let least = 100.0 * case.tolerance() * common::largest(&with);
            assert!(distance > least, "{}: without {}: {distance}", case.name(), draw.site);
        }
    }
}

impl Case {
    fn model(&self, device: &Device) -> Lstm {
        let (input, task) = match self.name() {
            "forecast" => (
                SequenceInput::Numbers { features: 2, known: 3 },
                Task::Regression { targets: 2, noise: Noise::Predicted },
            ),
            "classify" => (SequenceInput::Words { vocabulary: 7, embedding: 3 }, Task::MultiClass { classes: 3 }),
            "next word" => (SequenceInput::Words { vocabulary: 6, embedding: 4 }, Task::NextWord { vocabulary: 6 }),
            name => panic!("{name}"),
        };
        let config = LstmConfig::new(input, task)
            .with_hidden(self.size("d_hidden"))
            .with_layers(self.size("layers"))
            .with_bidirectional(self.config()["bidirectional"].as_bool().unwrap())
            .with_word_rate(if self.config()["word_rate"].is_null() { rate(0.0) } else { self.rate("word_rate") })
            .with_input_rate(self.rate("input_rate"))
            .with_recurrent_rate(self.rate("recurrent_rate"))
            .with_output_rate(self.rate("output_rate"))
            .with_weight_rate(self.rate("weight_rate"))
            .with_gate_masks(self.gate_masks())
            .with_mask_time(self.mask_time())
            .with_tied(self.name() == "next word");
        filled(config.init(device, Key::new(0)), |_| SCALE)
    }

    fn rows(&self, device: &Device) -> Tensor<2> {
        match &self.0["input"] {
            Value::Null => tensor(&hashed("input", ROWS * (9 * 2 + 3)), [ROWS, 9 * 2 + 3], device),
            words => {
                let words = common::numbers(words);
                tensor(&words, [ROWS, words.len() / ROWS], device)
            }
        }
    }
}

#[test]
fn outputs_and_gradients_of_the_models_are_pytorchs() {
    for (device_name, device) in devices_and_autodiff() {
        for case in cases("models", 3) {
            for &plain in formulations(device_name) {
                let model = case.model(&device);
                let model = if plain { model.in_plain_formulation() } else { model };
                let x = case.rows(&device);
                let x = if device.is_autodiff() { x.require_grad() } else { x };
                let masks = case.masks(|pass| drop(model.forward(x.clone(), pass)));
                let output = model.forward(x.clone(), &case.pass(&masks));
                let what = |of: &str| format!("{of} on {device_name}, plain: {plain}");
                case.assert_probe(&values(output.clone()), &case.0["results"]["output"], &what("output"));
                if !device.is_autodiff() {
                    continue;
                }
                let (found, all) = gradients(&model, case.loss(&vec![("output", output.unsqueeze_dim(0))]));
                let expected = case.0["gradients"].as_object().unwrap();
                assert_eq!(found.len(), expected.len(), "{}: what is trained", case.name());
                for (path, probe) in expected {
                    case.assert_probe(&found[path], probe, &what(path));
                }
                if let Some(probe) = case.0["of_inputs"].get("input") {
                    case.assert_probe(&values(x.grad(&all).unwrap()), probe, &what("gradient of the input"));
                }
            }
        }
    }
}
