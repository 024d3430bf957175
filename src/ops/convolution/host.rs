//! The operation on ndarray.

// Naming `NdArray` is: a supported backend here, deprecated upstream.
#![allow(deprecated)]

use burn::{
    backend::{
        Autodiff, Backend, Dispatch, NdArray, TensorMetadata,
        autodiff::{
            checkpoint::{base::Checkpointer, strategy::CheckpointStrategy},
            grads::Gradients as Tape,
            ops::{Backward, Ops, OpsKind},
        },
        backend_extension,
        tensor::FloatTensor,
    },
    nn::{PaddingConfig2d, conv::Conv2d},
    tensor::{Tensor, assert_shape},
};

use super::kernel::{self, Plan};
use crate::ops::host::{HostMemory, tensor};

/// A convolution.
#[backend_extension(NdArray, Autodiff)]
pub(super) trait ConvolutionOps: Backend {
    /// `[rows, channels out, height out, width out]`; without a bias by the plan, `bias` may be any tensor.
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        plan: Plan,
    ) -> FloatTensor<Self>;
}

fn forward<B: HostMemory>(
    x: &FloatTensor<B>,
    weight: &FloatTensor<B>,
    bias: &FloatTensor<B>,
    plan: &Plan,
) -> FloatTensor<B> {
    let output = kernel::forward(plan, &B::numbers(x), &B::numbers(weight), &B::numbers(bias));
    let [channels, height, width] = plan.output;
    tensor::<B>(output, [plan.rows, channels, height, width], &x.device())
}

impl ConvolutionOps for NdArray {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        plan: Plan,
    ) -> FloatTensor<Self> {
        forward::<Self>(&x, &weight, &bias, &plan)
    }
}

impl<B: ConvolutionOps + HostMemory, C: CheckpointStrategy> ConvolutionOps for Autodiff<B, C> {
    fn convolution(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        bias: FloatTensor<Self>,
        plan: Plan,
    ) -> FloatTensor<Self> {
        #[derive(Debug)]
        struct OfConvolution;

        impl<B: HostMemory> Backward<B, 3> for OfConvolution {
            type State = (FloatTensor<B>, FloatTensor<B>, Plan);

            fn backward(self, ops: Ops<Self::State, 3>, grads: &mut Tape, _: &mut Checkpointer) {
                let (x, weight, plan) = ops.state;
                let of_output = grads.consume::<B>(&ops.node);
                let [of_x, of_weight, of_bias] = ops.parents;
                let wanted = [of_x.is_some(), of_weight.is_some(), of_bias.is_some() && plan.bias];
                let found =
                    kernel::backward(&plan, &B::numbers(&x), &B::numbers(&weight), &B::numbers(&of_output), wanted);
                let shapes = [x.shape(), weight.shape(), [plan.output[0]].into()];
                let found = [found.x, found.weight, found.bias];
                for ((parent, shape), found) in [of_x, of_weight, of_bias].into_iter().zip(shapes).zip(found) {
                    if let (Some(parent), false) = (parent, found.is_empty()) {
                        grads.register::<B>(parent.id, tensor::<B>(found, shape, &x.device()));
                    }
                }
            }
        }

        let (x, of_x) = x.into_parts();
        let (weight, of_weight) = weight.into_parts();
        let (bias, of_bias) = bias.into_parts();
        let output = forward::<B>(&x, &weight, &bias, &plan);
        match OfConvolution.prepare::<C>([of_x, of_weight, of_bias]).compute_bound().stateful() {
            OpsKind::Tracked(prepared) => prepared.finish((x, weight, plan), output),
            OpsKind::UnTracked(prepared) => prepared.finish(output),
        }
    }
}

/// See [`super::conv2d`].
pub(super) fn conv2d(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    let weight = layer.weight.val();
    let ([rows, channels, height, width], [out, _, kernel_height, kernel_width]) = (x.dims(), weight.dims());
    assert_shape!(weight, [_, channels, _, _]);
    let (top, left, bottom, right) = match layer.padding {
        PaddingConfig2d::Explicit(top, left, bottom, right) => (top, left, bottom, right),
        PaddingConfig2d::Valid => (0, 0, 0, 0),
        PaddingConfig2d::Same => unreachable!("left to Burn"),
    };
    let (padded_height, padded_width) = (height + top + bottom, width + left + right);
    assert!(
        kernel_height <= padded_height && kernel_width <= padded_width,
        "a kernel of {kernel_height} x {kernel_width} on a map of {padded_height} x {padded_width}"
    );
    let plan = Plan {
        rows,
        input: [channels, height, width],
        output: [
            out,
            (padded_height - kernel_height) / layer.stride[0] + 1,
            (padded_width - kernel_width) / layer.stride[1] + 1,
        ],
        kernel: [kernel_height, kernel_width],
        stride: layer.stride,
        padding: [top, left],
        bias: layer.bias.is_some(),
    };
    let bias = match &layer.bias {
        Some(bias) => bias.val().into_dispatch(),
        None => weight.clone().without_autodiff().into_dispatch(),
    };
    Tensor::from_dispatch(Dispatch::convolution(x.into_dispatch(), weight.into_dispatch(), bias, plan))
}
