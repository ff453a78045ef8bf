//! Text from labs, servers and files is never trusted as markup.

use std::fmt;

/// Displays text with everything that HTML or SVG could read as markup made
/// harmless: in element content and in double-quoted attributes alike.
/// Control characters other than tab and line feed are dropped (XML forbids them).
pub(crate) struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use fmt::Write;
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                '\t' | '\n' => f.write_char(c)?,
                c if c.is_control() => {}
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markup_is_only_text() {
        let hostile = "</text><script>alert('1' & \"2\")</script>\u{0}\u{1b}[31m";
        let shown = Escaped(hostile).to_string();
        assert!(
            !shown.contains(['<', '>', '"', '\'', '\u{0}', '\u{1b}']),
            "{shown}"
        );
        assert!(shown.starts_with("&lt;/text&gt;"));
    }
}
