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
    pub(crate) rule: String,
    pub(crate) docs: Vec<String>,
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
            if item.docs.is_empty() {
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
            let field = field(inner)?;
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
fn field(text: &str) -> Result<Field, String> {
    let (left, doc) = text
        .split_once(" | ")
        .ok_or_else(|| format!("`{text}` has no documentation"))?;
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
    if matches!(
        rust.as_str(),
        "type" | "in" | "use" | "move" | "ref" | "loop"
    ) {
        return Err(format!("`{rust}` needs a Rust name: `{wire} as …`"));
    }
    let (ty, rule) = ty.trim().split_once(' ').unwrap_or((ty.trim(), ""));
    Ok(Field {
        wire,
        families,
        rust,
        optional,
        default_key,
        ty: ty.to_owned(),
        rule: rule.trim().to_owned(),
        docs: vec![doc.trim().to_owned()],
    })
}

/// `keepActive`, `keep-active` -> `keep_active`
fn snake(name: &str) -> String {
    let mut out = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() {
            if !out.is_empty() {
                out.push('_');
            }
            out.push(c.to_ascii_lowercase());
        } else if c == '-' || c == '.' {
            out.push('_');
        } else {
            out.push(c);
        }
    }
    out
}

/// `qm-start`, `HEALTH_OK` -> `QmStart`, `HealthOk`
pub(crate) fn pascal(word: &str) -> String {
    word.split(['-', '_', '.'])
        .filter(|part| !part.is_empty())
        .map(|part| {
            let mut chars = part.chars();
            let first = chars.next().map(|c| c.to_ascii_uppercase());
            first.into_iter().chain(chars).collect::<String>()
        })
        .collect()
}
