//! Recurrent layers: what their masks share, what a state carries, and that the operation gives what the plain formulation gives.

mod common;

use std::collections::{BTreeMap, BTreeSet};

use burn::tensor::{Device, Tensor, TensorData};
use burn_zoo::{
    Drawn, Error, Key, Law, Pass, Rate, Recorder, Replay,
    nn::{
        ElmanCell, GateMasks, GruCell, LstmCell, MaskTime, Recurrent, RecurrentCell, RecurrentConfig, RecurrentState,
    },
};
use common::{
    OF_LARGEST, assert_near, assert_standard_errors, bits, devices, devices_and_autodiff, gradients, normal,
    parameters, rate, tensor, values, with_parameters,
};

const INPUTS: usize = 3;
const HIDDEN: usize = 5;
const KEY: Key = Key::new(0x5EED);

/// Calls a function for each cell.
macro_rules! each_cell {
    ($check:ident) => {
        $check::<LstmCell>("lstm");
        $check::<GruCell>("gru");
        $check::<ElmanCell>("elman");
    };
}

/// Every rate above zero, but that of weights.
fn config() -> RecurrentConfig {
    RecurrentConfig::new(INPUTS, HIDDEN)
        .with_input_rate(rate(0.25))
        .with_recurrent_rate(rate(0.3))
        .with_output_rate(rate(0.4))
}

fn network<C: RecurrentCell>(config: &RecurrentConfig, device: &Device, plain: bool) -> Recurrent<C> {
    let network = config.init(device, Key::new(1));
    if plain { network.in_plain_formulation() } else { network }
}

fn input(rows: usize, steps: usize, device: &Device) -> Tensor<3> {
    normal(2, [rows, steps, INPUTS], device)
}

/// A state that is not zero, after `step` steps.
fn some_state<C: RecurrentCell>(network: &Recurrent<C>, rows: usize, step: usize, device: &Device) -> RecurrentState {
    let directions = network.layers().len() * (network.d_output() / network.d_hidden());
    let part = |seed| normal(seed, [directions, rows, network.d_hidden()], device) * 0.5;
    let (_, after) = network.forward(Tensor::zeros([rows, 1, network.d_input()], device), None, &Pass::mean());
    RecurrentState { hidden: part(3), cell: after.cell.map(|_| part(4)), step }
}

/// Everything that a run gives.
fn all((out, state): &(Tensor<3>, RecurrentState)) -> Vec<f64> {
    let cell = state.cell.iter().flat_map(|cell| values(cell.clone()));
    values(out.clone()).into_iter().chain(values(state.hidden.clone())).chain(cell).collect()
}

/// What a pass drew, and where it drew nothing.
fn noted(forward: impl FnOnce(&Pass<'_>), pass: Pass<'_>) -> Vec<Drawn> {
    let recorder = Recorder::new();
    forward(&pass.recorded(&recorder));
    recorder.draws()
}

/// What a pass drew.
fn drawn(forward: impl FnOnce(&Pass<'_>), pass: Pass<'_>) -> Vec<Drawn> {
    noted(forward, pass).into_iter().filter(|draw| draw.values.is_some()).collect()
}

fn numbers(draw: &Drawn) -> Vec<f32> {
    draw.values.as_ref().unwrap().iter::<f32>().collect()
}

fn every_choice() -> Vec<RecurrentConfig> {
    let mut all = Vec::new();
    for gates in [GateMasks::Tied, GateMasks::Untied] {
        for time in [MaskTime::Sequence, MaskTime::Step] {
            for weights in [0.0, 0.25] {
                let config = config().with_layers(2).with_gate_masks(gates).with_mask_time(time);
                all.push(config.with_weight_rate(rate(weights)));
            }
        }
    }
    all
}

// What is drawn.

fn each_layer_and_direction_draws_at_sites_of_its_own<C: RecurrentCell>(_: &str) {
    let (_, device) = devices().swap_remove(0);
    let config = config().with_layers(2).with_bidirectional(true).with_weight_rate(rate(0.2));
    let network: Recurrent<C> = network(&config, &device, false);
    let draws = drawn(|pass| drop(network.forward(input(4, 6, &device), None, pass)), Pass::train(KEY));
    let sites: Vec<&str> = draws.iter().map(|draw| draw.site.as_str()).collect();
    let of = |layer: usize, direction: &str| {
        ["input_dropout", "recurrent_dropout", "weight_dropout"]
            .map(|site| format!("layers.{layer}.{direction}.{site}"))
    };
    let expected = [of(0, "forward"), of(0, "reverse"), of(1, "forward"), of(1, "reverse")].concat();
    assert_eq!(sites[..12], expected);
    assert_eq!(sites[12..], ["output_dropout"]);
    let shapes: Vec<&[usize]> = draws.iter().map(|draw| draw.shape.as_slice()).collect();
    assert_eq!(shapes[0], [4, INPUTS], "one mask for all steps and all gates");
    assert_eq!((shapes[1], shapes[6]), (&[4, HIDDEN][..], &[4, 2 * HIDDEN][..]));
    assert_eq!(shapes[12], [4, 2 * HIDDEN]);
    assert_eq!(shapes[2][..2], [1, HIDDEN], "one mask of the weights for the batch");
}

#[test]
fn masks_are_drawn_once_for_all_steps_at_a_site_for_each_layer_and_direction() {
    each_cell!(each_layer_and_direction_draws_at_sites_of_its_own);
}

#[test]
fn each_site_has_a_mask_of_its_own() {
    let (_, device) = devices().swap_remove(0);
    // Equally wide everywhere: equal masks would be the same bits.
    let config = RecurrentConfig::new(64, 64).with_layers(2).with_bidirectional(true);
    let config = config.with_input_rate(rate(0.5)).with_recurrent_rate(rate(0.5)).with_output_rate(rate(0.5));
    let network: Recurrent<LstmCell> = network(&config, &device, false);
    let x = normal(2, [1, 2, 64], &device);
    let draws = drawn(|pass| drop(network.forward(x, None, pass)), Pass::network(KEY));
    let distinct: BTreeSet<String> = draws.iter().map(|draw| format!("{:?}", &numbers(draw)[..64])).collect();
    assert_eq!((draws.len(), distinct.len()), (9, 9));
}

#[test]
fn gates_have_masks_of_their_own_where_they_are_untied() {
    let (_, device) = devices().swap_remove(0);
    let config = config().with_gate_masks(GateMasks::Untied);
    let x = || input(4, 6, &device);
    let shapes = |draws: Vec<Drawn>| draws.into_iter().map(|draw| draw.shape).collect::<Vec<_>>();
    let lstm: Recurrent<LstmCell> = network(&config, &device, false);
    let found = shapes(drawn(|pass| drop(lstm.forward(x(), None, pass)), Pass::train(KEY)));
    assert_eq!(found, [[4, 4 * INPUTS], [4, 4 * HIDDEN], [4, HIDDEN]]);
    let gru: Recurrent<GruCell> = network(&config, &device, false);
    let found = shapes(drawn(|pass| drop(gru.forward(x(), None, pass)), Pass::train(KEY)));
    assert_eq!(found, [[4, 3 * INPUTS], [4, 3 * HIDDEN], [4, HIDDEN]]);
}

#[test]
fn masks_of_steps_are_drawn_by_the_number_of_the_step() {
    let (_, device) = devices().swap_remove(0);
    let config = config().with_mask_time(MaskTime::Step);
    let network: Recurrent<LstmCell> = network(&config, &device, false);
    let run = |state, steps| {
        let x = input(2, steps, &device);
        drawn(|pass| drop(network.forward(x, state, pass)), Pass::network(KEY))
    };
    let by_site = |draws: Vec<Drawn>| -> BTreeMap<String, Vec<f32>> {
        draws.iter().map(|draw| (draw.site.clone(), numbers(draw))).collect()
    };
    let whole = by_site(run(None, 9));
    assert_eq!(whole.len(), 3 * 9);
    let last = by_site(run(Some(some_state(&network, 2, 5, &device)), 4));
    let expected: Vec<String> =
        ["layers.0.forward.input_dropout", "layers.0.forward.recurrent_dropout", "output_dropout"]
            .iter()
            .flat_map(|site| (5..9).map(move |step| format!("{site}.{step}")))
            .collect();
    assert_eq!(last.keys().cloned().collect::<Vec<_>>(), expected, "steps 5 to 8, by their numbers in the sequence");
    assert!(last.iter().all(|(site, mask)| &whole[site] == mask), "the masks of the whole sequence");
    let of_states: BTreeSet<String> = (0..9)
        .map(|step| {
            ["layers.0.forward.recurrent_dropout", "output_dropout"].map(|site| &whole[&format!("{site}.{step}")])
        })
        .map(|masks| format!("{masks:?}"))
        .collect();
    assert!(of_states.len() > 5, "they differ from step to step");
}

fn rates_are_as_asked<C: RecurrentCell>(cell: &str) {
    let (_, device) = devices().swap_remove(0);
    for time in [MaskTime::Sequence, MaskTime::Step] {
        let config = RecurrentConfig::new(60, 50)
            .with_input_rate(rate(0.1))
            .with_recurrent_rate(rate(0.35))
            .with_output_rate(rate(0.5))
            .with_weight_rate(rate(0.2))
            .with_gate_masks(GateMasks::Untied)
            .with_mask_time(time);
        let network: Recurrent<C> = network(&config, &device, false);
        let x = normal(2, [20, 4, 60], &device);
        for draw in drawn(|pass| drop(network.forward(x, None, pass)), Pass::train(KEY)) {
            let Law::Bernoulli(rate) = draw.law else { panic!("{draw:?}") };
            let dropped: Vec<f64> = numbers(&draw).into_iter().map(|kept| 1.0 - f64::from(kept)).collect();
            let n = dropped.len() as f64;
            let (found, error) = (dropped.iter().sum::<f64>() / n, (rate.get() * (1.0 - rate.get()) / n).sqrt());
            assert_standard_errors(found, rate.get(), error, 4.0, &format!("{cell}: {}", draw.site));
        }
    }
}

#[test]
fn as_much_is_dropped_as_the_rates_say() {
    each_cell!(rates_are_as_asked);
}

#[test]
fn whole_networks_are_sampled_where_weights_are_masked() {
    let (_, device) = devices().swap_remove(0);
    let network: Recurrent<LstmCell> = network(&config().with_weight_rate(rate(0.2)), &device, false);
    let audit = |pass: Pass<'_>| {
        let recorder = Recorder::new();
        network.forward(input(2, 3, &device), None, &pass.recorded(&recorder));
        recorder.audit()
    };
    audit(Pass::network(KEY)).unwrap();
    let Err(Error::WeightMaskByRow { site }) = audit(Pass::rows(KEY, 0)) else {
        panic!("rows with weights of their own")
    };
    assert_eq!(site, "layers.0.forward.weight_dropout");
}

// What is seen of it in the outputs.

/// Which outputs are zero: `[rows][steps][units]`.
fn zeros(out: Tensor<3>) -> Vec<Vec<Vec<bool>>> {
    let [_, steps, units] = out.dims();
    let zero: Vec<bool> = values(out).into_iter().map(|x| x == 0.0).collect();
    zero.chunks(steps * units).map(|row| row.chunks(units).map(<[bool]>::to_vec).collect()).collect()
}

fn a_unit_is_dropped_at_all_steps_or_at_none<C: RecurrentCell>(cell: &str) {
    for (name, device) in devices_and_autodiff() {
        let config = RecurrentConfig::new(INPUTS, 40).with_output_rate(rate(0.5));
        let network: Recurrent<C> = network(&config, &device, false);
        let out = |pass: &Pass<'_>| zeros(network.forward(input(3, 8, &device), None, pass).0);
        for pass in [Pass::train(KEY), Pass::rows(KEY, 7)] {
            let rows = out(&pass);
            for row in &rows {
                assert!(row.iter().all(|step| step == &row[0]), "{cell} on {name}: the same units at all steps");
                let dropped = row[0].iter().filter(|zero| **zero).count();
                assert!((10..31).contains(&dropped), "{cell} on {name}: {dropped} of 40");
            }
            assert!(rows[0] != rows[1] && rows[1] != rows[2], "{cell} on {name}: each row its own");
        }
        let rows = out(&Pass::network(KEY));
        assert!(rows.iter().all(|row| row == &rows[0]), "{cell} on {name}: a network is the same for all rows");
        assert!(rows[0].iter().all(|step| step == &rows[0][0]), "{cell} on {name}");
        assert!(out(&Pass::mean()).concat().concat().iter().all(|zero| !zero), "{cell} on {name}");
    }
}

#[test]
fn a_unit_is_dropped_at_all_steps_or_at_none_of_a_row_or_of_a_network() {
    each_cell!(a_unit_is_dropped_at_all_steps_or_at_none);
}

#[test]
fn ordinary_dropout_drops_other_units_at_each_step() {
    for (name, device) in devices() {
        let config = RecurrentConfig::new(INPUTS, 40).with_output_rate(rate(0.5)).with_mask_time(MaskTime::Step);
        let network: Recurrent<LstmCell> = network(&config, &device, false);
        for row in zeros(network.forward(input(2, 8, &device), None, &Pass::train(KEY)).0) {
            let distinct: BTreeSet<&Vec<bool>> = row.iter().collect();
            assert_eq!(distinct.len(), 8, "{name}");
        }
    }
}

/// That masks on what is read are rows of the matrices that are missing: at every step, for a whole network.
fn a_network_is_one_without_some_rows_of_its_matrices<C: RecurrentCell>(cell: &str) {
    for (name, device) in devices() {
        let config = config().with_layers(2).with_bidirectional(true).with_output_rate(Rate::ZERO);
        for plain in [false, true] {
            let whole: Recurrent<C> = network(&config, &device, plain);
            let x = input(3, 7, &device);
            let draws = drawn(|pass| drop(whole.forward(x.clone(), None, pass)), Pass::network(KEY));
            let mut thinned = parameters(&whole);
            for draw in &draws {
                let Law::Bernoulli(rate) = draw.law else { panic!("{draw:?}") };
                let (path, site) = draw.site.rsplit_once('.').unwrap();
                let matrix = if site == "input_dropout" { "input_weight" } else { "recurrent_weight" };
                let matrix = thinned.get_mut(&format!("{path}.{matrix}")).unwrap();
                let mask = numbers(draw);
                let columns = matrix.len() / mask.len();
                for (row, kept) in matrix.chunks_mut(columns).zip(mask) {
                    row.iter_mut().for_each(|weight| *weight *= f64::from(kept) * rate.scale());
                }
            }
            let thinned = with_parameters(whole.clone(), &thinned);
            let masked = all(&whole.forward(x.clone(), None, &Pass::network(KEY)));
            let found = all(&thinned.forward(x, None, &Pass::mean()));
            assert_near(&masked, &found, OF_LARGEST, &format!("{cell} on {name}, plain: {plain}"));
        }
    }
}

#[test]
fn a_sampled_network_is_one_without_some_rows_of_its_matrices() {
    // The GRU's too: a mask that also hit the state that it keeps would be no row of a matrix.
    each_cell!(a_network_is_one_without_some_rows_of_its_matrices);
}

#[test]
fn the_mean_over_masks_of_the_outputs_is_the_output() {
    let (name, device) = devices().swap_remove(0);
    let network: Recurrent<GruCell> =
        network(&RecurrentConfig::new(INPUTS, HIDDEN).with_output_rate(rate(0.3)), &device, false);
    let expected = values(network.forward(input(1, 4, &device), None, &Pass::mean()).0);
    let sampled: Vec<Vec<f64>> =
        (0..500).map(|n| values(network.forward(input(1, 4, &device), None, &Pass::network(KEY.fold(n))).0)).collect();
    for (at, expected) in expected.into_iter().enumerate() {
        let (found, error) = common::mean(&sampled.iter().map(|out| out[at]).collect::<Vec<_>>());
        assert_standard_errors(found, expected, error, 4.0, name);
    }
}

/// One unit of one input, with these weights (by gate) and biases.
fn unit<C: RecurrentCell>(config: &RecurrentConfig, [w, u, b, c]: [&[f64]; 4], device: &Device) -> Recurrent<C> {
    let names = ["input_weight", "recurrent_weight", "input_bias", "recurrent_bias"];
    let given = names.into_iter().zip([w, u, b, c]);
    let given = given.map(|(name, values)| (format!("layers.0.forward.{name}"), values.to_vec())).collect();
    with_parameters(network(config, device, false), &given)
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Masks of one input and one unit: the input is kept, and the unit's state is dropped.
fn state_dropped() -> Replay {
    let site = |name: &str| format!("layers.0.forward.{name}");
    Replay::new().with(&site("input_dropout"), [1, 1], [1.0]).with(&site("recurrent_dropout"), [1, 1], [0.0])
}

#[test]
fn what_a_gru_keeps_of_its_state_is_not_masked() {
    let config = RecurrentConfig::new(1, 1).with_input_rate(rate(0.5)).with_recurrent_rate(rate(0.5));
    let (w, u) = ([0.3, -0.6, 0.8], [0.9, 0.7, -1.1]);
    let (b, c) = ([0.1, 0.2, -0.3], [-0.2, 0.05, 0.4]);
    for (name, device) in devices() {
        let network: Recurrent<GruCell> = unit(&config, [&w, &u, &b, &c], &device);
        let mut h = 0.75;
        let state = RecurrentState { hidden: tensor(&[h], [1, 1, 1], &device), cell: None, step: 0 };
        let x = [0.5, -1.0, 2.0];
        let out = network.forward(tensor(&x, [1, 3, 1], &device), Some(state), &Pass::replay(&state_dropped())).0;
        let expected = x.map(|x| {
            let x = 2.0 * x; // what is kept is divided by 1 / 2
            // No gate sees h, and h' = (1 - z) n + z h does.
            let (r, z) = (sigmoid(w[0] * x + b[0] + c[0]), sigmoid(w[1] * x + b[1] + c[1]));
            let n = (w[2] * x + b[2] + r * c[2]).tanh();
            h = (1.0 - z) * n + z * h;
            h
        });
        assert_near(&values(out), &expected, OF_LARGEST, name);
    }
}

#[test]
fn a_cell_state_is_not_masked() {
    let config = RecurrentConfig::new(1, 1).with_input_rate(rate(0.5)).with_recurrent_rate(rate(0.5));
    let (w, u) = ([0.3, -0.6, 0.8, 0.5], [0.9, 0.7, -1.1, 0.4]);
    let (b, d) = ([0.1, 1.2, -0.3, 0.6], [-0.2, 0.05, 0.4, -0.1]);
    for (name, device) in devices() {
        let network: Recurrent<LstmCell> = unit(&config, [&w, &u, &b, &d], &device);
        let mut c = -1.5;
        let state = RecurrentState {
            hidden: tensor(&[0.75], [1, 1, 1], &device),
            cell: Some(tensor(&[c], [1, 1, 1], &device)),
            step: 0,
        };
        let x = [0.5, -1.0, 2.0];
        let (out, after) =
            network.forward(tensor(&x, [1, 3, 1], &device), Some(state), &Pass::replay(&state_dropped()));
        let expected = x.map(|x| {
            let gate = |at: usize| w[at] * 2.0 * x + b[at] + d[at]; // no gate sees h, and c' = f c + i g sees c
            c = sigmoid(gate(1)) * c + sigmoid(gate(0)) * gate(2).tanh();
            sigmoid(gate(3)) * c.tanh()
        });
        assert_near(&values(out), &expected, OF_LARGEST, name);
        assert_near(&values(after.cell.unwrap()), &[c], OF_LARGEST, name);
    }
}

// What a state carries.

fn windows_are_the_sequence<C: RecurrentCell>(cell: &str) {
    for (name, device) in devices() {
        for (config, plain) in every_choice().into_iter().flat_map(|config| [(config.clone(), false), (config, true)]) {
            let network: Recurrent<C> = network(&config, &device, plain);
            let x = input(2, 7, &device);
            for pass in [Pass::network(KEY), Pass::train(KEY), Pass::mean()] {
                let whole = network.forward(x.clone(), None, &pass);
                for parts in [&[3, 4][..], &[1, 1, 5]] {
                    let (mut outs, mut state, mut at) = (Vec::new(), None, 0);
                    for &steps in parts {
                        let (out, next) = network.forward(x.clone().narrow(1, at, steps), state, &pass);
                        (state, at) = (Some(next), at + steps);
                        outs.push(out);
                    }
                    let found = (Tensor::cat(outs, 1), state.unwrap());
                    assert_eq!(found.1.step, 7);
                    let what = format!("{cell} on {name}, plain: {plain}, {parts:?}, {pass:?}: {config}");
                    assert_near(&all(&found), &all(&whole), OF_LARGEST, &what);
                }
            }
        }
    }
}

#[test]
fn a_sequence_in_windows_is_the_sequence_read_at_once() {
    each_cell!(windows_are_the_sequence);
}

#[test]
fn a_state_that_forgot_its_steps_gives_other_masks() {
    // What the test above is worth for ordinary dropout.
    let (_, device) = devices().swap_remove(0);
    let network: Recurrent<LstmCell> = network(&config().with_mask_time(MaskTime::Step), &device, false);
    let run = |step| {
        values(
            network.forward(input(2, 3, &device), Some(some_state(&network, 2, step, &device)), &Pass::network(KEY)).0,
        )
    };
    assert_ne!(run(0), run(4));
}

fn a_pass_remembers_nothing<C: RecurrentCell>(cell: &str) {
    for (name, device) in devices_and_autodiff() {
        let network: Recurrent<C> = network(&config().with_layers(2), &device, false);
        let run = |key| bits(network.forward(input(2, 5, &device), None, &Pass::network(key)).0);
        let first = run(KEY);
        assert_ne!(run(Key::new(9)), first, "{cell} on {name}");
        assert_eq!(run(KEY), first, "{cell} on {name}: a state is handed on by the caller alone");
    }
}

#[test]
fn no_state_is_carried_from_one_pass_into_another() {
    each_cell!(a_pass_remembers_nothing);
}

#[test]
fn back_propagation_ends_at_a_detached_state() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let network: Recurrent<LstmCell> = network(&config(), &device, false);
        let x = input(2, 3, &device).require_grad();
        let (_, state) = network.forward(x.clone(), None, &Pass::train(KEY));
        let gradient = |state: RecurrentState| {
            let (out, _) = network.forward(input(2, 3, &device), Some(state), &Pass::train(KEY));
            x.grad(&out.sum().backward())
        };
        assert!(gradient(state.clone()).is_some(), "{name}");
        assert!(gradient(state.detach()).is_none(), "{name}");
    }
}

// Rows and networks side by side.

fn folded_networks_are_those_alone<C: RecurrentCell>(cell: &str) {
    let keys = [1, 2, 3].map(Key::new);
    for (name, device) in devices() {
        let choices = every_choice().into_iter().map(|config| config.with_bidirectional(true));
        for (config, plain) in choices.flat_map(|config| [(config.clone(), false), (config, true)]) {
            let network: Recurrent<C> = network(&config, &device, plain);
            let (x, state) = (input(2, 5, &device), some_state(&network, 2, 3, &device));
            let tiled = |x: Tensor<3>| x.repeat(&[1, 3, 1]);
            let tiled =
                RecurrentState { hidden: tiled(state.hidden.clone()), cell: state.cell.clone().map(tiled), ..state };
            let together = Pass::networks(&keys, 2);
            let (out, last) =
                network.forward_padded(x.clone().repeat(&[3, 1, 1]), &[5, 2].repeat(3), Some(tiled), &together);
            for (at, &key) in keys.iter().enumerate() {
                let alone = network.forward_padded(x.clone(), &[5, 2], Some(state.clone()), &Pass::network(key));
                let part = |x: &Tensor<3>| x.clone().narrow(1, 2 * at, 2);
                let found = RecurrentState { hidden: part(&last.hidden), cell: last.cell.as_ref().map(part), ..last };
                let found = (out.clone().narrow(0, 2 * at, 2), found);
                let what = format!("{cell} on {name}, plain: {plain}, network {at}: {config}");
                assert_near(&all(&found), &all(&alone), OF_LARGEST, &what);
            }
        }
    }
}

#[test]
fn networks_on_the_batch_axis_give_what_each_gives_alone() {
    each_cell!(folded_networks_are_those_alone);
}

#[test]
fn gradients_of_networks_on_the_batch_axis_are_the_sums_of_those_alone() {
    let keys = [1, 2].map(Key::new);
    for (name, device) in devices() {
        let device = device.autodiff();
        let network: Recurrent<GruCell> = network(&config().with_weight_rate(rate(0.25)), &device, false);
        let factors = normal(7, [4, 5, HIDDEN], &device);
        let loss = |x: Tensor<3>, first: usize, pass: &Pass<'_>| {
            let rows = x.dims()[0];
            (network.forward(x, None, pass).0 * factors.clone().narrow(0, first, rows)).sum()
        };
        let x = input(4, 5, &device);
        let (together, _) = gradients(&network, loss(x.clone(), 0, &Pass::networks(&keys, 2)));
        let alone = [0, 1]
            .map(|at| gradients(&network, loss(x.clone().narrow(0, 2 * at, 2), 2 * at, &Pass::network(keys[at]))).0);
        for (path, found) in together {
            let sum: Vec<f64> = alone[0][&path].iter().zip(&alone[1][&path]).map(|(a, b)| a + b).collect();
            assert_near(&found, &sum, OF_LARGEST, &format!("{path} on {name}"));
        }
    }
}

/// Rows of lengths 6, 1, 4 and 3, what stands behind their ends, and factors of what they give.
const LENGTHS: [usize; 4] = [6, 1, 4, 3];

fn padded_rows_are_rows_alone<C: RecurrentCell>(cell: &str) {
    for (name, device) in devices() {
        let device = device.autodiff();
        let choices = every_choice().into_iter().filter(|config| config.weight_rate.is_zero());
        let choices = choices.map(|config| config.with_bidirectional(true));
        for (config, plain) in choices.flat_map(|config| [(config.clone(), false), (config, true)]) {
            let network: Recurrent<C> = network(&config, &device, plain);
            let what = |part: &str| format!("{cell} on {name}, plain: {plain}: {part}: {config}");
            let ends: Vec<f64> =
                LENGTHS.iter().flat_map(|&n| (0..6).map(move |t| f64::from(u8::from(t < n)))).collect();
            let active: Tensor<3> = tensor(&ends, [4, 6, 1], &device);
            let junk = normal(8, [4, 6, INPUTS], &device) * 1e3;
            let x = (input(4, 6, &device) * active.clone() + junk * (-active + 1.0)).require_grad();
            let (of_out, of_state) = (normal(5, [4, 6, 2 * HIDDEN], &device), normal(6, [4, 4, HIDDEN], &device));
            let loss = |out: &Tensor<3>, hidden: &Tensor<3>, row: usize, rows: usize| {
                let steps = out.dims()[1];
                let of_out = of_out.clone().narrow(0, row, rows).narrow(1, 0, steps);
                (out.clone() * of_out).sum() + (hidden.clone() * of_state.clone().narrow(1, row, rows)).sum()
            };
            let (out, last) = network.forward_padded(x.clone(), &LENGTHS, None, &Pass::rows(KEY, 0));
            let (of_parameters, tape) = gradients(&network, loss(&out, &last.hidden, 0, 4));
            let of_x = x.grad(&tape).unwrap();
            let mut sums: BTreeMap<String, Vec<f64>> = BTreeMap::new();
            for (row, &length) in LENGTHS.iter().enumerate() {
                let alone = x.clone().inner().narrow(0, row, 1).narrow(1, 0, length);
                let alone = alone.autodiff().require_grad();
                let (out_alone, last_alone) = network.forward(alone.clone(), None, &Pass::rows(KEY, row as u64));
                let (of_row, tape) = gradients(&network, loss(&out_alone, &last_alone.hidden, row, 1));
                let part = |x: &Tensor<3>| x.clone().narrow(1, row, 1);
                let found = RecurrentState { hidden: part(&last.hidden), cell: last.cell.as_ref().map(part), ..last };
                let found = (out.clone().narrow(0, row, 1).narrow(1, 0, length), found);
                assert_near(&all(&found), &all(&(out_alone, last_alone)), OF_LARGEST, &what("outputs and states"));
                let of_row_x = values(of_x.clone().narrow(0, row, 1).narrow(1, 0, length));
                assert_near(&of_row_x, &values(alone.grad(&tape).unwrap()), OF_LARGEST, &what("gradient of the input"));
                if length < 6 {
                    let behind = |x: Tensor<3>| values(x.narrow(0, row, 1).narrow(1, length, 6 - length));
                    assert!(behind(out.clone()).iter().all(|x| *x == 0.0), "{}", what("zeros behind the end"));
                    assert!(behind(of_x.clone()).iter().all(|x| *x == 0.0), "{}", what("no gradient"));
                }
                for (path, gradient) in of_row {
                    let sum = sums.entry(path).or_insert_with(|| vec![0.0; gradient.len()]);
                    sum.iter_mut().zip(gradient).for_each(|(sum, x)| *sum += x);
                }
            }
            for (path, sum) in sums {
                assert_near(&of_parameters[&path], &sum, OF_LARGEST, &what(&path));
            }
        }
    }
}

#[test]
fn a_padded_row_gives_what_it_gives_alone_and_so_do_gradients() {
    each_cell!(padded_rows_are_rows_alone);
}

#[test]
fn a_row_without_steps_keeps_its_state() {
    for (name, device) in devices() {
        for plain in [false, true] {
            let network: Recurrent<LstmCell> =
                network(&config().with_layers(2).with_bidirectional(true), &device, plain);
            let state = some_state(&network, 2, 0, &device);
            let (out, last) =
                network.forward_padded(input(2, 4, &device), &[0, 0], Some(state.clone()), &Pass::train(KEY));
            assert!(values(out).iter().all(|x| *x == 0.0), "{name}");
            assert_eq!(bits(last.hidden), bits(state.hidden), "{name}");
            assert_eq!(bits(last.cell.unwrap()), bits(state.cell.unwrap()), "{name}");
        }
    }
}

fn a_row_is_the_same_in_any_batch<C: RecurrentCell>(cell: &str) {
    for (name, device) in devices() {
        let network: Recurrent<C> = network(&config().with_weight_rate(rate(0.2)), &device, false);
        let x = input(5, 6, &device);
        let whole = network.forward(x.clone(), None, &Pass::network(KEY)).0;
        let alone = network.forward(x.narrow(0, 3, 1), None, &Pass::network(KEY)).0;
        assert_near(&values(alone), &values(whole.narrow(0, 3, 1)), OF_LARGEST, &format!("{cell} on {name}"));
    }
}

#[test]
fn a_row_is_read_alike_in_any_batch() {
    each_cell!(a_row_is_the_same_in_any_batch);
}

#[test]
fn tensors_in_any_layout_are_read_right() {
    for (name, device) in devices() {
        let device = device.autodiff();
        let network: Recurrent<LstmCell> = network(&config().with_gate_masks(GateMasks::Untied), &device, false);
        let state = some_state(&network, 4, 0, &device);
        // The same numbers, copied to stand row by row.
        let copy = |x: &Tensor<3>| {
            let data = TensorData::new(values(x.clone()), x.dims());
            Tensor::<3>::from_data(data, &device)
        };
        let run = |x: Tensor<3>, hidden: Tensor<3>, factors: Tensor<3>| {
            let (x, hidden) = (x.require_grad(), hidden.require_grad());
            let before = RecurrentState { hidden: hidden.clone(), ..state.clone() };
            let (out, _) = network.forward(x.clone(), Some(before), &Pass::train(KEY));
            // A factor that is no copy makes a gradient that is none.
            let (of_parameters, tape) = gradients(&network, (out.clone().swap_dims(0, 1) * factors).sum());
            (bits(out), bits(x.grad(&tape).unwrap()), bits(hidden.grad(&tape).unwrap()), of_parameters)
        };
        let x: Tensor<3> = normal(2, [6, 4, INPUTS], &device).swap_dims(0, 1); // by steps
        let hidden: Tensor<3> = normal(3, [HIDDEN, 4, 1], &device).permute([2, 1, 0]);
        let factors: Tensor<3> = normal(4, [HIDDEN, 4, 6], &device).permute([2, 1, 0]);
        let copied = run(copy(&x), copy(&hidden), copy(&factors));
        assert_eq!(run(x, hidden, factors), copied, "{name}");
    }
}

#[test]
fn a_rate_of_zero_draws_nothing() {
    for (name, device) in devices() {
        let network: Recurrent<LstmCell> =
            network(&RecurrentConfig::new(INPUTS, HIDDEN).with_layers(2), &device, false);
        let run = |pass: &Pass<'_>| bits(network.forward(input(2, 5, &device), None, pass).0);
        let mean = run(&Pass::mean());
        for pass in [Pass::train(KEY), Pass::network(KEY), Pass::rows(KEY, 0), Pass::network(Key::new(9))] {
            assert_eq!(run(&pass), mean, "{name}");
        }
        let draws = noted(|pass| drop(network.forward(input(2, 5, &device), None, pass)), Pass::train(KEY));
        assert!(draws.len() == 7 && draws.iter().all(|draw| draw.values.is_none()), "{name}: sites, noted");
    }
}

// The operation against the plain formulation.

/// Sizes and choices by a seed.
struct Sizes(Vec<f32>);

impl Sizes {
    fn new(seed: u64) -> Self {
        Self(Key::new(seed).fold_str("sizes").uniform(0, 1, 16))
    }

    /// From 1 to `most`.
    fn size(&mut self, most: usize) -> usize {
        1 + (self.0.pop().unwrap() * most as f32) as usize
    }

    fn is(&mut self) -> bool {
        self.size(2) == 1
    }
}

fn the_operation_is_the_plain_formulation<C: RecurrentCell>(cell: &str) {
    for (name, device) in devices().into_iter().filter(|(name, _)| !name.starts_with("wgpu")) {
        let device = device.autodiff();
        for seed in 0..24 {
            let mut sizes = Sizes::new(seed);
            // The last is large enough for several threads.
            let (rows, steps, hidden) = match seed {
                23 => (37, 3, 256),
                _ => (sizes.size(5), sizes.size(7), sizes.size(9)),
            };
            let config = RecurrentConfig::new(INPUTS, hidden)
                .with_layers(sizes.size(2))
                .with_bidirectional(sizes.is())
                .with_input_rate(if sizes.is() { rate(0.3) } else { Rate::ZERO })
                .with_recurrent_rate(if sizes.is() { rate(0.4) } else { Rate::ZERO })
                .with_weight_rate(if sizes.is() { rate(0.2) } else { Rate::ZERO })
                .with_gate_masks(if sizes.is() { GateMasks::Tied } else { GateMasks::Untied })
                .with_mask_time(if sizes.is() { MaskTime::Sequence } else { MaskTime::Step });
            let lengths: Option<Vec<usize>> =
                sizes.is().then(|| (0..rows).map(|row| (row * 5 + 3) % (steps + 1)).collect());
            let pass = if sizes.is() { Pass::train(KEY) } else { Pass::network(KEY) };
            let network: Recurrent<C> = network(&config, &device, false);
            let run = |network: &Recurrent<C>| {
                let x = input(rows, steps, &device).require_grad();
                let state = some_state(network, rows, 2, &device);
                let tracked = RecurrentState {
                    hidden: state.hidden.require_grad(),
                    cell: state.cell.map(Tensor::require_grad),
                    ..state
                };
                let given = Some(tracked.clone());
                let (out, last) = match &lengths {
                    Some(lengths) => network.forward_padded(x.clone(), lengths, given, &pass),
                    None => network.forward(x.clone(), given, &pass),
                };
                let weighed = |x: &Tensor<3>, seed| (x.clone() * normal(seed, x.dims(), &device)).sum();
                let mut loss = weighed(&out, 11) + weighed(&last.hidden, 12);
                if let Some(cell) = &last.cell {
                    loss = loss + weighed(cell, 13);
                }
                let (mut found, tape) = gradients(network, loss);
                let of_inputs = [("input", Some(x)), ("hidden", Some(tracked.hidden)), ("cell", tracked.cell)];
                for (name, x) in of_inputs.into_iter().filter_map(|(name, x)| Some((name, x?))) {
                    found.insert(name.to_string(), x.grad(&tape).map(values).unwrap_or_default());
                }
                found.insert("values".to_string(), all(&(out, last)));
                found
            };
            let (found, expected) = (run(&network), run(&network.clone().in_plain_formulation()));
            assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
            for (what, expected) in expected {
                let tolerance = if what == "values" { OF_FORMULATIONS } else { OF_GRADIENTS };
                assert_near(&found[&what], &expected, tolerance, &format!("{cell} on {name}, seed {seed}: {what}"));
            }
        }
    }
}

/// Of the largest value: the operation's tanh is right to 3e-7, and each step adds roundings to it.
const OF_FORMULATIONS: f64 = 1e-6;
/// Of the largest gradient, which is a sum over rows and steps of products of such numbers.
const OF_GRADIENTS: f64 = 5e-6;

#[test]
fn the_operation_gives_what_the_plain_formulation_gives() {
    each_cell!(the_operation_is_the_plain_formulation);
}
