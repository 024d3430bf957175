//! A trained model with its preprocessing.

use std::{
    collections::BTreeMap,
    fs,
    ops::Range,
    path::{Path, PathBuf},
};

use burn::{
    module::{Module, ModuleVisitor, Param},
    store::{ModuleSnapshot, ModuleStore, SafetensorsStore},
    tensor::{DType, Device, Tensor, TensorData},
};
use sha2::{Digest, Sha256};

use super::file::{Evaluation, ModelFile, Weights};
use crate::{
    data::hex,
    error::{Error, Result},
    key::Key,
    models::Mlp,
    outputs::Point,
    stochastic::{Predictive, Samples},
    uncertainty::{MonteCarlo, Prediction, RegressionPrediction},
};

/// The name of the file that describes a saved model.
pub const MODEL_TOML: &str = "model.toml";
/// The name of the file with its weights.
pub const WEIGHTS: &str = "weights.safetensors";

/// A trained model with its preprocessing: raw rows in, predictions in the target's unit out.
#[derive(Clone, Debug)]
pub struct Model {
    file: ModelFile,
    mlp: Mlp,
    device: Device,
}

impl Model {
    /// A model of its description and its network; the description's `weights` are filled in.
    ///
    /// # Panics
    /// When it is used, if the network is not the one described.
    pub fn new(mut file: ModelFile, mlp: Mlp, device: &Device) -> Self {
        let bytes = to_bytes(&mlp);
        let params = file.model.parameters().expect("the network fits into this machine");
        file.weights = Weights { params, bytes: bytes.len(), sha256: hex(&Sha256::digest(&bytes)) };
        Self { file, mlp, device: device.clone() }
    }

    /// The same network with more said about it; `file` describes the same weights.
    #[cfg(feature = "train")]
    pub(crate) fn described(self, file: ModelFile) -> Self {
        Self { file, ..self }
    }

    /// Opens a model that was saved in `directory`.
    ///
    /// # Errors
    /// [`Error::Io`] for a file that cannot be read; [`Error::Model`] for one that is not what it should be.
    pub fn open(directory: &Path, device: &Device) -> Result<Self> {
        let (file, weights) = (ModelFile::open(directory)?, directory.join(WEIGHTS));
        Self::from_parts(file, &fs::read(&weights).map_err(Error::io(&weights))?, &weights, device)
    }

    /// A model of its description and the bytes of its weights, which were found at `path`.
    pub(crate) fn from_parts(file: ModelFile, weights: &[u8], path: &Path, device: &Device) -> Result<Self> {
        let bad = |reason: String| Error::Model { path: path.to_path_buf(), reason };
        let found = hex(&Sha256::digest(weights));
        if found != file.weights.sha256 {
            return Err(bad(format!("damaged: sha256 {found}, expected {}", file.weights.sha256)));
        }
        // Before anything of the described size is allocated.
        let params = file.model.parameters().filter(|&params| params <= weights.len() / size_of::<f32>());
        match params {
            Some(params) if (params, weights.len()) == (file.weights.params, file.weights.bytes) => {}
            Some(params) => {
                let found = format!("{params} parameters in {} bytes", weights.len());
                let expected = format!("{} in {}", file.weights.params, file.weights.bytes);
                return Err(bad(format!("{found}: the description claims {expected}")));
            }
            None => return Err(bad(format!("{} bytes: too few for the network described", weights.len()))),
        }
        let mut mlp = file.model.init(device, Key::new(0));
        let mut store = SafetensorsStore::from_bytes(Some(weights.to_vec()));
        check_tensors(&mlp, &mut store).map_err(bad)?;
        mlp.load_from(&mut store).map_err(|error| bad(error.to_string()))?;
        let mut parameters = Parameters::default();
        mlp.visit(&mut parameters);
        match parameters.infinite {
            Some(name) => Err(bad(format!("`{name}` holds a number that is not finite"))),
            None => Ok(Self { file, mlp, device: device.clone() }),
        }
    }

    /// Saves the model as a new directory: whole, or not at all.
    ///
    /// # Errors
    /// [`Error::Model`] if there is something at `directory`; [`Error::Io`].
    pub fn save(&self, directory: &Path, others: &[(&str, String)]) -> Result<()> {
        if directory.exists() {
            let reason = "there is something already: choose a new directory".to_string();
            return Err(Error::Model { path: directory.to_path_buf(), reason });
        }
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let temporary = directory.with_file_name(format!(".{name}.{}", std::process::id()));
        let write = |path: PathBuf, bytes: &[u8]| fs::write(&path, bytes).map_err(Error::io(path));
        let whole = || {
            fs::create_dir_all(&temporary).map_err(Error::io(directory))?;
            write(temporary.join(WEIGHTS), &to_bytes(&self.mlp))?;
            for (name, text) in others {
                write(temporary.join(name), text.as_bytes())?;
            }
            write(temporary.join(MODEL_TOML), self.file.to_toml().as_bytes())?;
            fs::rename(&temporary, directory).map_err(Error::io(directory))
        };
        whole().inspect_err(|_| drop(fs::remove_dir_all(&temporary)))
    }

    /// What is written about the model.
    pub fn file(&self) -> &ModelFile {
        &self.file
    }

    /// The network, without its preprocessing.
    pub fn mlp(&self) -> &Mlp {
        &self.mlp
    }

    /// The columns that the model reads, in order.
    pub fn features(&self) -> &[String] {
        &self.file.data.features
    }

    /// The columns that it predicts.
    pub fn targets(&self) -> &[String] {
        &self.file.data.targets
    }

    /// What many sampled networks say together about raw rows, in the target's unit.
    ///
    /// # Errors
    /// [`Error::NoRows`]; [`Error::Length`] for a row of another width; [`Error::Value`] for a number that is not finite; and as [`MonteCarlo::predict`].
    pub fn predict(&self, rows: &[impl AsRef<[f64]>], monte_carlo: &MonteCarlo) -> Result<Prediction> {
        let prediction = monte_carlo.predict(&self.mlp, self.standardise(rows)?)?;
        self.in_units(prediction, |tau| &tau.monte_carlo)
    }

    /// The same in blocks of rows: `each` gets the rows' range and their prediction.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and what `each` returns.
    pub fn predict_each(
        &self,
        rows: &[impl AsRef<[f64]>],
        monte_carlo: &MonteCarlo,
        mut each: impl FnMut(Range<usize>, Prediction) -> Result<()>,
    ) -> Result<()> {
        monte_carlo.predict_each(&self.mlp, self.standardise(rows)?, |range, prediction| {
            each(range, self.in_units(prediction, |tau| &tau.monte_carlo)?)
        })
    }

    /// What the mean network says about raw rows, in the target's unit, with the tau that was fitted to it.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn predict_mean(&self, rows: &[impl AsRef<[f64]>]) -> Result<Prediction> {
        let prediction = MonteCarlo::new(1).mean_network(&self.mlp, self.standardise(rows)?)?;
        self.in_units(prediction, |tau| &tau.mean_network)
    }

    /// The scores of the Monte Carlo prediction, the mean network and the baseline on raw rows with known targets.
    ///
    /// # Errors
    /// As [`predict`](Self::predict), and as [`RegressionPrediction::scores`].
    pub fn evaluate(
        &self,
        rows: &[impl AsRef<[f64]>],
        targets: &[f64],
        monte_carlo: &MonteCarlo,
        interval: f64,
    ) -> Result<Evaluation> {
        let scaler = &self.file.scaling.targets;
        let tau: Vec<f64> = scaler.sd.iter().map(|sd| sd.powi(-2)).collect();
        let dims = [1, rows.len(), scaler.mean.len()];
        let zeros = Samples::new(dims, vec![0.0; rows.len() * scaler.mean.len()]);
        let baseline = Point::summarise((), zeros)?.in_units(&scaler.sd, &scaler.mean)?.with_tau(&tau)?;
        Ok(Evaluation {
            passes: monte_carlo.passes(),
            interval,
            monte_carlo: self.predict(rows, monte_carlo)?.regression()?.scores(targets, interval)?,
            mean_network: self.predict_mean(rows)?.regression()?.scores(targets, interval)?,
            baseline: baseline.scores(targets, interval)?,
        })
    }

    /// Raw rows on the scale that the network was trained on.
    ///
    /// # Shapes
    /// - output: `[rows, features]`
    ///
    /// # Errors
    /// [`Error::NoRows`]; [`Error::Length`] for a row of another width; [`Error::Value`] for a number that is not finite.
    pub fn standardise(&self, rows: &[impl AsRef<[f64]>]) -> Result<Tensor<2>> {
        let width = self.features().len();
        if rows.is_empty() {
            return Err(Error::NoRows);
        }
        let mut values = Vec::with_capacity(rows.len() * width);
        for (i, row) in rows.iter().map(AsRef::as_ref).enumerate() {
            if row.len() != width {
                return Err(Error::length(format!("numbers of row {i}"), width, row.len()));
            }
            if let Some(j) = row.iter().position(|x| !x.is_finite()) {
                let place = format!("row {i}, `{}`", self.features()[j]);
                return Err(Error::Value { place, value: row[j].to_string(), expected: "a finite number" });
            }
            values.extend(self.file.scaling.features.apply(row));
        }
        Ok(Tensor::from_data(TensorData::new(values, [rows.len(), width]), &self.device))
    }

    /// The network's prediction in the targets' unit, with its tau if it has one.
    fn in_units(&self, prediction: Prediction, tau: fn(&super::Tau) -> &Vec<f64>) -> Result<Prediction> {
        let Prediction::Regression(prediction) = prediction else { return Ok(prediction) };
        let scaler = &self.file.scaling.targets;
        let prediction: RegressionPrediction = prediction.in_units(&scaler.sd, &scaler.mean)?;
        Ok(Prediction::Regression(match &self.file.tau {
            Some(both) => prediction.with_tau(tau(both))?,
            None => prediction,
        }))
    }
}

/// The parameters and buffers of a network: names and shapes, and the first that holds a number that is not finite.
#[derive(Default)]
struct Parameters {
    path: Vec<String>,
    shapes: BTreeMap<String, Vec<usize>>,
    infinite: Option<String>,
}

impl ModuleVisitor for Parameters {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let name = self.path.join(".");
        let values = param.val().try_into_vec_as::<f32>();
        if !values.is_ok_and(|values| values.iter().all(|x| x.is_finite())) {
            self.infinite.get_or_insert(name.clone());
        }
        self.shapes.insert(name, param.lazy_shape().to_vec());
    }
}

/// That the file's header lists the network's parameters, each with its shape, and nothing else: the first difference, in one line.
fn check_tensors(mlp: &Mlp, store: &mut SafetensorsStore) -> Result<(), String> {
    let tensors = store.get_all_tensors().map_err(|error| error.to_string())?;
    let mut expected = Parameters::default();
    mlp.visit(&mut expected);
    for (name, shape) in &expected.shapes {
        let tensor = tensors.get(name).ok_or_else(|| format!("no tensor `{name}`"))?;
        let found = tensor.shape.to_vec();
        if (&found, tensor.dtype) != (shape, DType::F32) {
            return Err(format!("`{name}` is {:?} {found:?}: expected F32 {shape:?}", tensor.dtype));
        }
    }
    match tensors.keys().find(|name| !expected.shapes.contains_key(*name)) {
        Some(name) => Err(format!("`{name}` is no parameter of this model")),
        None => Ok(()),
    }
}

/// SafeTensors without metadata: the same weights are the same bytes.
fn to_bytes(mlp: &Mlp) -> Vec<u8> {
    let mut store = SafetensorsStore::from_bytes(None).clear_metadata();
    mlp.save_into(&mut store).expect("a network on a device that works");
    store.get_bytes().expect("the store was just written")
}
