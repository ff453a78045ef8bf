//! A pen for SVG: elements with escaped text, and an estimate of how wide
//! text will be, since nothing here can ask a font.

use std::fmt::Write;

use super::escape::Escaped;

/// Where a text is anchored.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// Collects SVG elements. Coordinates are pixels of the viewBox.
#[derive(Default)]
pub(crate) struct Svg {
    body: String,
}

impl Svg {
    /// Opens a group; `attributes` is trusted markup.
    pub(crate) fn open(&mut self, class: &str) {
        self.push(format_args!("<g class=\"{class}\">"));
    }

    pub(crate) fn close(&mut self) {
        self.body.push_str("</g>\n");
    }

    /// Opens a link to an element of the same page.
    pub(crate) fn open_link(&mut self, fragment: &str) {
        self.push(format_args!("<a href=\"#{}\">", Escaped(fragment)));
    }

    pub(crate) fn close_link(&mut self) {
        self.body.push_str("</a>");
    }

    /// A tooltip, and what a screen reader says, for the group just opened.
    pub(crate) fn title(&mut self, text: &str) {
        self.push(format_args!("<title>{}</title>", Escaped(text)));
    }

    pub(crate) fn rect(&mut self, class: &str, x: f64, y: f64, w: f64, h: f64, radius: f64) {
        self.push(format_args!(
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{radius}\"/>",
            w.max(0.0),
            h.max(0.0),
        ));
    }

    pub(crate) fn circle(&mut self, class: &str, x: f64, y: f64, r: f64) {
        self.push(format_args!(
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\"/>"
        ));
    }

    pub(crate) fn line(&mut self, class: &str, x1: f64, y1: f64, x2: f64, y2: f64) {
        self.push(format_args!(
            "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>"
        ));
    }

    /// A path; `d` is trusted.
    pub(crate) fn path(&mut self, class: &str, d: &str) {
        self.push(format_args!("<path class=\"{class}\" d=\"{d}\"/>"));
    }

    pub(crate) fn text(&mut self, class: &str, anchor: Anchor, x: f64, y: f64, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "",
            Anchor::Middle => " text-anchor=\"middle\"",
            Anchor::End => " text-anchor=\"end\"",
        };
        self.push(format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\"{anchor}>{}</text>",
            Escaped(text)
        ));
    }

    /// Trusted markup as it is (patterns, definitions).
    pub(crate) fn raw(&mut self, markup: &str) {
        self.body.push_str(markup);
    }

    /// The whole picture.
    pub(crate) fn finish(self, width: f64, height: f64, label: &str) -> String {
        format!(
            "<svg class=\"lab\" viewBox=\"0 0 {width:.0} {height:.0}\" role=\"img\" aria-label=\"{}\" xmlns=\"http://www.w3.org/2000/svg\">\n{}</svg>\n",
            Escaped(label),
            self.body
        )
    }

    fn push(&mut self, args: std::fmt::Arguments<'_>) {
        // Writing into a String cannot fail.
        let _ = self.body.write_fmt(args);
    }
}

/// About how many pixels `text` takes in a proportional sans-serif of `size` pixels.
/// Measured on a wide face, so rather a little too much than too little.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    text.chars().map(|c| em(c) * size).sum()
}

/// The same for bold text.
pub(crate) fn bold_width(text: &str, size: f64) -> f64 {
    text_width(text, size) * 1.1
}

fn em(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | 'I' | '.' | ',' | ':' | ';' | '|' | '!' | '\'' | ' ' => 0.34,
        'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '-' | '/' | '·' => 0.40,
        'm' | 'w' | 'M' | 'W' | '@' | '%' | '…' => 0.96,
        'A'..='Z' => 0.70,
        // Wide scripts take a full square.
        c if c as u32 >= 0x1100 => 1.0,
        _ => 0.63,
    }
}

/// `text` cut with an ellipsis so that it fits `width`.
pub(crate) fn fit(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut room = width - em('…') * size;
    let mut cut = String::new();
    for c in text.chars() {
        room -= em(c) * size;
        if room < 0.0 {
            break;
        }
        cut.push(c);
    }
    cut.truncate(cut.trim_end().len());
    cut.push('…');
    cut
}

/// The same for bold text.
pub(crate) fn fit_bold(text: &str, size: f64, width: f64) -> String {
    fit(text, size * 1.1, width)
}

/// `text` broken between words into at most `lines` lines of `width`; the last is cut.
pub(crate) fn wrap(text: &str, size: f64, width: f64, lines: usize) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        let longer = if line.is_empty() {
            word.to_owned()
        } else {
            format!("{line} {word}")
        };
        if text_width(&longer, size) <= width || line.is_empty() || out.len() + 1 == lines {
            line = longer;
        } else {
            out.push(std::mem::replace(&mut line, word.to_owned()));
        }
    }
    if !line.is_empty() {
        out.push(line);
    }
    out.into_iter().map(|l| fit(&l, size, width)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_to_its_room() {
        assert_eq!(fit("pve1", 12.0, 100.0), "pve1");
        let cut = fit("a-very-long-guest-name-indeed", 12.0, 100.0);
        assert!(
            cut.ends_with('…') && text_width(&cut, 12.0) <= 100.0,
            "{cut}"
        );
        let lines = wrap(
            "etcd keeps 1 of 3 members and loses its quorum of 2",
            12.0,
            150.0,
            2,
        );
        assert_eq!(lines.len(), 2);
        assert!(
            lines.iter().all(|l| text_width(l, 12.0) <= 150.0),
            "{lines:?}"
        );
    }

    #[test]
    fn text_is_escaped() {
        let mut svg = Svg::default();
        svg.text("x", Anchor::End, 0.0, 0.0, "<b>");
        assert!(svg.finish(1.0, 1.0, "\"").contains("&lt;b&gt;"));
    }
}
