//! The state of a training in one file, so that it can go on after an interruption.
//!
//! ```text
//! magic        8 bytes   "BURNZOO" and 0x1a
//! version      u32       1
//! lengths      4 u64     of the four parts that follow
//! head         TOML      what the training is a function of, and the curve so far
//! model        burnpack  the weights behind the last epoch of the curve
//! optimizer    burnpack  its state there
//! best         burnpack  the weights of the best epoch; empty if that is the last, or none
//! sha256       32 bytes  of everything before
//! ```
//! Integers are little-endian. A file is written under a temporary name beside it, and renamed: whoever reads finds the old one or the new one, also
//! after `kill -9`. Nothing waits for the disk: after a power cut the file may be cut, and the checksum says so.

use std::{
    ffi::OsString,
    fs::{self, File},
    io::{self, BufWriter, ErrorKind, Read, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

use burn::{
    data::dataloader::DataLoader,
    module::{Module, ModuleVisitor, Param},
    tensor::{Bytes, Device, Tensor},
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::{Table, Value};

use super::{
    config::TrainConfig,
    fit::Epoch,
    loader::{Examples, KeyedLoader},
};
use crate::{
    error::{Error, Result},
    key::MASK_SCHEME,
};

const MAGIC: [u8; 8] = *b"BURNZOO\x1a";
const VERSION: u32 = 1;
/// Magic, version, and four lengths.
const PREFIX: usize = 8 + 4 + 4 * 8;
const CHECKSUM: usize = 32;

/// What the weights of a training are a function of. A training goes on from a checkpoint of the same, or not at all.
#[derive(Debug, PartialEq)]
pub(super) struct Identity {
    settings: Table,
    data: String,
    network: String,
    /// More than all parts of a checkpoint can have.
    max_bytes: u64,
}

impl Identity {
    /// Of a training of `model`, whose numbers do not matter: a checkpoint brings its own.
    pub(super) fn new<M: Module + std::fmt::Display>(
        config: &TrainConfig,
        model: &M,
        parts: [&Arc<Examples>; 2],
        device: &Device,
    ) -> Self {
        let mut settings = Table::try_from(config).expect("settings are TOML");
        settings.remove("workers"); // changes no result
        let mut data = Sha256::new();
        for part in parts {
            let augmentation = part.augmentation();
            if !augmentation.is_empty() {
                data.update((augmentation.len() as u64).to_le_bytes());
                data.update(augmentation);
            }
            if let Some(streams) = part.streams() {
                data.update(b"streams");
                data.update((streams as u64).to_le_bytes());
            }
            for size in [part.rows(), part.d_input(), part.d_target()] {
                data.update((size as u64).to_le_bytes());
            }
            for batch in KeyedLoader::in_order(part.clone(), HASHED_ROWS, device).iter() {
                let batch = batch.expect("rows that are in memory");
                let weights = batch.weights.map(|weights| weights.unsqueeze_dim(1));
                for numbers in [Some(batch.inputs), Some(batch.targets), weights].into_iter().flatten() {
                    let numbers: Vec<f32> = numbers.try_into_vec_as().expect("rows that were put there");
                    data.update(bytemuck::cast_slice::<f32, u8>(&numbers));
                }
            }
        }
        let mut shapes = Shapes::default();
        model.visit(&mut shapes);
        // The printed model shows what no shape does: rates, activations.
        let network = Sha256::new().chain_update(format!("masks {MASK_SCHEME}\n{}{model}", shapes.text));
        Self {
            settings,
            data: fingerprint(data),
            network: fingerprint(network),
            max_bytes: MAX_HEAD + MAX_STATE * shapes.numbers as u64,
        }
    }

    /// That a checkpoint is one of this training; else what differs.
    fn check(&self, head: &Head) -> Result<(), String> {
        let names = || self.settings.keys().chain(head.settings.keys());
        if let Some(name) = names().find(|name| self.settings.get(*name) != head.settings.get(*name)) {
            let shown = |table: &Table| table.get(name).map_or("not set".to_string(), Value::to_string);
            let (was, is) = (shown(&head.settings), shown(&self.settings));
            return Err(format!("`train.{name}` was {was}, and is {is} now"));
        }
        match (self.network == head.network, self.data == head.data) {
            (false, _) => Err("its network is another".to_string()),
            (true, false) => Err("its data are others".to_string()),
            (true, true) => Ok(()),
        }
    }
}

/// Rows that are read at a time.
const HASHED_ROWS: usize = 4096;
/// Bytes of settings and curve: some 2 million epochs.
const MAX_HEAD: u64 = 256 << 20;
/// Bytes for each number of a model: itself and the best one, Adam's two moments, at most 8 bytes each, and as much again for names and padding.
const MAX_STATE: u64 = 64;

/// The paths and shapes of everything that a model's record holds.
#[derive(Default)]
struct Shapes {
    path: Vec<String>,
    text: String,
    numbers: usize,
}

impl ModuleVisitor for Shapes {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_string());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        let shape = param.shape();
        self.text += &format!("{} {shape:?}\n", self.path.join("."));
        self.numbers += shape.num_elements();
    }
}

/// Where a training is.
#[derive(Debug)]
pub(super) struct Checkpoint {
    /// The epochs that were run.
    pub(super) curve: Vec<Epoch>,
    /// The model's record behind them.
    pub(super) model: Bytes,
    /// The optimizer's.
    pub(super) optimizer: Bytes,
    /// The model's record behind the best of them, if there is one.
    pub(super) best: Option<Bytes>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    data: String,
    network: String,
    settings: Table,
    #[serde(default)]
    curve: Vec<Epoch>,
}

/// The file of a training's checkpoint.
#[derive(Debug)]
pub(super) struct CheckpointFile {
    path: PathBuf,
    identity: Identity,
    /// The head as far as it is known: each epoch adds to it.
    head: String,
    epochs: usize,
}

impl CheckpointFile {
    pub(super) fn new(path: &Path, identity: Identity) -> Self {
        let head = Table::from_iter([
            ("data".to_string(), Value::String(identity.data.clone())),
            ("network".to_string(), Value::String(identity.network.clone())),
            ("settings".to_string(), Value::Table(identity.settings.clone())),
        ]);
        Self { path: path.to_path_buf(), identity, head: head.to_string(), epochs: 0 }
    }

    /// An error about this file.
    pub(super) fn bad(&self, reason: impl Into<String>) -> Error {
        Error::Checkpoint { path: self.path.clone(), reason: reason.into() }
    }

    fn io(&self, source: io::Error) -> Error {
        Error::io(&self.path)(source)
    }

    /// What is in the file; nothing if there is none.
    pub(super) fn read(&self) -> Result<Option<Checkpoint>> {
        let size = match fs::metadata(&self.path) {
            Ok(about) if about.is_file() => about.len(),
            Ok(_) => return Err(self.bad("not a file")), // a pipe would wait for its writer
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.io(error)),
        };
        let bytes = self.bytes(size)?;
        let (contents, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
        if *Sha256::digest(contents) != *checksum {
            return Err(self.bad("damaged: the checksum is not that of the contents"));
        }
        let mut rest = &contents[PREFIX..];
        let [head, model, optimizer, best] = lengths(&contents[..PREFIX]).map(|length| {
            let (part, behind) = rest.split_at(length as usize); // they add up: `bytes` looked
            rest = behind;
            part
        });
        let head = std::str::from_utf8(head).map_err(|error| error.to_string());
        let head: Result<Head, String> =
            head.and_then(|head| toml::from_str(head).map_err(|error| error.message().to_string()));
        let head = head.map_err(|error| self.bad(format!("its head cannot be read: {error}")))?;
        if let Err(difference) = self.identity.check(&head) {
            let remedy = "remove the checkpoint to begin again";
            return Err(self.bad(format!("a checkpoint of another training: {difference}; {remedy}")));
        }
        let numbered = head.curve.iter().enumerate().all(|(i, epoch)| epoch.number == i + 1);
        let (Some(last), true) = (head.curve.last(), numbered) else {
            return Err(self.bad("its epochs are not numbered from 1"));
        };
        let best = head.curve.iter().any(|epoch| epoch.best).then_some(if last.best { model } else { best });
        let [model, optimizer] = [model, optimizer].map(copy);
        Ok(Some(Checkpoint { model, optimizer, best: best.map(copy), curve: head.curve }))
    }

    /// The whole file, if its size is one that a checkpoint of this training can have.
    fn bytes(&self, size: u64) -> Result<Vec<u8>> {
        let mut file = File::open(&self.path).map_err(|error| self.io(error))?;
        let mut read = |bytes: &mut Vec<u8>, count: u64| {
            (&mut file).take(count).read_to_end(bytes).map_err(|error| self.io(error))
        };
        let mut bytes = Vec::with_capacity(PREFIX);
        read(&mut bytes, PREFIX as u64)?;
        if !bytes.starts_with(&MAGIC) {
            return Err(self.bad("not a checkpoint of burn-zoo"));
        }
        let version = bytes.get(8..12).map(|bytes| u32::from_le_bytes(bytes.try_into().expect("4 bytes")));
        if let Some(version) = version.filter(|version| *version != VERSION) {
            return Err(self.bad(format!("a checkpoint of version {version}: this version reads {VERSION}")));
        }
        if bytes.len() < PREFIX {
            return Err(self.bad("damaged: it ends where it begins"));
        }
        let whole = (PREFIX + CHECKSUM) as u64;
        let whole = lengths(&bytes).into_iter().try_fold(whole, u64::checked_add);
        if whole != Some(size) {
            return Err(self.bad(format!("damaged: it says that it has another length than its {size} bytes")));
        }
        if size > self.identity.max_bytes {
            return Err(self.bad(format!("{size} bytes are too many for a training of this network")));
        }
        bytes.reserve_exact(size as usize - PREFIX);
        read(&mut bytes, size - PREFIX as u64)?;
        match bytes.len() as u64 == size {
            true => Ok(bytes),
            false => Err(self.bad("it changed while it was read")),
        }
    }

    /// That a checkpoint can be written: to be found before the first epoch, not behind it. Removes what a killed training left.
    pub(super) fn prepare(&self) -> Result<()> {
        let partial = self.partial(std::process::id())?;
        File::create(&partial).and_then(|_| fs::remove_file(&partial)).map_err(|error| self.io(error))?;
        for entry in partial.parent().into_iter().flat_map(fs::read_dir).flatten().flatten() {
            let name = entry.file_name();
            let id = name.to_str().and_then(|name| name.strip_suffix(".partial")?.rsplit_once('.')?.1.parse().ok());
            if id.is_some_and(|id| self.partial(id).is_ok_and(|partial| partial.file_name() == Some(&name))) {
                let _ = fs::remove_file(entry.path()); // it harms nobody
            }
        }
        Ok(())
    }

    /// The name under which a process writes, beside the file.
    fn partial(&self, process: u32) -> Result<PathBuf> {
        let Some(name) = self.path.file_name() else { return Err(self.bad("not the name of a file")) };
        let mut partial = OsString::from(".");
        partial.push(name);
        partial.push(format!(".{process}.partial"));
        let directory = self.path.parent().filter(|directory| !directory.as_os_str().is_empty());
        Ok(directory.unwrap_or(Path::new(".")).join(partial))
    }

    /// Replaces the file by a checkpoint behind the last epoch of `curve`. If it fails, the file is as it was.
    pub(super) fn write(&mut self, curve: &[Epoch], model: &[u8], optimizer: &[u8], best: &[u8]) -> Result<()> {
        for epoch in &curve[self.epochs..] {
            self.head += "\n[[curve]]\n";
            self.head += &toml::to_string(epoch).expect("an epoch is TOML");
        }
        self.epochs = curve.len();
        let partial = self.partial(std::process::id())?;
        let parts = [self.head.as_bytes(), model, optimizer, best];
        let written = write_parts(&partial, parts).and_then(|()| fs::rename(&partial, &self.path));
        written.map_err(|error| {
            let _ = fs::remove_file(&partial);
            self.io(error)
        })
    }
}

fn write_parts(path: &Path, parts: [&[u8]; 4]) -> io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut hash = Sha256::new();
    let mut put = |bytes: &[u8]| {
        hash.update(bytes);
        file.write_all(bytes)
    };
    put(&MAGIC)?;
    put(&VERSION.to_le_bytes())?;
    for part in parts {
        put(&(part.len() as u64).to_le_bytes())?;
    }
    for part in parts {
        put(part)?;
    }
    file.write_all(&hash.finalize())?;
    file.flush()
}

/// The lengths of the four parts, out of the first bytes of a file.
fn lengths(prefix: &[u8]) -> [u64; 4] {
    [12, 20, 28, 36].map(|at| u64::from_le_bytes(prefix[at..][..8].try_into().expect("8 bytes")))
}

fn copy(bytes: &[u8]) -> Bytes {
    Bytes::from_bytes_vec(bytes.to_vec())
}

/// Half of a sha256: against accidents.
fn fingerprint(hash: Sha256) -> String {
    let half = hash.finalize()[..16].try_into().expect("16 of 32 bytes");
    format!("{:032x}", u128::from_be_bytes(half))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(feature = "flex")]
    #[test]
    fn trainings_of_other_start_rates_or_augmentations_are_others() {
        use crate::nn::ConcreteDropoutConfig;

        let device = Device::flex();
        let examples = || Examples::new(vec![0.0], vec![0.0], 1).expect("a row");
        let named = |name: &str| Arc::new(examples().with_augmentation(name, |_, _| {}));
        let identity = |rate: f64, parts: [&Arc<Examples>; 2]| {
            Identity::new(
                &TrainConfig::new(),
                &ConcreteDropoutConfig::new().with_rate(rate).init(&device),
                parts,
                &device,
            )
        };
        let plain = Arc::new(examples());
        let of_rates = [0.1, 0.5].map(|rate| identity(rate, [&plain, &plain]));
        assert_ne!(of_rates[0].network, of_rates[1].network);
        assert_eq!(of_rates[0].data, of_rates[1].data);
        // A name that reads as what is hashed of a row without one: three sizes and two zeros.
        let name = "\u{1}\0\0\0\0\0\0\0".repeat(3) + &"\0".repeat(8);
        let of_names =
            [[&named(&name), &plain], [&plain, &named(&name)], [&plain, &plain]].map(|parts| identity(0.1, parts));
        assert!(of_names[0].data != of_names[1].data && of_names[1].data != of_names[2].data);
        assert_eq!(of_names[2].data, identity(0.1, [&named(""), &plain]).data);
    }

    #[test]
    fn the_losses_of_an_epoch_come_back_bit_for_bit() {
        let extremes = [f64::MIN_POSITIVE, 5e-324, f64::MAX, -0.0, 0.1 + 0.2, 1.0 / 3.0, f64::INFINITY, -1e23];
        for loss in extremes.into_iter().chain(extremes.map(|x| -x * 0.7)) {
            let epoch: Epoch = toml::from_str(
                "number = 1\ntrain_loss = nan\nvalid_loss = 0.0\nbest = true\nlearning_rate = 0.1\npenalty = 0.0",
            )
            .unwrap();
            let written = toml::to_string(&Epoch { valid_loss: loss, ..epoch }).unwrap();
            let read: Epoch = toml::from_str(&written).unwrap();
            assert_eq!(read.valid_loss.to_bits(), loss.to_bits(), "{written}");
            assert!(read.train_loss.is_nan(), "{written}");
        }
    }
}
