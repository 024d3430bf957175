//! Optimiser steps a second of burn-train's Learner and of the light loop, on the first split of a UCI set with the settings of examples/uci:
//! `BURN_ZOO_DATA=DIR cargo bench --profile dev --bench training`. The two take turns; figures are medians of the rounds. One thread.

#[allow(dead_code)] // the bench trains, and judges nothing
#[path = "../examples/uci/protocol.rs"]
mod protocol;

use std::{path::Path, time::Instant};

use burn_zoo::{
    DeviceSpec, Key,
    train::{Quiet, fit, fit_light},
};
use protocol::{Data, EXPERIMENTS, Protocol, SETS, config, mlp};

const ROUNDS: usize = 11;

fn main() {
    let Some(folder) = std::env::var_os("BURN_ZOO_DATA") else {
        return println!("skipped: BURN_ZOO_DATA names no folder");
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().expect("a thread");
    pool.install(|| compare(Path::new(&folder)).expect("it trains"));
}

fn compare(folder: &Path) -> protocol::Result<()> {
    let set = SETS.iter().find(|set| set.name == "concrete").expect("it is one");
    let data = Data::read(&folder.join("uci").join(set.name), EXPERIMENTS[0])?;
    let [train, _] = data.split(0);
    let (fitting, validation) = train.split_at(train.len() * 4 / 5);
    let scalers = data.scalers(fitting)?;
    for batch_size in [32, 128] {
        for spec in [DeviceSpec::Flex, DeviceSpec::NdArray] {
            let device = spec.init()?;
            let protocol = Protocol { epochs: 30, batch_size, ..Protocol::default() };
            let config = config(set, fitting.len(), &protocol, Key::new(0)).with_patience(protocol.epochs);
            let parts = || -> burn_zoo::Result<_> {
                Ok([data.examples(fitting, &scalers)?, data.examples(validation, &scalers)?])
            };
            let model = || mlp(set, parts()?[0].d_input(), &config, &device);
            let steps = (protocol.epochs * fitting.len().div_ceil(batch_size)) as f64;
            let (mut learner, mut light, mut ratio) = (Vec::new(), Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                let (one, other) = ((model()?, parts()?), (model()?, parts()?));
                let start = Instant::now();
                let a = fit(one.0, &config, one.1, &device, Quiet)?;
                let by_learner = steps / start.elapsed().as_secs_f64();
                let start = Instant::now();
                let b = fit_light(other.0, &config, other.1, &device)?;
                let by_light = steps / start.elapsed().as_secs_f64();
                assert_eq!(a.curve, b.curve, "the same training");
                learner.push(by_learner);
                light.push(by_light);
                ratio.push(by_light / by_learner);
            }
            let [learner, light, ratio] = [learner, light, ratio].map(median);
            println!(
                "concrete, {spec}, batches of {batch_size}: Learner {learner:6.0} steps/s, light {light:6.0} steps/s, ratio {ratio:.2}"
            );
        }
    }
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
