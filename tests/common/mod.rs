//! What the integration tests share: the devices, comparisons with their tolerances, golden files, and parameters by path.

#![allow(dead_code)] // every test binary compiles this file and uses its own part of it

use std::collections::BTreeMap;

use burn::{
    module::{Module, ModuleMapper, ModuleVisitor, Param},
    tensor::{Device, Tensor, TensorData},
};
use burn_zoo::{DeviceSpec, Key, Pass, Rate};
use serde_json::Value;

/// Of the largest value: products of another shape, or of another backend, add up in another order, and f32 has 6e-8 for each
/// addition.
pub const OF_LARGEST: f64 = 1e-5;

/// Nats: an entropy made of f32 logits that are right to [`OF_LARGEST`].
pub const NATS: f64 = 1e-5;

/// The devices under test, by name: those of both CPU backends, and wgpu's software adapter, as far as they are compiled in. A machine
/// without such an adapter goes without, unless `BURN_ZOO_REQUIRE_WGPU` is set.
pub fn devices() -> Vec<(&'static str, Device)> {
    let device = |name: &'static str| {
        let spec: DeviceSpec = name.parse().unwrap();
        match spec.init() {
            Ok(device) => Some((name, device)),
            Err(error) if name.starts_with("wgpu") && std::env::var_os("BURN_ZOO_REQUIRE_WGPU").is_none() => {
                println!("skipped: {error}");
                None
            }
            Err(error) => panic!("{error}"),
        }
    };
    let compiled = |name: &&str| name.parse::<DeviceSpec>().unwrap().is_compiled_in();
    ["flex", "ndarray", "wgpu:software"].into_iter().filter(compiled).filter_map(device).collect()
}

/// The devices under test, each as it is and with gradients.
pub fn devices_and_autodiff() -> Vec<(&'static str, Device)> {
    let autodiff = |name| match name {
        "flex" => "flex with autodiff",
        "ndarray" => "ndarray with autodiff",
        _ => "wgpu with autodiff",
    };
    devices()
        .into_iter()
        .flat_map(|(name, device)| [(name, device.clone()), (autodiff(name), device.autodiff())])
        .collect()
}

/// A rate that is known to be one.
pub fn rate(rate: f64) -> Rate {
    Rate::new(rate).unwrap()
}

/// Standard normal numbers that depend on `seed` alone.
pub fn normal<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let values = Key::new(seed).fold_str("test input").normal(0, 1, shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// Multiples of 1/1024 in [-1, 1), by a hash of the name and the position: what the generators of golden files call `numbers`.
pub fn hashed(name: &str, n: usize) -> Vec<f64> {
    let seed = name.bytes().fold(0u32, |seed, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let number = |i: usize| {
        let mut h = (i as u32).wrapping_mul(2_654_435_761).wrapping_add(seed);
        h = (h ^ h >> 15).wrapping_mul(2_246_822_519);
        h = (h ^ h >> 13).wrapping_mul(3_266_489_917);
        f64::from(h >> 21) / 1024.0 - 1.0
    };
    (0..n).map(number).collect()
}

/// Given numbers as a tensor.
pub fn tensor<const D: usize>(values: &[f64], shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values.to_vec(), shape), device)
}

/// The numbers of a tensor, row by row.
pub fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.try_into_vec_as::<f64>().unwrap()
}

/// The bits of a tensor's numbers, row by row.
pub fn bits<const D: usize>(tensor: Tensor<D>) -> Vec<u32> {
    tensor.try_into_vec_as::<f32>().unwrap().into_iter().map(f32::to_bits).collect()
}

/// The largest difference.
pub fn distance(a: &[f64], b: &[f64]) -> f64 {
    assert_eq!(a.len(), b.len(), "as many numbers");
    // `max` drops a NaN; here it must count.
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, |max, d| if d <= max { max } else { d })
}

/// The largest magnitude.
pub fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |max, value| value.abs().max(max))
}

/// That no number is further from its expectation than `tolerance` of the largest expected one.
#[track_caller]
pub fn assert_near(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    let (distance, largest) = (distance(found, expected), largest(expected));
    assert!(distance <= tolerance * largest, "{what}: {distance:e} apart, the largest is {largest:e}");
}

/// That no number is further from its expectation than `tolerance`.
#[track_caller]
pub fn assert_within(found: &[f64], expected: &[f64], tolerance: f64, what: &str) {
    let distance = distance(found, expected);
    assert!(distance <= tolerance, "{what}: {distance:e} apart");
}

/// That a number is `expected`, to `n` of its standard errors.
#[track_caller]
pub fn assert_standard_errors(found: f64, expected: f64, error: f64, n: f64, what: &str) {
    let distance = (found - expected).abs();
    assert!(distance <= n * error, "{what}: {found} is {:.1} standard errors from {expected}", distance / error);
}

/// The mean and its standard error.
pub fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0) / n).sqrt())
}

/// The slope of the least squares line through `(ln x, ln y)`.
pub fn log_slope(points: &[(f64, f64)]) -> f64 {
    let points: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let n = points.len() as f64;
    let (x, y) = points.iter().fold((0.0, 0.0), |(sx, sy), (x, y)| (sx + x / n, sy + y / n));
    let product = |f: fn(f64, f64) -> f64| points.iter().map(|(a, b)| f(a - x, b - y)).sum::<f64>();
    product(|dx, dy| dx * dy) / product(|dx, _| dx * dx)
}

/// Every parameter and buffer by its path.
pub fn parameters<M: Module>(module: &M) -> BTreeMap<String, Vec<f64>> {
    struct Read {
        path: Vec<String>,
        found: BTreeMap<String, Vec<f64>>,
    }
    impl ModuleVisitor for Read {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_string());
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            self.found.insert(self.path.join("."), values(param.val()));
        }
    }
    let mut read = Read { path: Vec::new(), found: BTreeMap::new() };
    module.visit(&mut read);
    read.found
}

/// The module with other numbers in it; every parameter and buffer must be given, and no other.
pub fn with_parameters<M: Module>(module: M, parameters: &BTreeMap<String, Vec<f64>>) -> M {
    struct Write<'a> {
        path: Vec<String>,
        given: BTreeMap<&'a str, &'a [f64]>,
    }
    impl ModuleMapper for Write<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_string());
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }

        fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
            let path = self.path.join(".");
            let given = self.given.remove(path.as_str()).unwrap_or_else(|| panic!("no numbers for `{path}`"));
            let data = TensorData::new(given.to_vec(), param.lazy_shape());
            let tensor = Tensor::from_data(data, &param.lazy_device()).set_require_grad(param.is_require_grad());
            Param::initialized(param.id, tensor)
        }
    }
    let given = parameters.iter().map(|(path, values)| (path.as_str(), values.as_slice())).collect();
    let mut write = Write { path: Vec::new(), given };
    let module = module.map(&mut write);
    assert!(write.given.is_empty(), "no parameters of these paths: {:?}", write.given.keys());
    module
}

/// The module with numbers in it that are [`hashed`] from the path of each parameter and buffer, times `scale` of that path; what multiplies, and
/// variances, are about 1.
pub fn filled<M: Module>(module: M, scale: impl Fn(&str) -> f64) -> M {
    let of = |(path, old): (&String, &Vec<f64>)| {
        let start = if path.ends_with("gamma") || path.ends_with("running_var") { 1.0 } else { 0.0 };
        (path.clone(), hashed(path, old.len()).into_iter().map(|x| start + scale(path) * x).collect())
    };
    let filled = parameters(&module).iter().map(of).collect();
    with_parameters(module, &filled)
}

/// The gradient of every parameter that has one, by path.
pub fn gradients<M: Module>(module: &M, loss: Tensor<1>) -> (BTreeMap<String, Vec<f64>>, burn::tensor::Gradients) {
    struct Read<'a> {
        path: Vec<String>,
        gradients: &'a burn::tensor::Gradients,
        found: BTreeMap<String, Vec<f64>>,
    }
    impl ModuleVisitor for Read<'_> {
        fn enter_module(&mut self, name: &str, _container_type: &str) {
            self.path.push(name.to_string());
        }

        fn exit_module(&mut self, _name: &str, _container_type: &str) {
            self.path.pop();
        }

        fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
            if let Some(gradient) = param.val().grad(self.gradients) {
                self.found.insert(self.path.join("."), values(gradient));
            }
        }
    }
    let gradients = loss.backward();
    let mut read = Read { path: Vec::new(), gradients: &gradients, found: BTreeMap::new() };
    module.visit(&mut read);
    let found = read.found;
    (found, gradients)
}

/// The pass at a dotted path; numbers are positions in a list.
pub fn at<R>(pass: &Pass<'_>, path: &str, use_pass: impl FnOnce(&Pass<'_>) -> R) -> R {
    match path.split_once('.') {
        _ if path.is_empty() => use_pass(pass),
        None => use_pass(&segment(pass, path)),
        Some((first, rest)) => at(&segment(pass, first), rest, use_pass),
    }
}

fn segment<'s>(pass: &'s Pass<'_>, name: &'s str) -> Pass<'s> {
    match name.parse::<usize>() {
        Ok(index) => pass.at(index),
        Err(_) => pass.at(name),
    }
}

/// A golden file: `tests/golden/<path>`.
pub fn golden(path: &str) -> Value {
    let path = format!("{}/tests/golden/{path}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All numbers of a JSON value, in order, however deep the lists.
pub fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Array(items) => items.iter().flat_map(numbers).collect(),
        number => vec![number.as_f64().unwrap_or_else(|| panic!("{number} is not a number"))],
    }
}
