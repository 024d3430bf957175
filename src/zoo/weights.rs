//! The files of a model on the disk: weights as SafeTensors with a checksum, and the directory that holds them and their description.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use burn::{
    module::{Module, ModuleVisitor, Param},
    store::{FloatCastAdapter, ModuleAdapter, ModuleContext, ModuleSnapshot, ModuleStore, SafetensorsStore, burn_pack},
    tensor::{DType, Tensor},
};
use serde::{Deserialize, Serialize};

use super::description::{MODEL_TOML, bad};
use crate::{
    data::sha256,
    error::{Error, Result},
};

/// The name of the file with a saved model's weights.
pub const WEIGHTS: &str = "weights.safetensors";

/// The file with the weights.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weights {
    /// The number of trained parameters.
    pub params: usize,
    /// The size of the file.
    pub bytes: usize,
    /// Of the file.
    pub sha256: String,
    /// How numbers are written; a file says it where it is not the default.
    #[serde(default, skip_serializing_if = "Precision::is_single")]
    pub dtype: Precision,
}

/// How the numbers of a file of weights are written. They are computed with as `f32` in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// As they are.
    #[default]
    F32,
    /// Kernels and matrices as `f16`, which halves the file; biases and what a normalisation holds, which are few and may be large or small, as they are.
    F16,
}

impl Precision {
    fn is_single(&self) -> bool {
        *self == Self::F32
    }

    /// How a tensor of so many dimensions is written.
    fn of(self, dimensions: usize) -> DType {
        if self == Self::F16 && dimensions > 1 { DType::F16 } else { DType::F32 }
    }

    /// The bytes that a parameter takes at least.
    fn least(self) -> usize {
        if self == Self::F16 { 2 } else { 4 }
    }
}

impl Weights {
    /// The file of a network of so many parameters, and what is said about it.
    pub(super) fn pack<M: Module>(network: &M, params: Option<usize>, dtype: Precision) -> (Vec<u8>, Self) {
        let params = params.expect("the network fits into this machine");
        // Without metadata: the same weights are the same bytes.
        let mut store = SafetensorsStore::from_bytes(None).clear_metadata().with_to_adapter(dtype);
        network.save_into(&mut store).expect("a network on a device that works");
        let bytes = store.get_bytes().expect("the store was just written");
        let weights = Self { params, bytes: bytes.len(), sha256: sha256(&bytes), dtype };
        (bytes, weights)
    }

    /// The network that `init` makes, which has so many parameters, with the weights of a file that was found at `path`.
    pub(super) fn unpack<M: Module>(
        &self,
        bytes: &[u8],
        path: &Path,
        params: Option<usize>,
        init: impl FnOnce() -> M,
    ) -> Result<M> {
        self.read(bytes, params, init).map_err(bad(path))
    }

    fn read<M: Module>(&self, bytes: &[u8], params: Option<usize>, init: impl FnOnce() -> M) -> Result<M, String> {
        if sha256(bytes) != self.sha256 {
            return Err("damaged: sha256 is not the one in model.toml".to_string());
        }
        // Before anything of the described size is allocated.
        match params.filter(|&params| params <= bytes.len() / self.dtype.least()) {
            Some(params) if (params, bytes.len()) == (self.params, self.bytes) => {}
            Some(params) => {
                let found = format!("{params} parameters in {} bytes", bytes.len());
                return Err(format!("{found}: the description claims {} in {}", self.params, self.bytes));
            }
            None => return Err(format!("{} bytes: too few for the network described", bytes.len())),
        }
        let mut network = init();
        let single = FloatCastAdapter::to(DType::F32);
        let mut store = SafetensorsStore::from_bytes(Some(bytes.to_vec())).with_from_adapter(single);
        check_tensors(&network, self.dtype, &mut store)?;
        network.load_from(&mut store).map_err(|error| error.to_string())?;
        let mut parameters = Parameters::default();
        network.visit(&mut parameters);
        match parameters.infinite {
            Some(name) => Err(format!("`{name}` holds a number that is not finite")),
            None => Ok(network),
        }
    }
}

impl ModuleAdapter for Precision {
    fn adapt(&self, tensor: burn_pack::Tensor, context: ModuleContext<'_>) -> burn_pack::Tensor {
        FloatCastAdapter::to(self.of(tensor.shape.len())).adapt(tensor, context)
    }

    fn clone_box(&self) -> Box<dyn ModuleAdapter> {
        Box::new(*self)
    }
}

/// Saves a description, weights and other files as a new directory: whole, or not at all.
pub(super) fn save(directory: &Path, toml: &str, weights: &[u8], others: &[(&str, String)]) -> Result<()> {
    if directory.exists() {
        return Err(bad(directory)("there is something already: choose a new directory".to_string()));
    }
    let name = directory.file_name().unwrap_or_default().to_string_lossy();
    let temporary = directory.with_file_name(format!(".{name}.{}", std::process::id()));
    let write = |path: PathBuf, bytes: &[u8]| fs::write(&path, bytes).map_err(Error::io(path));
    let whole = || {
        fs::create_dir_all(&temporary).map_err(Error::io(directory))?;
        write(temporary.join(WEIGHTS), weights)?;
        for (name, text) in others {
            write(temporary.join(name), text.as_bytes())?;
        }
        write(temporary.join(MODEL_TOML), toml.as_bytes())?;
        fs::rename(&temporary, directory).map_err(Error::io(directory))
    };
    whole().inspect_err(|_| drop(fs::remove_dir_all(&temporary)))
}

/// The bytes of the weights in `directory`, and where they are.
pub(super) fn read(directory: &Path) -> Result<(Vec<u8>, PathBuf)> {
    let path = directory.join(WEIGHTS);
    Ok((fs::read(&path).map_err(Error::io(&path))?, path))
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
fn check_tensors<M: Module>(network: &M, dtype: Precision, store: &mut SafetensorsStore) -> Result<(), String> {
    let tensors = store.get_all_tensors().map_err(|error| error.to_string())?;
    let mut expected = Parameters::default();
    network.visit(&mut expected);
    for (name, shape) in &expected.shapes {
        let tensor = tensors.get(name).ok_or_else(|| format!("no tensor `{name}`"))?;
        let (found, dtype) = (tensor.shape.to_vec(), dtype.of(shape.len()));
        if (&found, tensor.dtype) != (shape, dtype) {
            return Err(format!("`{name}` is {:?} {found:?}: expected {dtype:?} {shape:?}", tensor.dtype));
        }
    }
    match tensors.keys().find(|name| !expected.shapes.contains_key(*name)) {
        Some(name) => Err(format!("`{name}` is no parameter of this model")),
        None => Ok(()),
    }
}

/// What every model of a description, a network and a device can do.
macro_rules! saved {
    ($model:ident, $file:ident, $network:ident: $kind:ty) => {
        impl $model {
            /// Opens a model that was saved in `directory`.
            ///
            /// # Errors
            /// [`Error::Io`](crate::Error::Io) for a file that cannot be read; [`Error::Model`](crate::Error::Model) for one that is not what it should be.
            pub fn open(directory: &std::path::Path, device: &burn::tensor::Device) -> $crate::error::Result<Self> {
                let (file, (weights, path)) = ($file::open(directory)?, $crate::zoo::weights::read(directory)?);
                Self::from_parts(file, &weights, &path, device)
            }

            /// A model of its description and the bytes of its weights, which were found at `path`.
            pub(in crate::zoo) fn from_parts(
                file: $file,
                weights: &[u8],
                path: &std::path::Path,
                device: &burn::tensor::Device,
            ) -> $crate::error::Result<Self> {
                let init = || file.model.init(device, $crate::key::Key::new(0));
                let $network = file.weights.unpack(weights, path, file.model.parameters(), init)?;
                Ok(Self { file, $network, device: device.clone() })
            }

            /// Saves the model as a new directory: whole, or not at all.
            ///
            /// # Errors
            /// [`Error::Model`](crate::Error::Model) if there is something at `directory`; [`Error::Io`](crate::Error::Io).
            pub fn save(&self, directory: &std::path::Path, others: &[(&str, String)]) -> $crate::error::Result<()> {
                let weights = &self.file.weights;
                let (weights, _) = $crate::zoo::Weights::pack(&self.$network, Some(weights.params), weights.dtype);
                $crate::zoo::weights::save(directory, &self.file.to_toml(), &weights, others)
            }

            /// What is written about the model.
            pub fn file(&self) -> &$file {
                &self.file
            }

            /// The network, without its preprocessing.
            pub fn $network(&self) -> &$kind {
                &self.$network
            }
        }
    };
}
pub(super) use saved;
