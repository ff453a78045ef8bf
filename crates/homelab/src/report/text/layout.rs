//! Words into lines, cells into columns, and colour only when asked.

use crate::report::view::Level;

/// ANSI colours, or none.
pub(super) struct Paint {
    pub(super) color: bool,
}

impl Paint {
    fn ansi(&self, code: &str, text: &str) -> String {
        if self.color && !text.is_empty() {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    pub(super) fn bold(&self, text: &str) -> String {
        self.ansi("1", &clean(text))
    }

    pub(super) fn dim(&self, text: &str) -> String {
        self.ansi("2", &clean(text))
    }

    pub(super) fn level(&self, level: Level, text: &str) -> String {
        let code = match level {
            Level::Ok => "32",
            Level::Info => "36",
            Level::Warning => "33",
            Level::Critical => "31",
        };
        self.ansi(code, &clean(text))
    }
}

/// What a server sends must not steer the terminal: control characters become spaces.
pub(super) fn clean(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// `text` in lines of at most `width` characters, broken between words where possible.
pub(super) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let width = width.max(10);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in clean(text).split_whitespace() {
        let mut word = word.to_owned();
        if line.chars().count() + 1 + word.chars().count() > width && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        while word.chars().count() > width {
            lines.push(word.chars().take(width).collect());
            word = word.chars().skip(width).collect();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// Rows of cells. The first column is the mark and carries the row's colour.
pub(super) struct Table {
    head: Vec<String>,
    rows: Vec<(Level, Vec<String>)>,
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Self {
        Table {
            head: head.iter().map(|h| (*h).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn row(&mut self, level: Level, cells: Vec<String>) {
        self.rows
            .push((level, cells.into_iter().map(|c| clean(&c)).collect()));
    }

    /// Columns that hold nothing are left out; the widest are wrapped until the table fits `width`.
    pub(super) fn lines(&self, width: usize, paint: &Paint) -> Vec<String> {
        let used: Vec<usize> = (0..self.head.len())
            .filter(|i| {
                self.rows
                    .iter()
                    .any(|(_, cells)| cells.get(*i).is_some_and(|c| !c.trim().is_empty()))
            })
            .collect();
        let mut widths: Vec<usize> = used
            .iter()
            .map(|i| {
                self.rows
                    .iter()
                    .map(|(_, r)| r)
                    .chain([&self.head])
                    .filter_map(|r| r.get(*i))
                    .map(|c| c.chars().count())
                    .max()
                    .unwrap_or(0)
            })
            .collect();
        let gaps = 2 * widths.len();
        while widths.iter().sum::<usize>() + gaps > width {
            match widths.iter_mut().max() {
                Some(widest) if *widest > 12 => *widest -= 1,
                _ => break,
            }
        }
        let mut lines = Vec::new();
        let head: Vec<Vec<String>> = used
            .iter()
            .map(|i| vec![self.head.get(*i).cloned().unwrap_or_default()])
            .collect();
        for line in grid(&head, &widths, None) {
            lines.push(paint.dim(&line));
        }
        for (level, cells) in &self.rows {
            let row: Vec<Vec<String>> = used
                .iter()
                .zip(&widths)
                .map(|(i, w)| wrapped(cells.get(*i).map_or("", String::as_str), (*w).max(1)))
                .collect();
            lines.extend(grid(&row, &widths, Some((*level, paint))));
        }
        lines
    }
}

/// One row as text lines, as many as its highest cell.
fn grid(cells: &[Vec<String>], widths: &[usize], color: Option<(Level, &Paint)>) -> Vec<String> {
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    (0..height)
        .map(|y| {
            let mut line = String::from("  ");
            for (x, (cell, width)) in cells.iter().zip(widths).enumerate() {
                let text = cell.get(y).map_or("", String::as_str);
                let padding = " ".repeat(width.saturating_sub(text.chars().count()) + 2);
                match color {
                    Some((level, paint)) if x == 0 => line.push_str(&paint.level(level, text)),
                    _ => line.push_str(text),
                }
                line.push_str(&padding);
            }
            line.trim_end().to_owned()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_to_the_width() {
        for width in [10, 17, 40] {
            let lines = wrapped(
                "etcd keeps 1 of 3 members, and sha256:0123456789abcdef0123456789abcdef is long",
                width,
            );
            assert!(
                lines.iter().all(|l| l.chars().count() <= width),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn control_characters_do_not_reach_the_terminal() {
        let mut table = Table::new(&["", "name"]);
        table.row(Level::Ok, vec!["✓".into(), "a\u{1b}[2Jb".into()]);
        let lines = table.lines(80, &Paint { color: false });
        assert!(lines.iter().all(|l| !l.contains('\u{1b}')), "{lines:?}");
    }
}
