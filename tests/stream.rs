//! Streams: sampled networks that each carry a state of their own.

mod common;

use burn::tensor::{Device, Tensor};
use burn_zoo::{
    Error, Pass, StochasticStream,
    nn::Dropout,
    outputs::Point,
    uncertainty::{MonteCarlo, RegressionPrediction},
};
use common::{OF_LARGEST, assert_near, devices, normal, rate, values};

const UNITS: usize = 16;
const PASSES: usize = 12;

/// h <- tanh(h A + dropout(x)): a recurrent cell whose input is dropped with the same mask at every step.
struct Cell {
    dropout: Dropout,
    recurrent: Tensor<2>,
}

impl Cell {
    fn new(q: f64, device: &Device) -> Self {
        Self { dropout: Dropout::new(rate(q)), recurrent: normal(1, [UNITS, UNITS], device) * 0.2 }
    }
}

impl StochasticStream<Tensor<3>> for Cell {
    type State = Tensor<2>;
    type Output = Point;

    /// `[rows, steps, units]`
    fn step(&self, window: Tensor<3>, state: Option<Tensor<2>>, pass: &Pass<'_>) -> (Point, Tensor<2>) {
        let [rows, steps, units] = window.dims();
        let mut h = state.unwrap_or_else(|| Tensor::zeros([rows, units], &window.device()));
        for step in 0..steps {
            let x = window.clone().narrow(1, step, 1).squeeze_dim(1);
            let at = pass.at("dropout");
            h = (h.matmul(self.recurrent.clone()) + self.dropout.forward(x, &at.again())).tanh();
        }
        (Point(h.clone()), h)
    }

    fn detached(&self, state: Tensor<2>) -> Tensor<2> {
        state.detach()
    }
}

/// Adds up its mask and counts its steps: what a network remembers is plain to see.
struct Counter(Dropout);

impl StochasticStream<Tensor<2>> for Counter {
    type State = (Tensor<2>, usize);
    type Output = Point;

    fn step(&self, ones: Tensor<2>, state: Option<Self::State>, pass: &Pass<'_>) -> (Point, Self::State) {
        let (sum, steps) = state.unwrap_or_else(|| (ones.zeros_like(), 0));
        let sum = sum + self.0.forward(ones, &pass.at("dropout"));
        (Point(sum.clone()), (sum, steps + 1))
    }

    fn detached(&self, (sum, steps): Self::State) -> Self::State {
        (sum.detach(), steps)
    }
}

fn windows(n: usize, steps: usize, device: &Device) -> Vec<Tensor<3>> {
    (0..n as u64).map(|seed| normal(10 + seed, [3, steps, UNITS], device)).collect()
}

fn sample(prediction: &RegressionPrediction, pass: usize) -> Vec<f64> {
    let targets = prediction.targets();
    (0..prediction.rows() * targets).map(|i| prediction.sample(pass, i / targets, i % targets).unwrap()).collect()
}

#[test]
fn each_network_carries_its_own_state_and_its_masks_stay_the_same() {
    for (name, device) in devices() {
        let model = Counter(Dropout::new(rate(0.5)));
        let sampler = MonteCarlo::new(PASSES).seed(4);
        let mut stream = sampler.stream(&model);
        let ones = Tensor::<2>::ones([2, UNITS], &device);
        for step in 1..=5 {
            let prediction = stream.step(ones.clone()).unwrap();
            assert_eq!((prediction.passes(), prediction.rows()), (PASSES, 2), "{name}");
            for pass in 0..PASSES {
                // Were a mask drawn anew, or a state another network's, the sum would not be `step` times the network's own mask.
                let network = Pass::network(sampler.key(pass));
                let mask = values(model.0.forward(ones.clone(), &network.at("dropout")));
                let sum: Vec<f64> = mask.iter().map(|m| f64::from(step) * m).collect();
                assert_eq!(sample(&prediction, pass), sum, "{name}: step {step}, pass {pass}");
            }
        }
    }
}

#[test]
fn networks_differ() {
    for (name, device) in devices() {
        let model = Counter(Dropout::new(rate(0.5)));
        let prediction = MonteCarlo::new(PASSES).stream(&model).step(Tensor::<2>::ones([1, 200], &device)).unwrap();
        for a in 0..PASSES {
            for b in 0..a {
                assert_ne!(sample(&prediction, a), sample(&prediction, b), "{name}: passes {a} and {b}");
            }
        }
    }
}

#[test]
fn a_stream_of_windows_is_the_series_read_at_once() {
    for (name, device) in devices() {
        let model = Cell::new(0.3, &device);
        let sampler = MonteCarlo::new(PASSES);
        let windows = windows(4, 5, &device);
        let mut stream = sampler.stream(&model);
        let last = windows.iter().map(|window| stream.step(window.clone()).unwrap()).last().unwrap();
        let whole = sampler.stream(&model).step(Tensor::cat(windows, 1)).unwrap();
        for pass in 0..PASSES {
            assert_near(&sample(&last, pass), &sample(&whole, pass), OF_LARGEST, &format!("{name}: pass {pass}"));
        }
    }
}

#[test]
fn a_stream_is_the_loop_by_hand() {
    for (name, device) in devices() {
        let model = Cell::new(0.3, &device);
        let sampler = MonteCarlo::new(PASSES).seed(9);
        let mut stream = sampler.stream(&model);
        let mut states: Vec<Option<Tensor<2>>> = vec![None; PASSES];
        for window in windows(3, 2, &device) {
            let prediction = stream.step(window.clone()).unwrap();
            for (pass, state) in states.iter_mut().enumerate() {
                let (output, next) = model.step(window.clone(), state.take(), &Pass::network(sampler.key(pass)));
                *state = Some(next);
                assert_eq!(sample(&prediction, pass), values(output.0), "{name}: pass {pass}");
            }
        }
    }
}

#[test]
fn a_rate_of_zero_gives_no_spread() {
    for (name, device) in devices() {
        let model = Cell::new(0.0, &device);
        let sampler = MonteCarlo::new(PASSES);
        let mut stream = sampler.stream(&model);
        for window in windows(3, 2, &device) {
            assert_eq!(stream.step(window).unwrap().epistemic_variance(), [0.0; 3 * UNITS], "{name}");
        }
    }
}

#[test]
fn a_new_stream_remembers_nothing_of_an_old_one() {
    for (name, device) in devices() {
        let model = Cell::new(0.3, &device);
        let sampler = MonteCarlo::new(PASSES);
        let windows = windows(3, 2, &device);
        let mut old = sampler.stream(&model);
        let first = old.step(windows[0].clone()).unwrap();
        old.step(windows[1].clone()).unwrap();

        let mut new = sampler.stream(&model);
        let again = new.step(windows[0].clone()).unwrap();
        assert_eq!(sample(&again, 3), sample(&first, 3), "{name}: the same networks from the same start");
        // And the old one goes on where it was.
        let (from_old, from_new) = (old.step(windows[2].clone()).unwrap(), new.step(windows[2].clone()).unwrap());
        assert_ne!(sample(&from_old, 3), sample(&from_new, 3), "{name}");
    }
}

#[test]
fn another_seed_streams_through_other_networks() {
    for (name, device) in devices() {
        let model = Cell::new(0.3, &device);
        let window = windows(1, 2, &device).remove(0);
        let of = |seed| sample(&MonteCarlo::new(1).seed(seed).stream(&model).step(window.clone()).unwrap(), 0);
        assert_eq!(of(1), of(1), "{name}");
        assert_ne!(of(1), of(2), "{name}");
    }
}

#[test]
fn a_number_that_is_not_finite_is_named() {
    for (name, device) in devices() {
        let model = Counter(Dropout::new(rate(0.0)));
        let sampler = MonteCarlo::new(3);
        let mut stream = sampler.stream(&model);
        let input = common::tensor(&[1.0, f64::NAN], [2, 1], &device);
        assert!(matches!(stream.step(input), Err(Error::NotFinite { row: 1, pass: 0, .. })), "{name}");
    }
}
