//! A recurrent layer over a whole sequence, as one operation.
//!
//! A tape of Burn's own operations pays for each step's slice of the projected inputs with a gradient of the whole sequence's size. Here the sequence
//! is one node: its gradient is written by hand, and the products that need no order are made once, over all steps.

#[cfg(any(feature = "ndarray", feature = "flex"))]
mod host;
#[cfg(any(feature = "ndarray", feature = "flex"))]
mod kernel;
#[cfg(any(feature = "ndarray", feature = "flex"))]
mod math;

use burn::tensor::{DType, Device, Tensor};

/// The cell of a recurrent layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Gates in the order input, forget, cell, output.
    Lstm,
    /// Gates in the order reset, update, new.
    Gru,
    /// One tanh.
    Elman,
}

impl Cell {
    /// How many gates it has.
    pub const fn gates(self) -> usize {
        match self {
            Self::Lstm => 4,
            Self::Gru => 3,
            Self::Elman => 1,
        }
    }
}

/// What a recurrence reads.
#[derive(Clone, Debug)]
#[cfg_attr(not(any(feature = "ndarray", feature = "flex")), allow(dead_code))] // told by the panic alone
pub(crate) struct Sequence {
    /// The inputs, projected and with their bias: `[steps, rows, gates * hidden]`
    pub projected: Tensor<3>,
    /// `[hidden, gates * hidden]`
    pub weight: Tensor<2>,
    /// `[gates * hidden]`
    pub bias: Tensor<1>,
    /// `[rows, hidden]`
    pub hidden: Tensor<2>,
    /// `[rows, hidden]`; read by an LSTM alone
    pub cell: Tensor<2>,
    /// Of the states that are read, scaled: `[steps, gates, rows, hidden]`, each of the first three 1 where it is the same for all
    pub mask: Option<Tensor<4>>,
    /// 1 where a row has that step, else 0, which holds the state: `[steps, rows]`
    pub active: Option<Tensor<2>>,
    /// Whether the last step comes first.
    pub reverse: bool,
}

/// What a recurrence gives.
#[derive(Clone, Debug)]
pub(crate) struct States {
    /// `[steps, rows, hidden]`
    pub all: Tensor<3>,
    /// Behind the step that is made last: `[rows, hidden]`
    pub hidden: Tensor<2>,
    /// The same of an LSTM's cell: `[rows, hidden]`
    pub cell: Tensor<2>,
}

/// Whether the operation runs where `x` lies: on a CPU, by a backend that this crate's own features compile in, in f32. Elsewhere the plain formulation
/// must.
pub(crate) fn runs(x: &Tensor<3>) -> bool {
    x.dtype() == DType::F32 && is_host(&x.device())
}

fn is_host(device: &Device) -> bool {
    #[cfg(any(feature = "ndarray", feature = "flex"))]
    use burn::backend::DispatchDevice;
    match device.clone().inner().as_dispatch() {
        #[cfg(feature = "flex")]
        DispatchDevice::Flex(_) => true,
        #[cfg(feature = "ndarray")]
        DispatchDevice::NdArray(_) => true,
        #[allow(unreachable_patterns)] // reachable where there are other backends
        _ => false,
    }
}

/// The states of a recurrence, as one operation.
///
/// # Panics
/// Where it does not [run](runs).
pub(crate) fn states(cell: Cell, sequence: &Sequence) -> States {
    #[cfg(any(feature = "ndarray", feature = "flex"))]
    return host::states(cell, sequence);
    #[cfg(not(any(feature = "ndarray", feature = "flex")))]
    unreachable!("{cell:?} does not run here as one operation: {sequence:?}")
}
