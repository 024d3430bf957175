//! Checkpoints: a training that is interrupted anywhere gives the bits of one that was not.
#![cfg(all(feature = "train", feature = "ndarray", feature = "flex"))]

mod common;

use std::{
    fs,
    io::{Seek, SeekFrom, Write},
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use burn::tensor::Device;
use burn_zoo::{
    DeviceSpec, Error, Key, Result,
    models::{Mlp, MlpConfig, Noise, Task},
    train::{Epoch, Examples, OptimizerKind, Progress, Quiet, TrainConfig, Trained, fit, fit_from},
};
use common::{parameters, rate};

/// Two standard normal inputs a row, and a target made of them and of much noise: a training overfits soon.
fn examples(rows: usize, key: Key) -> Examples {
    let inputs = key.fold_str("inputs").normal(0, rows, 2);
    let noise = key.fold_str("noise").normal(0, rows, 1);
    let targets = inputs.chunks(2).zip(noise).map(|(x, noise)| 0.3 * x[0] + noise).collect();
    Examples::new(inputs, targets, rows).unwrap()
}

fn parts() -> [Examples; 2] {
    [examples(33, Key::new(1)), examples(64, Key::new(2))]
}

fn mlp_config() -> MlpConfig {
    let task = Task::Regression { targets: 1, noise: Noise::Constant };
    MlpConfig::new(2, task).with_hidden(vec![8]).with_input_rate(rate(0.0)).with_rates(vec![rate(0.1)])
}

fn mlp() -> Mlp {
    mlp_config().init(&Device::flex(), Key::new(0))
}

fn config(epochs: usize) -> TrainConfig {
    TrainConfig::new().with_epochs(epochs).with_learning_rate(0.05).with_batch_size(8).with_patience(epochs)
}

fn go_on(checkpoint: &Path, config: &TrainConfig, progress: impl Progress + 'static) -> Result<Trained<Mlp>> {
    fit_from(mlp(), config, parts(), &Device::flex(), progress, Some(checkpoint))
}

fn refusal(checkpoint: &Path, config: &TrainConfig) -> String {
    let error = go_on(checkpoint, config, Quiet).unwrap_err();
    assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
    let error = error.to_string();
    assert!(error.starts_with(&checkpoint.display().to_string()) && !error.contains('\n'), "{error}");
    error
}

/// Everything that a training gives, to the bit: numbers are written so that they can be read back.
fn result(trained: &Trained<Mlp>) -> String {
    format!("{} {:?} {:?}", trained.best_epoch, trained.curve, parameters(&trained.model))
}

/// Notes what it is told, and does something behind each epoch.
#[derive(Clone)]
struct Log<F>(Arc<Mutex<Vec<String>>>, F);

impl<F: FnMut(usize) + Send> Progress for Log<F> {
    fn start(&mut self, epochs: usize) {
        self.0.lock().unwrap().push(format!("start {epochs}"));
    }

    fn resumed(&mut self, curve: &[Epoch]) {
        self.0.lock().unwrap().push(format!("resumed {}", curve.len()));
    }

    fn epoch(&mut self, epoch: &Epoch) {
        self.0.lock().unwrap().push(format!("epoch {}", epoch.number));
        (self.1)(epoch.number);
    }

    fn end(&mut self) {
        self.0.lock().unwrap().push("end".to_string());
    }
}

fn behind_each(act: impl FnMut(usize) + Send + 'static) -> impl Progress + 'static {
    Log(Arc::default(), act)
}

/// Keeps the checkpoint of each epoch: that of the 7th as `FILE.7`.
fn keeping_each(file: &Path) -> impl Progress + 'static {
    let file = file.to_path_buf();
    behind_each(move |epoch| assert!(fs::copy(&file, of_epoch(&file, epoch)).unwrap() > 0))
}

fn of_epoch(file: &Path, epoch: usize) -> PathBuf {
    file.with_extension(epoch.to_string())
}

/// A directory, and the checkpoint of a training of some epochs in it.
fn checkpointed(config: &TrainConfig) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("run");
    go_on(&file, config, keeping_each(&file)).unwrap();
    (directory, file)
}

#[test]
fn a_training_goes_on_from_any_epoch_to_the_bits_of_one_that_was_not_interrupted() {
    let kinds = [OptimizerKind::AdamW, OptimizerKind::Adam, OptimizerKind::Sgd];
    for (spec, kind) in [DeviceSpec::Flex, DeviceSpec::NdArray].iter().flat_map(|spec| kinds.map(|kind| (spec, kind))) {
        let device = spec.init().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("run");
        let config = config(6).with_optimizer(kind).with_momentum(0.9);
        // Another process initialises the model again: its parameters have other ids.
        let mlp = || mlp_config().with_hidden(vec![8, 8]).with_batch_norm(true).init(&device, Key::new(0));
        let whole = result(&fit(mlp(), &config, parts(), &device, Quiet).unwrap());
        let watched = fit_from(mlp(), &config, parts(), &device, keeping_each(&file), Some(&file)).unwrap();
        assert_eq!(result(&watched), whole, "{spec} {kind:?}: checkpoints change nothing");
        for epoch in 1..=6 {
            let file = of_epoch(&file, epoch);
            let resumed = fit_from(mlp(), &config, parts(), &device, Quiet, Some(&file)).unwrap();
            assert_eq!(result(&resumed), whole, "{spec} {kind:?}: behind epoch {epoch}");
        }
    }
}

#[test]
fn initial_weights_are_those_of_the_checkpoint() {
    let (_directory, file) = checkpointed(&config(4));
    let whole = result(&go_on(&file, &config(4), Quiet).unwrap());
    let other = mlp_config().init(&Device::flex(), Key::new(99));
    let resumed = fit_from(other, &config(4), parts(), &Device::flex(), Quiet, Some(&of_epoch(&file, 2))).unwrap();
    assert_eq!(result(&resumed), whole);
}

#[test]
fn patience_counts_over_the_interruption() {
    let config = config(60).with_patience(5);
    let (_directory, file) = checkpointed(&config);
    let whole = go_on(&file, &config, Quiet).unwrap();
    let best = whole.best_epoch;
    assert!(best > 1 && best + 5 < 60, "{best}");
    let (log, interrupted) = (Log(Arc::default(), |_| {}), of_epoch(&file, best + 3));
    let resumed = go_on(&interrupted, &config, log.clone()).unwrap();
    assert_eq!(result(&resumed), result(&whole));
    let told = [
        "start 60".to_string(),
        format!("resumed {}", best + 3),
        format!("epoch {}", best + 4),
        format!("epoch {}", best + 5),
        "end".to_string(),
    ];
    assert_eq!(*log.0.lock().unwrap(), told);
}

#[test]
fn a_training_that_had_ended_gives_its_result_at_once() {
    let (_directory, file) = checkpointed(&config(3));
    let before = fs::read(&file).unwrap();
    let log = Log(Arc::default(), |_| {});
    let again = go_on(&file, &config(3), log.clone()).unwrap();
    assert_eq!(result(&again), result(&fit(mlp(), &config(3), parts(), &Device::flex(), Quiet).unwrap()));
    assert_eq!(*log.0.lock().unwrap(), ["start 3", "resumed 3", "end"]);
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_training_without_a_finite_loss_goes_on_to_its_error() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("run");
    let config = config(3).with_learning_rate(1e30);
    let error = go_on(&file, &config, keeping_each(&file)).unwrap_err().to_string();
    assert!(error.contains("the loss was not finite in any epoch"), "{error}");
    for epoch in 1..=3 {
        assert_eq!(go_on(&of_epoch(&file, epoch), &config, Quiet).unwrap_err().to_string(), error);
    }
}

#[test]
fn a_checkpoint_of_another_training_is_refused() {
    let (_directory, file) = checkpointed(&config(2));
    let before = fs::read(&file).unwrap();
    let remedy = "; remove the checkpoint to begin again";
    let of_another = |says: &str| format!("{}: a checkpoint of another training: {says}{remedy}", file.display());
    for (config, says) in [
        (config(3), "`train.epochs` was 2, and is 3 now"),
        (config(2).with_seed(1), "`train.seed` was 0, and is 1 now"),
        (config(2).with_batch_size(9), "`train.batch_size` was 8, and is 9 now"),
        (config(2).with_learning_rate(0.1), "`train.learning_rate` was 0.05, and is 0.1 now"),
        (config(2).with_optimizer(OptimizerKind::Sgd), "`train.optimizer` was \"adamw\", and is \"sgd\" now"),
    ] {
        assert_eq!(refusal(&file, &config), of_another(says));
    }
    let with = |mlp: MlpConfig, parts| {
        let mlp = mlp.init(&Device::flex(), Key::new(0));
        fit_from(mlp, &config(2), parts, &Device::flex(), Quiet, Some(&file)).unwrap_err().to_string()
    };
    for network in [mlp_config().with_hidden(vec![9]), mlp_config().with_rates(vec![rate(0.2)])] {
        assert_eq!(with(network, parts()), of_another("its network is another"));
    }
    let [train, valid] = parts();
    for parts in [
        [examples(33, Key::new(3)), valid.clone()],
        [train.clone(), examples(64, Key::new(3))],
        [train.clone(), examples(63, Key::new(2))],
        [valid, train],
    ] {
        assert_eq!(with(mlp_config(), parts), of_another("its data are others"));
    }
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn the_number_of_workers_may_change() {
    let (_directory, file) = checkpointed(&config(4));
    let resumed = go_on(&of_epoch(&file, 2), &config(4).with_workers(2), Quiet).unwrap();
    assert_eq!(result(&resumed), result(&go_on(&file, &config(4), Quiet).unwrap()));
}

#[test]
fn a_file_that_is_cut_anywhere_is_refused() {
    let (_directory, file) = checkpointed(&config(2));
    let whole = fs::read(&file).unwrap();
    for length in (0..whole.len()).rev() {
        fs::File::options().write(true).open(&file).unwrap().set_len(length as u64).unwrap();
        refusal(&file, &config(2));
    }
    fs::write(&file, [&whole[..], &[0]].concat()).unwrap();
    assert!(refusal(&file, &config(2)).contains("damaged: it says that it has another length than its"));
}

#[test]
fn a_changed_byte_is_found() {
    let (_directory, file) = checkpointed(&config(2));
    let whole = fs::read(&file).unwrap();
    for flip in 0..300 {
        let key = Key::new(7).fold(flip);
        let (at, bits) = (key.permutation(whole.len())[0], key.fold_str("bits").permutation(255)[0] + 1);
        let mut open = fs::File::options().write(true).open(&file).unwrap();
        let mut put = |byte: u8| {
            open.seek(SeekFrom::Start(at as u64)).unwrap();
            open.write_all(&[byte]).unwrap();
        };
        put(whole[at] ^ bits as u8);
        refusal(&file, &config(2));
        put(whole[at]);
    }
    go_on(&file, &config(2), Quiet).unwrap();
}

#[test]
fn what_is_no_checkpoint_of_this_version_is_refused_before_it_is_read() {
    let (directory, file) = checkpointed(&config(2));
    let says = |reason: &str| format!("{}: {reason}", file.display());
    let whole = fs::read(&file).unwrap();
    fs::write(&file, "epoch,train_loss,valid_loss\n1,0.5,0.5\n").unwrap();
    assert_eq!(refusal(&file, &config(2)), says("not a checkpoint of burn-zoo"));
    let mut newer = whole.clone();
    newer[8] = 2;
    fs::write(&file, newer).unwrap();
    assert_eq!(refusal(&file, &config(2)), says("a checkpoint of version 2: this version reads 1"));
    // A terabyte that agrees with its lengths, and takes no room on the disk.
    let mut huge = whole;
    huge[20..28].copy_from_slice(&(1u64 << 40).to_le_bytes());
    let rest: u64 = [12, 28, 36].map(|at| u64::from_le_bytes(huge[at..at + 8].try_into().unwrap())).iter().sum();
    fs::write(&file, &huge[..44]).unwrap();
    if fs::File::options().write(true).open(&file).unwrap().set_len((1 << 40) + rest + 44 + 32).is_ok() {
        assert!(refusal(&file, &config(2)).ends_with("bytes are too many for a training of this network"));
    }
    assert_eq!(refusal(directory.path(), &config(2)), format!("{}: not a file", directory.path().display()));
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_before_the_first_epoch() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    for place in [directory.path().join("nowhere/run"), file.join("run")] {
        let log = Log(Arc::default(), |_| {});
        let error = go_on(&place, &config(2), log.clone()).unwrap_err();
        assert!(matches!(error, Error::Io { .. }), "{error}");
        assert!(error.to_string().starts_with(&place.display().to_string()), "{error}");
        assert!(log.0.lock().unwrap().is_empty());
    }
}

#[test]
fn a_directory_that_vanishes_is_an_error_that_names_it() {
    let directory = tempfile::tempdir().unwrap();
    let folder = directory.path().join("folder");
    fs::create_dir(&folder).unwrap();
    let file = folder.join("run");
    let log = Log(Arc::default(), move |epoch| {
        if epoch == 2 {
            fs::remove_dir_all(&folder).unwrap();
        }
    });
    let told = log.0.clone();
    let error = go_on(&file, &config(5), log).unwrap_err().to_string();
    assert!(error.starts_with(&file.display().to_string()), "{error}");
    assert_eq!(*told.lock().unwrap(), ["start 5", "epoch 1", "epoch 2", "end"]);
}

#[test]
fn a_checkpoint_that_cannot_be_written_leaves_the_one_before() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("run");
    // Where the next one is written first, there is a directory.
    let in_the_way = directory.path().join(format!(".run.{}.partial", std::process::id()));
    let block = in_the_way.clone();
    let error = go_on(
        &file,
        &config(5),
        behind_each(move |epoch| {
            if epoch == 3 {
                fs::create_dir(&block).unwrap();
            }
        }),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.starts_with(&file.display().to_string()), "{error}");
    fs::remove_dir(in_the_way).unwrap();
    let log = Log(Arc::default(), |_| {});
    let resumed = go_on(&file, &config(5), log.clone()).unwrap();
    assert_eq!(*log.0.lock().unwrap(), ["start 5", "resumed 3", "epoch 4", "epoch 5", "end"]);
    assert_eq!(result(&resumed), result(&fit(mlp(), &config(5), parts(), &Device::flex(), Quiet).unwrap()));
}

#[cfg(unix)]
mod killed {
    use std::{
        os::unix::process::ExitStatusExt,
        process::{Child, Command, Stdio},
        time::{Duration, Instant},
    };

    use super::*;

    /// Names the directory of the process that this test starts and kills.
    const DIRECTORY: &str = "BURN_ZOO_RESUME_TEST";

    /// Large for its 16 rows: most of the time goes into writing checkpoints.
    fn training(checkpoint: Option<&Path>) -> Trained<Mlp> {
        let mlp = mlp_config().with_hidden(vec![128, 128]).init(&Device::flex(), Key::new(0));
        let parts = [examples(16, Key::new(1)), examples(16, Key::new(2))];
        let config = config(150).with_learning_rate(0.001);
        fit_from(mlp, &config, parts, &Device::flex(), Quiet, checkpoint).unwrap()
    }

    /// The process that is killed: it does nothing when it is run as a test.
    #[test]
    fn child() {
        let Some(directory) = std::env::var_os(DIRECTORY).map(PathBuf::from) else { return };
        fs::write(directory.join("ready"), "").unwrap();
        let trained = training(Some(&directory.join("run")));
        fs::write(directory.join("result"), result(&trained)).unwrap();
    }

    fn start(directory: &Path) -> Child {
        let _ = fs::remove_file(directory.join("ready"));
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "killed::child", "--nocapture"]).env(DIRECTORY, directory);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Waits until it is so, or the child has ended.
    fn wait(child: &mut Child, mut until: impl FnMut() -> bool) {
        let begin = Instant::now();
        while !until() && child.try_wait().unwrap().is_none() {
            assert!(begin.elapsed() < Duration::from_secs(60));
            std::thread::yield_now();
        }
    }

    /// The epochs that are in a checkpoint's curve.
    fn epochs(directory: &Path) -> usize {
        let bytes = fs::read(directory.join("run")).unwrap_or_default();
        bytes.windows(9).filter(|window| window == b"[[curve]]").count()
    }

    fn send(signal: &str, child: &mut Child) {
        match signal {
            "KILL" => child.kill().unwrap(),
            _ => drop(Command::new("sh").args(["-c", &format!("kill -{signal} {}", child.id())]).status().unwrap()),
        }
    }

    #[test]
    fn a_training_that_is_killed_20_times_ends_with_the_bits_of_one_that_was_not() {
        let expected = result(&training(None));
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path();
        let (mut kills, mut inside, mut before) = (0, 0, 0);
        for attempt in 0.. {
            let mut child = start(directory);
            wait(&mut child, || directory.join("ready").exists());
            let partial = directory.join(format!(".run.{}.partial", child.id()));
            if kills < 20 {
                // At some moment of the next 30 ms; half of them as soon as something is being written after that.
                let moment = Duration::from_micros(Key::new(11).fold(attempt).permutation(30_000)[0] as u64);
                let begin = Instant::now();
                wait(&mut child, || begin.elapsed() >= moment && (attempt % 2 == 1 || partial.exists()));
                send(if attempt % 5 == 4 { "INT" } else { "KILL" }, &mut child); // INT is Ctrl-C
            }
            let status = child.wait().unwrap();
            if status.signal().is_some() {
                kills += 1;
                inside += usize::from(partial.exists());
                let after = epochs(directory);
                assert!(after >= before, "attempt {attempt}: {before} epochs became {after}");
                before = after;
                continue;
            }
            assert!(status.success(), "attempt {attempt}: {status}");
            assert!(fs::read_to_string(directory.join("result")).unwrap() == expected, "attempt {attempt}: other bits");
            let left: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left.len(), 3, "ready, result and run: {left:?}");
            if kills >= 20 {
                break;
            }
            // A fast machine: it ended before 20 kills, and begins again.
            fs::remove_file(directory.join("run")).unwrap();
            before = 0;
        }
        println!("{inside} of {kills} inside the writing");
        assert!(inside > 0, "none of {kills} was inside the writing of a checkpoint");
    }
}
