//! One direction of a recurrent layer: its weights, and how it runs over a sequence.

use burn::{
    module::{Module, Param},
    tensor::{Device, Tensor, TensorData},
};

use super::{
    cell::step,
    masks::{Masked, Rates},
    state::DirectionState,
};
use crate::{
    key::Key,
    ops::recurrent::{self, Cell, Sequence, States},
    pass::{Law, Pass},
};

/// The weights of one direction of a recurrent layer. Gates stand side by side, in the order of the cell.
#[derive(Module, Debug)]
pub struct RecurrentDirection {
    /// `[d_input, gates * d_hidden]`
    pub input_weight: Param<Tensor<2>>,
    /// `[d_hidden, gates * d_hidden]`
    pub recurrent_weight: Param<Tensor<2>>,
    /// `[gates * d_hidden]`
    pub input_bias: Param<Tensor<1>>,
    /// `[gates * d_hidden]`; of a GRU's new gate it is multiplied by the reset gate
    pub recurrent_bias: Param<Tensor<1>>,
}

/// The steps of a sequence.
#[allow(clippy::large_enum_variant)] // handles: one a layer, never stored in bulk
pub(super) enum Steps {
    /// `[steps, rows, width]`, for the operation that reads it at once
    Whole(Tensor<3>),
    /// `[rows, width]` of each step, for the plain formulation: a slice of a tensor on a tape costs its whole size
    Each(Vec<Tensor<2>>),
}

/// What a direction runs on, but its weights.
pub(super) struct Run<'a> {
    pub cell: Cell,
    pub rates: &'a Rates,
    /// Of the first step.
    pub first: usize,
    /// `[steps, rows]`
    pub active: Option<&'a Tensor<2>>,
    pub reverse: bool,
}

impl Steps {
    /// `[rows, steps, width]`, by steps.
    pub fn new(x: Tensor<3>, is_plain: bool) -> Self {
        match is_plain {
            false => Self::Whole(x.swap_dims(0, 1)),
            true => Self::Each((0..x.dims()[1]).map(|at| x.clone().narrow(1, at, 1).squeeze_dim(1)).collect()),
        }
    }

    /// `[steps, rows, width]`
    pub fn into_tensor(self) -> Tensor<3> {
        match self {
            Self::Whole(all) => all,
            Self::Each(steps) => Tensor::stack(steps, 0),
        }
    }

    /// Both side by side.
    pub fn beside(self, other: Self) -> Self {
        match (self, other) {
            (Self::Each(a), Self::Each(b)) => {
                Self::Each(a.into_iter().zip(b).map(|(a, b)| Tensor::cat(vec![a, b], 1)).collect())
            }
            (a, b) => Self::Whole(Tensor::cat(vec![a.into_tensor(), b.into_tensor()], 2)),
        }
    }

    /// Steps, rows, width.
    fn dims(&self) -> [usize; 3] {
        match self {
            Self::Whole(all) => all.dims(),
            Self::Each(steps) => {
                let [rows, width] = steps[0].dims();
                [steps.len(), rows, width]
            }
        }
    }

    fn device(&self) -> Device {
        match self {
            Self::Whole(all) => all.device(),
            Self::Each(steps) => steps[0].device(),
        }
    }
}

impl RecurrentDirection {
    pub(super) fn new(cell: Cell, [d_input, d_hidden]: [usize; 2], device: &Device, init_key: Key) -> Self {
        let (wide, bound) = (cell.gates() * d_hidden, 1.0 / (d_hidden as f64).sqrt());
        let draw = |name: &str, n: usize| -> Vec<f32> {
            let values = init_key.fold_str(name).uniform(0, 1, n);
            values.iter().map(|&u| (bound * (2.0 * f64::from(u) - 1.0)) as f32).collect()
        };
        let matrix =
            |name: &str, rows: usize| Param::from_data(TensorData::new(draw(name, rows * wide), [rows, wide]), device);
        let vector = |name: &str| Param::from_data(TensorData::new(draw(name, wide), [wide]), device);
        Self {
            input_weight: matrix("input_weight", d_input),
            recurrent_weight: matrix("recurrent_weight", d_hidden),
            input_bias: vector("input_bias"),
            recurrent_bias: vector("recurrent_bias"),
        }
    }

    /// Numbers of a step of the input.
    pub fn d_input(&self) -> usize {
        self.input_weight.lazy_shape()[0]
    }

    /// Numbers of a state.
    pub fn d_hidden(&self) -> usize {
        self.recurrent_weight.lazy_shape()[0]
    }

    /// The states of all steps, and the last.
    pub(super) fn run(
        &self,
        x: &Steps,
        before: DirectionState,
        run: &Run<'_>,
        pass: &Pass<'_>,
    ) -> (Steps, DirectionState) {
        let ([steps, rows, width], device, rates) = (x.dims(), x.device(), run.rates);
        let masked = |width| Masked { steps, first: run.first, gates: run.cell.gates(), rows, width };
        let of_input = rates.mask(rates.input, masked(width), &pass.at("input_dropout"), &device);
        let of_state = rates.mask(rates.recurrent, masked(self.d_hidden()), &pass.at("recurrent_dropout"), &device);
        let weight = self.recurrent_weight.val().unsqueeze::<3>();
        let [_, d_hidden, wide] = weight.dims();
        let of_weight =
            pass.at("weight_dropout").draw_weights(Law::Bernoulli(rates.weight), [1, d_hidden, wide], &device);
        let weight = match of_weight {
            Some(mask) => weight * (mask * rates.weight.scale()), // [networks, d_hidden, gates * d_hidden]
            None => weight,
        };
        match x {
            Steps::Whole(x) => self.at_once(x.clone(), of_input, of_state, weight, before, run),
            Steps::Each(x) => self.step_by_step(x, of_input, of_state, weight, before, run),
        }
    }

    fn at_once(
        &self,
        x: Tensor<3>,
        of_input: Option<Tensor<4>>,
        of_state: Option<Tensor<4>>,
        weight: Tensor<3>,
        before: DirectionState,
        run: &Run<'_>,
    ) -> (Steps, DirectionState) {
        let ([steps, rows, _], [networks, _, wide]) = (x.dims(), weight.dims());
        let projected = product(masked(x, of_input), self.input_weight.val().unsqueeze(), run.cell);
        let projected = (projected + self.input_bias.val().unsqueeze()).reshape([steps, rows, wide]);
        let cell = before.cell.clone().unwrap_or_else(|| before.hidden.clone().without_autodiff());
        let each = rows / networks;
        let parts = (0..networks).map(|network| {
            let first = network * each;
            let of_rows = |mask: &Tensor<4>| match mask.dims()[2] {
                1 => mask.clone(),
                _ => mask.clone().narrow(2, first, each),
            };
            let sequence = Sequence {
                projected: part(&projected, 1, first, each),
                weight: part(&weight, 0, network, 1).squeeze_dim(0),
                bias: self.recurrent_bias.val(),
                hidden: part(&before.hidden, 0, first, each),
                cell: part(&cell, 0, first, each),
                mask: of_state.as_ref().map(of_rows),
                active: run.active.map(|active| part(active, 1, first, each)),
                reverse: run.reverse,
            };
            recurrent::states(run.cell, &sequence)
        });
        let mut parts: Vec<States> = parts.collect();
        let States { all, hidden, cell } = match parts.len() {
            1 => parts.remove(0),
            _ => States {
                all: Tensor::cat(parts.iter().map(|part| part.all.clone()).collect(), 1),
                hidden: Tensor::cat(parts.iter().map(|part| part.hidden.clone()).collect(), 0),
                cell: Tensor::cat(parts.into_iter().map(|part| part.cell).collect(), 0),
            },
        };
        (Steps::Whole(all), DirectionState { hidden, cell: before.cell.map(|_| cell) })
    }

    /// The plain formulation.
    fn step_by_step(
        &self,
        x: &[Tensor<2>],
        of_input: Option<Tensor<4>>,
        of_state: Option<Tensor<4>>,
        weight: Tensor<3>,
        before: DirectionState,
        run: &Run<'_>,
    ) -> (Steps, DirectionState) {
        let input_weight: Tensor<3> = self.input_weight.val().unsqueeze();
        let (input_bias, recurrent_bias) = (self.input_bias.val().unsqueeze(), self.recurrent_bias.val().unsqueeze());
        let of_step = |mask: &Option<Tensor<4>>, at: usize| {
            mask.as_ref().map(|mask| if mask.dims()[0] == 1 { mask.clone() } else { mask.clone().narrow(0, at, 1) })
        };
        let mut all = x.to_vec(); // each is replaced
        let mut state = before;
        let order = (0..x.len()).map(|step| if run.reverse { x.len() - 1 - step } else { step });
        for at in order {
            let read = masked(x[at].clone().unsqueeze(), of_step(&of_input, at));
            let projected = product(read, input_weight.clone(), run.cell) + input_bias.clone();
            let read = masked(state.hidden.clone().unsqueeze(), of_step(&of_state, at));
            let recurrent = product(read, weight.clone(), run.cell) + recurrent_bias.clone();
            let next = step(run.cell, projected, recurrent, &state);
            state = match run.active {
                None => next,
                Some(active) => state.held(next, active.clone().narrow(0, at, 1).transpose()),
            };
            all[at] = state.hidden.clone();
        }
        (Steps::Each(all), state)
    }
}

impl DirectionState {
    /// The next state of rows that have this step, and this one of the others: `active` is `[rows, 1]`.
    fn held(&self, next: Self, active: Tensor<2>) -> Self {
        let choose = |old: &Tensor<2>, new: Tensor<2>| {
            new * active.clone() + old.clone() * (-active.clone() + 1.0) // exact for 0 and 1
        };
        let cell = self.cell.as_ref().zip(next.cell).map(|(old, new)| choose(old, new));
        Self { hidden: choose(&self.hidden, next.hidden), cell }
    }
}

/// Some of a tensor's entries along an axis; the tensor itself where that is all of them.
fn part<const D: usize>(x: &Tensor<D>, axis: usize, first: usize, n: usize) -> Tensor<D> {
    if n == x.dims()[axis] { x.clone() } else { x.clone().narrow(axis, first, n) }
}

/// What gates read.
///
/// # Shapes
/// - x: `[steps, rows, width]`
/// - mask: `[steps, gates, rows, width]`, each of the first three may be 1
/// - output: `[gates, steps * rows, width]`, with the mask's number of gates
fn masked(x: Tensor<3>, mask: Option<Tensor<4>>) -> Tensor<3> {
    let [steps, rows, width] = x.dims();
    let Some(mask) = mask else { return x.reshape([1, steps * rows, width]) };
    let gates = mask.dims()[1];
    let x = x.unsqueeze_dim::<4>(1) * mask; // [steps, gates, rows, width]
    match gates {
        1 => x.reshape([1, steps * rows, width]),
        _ => x.swap_dims(0, 1).reshape([gates, steps * rows, width]),
    }
}

/// The products of all gates: one, where they read the same.
///
/// # Shapes
/// - x: `[gates, n, width]`, of one gate for all or of each
/// - weight: `[networks, width, gates * d_hidden]`, each network's for its share of the `n`, one after the other
/// - output: `[n, gates * d_hidden]`
fn product(x: Tensor<3>, weight: Tensor<3>, cell: Cell) -> Tensor<2> {
    let ([of_gates, n, width], [networks, _, wide]) = (x.dims(), weight.dims());
    match (of_gates, networks) {
        (1, 1) => x.squeeze_dim::<2>(0).matmul(weight.squeeze_dim(0)),
        (1, _) => x.reshape([networks, n / networks, width]).matmul(weight).reshape([n, wide]),
        _ => {
            let gates = cell.gates();
            let weight = weight.reshape([networks, width, gates, wide / gates]).permute([2, 0, 1, 3]);
            let x: Tensor<4> = x.reshape([gates, networks, n / networks, width]);
            let y = x.matmul(weight).reshape([gates, n, wide / gates]);
            y.swap_dims(0, 1).reshape([n, wide])
        }
    }
}
