//! The recurrence on slices of the host's memory, forwards and backwards.
//!
//! ```text
//! r_t = (h_{t-1} * m) U + b                                  one mask m for all gates, or one for each; none keeps all
//! LSTM   i, f, g, o = p_t + r_t;   c_t = s(f) c_{t-1} + s(i) tanh(g);   h_t = s(o) tanh(c_t)
//! GRU    r, z = s(p_t + r_t);      n = tanh(p_t + r r_t);               h_t = (1 - z) n + z h_{t-1}
//! Elman                                                                 h_t = tanh(p_t + r_t)
//! ```
//! `p` is the projected input. A product a step is unavoidable; the others are made once, over all steps.

use std::ops::Range;

use rayon::prelude::*;

use super::{
    Cell,
    math::{sigmoid, tanh},
};
use crate::ops::product::product;

/// The sizes of a sequence, and what is computed on it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    pub cell: Cell,
    /// Whether the last step comes first.
    pub reverse: bool,
    pub steps: usize,
    pub rows: usize,
    pub hidden: usize,
    /// `[steps, gates, rows]` of the mask, each of which may be 1 for all; none for no mask.
    pub mask: Option<[usize; 3]>,
    /// Whether some rows are shorter than the sequence.
    pub padded: bool,
}

/// What the recurrence reads.
#[derive(Clone, Copy)]
pub(crate) struct Inputs<'a> {
    /// `[steps, rows, gates * hidden]`
    pub projected: &'a [f32],
    /// `[hidden, gates * hidden]`
    pub weight: &'a [f32],
    /// `[gates * hidden]`
    pub bias: &'a [f32],
    /// `[rows, hidden]`
    pub hidden: &'a [f32],
    /// `[rows, hidden]`; not read by cells without one
    pub cell: &'a [f32],
    /// `[steps, gates, rows, hidden]` as the plan has it, scaled; not read without a mask
    pub mask: &'a [f32],
    /// `[steps, rows]`, 1 where a row has that step, else 0; not read where no row is padded
    pub active: &'a [f32],
}

/// What the way back needs to know of the way there.
#[derive(Debug, Default)]
pub(crate) struct Tape {
    /// The gates behind their functions: `[steps, rows, gates * hidden]`
    pub gates: Vec<f32>,
    /// The cell states of an LSTM; of a GRU, what its reset gate is multiplied with: `[steps, rows, hidden]`
    pub cells: Vec<f32>,
    /// The masked states: `[gates, steps, rows, hidden]`
    pub masked: Vec<f32>,
}

/// The gradients of what the recurrence reads.
#[derive(Debug, Default)]
pub(crate) struct Gradients {
    pub projected: Vec<f32>,
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
    pub hidden: Vec<f32>,
    pub cell: Vec<f32>,
}

impl Plan {
    fn gates(&self) -> usize {
        self.cell.gates()
    }

    /// Numbers of a state.
    fn state(&self) -> usize {
        self.rows * self.hidden
    }

    /// Numbers of a step's gates.
    fn wide(&self) -> usize {
        self.state() * self.gates()
    }

    /// For each mask of a step, the columns of the gates that it is for.
    fn columns(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let masks = self.mask.map_or(1, |[_, gates, _]| gates);
        let n = self.gates() * self.hidden / masks;
        (0..masks).map(move |mask| mask * n..(mask + 1) * n)
    }

    fn masks(&self) -> usize {
        self.mask.map_or(0, |[_, gates, _]| gates)
    }

    fn is_parallel(&self) -> bool {
        self.state() >= PARALLEL
    }

    /// The width of a row of the cell states, of those that a cell has.
    fn cell_width(&self) -> usize {
        if self.cell == Cell::Lstm { self.hidden } else { 0 }
    }

    /// The width of a row of what a cell keeps besides its gates.
    fn kept_width(&self) -> usize {
        if self.cell == Cell::Elman { 0 } else { self.hidden }
    }

    /// The output's shape: the states, with the initial one before the first step that is made, and the last cell state.
    pub(super) fn output(&self) -> [usize; 3] {
        [self.steps + 2, self.rows, self.hidden]
    }

    /// Steps in their order.
    fn order(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let (reverse, steps) = (self.reverse, self.steps);
        (0..steps).map(move |step| if reverse { steps - 1 - step } else { step })
    }

    /// Where, of the output's states, the one stands that a step reads, and the one that it makes.
    fn places(&self, step: usize) -> [usize; 2] {
        if self.reverse { [step + 1, step] } else { [step, step + 1] }
    }

    /// Where the initial state stands.
    fn initial(&self) -> usize {
        if self.reverse { self.steps } else { 0 }
    }

    /// The mask of a step, a gate and a row.
    fn mask_row<'a>(&self, mask: &'a [f32], step: usize, gate: usize, row: usize) -> &'a [f32] {
        let [steps, gates, rows] = self.mask.expect("a mask is asked for where there is one");
        let at = |n: usize, of: usize| if of == 1 { 0 } else { n };
        let place = (at(step, steps) * gates + at(gate, gates)) * rows + at(row, rows);
        &mask[place * self.hidden..][..self.hidden]
    }

    fn is_active(&self, active: &[f32], step: usize, row: usize) -> bool {
        !self.padded || active[step * self.rows + row] != 0.0
    }
}

/// The states, and with `keep` what the way back needs.
pub(crate) fn forward(plan: &Plan, inputs: &Inputs<'_>, keep: bool) -> (Vec<f32>, Tape) {
    let (state, wide, hidden) = (plan.state(), plan.wide(), plan.hidden);
    let kept = if keep { plan.steps } else { 1 };
    let mut output = vec![0.0; (plan.steps + 2) * state];
    let mut tape = Tape {
        gates: vec![0.0; kept * wide],
        cells: vec![0.0; kept * plan.rows * plan.kept_width()],
        masked: vec![0.0; plan.masks() * kept * state],
    };
    let mut recurrent = vec![0.0; wide];
    output[plan.initial() * state..][..state].copy_from_slice(inputs.hidden);
    let mut cell = inputs.cell[..plan.rows * plan.cell_width()].to_vec();
    for step in plan.order() {
        let at = if keep { step } else { 0 };
        let [from, to] = plan.places(step);
        let (before, after) = two(&mut output, from * state, to * state, state);
        for (mask, columns) in plan.columns().enumerate() {
            let states = match plan.mask {
                None => before,
                Some(_) => {
                    let masked = &mut tape.masked[(mask * kept + at) * state..][..state];
                    for (row, masked) in masked.chunks_mut(hidden).enumerate() {
                        let of_row = plan.mask_row(inputs.mask, step, mask, row);
                        let before = &before[row * hidden..][..hidden];
                        masked.iter_mut().zip(before).zip(of_row).for_each(|((masked, h), m)| *masked = h * m);
                    }
                    masked
                }
            };
            let width = wide / plan.rows;
            let (a, b) = ((states, [hidden, 1]), (&inputs.weight[columns.start..], [width, 1]));
            product([plan.rows, columns.len(), hidden], (&mut recurrent[columns.start..], width), a, b, false);
        }
        let projected = &inputs.projected[step * wide..][..wide];
        let kept_width = plan.kept_width();
        let rows = Rows::new(
            [
                &mut tape.gates[at * wide..][..wide],
                &mut tape.cells[at * plan.rows * kept_width..][..plan.rows * kept_width],
                after,
                &mut cell,
            ],
            [wide / plan.rows, kept_width, hidden, plan.cell_width()],
        );
        rows.each(plan.rows, plan.is_parallel(), |row, [gates, kept, out, cell]| {
            let before = &before[row * hidden..][..hidden];
            if !plan.is_active(inputs.active, step, row) {
                out.copy_from_slice(before);
                gates.fill(0.0);
                if plan.cell == Cell::Lstm {
                    kept.copy_from_slice(cell);
                }
                return;
            }
            let wide = row * gates.len()..(row + 1) * gates.len();
            let (p, r) = (&projected[wide.clone()], &recurrent[wide]);
            match plan.cell {
                Cell::Lstm => lstm_row(p, r, inputs.bias, gates, cell, kept, out),
                Cell::Gru => gru_row(p, r, inputs.bias, before, gates, kept, out),
                Cell::Elman => elman_row(p, r, inputs.bias, gates, out),
            }
        });
    }
    output[(plan.steps + 1) * state..][..cell.len()].copy_from_slice(&cell);
    (output, tape)
}

/// The gradients, from those of the output.
pub(crate) fn backward(plan: &Plan, inputs: &Inputs<'_>, tape: &Tape, output: &[f32], grads: &[f32]) -> Gradients {
    let (state, wide, hidden) = (plan.state(), plan.wide(), plan.hidden);
    let (width, kept_width, cell_width) = (wide / plan.rows, plan.kept_width(), plan.cell_width());
    let is_gru = plan.cell == Cell::Gru;
    let mut projected = vec![0.0; plan.steps * wide];
    // A reset gate stands between a GRU's candidate and its recurrent part: their gradients differ.
    let mut recurrent = vec![0.0; if is_gru { plan.steps * wide } else { 0 }];
    let mut of_hidden = vec![0.0; state];
    let mut of_cell = grads[(plan.steps + 1) * state..][..plan.rows * cell_width].to_vec();
    let (mut direct, mut through) = (vec![0.0; state], vec![0.0; state]);
    for step in plan.order().rev() {
        let [from, to] = plan.places(step);
        let (before, of_output) = (&output[from * state..][..state], &grads[to * state..][..state]);
        of_hidden.iter_mut().zip(of_output).for_each(|(sum, grad)| *sum += grad);
        let of_gates = &tape.gates[step * wide..][..wide];
        let kept = &tape.cells[step * plan.rows * kept_width..][..plan.rows * kept_width];
        // The cell state that the step read: that of the step before it, unless it is the first.
        let cell_before = match plan.cell {
            Cell::Lstm if from == plan.initial() => inputs.cell,
            Cell::Lstm => &tape.cells[if plan.reverse { step + 1 } else { step - 1 } * state..][..state],
            _ => &[],
        };
        let d_recurrent = if is_gru { &mut recurrent[step * wide..][..wide] } else { &mut [] };
        let rows = Rows::new(
            [&mut projected[step * wide..][..wide], d_recurrent, &mut direct, &mut of_cell],
            [width, if is_gru { width } else { 0 }, hidden, cell_width],
        );
        rows.each(plan.rows, plan.is_parallel(), |row, [dp, dr, direct, dc]| {
            let narrow = row * hidden..(row + 1) * hidden;
            let dh = &of_hidden[narrow.clone()];
            if !plan.is_active(inputs.active, step, row) {
                direct.copy_from_slice(dh); // what the gates got is zero, and stays so
                return;
            }
            let gates = &of_gates[row * width..][..width];
            match plan.cell {
                Cell::Lstm => {
                    direct.fill(0.0);
                    lstm_row_back(gates, &kept[narrow.clone()], &cell_before[narrow], dh, dc, dp);
                }
                Cell::Gru => gru_row_back(gates, &kept[narrow.clone()], &before[narrow], dh, dp, dr, direct),
                Cell::Elman => {
                    direct.fill(0.0);
                    elman_row_back(gates, dh, dp);
                }
            }
        });
        let d_recurrent = &if is_gru { &recurrent } else { &projected }[step * wide..][..wide];
        std::mem::swap(&mut of_hidden, &mut direct);
        for (mask, columns) in plan.columns().enumerate() {
            let (a, b) = ((&d_recurrent[columns.start..], [width, 1]), (&inputs.weight[columns.start..], [1, width]));
            product([plan.rows, hidden, columns.len()], (&mut through, hidden), a, b, false);
            for row in 0..plan.rows {
                let narrow = row * hidden..(row + 1) * hidden;
                let sums = of_hidden[narrow.clone()].iter_mut().zip(&through[narrow]);
                match plan.mask {
                    None => sums.for_each(|(sum, d)| *sum += d),
                    Some(_) => {
                        let mask = plan.mask_row(inputs.mask, step, mask, row);
                        sums.zip(mask).for_each(|((sum, d), m)| *sum += d * m);
                    }
                }
            }
        }
    }
    // Over all steps at once: the states that were read, against the gradients of what they became.
    let of_recurrent = if is_gru { &recurrent } else { &projected };
    let mut weight = vec![0.0; hidden * width];
    for (mask, columns) in plan.columns().enumerate() {
        let states = match plan.mask {
            None if plan.reverse => &output[state..],
            None => output,
            Some(_) => &tape.masked[mask * plan.steps * state..],
        };
        let (a, b) = ((states, [1, hidden]), (&of_recurrent[columns.start..], [width, 1]));
        let sizes = [hidden, columns.len(), plan.steps * plan.rows];
        product(sizes, (&mut weight[columns.start..], width), a, b, false);
    }
    let mut bias = vec![0.0; width];
    for grads in of_recurrent.chunks(width) {
        bias.iter_mut().zip(grads).for_each(|(sum, grad)| *sum += grad);
    }
    Gradients { projected, weight, bias, hidden: of_hidden, cell: of_cell }
}

#[inline(always)]
fn lstm_row(
    p: &[f32],
    r: &[f32],
    bias: &[f32],
    gates: &mut [f32],
    cell: &mut [f32],
    cell_out: &mut [f32],
    out: &mut [f32],
) {
    let n = out.len();
    let ([pi, pf, pg, po], [ri, rf, rg, ro]) = (four(p, n), four(r, n));
    let [bi, bf, bg, bo] = four(bias, n);
    let (gi, rest) = gates.split_at_mut(n);
    let (gf, rest) = rest.split_at_mut(n);
    let (gg, go) = rest.split_at_mut(n);
    let (go, cell, cell_out) = (&mut go[..n], &mut cell[..n], &mut cell_out[..n]);
    for j in 0..n {
        let i = sigmoid(pi[j] + ri[j] + bi[j]);
        let f = sigmoid(pf[j] + rf[j] + bf[j]);
        let g = tanh(pg[j] + rg[j] + bg[j]);
        let o = sigmoid(po[j] + ro[j] + bo[j]);
        let c = f * cell[j] + i * g;
        (gi[j], gf[j], gg[j], go[j]) = (i, f, g, o);
        cell[j] = c;
        cell_out[j] = c;
        out[j] = o * tanh(c);
    }
}

#[inline(always)]
fn lstm_row_back(gates: &[f32], cell: &[f32], before: &[f32], dh: &[f32], dc: &mut [f32], dp: &mut [f32]) {
    let n = dh.len();
    let [gi, gf, gg, go] = four(gates, n);
    let (di, rest) = dp.split_at_mut(n);
    let (df, rest) = rest.split_at_mut(n);
    let (dg, d_o) = rest.split_at_mut(n);
    let (cell, before, dc, d_o) = (&cell[..n], &before[..n], &mut dc[..n], &mut d_o[..n]);
    for j in 0..n {
        let (i, f, g, o) = (gi[j], gf[j], gg[j], go[j]);
        let t = tanh(cell[j]);
        let d = dc[j] + dh[j] * o * (1.0 - t * t);
        di[j] = d * g * i * (1.0 - i);
        df[j] = d * before[j] * f * (1.0 - f);
        dg[j] = d * i * (1.0 - g * g);
        d_o[j] = dh[j] * t * o * (1.0 - o);
        dc[j] = d * f;
    }
}

#[inline(always)]
fn gru_row(p: &[f32], r: &[f32], bias: &[f32], before: &[f32], gates: &mut [f32], kept: &mut [f32], out: &mut [f32]) {
    let n = out.len();
    let ([pr, pz, pn], [rr, rz, rn], [br, bz, bn]) = (three(p, n), three(r, n), three(bias, n));
    let (gr, rest) = gates.split_at_mut(n);
    let (gz, gn) = rest.split_at_mut(n);
    let (gn, kept, before) = (&mut gn[..n], &mut kept[..n], &before[..n]);
    for j in 0..n {
        let reset = sigmoid(pr[j] + rr[j] + br[j]);
        let z = sigmoid(pz[j] + rz[j] + bz[j]);
        let recurrent = rn[j] + bn[j];
        let new = tanh(pn[j] + reset * recurrent);
        (gr[j], gz[j], gn[j]) = (reset, z, new);
        kept[j] = recurrent;
        out[j] = (1.0 - z) * new + z * before[j];
    }
}

#[inline(always)]
fn gru_row_back(
    gates: &[f32],
    kept: &[f32],
    before: &[f32],
    dh: &[f32],
    dp: &mut [f32],
    dr: &mut [f32],
    direct: &mut [f32],
) {
    let n = dh.len();
    let [gr, gz, gn] = three(gates, n);
    let (dpr, rest) = dp.split_at_mut(n);
    let (dpz, dpn) = rest.split_at_mut(n);
    let (drr, rest) = dr.split_at_mut(n);
    let (drz, drn) = rest.split_at_mut(n);
    let (dpn, drn, direct) = (&mut dpn[..n], &mut drn[..n], &mut direct[..n]);
    let (kept, before) = (&kept[..n], &before[..n]);
    for j in 0..n {
        let (reset, z, new) = (gr[j], gz[j], gn[j]);
        let d_new = dh[j] * (1.0 - z) * (1.0 - new * new);
        let d_z = dh[j] * (before[j] - new) * z * (1.0 - z);
        let d_reset = d_new * kept[j] * reset * (1.0 - reset);
        (dpr[j], dpz[j], dpn[j]) = (d_reset, d_z, d_new);
        (drr[j], drz[j], drn[j]) = (d_reset, d_z, d_new * reset);
        direct[j] = dh[j] * z;
    }
}

#[inline(always)]
fn elman_row(p: &[f32], r: &[f32], bias: &[f32], gates: &mut [f32], out: &mut [f32]) {
    let n = out.len();
    let (p, r, bias, gates) = (&p[..n], &r[..n], &bias[..n], &mut gates[..n]);
    for j in 0..n {
        let h = tanh(p[j] + r[j] + bias[j]);
        gates[j] = h;
        out[j] = h;
    }
}

#[inline(always)]
fn elman_row_back(gates: &[f32], dh: &[f32], dp: &mut [f32]) {
    for ((d, h), dh) in dp.iter_mut().zip(gates).zip(dh) {
        *d = dh * (1.0 - h * h);
    }
}

/// Runs `f` with the vector instructions that this processor has. What `f` calls must be inlined to profit.
#[inline(always)]
fn fast<R>(f: impl FnOnce() -> R) -> R {
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx2")]
        fn with_avx2<R>(f: impl FnOnce() -> R) -> R {
            f()
        }
        if std::is_x86_feature_detected!("avx2") {
            // SAFETY: the processor was asked.
            return unsafe { with_avx2(f) };
        }
    }
    f()
}

fn four(x: &[f32], n: usize) -> [&[f32]; 4] {
    [&x[..n], &x[n..2 * n], &x[2 * n..3 * n], &x[3 * n..4 * n]]
}

fn three(x: &[f32], n: usize) -> [&[f32]; 3] {
    [&x[..n], &x[n..2 * n], &x[2 * n..3 * n]]
}

/// Two slices of one buffer that do not overlap: one to read, one to write.
fn two(buffer: &mut [f32], read: usize, write: usize, len: usize) -> (&[f32], &mut [f32]) {
    let (head, tail) = buffer.split_at_mut(read.max(write));
    match read < write {
        true => (&head[read..read + len], &mut tail[..len]),
        false => (&tail[..len], &mut head[write..write + len]),
    }
}

/// Numbers of a state below which another thread costs more than it brings.
const PARALLEL: usize = 1 << 13;

/// Some rows of several buffers, each with its width: nothing of a buffer of width 0.
struct Rows<'a, const N: usize> {
    buffers: [&'a mut [f32]; N],
    widths: [usize; N],
}

impl<'a, const N: usize> Rows<'a, N> {
    fn new(buffers: [&'a mut [f32]; N], widths: [usize; N]) -> Self {
        Self { buffers, widths }
    }

    /// The first `n` rows, and what is left.
    fn split(self, n: usize) -> [Self; 2] {
        let widths = self.widths;
        let mut rest = [(); N].map(|()| &mut [][..]);
        let mut at = 0;
        let first = self.buffers.map(|buffer| {
            let (first, others) = buffer.split_at_mut(n * widths[at]);
            rest[at] = others;
            at += 1;
            first
        });
        [Self::new(first, widths), Self::new(rest, widths)]
    }

    /// Runs `one` on each row, with its number, in as many threads as pay.
    fn each(self, rows: usize, parallel: bool, one: impl Fn(usize, [&mut [f32]; N]) + Sync) {
        let run = |first: usize, n: usize, rows: Self| {
            fast(|| {
                let mut rest = rows;
                for row in first..first + n {
                    let [this, others] = rest.split(1);
                    one(row, this.buffers);
                    rest = others;
                }
            });
        };
        if !parallel {
            return run(0, rows, self);
        }
        let together = rows.div_ceil(rayon::current_num_threads());
        let (mut blocks, mut rest) = (Vec::new(), self);
        for first in (0..rows).step_by(together) {
            let n = together.min(rows - first);
            let [this, others] = rest.split(n);
            blocks.push((first, n, this));
            rest = others;
        }
        blocks.into_par_iter().for_each(|(first, n, rows)| run(first, n, rows));
    }
}
