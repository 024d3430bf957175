//! Batches whose order and masks are functions of the run's key, the epoch and the batch.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::{Receiver, sync_channel},
    },
};

use burn::{
    data::{
        dataloader::{DataLoader, DataLoaderIterator, Progress},
        dataset::DatasetError,
    },
    tensor::{Device, Tensor, TensorData},
};

use rayon::prelude::*;

use crate::{
    error::{Error, Result},
    key::Key,
};

/// Inputs, targets and, if rows do not count alike, weights on the host, row by row.
#[derive(Clone, Debug)]
pub struct Examples {
    inputs: Vec<f32>,
    targets: Vec<f32>,
    weights: Option<Vec<f32>>,
    augmentation: Option<Augmentation>,
    /// How many texts go on side by side, from batch to batch.
    streams: Option<usize>,
    rows: usize,
    /// The number of the first row, among those of which these are a part.
    first: usize,
}

/// Changes the inputs and the targets of the row of a number by a key.
type Change = dyn Fn(usize, &mut [f32], &mut [f32], Key) + Send + Sync;

/// What changes a row whenever it trains.
#[derive(Clone)]
struct Augmentation {
    name: String,
    change: Arc<Change>,
}

impl std::fmt::Debug for Augmentation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Examples {
    /// Examples from the inputs `[rows, d_input]` and the targets `[rows, d_target]`. Classes are given one-hot, labels as 0 and 1.
    ///
    /// # Errors
    /// [`Error::NoRows`]; [`Error::Length`] if the numbers do not fill whole rows; [`Error::Value`] for a number that is not finite.
    pub fn new(inputs: Vec<f32>, targets: Vec<f32>, rows: usize) -> Result<Self> {
        if rows == 0 {
            return Err(Error::NoRows);
        }
        for (what, values) in [("inputs", &inputs), ("targets", &targets)] {
            if values.is_empty() || values.len() % rows != 0 {
                return Err(Error::length(
                    format!("numbers in the {what} of {rows} rows"),
                    values.len().div_ceil(rows).max(1) * rows,
                    values.len(),
                ));
            }
            if let Some(at) = values.iter().position(|x| !x.is_finite()) {
                let place = format!("{what}, row {}", at / (values.len() / rows));
                return Err(Error::Value { place, value: values[at].to_string(), expected: "a finite number" });
            }
        }
        Ok(Self { inputs, targets, weights: None, augmentation: None, streams: None, rows, first: 0 })
    }

    /// The same examples, each with a weight: a row of weight 2 counts as if it stood there twice, one of weight 0 does not count. Weights of classes
    /// are given as the weight of each row's class.
    ///
    /// They are scaled to a mean of 1 over the part. The loss of a step is the mean of `weight * loss` over the batch, and so is that of the validation.
    /// Batch normalisation sees all rows alike.
    ///
    /// # Errors
    /// [`Error::Length`] if there is not one for each row; [`Error::Value`] for one that is below 0 or not finite, and if all are 0.
    pub fn with_weights(self, weights: Vec<f32>) -> Result<Self> {
        if weights.len() != self.rows {
            return Err(Error::length(format!("weights of {} rows", self.rows), self.rows, weights.len()));
        }
        if let Some(row) = weights.iter().position(|weight| !(*weight >= 0.0 && weight.is_finite())) {
            let (place, value) = (format!("weights, row {row}"), weights[row].to_string());
            return Err(Error::Value { place, value, expected: "a finite number not below 0" });
        }
        let mean = weights.iter().map(|&weight| f64::from(weight)).sum::<f64>() / self.rows as f64;
        if mean == 0.0 {
            return Err(Error::Value {
                place: "weights".to_string(),
                value: "0".to_string(),
                expected: "above 0 in any row",
            });
        }
        let weights = weights.into_iter().map(|weight| (f64::from(weight) / mean) as f32).collect();
        Ok(Self { weights: Some(weights), ..self })
    }

    /// The same examples, whose inputs are changed by `change` whenever they train: a copy of a row, and a key of the run, the epoch and the row. Examples
    /// that validate are never changed. `name` says what is done: a training goes on from a checkpoint of the same name only.
    pub fn with_augmentation(
        self,
        name: impl Into<String>,
        change: impl Fn(&mut [f32], Key) + Send + Sync + 'static,
    ) -> Self {
        self.with_renewal(name, move |_, inputs, _, key| change(inputs, key))
    }

    /// The same for the targets, too: `change` gets the number of the row, copies of its inputs and of its targets, and the key.
    pub fn with_renewal(
        self,
        name: impl Into<String>,
        change: impl Fn(usize, &mut [f32], &mut [f32], Key) + Send + Sync + 'static,
    ) -> Self {
        Self { augmentation: Some(Augmentation { name: name.into(), change: Arc::new(change) }), ..self }
    }

    /// The same examples, as sequences that go on from batch to batch, so many side by side: each batch is the next `streams` rows, in every epoch, and
    /// row i of a batch goes on where row i of the last one ended ([`Streaming`](super::Streaming)).
    ///
    /// # Errors
    /// [`Error::Length`] if the last batch would not be full.
    pub fn in_streams(self, streams: usize) -> Result<Self> {
        if streams == 0 || !self.rows.is_multiple_of(streams) {
            let whole = self.rows.next_multiple_of(streams.max(1));
            return Err(Error::length(format!("rows of {streams} streams"), whole, self.rows));
        }
        Ok(Self { streams: Some(streams), ..self })
    }

    /// How many texts go on side by side.
    pub(super) fn streams(&self) -> Option<usize> {
        self.streams
    }

    /// What is done to rows that train; empty for nothing.
    pub(super) fn augmentation(&self) -> &str {
        self.augmentation.as_ref().map_or("", |augmentation| &augmentation.name)
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The number of inputs of a row.
    pub fn d_input(&self) -> usize {
        self.inputs.len() / self.rows
    }

    /// The number of targets of a row.
    pub fn d_target(&self) -> usize {
        self.targets.len() / self.rows
    }

    /// Some rows; those that train are augmented by the key of their epoch.
    pub(super) fn batch(&self, rows: &[usize], augment_key: Option<Key>, mask_key: Key, device: &Device) -> TrainBatch {
        let gather = |values: &[f32]| -> Vec<f32> {
            let width = values.len() / self.rows;
            rows.iter().flat_map(|row| &values[row * width..][..width]).copied().collect()
        };
        let tensor = |values: Vec<f32>| {
            let width = values.len() / rows.len();
            Tensor::<2>::from_data(TensorData::new(values, [rows.len(), width]), device)
        };
        let (mut inputs, mut targets) = (gather(&self.inputs), gather(&self.targets));
        if let (Some(augmentation), Some(key)) = (&self.augmentation, augment_key) {
            let both = inputs.par_chunks_mut(self.d_input()).zip(targets.par_chunks_mut(self.d_target()));
            both.zip(rows).for_each(|((inputs, targets), &row)| {
                (augmentation.change)(self.first + row, inputs, targets, key.fold(row as u64));
            });
        }
        let weights = self.weights.as_ref().map(|weights| tensor(gather(weights)).squeeze_dim(1));
        TrainBatch { inputs: tensor(inputs), targets: tensor(targets), weights, mask_key }
    }
}

/// What a step sees: some rows, and the key of their masks.
#[derive(Clone, Debug)]
pub struct TrainBatch {
    /// `[rows, d_input]`
    pub inputs: Tensor<2>,
    /// `[rows, d_target]`
    pub targets: Tensor<2>,
    /// `[rows]`, of mean 1 over the part; none counts all rows alike.
    pub weights: Option<Tensor<1>>,
    /// For [`Pass::train`](crate::Pass::train).
    pub mask_key: Key,
}

/// A `DataLoader` for burn-train that derives everything from keys. burn-train asks for an iterator once an epoch: the loader counts.
#[derive(Debug)]
pub struct KeyedLoader {
    examples: Arc<Examples>,
    batch_size: usize,
    workers: usize,
    run: Option<Key>,
    device: Device,
    epoch: AtomicUsize,
}

impl KeyedLoader {
    /// Batches in an order of their own in each epoch, the first of which is `first_epoch`. Those of [streams](Examples::in_streams) keep theirs, and their
    /// size.
    ///
    /// # Panics
    /// When it is iterated with a batch size of zero.
    pub fn shuffled(
        examples: Arc<Examples>,
        batch_size: usize,
        run: Key,
        first_epoch: usize,
        workers: usize,
        device: &Device,
    ) -> Self {
        Self {
            batch_size: examples.streams.unwrap_or(batch_size),
            examples,
            workers,
            run: Some(run),
            device: device.clone(),
            epoch: AtomicUsize::new(first_epoch),
        }
    }

    /// Batches in the order of the rows, for validation.
    ///
    /// # Panics
    /// When it is iterated with a batch size of zero.
    pub fn in_order(examples: Arc<Examples>, batch_size: usize, device: &Device) -> Self {
        let batch_size = examples.streams.unwrap_or(batch_size);
        Self { examples, batch_size, workers: 0, run: None, device: device.clone(), epoch: AtomicUsize::new(1) }
    }

    /// Batches in an epoch.
    pub(super) fn steps(&self) -> usize {
        batches(self.examples.rows, self.batch_size).len()
    }

    fn with(&self, examples: Arc<Examples>, run: Option<Key>, device: &Device) -> Arc<dyn DataLoader<TrainBatch>> {
        let epoch = AtomicUsize::new(self.epoch.load(Ordering::SeqCst));
        Arc::new(Self { examples, run, device: device.clone(), epoch, ..*self })
    }
}

impl DataLoader<TrainBatch> for KeyedLoader {
    fn iter<'a>(&'a self) -> Box<dyn DataLoaderIterator<TrainBatch> + 'a> {
        let epoch = self.epoch.fetch_add(1, Ordering::SeqCst);
        let rows = self.examples.rows;
        let plan = Arc::new(Epoch {
            order: match self.run {
                Some(run) if self.examples.streams.is_none() => {
                    run.fold_str("order").fold(epoch as u64).permutation(rows)
                }
                _ => (0..rows).collect(),
            },
            mask_key: self.run.unwrap_or(Key::new(0)).fold_str("mask").fold(epoch as u64),
            augment_key: self.run.map(|run| run.fold_str("augment").fold(epoch as u64)),
            batches: batches(rows, self.batch_size),
            examples: self.examples.clone(),
            device: self.device.clone(),
        });
        let workers = self.workers.min(plan.batches.len());
        let workers = (0..workers).map(|worker| plan.clone().produce(worker, workers)).collect();
        Box::new(Batches { plan, workers, next: 0, done: 0 })
    }

    fn num_items(&self) -> usize {
        self.examples.rows
    }

    fn to_device(&self, device: &Device) -> Arc<dyn DataLoader<TrainBatch>> {
        self.with(self.examples.clone(), self.run, device)
    }

    /// Part of the rows, for training on several devices. The parts draw other masks and orders than the whole.
    fn slice(&self, start: usize, end: usize) -> Arc<dyn DataLoader<TrainBatch>> {
        let part = |values: &[f32]| {
            let width = values.len() / self.examples.rows;
            values[start * width..end * width].to_vec()
        };
        let (inputs, targets) = (part(&self.examples.inputs), part(&self.examples.targets));
        let weights = self.examples.weights.as_deref().map(part);
        let run = self.run.map(|run| run.fold_str("slice").fold(start as u64));
        let augmentation = self.examples.augmentation.clone();
        let first = self.examples.first + start;
        let examples = Examples { inputs, targets, weights, augmentation, streams: None, rows: end - start, first };
        self.with(Arc::new(examples), run, &self.device)
    }
}

/// Everything that a batch of one epoch is a function of.
struct Epoch {
    order: Vec<usize>,
    mask_key: Key,
    augment_key: Option<Key>,
    batches: Vec<Range<usize>>,
    examples: Arc<Examples>,
    device: Device,
}

impl Epoch {
    fn batch(&self, number: usize) -> TrainBatch {
        let rows = &self.order[self.batches[number].clone()];
        self.examples.batch(rows, self.augment_key, self.mask_key.fold(number as u64), &self.device)
    }

    /// Prepares every `workers`-th batch in a thread. Batches are taken from the workers in turn: their order does not depend on who is first.
    fn produce(self: Arc<Self>, worker: usize, workers: usize) -> Receiver<TrainBatch> {
        let (sender, receiver) = sync_channel(2);
        std::thread::spawn(move || {
            for number in (worker..self.batches.len()).step_by(workers) {
                if sender.send(self.batch(number)).is_err() {
                    break; // the training stopped, and nobody listens
                }
            }
        });
        receiver
    }
}

struct Batches {
    plan: Arc<Epoch>,
    workers: Vec<Receiver<TrainBatch>>,
    next: usize,
    done: usize,
}

impl Iterator for Batches {
    type Item = std::result::Result<TrainBatch, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.plan.batches.get(self.next)?.clone();
        let batch = match self.workers.len() {
            0 => self.plan.batch(self.next),
            n => self.workers[self.next % n].recv().expect("a worker sends all its batches"),
        };
        (self.next, self.done) = (self.next + 1, rows.end);
        Some(Ok(batch))
    }
}

impl DataLoaderIterator<TrainBatch> for Batches {
    fn progress(&self) -> Progress {
        Progress::new(self.done, self.plan.order.len(), Some("rows".into()))
    }
}

/// Positions of each batch. A single row left over joins the batch before it: batch normalisation of one row is none.
fn batches(rows: usize, size: usize) -> Vec<Range<usize>> {
    let mut batches: Vec<_> = (0..rows).step_by(size).map(|start| start..rows.min(start + size)).collect();
    if let [.., _, last] = &batches[..]
        && (last.len(), size > 1) == (1, true)
    {
        batches.pop();
        batches.last_mut().expect("there were two").end = rows;
    }
    batches
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;
    use crate::{nn::DropoutConfig, pass::Pass};

    fn loader(workers: usize) -> KeyedLoader {
        let values: Vec<f32> = (0..101).map(|i| i as f32).collect();
        let examples = Arc::new(Examples::new(values.clone(), values, 101).unwrap());
        KeyedLoader::shuffled(examples, 20, Key::new(7), 1, workers, &Device::flex())
    }

    fn rows(batch: &TrainBatch) -> Vec<f32> {
        batch.inputs.clone().try_into_vec_as().unwrap()
    }

    fn epoch(loader: &KeyedLoader) -> Vec<TrainBatch> {
        loader.iter().map(|batch| batch.unwrap()).collect()
    }

    #[test]
    fn an_epoch_holds_each_row_once_and_leaves_no_row_alone() {
        let batches = epoch(&loader(0));
        assert_eq!(batches.iter().map(|batch| batch.inputs.dims()[0]).collect::<Vec<_>>(), [20, 20, 20, 20, 21]);
        let mut all: Vec<f32> = batches.iter().flat_map(rows).collect();
        all.sort_by(f32::total_cmp);
        assert!(all.iter().enumerate().all(|(i, &row)| row == i as f32));
    }

    #[test]
    fn batches_of_one_row_are_that_where_they_were_asked_for() {
        assert_eq!(batches(3, 1), [0..1, 1..2, 2..3]);
        assert_eq!(batches(2, 20).len(), 1);
    }

    #[test]
    fn a_row_gets_another_place_and_another_mask_in_the_next_epoch() {
        let loader = loader(0);
        let (first, second) = (epoch(&loader), epoch(&loader));
        assert_ne!(rows(&first[0]), rows(&second[0]));
        let dropout = DropoutConfig::new(0.5).init();
        let masks = |batch: &TrainBatch| -> Vec<f32> {
            let ones = Tensor::<2>::ones([20, 50], &Device::flex());
            dropout.forward(ones, &Pass::train(batch.mask_key)).try_into_vec_as().unwrap()
        };
        assert_ne!(masks(&first[0]), masks(&second[0]));
        assert_ne!(masks(&first[0]), masks(&first[1]));
    }

    #[test]
    fn the_number_of_workers_changes_nothing() {
        let all = |workers: usize| {
            let loader = loader(workers);
            let epochs = [epoch(&loader), epoch(&loader)].concat();
            epochs.iter().map(|batch| (rows(batch), batch.mask_key)).collect::<Vec<_>>()
        };
        assert_eq!(all(0), all(1));
        assert_eq!(all(0), all(3));
    }

    #[test]
    fn a_training_that_resumes_goes_on_with_the_order_of_its_epoch() {
        let whole = loader(0);
        epoch(&whole);
        let values: Vec<f32> = (0..101).map(|i| i as f32).collect();
        let examples = Arc::new(Examples::new(values.clone(), values, 101).unwrap());
        let resumed = KeyedLoader::shuffled(examples, 20, Key::new(7), 2, 0, &Device::flex());
        assert_eq!(rows(&epoch(&whole)[0]), rows(&epoch(&resumed)[0]));
    }

    #[test]
    fn rows_that_train_are_augmented_by_epoch_and_row_and_rows_that_validate_are_not() {
        let values: Vec<f32> = (0..101).map(|i| i as f32).collect();
        let noisy = || {
            let examples = Examples::new(values.clone(), values.clone(), 101).unwrap();
            let noise = |input: &mut [f32], key: Key| input[0] += 0.5 * key.uniform(0, 1, 1)[0];
            Arc::new(examples.with_augmentation("noise", noise))
        };
        let by_row = |batches: Vec<TrainBatch>| {
            let numbers = |tensor: Tensor<2>| tensor.try_into_vec_as::<f32>().unwrap();
            let mut all: Vec<(f32, f32)> = batches
                .into_iter()
                .flat_map(|batch| numbers(batch.targets).into_iter().zip(numbers(batch.inputs)))
                .collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0));
            all.into_iter().map(|(row, input)| input - row).collect::<Vec<f32>>()
        };
        let epochs = |workers: usize, size: usize| {
            let loader = KeyedLoader::shuffled(noisy(), size, Key::new(7), 1, workers, &Device::flex());
            [by_row(epoch(&loader)), by_row(epoch(&loader))]
        };
        let [first, second] = epochs(0, 20);
        assert!(first.iter().all(|noise| (0.0..0.5).contains(noise)));
        assert!(first.iter().zip(&second).all(|(a, b)| a != b), "an epoch of its own");
        assert!((1..101).all(|row| first[row] != first[row - 1]), "a row of its own");
        assert_eq!(epochs(3, 33), [first, second], "whatever the workers and the batch");
        let in_order = KeyedLoader::in_order(noisy(), 20, &Device::flex());
        assert!(by_row(epoch(&in_order)).iter().all(|noise| *noise == 0.0));
    }

    #[test]
    fn a_renewed_row_has_other_targets_too_and_knows_its_number_in_a_slice() {
        let values: Vec<f32> = (0..101).map(|i| i as f32).collect();
        let examples = Examples::new(values.clone(), values, 101).unwrap();
        let examples = Arc::new(examples.with_renewal("numbers", |row, input, target, _| {
            assert_eq!(input[0], row as f32);
            target[0] = 1000.0 + row as f32;
        }));
        let whole = KeyedLoader::shuffled(examples, 20, Key::new(7), 1, 0, &Device::flex());
        let pairs = |loader: &dyn DataLoader<TrainBatch>| {
            let numbers = |tensor: Tensor<2>| tensor.try_into_vec_as::<f32>().unwrap();
            let batches: Vec<TrainBatch> = loader.iter().map(|batch| batch.unwrap()).collect();
            let pairs = batches.into_iter().flat_map(|b| numbers(b.inputs).into_iter().zip(numbers(b.targets)));
            pairs.collect::<Vec<_>>()
        };
        let slice = whole.slice(30, 60);
        let (all, some) = (pairs(&whole), pairs(&*slice.slice(10, 30)));
        assert!(all.len() == 101 && all.iter().all(|(input, target)| *target == 1000.0 + input));
        assert!(some.len() == 20 && some.iter().all(|(input, target)| *target == 1000.0 + input && *input >= 40.0));
    }

    #[test]
    fn a_number_that_is_none_is_refused_by_row() {
        let error = Examples::new(vec![0.0, 1.0, f32::NAN, 3.0], vec![0.0, 0.0], 2).unwrap_err();
        assert_eq!(error.to_string(), "inputs, row 1: `NaN` is not a finite number");
    }
}
