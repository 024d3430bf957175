//! Numbers as text.

/// `x` to at most `digits` significant digits, without zeros that say nothing.
pub fn significant(x: f64, digits: usize) -> String {
    if x == 0.0 || !x.is_finite() {
        return x.to_string();
    }
    let rounded: f64 = format!("{x:.*e}", digits - 1).parse().expect("a number that was just printed");
    rounded.to_string()
}

/// `x` to four digits behind the point, or to four significant ones where those would say little, for tables that people read.
pub fn fixed(x: f64) -> String {
    if x != 0.0 && x.abs() < 0.001 { format!("{x:.3e}") } else { format!("{x:.4}") }
}

/// `x` and its standard error; what is rounding alone is none.
pub fn with_error(x: f64, error: f64) -> String {
    let error = if error < 1e-9 * x.abs() { 0.0 } else { error };
    format!("{} ± {}", fixed(x), fixed(error))
}

/// A probability, of an argument.
pub fn level(text: &str) -> Result<f64, String> {
    let level = text.parse().ok().filter(|level| *level > 0.0 && *level < 1.0);
    level.ok_or_else(|| "expected a probability between 0 and 1".to_string())
}

/// A number of passes, of an argument.
pub fn passes(text: &str) -> Result<u32, String> {
    let passes = text.parse().ok().filter(|passes| (1..=1_000_000).contains(passes));
    passes.ok_or_else(|| "expected a whole number from 1 to 1000000".to_string())
}

/// A seed or a count, of an argument.
pub fn whole(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("expected a whole number from 0 to {}", u64::MAX))
}

/// A size in bytes: `512M`, `2G`, `65536`.
pub fn bytes(text: &str) -> Result<usize, String> {
    let (digits, unit) = text.split_at(text.trim_end_matches(|c: char| c.is_ascii_alphabetic()).len());
    let shift = match unit.to_ascii_uppercase().as_str() {
        "" => 0,
        "K" => 10,
        "M" => 20,
        "G" => 30,
        _ => return Err("expected a number of bytes, such as 65536, 512M or 2G".to_string()),
    };
    let number: Option<usize> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(1 << shift))
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| "expected a number of bytes above 0, such as 65536, 512M or 2G".to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_digits_and_no_idle_zeros() {
        assert_eq!(significant(5.123456789012, 9), "5.12345679");
        assert_eq!(significant(0.5, 9), "0.5");
        assert_eq!(significant(-123456789012.0, 9), "-123456789000");
        assert_eq!(significant(0.0, 9), "0");
    }

    #[test]
    fn small_numbers_keep_their_digits_in_tables() {
        assert_eq!([0.0, 0.0596, -0.001, 12.34567].map(fixed), ["0.0000", "0.0596", "-0.0010", "12.3457"]);
        assert_eq!([0.00001234, -0.00098765].map(fixed), ["1.234e-5", "-9.877e-4"]);
        assert_eq!(with_error(2.0, 1e-16), "2.0000 ± 0.0000");
    }

    #[test]
    fn sizes_have_units() {
        assert_eq!(bytes("512M"), Ok(512 << 20));
        assert_eq!(bytes("65536"), Ok(65536));
        assert!(bytes("0").is_err() && bytes("1T").is_err() && bytes("M").is_err());
    }
}
