//! A training that is interrupted at any moment goes on to the bytes of one that was not, or says why it cannot.
#![cfg(all(feature = "cli", feature = "ndarray", feature = "flex", unix))]

mod cli_support;

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use burn_zoo::Key;
use cli_support::{
    Ran, burn_zoo, command,
    terminal::{screen, watched},
};
use tempfile::TempDir;

const PATIENCE: usize = 400;

/// The training of all these tests: on noise, so that it overfits soon, and stops early.
fn train(out: &str) -> Vec<&str> {
    let fixed = ["train", "mlp", "--data", "noise.csv", "--target", "y", "-q", "--set", "train.epochs=100000"];
    let rest =
        ["--set", "train.patience=400", "--set", "train.learning_rate=0.01", "--set", "model.hidden=[32]", "--out"];
    [&fixed[..], &rest, &[out]].concat()
}

/// A folder with a table.
fn folder() -> (TempDir, PathBuf) {
    let directory = TempDir::new().unwrap();
    let numbers = Key::new(1).normal(0, 60, 3);
    let lines = numbers.chunks(3).map(|row| format!("{},{},{}\n", row[0], row[1], row[2]));
    let table = format!("a,b,y\n{}", lines.collect::<String>());
    fs::write(directory.path().join("noise.csv"), table).unwrap();
    let at = directory.path().to_path_buf();
    (directory, at)
}

/// What a whole training gives: its scores, and the bytes of its files.
fn result(at: &Path, name: &str) -> [Vec<u8>; 3] {
    ["model.toml", "weights.safetensors", "curve.csv"].map(|file| fs::read(at.join(name).join(file)).unwrap())
}

fn whole(at: &Path) -> (String, [Vec<u8>; 3]) {
    (burn_zoo(at, &train("whole")).data(), result(at, "whole"))
}

fn start(at: &Path, args: &[&str]) -> Child {
    let mut command = command(at, args);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Waits until the child has written a checkpoint.
fn wait_for_a_checkpoint(at: &Path, child: &mut Child) {
    let begin = Instant::now();
    while !at.join("o.unfinished/checkpoint").exists() {
        assert!(child.try_wait().unwrap().is_none() && begin.elapsed() < Duration::from_secs(60));
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn interrupt(child: &Child) {
    let kill = Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(kill.success());
}

/// A training to `o` that was killed behind some epoch.
fn killed(at: &Path) {
    let mut child = start(at, &train("o"));
    wait_for_a_checkpoint(at, &mut child);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn names(at: &Path) -> Vec<String> {
    let entries = fs::read_dir(at).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = entries.collect();
    names.sort_unstable();
    names
}

/// One line, exit code 1.
#[track_caller]
fn refused(ran: Ran, says: &str) {
    assert_eq!((ran.code, ran.out.as_str(), ran.err), (Some(1), "", format!("error: {says}\n")));
}

#[test]
fn ctrl_c_says_how_to_go_on_and_nothing_of_the_training_is_forgotten() {
    let (_directory, at) = folder();
    let expected = whole(&at);
    let mut child = start(&at, &train("o"));
    wait_for_a_checkpoint(&at, &mut child);
    std::thread::sleep(Duration::from_millis(100));
    interrupt(&child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert_eq!((ran.code, ran.out.as_str()), (Some(130), ""));
    let epoch = ran.err.strip_prefix("interrupted behind epoch ").unwrap();
    let (epoch, rest) = epoch.split_once(':').unwrap();
    assert_eq!(rest, " go on with `burn-zoo train --resume o`\n");
    assert_eq!(names(&at), ["noise.csv", "o.unfinished", "whole"]);

    assert_eq!(burn_zoo(&at, &["train", "--resume", "o", "-q"]).data(), expected.0);
    assert!(result(&at, "o") == expected.1);
    assert_eq!(names(&at), ["noise.csv", "o", "whole"]);
    // It was interrupted while it was patient, and was as patient as if it had not been (S2).
    let curve = String::from_utf8(expected.1[2].clone()).unwrap();
    let losses = curve.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().parse::<f64>().unwrap());
    let losses: Vec<f64> = losses.collect();
    let best = (0..losses.len()).min_by(|&a, &b| losses[a].total_cmp(&losses[b])).unwrap() + 1;
    assert_eq!(losses.len(), best + PATIENCE);
    println!("interrupted behind epoch {epoch}, the best is {best}");
}

#[test]
fn ctrl_c_on_a_terminal_takes_the_bar_away() {
    let (_directory, at) = folder();
    let loud: Vec<&str> = train("o").into_iter().filter(|arg| *arg != "-q").collect();
    let (ran, shown) = watched(command(&at, &loud), false, |child| {
        wait_for_a_checkpoint(&at, child);
        std::thread::sleep(Duration::from_millis(100));
        interrupt(child);
    });
    assert_eq!(ran.code, Some(130), "{shown:?}");
    let lines = screen(&shown);
    let [said, last] = &lines[..] else { panic!("{lines:?}") };
    assert!(said.contains(" rows train, "), "{said}");
    assert!(last.starts_with("interrupted behind epoch ") && last.ends_with("`burn-zoo train --resume o`"), "{last}");
}

#[test]
fn a_training_that_is_killed_at_20_moments_ends_with_the_bytes_of_one_that_was_not() {
    let (_directory, at) = folder();
    let (_, expected) = whole(&at);
    let resume = vec!["train", "--resume", "o", "-q"];
    let (mut kills, mut ends, mut too_early) = (0, 0, 0);
    let mut args = train("o");
    for attempt in 0.. {
        assert!(attempt < 200, "{kills} kills, {ends} ends");
        let mut child = start(&at, &args);
        if kills < 20 {
            // From before it reads its table, as the first, to behind some hundred epochs.
            let moment = if attempt == 0 { 500 } else { Key::new(5).fold(attempt).permutation(120_000)[0] as u64 };
            std::thread::sleep(Duration::from_micros(moment));
            child.kill().unwrap();
        }
        let ran = child.wait_with_output().unwrap();
        if ran.status.code().is_none() {
            kills += 1;
            args = resume.clone(); // what is there can be read, or says that there is nothing yet
            continue;
        }
        let ran: Ran = ran.into();
        if ran.code == Some(1) && ran.err.starts_with("error: o: nothing to resume") {
            too_early += 1;
            let _ = fs::remove_dir_all(at.join("o.unfinished"));
            args = train("o");
            continue;
        }
        let ended = ran.err == "error: o: this training has ended: nothing to go on with\n"; // killed behind the last step
        assert!(ran.code == Some(0) || ended, "attempt {attempt}: {ran:?}");
        assert!(result(&at, "o") == expected, "attempt {attempt}: other bytes");
        assert_eq!(names(&at), ["noise.csv", "o", "whole"]);
        ends += 1;
        if kills >= 20 {
            break;
        }
        fs::remove_dir_all(at.join("o")).unwrap();
        args = train("o");
    }
    assert!(too_early > 0, "the first was killed before it began");
    println!("{kills} kills, {too_early} of them before there was anything, {ends} ends");
}

#[test]
fn a_second_training_does_not_touch_one_that_is_unfinished() {
    let (_directory, at) = folder();
    killed(&at);
    let before = names(&at.join("o.unfinished"));
    for out in ["o", "o/", "./o"] {
        let name = out.trim_end_matches('/');
        let says = "an unfinished training: go on with `burn-zoo train --resume";
        refused(burn_zoo(&at, &train(out)), &format!("{name}.unfinished: {says} {name}`, or remove that directory"));
    }
    assert_eq!(names(&at.join("o.unfinished")), before);
    assert_eq!(names(&at), ["noise.csv", "o.unfinished"]);
}

#[test]
fn what_cannot_be_resumed_is_named_and_left_as_it_is() {
    let (_directory, at) = folder();
    let resume = |name: &str| burn_zoo(&at, &["train", "--resume", name, "-q"]);
    refused(resume("o"), "o: nothing to resume: there is no o.unfinished");
    killed(&at);
    let expected = whole(&at);
    refused(resume("whole"), "whole: this training has ended: nothing to go on with");
    for foreign in ["noise.csv", "."] {
        let says = "nothing to resume: this is no directory that `train` was to write";
        refused(resume(foreign), &format!("{foreign}: {says}"));
    }
    // What is called so, but is not ours, is not removed either.
    fs::create_dir(at.join("whole.unfinished")).unwrap();
    fs::write(at.join("whole.unfinished/diary.txt"), "").unwrap();
    refused(resume("whole"), "whole: this training has ended: nothing to go on with");
    assert!(at.join("whole.unfinished/diary.txt").exists());

    // Each fault is told, and nothing is lost: the training goes on when it is mended.
    let mended = |file: &str, damage: &dyn Fn(&[u8]) -> Vec<u8>, says: &str| {
        let path = at.join(file);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, damage(&bytes)).unwrap();
        let ran = resume("o");
        assert_eq!((ran.code, ran.out.as_str(), ran.err.lines().count()), (Some(1), "", 1), "{}", ran.err);
        assert!(ran.err.contains(says), "{}: {says}", ran.err);
        fs::write(&path, bytes).unwrap();
    };
    let checkpoint = "o.unfinished/checkpoint";
    let flipped = |bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        bytes
    };
    mended(checkpoint, &flipped, "o.unfinished/checkpoint: damaged: ");
    mended(checkpoint, &|bytes| bytes[..bytes.len() / 2].to_vec(), "o.unfinished/checkpoint: damaged: ");
    mended(checkpoint, &|_| Vec::new(), "o.unfinished/checkpoint: not a checkpoint of burn-zoo");
    mended(checkpoint, &flipped, "o.unfinished and begin again\n");
    mended("o.unfinished/run.toml", &|_| b"x".to_vec(), "error: o.unfinished/run.toml: damaged: ");
    mended(
        "noise.csv",
        &|bytes| [bytes, b"0,0,0\n"].concat(),
        "error: noise.csv: it has changed since the training began: put it back\n",
    );
    let lost = fs::read(at.join("noise.csv")).unwrap();
    fs::remove_file(at.join("noise.csv")).unwrap();
    refused(resume("o"), "noise.csv: No such file or directory (os error 2)");
    fs::write(at.join("noise.csv"), lost).unwrap();
    assert_eq!(resume("o").data(), expected.0);
    assert!(result(&at, "o") == expected.1);
}

#[test]
fn a_training_goes_on_from_anywhere_and_on_its_own_device() {
    let (_directory, at) = folder();
    killed(&at);
    let ran = burn_zoo(&at, &["train", "--resume", "o", "--device", "ndarray"]);
    assert_eq!(
        (ran.code, ran.err.as_str()),
        (Some(2), "error: --device ndarray: this training began on flex, and ends there\n")
    );
    let ran = burn_zoo(&at, &["train", "--resume", "o", "--seed", "1"]);
    assert_eq!(ran.code, Some(2));
    assert_eq!(ran.err, "error: the argument '--resume <DIR>' cannot be used with '--seed <SEED>'\n");
    let elsewhere = TempDir::new().unwrap();
    let name = at.join("o.unfinished/");
    let mut command = command(elsewhere.path(), &["train", "--resume", name.to_str().unwrap(), "-q"]);
    let ran: Ran = command.env("BURN_ZOO_DEVICE", "ndarray").stdin(Stdio::null()).output().unwrap().into();
    let scores = ran.data();
    assert_eq!((scores, result(&at, "o")), whole(&at));
    assert_eq!(names(&at), ["noise.csv", "o", "whole"]);
}

#[test]
fn a_table_from_standard_input_is_given_again() {
    let (_directory, at) = folder();
    let table = fs::read_to_string(at.join("noise.csv")).unwrap();
    let args: Vec<&str> = train("o").into_iter().map(|arg| if arg == "noise.csv" { "-" } else { arg }).collect();
    let mut child = command(&at, &args);
    child.stdin(fs::File::open(at.join("noise.csv")).unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    wait_for_a_checkpoint(&at, &mut child);
    interrupt(&child);
    let ran: Ran = child.wait_with_output().unwrap().into();
    assert!(ran.code == Some(130) && ran.err.ends_with("`burn-zoo train --resume o < TABLE`\n"), "{}", ran.err);
    let resume = ["train", "--resume", "o", "-q"];
    refused(burn_zoo(&at, &resume), "standard input: empty: no header and no rows");
    refused(
        cli_support::burn_zoo_reading(&at, &resume, &table.replace("a,b", "a,c")),
        "standard input: it has changed since the training began: put it back",
    );
    cli_support::burn_zoo_reading(&at, &resume, &table).data();
    burn_zoo(&at, &train("whole")).data();
    assert!(result(&at, "o")[1..] == result(&at, "whole")[1..]); // model.toml says where the table was from
}

#[test]
fn one_process_at_a_time_trains_into_a_directory() {
    let (_directory, at) = folder();
    let mut child = start(&at, &train("o"));
    wait_for_a_checkpoint(&at, &mut child);
    let says = "o.unfinished: another burn-zoo is training there: wait until it has ended";
    refused(burn_zoo(&at, &["train", "--resume", "o", "-q"]), says);
    assert!(child.try_wait().unwrap().is_none(), "it goes on");
    // One that waited for its table, and finds another training when it has it.
    let args: Vec<&str> = train("o").into_iter().map(|arg| if arg == "noise.csv" { "-" } else { arg }).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    fs::rename(at.join("o.unfinished"), at.join("aside")).unwrap();
    let mut waiting = command(&at, &args);
    waiting.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut waiting = waiting.spawn().unwrap();
    std::thread::sleep(Duration::from_millis(500));
    fs::rename(at.join("aside"), at.join("o.unfinished")).unwrap();
    let mut input = waiting.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, &fs::read(at.join("noise.csv")).unwrap()).unwrap();
    drop(input);
    refused(
        waiting.wait_with_output().unwrap().into(),
        "o.unfinished: an unfinished training: go on with `burn-zoo train --resume o < TABLE`, or remove that directory",
    );
    let (_, expected) = whole(&at);
    burn_zoo(&at, &["train", "--resume", "o", "-q"]).data();
    assert!(result(&at, "o") == expected);
}

#[test]
fn a_model_is_not_called_as_what_is_unfinished() {
    let (_directory, at) = folder();
    let ran = burn_zoo(&at, &train("o.unfinished"));
    let says = "error: --out o.unfinished: what ends in .unfinished is what a training leaves: choose another name\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(2), says));
    assert_eq!(names(&at), ["noise.csv"]);
}

#[test]
fn what_could_not_be_judged_is_refused_before_the_training() {
    let (_directory, at) = folder();
    fs::write(at.join("huge.csv"), "a,b,y\n1,1,1e300\n2,1,1\n").unwrap();
    let files = ["--valid", "noise.csv", "--test", "huge.csv", "--set", "train.epochs=2"];
    let ran = burn_zoo(&at, &[&train("o")[..], &files].concat());
    let says = "error: huge.csv, line 2, column `y`: `1e300` is beyond 1e70: say --na if it means missing, or use another unit\n";
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), says));
    assert_eq!(names(&at), ["huge.csv", "noise.csv"]);
}
