//! Values of typed requests on their way to the wire and back.

use std::borrow::Cow;
use std::collections::BTreeMap;

use homelab_core::Result;

use crate::describe::{Call, Param, Shape};
use crate::params::{ParamValue, Params, escape, refused};

/// A field of a request: one value, an optional one, a list or an indexed family.
///
/// A list that travels in one text is left out when it is empty; one empty
/// item sends an empty text, which clears the list on the server.
pub trait Value {
    /// Hands over the text of each value, with its index in a family.
    fn each(&self, out: &mut dyn FnMut(Option<u32>, Cow<'_, str>));

    /// The value itself, when it is a text.
    fn text(&self) -> Option<&str> {
        None
    }
}

/// The way back from the wire.
pub trait FromTexts: Sized {
    /// From the texts that came under the parameter's name; `None` when one of
    /// them has the wrong form or a required one is missing.
    fn from_texts(texts: Vec<(Option<u32>, String)>) -> Option<Self>;
}

impl<T: ParamValue> Value for T {
    fn each(&self, out: &mut dyn FnMut(Option<u32>, Cow<'_, str>)) {
        out(None, self.to_text());
    }

    fn text(&self) -> Option<&str> {
        self.plain_text()
    }
}

impl<T: ParamValue> Value for Option<T> {
    fn each(&self, out: &mut dyn FnMut(Option<u32>, Cow<'_, str>)) {
        if let Some(value) = self {
            out(None, value.to_text());
        }
    }
}

impl<T: ParamValue> Value for Vec<T> {
    fn each(&self, out: &mut dyn FnMut(Option<u32>, Cow<'_, str>)) {
        for value in self {
            out(None, value.to_text());
        }
    }
}

impl<T: ParamValue> Value for BTreeMap<u32, T> {
    fn each(&self, out: &mut dyn FnMut(Option<u32>, Cow<'_, str>)) {
        for (index, value) in self {
            out(Some(*index), value.to_text());
        }
    }
}

impl<T: ParamValue> FromTexts for T {
    fn from_texts(texts: Vec<(Option<u32>, String)>) -> Option<Self> {
        T::from_text(&texts.into_iter().next()?.1)
    }
}

impl<T: ParamValue> FromTexts for Option<T> {
    fn from_texts(texts: Vec<(Option<u32>, String)>) -> Option<Self> {
        match texts.into_iter().next() {
            Some((_, text)) => T::from_text(&text).map(Some),
            None => Some(None),
        }
    }
}

impl<T: ParamValue> FromTexts for Vec<T> {
    fn from_texts(texts: Vec<(Option<u32>, String)>) -> Option<Self> {
        texts.iter().map(|(_, text)| T::from_text(text)).collect()
    }
}

impl<T: ParamValue> FromTexts for BTreeMap<u32, T> {
    fn from_texts(texts: Vec<(Option<u32>, String)>) -> Option<Self> {
        texts
            .iter()
            .map(|(index, text)| Some((index.as_ref().copied()?, T::from_text(text)?)))
            .collect()
    }
}

/// The path with its arguments filled in and percent-encoded.
pub(crate) fn path(call: &Call, values: &[&dyn Value]) -> String {
    let mut out = String::with_capacity(call.path.len() + 16);
    for part in call.path.split('{') {
        let Some((name, rest)) = part.split_once('}') else {
            out.push_str(part);
            continue;
        };
        let at = call.params.iter().position(|p| p.name == name);
        if let Some(value) = at.and_then(|at| values.get(at)) {
            value.each(&mut |_, text| out.push_str(&escape(&text)));
        }
        out.push_str(rest);
    }
    out
}

/// The parameters that travel in the query or body, all of them checked.
pub(crate) fn params(call: &'static Call, values: &[&dyn Value]) -> Result<Params> {
    let mut params = Params::new();
    for (param, value) in call.params.iter().zip(values) {
        add(&mut params, param, *value)?;
    }
    for param in call.params.iter().filter(|p| p.needs.is_some()) {
        let given = |name: &str| params.iter().any(|(given, _)| given == name);
        if let Some(other) = param.needs
            && given(param.name)
            && !given(other)
            && !call.params.iter().any(|p| p.in_path && p.name == other)
        {
            return Err(refused(param.name, format!("needs the parameter {other}")));
        }
    }
    Ok(params)
}

fn add(params: &mut Params, param: &'static Param, value: &dyn Value) -> Result<()> {
    let mut texts: Vec<(Option<u32>, String)> = Vec::new();
    value.each(&mut |index, text| texts.push((index, text.into_owned())));
    if texts.is_empty() {
        if param.required {
            return Err(refused(param.name, "is missing and it is not optional"));
        }
        return Ok(());
    }
    if param.shape == Shape::List {
        let items: Vec<&str> = texts.iter().map(|(_, text)| text.as_str()).collect();
        if let Some(item) = items
            .iter()
            .find(|item| items.len() > 1 && crate::params::split_list(item).len() != 1)
        {
            return Err(refused(
                param.name,
                format!("'{item}' cannot be an item of a list"),
            ));
        }
        texts = vec![(None, items.join(","))];
    }
    for (index, text) in texts {
        let name = match index {
            Some(index) => Cow::Owned(format!("{}{index}", param.name)),
            None => Cow::Borrowed(param.name),
        };
        if let (Some(index), Shape::Indexed(max)) = (index, param.shape)
            && index > max
        {
            return Err(refused(
                &name,
                format!("the last one is {}{max}", param.name),
            ));
        }
        // `.` and `..` would be resolved away by every URL library on the way.
        if param.in_path && matches!(text.as_str(), "" | "." | "..") {
            return Err(refused(&name, format!("'{text}' cannot stand in a path")));
        }
        param.check(&text).map_err(|why| {
            if param.secret {
                refused(&name, why)
            } else {
                refused(&name, format!("'{}' {why}", shorten(&text)))
            }
        })?;
        if !param.in_path {
            params.push(name, text);
        }
    }
    Ok(())
}

fn shorten(text: &str) -> Cow<'_, str> {
    match text.char_indices().nth(80) {
        Some((at, _)) => Cow::Owned(format!("{}…", text.get(..at).unwrap_or_default())),
        None => Cow::Borrowed(text),
    }
}
