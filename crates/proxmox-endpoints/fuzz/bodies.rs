//! What the fuzz targets do with a text. Nothing may panic, and what was read
//! must mean the same after it was printed.

use proxmox_endpoints::cells::{Sink, decode_cells};
use proxmox_endpoints::tolerant::Loose;
use proxmox_endpoints::{
    Arguments, GetQemuConfig, ListDisks, ListResources, Method, Resource, Upid, calls, check,
    decode, describe, reprinted, route,
};
use serde::{Deserialize, Deserializer};

/// A task's name.
pub(crate) fn upid(text: &str) {
    if let Ok(upid) = text.parse::<Upid>() {
        assert_eq!(upid.to_string().parse::<Upid>().ok(), Some(upid));
    }
}

/// A property string in every form there is.
pub(crate) fn property(text: &str) {
    for format in describe::formats() {
        let _ = check::has_format(format, text);
        if let Some(Ok(printed)) = reprinted(format, text) {
            let again = reprinted(format, &printed).and_then(Result::ok);
            assert_eq!(again.as_ref(), Some(&printed), "{format}: {text}");
        }
    }
}

/// A scalar, as JSON or inside a text.
pub(crate) fn scalars(text: &str) {
    for json in [text.to_owned(), serde_json::Value::from(text).to_string()] {
        let _ = serde_json::from_str::<Loose<u64>>(&json);
        let _ = serde_json::from_str::<Loose<f64>>(&json);
        let _ = serde_json::from_str::<Loose<bool>>(&json);
        let _ = serde_json::from_str::<Loose<String>>(&json);
    }
}

/// An answer.
pub(crate) fn answers(text: &str) {
    let _ = decode::<ListResources>(text);
    let _ = decode::<GetQemuConfig>(text);
    let _ = decode::<ListDisks>(text);
    // What goes to cells is what rows are made from.
    let data = text.strip_prefix("{\"data\":").unwrap_or(text);
    let data = data.strip_suffix('}').unwrap_or(data);
    let rows = serde_json::from_str::<Option<Vec<Resource>>>(data);
    let rows = rows.map(|rows| rows.map_or(0, |rows| rows.len()));
    let cells = serde_json::from_str::<Counted>(data);
    assert_eq!(cells.ok().map(|counted| counted.0), rows.ok(), "{data}");
}

/// How many rows there were whose fields went nowhere.
struct Counted(usize);

impl<'de> Deserialize<'de> for Counted {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        decode_cells::<Resource, D>(deserializer, &mut Nowhere).map(Counted)
    }
}

struct Nowhere;

impl Sink for Nowhere {
    fn absent(&mut self, _: usize) {}
    fn truth(&mut self, _: usize, _: bool) {}
    fn whole(&mut self, _: usize, _: i64) {}
    fn number(&mut self, _: usize, _: f64) {}
    fn text(&mut self, _: usize, _: &str) {}
    fn list<'a>(&mut self, _: usize, items: impl Iterator<Item = &'a str>) {
        items.for_each(drop);
    }
}

/// A path, and a form for the call it leads to.
pub(crate) fn requests(text: &str) {
    let (path, form) = text.split_once('?').unwrap_or((text, ""));
    for method in [Method::Get, Method::Post, Method::Put, Method::Delete] {
        if let Some((call, arguments)) = route(method, path) {
            assert_eq!(call.method, method);
            drop(arguments);
        }
    }
    let mut arguments = Arguments::default();
    arguments.add_form(form);
    let at = text.len() % calls().len().max(1);
    if let Some(call) = calls().get(at) {
        let pairs = form.split('&').filter_map(|pair| pair.split_once('='));
        let _ = call.violations(pairs);
    }
}
