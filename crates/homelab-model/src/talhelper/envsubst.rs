//! `${…}` in talhelper's files, with places that still point into the file.
//!
//! talhelper substitutes in the text before it parses: `${name}`, defaults
//! such as `${name:-x}`, and `$$` for one dollar sign (so `$$patch` becomes
//! the directive `$patch`). A bare `$name` is substituted only when it is
//! defined: machine configs are full of dollar signs that mean themselves.

use std::collections::BTreeMap;

use homelab_core::nearest;

use crate::yaml::{Bad, Mark};

/// The variables of a talenv file.
pub(crate) type Variables = BTreeMap<String, String>;

/// The text after substitution, and the way back.
#[derive(Debug)]
pub(crate) struct Substituted {
    pub(crate) text: String,
    /// Where output and input part ways, in order of output.
    steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug)]
struct Step {
    output: Mark,
    input: Mark,
    /// Inside a substituted value every place means the `${` that it replaced.
    inside: bool,
}

impl Substituted {
    /// Puts quotes around the rest of a line that begins with `@` at `mark`.
    /// Says whether there was one.
    pub(crate) fn quote_at_sign(&mut self, mark: Mark) -> bool {
        let Some(start) = self
            .text
            .split_inclusive('\n')
            .scan(0, |offset, line| {
                let start = *offset;
                *offset += line.len();
                Some((start, line))
            })
            .nth(mark.line as usize - 1)
            .and_then(|(start, line)| {
                let (at, c) = line.char_indices().nth(mark.column as usize - 1)?;
                (c == '@').then_some(start + at)
            })
        else {
            return false;
        };
        let rest = self.text.get(start..).unwrap_or_default();
        let line = rest.split('\n').next().unwrap_or_default();
        let value = line.split(" #").next().unwrap_or_default().trim_end();
        if value.contains(['\'', ',', ']', '}']) {
            return false;
        }
        let quoted = format!("'{value}'");
        self.text.replace_range(start..start + value.len(), &quoted);
        // Columns after it on this line shift by one; nothing but a comment can follow.
        true
    }

    /// The place in the file for a place in the output.
    pub(crate) fn origin(&self, mark: Mark) -> Mark {
        let after = self.steps.partition_point(|step| step.output <= mark);
        let Some(step) = after.checked_sub(1).and_then(|n| self.steps.get(n)) else {
            return mark;
        };
        if step.inside {
            step.input
        } else if mark.line == step.output.line {
            Mark {
                line: step.input.line,
                column: step.input.column + (mark.column - step.output.column),
            }
        } else {
            Mark {
                line: step.input.line + (mark.line - step.output.line),
                column: mark.column,
            }
        }
    }
}

/// Substitutes in a whole file. An undefined `${name}` is an error unless it
/// stands in a comment.
pub(crate) fn substitute(text: &str, variables: &Variables) -> Result<Substituted, Bad> {
    let mut writer = Writer::default();
    let mut input = Mark::START;
    let mut rest = text;
    let mut comment = false;
    let mut previous = '\n';
    while let Some(c) = rest.chars().next() {
        if c == '\n' {
            comment = false;
        } else if c == '#' && previous.is_whitespace() {
            comment = true;
        }
        previous = c;
        let (taken, value) = match dollar(rest, variables) {
            Ok(Some(found)) if c == '$' => found,
            Err(message) if !comment => return Err(Bad::new(input, message)),
            _ => (c.len_utf8(), None),
        };
        let (source, after) = rest.split_at(taken);
        match value {
            Some(value) => writer.replace(&value, input, source),
            None => writer.push(source),
        }
        advance(&mut input, source);
        rest = after;
    }
    Ok(Substituted {
        text: writer.text,
        steps: writer.steps,
    })
}

/// What a dollar sign at the start of `text` stands for: how many bytes it
/// takes, and the value (`None`: itself).
fn dollar(text: &str, variables: &Variables) -> Result<Option<(usize, Option<String>)>, String> {
    let Some(after) = text.strip_prefix('$') else {
        return Ok(None);
    };
    if after.starts_with('$') {
        return Ok(Some((2, Some("$".to_owned()))));
    }
    let Some(body) = after.strip_prefix('{') else {
        let name = leading_name(after);
        return Ok(variables
            .get(name)
            .map(|value| (1 + name.len(), Some(value.clone()))));
    };
    let line = body.split('\n').next().unwrap_or(body);
    let Some(end) = line.find('}') else {
        return Err("`${` is not closed on this line".to_owned());
    };
    let (inner, taken) = (&line[..end], end + 3);
    let name = leading_name(inner);
    if name.is_empty() {
        return Err(format!("`${{{inner}}}` names no variable"));
    }
    let value = variables.get(name);
    let filled = value.filter(|value| !value.is_empty());
    let result = match inner.get(name.len()..).unwrap_or_default() {
        "" => match value {
            Some(value) => value.clone(),
            None => return Err(undefined(name, variables)),
        },
        operator => {
            let (kind, word) = match operator.strip_prefix(':') {
                Some(rest) => (rest.chars().next(), filled.is_some()),
                None => (operator.chars().next(), value.is_some()),
            };
            let argument = operator
                .trim_start_matches(':')
                .get(1..)
                .unwrap_or_default();
            match (kind, word) {
                (Some('-' | '='), true) => value.cloned().unwrap_or_default(),
                (Some('-' | '='), false) | (Some('+'), true) => argument.to_owned(),
                (Some('+'), false) => String::new(),
                _ => return Err(format!("`${{{inner}}}` is no substitution that is known")),
            }
        }
    };
    Ok(Some((taken, Some(result))))
}

fn undefined(name: &str, variables: &Variables) -> String {
    let hint = match nearest(name, variables.keys().map(String::as_str)) {
        Some(near) => format!("; did you mean `${{{near}}}`?"),
        None => String::new(),
    };
    format!("`${{{name}}}` is not defined in talenv.yaml{hint}")
}

fn leading_name(text: &str) -> &str {
    let end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
        .unwrap_or(text.len());
    &text[..end]
}

fn advance(mark: &mut Mark, text: &str) {
    for c in text.chars() {
        if c == '\n' {
            mark.line = mark.line.saturating_add(1);
            mark.column = 1;
        } else {
            mark.column = mark.column.saturating_add(1);
        }
    }
}

struct Writer {
    text: String,
    at: Mark,
    steps: Vec<Step>,
}

impl Default for Writer {
    fn default() -> Self {
        Writer {
            text: String::new(),
            at: Mark::START,
            steps: Vec::new(),
        }
    }
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.text.push_str(text);
        advance(&mut self.at, text);
    }

    fn replace(&mut self, value: &str, input: Mark, source: &str) {
        self.steps.push(Step {
            output: self.at,
            input,
            inside: true,
        });
        self.push(value);
        let mut input = input;
        advance(&mut input, source);
        self.steps.push(Step {
            output: self.at,
            input,
            inside: false,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Variables {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    fn done(text: &str) -> String {
        let vars = vars(&[("a", "AAAA"), ("empty", "")]);
        substitute(text, &vars).map_or_else(|bad| bad.message, |s| s.text)
    }

    #[test]
    fn every_form() {
        assert_eq!(done("x ${a} y $a z"), "x AAAA y AAAA z");
        assert_eq!(done("${a:-b}${n:-b}${n-b}${empty:-b}${empty-b}"), "AAAAbbb");
        assert_eq!(done("${a:+b}${n:+b}${empty+c}"), "bc");
        assert_eq!(done("$$patch: delete"), "$patch: delete");
        assert_eq!(
            done("cost $5, $unknown, lone $"),
            "cost $5, $unknown, lone $"
        );
        assert_eq!(
            done("# ${nothing}\nk: v # ${nothing}"),
            "# ${nothing}\nk: v # ${nothing}"
        );
    }

    #[test]
    fn an_undefined_variable_says_where_and_what_was_meant() {
        let vars = vars(&[("talosVersion", "v1")]);
        let bad = substitute("a: b\nv: ${talosVersoin}", &vars).unwrap_err();
        assert_eq!(bad.at, Mark { line: 2, column: 4 });
        assert!(bad.message.contains("did you mean `${talosVersion}`?"));
        for broken in ["${", "${}", "${a/b/c}", "${a", "${ü}"] {
            assert!(substitute(broken, &vars).is_err(), "{broken}");
        }
    }

    #[test]
    fn places_lead_back_to_the_file() {
        let out = substitute(
            "k: [${a}, x]\nz: ${n}w",
            &vars(&[("a", "1234567"), ("n", "p\nq")]),
        )
        .unwrap();
        assert_eq!(out.text, "k: [1234567, x]\nz: p\nqw");
        let origin = |line, column| out.origin(Mark { line, column });
        assert_eq!(origin(1, 1), Mark { line: 1, column: 1 });
        assert_eq!(
            origin(1, 7),
            Mark { line: 1, column: 5 },
            "inside the value"
        );
        assert_eq!(
            origin(1, 14),
            Mark {
                line: 1,
                column: 11
            },
            "the x"
        );
        assert_eq!(origin(2, 1), Mark { line: 2, column: 1 });
        assert_eq!(origin(3, 2), Mark { line: 2, column: 8 }, "the w");
    }
}
