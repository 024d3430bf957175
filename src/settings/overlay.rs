//! Settings by name: what changes one of them, and what they are as a file.

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use toml::{Table, Value};

use crate::error::{Error, Result};

/// Paths of settings, each with a word about it.
pub(super) type Words = &'static [(&'static str, &'static str)];

/// The settings of a family of models: structs of sections, whose fields have names.
pub(super) trait Family: Clone + Default + Serialize + DeserializeOwned {
    /// What is said of each setting of the section `model`, in the order of a template.
    const MODEL: Words;
    /// Of each setting of the sections behind `train`, whose settings are those of all families.
    const DATA: Words;
    /// A section whose names are a user's own, and a line of a template that shows one.
    const FREE: Option<(&'static str, &'static str)> = None;

    /// A value in a template.
    fn shown(_path: &str, value: &Value) -> String {
        value.to_string()
    }
}

/// What is said of each setting of a training.
const TRAIN: [(&str, &str); 16] = [
    ("train.epochs", "at most"),
    ("train.batch_size", "rows in a step"),
    ("train.learning_rate", "the step size"),
    ("train.optimizer", "adam, adamw, sgd"),
    ("train.momentum", "of sgd"),
    ("train.weight_decay", "of all parameters; decoupled with adamw"),
    ("train.l1", "adds l1 * sum of |w| over the weights to the loss"),
    ("train.l2", "adds l2 * sum of w^2 over the weights to the loss"),
    ("train.max_norm", "largest norm of the weights into a hidden unit; 0 is no limit"),
    ("train.clip_norm", "largest norm of all gradients together; 0 is no limit"),
    ("train.schedule", "of the learning rate: constant, linear, cosine, step:N:GAMMA, exponential:GAMMA"),
    ("train.warmup", "epochs in which the learning rate rises"),
    ("train.label_smoothing", "share of a class's target that goes to all classes alike"),
    ("train.patience", "epochs without a lower validation loss"),
    ("train.seed", "draws split, initial weights, order and masks"),
    ("train.workers", "threads that prepare batches; changes no result"),
];

/// The same settings but for one: `value` is TOML, or a bare word.
pub(super) fn set<S: Family>(settings: &S, path: &str, value: &str) -> Result<S> {
    let parsed = format!("value = {value}").parse::<Table>().ok();
    let parsed = parsed.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value"));
    overlay(settings, vec![(path.to_string(), parsed.unwrap_or_else(|| Value::String(value.to_string())))])
}

/// The defaults but for what a file says.
pub(super) fn over_defaults<S: Family>(file: &Table) -> Result<S> {
    overlay(&S::default(), leaves(file))
}

/// The text of a file of settings, as TOML.
pub(super) fn parse(text: &str) -> Result<Table> {
    text.parse().map_err(|error: toml::de::Error| {
        let line = error.span().map_or(0, |span| text[..span.start].matches('\n').count());
        let value = text.lines().nth(line).unwrap_or_default().trim().to_string();
        let twice = error.message().contains("duplicate key");
        let expected = if twice { "the first of its name" } else { "TOML" };
        Error::Value { place: format!("line {}", line + 1), value, expected }
    })
}

fn overlay<S: Family>(settings: &S, changes: Vec<(String, Value)>) -> Result<S> {
    let mut whole = table_of(settings);
    let is_free =
        |path: &str| S::FREE.is_some_and(|(free, _)| path.strip_prefix(free).is_some_and(|name| name.starts_with('.')));
    let known: Vec<_> = leaves(&whole).into_iter().filter(|(path, _)| !is_free(path)).collect();
    for (path, value) in changes {
        if whole.contains_key(&path) {
            return Err(Error::config(&path, value, format!("settings in the section [{path}]")));
        }
        let (section, name, value) = match path.split_once('.') {
            Some((section, name)) if is_free(&path) => (section, name, value),
            _ => {
                let names = known.iter().map(|(path, _)| path.clone());
                let default = known.iter().find(|(known, _)| *known == path);
                let (_, default) = default.ok_or_else(|| Error::unknown("setting", &path, names))?;
                let (section, name) = path.rsplit_once('.').expect("every setting is in a section");
                // One number for a list of them, a whole number for a real one: what people write.
                match (default, value) {
                    (Value::Array(_), value @ (Value::Integer(_) | Value::Float(_))) => {
                        (section, name, Value::Array(vec![value]))
                    }
                    (_, value) => (section, name, value),
                }
            }
        };
        let shown = value.to_string();
        let table = whole.get_mut(section).and_then(Value::as_table_mut).expect("a known section");
        table.insert(name.to_string(), value);
        let read: Result<S, _> = whole.clone().try_into();
        read.map_err(|error: toml::de::Error| refused(path, shown, error.message()))?;
    }
    Ok(whole.try_into().expect("every step was read"))
}

/// All settings as TOML, and what each means; `head` stands before them.
pub(super) fn template<S: Family>(settings: &S, head: &str) -> String {
    let values = leaves(&table_of(settings));
    let mut text = head.to_string();
    let mut last = "";
    for (path, about) in S::MODEL.iter().chain(&TRAIN).chain(S::DATA) {
        let (section, name) = path.split_once('.').unwrap_or((path, ""));
        if section != last {
            text += &format!("\n[{section}]\n");
            last = section;
        }
        let value = values.iter().find(|(known, _)| known == path).map(|(_, value)| S::shown(path, value));
        match (value, S::FREE) {
            (Some(value), _) if value.contains('\n') => text += &format!("# {about}\n{name} = {value}\n"),
            (Some(value), _) => text += &format!("{:<27} # {about}\n", format!("{name} = {value}")),
            (None, Some((_, example))) => text += &format!("{:<27} # {about}\n", format!("# {example}")),
            (None, None) => unreachable!("a word about `{path}`, which is no setting"),
        }
    }
    text
}

/// As TOML.
pub(crate) fn table_of(settings: &impl Serialize) -> Table {
    Table::try_from(settings).expect("settings are TOML")
}

/// All values with their paths.
pub(crate) fn leaves(table: &Table) -> Vec<(String, Value)> {
    let mut leaves = Vec::new();
    flatten("", table, &mut leaves);
    leaves
}

fn flatten(prefix: &str, table: &Table, leaves: &mut Vec<(String, Value)>) {
    for (name, value) in table {
        let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}.{name}") };
        match value {
            Value::Table(table) => flatten(&path, table, leaves),
            value => leaves.push((path, value.clone())),
        }
    }
}

/// An unknown key of a table in a list, or a value of another kind.
fn refused(path: String, shown: String, message: &str) -> Error {
    let names: Vec<String> = message.split('`').skip(1).step_by(2).map(|name| format!("{path}.{name}")).collect();
    match &names[..] {
        [unknown, known @ ..] if message.starts_with("unknown field") => Error::unknown("setting", unknown, known),
        _ => Error::config(path, shown, expected(message)),
    }
}

/// What serde expected, in a reader's words; what it found is told anyway.
fn expected(message: &str) -> &str {
    match message.rsplit_once("expected ").map_or(message, |(_, expected)| expected).trim() {
        "usize" | "u64" => "a whole number that is not below 0",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        other => other,
    }
}

/// Reads `text` as a `T`, with the line of what is wrong.
pub(crate) fn read_toml<T: for<'de> Deserialize<'de>>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        format!("line {line}: {}", error.message().trim())
    })
}

/// That all is said, and nothing of what there is not.
#[cfg(test)]
pub(super) fn assert_told<S: Family>() {
    let told: Vec<&str> = S::MODEL.iter().chain(&TRAIN).chain(S::DATA).map(|(path, _)| *path).collect();
    let settings = leaves(&table_of(&S::default()));
    for (path, _) in &settings {
        assert!(told.contains(&path.as_str()), "nothing is said about `{path}`");
    }
    assert_eq!(told.len(), settings.len() + usize::from(S::FREE.is_some()), "{told:?}");
    let template = template(&S::default(), "");
    assert!(template.lines().all(|line| !line.ends_with("# ") && line.chars().count() <= 120), "{template}");
}
