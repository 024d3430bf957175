//! Lines, series and counts in words, for messages.

use crate::data::frame::Frame;

/// So many of something.
pub(super) fn count(n: usize, what: &str) -> String {
    format!("{n} {what}{}", if n == 1 { "" } else { "s" })
}

/// What a series is called; empty for one without a group.
pub(super) fn label(group: &[String]) -> String {
    group.join(", ")
}

/// Where, if there are several series.
pub(super) fn in_series(group: &[String]) -> String {
    if group.is_empty() { String::new() } else { format!(" of `{}`", label(group)) }
}

/// The lines of rows, of the first ones where there are many.
pub(super) fn lines(frame: &Frame, rows: &[usize]) -> String {
    if frame.names().count() > 1 {
        let mut places: Vec<String> = rows.iter().take(3).map(|&row| frame.place(row)).collect();
        places.extend((rows.len() > 3).then(|| "...".to_string()));
        return places.join("; ");
    }
    let mut lines: Vec<u64> = rows.iter().map(|&row| frame.line(row)).collect();
    lines.sort_unstable();
    match lines[..] {
        [] => String::new(),
        [one] => format!("line {one}"),
        [a, b] => format!("lines {a} and {b}"),
        [first, .., last] if last - first + 1 == lines.len() as u64 => format!("lines {first}-{last}"),
        [a, b, c] => format!("lines {a}, {b} and {c}"),
        [a, b, c, ..] => format!("lines {a}, {b}, {c}, ..."),
    }
}
