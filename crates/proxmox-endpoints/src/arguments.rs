//! Parameters as they came from the wire: the server's side of [`Params`](crate::Params).

use homelab_core::Result;
use percent_encoding::percent_decode_str;

use crate::Method;
use crate::describe::{Call, Kind, Param, Shape, calls};
use crate::params::{refused, split_list};
use crate::value::FromTexts;

/// Names and values, taken out one by one.
#[derive(Clone, Debug, Default)]
pub struct Arguments(Vec<(String, String)>);

impl Arguments {
    /// From decoded names and values.
    pub fn new(pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        Arguments(pairs.into_iter().collect())
    }

    /// Adds one.
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }

    /// Adds those of a query string or form body.
    pub fn add_form(&mut self, form: &str) {
        for pair in form.split(['&', ';']).filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            self.0.push((unescape(name, true), unescape(value, true)));
        }
    }

    /// Takes what belongs to a parameter.
    ///
    /// # Errors
    /// `InvalidArgument` when it is missing, repeated without being a list, or
    /// malformed.
    pub(crate) fn take<T: FromTexts>(&mut self, param: Option<&Param>) -> Result<T> {
        let Some(param) = param else {
            return Err(refused("?", "is not described"));
        };
        let mut texts = Vec::new();
        let mut rest = Vec::new();
        for (name, text) in std::mem::take(&mut self.0) {
            match param.index(&name) {
                Some(_) if param.kind == Kind::Boolean && !matches!(text.as_str(), "0" | "1") => {
                    return Err(refused(&name, format!("'{text}' must be 1 or 0")));
                }
                // An empty list that is sent is not the same as none.
                Some(index) if param.shape == Shape::List && !text.is_empty() => {
                    texts.extend(split_list(&text).into_iter().map(|item| (index, item)));
                }
                Some(index) => texts.push((index, text)),
                None => rest.push((name, text)),
            }
        }
        self.0 = rest;
        if texts.len() > 1 && param.shape == Shape::One {
            return Err(refused(
                param.name,
                "is given more than once and is no list",
            ));
        }
        let shown = texts.first().map(|(_, text)| text.clone());
        T::from_texts(texts).ok_or_else(|| match shown {
            Some(_) if param.secret => refused(param.name, "has the wrong form"),
            Some(text) => refused(param.name, format!("'{text}' has the wrong form")),
            None => refused(param.name, "is missing and it is not optional"),
        })
    }

    /// Ends the taking.
    ///
    /// # Errors
    /// `InvalidArgument` that names the first one nobody took.
    pub fn finish(&self) -> Result<()> {
        match self.0.first() {
            Some((name, _)) => Err(refused(name, "is not defined for this call")),
            None => Ok(()),
        }
    }
}

fn unescape(text: &str, plus_is_blank: bool) -> String {
    let text = if plus_is_blank {
        text.replace('+', " ")
    } else {
        text.to_owned()
    };
    percent_decode_str(&text).decode_utf8_lossy().into_owned()
}

impl IntoIterator for Arguments {
    type Item = (String, String);
    type IntoIter = std::vec::IntoIter<(String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The call that a method and a path (below `/api2/json`, no query) belong to,
/// with the path's arguments. Literal segments win over arguments; the last
/// argument may hold slashes where it names a volume or a network.
pub fn route(method: Method, path: &str) -> Option<(&'static Call, Arguments)> {
    let path = unescape(path, false);
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    if segments.iter().any(|segment| segment.is_empty()) {
        return None;
    }
    let call = calls()
        .iter()
        .filter(|call| call.method == method && path.starts_with(call.prefix()))
        .filter_map(|call| fit(call.path, &segments).map(|score| (score, call)))
        .max_by_key(|(score, _)| *score)
        .map(|(_, call)| call)?;
    Some((call, arguments_of(call.path, &segments)))
}

fn parts(template: &str) -> impl Iterator<Item = &str> + Clone {
    template.trim_matches('/').split('/')
}

fn argument(part: &str) -> Option<&str> {
    part.strip_prefix('{').and_then(|p| p.strip_suffix('}'))
}

/// How well `template` fits: exact length first, then literal segments.
fn fit(template: &str, segments: &[&str]) -> Option<(bool, usize)> {
    let (mut literals, mut count, mut open_end) = (0, 0, false);
    for (part, segment) in
        parts(template).zip(segments.iter().map(Some).chain(std::iter::repeat(None)))
    {
        let segment = segment?;
        let argument = argument(part);
        // Names of volumes and networks hold slashes of their own.
        open_end = matches!(argument, Some("volume" | "cidr"));
        if part == *segment {
            literals += 1;
        } else if argument.is_none() {
            return None;
        }
        count += 1;
    }
    let exact = segments.len() == count;
    (exact || open_end).then_some((exact, literals))
}

/// The arguments of a path that fits; the last one may hold slashes.
fn arguments_of(template: &str, segments: &[&str]) -> Arguments {
    let count = parts(template).count();
    let found = parts(template).enumerate().filter_map(|(at, part)| {
        let rest = segments.get(at..)?;
        let value = if at + 1 == count {
            rest.join("/")
        } else {
            (*rest.first()?).to_owned()
        };
        Some((argument(part)?.to_owned(), value))
    });
    Arguments(found.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn routes_prefer_literals_and_let_volumes_hold_slashes() {
        let (call, mut args) = route(Method::Get, "/nodes/pve1/qemu/100/config").unwrap();
        assert_eq!(call.path, "/nodes/{node}/qemu/{vmid}/config");
        assert_eq!(args.take::<u32>(call.params.get(1)).unwrap(), 100);
        assert!(route(Method::Get, "/no/such/thing").is_none());
        let template = "/nodes/{node}/storage/{storage}/content/{volume}";
        let segments = [
            "nodes",
            "a",
            "storage",
            "s",
            "content",
            "local:iso",
            "x.iso",
        ];
        assert_eq!(fit(template, &segments), Some((false, 3)));
        assert_eq!(fit(template, &segments[..5]), None);
        let args = arguments_of(template, &segments);
        assert_eq!(args.0.last().unwrap().1, "local:iso/x.iso");
        let (call, _) = route(
            Method::Get,
            "/nodes/a/storage/s/content/local%3Aiso%2Fx.iso",
        )
        .unwrap();
        assert_eq!(call.name, "GetVolume");
    }

    #[test]
    fn every_call_is_found_by_its_path() {
        for call in calls() {
            let path = call.path.replace(['{', '}'], "");
            let (found, _) = route(call.method, &path).unwrap();
            assert_eq!(found.path, call.path);
        }
    }

    #[test]
    fn what_nobody_took_is_named() {
        let mut args = Arguments::default();
        args.add_form("a=1&b=x+y%2B");
        assert_eq!(args.0.pop(), Some(("b".to_owned(), "x y+".to_owned())));
        assert!(args.finish().unwrap_err().message().contains("parameter a"));
    }
}
