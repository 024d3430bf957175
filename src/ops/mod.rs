//! Operations of our own, below the tensor: generic over Burn's `Backend` trait, with a gradient written by hand. Each has a plain formulation, of
//! Burn's own operations, which runs wherever the operation does not, and which it is tested against.

pub(crate) mod convolution;
#[cfg(any(feature = "ndarray", feature = "flex"))]
mod host;
#[cfg(any(feature = "ndarray", feature = "flex"))]
mod product;
pub(crate) mod recurrent;
