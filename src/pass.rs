//! The one idea of this crate: what is random in a forward pass is an argument of the pass.
//!
//! ```text
//! model.forward(x, &Pass::mean());            // no draws: dropout is the identity; running statistics
//! model.forward(x, &Pass::train(key));        // a fresh mask for each row; batch statistics, updated
//! model.forward(x, &Pass::network(key));      // one sampled network, the same for every row; running statistics
//! model.forward(x, &Pass::rows(key, first));  // a mask for each row; running statistics
//! model.forward(x, &Pass::replay(&source));   // given draws: recorded, hand-written, from PyTorch
//! ```
//! The device says nothing: a pass means the same on an inner and on an autodiff device.

use burn::tensor::{Device, Tensor, TensorData};

use crate::{error::Error, key::Key, rate::Rate, replay::Recorder};

/// What a layer may ask of a pass, entry by entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Law {
    /// 1 with probability `1 - rate`, else 0. Unscaled: the layer scales.
    Bernoulli(Rate),
    /// Uniform on the open interval (0, 1).
    Uniform,
    /// Normal with mean 0 and variance 1.
    Normal,
}

/// Which statistics batch normalisation uses in a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistics {
    /// The running statistics, which the pass leaves alone.
    Running,
    /// The statistics of the batch; the running ones are left alone.
    Batch,
    /// The statistics of the batch, which also move the running ones: training.
    BatchUpdate,
}

/// Somebody else's draws, to be used instead of a key's.
pub trait Source: Send + Sync {
    /// The draw at `site`, or `None` where the pass shall not draw (the layer is then the identity).
    ///
    /// # Shapes
    /// - `shape`: `[rows, ...]`
    /// - draw: `shape`, or `[1, ...]` to be shared by all rows
    fn draw(&self, site: &Site<'_>, law: Law, shape: &[usize]) -> Option<TensorData>;
}

/// Where in a model a draw is made: the field path of the module that draws, such as `layers.0.dropout`.
///
/// Masks are keyed by this path. So repeated modules never share a mask, and adding a dropout changes no existing mask.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    parent: Option<&'a Site<'a>>,
    segment: Segment<'a>,
    hash: Key,
}

/// One step of a path: a field's name, or an index into a list of modules.
#[derive(Clone, Copy, Debug)]
pub enum Segment<'a> {
    /// The name of a field.
    Name(&'a str),
    /// A position in a list.
    Index(usize),
}

impl<'a> From<&'a str> for Segment<'a> {
    fn from(name: &'a str) -> Self {
        Self::Name(name)
    }
}

impl From<usize> for Segment<'_> {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl Site<'_> {
    const ROOT: Self = Site { parent: None, segment: Segment::Name(""), hash: Key::new(0) };

    /// A number for this path: equal paths have equal numbers, in every run and on every machine.
    pub fn hash(&self) -> u64 {
        self.hash.to_u64()
    }

    fn is_root(&self) -> bool {
        self.parent.is_none()
    }
}

impl std::fmt::Display for Site<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(parent) = self.parent else { return Ok(()) };
        parent.fmt(f)?;
        if !parent.is_root() {
            f.write_str(".")?;
        }
        match self.segment {
            Segment::Name(name) => f.write_str(name),
            Segment::Index(index) => index.fmt(f),
        }
    }
}

/// A forward pass: what is drawn, what rows share, which statistics, and where in the model we are.
///
/// `Copy`, and without an allocation. A module hands it to its children with their names: `pass.at("dropout")`.
///
/// # Examples
/// ```
/// use burn_zoo::{Key, Pass};
///
/// let pass = Pass::network(Key::new(7));
/// let (layers, first) = (pass.at("layers"), 0);
/// assert_eq!(layers.at(first).at("dropout").site().to_string(), "layers.0.dropout");
/// ```
#[derive(Clone, Copy)]
pub struct Pass<'a> {
    draws: Draws<'a>,
    statistics: Statistics,
    site: Site<'a>,
    again: bool,
    recorder: Option<&'a Recorder>,
}

#[derive(Clone, Copy)]
enum Draws<'a> {
    Nothing,
    Batch(Key),
    Rows { key: Key, first: u64 },
    Network(Key),
    Networks { keys: &'a [Key], rows_each: usize },
    Source(&'a dyn Source),
}

impl<'a> Pass<'a> {
    fn new(draws: Draws<'a>, statistics: Statistics) -> Self {
        Self { draws, statistics, site: Site::ROOT, again: false, recorder: None }
    }

    /// Draws nothing: the mean network, with dropout as the identity and running statistics.
    pub fn mean() -> Self {
        Self::new(Draws::Nothing, Statistics::Running)
    }

    /// Training: a mask for each row (of weights: one for the batch), statistics of the batch, which move the running ones. Fold
    /// `mask_key` by epoch and batch.
    pub fn train(mask_key: Key) -> Self {
        Self::new(Draws::Batch(mask_key), Statistics::BatchUpdate)
    }

    /// One network, drawn from `key`, for every row of every batch.
    ///
    /// A row's prediction then does not depend on its batch, and sampled curves are functions (Gal & Ghahramani 2016a).
    pub fn network(key: Key) -> Self {
        Self::new(Draws::Network(key), Statistics::Running)
    }

    /// A network for each row, where the first row of the batch has the number `first` in the data.
    pub fn rows(key: Key, first: u64) -> Self {
        Self::new(Draws::Rows { key, first }, Statistics::Running)
    }

    /// Several networks on the batch axis, each for `rows_each` rows: what `network(keys[i])` gives, in one pass.
    pub fn networks(keys: &'a [Key], rows_each: usize) -> Self {
        Self::new(Draws::Networks { keys, rows_each }, Statistics::Running)
    }

    /// Given draws.
    pub fn replay(source: &'a dyn Source) -> Self {
        Self::new(Draws::Source(source), Statistics::Running)
    }

    /// The same pass with other statistics.
    pub fn with_statistics(self, statistics: Statistics) -> Self {
        Self { statistics, ..self }
    }

    /// The same pass, noted by `recorder`.
    pub fn recorded(self, recorder: &'a Recorder) -> Self {
        Self { recorder: Some(recorder), ..self }
    }

    /// The same pass, at a site that is drawn at more than once on purpose: the draw is the same each time.
    pub fn again(self) -> Self {
        Self { again: true, ..self }
    }

    /// The pass at a child of this site.
    pub fn at<'s>(&'s self, segment: impl Into<Segment<'s>>) -> Pass<'s> {
        let segment = segment.into();
        let hash = match segment {
            Segment::Name(name) => self.site.hash.fold_str(name),
            Segment::Index(index) => self.site.hash.fold_str(decimal(index, &mut [0; 20])),
        };
        Pass { site: Site { parent: Some(&self.site), segment, hash }, ..*self }
    }

    /// Where in the model the pass is.
    pub fn site(&self) -> &Site<'a> {
        &self.site
    }

    /// Which statistics batch normalisation shall use.
    pub fn statistics(&self) -> Statistics {
        self.statistics
    }

    /// Draws here, or gives `None` where the pass draws nothing: the layer is then the identity. A rate of zero draws nothing,
    /// but is noted as a draw.
    ///
    /// # Shapes
    /// - `shape`: `[rows, ...]`, the entries that the layer needs, rows first
    /// - draw: `shape`, or `[1, ...]` where all rows share it
    ///
    /// # Panics
    /// If `rows` is not the number of rows that a pass of several networks was made for, or if a [`Source`] gives another shape.
    pub fn draw<const D: usize>(&self, law: Law, shape: [usize; D], device: &Device) -> Option<Tensor<D>> {
        let data = self.noted(law, &shape, |pass| {
            pass.assert_rows(shape[0]);
            pass.data(law, &shape)
        })?;
        let per_row = data.shape()[0];
        let tensor = Tensor::<D>::from_data(data, &device.clone().inner());
        match self.draws {
            Draws::Networks { rows_each, .. } if per_row != shape[0] => {
                let width = shape[1..].iter().product();
                let tensor: Tensor<3> = tensor.reshape([per_row, 1, width]);
                Some(tensor.expand([per_row, rows_each, width]).reshape(shape))
            }
            _ => Some(tensor),
        }
    }

    /// Draws here a mask of weights, which all rows of a network share, or gives `None` as [`draw`](Self::draw) does. A network draws the
    /// same one whatever its batch; in training it is one for the batch, drawn as that of the network of the batch's key.
    ///
    /// # Shapes
    /// - `shape`: `[1, ...]`, then the weight's own axes
    /// - draw: `[networks, ...]`: 1, or the number of keys of a pass of several [`networks`](Self::networks)
    ///
    /// # Panics
    /// In a pass over [`rows`](Self::rows), which has a network for each row: weights are not drawn by row. With a recorder nothing is
    /// drawn there, and [`Recorder::audit`] gives the error. And if a [`Source`] gives another shape.
    pub fn draw_weights<const D: usize>(&self, law: Law, shape: [usize; D], device: &Device) -> Option<Tensor<D>> {
        assert_eq!(shape[0], 1, "the shape of a mask of weights begins with 1");
        let data = self.noted(law, &shape, |pass| match (pass.draws, pass.recorder) {
            (Draws::Batch(key), _) => Pass { draws: Draws::Network(key), ..*pass }.data(law, &shape),
            (Draws::Rows { .. }, Some(recorder)) => {
                recorder.note_weights_by_row(&pass.site);
                None
            }
            (Draws::Rows { .. }, None) => panic!("{}", Error::WeightMaskByRow { site: pass.site.to_string() }),
            _ => pass.data(law, &shape),
        })?;
        Some(Tensor::from_data(data, &device.clone().inner()))
    }

    /// The entries, of `width` a row, that dropout with this rate keeps here: what a thinned network is made of. `None` where rows or
    /// networks have masks of their own. To ask is not to draw: a recorder notes nothing.
    ///
    /// # Panics
    /// If a [`Source`] gives another width.
    pub fn kept(&self, rate: Rate, width: usize) -> Option<Vec<usize>> {
        let law = Law::Bernoulli(rate);
        let mask = match self.draws {
            _ if rate.is_zero() => return Some((0..width).collect()),
            Draws::Batch(_) | Draws::Rows { .. } => return None,
            Draws::Source(source) => source.draw(&self.site, law, &[1, width]),
            _ => self.data(law, &[1, width]),
        };
        let Some(mask) = mask else { return Some((0..width).collect()) };
        if mask.shape()[0] != 1 {
            return None;
        }
        let values: Vec<f32> = mask.iter::<f32>().collect();
        assert_eq!(values.len(), width, "`{}` has {width} units, the source gives {}", self.site, values.len());
        Some((0..width).filter(|&unit| values[unit] != 0.0).collect())
    }

    /// That a batch has the rows that a pass of several networks was made for.
    pub(crate) fn assert_rows(&self, found: usize) {
        if let Draws::Networks { keys, rows_each } = self.draws {
            let rows = keys.len() * rows_each;
            assert_eq!(found, rows, "`{}` draws for {found} rows, the pass is for {rows}", self.site);
        }
    }

    /// What `draw` draws, noted; of a rate of zero, nothing.
    fn noted(&self, law: Law, shape: &[usize], draw: impl FnOnce(&Self) -> Option<TensorData>) -> Option<TensorData> {
        let data = match law {
            Law::Bernoulli(rate) if rate.is_zero() => None,
            _ => draw(self),
        };
        if let Some(recorder) = self.recorder {
            recorder.note(&self.site, law, shape, self.again, data.as_ref());
        }
        data
    }

    /// The draw of a whole batch; of one row where all rows of a network share it.
    fn data(&self, law: Law, shape: &[usize]) -> Option<TensorData> {
        let width = shape[1..].iter().product();
        let values = |key: Key, first, rows| {
            let key = key.fold(self.site.hash());
            match law {
                Law::Bernoulli(rate) => key.bernoulli(rate, first, rows, width),
                Law::Uniform => key.uniform(first, rows, width),
                Law::Normal => key.normal(first, rows, width),
            }
        };
        let (values, rows) = match self.draws {
            Draws::Nothing => return None,
            Draws::Batch(key) => (values(key, 0, shape[0]), shape[0]),
            Draws::Rows { key, first } => (values(key, first, shape[0]), shape[0]),
            Draws::Network(key) => (values(key, 0, 1), 1),
            Draws::Networks { keys, .. } => (keys.iter().flat_map(|&key| values(key, 0, 1)).collect(), keys.len()),
            Draws::Source(source) => {
                let data = source.draw(&self.site, law, shape)?;
                let fits = data.shape().len() == shape.len()
                    && (data.shape()[0] == 1 || data.shape()[0] == shape[0])
                    && data.shape()[1..] == shape[1..];
                assert!(fits, "`{}` draws {shape:?}, the source gives {:?}", self.site, data.shape().as_slice());
                return Some(data);
            }
        };
        let mut drawn = shape.to_vec();
        drawn[0] = rows;
        Some(TensorData::new(values, drawn))
    }

    /// The keys of passes that draw one network each, and differ in nothing else: they may share a batch. Batch statistics may not.
    pub(crate) fn network_keys(passes: &[Pass<'_>]) -> Option<Vec<Key>> {
        let first = passes.first()?;
        passes
            .iter()
            .map(|pass| match pass.draws {
                Draws::Network(key)
                    if pass.recorder.is_none()
                        && pass.site.hash == first.site.hash
                        && pass.statistics == Statistics::Running =>
                {
                    Some(key)
                }
                _ => None,
            })
            .collect()
    }

    /// This pass with other draws: the same site, statistics and recorder.
    pub(crate) fn with_networks<'s>(&self, keys: &'s [Key], rows_each: usize) -> Pass<'s>
    where
        'a: 's,
    {
        Pass { draws: Draws::Networks { keys, rows_each }, ..*self }
    }
}

impl std::fmt::Debug for Pass<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let draws = match self.draws {
            Draws::Nothing => "mean".to_string(),
            Draws::Batch(key) => format!("training by {key:?}"),
            Draws::Rows { key, first } => format!("rows from {first} of {key:?}"),
            Draws::Network(key) => format!("network of {key:?}"),
            Draws::Networks { keys, rows_each } => format!("{} networks of {rows_each} rows", keys.len()),
            Draws::Source(_) => "replay".to_string(),
        };
        write!(f, "Pass({draws}, {:?}, at `{}`)", self.statistics, self.site)
    }
}

/// `index` in decimal digits, without an allocation.
fn decimal(mut index: usize, digits: &mut [u8; 20]) -> &str {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (index % 10) as u8;
        index /= 10;
        if index == 0 {
            return std::str::from_utf8(&digits[at..]).expect("digits are ASCII");
        }
    }
}
