//! A convolution with products of matrices both ways, for `ndarray`: its own way back is tens of times slower than `flex`'s.

#[cfg(feature = "ndarray")]
mod host;
#[cfg(feature = "ndarray")]
mod kernel;

#[cfg(any(feature = "ndarray", feature = "flex"))]
use burn::backend::DispatchDevice;
#[cfg(feature = "ndarray")]
use burn::{nn::PaddingConfig2d, tensor::DType};
use burn::{nn::conv::Conv2d, tensor::Tensor};

/// What `layer` makes of `x`: on ndarray by the operation, on flex as Burn does it. Elsewhere the bias is added behind Burn's convolution, whose own
/// gradient of it is one sum over rows and places: on software Vulkan it loses what is beyond 65 500 of them.
///
/// # Shapes
/// - input: `[rows, channels_in, height_in, width_in]`
/// - output: `[rows, channels_out, height_out, width_out]`
pub(crate) fn conv2d(layer: &Conv2d, x: Tensor<4>) -> Tensor<4> {
    // Where padding depends on the size, and for groups and holes, it is Burn's.
    #[cfg(feature = "ndarray")]
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

#[cfg(all(test, feature = "ndarray"))]
mod tests {
    use burn::{
        module::Param,
        nn::conv::Conv2dConfig,
        tensor::{Device, TensorData},
    };

    use super::*;
    use crate::{device::DeviceSpec, key::Key};

    fn tensor<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
        let values = Key::new(seed).normal(0, 1, shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
        tensor.try_into_vec_as().unwrap()
    }

    /// The output, and the gradients of the input, the kernel and the bias.
    fn all(layer: &Conv2d, x: &Tensor<4>, run: impl Fn(&Conv2d, Tensor<4>) -> Tensor<4>) -> Vec<Vec<f32>> {
        let y = run(layer, x.clone());
        let grads = (y.clone() * tensor(9, y.dims(), &y.device())).sum().backward();
        let bias = layer.bias.as_ref().map(|bias| values(bias.val().grad(&grads).unwrap()));
        let [of_x, of_weight] = [x.grad(&grads), layer.weight.val().grad(&grads)].map(|grad| values(grad.unwrap()));
        [values(y), of_x, of_weight].into_iter().chain(bias).collect()
    }

    #[test]
    fn the_operation_is_burns_convolution_forwards_and_backwards() {
        let ndarray = DeviceSpec::NdArray.init().unwrap().autodiff();
        for (seed, [rows, channels, out, height, width, kernel, stride, padding]) in (0..).zip([
            [1, 1, 1, 1, 1, 1, 1, 0],
            [3, 2, 4, 7, 5, 3, 1, 1],
            [9, 3, 2, 8, 9, 5, 2, 2],
            [17, 1, 3, 6, 6, 2, 3, 0],
            [2, 4, 5, 5, 11, 4, 1, 3],
            [1, 2, 2, 3, 3, 3, 2, 4],
        ]) {
            for bias in [true, false] {
                let sides = PaddingConfig2d::Explicit(padding, padding / 2, padding, padding);
                let config = Conv2dConfig::new([channels, out], [kernel, kernel]).with_stride([stride, stride]);
                let mut layer = config.with_padding(sides).with_bias(bias).init(&ndarray);
                let shape = [out, channels, kernel, kernel];
                layer.weight = Param::from_tensor(tensor(seed, shape, &ndarray));
                layer.bias = bias.then(|| Param::from_tensor(tensor(seed, [out], &ndarray)));
                let x = tensor(seed, [rows, channels, height, width], &ndarray).require_grad();
                let (ours, theirs) = (all(&layer, &x, conv2d), all(&layer, &x, |layer, x| layer.forward(x)));
                for (ours, theirs) in ours.iter().zip(&theirs) {
                    let largest = theirs.iter().fold(0.0f32, |max, x| max.max(x.abs()));
                    let distance = ours.iter().zip(theirs).fold(0.0f32, |max, (a, b)| max.max((a - b).abs()));
                    assert_eq!(ours.len(), theirs.len());
                    assert!(distance <= 1e-5 * largest, "{seed}: {distance} of {largest}");
                }
            }
        }
    }

    #[test]
    fn threads_change_no_bit_of_it() {
        let ndarray = DeviceSpec::NdArray.init().unwrap().autodiff();
        let layer = Conv2dConfig::new([3, 4], [3, 3]).init(&ndarray);
        let x = tensor(1, [21, 3, 9, 9], &ndarray).require_grad();
        let with = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| all(&layer, &x, conv2d))
        };
        assert_eq!(with(1), with(3));
    }
}
