//! Numbers as text, the same in every message.

const GIB: u64 = 1 << 30;

/// Bytes in GiB, whole when they are, else with one decimal.
#[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
pub(crate) fn gib(bytes: u64) -> String {
    if bytes.is_multiple_of(GIB) {
        return (bytes / GIB).to_string();
    }
    let text = format!("{:.1}", bytes as f64 / GIB as f64);
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

/// `part` of `whole` in percent, rounded; 0 of nothing is 0.
#[expect(clippy::cast_precision_loss, reason = "shown as whole percent")]
pub(crate) fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return "0".to_owned();
    }
    format!("{:.0}", part as f64 / whole as f64 * 100.0)
}

/// `1 host`, `2 hosts`.
pub(crate) fn count(n: usize, word: &str) -> String {
    let s = if n == 1 { "" } else { "s" };
    format!("{n} {word}{s}")
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list<T: AsRef<str>>(items: &[T]) -> String {
    joined(items, "and")
}

/// `a`, `a or b`, `a, b or c`.
pub(crate) fn either<T: AsRef<str>>(items: &[T]) -> String {
    joined(items, "or")
}

fn joined<T: AsRef<str>>(items: &[T], word: &str) -> String {
    match items {
        [] => "none".to_owned(),
        [one] => one.as_ref().to_owned(),
        [init @ .., last] => {
            let init: Vec<&str> = init.iter().map(AsRef::as_ref).collect();
            format!("{} {word} {}", init.join(", "), last.as_ref())
        }
    }
}
