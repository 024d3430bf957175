//! `VariationalLstm` against Burn's `Lstm`, which drops nothing: `cargo bench --profile dev --bench recurrent`.
//!
//! Batch 64, 100 steps, 64 numbers in, 256 units. The two sides of a pair take turns; a figure is the median of the rounds. All threads.

use std::{hint::black_box, time::Instant};

use burn::{
    nn::LstmConfig as StockConfig,
    tensor::{Device, Tensor},
};
use burn_zoo::{
    DeviceSpec, Key, Pass, Rate,
    models::{LstmConfig, Noise, SequenceInput, Task},
    nn::{RecurrentConfig, VariationalLstm},
    uncertainty::MonteCarlo,
};

const ROWS: usize = 64;
const STEPS: usize = 100;
const D_INPUT: usize = 64;
const D_HIDDEN: usize = 256;

fn main() {
    for spec in [DeviceSpec::Flex, DeviceSpec::NdArray] {
        let device = spec.init().expect("a CPU");
        println!("{spec}, {} threads", rayon::current_num_threads());
        passes(&device);
        training(&device);
        monte_carlo(&device);
    }
}

fn ours(device: &Device) -> VariationalLstm {
    let rate = Rate::new(0.3).expect("a rate");
    let config = RecurrentConfig::new(D_INPUT, D_HIDDEN).with_input_rate(rate).with_recurrent_rate(rate);
    config.with_output_rate(rate).init(device, Key::new(0))
}

fn input(device: &Device) -> Tensor<3> {
    let values = Key::new(1).normal(0, 1, ROWS * STEPS * D_INPUT);
    Tensor::<1>::from_data(values.as_slice(), device).reshape([ROWS, STEPS, D_INPUT])
}

/// Without gradients.
fn passes(device: &Device) {
    let (lstm, x) = (ours(device), input(device));
    let stock = StockConfig::new(D_INPUT, D_HIDDEN, true).init(device);
    let plain = lstm.clone().in_plain_formulation();
    let pass = Pass::network(Key::new(2));
    let burn = || stock.forward(x.clone(), None).0;
    pair("forward", burn, || lstm.forward(x.clone(), None, &pass).0);
    pair("forward, plain formulation", burn, || plain.forward(x.clone(), None, &pass).0);
}

/// Forward and backward, under a mask for each row.
fn training(device: &Device) {
    let device = device.clone().autodiff();
    let (lstm, x) = (ours(&device), input(&device));
    let stock = StockConfig::new(D_INPUT, D_HIDDEN, true).init(&device);
    let plain = lstm.clone().in_plain_formulation();
    let pass = Pass::train(Key::new(2));
    let burn = || stock.forward(x.clone(), None).0.sum().backward();
    pair("forward and backward", burn, || lstm.forward(x.clone(), None, &pass).0.sum().backward());
    pair("forward and backward, plain formulation", burn, || plain.forward(x.clone(), None, &pass).0.sum().backward());
}

/// Twenty sampled networks, of a model with one number as its target.
fn monte_carlo(device: &Device) {
    let (input_of, task) = (
        SequenceInput::Numbers { features: D_INPUT, known: 0 },
        Task::Regression { targets: 1, noise: Noise::Constant },
    );
    let lstm = LstmConfig::new(input_of, task).with_hidden(D_HIDDEN).init(device, Key::new(0));
    let x = input(device).reshape([ROWS, STEPS * D_INPUT]);
    let stock = StockConfig::new(D_INPUT, D_HIDDEN, true).init(device);
    let (one, of_burn) = (lstm.regression().expect("it is one"), self::input(device));
    pair(
        "Monte Carlo, 20 networks, against 20 passes of Burn's",
        || (0..20).map(|_| stock.forward(of_burn.clone(), None).0).collect::<Vec<_>>(),
        || MonteCarlo::new(20).predict(&one, x.clone()).expect("it draws"),
    );
}

/// Prints how long each side takes, and the ratio of the two.
fn pair<A, B>(name: &str, mut theirs: impl FnMut() -> A, mut ours: impl FnMut() -> B) {
    const ROUNDS: usize = 9;
    let time = |f: &mut dyn FnMut()| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64() * 1e3
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
    println!("  {name:56} burn {theirs:8.1} ms  ours {ours:8.1} ms  ratio {ratio:5.2}");
}
