//! Reads `generated/calls.txt`: a line for each call, parameter, format and key
//! of a format, its fields separated by tabs.

use std::collections::HashMap;

use super::pattern::compiled;
use super::{Call, Format, Kind, Param, PropertyKey, Shape};
use crate::Method;

pub(super) struct Table {
    pub(super) calls: Vec<Call>,
    pub(super) formats: HashMap<&'static str, Format>,
    pub(super) names: HashMap<&'static str, usize>,
}

impl Table {
    pub(super) fn read(text: &'static str) -> Self {
        let mut table = Table {
            calls: Vec::with_capacity(700),
            formats: HashMap::new(),
            names: HashMap::new(),
        };
        let mut last_format = "";
        for line in text.lines() {
            let mut fields = line.split('\t');
            match fields.next() {
                Some("C") => {
                    let call = read_call(table.calls.len(), &mut fields);
                    table.names.insert(call.name, table.calls.len());
                    table.calls.push(call);
                }
                Some("p") => {
                    if let Some(call) = table.calls.last_mut() {
                        call.params.push(Param::read(fields));
                    }
                }
                Some("F") => {
                    last_format = fields.next().unwrap_or_default();
                    let kind = fields.next().unwrap_or_default();
                    let argument = fields.next().unwrap_or_default();
                    let format = match kind {
                        "match" => Format::Pattern(argument),
                        "list" => Format::List(argument),
                        "words" => Format::Words(argument.split(' ').collect()),
                        "property" => Format::Property(Vec::new()),
                        _ => Format::Rule,
                    };
                    table.formats.insert(last_format, format);
                }
                Some("k") => {
                    let (default, alias, name_to) = (fields.next(), fields.next(), fields.next());
                    let some = |text: Option<&'static str>| text.filter(|t| !t.is_empty());
                    if let Some(Format::Property(keys)) = table.formats.get_mut(last_format) {
                        keys.push(PropertyKey {
                            default: default == Some("*"),
                            alias: some(alias),
                            name_to: some(name_to),
                            param: Param::read(fields),
                        });
                    }
                }
                _ => {}
            }
        }
        table
    }
}

fn read_call(id: usize, fields: &mut std::str::Split<'static, char>) -> Call {
    let mut next = || fields.next().unwrap_or_default();
    let (name, method, path, since, flags) = (next(), next(), next(), next(), next());
    let (proxy, permission, answer) = (next(), next(), next());
    Call {
        id,
        name,
        method: Method::parse(method).unwrap_or(Method::Get),
        path,
        since,
        token: !flags.contains('t'),
        protected: flags.contains('p'),
        proxy_to: (!proxy.is_empty()).then_some(proxy),
        open: flags.contains('x'),
        permission,
        answer,
        params: Vec::new(),
    }
}

impl Param {
    fn read(mut fields: std::str::Split<'static, char>) -> Self {
        let mut param = Param {
            name: fields.next().unwrap_or_default(),
            required: false,
            in_path: false,
            secret: false,
            kind: Kind::Text,
            shape: Shape::One,
            min: None,
            max: None,
            min_length: None,
            max_length: None,
            pattern: None,
            format: None,
            words: Vec::new(),
            since: None,
            only_for: Vec::new(),
            needs: None,
            regex: None,
        };
        for field in fields {
            let (key, value) = field.split_at(field.len().min(1));
            match key {
                "!" => param.required = true,
                "/" => param.in_path = true,
                "h" => param.secret = true,
                "i" => param.kind = Kind::Integer,
                "n" => param.kind = Kind::Number,
                "b" => param.kind = Kind::Boolean,
                "l" => param.shape = Shape::List,
                "a" => param.shape = Shape::Array,
                "x" => param.shape = Shape::Indexed(value.parse().unwrap_or_default()),
                "r" => (param.min, param.max) = bounds(value),
                "z" => (param.min_length, param.max_length) = bounds(value),
                "m" => {
                    param.pattern = Some(value);
                    param.regex = compiled(value);
                }
                "f" => param.format = Some(value),
                "e" => param.words = value.split(' ').collect(),
                "s" => param.since = Some(value),
                "o" => param.only_for = value.split(' ').collect(),
                "q" => param.needs = Some(value),
                _ => {}
            }
        }
        param
    }
}

fn bounds<T: std::str::FromStr>(text: &str) -> (Option<T>, Option<T>) {
    let (min, max) = text.split_once("..").unwrap_or((text, ""));
    (min.parse().ok(), max.parse().ok())
}
