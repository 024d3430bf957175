//! The operation on backends whose tensors lie in the host's memory.

// Naming `NdArray` is: a supported backend here, deprecated upstream.
#![allow(deprecated)]

use burn::{
    backend::{
        Autodiff, Backend, Dispatch, TensorMetadata,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients as Tape,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        tensor::FloatTensor,
    },
    tensor::Tensor,
};

use super::{
    Cell, Sequence, States,
    kernel::{self, Inputs, Plan},
};
use crate::ops::host::{HostMemory, tensor};

#[cfg(feature = "flex")]
use burn::backend::Flex;
#[cfg(feature = "ndarray")]
use burn::backend::NdArray;

/// A recurrence over a whole sequence.
#[backend_extension(NdArray: cfg(feature = "ndarray"), Flex: cfg(feature = "flex"), Autodiff)]
pub(super) trait RecurrentOps: Backend {
    /// `[steps + 2, rows, hidden]`: the states, the initial one before the first step that is made; and the last cell state. What the plan says is not
    /// there may be any tensor.
    #[allow(clippy::too_many_arguments)]
    fn recurrence(
        projected: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        hidden: FloatTensor<Self>,
        cell: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        active: FloatTensor<Self>,
        plan: Plan,
    ) -> FloatTensor<Self>;
}

/// What the recurrence reads, as tensors of a backend.
#[derive(Clone, Debug)]
struct Read<B: Backend> {
    projected: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: FloatTensor<B>,
    hidden: FloatTensor<B>,
    cell: FloatTensor<B>,
    mask: FloatTensor<B>,
    active: FloatTensor<B>,
}

impl<B: HostMemory> Read<B> {
    fn with<R>(&self, f: impl FnOnce(&Inputs<'_>) -> R) -> R {
        let [projected, weight, bias, hidden, cell, mask, active] =
            [&self.projected, &self.weight, &self.bias, &self.hidden, &self.cell, &self.mask, &self.active]
                .map(B::numbers);
        f(&Inputs {
            projected: &projected,
            weight: &weight,
            bias: &bias,
            hidden: &hidden,
            cell: &cell,
            mask: &mask,
            active: &active,
        })
    }

    fn forward(&self, plan: &Plan, keep: bool) -> (FloatTensor<B>, kernel::Tape) {
        let (output, tape) = self.with(|inputs| kernel::forward(plan, inputs, keep));
        (tensor::<B>(output, plan.output(), &self.projected.device()), tape)
    }
}

macro_rules! on_host {
    ($($backend:ident if $feature:literal),*) => {$(
        #[cfg(feature = $feature)]
        impl RecurrentOps for $backend {
            fn recurrence(
                projected: FloatTensor<Self>,
                weight: FloatTensor<Self>,
                bias: FloatTensor<Self>,
                hidden: FloatTensor<Self>,
                cell: FloatTensor<Self>,
                mask: FloatTensor<Self>,
                active: FloatTensor<Self>,
                plan: Plan,
            ) -> FloatTensor<Self> {
                Read::<Self> { projected, weight, bias, hidden, cell, mask, active }.forward(&plan, false).0
            }
        }
    )*};
}
on_host!(Flex if "flex", NdArray if "ndarray");

impl<B: RecurrentOps + HostMemory, C: CheckpointStrategy> RecurrentOps for Autodiff<B, C> {
    fn recurrence(
        projected: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        hidden: FloatTensor<Self>,
        cell: FloatTensor<Self>,
        mask: FloatTensor<Self>,
        active: FloatTensor<Self>,
        plan: Plan,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct OfRecurrence;

        #[derive(Clone, Debug)]
        struct Known<B: Backend> {
            read: Read<B>,
            plan: Plan,
            output: FloatTensor<B>,
            tape: std::sync::Arc<kernel::Tape>,
        }

        impl<B: HostMemory> Backward<B, 5> for OfRecurrence {
            type State = Known<B>;

            fn backward(self, ops: Ops<Self::State, 5>, grads: &mut Tape, _: &mut Checkpointer) {
                let Known { read, plan, output, tape } = ops.state;
                let device = read.projected.device();
                let of_output = grads.consume::<B>(&ops.node);
                let found = read.with(|inputs| {
                    kernel::backward(&plan, inputs, &tape, &B::numbers(&output), &B::numbers(&of_output))
                });
                let kernel::Gradients { projected, weight, bias, hidden, cell } = found;
                let read = [&read.projected, &read.weight, &read.bias, &read.hidden, &read.cell];
                let found = [projected, weight, bias, hidden, cell];
                for ((parent, read), found) in ops.parents.into_iter().zip(read).zip(found) {
                    // A cell that has no cell state says nothing about it.
                    if let (Some(parent), false) = (parent, found.is_empty()) {
                        grads.register::<B>(parent.id, tensor::<B>(found, read.shape(), &device));
                    }
                }
            }
        }

        let (projected, of_projected) = projected.into_parts();
        let (weight, of_weight) = weight.into_parts();
        let (bias, of_bias) = bias.into_parts();
        let (hidden, of_hidden) = hidden.into_parts();
        let (cell, of_cell) = cell.into_parts();
        let ((mask, _), (active, _)) = (mask.into_parts(), active.into_parts());
        let read = Read::<B> { projected, weight, bias, hidden, cell, mask, active };
        let parents = [of_projected, of_weight, of_bias, of_hidden, of_cell];
        match OfRecurrence.prepare::<C>(parents).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => {
                let (output, tape) = read.forward(&plan, true);
                let known = Known { read, plan, output: output.clone(), tape: std::sync::Arc::new(tape) };
                prepared.finish(known, output)
            }
            OpsKind::UnTracked(prepared) => prepared.finish(read.forward(&plan, false).0),
        }
    }
}

/// See [`super::states`].
pub(super) fn states(cell: Cell, sequence: &Sequence) -> States {
    let [steps, rows, _] = sequence.projected.dims();
    let [_, hidden] = sequence.hidden.dims();
    let plan = Plan {
        cell,
        reverse: sequence.reverse,
        steps,
        rows,
        hidden,
        mask: sequence.mask.as_ref().map(|mask| {
            let [steps, gates, rows, _] = mask.dims();
            [steps, gates, rows]
        }),
        padded: sequence.active.is_some(),
    };
    let nothing = || sequence.hidden.clone().without_autodiff().into_dispatch();
    let output = Tensor::<3>::from_dispatch(Dispatch::recurrence(
        sequence.projected.clone().into_dispatch(),
        sequence.weight.clone().into_dispatch(),
        sequence.bias.clone().into_dispatch(),
        sequence.hidden.clone().into_dispatch(),
        sequence.cell.clone().into_dispatch(),
        sequence.mask.clone().map_or_else(nothing, Tensor::into_dispatch),
        sequence.active.clone().map_or_else(nothing, Tensor::into_dispatch),
        plan,
    ));
    let at = |slot: usize| output.clone().narrow(0, slot, 1).squeeze_dim(0);
    let (first, last) = if sequence.reverse { (0, 0) } else { (1, steps) };
    States { all: output.clone().narrow(0, first, steps), hidden: at(last), cell: at(steps + 1) }
}
