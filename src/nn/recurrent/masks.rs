//! The masks of a recurrent network: what steps and gates share.

use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use crate::{
    pass::{Law, Pass},
    rate::Rate,
};

/// Whether the gates of a cell share their masks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GateMasks {
    /// One mask for all gates ("tied" in Gal & Ghahramani 2016): one product for all of them.
    #[default]
    Tied,
    /// A mask for each gate.
    Untied,
}

/// Whether the steps of a sequence share their masks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MaskTime {
    /// One mask for all steps: variational dropout.
    #[default]
    Sequence,
    /// A mask for each step, by its number in the sequence: ordinary dropout, for comparison.
    Step,
}

/// The rates of a recurrent network, and what its masks share.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rates {
    pub input: Rate,
    pub recurrent: Rate,
    pub output: Rate,
    pub weight: Rate,
    pub gates: GateMasks,
    pub time: MaskTime,
}

/// What a mask is drawn for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Masked {
    pub steps: usize,
    /// The number of the first step in the sequence.
    pub first: usize,
    /// Of the cell.
    pub gates: usize,
    pub rows: usize,
    pub width: usize,
}

impl Rates {
    /// The mask of what gates read, scaled.
    ///
    /// # Shapes
    /// - mask: `[steps, gates, rows, width]`, each of the first three 1 where it is the same for all
    pub fn mask(&self, rate: Rate, of: Masked, pass: &Pass<'_>, device: &Device) -> Option<Tensor<4>> {
        let gates = if self.gates == GateMasks::Untied { of.gates } else { 1 };
        let draw = |pass: &Pass<'_>| {
            let mask = pass.draw(Law::Bernoulli(rate), [of.rows, gates * of.width], device)? * rate.scale();
            let rows = mask.dims()[0];
            Some(mask.reshape([rows, gates, of.width]).swap_dims(0, 1))
        };
        match self.time {
            MaskTime::Sequence => draw(pass).map(|mask| mask.unsqueeze_dim(0)),
            MaskTime::Step => {
                let masks: Vec<Option<Tensor<3>>> = (0..of.steps).map(|step| draw(&pass.at(of.first + step))).collect();
                let rows = masks.iter().flatten().map(|mask| mask.dims()[1]).max()?;
                let shape = [gates, rows, of.width];
                let all = masks.into_iter().map(|mask| match mask {
                    Some(mask) => mask.expand(shape),
                    None => Tensor::ones(shape, &device.clone().inner()), // a replay may leave steps out
                });
                Some(Tensor::stack(all.collect(), 0))
            }
        }
    }
}
