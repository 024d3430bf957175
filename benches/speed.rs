//! Our speed against Burn's own, as ratios: `cargo bench --profile dev`.
//!
//! The two sides of a pair take turns, so that a noisy machine disturbs both alike; the figure is the median of the rounds' ratios. One thread.

use std::{hint::black_box, time::Instant};

use burn::{
    module::Module,
    nn,
    tensor::{Device, Distribution, Tensor, activation::relu},
};
use burn_zoo::{
    DeviceSpec, Key, Pass, Rate,
    models::{MlpConfig, Noise, Task},
    nn::DropoutConfig,
    outputs::Point,
    uncertainty::{MonteCarlo, StockMonteCarlo},
};

/// Burn's dropout in the network of the comparison.
#[derive(Module, Debug)]
struct Stock {
    first: nn::Linear,
    second: nn::Linear,
    output: nn::Linear,
    dropout: nn::Dropout,
}

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    pool.install(compare); // inside the pool: nothing is handed to another thread
}

fn compare() {
    for spec in [DeviceSpec::Flex, DeviceSpec::NdArray] {
        let device = spec.init().expect("a CPU");
        println!("{spec}, one thread");
        masks(&device);
        layer(&device);
        monte_carlo(&device);
    }
}

/// A mask for a batch of 1024 rows of 1024 units, uploaded.
fn masks(device: &Device) {
    let (rows, width) = (1024, 1024);
    for rate in [0.5, 0.2] {
        let (rate, shape) = (Rate::new(rate).expect("a rate"), [rows, width]);
        let ours = || Pass::rows(Key::new(0), 0).draw(burn_zoo::Law::Bernoulli(rate), shape, device);
        let host = || Key::new(0).bernoulli(rate, 0, rows, width);
        let burn = || Tensor::<2>::random(shape, Distribution::Bernoulli(rate.keep()), device);
        pair(&format!("mask, rate {rate}"), rows * width, burn, ours);
        pair(&format!("mask, rate {rate}, on the host"), rows * width, burn, host);
    }
}

/// A dropout layer in training.
fn layer(device: &Device) {
    let device = device.clone().autodiff();
    let (ours, burn) = (DropoutConfig::new(0.5).init(), nn::DropoutConfig::new(0.5).init());
    let x = Tensor::<2>::ones([256, 1024], &device);
    pair(
        "dropout layer, training",
        256 * 1024,
        || burn.forward(x.clone()),
        || ours.forward(x.clone(), &Pass::train(Key::new(0))),
    );
}

/// Fifty passes of a regression network over 256 rows.
fn monte_carlo(device: &Device) {
    let (inputs, hidden, rows, passes) = (16, 128, 256, 50);
    let config = MlpConfig::new(inputs, Task::Regression { targets: 1, noise: Noise::Constant });
    let config = config.with_hidden(vec![hidden, hidden]).with_input_rate(Rate::ZERO);
    let ours = config.init(device, Key::new(0));
    let stock = Stock {
        first: nn::LinearConfig::new(inputs, hidden).init(device),
        second: nn::LinearConfig::new(hidden, hidden).init(device),
        output: nn::LinearConfig::new(hidden, 1).init(device),
        dropout: nn::DropoutConfig::new(0.2).init(),
    };
    let forward = |net: &Stock, x| {
        let x = net.dropout.forward(relu(net.first.forward(x)));
        Point(net.output.forward(net.dropout.forward(relu(net.second.forward(x)))))
    };
    let x = Tensor::<2>::ones([rows, inputs], device);
    let regression = ours.regression().expect("it is one");
    pair(
        "Monte Carlo, 50 passes of 16-128-128-1 over 256 rows",
        passes * rows,
        || StockMonteCarlo::new(passes).predict(&stock, x.clone(), forward).expect("it draws"),
        || MonteCarlo::new(passes).predict(&regression, x.clone()).expect("it draws"),
    );
}

/// Prints how long an item takes on each side, and the ratio of the two.
fn pair<A, B>(name: &str, items: usize, mut theirs: impl FnMut() -> A, mut ours: impl FnMut() -> B) {
    const ROUNDS: usize = 31;
    let time = |f: &mut dyn FnMut()| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64() * 1e9 / items as f64
    };
    let (mut a, mut b) = (|| drop(black_box(theirs())), || drop(black_box(ours())));
    a();
    b();
    let rounds: Vec<(f64, f64)> = (0..ROUNDS).map(|_| (time(&mut a), time(&mut b))).collect();
    let median = |value: fn(&(f64, f64)) -> f64| {
        let mut values: Vec<f64> = rounds.iter().map(value).collect();
        values.sort_by(f64::total_cmp);
        values[ROUNDS / 2]
    };
    let (theirs, ours, ratio) = (median(|r| r.0), median(|r| r.1), median(|r| r.0 / r.1));
    println!("  {name:56} burn {theirs:9.3} ns  ours {ours:9.3} ns  ratio {ratio:6.1}");
}
