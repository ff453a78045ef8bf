//! Reads a table of facts, or a node's own API description, into one form.

use serde_json::{Map, Value};

/// The API as somebody else describes it.
#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) endpoints: Vec<Fact>,
    pub(crate) formats: Map<String, Value>,
    /// Whether releases are known: a node's own description does not tell.
    pub(crate) has_history: bool,
}

/// One call.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools, reason = "facts that are yes or no")]
pub(crate) struct Fact {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) since: Option<String>,
    pub(crate) token: bool,
    pub(crate) protected: bool,
    pub(crate) proxy_to: Option<String>,
    pub(crate) open: bool,
    pub(crate) permission: String,
    /// Names to descriptions.
    pub(crate) params: Map<String, Value>,
    pub(crate) returns: Value,
    pub(crate) is_index: bool,
}

pub(crate) fn read(text: &str) -> Result<Facts, String> {
    let mut facts = if text.trim_start().starts_with('{') {
        let value: Value = serde_json::from_str(text).map_err(|e| e.to_string())?;
        table(&value)?
    } else {
        api_viewer(text)?
    };
    // Some path arguments are described nowhere.
    for fact in &mut facts.endpoints {
        for argument in crate::proxmox::calls::path_arguments(&fact.path) {
            fact.params
                .entry(argument)
                .or_insert_with(|| serde_json::json!({ "type": "string", "in": "path" }));
        }
    }
    Ok(facts)
}

fn table(value: &Value) -> Result<Facts, String> {
    let list = value
        .get("endpoints")
        .and_then(Value::as_array)
        .ok_or("there is no list `endpoints`")?;
    Ok(Facts {
        endpoints: list.iter().map(fact).collect::<Result<_, _>>()?,
        formats: value
            .get("formats")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
        has_history: true,
    })
}

fn fact(value: &Value) -> Result<Fact, String> {
    let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
    let returns = value.get("returns").cloned().unwrap_or(Value::Null);
    Ok(Fact {
        method: text("method").ok_or("an endpoint has no method")?,
        path: text("path").ok_or("an endpoint has no path")?,
        since: text("since"),
        token: value.get("allowtoken").is_none_or(is_true),
        protected: value.get("protected").is_some_and(is_true),
        proxy_to: text("proxyto"),
        open: value.get("extra_params").is_some_and(is_true),
        permission: permission(value.get("perm").unwrap_or(&Value::Null)),
        params: value
            .get("params")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default(),
        is_index: text("ret_class").as_deref() == Some("dir-index"),
        returns,
    })
}

fn permission(value: &Value) -> String {
    match value {
        Value::Null => "in-code".to_owned(),
        Value::String(word) => word.clone(),
        expression => expression.to_string(),
    }
}

/// `1`, `"1"` and `true`.
pub(crate) fn is_true(value: &Value) -> bool {
    match value {
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => text != "0" && !text.is_empty(),
        _ => false,
    }
}

/// `apidoc.js`: JavaScript that assigns a tree of `{path, children, info: {GET: …}}`.
fn api_viewer(text: &str) -> Result<Facts, String> {
    let start = text
        .find("= [")
        .map(|at| at + 2)
        .ok_or("neither a table of facts nor an API description")?;
    let mut tree = serde_json::Deserializer::from_str(text.get(start..).unwrap_or_default())
        .into_iter::<Value>();
    let tree = match tree.next() {
        Some(Ok(Value::Array(tree))) => tree,
        Some(Err(why)) => return Err(why.to_string()),
        _ => return Err("the API description is no list".to_owned()),
    };
    let mut facts = Facts {
        endpoints: Vec::new(),
        formats: Map::new(),
        has_history: false,
    };
    for node in &tree {
        walk(node, &mut facts.endpoints);
    }
    facts
        .endpoints
        .sort_by(|a, b| (&a.path, &a.method).cmp(&(&b.path, &b.method)));
    Ok(facts)
}

fn walk(node: &Value, out: &mut Vec<Fact>) {
    let path = node.get("path").and_then(Value::as_str).unwrap_or_default();
    let info = node.get("info").and_then(Value::as_object);
    for (method, call) in info.into_iter().flatten() {
        let mut params = call
            .pointer("/parameters/properties")
            .and_then(Value::as_object)
            .cloned()
            .unwrap_or_default();
        for (name, param) in &mut params {
            if path.contains(&format!("{{{name}}}"))
                && let Some(param) = param.as_object_mut()
            {
                param.insert("in".to_owned(), Value::from("path"));
            }
        }
        let returns = call.get("returns").cloned().unwrap_or(Value::Null);
        out.push(Fact {
            method: method.clone(),
            path: path.to_owned(),
            since: None,
            token: call.get("allowtoken").is_none_or(is_true),
            protected: call.get("protected").is_some_and(is_true),
            proxy_to: call
                .get("proxyto")
                .and_then(Value::as_str)
                .map(str::to_owned),
            open: call
                .pointer("/parameters/additionalProperties")
                .is_some_and(is_true),
            permission: permission_of(call.get("permissions")),
            params,
            is_index: returns.pointer("/links/0/rel").and_then(Value::as_str) == Some("child")
                && returns.pointer("/items/properties/subdir").is_some(),
            returns,
        });
    }
    let children = node.get("children").and_then(Value::as_array);
    for child in children.into_iter().flatten() {
        walk(child, out);
    }
}

fn permission_of(permissions: Option<&Value>) -> String {
    let Some(permissions) = permissions else {
        return "root-only".to_owned();
    };
    match (permissions.get("check"), permissions.get("user")) {
        (Some(check), _) => check.to_string(),
        (None, Some(Value::String(user))) if user == "all" => "any-authenticated".to_owned(),
        (None, Some(Value::String(user))) if user == "world" => "no-auth".to_owned(),
        _ => "in-code".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nodes_own_description_is_read() {
        let text = r#"const apiSchema = [
            {"path":"/pools/{poolid}","leaf":0,"children":[],"info":{"DELETE":{"method":"DELETE",
             "protected":1,"permissions":{"check":["perm","/pool/{poolid}",["Pool.Allocate"]]},
             "parameters":{"additionalProperties":0,"properties":{"poolid":{"type":"string"}}},
             "returns":{"type":"null"}}}}
        ];
        let more = 1;"#;
        let facts = read(text).unwrap();
        assert_eq!(facts.endpoints.len(), 1);
        let fact = facts.endpoints.first().unwrap();
        assert_eq!((fact.method.as_str(), fact.open), ("DELETE", false));
        assert_eq!(
            fact.permission,
            r#"["perm","/pool/{poolid}",["Pool.Allocate"]]"#
        );
        assert_eq!(fact.params["poolid"]["in"], "path");
    }
}
