//! Parameters as they came from the wire: the server's side of [`Params`](crate::Params).

use homelab_core::Result;
use percent_encoding::percent_decode_str;

use crate::Method;
use crate::describe::{Call, Param, Shape, calls};
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
                Some(index) if param.shape == Shape::List => {
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

/// The call that a method and a path (below `/api2/json`, no query) belong to,
/// with the path's arguments. Literal segments win over arguments; the last
/// argument may hold slashes, as volume names do.
pub fn route(method: Method, path: &str) -> Option<(&'static Call, Arguments)> {
    let path = unescape(path, false);
    let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
    if segments.iter().any(|segment| segment.is_empty()) {
        return None;
    }
    calls()
        .iter()
        .filter(|call| call.method == method)
        .filter_map(|call| fit(call.path, &segments).map(|(score, args)| (score, call, args)))
        .max_by_key(|(score, ..)| *score)
        .map(|(_, call, args)| (call, args))
}

/// How well `template` fits (exact length first, then literal segments), and the arguments.
fn fit(template: &str, segments: &[&str]) -> Option<((bool, usize), Arguments)> {
    let parts: Vec<&str> = template.trim_matches('/').split('/').collect();
    let open_end = parts.last().is_some_and(|p| p.starts_with('{'));
    if segments.len() < parts.len() || (segments.len() > parts.len() && !open_end) {
        return None;
    }
    let mut literals = 0;
    let mut arguments = Vec::new();
    for (at, part) in parts.iter().enumerate() {
        match part.strip_prefix('{').and_then(|p| p.strip_suffix('}')) {
            Some(name) => {
                let value = if at + 1 == parts.len() {
                    segments.get(at..)?.join("/")
                } else {
                    (*segments.get(at)?).to_owned()
                };
                arguments.push((name.to_owned(), value));
            }
            None if segments.get(at) == Some(part) => literals += 1,
            None => return None,
        }
    }
    Some((
        (segments.len() == parts.len(), literals),
        Arguments(arguments),
    ))
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
        let ((exact, _), args) = fit(
            "/nodes/{node}/storage/{storage}/content/{volume}",
            &[
                "nodes",
                "a",
                "storage",
                "s",
                "content",
                "local:iso",
                "x.iso",
            ],
        )
        .unwrap();
        assert!(!exact);
        assert_eq!(args.0.last().unwrap().1, "local:iso/x.iso");
    }

    #[test]
    fn what_nobody_took_is_named() {
        let mut args = Arguments::default();
        args.add_form("a=1&b=x+y%2B");
        assert_eq!(args.0.pop(), Some(("b".to_owned(), "x y+".to_owned())));
        assert!(args.finish().unwrap_err().message().contains("parameter a"));
    }
}
