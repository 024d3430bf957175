//! `burn-zoo devices --check`: a device against the host.

mod cli_support;
mod common;

use std::path::Path;

use burn_zoo::check_device;
use cli_support::burn_zoo;
use serde_json::Value;

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn a_cpu_computes_every_operation_as_it_should() {
    for name in ["flex", "ndarray"] {
        let table = burn_zoo(here(), &["devices", "--check", name]).data();
        assert!(table.lines().skip(1).all(|line| line.ends_with("right")), "{table}");
        let document: Value =
            serde_json::from_str(&burn_zoo(here(), &["devices", "--check", name, "--format", "json"]).data()).unwrap();
        assert_eq!((&document["schema"], &document["device"]), (&1.into(), &name.into()));
        let checks = document["checks"].as_array().unwrap();
        assert_eq!(checks.len(), table.lines().count() - 1);
        assert!(checks.iter().all(|check| check["right"] == true && check["error"].as_f64().unwrap() >= 0.0));
        let errors = checks.iter().filter(|check| check["error"].as_f64() > Some(0.0)).count();
        assert!(errors > checks.len() / 2, "rounding leaves traces: {document}");
    }
}

#[test]
fn operations_are_told_apart_by_their_names_sizes_and_quantities() {
    let (_, device) = common::devices().swap_remove(0);
    let checks = check_device(&device).unwrap();
    let mut names: Vec<String> =
        checks.iter().map(|check| format!("{} {} {}", check.operation, check.size, check.quantity)).collect();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), checks.len());
    for wanted in ["matmul", "convolution", "max pooling", "sum", "softmax", "select", "gather", "erf"] {
        assert!(checks.iter().any(|check| check.operation == wanted), "no {wanted}");
    }
}

#[test]
fn a_device_that_is_not_there_is_an_error_and_no_check() {
    let ran = burn_zoo(here(), &["devices", "--check", "cuda:7"]);
    assert_eq!(ran.code, Some(1), "{ran:?}");
    assert!(ran.out.is_empty() && ran.err.lines().count() == 1, "{ran:?}");
    let ran = burn_zoo(here(), &["devices", "--check", "flxe"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
}
