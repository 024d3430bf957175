//! Texts to predict and to judge by: plain, or in a column of a table.

use anyhow::{Result, bail};
use burn_zoo::{
    data::{Frame, text::TextFile},
    zoo,
};

use super::{Usage, reading::Reading};

/// The file of `text:FILE`.
pub fn plain(source: &str) -> Option<&str> {
    source.strip_prefix("text:").filter(|file| !file.is_empty())
}

/// Opens a file of plain text for a model of it.
pub fn open_plain(source: &str, model: &str, reading: &Reading) -> Result<TextFile> {
    if let Some(option) = reading.said() {
        return Err(Usage(format!("{option} is for tables: {model} reads plain text")).into());
    }
    Ok(TextFile::open(plain(source).unwrap_or(source))?)
}

/// The names of a table's columns: of one without names those of the training table, with or without the target, if that had none either.
pub fn names(columns: &[String], header: bool, file: &zoo::TextFile, name: &str) -> Result<Vec<String>> {
    let (found, target) = (columns.len(), file.target.as_ref().map(|target| &target.name));
    match file.data.reading.columns {
        _ if header => Ok(columns.to_vec()),
        Some(all) if found == all => Ok(columns.to_vec()),
        Some(all) if found + 1 == all && target.is_some() => {
            let names = (1..=all).map(|number| format!("column_{number}"));
            Ok(names.filter(|name| Some(name) != target).collect())
        }
        Some(all) => bail!("{name}: {found} columns without names: expected the {all} of the training table"),
        None => bail!("{name}: {found} columns without names: the training table's had names, which tell the text"),
    }
}

/// The place of the column that holds the texts.
pub fn column(columns: &[String], file: &zoo::TextFile, name: &str) -> Result<usize> {
    let wanted = file.data.column.as_ref().expect("a model of a table");
    match columns.iter().position(|column| column == wanted) {
        Some(at) => Ok(at),
        None => bail!("{name}: no column `{wanted}`, which holds the texts: there are `{}`", columns.join("`, `")),
    }
}

/// That the columns of a table to judge by have the names by which the model was trained.
pub fn check_names(frame: &Frame, file: &zoo::TextFile) -> Result<()> {
    let header = frame.rows() == 0 || frame.dialect(0).header;
    let names = names(frame.columns(), header, file, frame.name())?;
    match names == frame.columns() {
        true => column(&names, file, frame.name()).map(drop),
        false => bail!("{}: one column less than the training table: nothing to judge by", frame.name()),
    }
}
