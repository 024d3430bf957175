//! Training a convolution on ndarray, by our operation and by Burn's own, against flex: `cargo bench --profile dev --bench convolution`.
//!
//! The sides take turns; a figure is the median of the rounds. All threads.

use std::{hint::black_box, time::Instant};

use burn::{
    nn::{PaddingConfig2d, conv::Conv2dConfig},
    tensor::{Device, Tensor, TensorData},
};
use burn_zoo::{
    DeviceSpec, Key, Pass, Stochastic,
    models::{CnnConfig, Pool, Stage, Task},
    outputs::{Logits, Outputs},
};

fn main() {
    let [flex, ndarray] = [DeviceSpec::Flex, DeviceSpec::NdArray].map(|spec| spec.init().expect("a CPU").autodiff());
    println!("{} threads; milliseconds of a forward and a backward pass", rayon::current_num_threads());
    println!("{:52}  {:>8}  {:>8}  {:>8}  {:>12}", "", "flex", "burn", "ours", "ours / flex");
    for [rows, channels, out, size] in [[16, 32, 64, 28], [128, 32, 64, 14]] {
        convolution(rows, channels, out, size, [&flex, &ndarray]);
    }
    cnn([&flex, &ndarray]);
}

fn input<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let values = Key::new(1).normal(0, 1, shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device).require_grad()
}

/// One layer of 3 x 3, with the gradients of its input and its kernel.
fn convolution(rows: usize, channels: usize, out: usize, size: usize, devices: [&Device; 2]) {
    let [flex, ndarray] = devices.map(|device| {
        let config = Conv2dConfig::new([channels, out], [3, 3]).with_padding(PaddingConfig2d::Explicit(1, 1, 1, 1));
        (config.init(device), input([rows, channels, size, size], device))
    });
    // Ours is what a CNN runs: one stage, without anything behind its convolution but the mean of each map.
    let stage = Stage { padding: 1, activation: burn_zoo::nn::Activation::Identity, ..Stage::new(out, 3) };
    let config = CnnConfig::new([channels, size, size], Task::MultiClass { classes: 2 });
    let config = config.with_stages(vec![stage]).with_global_pool(true).with_hidden(Vec::new());
    let ours = (config.init(devices[1], Key::new(0)), input([rows, channels, size, size], devices[1]));
    let name = format!("convolution 3 x 3, {channels} to {out}, {rows} maps of {size} x {size}");
    rounds(
        &name,
        || drop(black_box(flex.0.forward(flex.1.clone()).mean().backward())),
        || drop(black_box(ndarray.0.forward(ndarray.1.clone()).mean().backward())),
        || drop(black_box(ours.0.forward(ours.1.clone(), &Pass::mean()).mean().backward())),
    );
}

/// The network for Fashion-MNIST, a batch of it: what it takes on ndarray by Burn's own convolution is told by the layers above.
fn cnn(devices: [&Device; 2]) {
    let stage = |channels| Stage { pool: Pool::Max(2), ..Stage::new(channels, 5) };
    let config = CnnConfig::new([1, 28, 28], Task::MultiClass { classes: 10 });
    let config = config.with_stages(vec![stage(20), stage(50)]).with_hidden(vec![500]);
    let [flex, ndarray] = devices.map(|device| {
        let (cnn, x) = (config.init(device, Key::new(0)), input([64, 1, 28, 28], device));
        move || {
            let Outputs::Logits(Logits(logits)) = cnn.run(x.clone(), &Pass::train(Key::new(2))) else { unreachable!() };
            drop(black_box(logits.mean().backward()));
        }
    });
    rounds("lenet, a batch of 64", flex, || (), ndarray);
}

fn rounds(name: &str, mut flex: impl FnMut(), mut burn: impl FnMut(), mut ours: impl FnMut()) {
    const ROUNDS: usize = 9;
    let time = |f: &mut dyn FnMut()| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64() * 1e3
    };
    flex();
    burn();
    ours();
    let all: Vec<[f64; 3]> = (0..ROUNDS).map(|_| [time(&mut flex), time(&mut burn), time(&mut ours)]).collect();
    let median = |value: &dyn Fn(&[f64; 3]) -> f64| {
        let mut values: Vec<f64> = all.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    let burn = median(&|round| round[1]);
    let burn = if burn < 0.01 { "-".to_string() } else { format!("{burn:.1}") };
    let (flex, ours, ratio) = (median(&|r| r[0]), median(&|r| r[2]), median(&|r| r[2] / r[0]));
    println!("{name:52}  {flex:8.1}  {burn:>8}  {ours:8.1}  {ratio:12.2}");
}
