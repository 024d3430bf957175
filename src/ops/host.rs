//! Backends whose tensors lie in the host's memory.

// Naming `NdArray` is: a supported backend here, deprecated upstream.
#![allow(deprecated)]

use std::borrow::Cow;

use burn::{
    backend::{
        Backend,
        tensor::{Device, FloatTensor},
    },
    tensor::{Shape, TensorData},
};

/// A backend whose tensors are slices.
pub(super) trait HostMemory: Backend {
    /// The numbers, row by row: where they lie, or copied to stand so.
    fn numbers(tensor: &FloatTensor<Self>) -> Cow<'_, [f32]>;
}

#[cfg(feature = "flex")]
impl HostMemory for burn::backend::Flex {
    fn numbers(tensor: &FloatTensor<Self>) -> Cow<'_, [f32]> {
        match tensor.as_slice::<f32>() {
            Some(slice) => slice.into(),
            None => tensor.to_contiguous().as_slice::<f32>().expect("contiguous numbers of f32").to_vec().into(),
        }
    }
}

#[cfg(feature = "ndarray")]
impl HostMemory for burn::backend::NdArray {
    fn numbers(tensor: &FloatTensor<Self>) -> Cow<'_, [f32]> {
        let burn::backend::ndarray::NdArrayTensor::F32(storage) = tensor else {
            panic!("numbers of f32, as was looked for");
        };
        let view = storage.view();
        match view.to_slice() {
            Some(slice) => slice.into(),
            None => view.iter().copied().collect::<Vec<f32>>().into(),
        }
    }
}

/// Numbers as a tensor.
pub(super) fn tensor<B: Backend>(numbers: Vec<f32>, shape: impl Into<Shape>, device: &Device<B>) -> FloatTensor<B> {
    B::float_from_data(TensorData::new(numbers, shape), device)
}
