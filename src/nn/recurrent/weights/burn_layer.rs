//! Burn's own recurrent layers, which drop nothing.

use burn::{
    module::Param,
    nn::{
        BiGru, BiGruConfig, BiLstm, BiLstmConfig, BiRnn, BiRnnConfig, GateController, Gru, GruConfig, Linear, Lstm,
        LstmConfig, Rnn, RnnConfig, activation::Activation,
    },
    tensor::{Device, Tensor, TensorData},
};

use super::{Values, values};
use crate::{
    error::{Error, Result},
    nn::recurrent::{ElmanCell, GruCell, LstmCell, Recurrent, RecurrentCell, RecurrentDirection},
};

/// A recurrent layer of Burn's: [`Lstm`], [`Gru`] or [`Rnn`], or, from both ends, [`BiLstm`], [`BiGru`] or [`BiRnn`].
pub trait BurnLayer<C: RecurrentCell>: sealed::Gates {}

mod sealed {
    use super::{Device, GateController, Result};

    /// The sizes of a layer: of a step of its input, and of a state.
    pub struct Sizes {
        pub d_input: usize,
        pub d_hidden: usize,
    }

    /// A layer by its gates.
    pub trait Gates: Sized {
        /// How many there are in this layer.
        const DIRECTIONS: usize;
        /// Of each direction, in the order of the cell.
        fn gates(&self) -> Result<Vec<Vec<&GateController>>>;
        /// The layer with these gates.
        fn new(gates: Vec<Vec<GateController>>, sizes: Sizes, device: &Device) -> Self;
    }
}

impl<C: RecurrentCell> Recurrent<C> {
    /// The same network with the weights of Burn's own layers, one for each of its layers. Biases that they do not have are zero. Their `batch_first` says how they are called, not what they are: this network
    /// always has the rows first.
    ///
    /// # Errors
    /// [`Error::Length`] for another number of layers or directions and for other sizes; [`Error::Config`] for layers that compute something else: a clipped
    /// state, coupled gates, other activations, a reset gate before the product.
    ///
    /// # Examples
    /// ```
    /// use burn_zoo::{Key, Rate, nn::{RecurrentConfig, VariationalLstm}};
    /// # #[cfg(feature = "flex")] {
    /// use burn::{nn::LstmConfig, tensor::Device};
    ///
    /// let device = Device::flex();
    /// let theirs = LstmConfig::new(8, 32, true).init(&device);
    /// let config = RecurrentConfig::new(8, 32).with_recurrent_rate(Rate::new(0.3)?);
    /// let ours: VariationalLstm = config.init(&device, Key::new(0)).with_burn(&[theirs])?;
    /// let back: Vec<burn::nn::Lstm> = ours.to_burn()?;
    /// # assert_eq!(back.len(), 1);
    /// # }
    /// # Ok::<(), burn_zoo::Error>(())
    /// ```
    pub fn with_burn<L: BurnLayer<C>>(self, layers: &[L]) -> Result<Self> {
        let expected = |what: &str, ours: usize, theirs: usize| match ours == theirs {
            true => Ok(()),
            false => Err(Error::length(what, ours, theirs)),
        };
        expected("layers of Burn's", self.layers.len(), layers.len())?;
        expected("directions of a layer of Burn's", self.directions(), L::DIRECTIONS)?;
        let gates = layers.iter().map(L::gates).collect::<Result<Vec<_>>>()?;
        let d_hidden = self.d_hidden();
        for (number, (d_input, directions)) in self.d_inputs().zip(&gates).enumerate() {
            for gate in directions.iter().flatten() {
                for (part, linear, d_input) in [
                    ("input_transform", &gate.input_transform, d_input),
                    ("hidden_transform", &gate.hidden_transform, d_hidden),
                ] {
                    let [rows, columns] = linear.weight.lazy_shape().dims();
                    expected(&format!("layer {number} of Burn's, rows of `{part}`"), d_input, rows)?;
                    expected(&format!("layer {number} of Burn's, columns of `{part}`"), d_hidden, columns)?;
                }
            }
        }
        self.with_values(|place, _| {
            let gates = &gates[place.layer][usize::from(place.reverse)];
            let input = gates.iter().map(|gate| &gate.input_transform);
            let hidden = gates.iter().map(|gate| &gate.hidden_transform);
            let (input_weight, input_bias) = together(input, d_hidden);
            let (recurrent_weight, recurrent_bias) = together(hidden, d_hidden);
            Ok(Values { input_weight, recurrent_weight, input_bias, recurrent_bias })
        })
    }

    /// The weights as Burn's own layers, which drop nothing: on the same device, one for each layer.
    ///
    /// # Errors
    /// [`Error::Length`] if this network is bidirectional and such a layer is not, or the other way round.
    pub fn to_burn<L: BurnLayer<C>>(&self) -> Result<Vec<L>> {
        if L::DIRECTIONS != self.directions() {
            return Err(Error::length("directions of a layer of Burn's", self.directions(), L::DIRECTIONS));
        }
        let layers = self.layers.iter().map(|layer| {
            let (forward, d_hidden) = (&layer.forward, self.d_hidden());
            let device = forward.input_weight.lazy_device();
            let directions = std::iter::once(forward).chain(&layer.reverse);
            let gates = directions.map(|direction| apart(direction, C::CELL.gates(), &device)).collect();
            L::new(gates, sealed::Sizes { d_input: forward.d_input(), d_hidden }, &device)
        });
        Ok(layers.collect())
    }
}

/// The matrices of gates side by side, row by row, and their biases one after the other.
fn together<'a>(gates: impl Iterator<Item = &'a Linear>, d_hidden: usize) -> (Vec<f64>, Vec<f64>) {
    let (mut weights, mut biases) = (Vec::new(), Vec::new());
    for gate in gates {
        weights.push(values(&gate.weight));
        biases.extend(gate.bias.as_ref().map_or_else(|| vec![0.0; d_hidden], values));
    }
    let rows = weights[0].len() / d_hidden;
    let row = |row: usize| weights.iter().flat_map(move |weight| &weight[row * d_hidden..][..d_hidden]).copied();
    ((0..rows).flat_map(row).collect(), biases)
}

/// The gates of a direction, each with matrices of its own.
fn apart(direction: &RecurrentDirection, gates: usize, device: &Device) -> Vec<GateController> {
    let (Values { input_weight, recurrent_weight, input_bias, recurrent_bias }, d_hidden) =
        (direction.values(), direction.d_hidden());
    let linear = |weight: &[f64], bias: &[f64], gate: usize| {
        let columns: Vec<f64> =
            weight.chunks(gates * d_hidden).flat_map(|row| &row[gate * d_hidden..][..d_hidden]).copied().collect();
        let rows = columns.len() / d_hidden;
        let bias = bias[gate * d_hidden..][..d_hidden].to_vec();
        Linear {
            weight: Param::<Tensor<2>>::from_data(TensorData::new(columns, [rows, d_hidden]), device),
            bias: Some(Param::<Tensor<1>>::from_data(TensorData::new(bias, [d_hidden]), device)),
        }
    };
    (0..gates)
        .map(|gate| GateController {
            input_transform: linear(&input_weight, &input_bias, gate),
            hidden_transform: linear(&recurrent_weight, &recurrent_bias, gate),
        })
        .collect()
}

/// That a setting of a layer of Burn's is the one that this crate's layers have.
fn is(setting: &str, holds: bool, value: impl ToString, expected: &str) -> Result<()> {
    if holds { Ok(()) } else { Err(Error::config(setting, value, expected)) }
}

fn without_clip(clip: Option<f64>) -> Result<()> {
    is("clip", clip.is_none(), clip.unwrap_or_default(), "none: states are not clipped here")
}

fn sigmoids(activation: &Activation) -> Result<()> {
    is("gate_activation", matches!(activation, Activation::Sigmoid(_)), "another function", "the sigmoid")
}

fn tanhs(setting: &str, activation: &Activation) -> Result<()> {
    is(setting, matches!(activation, Activation::Tanh(_)), "another function", "tanh")
}

fn forwards(reverse: bool) -> Result<()> {
    is("reverse", !reverse, reverse, "false: only a bidirectional network reads from the end")
}

/// The next gate of those of a direction.
fn next(gates: &mut impl Iterator<Item = GateController>) -> GateController {
    gates.next().expect("as many as the cell has")
}

fn lstm_gates(lstm: &Lstm) -> Result<Vec<&GateController>> {
    without_clip(lstm.clip)?;
    forwards(lstm.reverse)?;
    sigmoids(&lstm.gate_activation)?;
    tanhs("cell_activation", &lstm.cell_activation)?;
    tanhs("hidden_activation", &lstm.hidden_activation)?;
    match &lstm.forget_gate {
        Some(forget) if !lstm.input_forget => Ok(vec![&lstm.input_gate, forget, &lstm.cell_gate, &lstm.output_gate]),
        _ => Err(Error::config("input_forget", true, "false: a forget gate of its own")),
    }
}

fn with_lstm_gates(lstm: Lstm, gates: Vec<GateController>) -> Lstm {
    let mut gates = gates.into_iter();
    let [input_gate, forget_gate, cell_gate, output_gate] = [(); 4].map(|()| next(&mut gates));
    Lstm { input_gate, forget_gate: Some(forget_gate), cell_gate, output_gate, ..lstm }
}

fn gru_gates(gru: &Gru) -> Result<Vec<&GateController>> {
    without_clip(gru.clip)?;
    sigmoids(&gru.gate_activation)?;
    tanhs("hidden_activation", &gru.hidden_activation)?;
    is("reset_after", gru.reset_after, gru.reset_after, "true: the reset gate behind the product")?;
    Ok(vec![&gru.reset_gate, &gru.update_gate, &gru.new_gate])
}

fn with_gru_gates(gru: Gru, gates: Vec<GateController>) -> Gru {
    let mut gates = gates.into_iter();
    let [reset_gate, update_gate, new_gate] = [(); 3].map(|()| next(&mut gates));
    Gru { reset_gate, update_gate, new_gate, ..gru }
}

fn rnn_gates(rnn: &Rnn) -> Result<Vec<&GateController>> {
    without_clip(rnn.clip)?;
    forwards(rnn.reverse)?;
    tanhs("hidden_activation", &rnn.hidden_activation)?;
    Ok(vec![&rnn.gate])
}

fn with_rnn_gates(rnn: Rnn, gates: Vec<GateController>) -> Rnn {
    Rnn { gate: next(&mut gates.into_iter()), ..rnn }
}

macro_rules! one_direction {
    ($($cell:ty: $layer:ident by $config:ident, $gates:ident, $with:ident;)*) => {$(
        impl BurnLayer<$cell> for $layer {}

        impl sealed::Gates for $layer {
            const DIRECTIONS: usize = 1;

            fn gates(&self) -> Result<Vec<Vec<&GateController>>> {
                Ok(vec![$gates(self)?])
            }

            fn new(mut gates: Vec<Vec<GateController>>, sizes: sealed::Sizes, device: &Device) -> Self {
                $with($config::new(sizes.d_input, sizes.d_hidden, true).init(device), gates.remove(0))
            }
        }
    )*};
}
one_direction! {
    LstmCell: Lstm by LstmConfig, lstm_gates, with_lstm_gates;
    GruCell: Gru by GruConfig, gru_gates, with_gru_gates;
    ElmanCell: Rnn by RnnConfig, rnn_gates, with_rnn_gates;
}

macro_rules! two_directions {
    ($($cell:ty: $layer:ident by $config:ident, $gates:ident, $with:ident;)*) => {$(
        impl BurnLayer<$cell> for $layer {}

        impl sealed::Gates for $layer {
            const DIRECTIONS: usize = 2;

            fn gates(&self) -> Result<Vec<Vec<&GateController>>> {
                Ok(vec![$gates(&self.forward)?, $gates(&self.reverse)?])
            }

            fn new(mut gates: Vec<Vec<GateController>>, sizes: sealed::Sizes, device: &Device) -> Self {
                let layer = $config::new(sizes.d_input, sizes.d_hidden, true).init(device);
                let (reverse, forward) = (gates.remove(1), gates.remove(0));
                Self { forward: $with(layer.forward, forward), reverse: $with(layer.reverse, reverse), ..layer }
            }
        }
    )*};
}
two_directions! {
    LstmCell: BiLstm by BiLstmConfig, lstm_gates, with_lstm_gates;
    GruCell: BiGru by BiGruConfig, gru_gates, with_gru_gates;
    ElmanCell: BiRnn by BiRnnConfig, rnn_gates, with_rnn_gates;
}
