//! What is known about every call and parameter at run time: [`calls`].
//!
//! The table comes from the same schema as the typed requests. It is a compact
//! text inside the library, read once when it is first needed.

mod pattern;
mod table;

use std::sync::LazyLock;

use regex_lite::Regex;

use crate::Method;
use pattern::Pattern;
use table::Table;

/// What is known about one call without making it.
#[derive(Debug)]
pub struct Call {
    /// Its place in [`calls`].
    pub id: usize,
    /// The name of the request type: `ListTasks`.
    pub name: &'static str,
    /// The method.
    pub method: Method,
    /// The path below `/api2/json`, with `{name}` where an argument goes.
    pub path: &'static str,
    /// The first release that has it; `7.0` means "that or older".
    pub since: &'static str,
    /// Whether an API token may make it.
    pub token: bool,
    /// Whether the part of the server that runs as root does the work; such
    /// calls block one of few workers.
    pub protected: bool,
    /// The path argument that names the node which does the work; `None` when
    /// the contacted node does.
    pub proxy_to: Option<&'static str>,
    /// Whether parameters that are not described are accepted.
    pub open: bool,
    /// Who may make it, as a JSON expression; see [`permission`](crate::permission).
    pub permission: &'static str,
    /// The type of the answer, in the words of the schema: `[TaskSummary]`, `upid`, `nothing`.
    pub answer: &'static str,
    /// Its parameters, path arguments included, in the order of the request type.
    pub params: Vec<Param>,
}

/// A parameter of a call, or a key of a property string.
#[derive(Debug)]
pub struct Param {
    /// Its name on the wire; of an indexed family without the number.
    pub name: &'static str,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it stands in the path.
    pub in_path: bool,
    /// Whether its value must not be shown.
    pub secret: bool,
    /// The type of each value.
    pub kind: Kind,
    /// How many values there are, and how they travel.
    pub shape: Shape,
    /// The smallest number.
    pub min: Option<f64>,
    /// The largest number.
    pub max: Option<f64>,
    /// The smallest length, in characters.
    pub min_length: Option<usize>,
    /// The largest length, in characters.
    pub max_length: Option<usize>,
    /// What the whole value must match.
    pub pattern: Option<&'static str>,
    /// The name of its format; see [`format()`].
    pub format: Option<&'static str>,
    /// The only words that are accepted; empty when any are.
    pub words: Vec<&'static str>,
    /// The first release that has it; `None` means "as old as the call".
    pub since: Option<&'static str>,
    /// It only makes sense when the call's type is one of these; empty when it always does.
    pub only_for: Vec<&'static str>,
    /// Another parameter that must be given too.
    pub needs: Option<&'static str>,
    regex: Option<Pattern>,
}

/// The type of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `1` or `0`.
    Boolean,
}

/// How many values a parameter has, and how they travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// One value.
    One,
    /// A list in one text.
    List,
    /// A list; the parameter is repeated.
    Array,
    /// A family `name0`, `name1`, … up to this number.
    Indexed(u32),
}

/// A named form of texts.
#[derive(Debug)]
pub enum Format {
    /// The whole text matches a regular expression.
    Pattern(&'static str),
    /// A list of another format.
    List(&'static str),
    /// One of these words.
    Words(Vec<&'static str>),
    /// A rule that needs code; nothing is checked where there is none.
    Rule,
    /// A property string with these keys.
    Property(Vec<PropertyKey>),
}

/// A key of a property string.
#[derive(Debug)]
pub struct PropertyKey {
    /// Its rules.
    pub param: Param,
    /// Whether it may stand without its name.
    pub default: bool,
    /// The key that it is another name of.
    pub alias: Option<&'static str>,
    /// The key that takes its name when it is an alias: `virtio=MAC` also says `model=virtio`.
    pub name_to: Option<&'static str>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::read(include_str!("generated/calls.txt")));

/// Every call of the API, in the order of the paths.
pub fn calls() -> &'static [Call] {
    &TABLE.calls
}

/// The call with this number; see [`Endpoint::ID`](crate::Endpoint::ID).
pub(crate) fn nth(id: usize) -> &'static Call {
    static NONE: Call = Call {
        id: usize::MAX,
        name: "",
        method: Method::Get,
        path: "/",
        since: "",
        token: true,
        protected: false,
        proxy_to: None,
        open: false,
        permission: "",
        answer: "nothing",
        params: Vec::new(),
    };
    TABLE.calls.get(id).unwrap_or(&NONE)
}

/// The call whose request type has this name.
pub fn call(name: &str) -> Option<&'static Call> {
    TABLE.calls.get(*TABLE.names.get(name)?)
}

/// A named format.
pub fn format(name: &str) -> Option<&'static Format> {
    TABLE.formats.get(name)
}

/// The names of all formats, in no order.
pub fn formats() -> impl Iterator<Item = &'static str> {
    TABLE.formats.keys().copied()
}

impl Call {
    /// What every path of this call begins with.
    pub(crate) fn prefix(&self) -> &'static str {
        self.path.split('{').next().unwrap_or_default()
    }

    /// Whether the parameter stands in the path.
    pub fn is_in_path(&self, name: &str) -> bool {
        self.params.iter().any(|p| p.in_path && p.name == name)
    }

    /// A parameter by its name on the wire; `net3` finds the family `net`.
    pub fn param(&self, name: &str) -> Option<&Param> {
        find(self.params.iter(), name)
    }
}

/// The parameter that `name` belongs to: exactly, or as a member of a family.
fn find<'a>(params: impl Iterator<Item = &'a Param> + Clone, name: &str) -> Option<&'a Param> {
    let exact = |p: &&Param| p.name == name && !matches!(p.shape, Shape::Indexed(_));
    params.clone().find(exact).or_else(|| {
        let family = name.trim_end_matches(|c: char| c.is_ascii_digit());
        let index: u32 = name.get(family.len()..)?.parse().ok()?;
        params
            .filter(|p| p.name == family)
            .find(|p| matches!(p.shape, Shape::Indexed(max) if index <= max))
    })
}

impl Param {
    /// Whether `name` on the wire is this parameter: the index in its family,
    /// or nothing when it is none.
    #[allow(clippy::option_option, reason = "not it; it; it, with an index")]
    pub(crate) fn index(&self, name: &str) -> Option<Option<u32>> {
        if !matches!(self.shape, Shape::Indexed(_)) {
            return (self.name == name).then_some(None);
        }
        let index = name.strip_prefix(self.name)?;
        let digits = !index.is_empty() && index.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| index.parse().ok().map(Some)).flatten()
    }

    /// The compiled pattern. Patterns that need more than this crate's engine
    /// offers are not checked.
    pub(crate) fn regex(&self) -> Option<&Regex> {
        self.regex.as_deref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        assert!(calls().len() >= 680);
        for one in calls() {
            assert_eq!(call(one.name).map(|c| c.path), Some(one.path));
            assert!(
                !one.permission.is_empty() && !one.answer.is_empty(),
                "{}",
                one.name
            );
            for param in one.params.iter().filter(|p| p.in_path) {
                assert!(param.required && one.path.contains(&format!("{{{}}}", param.name)));
            }
        }
    }

    #[test]
    fn every_pattern_compiles() {
        let keys = TABLE.formats.values().flat_map(|format| match format {
            Format::Property(keys) => keys.as_slice(),
            _ => &[],
        });
        let all = calls().iter().flat_map(|call| &call.params);
        for param in all.chain(keys.map(|key| &key.param)) {
            if param.regex.is_some() {
                Regex::new(&pattern::translated(param.pattern.unwrap())).expect(param.name);
            }
        }
        for (name, format) in &TABLE.formats {
            if let Format::Pattern(pattern) = format {
                Regex::new(pattern).expect(name);
            }
        }
    }

    #[test]
    fn families_are_found_by_their_members() {
        let create = call("CreateQemu").unwrap();
        assert_eq!(create.param("net3").unwrap().shape, Shape::Indexed(31));
        assert!(create.param("net32").is_none());
        assert!(create.param("numa").unwrap().kind == Kind::Boolean);
        assert!(create.param("numa0").unwrap().kind == Kind::Text);
    }
}
