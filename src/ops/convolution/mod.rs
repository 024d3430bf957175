//! A convolution with products of matrices both ways, for `ndarray`: its own way back is tens of times slower than `flex`'s.

#[cfg(feature = "ndarray")]
mod host;
#[cfg(feature = "ndarray")]
mod kernel;

use burn::{
    backend::DispatchDevice,
    nn::{PaddingConfig2d, conv::Conv2d},
    tensor::{DType, Tensor},
};

/// What `layer` makes of `x`: on ndarray by the operation, on flex as Burn does it. Elsewhere the bias is added behind Burn's convolution, whose own
/// gradient of it is one sum over rows and places: on software Vulkan it loses what is beyond 65 500 of them.
///
/// # Shapes
/// - input: `[rows, channels_in, height_in, width_in]`
/// - output: `[rows, channels_out, height_out, width_out]`
pub(crate) fn conv2d(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    // Where padding depends on the size, and for groups and holes, it is Burn's.
    let is_plain = layer.groups == 1 && layer.dilation == [1, 1] && !matches!(layer.padding, PaddingConfig2d::Same);
    match (x.device().inner().as_dispatch(), &layer.bias) {
        #[cfg(feature = "ndarray")]
        (DispatchDevice::NdArray(_), _) if is_plain && x.dtype() == DType::F32 => host::conv2d(layer, x),
        #[cfg(feature = "ndarray")]
        (DispatchDevice::NdArray(_), _) => layer.forward(x),
        #[cfg(feature = "flex")]
        (DispatchDevice::Flex(_), _) => layer.forward(x),
        (_, Some(bias)) => {
            let bias: Tensor<4> = bias.val().reshape([1, -1, 1, 1]);
            Conv2d { bias: None, ..layer.clone() }.forward(x) + bias
        }
        (_, None) => layer.forward(x),
    }
}
