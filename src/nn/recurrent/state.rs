//! What a recurrent network remembers.

use burn::tensor::{DType, Device, Tensor, assert_shape};

use super::cell::RecurrentCell;
use crate::ops::recurrent::Cell;

/// What a recurrent network remembers behind a step, to be handed to the next window of the sequence.
#[derive(Clone, Debug)]
pub struct RecurrentState {
    /// The states, of each layer (and of each of its directions, the forward one first): `[layers * directions, rows, d_hidden]`
    pub hidden: Tensor<3>,
    /// The cell states, of an LSTM: as `hidden`
    pub cell: Option<Tensor<3>>,
    /// How many steps were made: what is drawn at each step is drawn by this number.
    pub step: usize,
}

/// The state of one direction of one layer.
pub(super) struct DirectionState {
    /// `[rows, d_hidden]`
    pub hidden: Tensor<2>,
    /// `[rows, d_hidden]`, of an LSTM
    pub cell: Option<Tensor<2>>,
}

impl RecurrentState {
    pub(super) fn zeros<C: RecurrentCell>(shape: [usize; 3], (device, dtype): (&Device, DType)) -> Self {
        let hidden = Tensor::zeros(shape, (device, dtype));
        let cell = (C::CELL == Cell::Lstm).then(|| hidden.clone());
        Self { hidden, cell, step: 0 }
    }

    /// The same state, at which back-propagation ends.
    pub fn detach(self) -> Self {
        let detach = |x: Tensor<3>| if x.is_autodiff() { x.inner().autodiff() } else { x };
        Self { hidden: detach(self.hidden), cell: self.cell.map(detach), ..self }
    }

    /// The same state, where rows of `keep` 0 begin anew: `[rows]` of 0 and 1.
    pub(crate) fn kept(self, keep: Tensor<1>) -> Self {
        let keep: Tensor<3> = keep.unsqueeze_dims(&[0, 2]);
        Self { hidden: self.hidden * keep.clone(), cell: self.cell.map(|cell| cell * keep), ..self }
    }

    pub(super) fn assert_fits<C: RecurrentCell>(&self, [directions, rows, d_hidden]: [usize; 3]) {
        assert_shape!(self.hidden, [directions, rows, d_hidden]);
        assert_eq!(self.cell.is_some(), C::CELL == Cell::Lstm, "the state of another cell");
        if let Some(cell) = &self.cell {
            assert_shape!(cell, [directions, rows, d_hidden]);
        }
    }

    pub(super) fn of_direction(&self, at: usize) -> DirectionState {
        let part = |x: &Tensor<3>| x.clone().narrow(0, at, 1).squeeze_dim::<2>(0);
        DirectionState { hidden: part(&self.hidden), cell: self.cell.as_ref().map(part) }
    }
}
