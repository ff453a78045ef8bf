//! The file itself: contexts by name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use homelab_core::{Error, ErrorKind, Location, Result, Sent, nearest};
use serde::Deserialize;
use serde_saphyr::Spanned;

use super::context::{Context, RawContext};
use super::search;

/// A talosconfig: contexts by name, and which of them is used when none is named.
///
/// ```
/// use talos_client::TalosConfig;
///
/// let config = TalosConfig::parse("talosconfig", "
/// context: lab
/// contexts:
///   lab:
///     endpoints: [172.16.1.50, 172.16.1.51]
///     nodes: [172.16.1.50]
/// ")?;
/// assert_eq!(config.context(None)?.endpoints.len(), 2);
/// let error = config.context(Some("lap")).unwrap_err();
/// assert!(error.message().ends_with("did you mean \"lab\"?"));
/// # Ok::<(), homelab_core::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct TalosConfig {
    current: Option<String>,
    contexts: BTreeMap<String, Context>,
    file: String,
}

#[derive(Deserialize)]
struct RawConfig {
    #[serde(default)]
    context: Option<String>,
    #[serde(default)]
    contexts: Option<BTreeMap<String, Spanned<Option<RawContext>>>>,
}

impl TalosConfig {
    /// Finds and reads the talosconfig that talosctl would use: `$TALOSCONFIG`,
    /// `$TALOS_HOME/config` or `~/.talos/config`, the in-cluster service account.
    ///
    /// # Errors
    /// `NotFound` lists the paths tried (no file is created); otherwise as
    /// [`from_file`](TalosConfig::from_file).
    pub fn search() -> Result<(Self, PathBuf)> {
        Self::search_in(|name| std::env::var(name).ok())
    }

    /// [`search`](TalosConfig::search) with the environment given by `vars`.
    ///
    /// # Errors
    /// As [`search`](TalosConfig::search).
    pub fn search_in(vars: impl Fn(&str) -> Option<String>) -> Result<(Self, PathBuf)> {
        search::first(&search::candidates(vars))
    }

    /// Reads one file.
    ///
    /// # Errors
    /// `NotFound` or `Io` when it cannot be read, `Config` with file and line
    /// when it is not a talosconfig.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Parses `text`; `file_name` is what errors call it. Unknown keys are ignored,
    /// as talosctl does.
    ///
    /// # Errors
    /// `Config` with file and line.
    pub fn parse(file_name: &str, text: &str) -> Result<Self> {
        // A file with nothing in it is an empty configuration, not an error.
        if text
            .lines()
            .all(|l| l.trim().is_empty() || l.trim_start().starts_with('#'))
        {
            return Ok(TalosConfig {
                file: file_name.to_owned(),
                ..TalosConfig::default()
            });
        }
        let raw: RawConfig = serde_saphyr::from_str(text).map_err(|e| {
            let at = e.location();
            Error::config(
                Location {
                    file: file_name.to_owned(),
                    line: at.map_or(0, |l| u32::try_from(l.line()).unwrap_or(0)),
                    column: at.map_or(0, |l| u32::try_from(l.column()).unwrap_or(0)),
                },
                format!("not a talosconfig: {}", plain(&e)),
            )
        })?;
        let contexts = raw
            .contexts
            .unwrap_or_default()
            .into_iter()
            .map(|(name, raw)| {
                let at = location(file_name, &raw);
                let context = Context::from_raw(&name, raw.value.unwrap_or_default(), at);
                (name, context)
            })
            .collect();
        Ok(TalosConfig {
            current: raw.context.filter(|name| !name.is_empty()),
            contexts,
            file: file_name.to_owned(),
        })
    }

    /// The name of the context that is used when none is named.
    pub fn current(&self) -> Option<&str> {
        self.current.as_deref()
    }

    /// All contexts, by name.
    pub fn contexts(&self) -> impl Iterator<Item = &Context> {
        self.contexts.values()
    }

    /// The context called `name`, or the current one.
    ///
    /// # Errors
    /// `Config` that names the file and the nearest context name, when there is none.
    pub fn context(&self, name: Option<&str>) -> Result<&Context> {
        let error = |message: String| {
            Error::config(
                Location {
                    file: self.file.clone(),
                    line: 0,
                    column: 0,
                },
                message,
            )
        };
        let Some(name) = name.or(self.current()) else {
            return Err(error(match self.contexts.len() {
                0 => "it has no contexts".to_owned(),
                _ => format!("no context is selected; there are {}", self.names()),
            }));
        };
        self.contexts.get(name).ok_or_else(|| {
            let hint = match nearest(name, self.contexts.keys().map(String::as_str)) {
                Some(near) => format!("did you mean {near:?}?"),
                None if self.contexts.is_empty() => "it has none".to_owned(),
                None => format!("there are {}", self.names()),
            };
            error(format!("no context {name:?}; {hint}"))
        })
    }

    /// Makes `name` the context that is used when none is named.
    ///
    /// # Errors
    /// As [`context`](TalosConfig::context).
    pub fn select(&mut self, name: &str) -> Result<()> {
        self.context(Some(name))?;
        self.current = Some(name.to_owned());
        Ok(())
    }

    /// Adds a context; one of the same name is replaced.
    pub fn insert(&mut self, context: Context) {
        self.contexts.insert(context.name.clone(), context);
    }

    /// Takes a context out. If it was the current one, there is none then.
    pub fn remove(&mut self, name: &str) -> Option<Context> {
        self.current.take_if(|current| current == name);
        self.contexts.remove(name)
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.contexts.keys().map(String::as_str).collect();
        names.join(", ")
    }

    /// Adds the contexts of `other`. A name that is taken gets the suffix `-1`,
    /// `-2` and so on; `other`'s current context, if it has one, becomes ours.
    /// Returns the new names, by the old ones.
    pub fn merge(&mut self, other: TalosConfig) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        for (old, mut context) in other.contexts {
            let name = (0..=u32::MAX)
                .map(|n| match n {
                    0 => old.clone(),
                    n => format!("{old}-{n}"),
                })
                .find(|name| !self.contexts.contains_key(name))
                .unwrap_or_else(|| old.clone());
            context.name.clone_from(&name);
            self.contexts.insert(name.clone(), context);
            names.insert(old, name);
        }
        if let Some(current) = other.current {
            self.current = Some(names.get(&current).cloned().unwrap_or(current));
        }
        names
    }
}

impl std::str::FromStr for TalosConfig {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse("talosconfig", text)
    }
}

pub(super) fn location<T>(file: &str, value: &Spanned<T>) -> Location {
    Location {
        file: file.to_owned(),
        line: u32::try_from(value.referenced.line()).unwrap_or(0),
        column: u32::try_from(value.referenced.column()).unwrap_or(0),
    }
}

/// The parser's sentence alone: the place has its own field, and its picture of
/// the source could show a key.
fn plain(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let text = text.lines().next().unwrap_or_default();
    match text.rfind(" at line ") {
        Some(end) => text[..end].trim_end_matches(':').to_owned(),
        None => text.to_owned(),
    }
}

/// Used where a context cannot say more than that it is unusable.
pub(super) fn unusable(at: &Location, message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Config, message)
        .at(at.clone())
        .sent(Sent::No)
}
