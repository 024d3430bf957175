//! Weights of recurrent layers from elsewhere, and back: Burn's own layers, PyTorch's files.
//!
//! Burn's layers have a matrix for each gate, PyTorch's one for all gates, transposed; this crate's one for all gates, and their order is PyTorch's.

mod burn_layer;
mod file;
mod pytorch;

use burn::{
    module::Param,
    tensor::{Tensor, TensorData},
};

use super::{Recurrent, RecurrentCell, RecurrentDirection, RecurrentLayer};
use crate::error::Result;

pub use burn_layer::BurnLayer;

/// The weights of a direction on the host, row by row, of the shapes that [`RecurrentDirection`] has.
struct Values {
    input_weight: Vec<f64>,
    recurrent_weight: Vec<f64>,
    input_bias: Vec<f64>,
    recurrent_bias: Vec<f64>,
}

/// Which direction: of which layer, and whether it is the one from the end.
#[derive(Clone, Copy)]
struct Place {
    layer: usize,
    reverse: bool,
}

impl RecurrentDirection {
    fn values(&self) -> Values {
        Values {
            input_weight: values(&self.input_weight),
            recurrent_weight: values(&self.recurrent_weight),
            input_bias: values(&self.input_bias),
            recurrent_bias: values(&self.recurrent_bias),
        }
    }

    fn with_values(self, values: Values) -> Self {
        Self {
            input_weight: with_values(self.input_weight, values.input_weight),
            recurrent_weight: with_values(self.recurrent_weight, values.recurrent_weight),
            input_bias: with_values(self.input_bias, values.input_bias),
            recurrent_bias: with_values(self.recurrent_bias, values.recurrent_bias),
        }
    }
}

impl<C: RecurrentCell> Recurrent<C> {
    /// The same network with other numbers; all of them, or an error.
    fn with_values(self, mut of: impl FnMut(Place, &RecurrentDirection) -> Result<Values>) -> Result<Self> {
        let layers = self.layers.into_iter().enumerate().map(|(layer, directions)| {
            let mut filled = |direction: RecurrentDirection, reverse| {
                let values = of(Place { layer, reverse }, &direction)?;
                Ok(direction.with_values(values))
            };
            let forward = filled(directions.forward, false)?;
            let reverse = directions.reverse.map(|direction| filled(direction, true)).transpose()?;
            Ok(RecurrentLayer { forward, reverse })
        });
        Ok(Self { layers: layers.collect::<Result<_>>()?, ..self })
    }

    fn places(&self) -> impl Iterator<Item = (Place, &RecurrentDirection)> {
        self.layers.iter().enumerate().flat_map(|(layer, directions)| {
            let forward = (Place { layer, reverse: false }, &directions.forward);
            let reverse = directions.reverse.iter().map(move |direction| (Place { layer, reverse: true }, direction));
            std::iter::once(forward).chain(reverse)
        })
    }

    fn d_inputs(&self) -> impl Iterator<Item = usize> {
        self.layers.iter().map(|directions| directions.forward.d_input())
    }
}

fn values<const D: usize>(param: &Param<Tensor<D>>) -> Vec<f64> {
    param.val().try_into_vec_as().expect("weights on a device that works")
}

/// The same parameter, as trained as it was, with other numbers.
fn with_values<const D: usize>(param: Param<Tensor<D>>, values: Vec<f64>) -> Param<Tensor<D>> {
    let data = TensorData::new(values, param.lazy_shape());
    let tensor = Tensor::from_data(data, &param.lazy_device());
    let tensor = if tensor.is_autodiff() { tensor.set_require_grad(param.is_require_grad()) } else { tensor };
    Param::initialized(param.id, tensor)
}

/// The columns of a matrix as rows.
fn transposed(values: &[f64], columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|column| values[column..].iter().step_by(columns).copied()).collect()
}
