//! Tree to text, in the block style of Talos: four spaces.

use std::fmt::Write as _;

use super::value::{Kind, Map, Scalar, Value, kind_of};

const INDENT: usize = 4;

/// The documents, separated by `---`.
pub(crate) fn documents_to_text<'a>(documents: impl IntoIterator<Item = &'a Value>) -> String {
    let mut out = String::new();
    for (n, document) in documents.into_iter().enumerate() {
        if n > 0 {
            out.push_str("---\n");
        }
        match document {
            Value::Map(map) if !map.is_empty() => pairs(map, 0, &mut out),
            Value::List(list) if !list.is_empty() => items(list, 0, &mut out),
            Value::Map(_) => out.push_str("{}\n"),
            Value::List(_) => out.push_str("[]\n"),
            Value::Scalar(s) => {
                scalar(s, 0, &mut out);
                out.push('\n');
            }
        }
    }
    out
}

fn pairs(map: &Map, depth: usize, out: &mut String) {
    for (n, (key, value)) in map.iter().enumerate() {
        // The first key of an item stands behind its dash.
        if n > 0 || !out.ends_with("- ") {
            indent(depth, out);
        }
        text(key, out);
        out.push(':');
        after(value, depth, out);
    }
}

fn items(list: &[Value], depth: usize, out: &mut String) {
    for (n, item) in list.iter().enumerate() {
        if n > 0 || !out.ends_with("- ") {
            indent(depth, out);
        }
        match item {
            // Two columns for the dash, and the rest lines up behind it.
            Value::Map(map) if !map.is_empty() => {
                out.push_str("- ");
                pairs(map, depth + 2, out);
            }
            Value::List(list) if !list.is_empty() => {
                out.push_str("- ");
                items(list, depth + 2, out);
            }
            other => {
                out.push('-');
                after(other, depth, out);
            }
        }
    }
}

/// What follows `key:` or a dash.
fn after(value: &Value, depth: usize, out: &mut String) {
    match value {
        Value::Map(map) if map.is_empty() => out.push_str(" {}\n"),
        Value::List(list) if list.is_empty() => out.push_str(" []\n"),
        Value::Map(map) => {
            out.push('\n');
            pairs(map, depth + INDENT, out);
        }
        Value::List(list) => {
            out.push('\n');
            items(list, depth + INDENT, out);
        }
        Value::Scalar(s) => {
            if !(s.kind() == Kind::Null && s.text().is_empty()) {
                out.push(' ');
                scalar(s, depth, out);
            }
            out.push('\n');
        }
    }
}

fn indent(depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', depth));
}

fn scalar(scalar: &Scalar, depth: usize, out: &mut String) {
    if scalar.kind() != Kind::Text {
        out.push_str(scalar.text());
    } else if !literal(scalar.text(), depth, out) {
        text(scalar.text(), out);
    }
}

/// Texts of several lines as a block, where a block can carry them.
fn literal(text: &str, depth: usize, out: &mut String) -> bool {
    let lines = text.strip_suffix('\n').unwrap_or(text);
    let fits = lines.contains('\n')
        && !lines.starts_with([' ', '\n'])
        && !lines.ends_with('\n')
        && !text.starts_with("---")
        && text
            .chars()
            .all(|c| c == '\n' || (' '..='~').contains(&c) || ('\u{a1}'..='\u{d7ff}').contains(&c))
        && !text.contains(['\u{2028}', '\u{2029}']);
    if !fits {
        return false;
    }
    out.push_str(if text.ends_with('\n') { "|" } else { "|-" });
    for line in lines.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            indent(depth + INDENT, out);
            out.push_str(line);
        }
    }
    true
}

/// A text, in quotes only where they are needed.
fn text(text: &str, out: &mut String) {
    if kind_of(text) == Kind::Text && is_plain(text) {
        out.push_str(text);
        return;
    }
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            c if u32::from(c) < 0x20 || ('\u{7f}'..='\u{a0}').contains(&c) => {
                let _ = write!(out, "\\x{:02x}", u32::from(c));
            }
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

fn is_plain(text: &str) -> bool {
    let safe_first = text.starts_with(|c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '/' | '_' | '.' | '+' | '(' | '$' | '^' | '<')
    });
    safe_first
        && text != "<<"
        && !text.starts_with("...")
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && text.chars().all(|c| (' '..='~').contains(&c))
}
