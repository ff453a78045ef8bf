//! Reads the schema's compact form.

/// One schema file.
#[derive(Debug, Default)]
pub(crate) struct Schema {
    pub(crate) docs: Vec<String>,
    pub(crate) items: Vec<Item>,
}

/// A top-level entry.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) docs: Vec<String>,
    pub(crate) fields: Vec<Field>,
    /// `@name words…`
    pub(crate) marks: Vec<(String, Vec<String>)>,
}

#[derive(Debug)]
pub(crate) enum Kind {
    Call {
        method: String,
        path: String,
        answer: String,
    },
    Struct,
    Config,
    Property {
        label: String,
    },
    Enum {
        words: Vec<String>,
    },
    /// A named form of texts: its kind, and what the kind needs.
    Format {
        kind: String,
        argument: String,
    },
}

/// A parameter or field.
#[derive(Debug)]
pub(crate) struct Field {
    /// Name on the wire, or several families for a configuration's indexed keys.
    pub(crate) wire: String,
    /// The families and highest indexes of indexed keys.
    pub(crate) families: Vec<(String, u32)>,
    /// Name in Rust.
    pub(crate) rust: String,
    pub(crate) optional: bool,
    pub(crate) default_key: bool,
    pub(crate) ty: String,
    pub(crate) rules: Rules,
    pub(crate) docs: Vec<String>,
}

/// What a value must be, beyond its type.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Rules {
    /// `0..100`
    pub(crate) range: String,
    /// `1..64`, in characters
    pub(crate) length: String,
    pub(crate) format: String,
    pub(crate) pattern: String,
    pub(crate) since: String,
    /// The values of the call's type for which it makes sense.
    pub(crate) only_for: String,
    pub(crate) needs: String,
    /// Words, for keys of formats (elsewhere the type is an enum).
    pub(crate) words: String,
    /// Keys of formats: the key it is another name of.
    pub(crate) alias: String,
    /// Keys of formats: the key that takes its name.
    pub(crate) name_to: String,
}

impl Rules {
    pub(crate) fn parse(text: &str) -> Result<Rules, String> {
        let mut rules = Rules::default();
        // A pattern may hold anything: it comes last.
        let (text, pattern) = match text.split_once("match ") {
            Some((text, pattern)) => (text, pattern),
            None => (text, ""),
        };
        pattern.clone_into(&mut rules.pattern);
        let mut words = text.split_whitespace();
        while let Some(word) = words.next() {
            if word.contains("..") {
                word.clone_into(&mut rules.range);
                continue;
            }
            let slot = match word {
                "len" => &mut rules.length,
                "format" => &mut rules.format,
                "since" => &mut rules.since,
                "for" => &mut rules.only_for,
                "needs" => &mut rules.needs,
                "words" => &mut rules.words,
                "alias" => &mut rules.alias,
                "names" => &mut rules.name_to,
                other => return Err(format!("`{other}` is no rule")),
            };
            let value = words
                .next()
                .ok_or_else(|| format!("`{word}` needs a value"))?;
            value.clone_into(slot);
        }
        Ok(rules)
    }
}

impl std::fmt::Display for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if !self.range.is_empty() {
            write!(f, " {}", self.range)?;
        }
        for (word, value) in [
            ("len", &self.length),
            ("format", &self.format),
            ("words", &self.words),
            ("alias", &self.alias),
            ("names", &self.name_to),
            ("since", &self.since),
            ("for", &self.only_for),
            ("needs", &self.needs),
            ("match", &self.pattern),
        ] {
            if !value.is_empty() {
                write!(f, " {word} {value}")?;
            }
        }
        Ok(())
    }
}

impl Item {
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The words after `@name`.
    pub(crate) fn mark(&self, name: &str) -> Option<&[String]> {
        self.marks
            .iter()
            .find(|(mark, _)| mark == name)
            .map(|(_, words)| words.as_slice())
    }
}

impl Schema {
    pub(crate) fn parse(text: &str) -> Result<Schema, String> {
        let mut schema = Schema::default();
        for (at, line) in text.lines().enumerate() {
            schema
                .line(line)
                .map_err(|why| format!("{}: {why}", at + 1))?;
        }
        for item in &schema.items {
            if item.docs.is_empty() && !matches!(item.kind, Kind::Format { .. }) {
                return Err(format!("0: {} has no documentation", item.name));
            }
        }
        Ok(schema)
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        if let Some(comment) = line.strip_prefix("# ") {
            if self.items.is_empty() {
                self.docs.push(comment.to_owned());
            }
            return Ok(());
        }
        if line.trim().is_empty() {
            return Ok(());
        }
        let Some(inner) = line.strip_prefix("  ") else {
            self.items.push(top(line)?);
            return Ok(());
        };
        let item = self.items.last_mut().ok_or("a detail before any item")?;
        if let Some(doc) = inner.strip_prefix("| ") {
            match item.fields.last_mut() {
                Some(field) => field.docs.push(doc.to_owned()),
                None => item.docs.push(doc.to_owned()),
            }
        } else if let Some(mark) = inner.strip_prefix('@') {
            let mut words = mark.split_whitespace().map(str::to_owned);
            let name = words.next().ok_or("a mark without a name")?;
            item.marks.push((name, words.collect()));
        } else {
            let documented = !matches!(item.kind, Kind::Format { .. });
            let field = field(inner, documented)?;
            let clash = item
                .fields
                .iter()
                .find(|f| f.rust == field.rust || f.wire == field.rust || f.rust == field.wire);
            if let Some(other) = clash {
                return Err(format!("{} and {} clash", other.rust, field.rust));
            }
            item.fields.push(field);
        }
        Ok(())
    }
}

fn top(line: &str) -> Result<Item, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (kind, name) = match words.as_slice() {
        [
            method @ ("GET" | "POST" | "PUT" | "DELETE"),
            path,
            name,
            "->",
            answer,
        ] => (
            Kind::Call {
                method: (*method).to_owned(),
                path: (*path).to_owned(),
                answer: (*answer).to_owned(),
            },
            name,
        ),
        ["struct", name] => (Kind::Struct, name),
        ["config", name] => (Kind::Config, name),
        ["property", name, label @ ..] => (
            Kind::Property {
                label: label.join(" "),
            },
            name,
        ),
        ["enum", name, words @ ..] => (
            Kind::Enum {
                words: words.iter().map(|w| (*w).to_owned()).collect(),
            },
            name,
        ),
        ["format", name, kind, ..] => (
            Kind::Format {
                kind: (*kind).to_owned(),
                // As it stands: a pattern may hold several blanks.
                argument: line.splitn(4, ' ').nth(3).unwrap_or_default().to_owned(),
            },
            name,
        ),
        _ => return Err(format!("`{line}` is neither a call nor a type")),
    };
    Ok(Item {
        kind,
        name: (*name).to_owned(),
        docs: Vec::new(),
        fields: Vec::new(),
        marks: Vec::new(),
    })
}

/// `name? as rust: type rule | documentation`
fn field(text: &str, documented: bool) -> Result<Field, String> {
    let (left, doc) = match text.split_once(" | ") {
        Some(parts) => parts,
        None if !documented => (text, ""),
        None => return Err(format!("`{text}` has no documentation")),
    };
    let (names, ty) = left
        .split_once(": ")
        .ok_or_else(|| format!("`{left}` has no type"))?;
    let (names, rust) = match names.split_once(" as ") {
        Some((names, rust)) => (names.trim(), Some(rust.trim())),
        None => (names.trim(), None),
    };
    let mut families = Vec::new();
    for part in names.split_whitespace() {
        if let Some((family, max)) = part
            .trim_end_matches('?')
            .strip_suffix(']')
            .and_then(|p| p.split_once('['))
        {
            let max = max.parse().map_err(|_| format!("`{part}`: no index"))?;
            families.push((family.to_owned(), max));
        }
    }
    let default_key = names.starts_with('*');
    let optional = names.ends_with('?');
    let wire = names
        .trim_start_matches('*')
        .trim_end_matches('?')
        .to_owned();
    let rust = rust.map_or_else(|| snake(&wire), str::to_owned);
    if documented && is_keyword(&rust) {
        return Err(format!("`{rust}` needs a Rust name: `{wire} as …`"));
    }
    let (ty, rules) = ty.trim().split_once(' ').unwrap_or((ty.trim(), ""));
    Ok(Field {
        wire,
        families,
        rust,
        optional,
        default_key,
        ty: ty.to_owned(),
        rules: Rules::parse(rules)?,
        docs: vec![doc.trim().to_owned()],
    })
}

pub(crate) fn is_keyword(name: &str) -> bool {
    matches!(
        name,
        "type"
            | "in"
            | "use"
            | "move"
            | "ref"
            | "loop"
            | "match"
            | "abstract"
            | "static"
            | "mod"
            | "macro"
            | "as"
            | "for"
            | "if"
            | "impl"
            | "let"
            | "where"
            | "while"
            | "yield"
            | "final"
            | "override"
            | "priv"
            | "pub"
            | "self"
            | "super"
            | "trait"
            | "try"
            | "true"
            | "false"
            | "box"
            | "break"
            | "const"
            | "continue"
            | "crate"
            | "do"
            | "dyn"
            | "else"
            | "enum"
            | "extern"
            | "fn"
            | "mut"
            | "return"
            | "struct"
            | "typeof"
            | "unsafe"
            | "virtual"
            | "async"
            | "await"
            | "become"
            | "gen"
    )
}

/// `keepActive`, `keep-active` -> `keep_active`
pub(crate) fn snake(name: &str) -> String {
    let mut out = String::new();
    let mut upper = true;
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            if !upper && !out.ends_with('_') {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        } else if c.is_ascii_alphanumeric() {
            out.push(c);
        } else if !out.ends_with('_') {
            out.push('_');
        }
        upper = c.is_ascii_uppercase();
    }
    out
}

/// `qm-start`, `HEALTH_OK` -> `QmStart`, `HealthOk`
pub(crate) fn pascal(word: &str) -> String {
    let word = word.trim_start_matches('/');
    let name: String = word
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|part| !part.is_empty())
        .map(|part| {
            let mut chars = part.chars();
            let first = chars.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(chars).collect::<String>()
        })
        .collect();
    match name.chars().next() {
        None => "None".to_owned(),
        Some(c) if c.is_ascii_digit() => format!("V{name}"),
        Some(_) => name,
    }
}
