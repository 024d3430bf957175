//! Predicting takes the memory of a block of rows, however many there are.
#![cfg(all(feature = "cli", target_os = "linux"))]

use std::{
    fs,
    io::{BufWriter, Write},
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

use burn_zoo::data;

/// Predicts so many wines that come through a pipe; the largest resident memory in bytes, and how much was written.
fn predict(rows: usize, format: &str) -> (usize, u64) {
    let directory = tempfile::tempdir().unwrap();
    let out = directory.path().join("out");
    let mut child = Command::new(env!("CARGO_BIN_EXE_burn-zoo"))
        .args(["predict", "mlp/wine-red", "--input", "-", "--passes", "1", "--quiet", "--format", format])
        .env_remove("BURN_ZOO_DEVICE")
        .stdin(Stdio::piped())
        .stdout(fs::File::create(&out).unwrap())
        .spawn()
        .unwrap();
    let mut stdin = BufWriter::new(child.stdin.take().unwrap());
    let writer = thread::spawn(move || {
        let table = data::find("wine-red").unwrap().table();
        writeln!(stdin, "{}", table.columns().join(",")).unwrap();
        let line = |row: &[f64]| row.iter().map(ToString::to_string).collect::<Vec<_>>().join(",") + "\n";
        let lines: Vec<String> = table.iter().map(line).collect();
        lines.iter().cycle().take(rows).for_each(|line| stdin.write_all(line.as_bytes()).unwrap());
        stdin.flush().unwrap();
    });
    let mut most = 0;
    let ended = loop {
        most = most.max(high_water(&child).unwrap_or(0));
        match child.try_wait().unwrap() {
            Some(ended) => break ended,
            None => thread::sleep(Duration::from_millis(2)),
        }
    };
    writer.join().unwrap();
    assert!(ended.success() && most > 0, "{format} {ended}");
    (most, out.metadata().unwrap().len())
}

/// The most memory that a process had at a time.
fn high_water(child: &Child) -> Option<usize> {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    Some(line.trim().strip_suffix(" kB")?.parse::<usize>().ok()? << 10)
}

#[test]
fn ten_times_the_rows_take_no_more_memory() {
    for format in ["csv", "jsonl", "json", "table"] {
        let ((few, short), (many, long)) = (predict(20_000, format), predict(200_000, format));
        println!("{format}: {} MiB, {} MiB", few >> 20, many >> 20);
        assert!(long > 9 * short, "{short} and {long} bytes were written");
        assert!(many < few + (32 << 20), "{format}: {few} bytes for 20000 rows, {many} for 200000");
    }
}
