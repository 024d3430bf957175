//! Weights of recurrent layers from Burn's own layers and from PyTorch's files, and back; and what is refused.

mod common;

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
};

use burn::{
    module::Module,
    nn::{
        BiGru, BiGruConfig, BiLstm, BiLstmConfig, BiRnn, BiRnnConfig, Gru, GruConfig, Lstm, LstmConfig, Rnn, RnnConfig,
        activation::ActivationConfig,
    },
    store::{ModuleStore, PytorchStore, bridge},
    tensor::{Device, Tensor},
};
use burn_zoo::{
    Error, Key, Pass, Stochastic,
    models::{self, Noise, SequenceInput, Task},
    nn::{BurnLayer, ElmanCell, GruCell, LstmCell, Recurrent, RecurrentCell, RecurrentConfig, RecurrentState},
    outputs::{Outputs, Point},
};
use common::{
    OF_LARGEST, assert_near, assert_within, devices, devices_and_autodiff, golden, gradients, hashed, normal, numbers,
    parameters, rate, tensor, values, with_parameters,
};
use serde_json::{Value, json};
use tempfile::TempDir;

fn network<C: RecurrentCell>(config: &RecurrentConfig, device: &Device) -> Recurrent<C> {
    config.init(device, Key::new(1))
}

fn flex() -> Device {
    devices().swap_remove(0).1
}

fn config(d_input: usize, d_hidden: usize) -> RecurrentConfig {
    RecurrentConfig::new(d_input, d_hidden).with_recurrent_rate(rate(0.3))
}

// PyTorch's files.

fn fixture(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/recurrent").join(file)
}

fn a_file_gives_pytorchs_numbers<C: RecurrentCell>(case: &Value) {
    let size = |name: &str| case[name].as_u64().unwrap() as usize;
    let config = config(size("d_input"), size("d_hidden"))
        .with_layers(size("layers"))
        .with_bidirectional(case["bidirectional"].as_bool().unwrap());
    for (device_name, device) in devices_and_autodiff() {
        let path = fixture(case["file"].as_str().unwrap());
        let network: Recurrent<C> = network(&config, &device);
        let network = network.with_pytorch(path, case["prefix"].as_str().unwrap()).unwrap();
        let shape = [2, 6, size("d_input")];
        let x = tensor(&hashed("input", shape.iter().product()), shape, &device);
        let (out, RecurrentState { hidden, cell, .. }) = network.forward(x, None, &Pass::mean());
        for (name, found) in [("output", Some(out)), ("hidden", Some(hidden)), ("cell", cell)] {
            let what = format!("{}: {name} on {device_name}", case["name"]);
            let probe = &case["results"][name];
            assert_eq!(probe.is_null(), found.is_none(), "{what}");
            let Some(found) = found.map(values) else { continue };
            let (expected, largest) = (numbers(&probe["values"]), probe["largest"].as_f64().unwrap());
            let n = expected.len();
            let at: Vec<f64> = (0..n).map(|j| found[if found.len() > n { j * found.len() / n } else { j }]).collect();
            assert_within(&at, &expected, OF_LARGEST * largest, &what);
        }
    }
}

#[test]
fn pytorchs_files_give_pytorchs_numbers() {
    let golden = golden("recurrent/recurrent.json");
    let files = golden["files"].as_array().unwrap();
    assert_eq!(files.len(), 3);
    a_file_gives_pytorchs_numbers::<LstmCell>(&files[0]);
    a_file_gives_pytorchs_numbers::<ElmanCell>(&files[1]);
    a_file_gives_pytorchs_numbers::<GruCell>(&files[2]);
}

#[test]
fn what_was_read_is_trained_and_dropped_as_what_was_drawn() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let config = config(3, 4).with_bidirectional(true);
        let gru: Recurrent<GruCell> = network(&config, &device);
        let gru = gru.with_pytorch(fixture("gru.safetensors"), "gru.").unwrap();
        let run = |key| gru.forward(normal(2, [2, 6, 3], &device), None, &Pass::network(Key::new(key))).0;
        assert_ne!(values(run(1)), values(run(2)), "{name}: its rates are those of the configuration");
        let (found, _) = gradients(&gru, run(1).sum());
        assert_eq!(found.len(), 8, "{name}: every parameter has a gradient");
    }
}

fn written_weights_are_read_again<C: RecurrentCell>() {
    for (name, device) in devices_and_autodiff() {
        let directory = TempDir::new().unwrap();
        let config = config(3, 4).with_layers(2).with_bidirectional(true);
        let written: Recurrent<C> = network(&config, &device);
        let file = directory.path().join("weights.safetensors");
        written.to_pytorch(&file, "encoder.").unwrap();
        let read: Recurrent<C> = config.init(&device, Key::new(99));
        assert_ne!(parameters(&read), parameters(&written), "{name}");
        let read = read.with_pytorch(&file, "encoder.").unwrap();
        assert_eq!(parameters(&read), parameters(&written), "{name}: to the bit");

        let again = directory.path().join("again.safetensors");
        read.to_pytorch(&again, "encoder.").unwrap();
        assert_eq!(fs::read(&again).unwrap(), fs::read(&file).unwrap(), "{name}: the same bytes");
    }
}

#[test]
fn written_weights_are_read_again_to_the_bit_and_are_the_same_bytes() {
    written_weights_are_read_again::<LstmCell>();
    written_weights_are_read_again::<GruCell>();
    written_weights_are_read_again::<ElmanCell>();
}

#[test]
fn a_written_file_has_pytorchs_names_and_layout() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("weights.safetensors");
    let lstm: Recurrent<LstmCell> = network(&config(2, 3).with_bidirectional(true), &flex());
    lstm.to_pytorch(&file, "lstm.").unwrap();
    let bytes = fs::read(&file).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let mut header: BTreeMap<String, Value> = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    assert_eq!(header.remove("__metadata__"), Some(json!({})), "nothing that differs from run to run");
    let shapes: Vec<(String, Value)> =
        header.iter().map(|(name, facts)| (name.clone(), facts["shape"].clone())).collect();
    let expected = [
        ("lstm.bias_hh_l0", json!([12])),
        ("lstm.bias_hh_l0_reverse", json!([12])),
        ("lstm.bias_ih_l0", json!([12])),
        ("lstm.bias_ih_l0_reverse", json!([12])),
        ("lstm.weight_hh_l0", json!([12, 3])),
        ("lstm.weight_hh_l0_reverse", json!([12, 3])),
        ("lstm.weight_ih_l0", json!([12, 2])),
        ("lstm.weight_ih_l0_reverse", json!([12, 2])),
    ];
    assert_eq!(shapes, expected.map(|(name, shape)| (name.to_string(), shape)));
    // Row by row: the second row is what the second unit of the first gate reads, the second column here.
    let facts = &header["lstm.weight_ih_l0"];
    assert_eq!(facts["dtype"], "F32");
    let start = facts["data_offsets"][0].as_u64().unwrap() as usize + 8 + length;
    let number = |at: usize| f64::from(f32::from_le_bytes(bytes[start + 4 * at..][..4].try_into().unwrap()));
    let ours = values(lstm.layers()[0].forward_direction().input_weight.val());
    assert_eq!([number(2), number(3)], [ours[1], ours[12 + 1]]);
}

// Files that are refused.

/// A file of SafeTensors, written by hand.
struct Tensors(BTreeMap<String, (&'static str, Vec<usize>, Vec<u8>)>);

impl Tensors {
    /// The weights of a network of PyTorch's of one layer from one end.
    fn of_network(gates: usize, d_input: usize, d_hidden: usize) -> Self {
        let wide = gates * d_hidden;
        let tensors =
            Self(BTreeMap::new()).with("weight_ih_l0", &[wide, d_input]).with("weight_hh_l0", &[wide, d_hidden]);
        tensors.with("bias_ih_l0", &[wide]).with("bias_hh_l0", &[wide])
    }

    fn with(self, name: &str, shape: &[usize]) -> Self {
        let floats = hashed(name, shape.iter().product()).into_iter().flat_map(|x| (x as f32).to_le_bytes()).collect();
        self.with_bytes(name, "F32", shape, floats)
    }

    fn with_bytes(mut self, name: &str, dtype: &'static str, shape: &[usize], bytes: Vec<u8>) -> Self {
        self.0.insert(name.to_string(), (dtype, shape.to_vec(), bytes));
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.0.remove(name).unwrap();
        self
    }

    fn prefixed(self, prefix: &str) -> Self {
        Self(self.0.into_iter().map(|(name, tensor)| (format!("{prefix}{name}"), tensor)).collect())
    }

    fn write(&self, path: &Path) {
        let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
        for (name, (dtype, shape, bytes)) in &self.0 {
            let offsets = [data.len(), data.len() + bytes.len()];
            header.insert(name.clone(), json!({"dtype": dtype, "shape": shape, "data_offsets": offsets}));
            data.extend(bytes);
        }
        let header = serde_json::to_vec(&header).unwrap();
        fs::write(path, [&(header.len() as u64).to_le_bytes()[..], &header, &data].concat()).unwrap();
    }
}

/// The one line that says why a file is refused, without its name.
#[track_caller]
fn refusal<C: RecurrentCell>(path: &Path, config: &RecurrentConfig, prefix: &str) -> String {
    let error = network::<C>(config, &flex()).with_pytorch(path, prefix).unwrap_err();
    let is_named = matches!(&error, Error::Model { .. } | Error::Io { .. });
    let text = error.to_string();
    assert!(is_named && !text.contains('\n'), "{text}");
    text.strip_prefix(&format!("{}: ", path.display())).unwrap_or_else(|| panic!("{text}")).to_string()
}

#[test]
fn weights_of_another_network_are_refused_in_one_line() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("weights.safetensors");
    let lstm = || Tensors::of_network(4, 2, 3);
    let said = |tensors: Tensors, config: RecurrentConfig, prefix: &str| {
        tensors.write(&path);
        refusal::<LstmCell>(&path, &config, prefix)
    };
    let one = || config(2, 3);

    // Names.
    assert_eq!(
        said(lstm().without("bias_hh_l0"), one(), ""),
        "no `bias_hh_l0`: expected an LSTM of one layer from one end"
    );
    assert_eq!(
        said(lstm(), one().with_layers(2), ""),
        "no `bias_hh_l1`, `bias_ih_l1`, `weight_hh_l1`, `weight_ih_l1`: expected an LSTM of 2 layers from one end"
    );
    assert_eq!(
        said(lstm(), one().with_layers(3).with_bidirectional(true), ""),
        "no `bias_hh_l0_reverse`, `bias_hh_l1`, `bias_hh_l1_reverse`, `bias_hh_l2`, `bias_hh_l2_reverse`, `bias_ih_l0_reverse` and 14 more: \
         expected an LSTM of 3 layers from both ends"
    );
    assert_eq!(
        said(lstm().with("weight_ih_l0_reverse", &[12, 2]), one(), ""),
        "`weight_ih_l0_reverse` beside what belongs to an LSTM of one layer from one end"
    );
    assert_eq!(
        said(lstm().with("weight_hr_l0", &[2, 3]), one(), ""),
        "`weight_hr_l0` is a projection of states (proj_size), which this network has not"
    );
    // The prefix.
    assert_eq!(
        said(lstm().prefixed("module.lstm."), one(), "lstm."),
        "no `lstm.weight_hh_l0`: expected the prefix `module.lstm.`"
    );
    assert_eq!(
        said(Tensors(BTreeMap::new()).with("fc.weight", &[1, 3]).with("fc.bias", &[1]), one(), "lstm."),
        "no `lstm.weight_hh_l0`: it holds `fc.bias`, `fc.weight`"
    );
    assert_eq!(said(Tensors(BTreeMap::new()), one(), ""), "no `weight_hh_l0`: it holds no tensors");
    // Sizes.
    assert_eq!(said(lstm(), config(2, 5), ""), "`weight_hh_l0` is [12, 3]: states of 3 numbers, expected 5");
    assert_eq!(said(lstm(), config(7, 3), ""), "`weight_ih_l0` is [12, 2]: expected [12, 7]");
    assert_eq!(
        said(lstm().with("weight_ih_l0", &[2, 12]), one(), ""),
        "`weight_ih_l0` is [2, 12]: expected [12, 2], looks transposed"
    );
    assert_eq!(
        said(lstm().with("weight_hh_l0", &[3, 12]), one(), ""),
        "`weight_hh_l0` is [3, 12]: expected [12, 3], looks transposed"
    );
    assert_eq!(said(lstm().with("bias_ih_l0", &[9]), one(), ""), "`bias_ih_l0` is [9]: expected [12]");
    assert_eq!(said(lstm().with("weight_hh_l0", &[36]), one(), ""), "`weight_hh_l0` is [36]: expected [12, 3]");
    // Cells.
    let gru = || Tensors::of_network(3, 2, 3);
    assert_eq!(said(gru(), one(), ""), "`weight_hh_l0` is [9, 3], as a GRU has it: expected [12, 3], of an LSTM");
    lstm().write(&path);
    assert_eq!(
        refusal::<GruCell>(&path, &one(), ""),
        "`weight_hh_l0` is [12, 3], as an LSTM has it: expected [9, 3], of a GRU"
    );
    assert_eq!(
        refusal::<ElmanCell>(&path, &one(), ""),
        "`weight_hh_l0` is [12, 3], as an LSTM has it: expected [3, 3], of a plain RNN"
    );
    // Numbers.
    let bytes = |numbers: [f32; 12]| numbers.into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
    let mut bad = [0.5; 12];
    bad[7] = f32::NAN;
    assert_eq!(
        said(lstm().with_bytes("bias_ih_l0", "F32", &[12], bytes(bad)), one(), ""),
        "`bias_ih_l0` holds NaN: expected finite numbers"
    );
    assert_eq!(
        said(lstm().with_bytes("bias_ih_l0", "I32", &[12], vec![0; 48]), one(), ""),
        "`bias_ih_l0` holds I32: expected floating-point numbers"
    );
}

#[test]
fn what_is_no_file_of_weights_is_refused_in_one_line() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("file.pt");
    let said = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        refusal::<LstmCell>(&path, &config(2, 3), "lstm.")
    };
    assert_eq!(said(b""), "empty");
    assert_eq!(said(b"\n<!DOCTYPE html><html></html>"), "looks like a web page, not weights");
    assert_eq!(said(b"weights"), "neither a file of PyTorch's nor SafeTensors");
    let whole = fs::read(fixture("lstm.pt")).unwrap();
    for length in [3, 100, whole.len() / 2, whole.len() - 1] {
        assert!(said(&whole[..length]).starts_with("damaged, or no file of weights: "), "{length}");
    }
    let whole = fs::read(fixture("gru.safetensors")).unwrap();
    for length in [9, 100, whole.len() - 1] {
        assert!(said(&whole[..length]).starts_with("damaged, or no file of weights: "), "{length}");
    }
    assert!(said(&[&u64::MAX.to_le_bytes()[..], b"{}"].concat()).starts_with("damaged, or no file of weights: "));
    assert!(refusal::<LstmCell>(&directory.path().join("nothing.pt"), &config(2, 3), "").contains("No such file"));
    assert!(refusal::<LstmCell>(directory.path(), &config(2, 3), "").contains("Is a directory"));
}

#[test]
fn nothing_is_overwritten() {
    let directory = TempDir::new().unwrap();
    let lstm: Recurrent<LstmCell> = network(&config(2, 3), &flex());
    let path = directory.path().join("weights.safetensors");
    fs::write(&path, "mine").unwrap();
    let error = lstm.to_pytorch(&path, "").unwrap_err().to_string();
    assert_eq!(error, format!("{}: there is something already: choose a new file", path.display()));
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    let error = lstm.to_pytorch(directory.path().join("no/such/folder"), "").unwrap_err().to_string();
    assert!(error.contains("cannot be written") && !error.contains('\n'), "{error}");
}

#[test]
fn a_file_without_biases_has_biases_of_zero() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("weights.safetensors");
    Tensors::of_network(4, 2, 3).without("bias_ih_l0").without("bias_hh_l0").write(&path);
    let lstm = network::<LstmCell>(&config(2, 3), &flex()).with_pytorch(&path, "").unwrap();
    let found = parameters(&lstm);
    for (path, values) in &found {
        assert_eq!(path.ends_with("bias"), values.iter().all(|value| *value == 0.0), "{path}");
    }
}

// Burn's own layers.

/// A layer of Burn's, and what it gives from no state: all outputs, then the last states.
trait Runs: Module {
    fn run(&self, x: Tensor<3>) -> Vec<f64>;
}

fn joined(tensors: Vec<Tensor<3>>) -> Vec<f64> {
    tensors.into_iter().flat_map(values).collect()
}

impl Runs for Lstm {
    fn run(&self, x: Tensor<3>) -> Vec<f64> {
        let (out, state) = self.forward(x, None);
        joined(vec![out, state.hidden.unsqueeze(), state.cell.unsqueeze()])
    }
}

impl Runs for BiLstm {
    fn run(&self, x: Tensor<3>) -> Vec<f64> {
        let (out, state) = self.forward(x, None);
        joined(vec![out, state.hidden, state.cell])
    }
}

impl Runs for Gru {
    fn run(&self, x: Tensor<3>) -> Vec<f64> {
        let out = self.forward(x, None);
        let last = out.clone().narrow(1, out.dims()[1] - 1, 1);
        joined(vec![out, last])
    }
}

impl Runs for BiGru {
    fn run(&self, x: Tensor<3>) -> Vec<f64> {
        let (out, state) = self.forward(x, None);
        joined(vec![out, state])
    }
}

impl Runs for Rnn {
    fn run(&self, x: Tensor<3>) -> Vec<f64> {
        let (out, state) = self.forward(x, None);
        joined(vec![out, state.hidden.unsqueeze()])
    }
}

impl Runs for BiRnn {
    fn run(&self, x: Tensor<3>) -> Vec<f64> {
        let (out, state) = self.forward(x, None);
        joined(vec![out, state.hidden])
    }
}

const INPUTS: usize = 3;
const HIDDEN: usize = 5;

/// With numbers that depend on the path alone.
fn filled<M: Module>(module: M) -> M {
    let of = |(path, old): (&String, &Vec<f64>)| {
        (path.clone(), hashed(path, old.len()).into_iter().map(|x| x / 2.0).collect())
    };
    let filled = parameters(&module).iter().map(of).collect();
    with_parameters(module, &filled)
}

fn a_layer_of_burns_is_the_same_network<C: RecurrentCell, L: BurnLayer<C> + Runs>(
    what: &str,
    bidirectional: bool,
    init: impl Fn(&Device) -> L,
) {
    for (name, device) in devices() {
        let theirs = filled(init(&device));
        let config = config(INPUTS, HIDDEN).with_bidirectional(bidirectional);
        let ours: Recurrent<C> = network(&config, &device).with_burn(std::slice::from_ref(&theirs)).unwrap();
        let x = normal(2, [4, 7, INPUTS], &device);
        let (out, state) = ours.forward(x.clone(), None, &Pass::mean());
        let found = joined([Some(out), Some(state.hidden), state.cell].into_iter().flatten().collect());
        assert_near(&found, &theirs.run(x), OF_LARGEST, &format!("{what} on {name}"));
        let [back]: [L; 1] = ours.to_burn().unwrap().try_into().unwrap_or_else(|_| panic!("one layer"));
        // Biases that were not there are zeros now.
        let of = |theirs: &L| {
            let all = parameters(theirs).into_iter();
            all.filter(|(_, values)| values.iter().any(|x| *x != 0.0)).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(of(&back), of(&theirs), "{what} on {name}: and back, to the bit");
    }
}

#[test]
fn a_layer_of_burns_gives_the_same_numbers_here_and_comes_back_to_the_bit() {
    for bias in [true, false] {
        let of = |kind: &str| format!("{kind}, bias {bias}");
        let lstm = |device: &Device| LstmConfig::new(INPUTS, HIDDEN, bias).init(device);
        a_layer_of_burns_is_the_same_network::<LstmCell, _>(&of("Lstm"), false, lstm);
        let lstm = |device: &Device| BiLstmConfig::new(INPUTS, HIDDEN, bias).init(device);
        a_layer_of_burns_is_the_same_network::<LstmCell, _>(&of("BiLstm"), true, lstm);
        let gru = |device: &Device| GruConfig::new(INPUTS, HIDDEN, bias).init(device);
        a_layer_of_burns_is_the_same_network::<GruCell, _>(&of("Gru"), false, gru);
        let gru = |device: &Device| BiGruConfig::new(INPUTS, HIDDEN, bias).init(device);
        a_layer_of_burns_is_the_same_network::<GruCell, _>(&of("BiGru"), true, gru);
        let rnn = |device: &Device| RnnConfig::new(INPUTS, HIDDEN, bias).init(device);
        a_layer_of_burns_is_the_same_network::<ElmanCell, _>(&of("Rnn"), false, rnn);
        let rnn = |device: &Device| BiRnnConfig::new(INPUTS, HIDDEN, bias).init(device);
        a_layer_of_burns_is_the_same_network::<ElmanCell, _>(&of("BiRnn"), true, rnn);
    }
}

#[test]
fn a_stack_of_burns_layers_is_one_network() {
    for (name, device) in devices() {
        let layers = [INPUTS, 2 * HIDDEN].map(|inputs| filled(BiLstmConfig::new(inputs, HIDDEN, true).init(&device)));
        let config = config(INPUTS, HIDDEN).with_bidirectional(true).with_layers(2);
        let ours: Recurrent<LstmCell> = network(&config, &device).with_burn(&layers).unwrap();
        let x = normal(2, [4, 7, INPUTS], &device);
        let expected = layers.iter().fold(x.clone(), |x, layer| layer.forward(x, None).0);
        assert_near(&values(ours.forward(x, None, &Pass::mean()).0), &values(expected), OF_LARGEST, name);
        let back: Vec<BiLstm> = ours.to_burn().unwrap();
        assert_eq!(back.iter().map(parameters).collect::<Vec<_>>(), layers.iter().map(parameters).collect::<Vec<_>>());
    }
}

#[test]
fn burns_layers_that_compute_something_else_are_refused() {
    let device = flex();
    let lstm = |config: LstmConfig| {
        let theirs = config.init(&device);
        network::<LstmCell>(&self::config(INPUTS, HIDDEN), &device).with_burn(&[theirs]).unwrap_err().to_string()
    };
    let plain = || LstmConfig::new(INPUTS, HIDDEN, true);
    assert_eq!(lstm(plain().with_clip(Some(3.0))), "`clip` is 3: expected none: states are not clipped here");
    assert_eq!(
        lstm(plain().with_input_forget(true)),
        "`input_forget` is true: expected false: a forget gate of its own"
    );
    assert!(lstm(plain().with_reverse(true)).starts_with("`reverse` is true: expected false"));
    assert_eq!(
        lstm(plain().with_gate_activation(ActivationConfig::Tanh)),
        "`gate_activation` is another function: expected the sigmoid"
    );
    assert_eq!(
        lstm(plain().with_cell_activation(ActivationConfig::Relu)),
        "`cell_activation` is another function: expected tanh"
    );
    let theirs = GruConfig::new(INPUTS, HIDDEN, true).with_reset_after(false).init(&device);
    let error = network::<GruCell>(&config(INPUTS, HIDDEN), &device).with_burn(&[theirs]).unwrap_err();
    assert_eq!(error.to_string(), "`reset_after` is false: expected true: the reset gate behind the product");
    // Sizes.
    assert_eq!(
        lstm(LstmConfig::new(INPUTS + 1, HIDDEN, true)),
        "layer 0 of Burn's, rows of `input_transform`: expected 3, found 4"
    );
    assert_eq!(
        lstm(LstmConfig::new(INPUTS, HIDDEN + 1, true)),
        "layer 0 of Burn's, columns of `input_transform`: expected 5, found 6"
    );
    let none: &[Lstm] = &[];
    let error = network::<LstmCell>(&config(INPUTS, HIDDEN), &device).with_burn(none).unwrap_err();
    assert_eq!(error.to_string(), "layers of Burn's: expected 1, found 0");
    let theirs = BiLstmConfig::new(INPUTS, HIDDEN, true).init(&device);
    let error = network::<LstmCell>(&config(INPUTS, HIDDEN), &device).with_burn(&[theirs]).unwrap_err();
    assert_eq!(error.to_string(), "directions of a layer of Burn's: expected 1, found 2");
    let both = network::<LstmCell>(&config(INPUTS, HIDDEN).with_bidirectional(true), &device);
    let error = both.to_burn::<Lstm>().unwrap_err();
    assert_eq!(error.to_string(), "directions of a layer of Burn's: expected 2, found 1");
}

#[test]
fn burns_layers_stay_on_their_device() {
    for (name, device) in devices_and_autodiff() {
        let ours: Recurrent<LstmCell> = network(&config(INPUTS, HIDDEN), &device);
        let back: Vec<Lstm> = ours.to_burn().unwrap();
        assert_eq!(back[0].devices().len(), 1, "{name}");
        assert!(back[0].devices().iter().all(|found| found.is_autodiff() == device.is_autodiff()), "{name}");
        if device.is_autodiff() {
            let (out, _) = back[0].forward(normal(2, [2, 3, INPUTS], &device), None);
            assert_eq!(gradients(&back[0], out.sum()).0.len(), 16, "{name}: they can be trained");
        }
    }
}

// The field case D10.

/// A file of the field case D10 beside `$BURN_ZOO_DATA`; none, with a note, if the variable is not set.
fn d10(file: &str) -> Option<PathBuf> {
    let Some(data) = env::var_os("BURN_ZOO_DATA") else {
        eprintln!("skipped: BURN_ZOO_DATA is not set");
        return None;
    };
    let path = PathBuf::from(data).join("../field/D10").join(file);
    assert!(path.exists(), "{}: not there, and BURN_ZOO_DATA is set", path.display());
    Some(path)
}

#[test]
fn d10_a_bidirectional_lstm_has_its_numbers() {
    let Some(path) = d10("bilstm.pt") else { return };
    #[rustfmt::skip]
    let outputs = [
        -0.081652, -0.122758, 0.053787, 0.164277, -0.177893, -0.205909,
        -0.150394, -0.231650, 0.099309, 0.093955, -0.203304, -0.127991,
        -0.288416, -0.130682, 0.002330, -0.002516, -0.274542, -0.063678,
        -0.370395, -0.070672, 0.056662, -0.090499, -0.177861, -0.036940,
    ];
    let cells = [-0.728229, -0.106099, 0.122742, 0.439241, -0.274471, -0.560798];
    for (name, device) in devices() {
        let config = RecurrentConfig::new(2, 3).with_bidirectional(true);
        let lstm: Recurrent<LstmCell> = network(&config, &device).with_pytorch(&path, "lstm.").unwrap();
        let x = [1.0, 0.0, 0.5, -0.5, 0.0, 1.0, -1.0, 0.25];
        let (out, state) = lstm.forward(tensor(&x, [1, 4, 2], &device), None, &Pass::mean());
        assert_within(&values(out), &outputs, 1e-6, &format!("outputs on {name}"));
        assert_within(&values(state.cell.unwrap()), &cells, 1e-6, &format!("cells on {name}"));

        // A head takes the two final states: at the last step forwards, and at the first in reverse.
        let task = Task::Regression { targets: 1, noise: Noise::None };
        let input = SequenceInput::Numbers { features: 2, known: 0 };
        let model =
            models::LstmConfig::new(input, task).with_hidden(3).with_bidirectional(true).init(&device, Key::new(0));
        let mut all: BTreeMap<String, Vec<f64>> =
            parameters(&lstm).into_iter().map(|(name, values)| (format!("lstm.{name}"), values)).collect();
        let mut store = PytorchStore::from_file(&path);
        for name in ["weight", "bias"] {
            let fc = store.get_tensor(&format!("fc.{name}")).unwrap().unwrap();
            all.insert(format!("output.{name}"), bridge::to_data(fc).unwrap().iter::<f64>().collect());
        }
        let Outputs::Point(Point(found)) = with_parameters(model, &all).run(tensor(&x, [1, 8], &device), &Pass::mean())
        else {
            panic!("a regression");
        };
        assert_within(&values(found), &[0.051087], 1e-6, &format!("the head on {name}"));
    }
}

#[test]
fn d10_a_prefix_left_out_is_named_and_other_networks_are_refused() {
    let Some(path) = d10("bilstm.pt") else { return };
    let both = config(2, 3).with_bidirectional(true);
    assert_eq!(refusal::<LstmCell>(&path, &both, ""), "no `weight_hh_l0`: expected the prefix `lstm.`");
    assert_eq!(
        refusal::<GruCell>(&path, &both, "lstm."),
        "`lstm.weight_hh_l0` is [12, 3], as an LSTM has it: expected [9, 3], of a GRU"
    );
    let one = refusal::<LstmCell>(&path, &config(2, 3), "lstm.");
    assert!(
        one.contains("`lstm.weight_ih_l0_reverse` beside what belongs to an LSTM of one layer from one end"),
        "{one}"
    );
    let folder = path.parent().unwrap();
    for (file, says) in [
        ("page.pt", "looks like a web page"),
        ("truncated.pt", "damaged"),
        ("header-2e60.safetensors", "damaged"),
        ("header-past-end.safetensors", "damaged"),
        ("overlap.safetensors", "damaged"),
        ("zero-bytes.safetensors", "empty"),
        ("mlp.pt", "no `lstm.weight_hh_l0`: it holds `fc1.bias`, `fc1.weight`"),
        ("checkpoint.pth.tar", "it holds `optimizer."),
    ] {
        let said = refusal::<LstmCell>(&folder.join(file), &both, "lstm.");
        println!("{file}: {said}");
        assert!(said.starts_with(says) || said.contains(says), "{file}: {said}");
    }
}
