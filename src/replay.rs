//! What a pass drew, and where: audits, and draws given by hand.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, OnceLock},
};

use burn::tensor::TensorData;

use crate::{
    error::{Error, Result},
    pass::{Law, Site, Source},
};

/// A draw that a pass made.
#[derive(Clone, Debug, PartialEq)]
pub struct Drawn {
    /// The path of the module that drew, such as `layers.0.dropout`.
    pub site: String,
    /// What it drew.
    pub law: Law,
    /// The shape that the layer asked for, rows first.
    pub shape: Vec<usize>,
    /// Whether the layer said that it draws here more than once ([`Pass::again`](crate::Pass::again)).
    pub again: bool,
    /// The values; `None` where the pass drew nothing (the mean pass, a rate of zero).
    pub values: Option<TensorData>,
}

/// Notes what a pass draws: `pass.recorded(&recorder)`.
///
/// # Examples
/// ```
/// use burn_zoo::{Key, Pass, Rate, Recorder, nn::DropoutConfig};
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
///
/// let dropout = DropoutConfig::new(0.2).init();
/// let x = Tensor::<2>::ones([4, 8], &Device::flex());
/// let recorder = Recorder::new();
/// let y = dropout.forward(x.clone(), &Pass::train(Key::new(7)).recorded(&recorder).at("dropout"));
/// assert_eq!(recorder.draws()[0].site, "dropout");
///
/// let replay = recorder.replay(); // the same draws again, in any batch of that size
/// let again = dropout.forward(x, &Pass::replay(&replay).at("dropout"));
/// assert_eq!(again.into_data(), y.into_data());
/// # }
/// ```
#[derive(Debug, Default)]
pub struct Recorder {
    draws: Mutex<Vec<Drawn>>,
    weights_by_row: OnceLock<String>,
}

impl Recorder {
    /// An empty record.
    pub fn new() -> Self {
        Self::default()
    }

    /// The draws so far, in order.
    pub fn draws(&self) -> Vec<Drawn> {
        self.lock().clone()
    }

    /// The recorded values, as a source for [`Pass::replay`](crate::Pass::replay).
    pub fn replay(&self) -> Replay {
        let draws = self.draws();
        Replay { draws: draws.into_iter().filter_map(|draw| Some((draw.site, draw.values?))).collect() }
    }

    /// Whether the recorded pass can be sampled from.
    ///
    /// # Errors
    /// - [`Error::NoNoise`] if no site was drawn at: the model ignores its pass
    /// - [`Error::WeightMaskByRow`] if a mask of weights was asked for in a pass that has a network for each row
    /// - [`Error::DuplicateSite`] if two draws share a site without [`Pass::again`](crate::Pass::again): two layers with one mask
    pub fn audit(&self) -> Result<()> {
        if let Some(site) = self.weights_by_row.get() {
            return Err(Error::WeightMaskByRow { site: site.clone() });
        }
        let draws = self.lock();
        if draws.is_empty() {
            return Err(Error::NoNoise);
        }
        let mut seen = BTreeSet::new();
        match draws.iter().find(|draw| !seen.insert(&draw.site) && !draw.again) {
            Some(draw) => Err(Error::DuplicateSite { site: draw.site.clone() }),
            None => Ok(()),
        }
    }

    /// Whether sites were drawn at, all of them with a rate of zero: samples cannot differ.
    pub fn all_rates_zero(&self) -> bool {
        let draws = self.lock();
        !draws.is_empty() && draws.iter().all(|draw| matches!(draw.law, Law::Bernoulli(rate) if rate.is_zero()))
    }

    pub(crate) fn note(&self, site: &Site<'_>, law: Law, shape: &[usize], again: bool, values: Option<&TensorData>) {
        let (site, shape, values) = (site.to_string(), shape.to_vec(), values.cloned());
        self.lock().push(Drawn { site, law, shape, again, values });
    }

    /// Only the first such site is named.
    pub(crate) fn note_weights_by_row(&self, site: &Site<'_>) {
        self.weights_by_row.get_or_init(|| site.to_string());
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Drawn>> {
        self.draws.lock().expect("no thread panics while it holds the record")
    }
}

/// Draws by site path: recorded, written by hand, or another program's.
///
/// # Examples
/// ```
/// use burn_zoo::Replay;
///
/// let replay = Replay::new().with("dropout", [1, 4], [1.0, 0.0, 1.0, 1.0]); // one mask for all rows
/// # let _ = replay;
/// ```
#[derive(Clone, Debug, Default)]
pub struct Replay {
    draws: BTreeMap<String, TensorData>,
}

impl Replay {
    /// No draws yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the draw at `site`.
    ///
    /// # Shapes
    /// - `values`: row-major, of shape `[rows, ...]`, or `[1, ...]` to be shared by all rows
    pub fn with(mut self, site: &str, shape: impl Into<Vec<usize>>, values: impl Into<Vec<f32>>) -> Self {
        let shape: Vec<usize> = shape.into();
        self.draws.insert(site.to_string(), TensorData::new(values.into(), shape));
        self
    }
}

impl Source for Replay {
    /// # Panics
    /// If no draw was given for `site`: a site left out by mistake must not become the identity.
    fn draw(&self, site: &Site<'_>, _law: Law, _shape: &[usize]) -> Option<TensorData> {
        let path = site.to_string();
        let known = || self.draws.keys().map(String::as_str).collect::<Vec<_>>().join("`, `");
        Some(self.draws.get(&path).unwrap_or_else(|| panic!("no draw for `{path}`; given: `{}`", known())).clone())
    }
}
