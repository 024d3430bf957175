//! What a training leaves beside its output until that is whole, so that it can go on: `DIR.unfinished`.

use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use burn_zoo::zoo::AnyFile;
use serde::{Deserialize, Serialize};

use super::{super::tables::shown, Job, check_free};

/// The directory.
pub struct Unfinished {
    pub directory: PathBuf,
    /// Held while this process trains there.
    lock: Option<File>,
}

/// Everything that a training needs to go on but its state.
#[derive(Serialize, Deserialize)]
struct Run {
    /// Of burn-zoo.
    version: String,
    /// Where the command ran: its paths begin there.
    directory: PathBuf,
    /// Of each table.
    sha256: Vec<String>,
    job: Job,
}

impl Unfinished {
    /// That of a directory to write.
    pub fn of(out: &Path) -> Self {
        let mut name = out.components().collect::<PathBuf>().into_os_string();
        name.push(SUFFIX);
        Self { directory: name.into(), lock: None }
    }

    /// That a training is there already.
    pub fn there(&self, job: &Job) -> anyhow::Error {
        let directory = self.directory.display();
        anyhow!("{directory}: an unfinished training: go on with `{}`, or remove that directory", job.resume())
    }

    /// Takes the directory, which messages call `place`, for this process alone.
    fn lock(&mut self, place: &str) -> Result<()> {
        let path = self.directory.join(LOCK);
        let lock = File::create(&path).with_context(|| format!("{place}/{LOCK}"))?;
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            bail!("{place}: another burn-zoo is training there: wait until it has ended");
        }
        self.lock = Some(lock); // where a file system has no locks, there is none
        Ok(())
    }

    /// The training whose output was to be `out`; its own directory is understood, too.
    pub fn open(out: &Path) -> Result<(Job, Self)> {
        let given = out.components().collect::<PathBuf>().to_string_lossy().into_owned();
        let shown = given.strip_suffix(SUFFIX).unwrap_or(&given); // as the user calls it
        let left = format!("{shown}{SUFFIX}");
        let out = std::path::absolute(shown)?;
        let mut unfinished = Self::of(&out);
        let path = unfinished.directory.join(RUN);
        if out.exists() {
            if AnyFile::open(&out).is_err() {
                bail!("{shown}: nothing to resume: this is no directory that `train` was to write");
            }
            if path.exists() {
                unfinished.end();
            }
            bail!("{shown}: this training has ended: nothing to go on with");
        }
        if !unfinished.directory.exists() {
            bail!("{shown}: nothing to resume: there is no {left}");
        }
        if !path.exists() {
            bail!("{shown}: nothing to resume yet: there is no {left}/{RUN}; remove {left} and begin again");
        }
        unfinished.lock(&left)?;
        let run = Run::read(&path, &format!("{left}/{RUN}"))?;
        if run.version != env!("CARGO_PKG_VERSION") {
            bail!("{left}/{RUN}: begun by burn-zoo {}, which must end it", run.version);
        }
        std::env::set_current_dir(&run.directory).with_context(|| run.directory.display().to_string())?;
        Ok((Job { out, ..run.job }, unfinished))
    }

    /// Notes what is needed to go on, or that the tables are still those that were noted.
    pub fn begin(&mut self, job: &Job, sha256: &[String]) -> Result<()> {
        let path = self.directory.join(RUN);
        if self.lock.is_some() {
            let run = Run::read(&path, &path.display().to_string())?;
            return match run.sha256.iter().zip(sha256).position(|(was, is)| was != is) {
                Some(at) => {
                    bail!("{}: it has changed since the training began: put it back", shown(&job.work.sources()[at]))
                }
                None => Ok(()),
            };
        }
        fs::create_dir_all(&self.directory).with_context(|| self.directory.display().to_string())?;
        let place = self.directory.display().to_string();
        self.lock(&place)?;
        // Another began, while this one read its tables.
        if path.exists() {
            return Err(self.there(job));
        }
        check_free(&job.out).inspect_err(|_| self.end())?;
        let run = Run {
            version: env!("CARGO_PKG_VERSION").to_string(),
            directory: std::env::current_dir()?,
            sha256: sha256.to_vec(),
            job: job.clone(),
        };
        let partial = self.directory.join(".run.toml");
        let written = fs::write(&partial, toml::to_string(&run).expect("a run is TOML"))
            .and_then(|()| fs::rename(&partial, &path));
        written.inspect_err(|_| self.end()).with_context(|| path.display().to_string())
    }

    pub fn checkpoint(&self) -> PathBuf {
        self.directory.join("checkpoint")
    }

    /// The output is whole, or will never be. Removes what is ours.
    pub fn end(&self) {
        let Ok(entries) = fs::read_dir(&self.directory) else { return };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let name = name.strip_prefix('.').unwrap_or(&name);
            // What is left harms nobody.
            let _ = match name.split('.').next() {
                Some(MODEL) => fs::remove_dir_all(entry.path()),
                Some("checkpoint" | "run") => fs::remove_file(entry.path()),
                _ => Ok(()),
            };
        }
        let _ = fs::remove_file(self.directory.join(LOCK)); // last: until then the directory is ours
        let _ = fs::remove_dir(&self.directory);
    }
}

impl Run {
    /// Reads the file, which messages call `place`.
    fn read(path: &Path, place: &str) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| place.to_string())?;
        toml::from_str(&text).map_err(|error| anyhow!("{place}: damaged: {}", error.message()))
    }
}

/// What its name ends in.
pub const SUFFIX: &str = ".unfinished";
const RUN: &str = "run.toml";
const LOCK: &str = "lock";
/// The output, before it is where it belongs.
pub const MODEL: &str = "model";
