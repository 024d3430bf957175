//! The names and the layout of PyTorch's `nn.LSTM`, `nn.GRU` and `nn.RNN`: `weight_ih_l0` and `weight_hh_l0` are `[gates * d_hidden, ...]`, `bias_ih_l0` and
//! `bias_hh_l0` `[gates * d_hidden]`; `_reverse` is appended for the direction from the end. Gates stand in the order of this crate.

use std::{collections::BTreeSet, path::Path};

use burn::{
    store::{ModuleAdapter, ModuleContext, ModuleSnapshot, SafetensorsStore, bridge, burn_pack},
    tensor::{Shape, TensorData},
};

use super::{Place, Values, file::TensorFile, transposed};
use crate::{
    error::{Error, Result},
    nn::recurrent::{Recurrent, RecurrentCell},
    ops::recurrent::Cell,
};

/// The parameters of a direction, as it calls them and as PyTorch does.
const PARAMETERS: [(&str, &str); 4] = [
    ("input_weight", "weight_ih"),
    ("recurrent_weight", "weight_hh"),
    ("input_bias", "bias_ih"),
    ("recurrent_bias", "bias_hh"),
];

/// Names of tensors that a message lists before it counts.
const NAMED: usize = 6;

impl<C: RecurrentCell> Recurrent<C> {
    /// The same network with the weights of PyTorch's `nn.LSTM`, `nn.GRU` or `nn.RNN` (with tanh): a `.pt` or `.pth` file of a state dictionary, or
    /// SafeTensors, whose names begin with `prefix`, such as `"lstm."`; in a checkpoint, with the keys that lead to them, such as `"state_dict.lstm."`.
    ///
    /// A network without biases (`bias=False`) gets biases of zero. Tensors that do not begin with the prefix belong to other parts of the model. Sizes,
    /// the number of layers and the directions are those of this network, and the file must have the same. What does not stand in a file cannot be
    /// checked: that an `nn.RNN` has tanh, not relu; `dropout=` is not read, this network has its own rates.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::Model`] if it is no file of weights or a damaged one, and for weights of another cell, of other
    /// sizes or of more or fewer layers, for a missing name, a transposed matrix, and a number that is not finite.
    ///
    /// # Examples
    /// ```no_run
    /// use burn_zoo::{Key, Rate, nn::{RecurrentConfig, VariationalLstm}};
    /// use burn::tensor::Device;
    ///
    /// let config = RecurrentConfig::new(2, 3).with_bidirectional(true).with_recurrent_rate(Rate::new(0.2)?);
    /// let lstm: VariationalLstm = config.init(&Device::default(), Key::new(0)).with_pytorch("model.pt", "lstm.")?;
    /// # let _ = lstm;
    /// # Ok::<(), burn_zoo::Error>(())
    /// ```
    pub fn with_pytorch(self, path: impl AsRef<Path>, prefix: &str) -> Result<Self> {
        let file = TensorFile::open(path.as_ref())?;
        let has_biases = self.check_file(&file, prefix)?;
        self.with_values(|place, direction| {
            let wide = C::CELL.gates() * direction.d_hidden();
            let matrix = |name: &str, columns: usize| {
                let values = file.values(&place.name(prefix, name))?;
                Ok(transposed(&values, columns))
            };
            let vector = |name: &str| match has_biases {
                true => file.values(&place.name(prefix, name)),
                false => Ok(vec![0.0; wide]),
            };
            Ok(Values {
                input_weight: matrix("weight_ih", direction.d_input())?,
                recurrent_weight: matrix("weight_hh", direction.d_hidden())?,
                input_bias: vector("bias_ih")?,
                recurrent_bias: vector("bias_hh")?,
            })
        })
    }

    /// Writes the weights as SafeTensors by PyTorch's names behind `prefix`, for `load_state_dict` of `nn.LSTM`, `nn.GRU` or `nn.RNN`. The same weights are
    /// the same bytes.
    ///
    /// # Errors
    /// [`Error::Model`] if there is something already, or if the file cannot be written.
    pub fn to_pytorch(&self, path: impl AsRef<Path>, prefix: &str) -> Result<()> {
        let bad = |reason: String| Error::Model { path: path.as_ref().to_path_buf(), reason };
        if path.as_ref().exists() {
            return Err(bad("there is something already: choose a new file".to_string()));
        }
        let names = PyTorchNames { prefix: prefix.to_string() };
        let mut store = SafetensorsStore::from_file(path.as_ref()).clear_metadata().with_to_adapter(names);
        self.save_into(&mut store).map_err(|error| bad(format!("cannot be written: {error}")))
    }

    /// That the file has the weights of this network, and no others behind the prefix; whether it has biases.
    fn check_file(&self, file: &TensorFile, prefix: &str) -> Result<bool> {
        self.check_cell(file, prefix)?;
        let of = |name: &str| -> Vec<String> { self.places().map(|(place, _)| place.name(prefix, name)).collect() };
        let found: BTreeSet<&str> = file.names().filter(|name| name.starts_with(prefix)).collect();
        let biases = ["bias_ih", "bias_hh"].map(of).concat();
        let has_biases = biases.iter().any(|name| found.contains(name.as_str()));
        let weights = ["weight_ih", "weight_hh"].map(of).concat();
        let expected: BTreeSet<&str> =
            weights.iter().chain(biases.iter().filter(|_| has_biases)).map(String::as_str).collect();
        let network = self.in_words();
        if let Some(missing) = listed(expected.difference(&found)) {
            return Err(file.bad(format!("no {missing}: expected {network}")));
        }
        if let Some(extra) = listed(found.difference(&expected)) {
            return Err(file.bad(format!("{extra} beside what belongs to {network}")));
        }
        for (place, direction) in self.places() {
            let wide = C::CELL.gates() * direction.d_hidden();
            let shapes = [vec![wide, direction.d_input()], vec![wide, direction.d_hidden()], vec![wide], vec![wide]];
            for ((_, name), expected) in PARAMETERS.iter().zip(shapes) {
                let name = place.name(prefix, name);
                let Some(found) = file.shape(&name).filter(|found| *found != expected) else { continue };
                let is_transposed = found.iter().rev().eq(&expected) && found.len() == 2;
                let looks = if is_transposed { ", looks transposed" } else { "" };
                return Err(file.bad(format!("`{name}` is {found:?}: expected {expected:?}{looks}")));
            }
        }
        Ok(has_biases)
    }

    /// That there is a recurrent network behind the prefix, of this cell and with states of this size.
    fn check_cell(&self, file: &TensorFile, prefix: &str) -> Result<()> {
        let first = Place { layer: 0, reverse: false };
        let name = first.name(prefix, "weight_hh");
        let Some(shape) = file.shape(&name) else {
            let ends = first.name("", "weight_hh");
            let prefixes: Vec<String> =
                file.names().filter_map(|name| name.strip_suffix(&ends)).map(|prefix| format!("`{prefix}`")).collect();
            let hint = match (prefixes.as_slice(), listed(file.names())) {
                ([], Some(names)) => format!("it holds {names}"),
                ([], None) => "it holds no tensors".to_string(),
                (prefixes, _) => format!("expected the prefix {}", prefixes.join(" or ")),
            };
            return Err(file.bad(format!("no `{name}`: {hint}")));
        };
        let projection = first.name(prefix, "weight_hr");
        if file.shape(&projection).is_some() {
            return Err(
                file.bad(format!("`{projection}` is a projection of states (proj_size), which this network has not"))
            );
        }
        let [wide, hidden] = shape[..] else { return Ok(()) }; // what it should be is said later
        let (cell, d_hidden) = (C::CELL, self.d_hidden());
        let expected = [cell.gates() * d_hidden, d_hidden];
        let found = [Cell::Lstm, Cell::Gru, Cell::Elman].into_iter().find(|cell| cell.gates() * hidden == wide);
        match found {
            Some(found) if found != cell && [hidden, wide] != expected => {
                let reason = format!(
                    "`{name}` is {shape:?}, as {} has it: expected {expected:?}, of {}",
                    kind(found),
                    kind(cell)
                );
                Err(file.bad(reason))
            }
            Some(found) if found == cell && hidden != d_hidden => {
                Err(file.bad(format!("`{name}` is {shape:?}: states of {hidden} numbers, expected {d_hidden}")))
            }
            _ => Ok(()),
        }
    }

    fn in_words(&self) -> String {
        let layers = match self.layers.len() {
            1 => "one layer".to_string(),
            layers => format!("{layers} layers"),
        };
        let ends = if self.directions() == 1 { "one end" } else { "both ends" };
        format!("{} of {layers} from {ends}", kind(C::CELL))
    }
}

fn kind(cell: Cell) -> &'static str {
    match cell {
        Cell::Lstm => "an LSTM",
        Cell::Gru => "a GRU",
        Cell::Elman => "a plain RNN",
    }
}

/// The names, the first of them in full; none of none.
fn listed<'a>(names: impl Iterator<Item = impl AsRef<str> + 'a>) -> Option<String> {
    let names: Vec<String> = names.map(|name| format!("`{}`", name.as_ref())).collect();
    let more = names.len().saturating_sub(NAMED);
    let first = names[..names.len() - more].join(", ");
    match (names.is_empty(), more) {
        (true, _) => None,
        (false, 0) => Some(first),
        (false, more) => Some(format!("{first} and {more} more")),
    }
}

impl Place {
    /// PyTorch's name of a parameter.
    fn name(self, prefix: &str, parameter: &str) -> String {
        let reverse = if self.reverse { "_reverse" } else { "" };
        format!("{prefix}{parameter}_l{}{reverse}", self.layer)
    }

    /// The place and the parameter of a path, such as `layers.0.forward.input_weight`.
    fn of_path(path: &str) -> Option<(Self, &str)> {
        let (layer, rest) = path.strip_prefix("layers.")?.split_once('.')?;
        let (direction, parameter) = rest.split_once('.')?;
        Some((Self { layer: layer.parse().ok()?, reverse: direction == "reverse" }, parameter))
    }
}

/// Tensors as PyTorch has them.
#[derive(Clone)]
struct PyTorchNames {
    prefix: String,
}

impl ModuleAdapter for PyTorchNames {
    fn adapt(&self, mut tensor: burn_pack::Tensor, _: ModuleContext<'_>) -> burn_pack::Tensor {
        let (place, parameter) = Place::of_path(&tensor.name).expect("a parameter of a direction of a layer");
        let (_, theirs) = PARAMETERS.into_iter().find(|(ours, _)| *ours == parameter).expect("one of four");
        let name = place.name(&self.prefix, theirs);
        match tensor.shape[..] {
            [rows, columns] => {
                let (dtype, shape) = (tensor.dtype, Shape::new([columns, rows]));
                bridge::map_data(tensor, name, dtype, shape, move |data| {
                    let dtype = data.dtype();
                    let values: Vec<f64> = data.try_into_vec_as().expect("a weight is a floating-point number");
                    TensorData::new(transposed(&values, columns), [columns, rows]).convert_dtype(dtype)
                })
            }
            _ => {
                tensor.name = name;
                tensor
            }
        }
    }

    fn clone_box(&self) -> Box<dyn ModuleAdapter> {
        Box::new(self.clone())
    }
}
