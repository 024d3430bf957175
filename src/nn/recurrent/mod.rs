//! Recurrent layers with variational dropout: Gal & Ghahramani, "A theoretically grounded application of dropout in recurrent neural networks",
//! NIPS 2016, <https://arxiv.org/abs/1512.05287>. Weight-drop: Merity, Keskar & Socher, "Regularizing and optimizing LSTM language models", ICLR
//! 2018, <https://arxiv.org/abs/1708.02182>. We scale what is kept in training (inverted dropout), and mask a layer's output once: by the input mask
//! of the layer above it, or by the output mask behind the last layer, where the paper's equations would do both.

mod cell;
mod direction;
mod masks;
mod state;
mod weights;

pub use cell::{ElmanCell, GruCell, LstmCell, RecurrentCell};
pub use direction::RecurrentDirection;
pub use masks::{GateMasks, MaskTime};
pub use state::RecurrentState;
pub use weights::BurnLayer;

use std::marker::PhantomData;

use burn::{
    config::Config,
    module::Module,
    tensor::{Device, Tensor, TensorData, assert_shape},
};

use direction::{Run, Steps};
use masks::{Masked, Rates};

use crate::{
    key::Key,
    ops::recurrent::{self, Cell},
    pass::Pass,
    rate::Rate,
};

/// An LSTM with variational dropout (Hochreiter & Schmidhuber 1997, with forget gates): see [`Recurrent`].
pub type VariationalLstm = Recurrent<LstmCell>;
/// A GRU with variational dropout (Cho et al. 2014, with the reset gate behind the product, as PyTorch and cuDNN have it): see [`Recurrent`].
pub type VariationalGru = Recurrent<GruCell>;
/// A plain recurrent network with tanh (Elman 1990) with variational dropout: see [`Recurrent`].
pub type VariationalRnn = Recurrent<ElmanCell>;

/// Configuration of [`VariationalLstm`], [`VariationalGru`] and [`VariationalRnn`].
///
/// # Rates
/// For language, Gal & Ghahramani drop 0.2 to 0.5 of inputs and outputs and 0.2 to 0.3 of states; smaller networks and series take less. Choose by
/// the validation log-likelihood.
#[derive(Config, Debug, PartialEq)]
pub struct RecurrentConfig {
    /// Numbers of a step of the input.
    pub d_input: usize,
    /// Numbers of a state.
    pub d_hidden: usize,
    /// The number of layers, each of which reads the states of the one below.
    #[config(default = 1)]
    pub layers: usize,
    /// Whether each layer reads the sequence from both ends.
    #[config(default = false)]
    pub bidirectional: bool,
    /// The rate on what each layer reads of the layer below, or of the input.
    #[config(default = "Rate::ZERO")]
    pub input_rate: Rate,
    /// The rate on the state that each step reads.
    #[config(default = "Rate::ZERO")]
    pub recurrent_rate: Rate,
    /// The rate on what leaves the last layer.
    #[config(default = "Rate::ZERO")]
    pub output_rate: Rate,
    /// The rate on the matrices that the states are multiplied with, entry by entry (weight-drop).
    #[config(default = "Rate::ZERO")]
    pub weight_rate: Rate,
    /// Whether the gates of a cell share their masks.
    #[config(default = "GateMasks::Tied")]
    pub gate_masks: GateMasks,
    /// Whether the steps of a sequence share their masks.
    #[config(default = "MaskTime::Sequence")]
    pub mask_time: MaskTime,
}

/// A stack of recurrent layers, each of which has one mask for what it reads and one for its states.
///
/// ```text
/// x = z_x * input,   h = z_h * h_{t-1};                          masks are drawn once, before the first step, and are the same at all steps
/// LSTM   i, f, o = sigmoid(W x + U h + b),   g = tanh(W x + U h + b);       c_t = f c_{t-1} + i g;   h_t = o tanh(c_t)
/// GRU    r, z = sigmoid(W x + U h + b),      n = tanh(W x + b + r (U h + b'));   h_t = (1 - z) n + z h_{t-1}, where the last is not masked
/// Elman  h_t = tanh(W x + U h + b)
/// output = z_o * h_t of the last layer
/// ```
/// Kept entries are divided by the probability of keeping them. A cell state is never masked. Each layer and each direction draws at sites of its own:
/// `layers.0.forward.input_dropout`, `layers.0.forward.recurrent_dropout`, `layers.0.forward.weight_dropout`, `layers.0.reverse...`, `output_dropout`.
/// [`Pass::train`] draws for each row, [`Pass::network`] once for all rows: a sampled network is then a function of the sequence.
///
/// A sequence that comes in windows is run by handing the state on. With the same pass in each window the masks are those of one long sequence; in
/// training, each window has a key of its own, and the state is [detached](RecurrentState::detach) (truncated back-propagation).
///
/// # Examples
/// ```
/// use burn_zoo::{Key, Pass, Rate, nn::{RecurrentConfig, VariationalLstm}};
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
///
/// let device = Device::flex();
/// let config = RecurrentConfig::new(8, 32).with_recurrent_rate(Rate::new(0.3)?).with_input_rate(Rate::new(0.2)?);
/// let lstm: VariationalLstm = config.init(&device, Key::new(0).fold_str("init"));
/// let x = Tensor::<3>::ones([4, 20, 8], &device); // rows, steps, numbers
/// let (states, last) = lstm.forward(x, None, &Pass::network(Key::new(7)).at("lstm"));
/// assert_eq!((states.dims(), last.hidden.dims()), ([4, 20, 32], [1, 4, 32]));
/// # }
/// # Ok::<(), burn_zoo::Error>(())
/// ```
#[derive(Module, Debug)]
pub struct Recurrent<C: RecurrentCell> {
    layers: Vec<RecurrentLayer>,
    #[module(skip)]
    rates: Rates,
    #[module(skip)]
    is_plain: bool,
    #[module(skip)]
    cell: PhantomData<C>,
}

/// A layer of [`Recurrent`].
#[derive(Module, Debug)]
pub struct RecurrentLayer {
    forward: RecurrentDirection,
    reverse: Option<RecurrentDirection>,
}

impl RecurrentConfig {
    /// Weights and biases ~ U(-1 / sqrt(d_hidden), 1 / sqrt(d_hidden)), as PyTorch has it, from `init_key` by parameter path.
    ///
    /// # Panics
    /// For a size of zero, and for no layers.
    pub fn init<C: RecurrentCell>(&self, device: &Device, init_key: Key) -> Recurrent<C> {
        assert!(self.d_input > 0 && self.d_hidden > 0 && self.layers > 0, "a recurrent network of nothing: {self:?}");
        let key = init_key.fold_str("layers");
        let layers = (0..self.layers).map(|layer| {
            let key = key.fold_str(&layer.to_string());
            let d_input = if layer == 0 { self.d_input } else { self.d_output() };
            let direction =
                |name: &str| RecurrentDirection::new(C::CELL, [d_input, self.d_hidden], device, key.fold_str(name));
            let reverse = self.bidirectional.then(|| direction("reverse"));
            RecurrentLayer { forward: direction("forward"), reverse }
        });
        let rates = Rates {
            input: self.input_rate,
            recurrent: self.recurrent_rate,
            output: self.output_rate,
            weight: self.weight_rate,
            gates: self.gate_masks,
            time: self.mask_time,
        };
        Recurrent { layers: layers.collect(), rates, is_plain: false, cell: PhantomData }
    }

    /// Numbers of a step of the output: `d_hidden`, twice that of a bidirectional network.
    pub fn d_output(&self) -> usize {
        if self.bidirectional { 2 * self.d_hidden } else { self.d_hidden }
    }

    /// The number of parameters of a network of this cell.
    pub fn parameters<C: RecurrentCell>(&self) -> Option<usize> {
        let directions = if self.bidirectional { 2 } else { 1 };
        (0..self.layers).try_fold(0_usize, |sum, layer| {
            let d_input = if layer == 0 { self.d_input } else { self.d_hidden.checked_mul(directions)? };
            let wide = C::CELL.gates().checked_mul(self.d_hidden)?;
            let rows = d_input.checked_add(self.d_hidden)?.checked_add(2)?;
            sum.checked_add(wide.checked_mul(rows)?.checked_mul(directions)?)
        })
    }
}

impl<C: RecurrentCell> Recurrent<C> {
    /// Runs over a sequence, from the state that the last one left, or from zeros.
    ///
    /// # Shapes
    /// - input: `[rows, steps, d_input]`
    /// - output: `[rows, steps, d_output]`, and the state behind the last step
    ///
    /// # Panics
    /// For a sequence without steps, or of another width; for a state of another network.
    pub fn forward(&self, x: Tensor<3>, state: Option<RecurrentState>, pass: &Pass<'_>) -> (Tensor<3>, RecurrentState) {
        self.run(x, None, state, pass)
    }

    /// The same of rows of several lengths, whose steps behind their end are filled with anything finite: such a row gives what it gives alone, and zeros
    /// behind its end. Its state is that behind its own last step, also of the direction that begins there.
    ///
    /// # Shapes
    /// As [`forward`](Self::forward).
    ///
    /// # Panics
    /// As [`forward`](Self::forward); if there is not one length for each row, and for a length beyond the steps.
    pub fn forward_padded(
        &self,
        x: Tensor<3>,
        lengths: &[usize],
        state: Option<RecurrentState>,
        pass: &Pass<'_>,
    ) -> (Tensor<3>, RecurrentState) {
        let [rows, steps, _] = x.dims();
        assert_eq!(lengths.len(), rows, "lengths of {rows} rows");
        assert!(lengths.iter().all(|&length| length <= steps), "lengths {lengths:?} of {steps} steps");
        let active = lengths.iter().flat_map(|&length| (0..steps).map(move |t| f32::from(u8::from(t < length))));
        let active = TensorData::new(active.collect::<Vec<f32>>(), [rows, steps]);
        let active = Tensor::from_data(active, (&x.device().inner(), x.dtype()));
        self.run(x, Some(active), state, pass)
    }

    /// `active` is 1 where a row has a step, else 0: `[rows, steps]`.
    pub(crate) fn run(
        &self,
        x: Tensor<3>,
        active: Option<Tensor<2>>,
        state: Option<RecurrentState>,
        pass: &Pass<'_>,
    ) -> (Tensor<3>, RecurrentState) {
        let ([rows, steps, _], device, dtype) = (x.dims(), x.device(), x.dtype());
        assert!(steps > 0, "a sequence without steps");
        assert_shape!(x, [_, _, self.d_input()]);
        pass.assert_rows(rows);
        let directions = self.layers.len() * self.directions();
        let shape = [directions, rows, self.d_hidden()];
        let before = state.unwrap_or_else(|| RecurrentState::zeros::<C>(shape, (&device.clone().inner(), dtype)));
        before.assert_fits::<C>(shape);
        let active = active.map(|active| active.transpose()); // [steps, rows]
        let is_plain = self.is_plain || !recurrent::runs(&x);
        let mut states = Steps::new(x, is_plain);
        let (mut hidden, mut cells) = (Vec::with_capacity(directions), Vec::with_capacity(directions));
        for (number, layer) in self.layers.iter().enumerate() {
            let (at, layers) = (number * self.directions(), pass.at("layers"));
            let pass = layers.at(number);
            let mut run = |direction: &RecurrentDirection, name: &str, at: usize, reverse: bool| {
                let run =
                    Run { cell: C::CELL, rates: &self.rates, first: before.step, active: active.as_ref(), reverse };
                let (all, last) = direction.run(&states, before.of_direction(at), &run, &pass.at(name));
                hidden.push(last.hidden);
                cells.extend(last.cell);
                all
            };
            let forward = run(&layer.forward, "forward", at, false);
            states = match &layer.reverse {
                None => forward,
                Some(reverse) => forward.beside(run(reverse, "reverse", at + 1, true)),
            };
        }
        let cell = if C::CELL == Cell::Lstm { Some(Tensor::stack(cells, 0)) } else { None };
        let after = RecurrentState { hidden: Tensor::stack(hidden, 0), cell, step: before.step + steps };
        let mut out = states.into_tensor(); // [steps, rows, d_output]
        let masked = Masked { steps, first: before.step, gates: 1, rows, width: out.dims()[2] };
        if let Some(mask) = self.rates.mask(self.rates.output, masked, &pass.at("output_dropout"), &device) {
            out = out * mask.squeeze_dim(1);
        }
        if let Some(active) = active {
            out = out * active.unsqueeze_dim(2);
        }
        (out.swap_dims(0, 1), after)
    }

    /// The same network, in the plain formulation of Burn's own operations: the reference of what runs otherwise on a CPU, as one operation.
    pub fn in_plain_formulation(self) -> Self {
        Self { is_plain: true, ..self }
    }

    /// Numbers of a step of the input.
    pub fn d_input(&self) -> usize {
        self.layers[0].forward.d_input()
    }

    /// Numbers of a state.
    pub fn d_hidden(&self) -> usize {
        self.layers[0].forward.d_hidden()
    }

    /// Numbers of a step of the output.
    pub fn d_output(&self) -> usize {
        self.d_hidden() * self.directions()
    }

    /// The layers, from the one that reads the input.
    pub fn layers(&self) -> &[RecurrentLayer] {
        &self.layers
    }

    fn directions(&self) -> usize {
        if self.layers[0].reverse.is_some() { 2 } else { 1 }
    }
}

impl RecurrentLayer {
    /// From the first step.
    pub fn forward_direction(&self) -> &RecurrentDirection {
        &self.forward
    }

    /// From the last step, of a bidirectional network.
    pub fn reverse_direction(&self) -> Option<&RecurrentDirection> {
        self.reverse.as_ref()
    }
}
