//! Every row of the table in docs/errors.md: the command is run, and says what stands there.
#![cfg(all(feature = "cli", feature = "flex", target_os = "linux"))]

mod cli_support;

use std::{
    fs::{self, File},
    io::Read,
    path::Path,
    process::{Command, Stdio},
};

use cli_support::{BURN_ZOO, Ran, burn_zoo, words};
use tempfile::TempDir;

/// The files that docs/errors.md speaks of.
fn files(at: &Path) {
    let header = "size,rooms,colour,price\n";
    let colours = ["red", "green", "blue"];
    let row = |i: usize| format!("{},{},{},{}", 50 + 7 * i % 90, 1 + i % 5, colours[i % 3], 100 + 13 * i % 170);
    let rows: Vec<String> = (0..40).map(row).collect();
    let file = |name: &str, rows: &[String]| {
        let lines: String = rows.iter().map(|row| format!("{row}\n")).collect();
        fs::write(at.join(name), format!("{header}{lines}")).unwrap();
    };
    let with = |row: &str| [&rows[..], &[row.to_string()]].concat();
    file("houses.csv", &rows);
    file("no-rows.csv", &[]);
    file("one-row.csv", &rows[..1]);
    file("two-rows.csv", &rows[..2]);
    file("text.csv", &with("large,3,red,150"));
    file("nan.csv", &with("80,3,red,nan"));
    file("inf.csv", &with("80,3,red,inf"));
    file("inf-size.csv", &with("inf,3,red,150"));
    file("missing.csv", &with(",3,red,150"));
    file("new-level.csv", &with("80,3,purple,150"));
    file("short.csv", &with("80,3,red"));
    fs::write(at.join("empty.csv"), "").unwrap();
    fs::write(at.join("twice.csv"), "size,rooms,size\n1,2,3\n").unwrap();
    fs::write(at.join("latin.csv"), b"size,rooms,colour,price\n80,3,gr\xfcn,150\n").unwrap();
    let constant: Vec<String> = rows.iter().map(|row| format!("{},7", row.rsplit_once(',').unwrap().0)).collect();
    file("constant.csv", &constant);
    let one_class: Vec<String> = rows.iter().map(|row| format!("{},sold", row.rsplit_once(',').unwrap().0)).collect();
    file("one-class.csv", &one_class);
    let nothing = "7,7,7,".to_string();
    let huge: Vec<String> = (1..41).map(|i| format!("{i}e300,1,red,{i}")).collect();
    file("huge.csv", &huge);
    file("no-columns.csv", &(0..40).map(|i| format!("{nothing}{i}")).collect::<Vec<_>>());
    fs::write(at.join("bad-key.toml"), "[train]\nepcohs = 3\n").unwrap();
    fs::write(at.join("bad-value.toml"), "[model]\nrates = [1.5]\n").unwrap();
    fs::write(at.join("key-twice.toml"), "[train]\nepochs = 3\nepochs = 4\n").unwrap();
    fs::write(at.join("not.toml"), "epochs: 3\n").unwrap();
    fs::write(at.join("page.png"), "\u{89}PNG\r\n").unwrap();
    pictures(at);
    texts(at);
    series(at);
    let trained = burn_zoo(
        at,
        &[
            "train",
            "mlp",
            "--data",
            "houses.csv",
            "--target",
            "price",
            "--out",
            "model",
            "--set",
            "train.epochs=2",
            "-q",
        ],
    );
    assert_eq!(trained.code, Some(0), "{}", trained.err);
    for (copy, file, change) in [("tampered", "weights.safetensors", true), ("truncated", "weights.safetensors", false)]
    {
        fs::create_dir(at.join(copy)).unwrap();
        for name in ["model.toml", "weights.safetensors"] {
            fs::copy(at.join("model").join(name), at.join(copy).join(name)).unwrap();
        }
        let path = at.join(copy).join(file);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        if change {
            bytes[middle] ^= 1
        } else {
            bytes.truncate(middle)
        }
        fs::write(path, bytes).unwrap();
    }
    fs::create_dir(at.join("older")).unwrap();
    fs::write(at.join("older/model.toml"), "schema = 1\nfamily = \"mlp\"\n").unwrap();
    fs::create_dir(at.join("half.unfinished")).unwrap();
    fs::create_dir(at.join("foreign")).unwrap();
    fs::write(at.join("foreign/model.toml"), "name = \"something else\"\n").unwrap();
}

/// Tables of days, and a model of a series.
fn series(at: &Path) {
    let day = |i: usize| format!("2024-{:02}-{:02},{}", 1 + i / 31, 1 + i % 31, i % 7);
    let days: Vec<String> = (0..40).map(day).collect();
    let file = |name: &str, rows: Vec<String>| {
        fs::write(at.join(name), format!("day,y\n{}\n", rows.join("\n"))).unwrap();
    };
    let with = |row: &str| [&days[..], &[row.to_string()]].concat();
    file("days.csv", days.clone());
    file("days-twice.csv", with("2024-02-03,9"));
    file("days-gap.csv", [&days[..20], &days[21..]].concat());
    file("days-bad.csv", with("2024-02-30,9"));
    file("days-inf.csv", with("2024-02-10,inf"));
    file("days-hole.csv", days.iter().map(|row| row.replace("2024-01-20,5", "2024-01-20,")).collect());
    let noon = |row: &String| row.replace(',', " 00:00,");
    file(
        "days-between.csv",
        with("2024-01-20 06:00,9").iter().map(|row| if row.contains(':') { row.clone() } else { noon(row) }).collect(),
    );
    let small = ["--set", "train.epochs=1", "--set", "model.hidden=4"];
    let trained = burn_zoo(at, &[&["train", "lstm", "--data", "airline", "--out", "air", "-q"][..], &small].concat());
    assert_eq!(trained.code, Some(0), "{}", trained.err);
}

/// Folders of pictures of 12 x 12, and a model of them.
fn pictures(at: &Path) {
    let picture = |name: &str, number: u8| {
        let path = at.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let pixel = |x: u32, y: u32| image::Luma([(x as u8 * 11).wrapping_mul(y as u8).wrapping_add(number)]);
        image::GrayImage::from_fn(12, 12, pixel).save(path).unwrap();
    };
    for number in 0..10 {
        for class in ["cat", "dog"] {
            picture(&format!("pictures/{class}/{number}.png"), number + 100 * u8::from(class == "dog"));
        }
        picture(&format!("one-kind/cat/{number}.png"), number);
    }
    picture("few/cat/0.png", 0);
    picture("few/dog/0.png", 1);
    picture("others/bird/0.png", 0);
    picture("others/cat/0.png", 1);
    for number in 0..3 {
        picture(&format!("damaged/cat/{number}.png"), number);
        picture(&format!("damaged/dog/{number}.png"), number + 9);
    }
    let whole = fs::read(at.join("damaged/cat/2.png")).unwrap();
    fs::write(at.join("damaged/cat/2.png"), &whole[..whole.len() / 2]).unwrap();
    fs::create_dir(at.join("empty")).unwrap();
    let small = "model.stages=[{channels=2,kernel=3}]";
    let train = ["train", "cnn", "--data", "images:pictures", "--out", "pics", "-q", "--set", small];
    let trained = burn_zoo(at, &[&train[..], &["--set", "train.epochs=1", "--set", "model.hidden=[4]"]].concat());
    assert_eq!(trained.code, Some(0), "{}", trained.err);
}

/// Reviews, lines of a language, and models of both.
fn texts(at: &Path) {
    let review = |i: usize| format!("{} phone {i},{}\n", ["good", "poor"][i % 2], ["up", "down"][i % 2]);
    let rows: String = (0..40).map(review).collect();
    fs::write(at.join("reviews.csv"), format!("text,label\n{rows}")).unwrap();
    fs::write(at.join("no-text.csv"), format!("text,label\n{rows},up\n")).unwrap();
    let line = |i: usize| format!("line {i} of {}\n", i * i % 7);
    fs::write(at.join("lines.txt"), (0..60).map(line).collect::<String>()).unwrap();
    fs::write(at.join("latin.txt"), b"caf\xc3\xa9\ncaf\xe9\n").unwrap();
    let small = "--set model.hidden=4 --set model.embedding=2 --set train.epochs=1 --set data.streams=4 -q";
    let classes = small.replace("--set data.streams=4 ", "");
    for line in [
        format!("train lstm --data text:lines.txt --out lang {small}"),
        format!("train lstm --data reviews.csv --text text --target label --out moods {classes}"),
    ] {
        let trained = burn_zoo(at, &words(&line).iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(trained.code, Some(0), "{}", trained.err);
    }
}

fn run(at: &Path, line: &str) -> Ran {
    let (line, full) = match line.strip_suffix(" > /dev/full") {
        Some(line) => (line, true),
        None => (line, false),
    };
    let out = if full { Stdio::from(File::create("/dev/full").unwrap()) } else { Stdio::piped() };
    let mut command = Command::new(BURN_ZOO);
    command.args(&words(line)[1..]).current_dir(at).env_remove("BURN_ZOO_DEVICE").env("RUST_BACKTRACE", "1");
    command.stdin(Stdio::null()).stdout(out).output().unwrap().into()
}

/// One row of the table.
struct Row {
    what: String,
    command: String,
    code: i32,
    message: String,
}

fn table() -> Vec<Row> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md")).unwrap();
    let code = |cell: &str| cell.trim().trim_matches('`').trim().to_string();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
        let [what, command, exit, message] = cells[..] else { panic!("4 cells expected: {line}") };
        let (what, code_of) = (what.trim().to_string(), exit.trim().parse().unwrap());
        Row { what, command: code(command), code: code_of, message: code(message) }
    };
    text.lines().filter(|line| line.contains("| `burn-zoo ")).map(row).collect()
}

#[test]
fn every_row_of_the_table_is_what_happens() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    files(at);
    let rows = table();
    assert!(rows.len() >= 40, "{} rows", rows.len());
    let mut wrong = Vec::new();
    for row in &rows {
        let ran = run(at, &row.command);
        let errors: Vec<&str> =
            ran.err.lines().filter(|line| !line.starts_with("note: ") && !line.contains(" rows train, ")).collect();
        let one_line = errors.len() == 1 && !ran.err.contains("panicked");
        if ran.code != Some(row.code) || errors.first() != Some(&row.message.as_str()) || !one_line {
            wrong.push(format!("{}: {}\n  exit {:?}: {}", row.what, row.command, ran.code, ran.err));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    // Nothing half-written is left anywhere.
    let known = [
        "model",
        "tampered",
        "truncated",
        "older",
        "foreign",
        "half.unfinished",
        "pictures",
        "one-kind",
        "few",
        "others",
        "damaged",
        "empty",
        "pics",
        "lang",
        "moods",
        "air",
    ];
    for entry in fs::read_dir(at).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert!(!entry.path().is_dir() || known.contains(&name.as_str()), "{name} is left");
        assert!(!name.starts_with('.'), "{name} is left");
    }
}

#[test]
fn a_closed_pipe_is_success_and_gives_whole_records() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    files(at);
    let line = (0..20_000).map(|i| format!("{},3,red,1\n", 50 + i % 60)).collect::<String>();
    fs::write(at.join("many.csv"), format!("size,rooms,colour,price\n{line}")).unwrap();
    for format in ["csv", "jsonl"] {
        let mut child = Command::new(BURN_ZOO)
            .args(["predict", "model", "--input", "many.csv", "--format", format, "--passes", "2", "-q"])
            .current_dir(at)
            .env_remove("BURN_ZOO_DEVICE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = [0; 100];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap(); // and the pipe is closed
        let ran: Ran = child.wait_with_output().unwrap().into();
        assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{format}");
    }
}

/// `ulimit -f` bounds the size of a file as a full disk does: a write fails in the middle.
#[cfg(unix)]
#[test]
fn a_disk_that_is_full_leaves_nothing_or_what_was_there() {
    let directory = TempDir::new().unwrap();
    let at = directory.path();
    files(at);
    let limited = |blocks: u32, arguments: &str| -> Ran {
        let script = format!("ulimit -f {blocks}; trap '' XFSZ; exec '{BURN_ZOO}' {arguments}");
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(at).env_remove("BURN_ZOO_DEVICE").stdin(Stdio::null());
        command.output().unwrap().into()
    };
    let train = "train mlp --data houses.csv --target price --out full --set train.epochs=3 -q";
    let ran = limited(8, train); // 512-byte blocks: the checkpoint does not fit
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    let error = ran.err.lines().last().unwrap();
    assert!(error.starts_with("error: full.unfinished/checkpoint: ") && error.contains("File too large"), "{error}");
    assert!(!at.join("full").exists());
    // With room again, it goes on.
    let ran = run(at, "burn-zoo train --resume full -q");
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(at.join("full/model.toml").exists() && !at.join("full.unfinished").exists());
}
