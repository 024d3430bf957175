//! The uncertainty head over somebody else's backbone.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use burn::{
    nn::{Linear, LinearConfig},
    tensor::{Device, Tensor, activation::relu},
};
use burn_zoo::{
    Error, Key, Pass, Stochastic,
    models::{HeadConfig, Noise, Task, UncertaintyHead},
    nn::init_weights,
    outputs::{Logits, Outputs},
    uncertainty::MonteCarlo,
};
use common::{OF_LARGEST, assert_near, devices, normal, rate, values};

const ROWS: usize = 23;
const INPUTS: usize = 6;
const FEATURES: usize = 12;
const CLASSIFIER: Task = Task::MultiClass { classes: 3 };

fn backbone(device: &Device) -> Linear {
    init_weights(LinearConfig::new(INPUTS, FEATURES).init(device), Key::new(7))
}

fn head(task: Task, hidden: Option<usize>, device: &Device) -> UncertaintyHead {
    HeadConfig::new(FEATURES, task).with_hidden(hidden).with_rate(rate(0.4)).init(device, Key::new(8))
}

fn x(device: &Device) -> Tensor<2> {
    normal(9, [ROWS, INPUTS], device)
}

fn raw(outputs: Outputs) -> Vec<f64> {
    match outputs {
        Outputs::Logits(Logits(raw)) => values(raw),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_backbone_runs_once_for_each_block_of_rows_and_once_for_the_audit() {
    for (name, device) in devices() {
        let (backbone, calls) = (backbone(&device), AtomicUsize::new(0));
        let head = head(CLASSIFIER, Some(8), &device);
        let counted = |x: Tensor<2>| {
            calls.fetch_add(1, Ordering::Relaxed);
            relu(backbone.forward(x))
        };
        let model = head.over(counted);
        for (chunk, blocks) in [(ROWS, 1), (7, 4), (1, ROWS)] {
            calls.store(0, Ordering::Relaxed);
            MonteCarlo::new(50).chunk(chunk).predict(&model, x(&device)).unwrap();
            assert_eq!(calls.load(Ordering::Relaxed), blocks + 1, "{name}: chunks of {chunk}");
        }
        calls.store(0, Ordering::Relaxed);
        let view = head.network().classifier().unwrap().over(counted);
        MonteCarlo::new(50).predict(&view, x(&device)).unwrap();
        assert_eq!(calls.load(Ordering::Relaxed), 2, "{name}: a typed view");
    }
}

#[test]
fn every_pass_is_the_head_applied_by_hand_to_the_features() {
    for (name, device) in devices() {
        let backbone = backbone(&device);
        let features = |x: Tensor<2>| relu(backbone.forward(x));
        for hidden in [None, Some(8)] {
            let head = head(CLASSIFIER, hidden, &device);
            let sampler = MonteCarlo::new(10).seed(3);
            let outputs = sampler.outputs(&head.over(features), x(&device)).unwrap();
            for (number, output) in outputs.into_iter().enumerate() {
                let by_hand = head.forward(features(x(&device)), &Pass::network(sampler.key(number)));
                assert_near(&raw(output), &values(by_hand), OF_LARGEST, &format!("{name}, {hidden:?}: pass {number}"));
            }
        }
    }
}

#[test]
fn a_head_over_a_backbone_over_given_features_and_by_its_view_samples_the_same_networks() {
    for (name, device) in devices() {
        let backbone = backbone(&device);
        let features = |x: Tensor<2>| relu(backbone.forward(x));
        let head = head(CLASSIFIER, Some(8), &device);
        let sampler = MonteCarlo::new(10);
        let over = sampler.predict(&head.over(features), x(&device)).unwrap().classes().unwrap();
        let given = sampler.predict(&head, features(x(&device))).unwrap().classes().unwrap();
        let view = head.network().classifier().unwrap().over(features);
        let view = sampler.predict(&view, x(&device)).unwrap();
        for row in 0..ROWS {
            assert_near(given.probabilities(row), over.probabilities(row), OF_LARGEST, name);
            assert_near(view.probabilities(row), over.probabilities(row), OF_LARGEST, name);
        }
    }
}

#[test]
fn the_mean_network_over_a_backbone_is_the_mean_pass() {
    for (name, device) in devices() {
        let backbone = backbone(&device);
        let features = |x: Tensor<2>| relu(backbone.forward(x));
        let head = head(Task::Regression { targets: 2, noise: Noise::Constant }, Some(8), &device);
        let prediction =
            MonteCarlo::new(1).mean_network(&head.over(features), x(&device)).unwrap().regression().unwrap();
        let by_hand = values(head.forward(features(x(&device)), &Pass::mean()));
        assert_near(prediction.mean(), &by_hand, OF_LARGEST, name);
    }
}

#[test]
fn a_head_without_a_hidden_layer_is_linear_in_the_dropped_features() {
    for (name, device) in devices() {
        let head = head(CLASSIFIER, None, &device);
        let pass = Pass::network(Key::new(1));
        let run = |x: Tensor<2>| values(head.forward(x, &pass));
        let (a, b) = (normal(1, [1, FEATURES], &device), normal(2, [1, FEATURES], &device));
        let zero = run(Tensor::zeros([1, FEATURES], &device));
        let sum: Vec<f64> =
            run(a.clone()).iter().zip(run(b.clone())).zip(zero).map(|((a, b), zero)| a + b - zero).collect();
        assert_near(&run(a + b), &sum, OF_LARGEST, name);
    }
}

#[test]
fn the_backbones_input_may_be_anything_that_is_a_batch() {
    for (name, device) in devices() {
        let backbone = backbone(&device);
        let head = head(CLASSIFIER, None, &device);
        let images = normal(5, [ROWS, INPUTS, 2, 2], &device);
        let model = head.over(|(images, x): (Tensor<4>, Tensor<2>)| {
            backbone.forward(images.mean_dim(3).mean_dim(2).flatten::<2>(1, 3) + x)
        });
        let prediction = MonteCarlo::new(5).chunk(7).predict(&model, (images, x(&device))).unwrap().classes().unwrap();
        assert_eq!(prediction.rows(), ROWS, "{name}");
    }
}

#[test]
fn a_head_gives_its_outputs_their_meaning() {
    for (name, device) in devices() {
        let features = normal(3, [2, FEATURES], &device);
        let run = |task| head(task, None, &device).run(features.clone(), &Pass::mean());
        assert!(matches!(run(CLASSIFIER), Outputs::Logits(_)), "{name}");
        assert!(matches!(run(Task::Binary), Outputs::Binary(_)), "{name}");
        assert!(matches!(run(Task::MultiLabel { labels: 2 }), Outputs::MultiLabel(_)), "{name}");
        let regression = |noise| Task::Regression { targets: 1, noise };
        assert!(matches!(run(regression(Noise::Constant)), Outputs::Point(_)), "{name}");
        assert!(matches!(run(regression(Noise::Predicted)), Outputs::Gaussian(_)), "{name}");
    }
}

#[test]
fn a_head_of_no_width_is_refused() {
    for config in [HeadConfig::new(0, CLASSIFIER), HeadConfig::new(4, CLASSIFIER).with_hidden(Some(0))] {
        assert!(matches!(config.check(), Err(Error::Config { .. })), "{config}");
    }
    assert!(HeadConfig::new(4, CLASSIFIER).check().is_ok());
}

#[test]
fn a_backbone_on_an_autodiff_device_is_refused() {
    for (name, device) in devices() {
        let (backbone, head) = (backbone(&device.clone().autodiff()), head(CLASSIFIER, None, &device));
        let result = MonteCarlo::new(5).predict(&head.over(|x: Tensor<2>| backbone.forward(x)), x(&device));
        assert!(matches!(result, Err(Error::Autodiff { what: "model" })), "{name}");
    }
}

#[test]
fn a_gradient_reaches_the_input_through_head_and_backbone() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let (backbone, head) = (backbone(&device), head(CLASSIFIER, Some(8), &device));
        let input = x(&device).require_grad();
        let model = head.over(|x: Tensor<2>| relu(backbone.forward(x)));
        let outputs = MonteCarlo::new(4).keep_graph().outputs(&model, input.clone()).unwrap();
        let sum = |outputs| match outputs {
            Outputs::Logits(Logits(raw)) => raw.square().sum(),
            other => panic!("{other:?}"),
        };
        let loss = outputs.into_iter().map(sum).reduce(|a, b| a + b).unwrap();
        let gradient = values(input.grad(&loss.backward()).unwrap());
        assert!(gradient.iter().all(|g| g.is_finite()) && common::largest(&gradient) > 0.0, "{name}");
    }
}
