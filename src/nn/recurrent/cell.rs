//! The cells: what a step makes of the projected input and of the projected state.

use burn::tensor::{
    Tensor,
    activation::{sigmoid, tanh},
};

use super::state::DirectionState;
use crate::ops::recurrent::Cell;

/// What kind of step a [`Recurrent`](super::Recurrent) network makes: [`LstmCell`], [`GruCell`] or [`ElmanCell`].
pub trait RecurrentCell: sealed::Known + Clone + std::fmt::Debug + Send + Sync + 'static {}

mod sealed {
    /// A cell that this crate knows.
    pub trait Known {
        const CELL: crate::ops::recurrent::Cell;
    }
}

macro_rules! cells {
    ($($(#[$doc:meta])* $name:ident = $cell:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl sealed::Known for $name {
            const CELL: Cell = Cell::$cell;
        }

        impl RecurrentCell for $name {}
    )*};
}
cells! {
    /// Long short-term memory: gates input, forget, cell and output, in this order.
    LstmCell = Lstm;
    /// Gated recurrent unit: gates reset, update and new, in this order.
    GruCell = Gru;
    /// One tanh.
    ElmanCell = Elman;
}

/// One step.
///
/// # Shapes
/// - projected, recurrent: `[rows, gates * d_hidden]`, each with its bias
pub(super) fn step(cell: Cell, projected: Tensor<2>, recurrent: Tensor<2>, before: &DirectionState) -> DirectionState {
    let gates = |x: Tensor<2>| x.chunk(cell.gates(), 1).into_iter();
    match cell {
        Cell::Lstm => {
            let mut all = gates(projected + recurrent);
            let mut next = || all.next().expect("a gate");
            let (i, f, g, o) = (sigmoid(next()), sigmoid(next()), tanh(next()), sigmoid(next()));
            let before = before.cell.clone().expect("an LSTM's state has a cell");
            let cell = f * before + i * g;
            DirectionState { hidden: o * tanh(cell.clone()), cell: Some(cell) }
        }
        Cell::Gru => {
            let (mut p, mut r) = (gates(projected), gates(recurrent));
            let mut next = || (p.next().expect("a gate"), r.next().expect("a gate"));
            let ((reset_p, reset_r), (z_p, z_r), (new_p, new_r)) = (next(), next(), next());
            let (reset, z) = (sigmoid(reset_p + reset_r), sigmoid(z_p + z_r));
            let new = tanh(new_p + reset * new_r);
            let hidden = (-z.clone() + 1.0) * new + z * before.hidden.clone();
            DirectionState { hidden, cell: None }
        }
        Cell::Elman => DirectionState { hidden: tanh(projected + recurrent), cell: None },
    }
}
