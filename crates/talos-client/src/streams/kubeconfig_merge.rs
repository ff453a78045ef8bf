//! One kubeconfig into another.

use std::path::{Path, PathBuf};

use homelab_core::{Error, ErrorKind, ExposeSecret, Location, Result, SecretString};
use serde::{Deserialize, Serialize};

use crate::config::write_secret;
use crate::node::NodeClient;
use crate::yaml::{Map, Value, documents_to_text, parse};

/// How a kubeconfig is merged into another.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KubeconfigMergeOptions {
    /// The context's name; the node's choice, `admin@<cluster>`, when absent.
    pub context_name: Option<String>,
    /// Whether entries of another cluster that have the same name are replaced.
    /// Otherwise ours get the suffix `-1`, `-2` and so on.
    pub replace: bool,
    /// Whether the context becomes the current one.
    pub select: bool,
}

impl Default for KubeconfigMergeOptions {
    fn default() -> Self {
        KubeconfigMergeOptions {
            context_name: None,
            replace: false,
            select: true,
        }
    }
}

impl KubeconfigMergeOptions {
    /// Gives the context a name.
    #[must_use]
    pub fn context_name(mut self, name: impl Into<String>) -> Self {
        self.context_name = Some(name.into());
        self
    }

    /// Replaces entries of another cluster that have the same name.
    #[must_use]
    pub fn replace(mut self) -> Self {
        self.replace = true;
        self
    }

    /// Leaves the current context as it is.
    #[must_use]
    pub fn keep_current(mut self) -> Self {
        self.select = false;
        self
    }
}

/// What a merge did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct MergedKubeconfig {
    /// The file.
    pub path: PathBuf,
    /// The context's name in it.
    pub context: String,
    /// The cluster's.
    pub cluster: String,
    /// The user's.
    pub user: String,
    /// Whether there was an entry for this cluster already, whose credentials
    /// are now the new ones.
    pub renewed: bool,
}

impl NodeClient {
    /// Fetches a [`kubeconfig`](NodeClient::kubeconfig) and merges it into the
    /// file `into`, which is made if it is not there.
    ///
    /// Entries of the same cluster (same server, same CA) get the new
    /// credentials. Where another cluster has the name, both are kept, unless
    /// the options say otherwise. All else in the file stays, but for comments;
    /// it becomes readable for its owner only, and is whole at any time.
    ///
    /// # Errors
    /// As [`kubeconfig`](NodeClient::kubeconfig); `Config` with file and line when
    /// `into` is not a kubeconfig, before anything is sent.
    pub async fn kubeconfig_merge(
        &self,
        into: impl AsRef<Path>,
        options: &KubeconfigMergeOptions,
    ) -> Result<MergedKubeconfig> {
        const OPERATION: &str = "Kubeconfig";
        let named = |e: Error| e.operation(OPERATION).target(self.target());
        let into = into.as_ref();
        let there = match std::fs::read_to_string(into) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(e) => return Err(named(Error::io("read", into, e))),
        };
        let file = into.display().to_string();
        kubeconfig(&file, &there).map_err(named)?;
        let new = self.kubeconfig().await?;
        let (text, mut merged) =
            merge_kubeconfig(&file, &there, new.expose_secret(), options).map_err(named)?;
        write_secret(into, &text).map_err(named)?;
        into.clone_into(&mut merged.path);
        Ok(merged)
    }
}

/// Merges the first context of the kubeconfig `new` into the kubeconfig `there`,
/// which may be empty; `file_name` is what errors call it.
///
/// # Errors
/// `Config` when one of them is not a kubeconfig.
pub fn merge_kubeconfig(
    file_name: &str,
    there: &str,
    new: &str,
    options: &KubeconfigMergeOptions,
) -> Result<(SecretString, MergedKubeconfig)> {
    let mut file = kubeconfig(file_name, there)?;
    let new = kubeconfig("the node's kubeconfig", new)?;
    let lacks = |what: &str| wrong("the node's kubeconfig", 0, format!("it has no {what}"));
    let context = items(&new, "contexts")
        .first()
        .ok_or_else(|| lacks("context"))?;
    let of = |key: &str| context.path(&["context", key]).and_then(Value::as_str);
    let cluster = of("cluster").ok_or_else(|| lacks("cluster"))?;
    let user = of("user").ok_or_else(|| lacks("user"))?;
    let cluster_value = find(&new, "clusters", cluster)
        .and_then(|item| item.get("cluster"))
        .ok_or_else(|| lacks("cluster"))?;
    let user_value = find(&new, "users", user)
        .and_then(|item| item.get("user"))
        .ok_or_else(|| lacks("user"))?;
    let wanted = options.context_name.as_deref().or_else(|| name(context));
    let wanted = wanted.ok_or_else(|| lacks("name for its context"))?;

    let suffix = (0..=u32::MAX)
        .map(|n| {
            if n == 0 {
                String::new()
            } else {
                format!("-{n}")
            }
        })
        .find(|suffix| {
            options.replace
                || is_free(
                    &file,
                    &format!("{cluster}{suffix}"),
                    &format!("{wanted}{suffix}"),
                    cluster_value,
                )
        })
        .unwrap_or_default();
    let merged = MergedKubeconfig {
        path: PathBuf::new(),
        context: format!("{wanted}{suffix}"),
        cluster: format!("{cluster}{suffix}"),
        user: format!("{user}{suffix}"),
        renewed: find(&file, "clusters", &format!("{cluster}{suffix}"))
            .and_then(|item| item.get("cluster"))
            .is_some_and(|there| same_cluster(there, cluster_value)),
    };
    let mut context_value = context.get("context").cloned().unwrap_or_else(empty);
    if let Value::Map(map) = &mut context_value {
        map.insert("cluster", Value::text(&merged.cluster));
        map.insert("user", Value::text(&merged.user));
    }
    for (list, key, name, value) in [
        (
            "clusters",
            "cluster",
            &merged.cluster,
            cluster_value.clone(),
        ),
        ("contexts", "context", &merged.context, context_value),
        ("users", "user", &merged.user, user_value.clone()),
    ] {
        put(&mut file, list, key, name, value);
    }
    if options.select || file.get("current-context").is_none() {
        file.insert("current-context", Value::text(&merged.context));
    }
    Ok((documents_to_text([&Value::Map(file)]).into(), merged))
}

fn wrong(file: &str, line: u32, message: impl Into<String>) -> Error {
    let at = Location {
        file: file.to_owned(),
        line,
        column: 0,
    };
    Error::new(ErrorKind::Config, message).at(at)
}

/// A kubeconfig; an empty text is a new one.
fn kubeconfig(file: &str, text: &str) -> Result<Map> {
    let documents = parse(text).map_err(|bad| bad.into_error(file))?;
    let mut documents = documents.into_iter();
    let map = match (documents.next(), documents.next()) {
        (None, _) => [
            ("apiVersion", Value::text("v1")),
            ("kind", Value::text("Config")),
        ]
        .into_iter()
        .collect(),
        (Some((_, Value::Map(map))), None) => map,
        (Some((line, _)), _) => return Err(wrong(file, line, "a kubeconfig is one mapping")),
    };
    for key in ["clusters", "contexts", "users"] {
        if map
            .get(key)
            .is_some_and(|v| !v.is_null() && !matches!(v, Value::List(_)))
        {
            return Err(wrong(file, 0, format!("`{key}` of a kubeconfig is a list")));
        }
    }
    Ok(map)
}

fn empty() -> Value {
    Value::Map(Map::default())
}

fn items<'a>(file: &'a Map, list: &str) -> &'a [Value] {
    file.get(list).map_or(&[], Value::items)
}

fn name(item: &Value) -> Option<&str> {
    item.get("name")?.as_str()
}

fn find<'a>(file: &'a Map, list: &str, wanted: &str) -> Option<&'a Value> {
    items(file, list)
        .iter()
        .find(|item| name(item) == Some(wanted))
}

/// Whether both are the same cluster: what proves it is the CA.
fn same_cluster(a: &Value, b: &Value) -> bool {
    ["server", "certificate-authority-data"]
        .iter()
        .all(|key| a.get(key) == b.get(key))
}

/// Whether the names are free, or belong to this very cluster.
fn is_free(file: &Map, cluster: &str, context: &str, ours: &Value) -> bool {
    let cluster_free = find(file, "clusters", cluster).is_none_or(|item| {
        item.get("cluster")
            .is_some_and(|there| same_cluster(there, ours))
    });
    let context_free = find(file, "contexts", context).is_none_or(|item| {
        item.path(&["context", "cluster"]).and_then(Value::as_str) == Some(cluster)
    });
    cluster_free && context_free
}

/// Puts an entry where its name is, or behind the others.
fn put(file: &mut Map, list: &str, key: &str, name_of_it: &str, value: Value) {
    let entry: Map = [("name", Value::text(name_of_it)), (key, value)]
        .into_iter()
        .collect();
    let mut entries = items(file, list).to_vec();
    match entries
        .iter_mut()
        .find(|item| name(item) == Some(name_of_it))
    {
        Some(there) => *there = Value::Map(entry),
        None => entries.push(Value::Map(entry)),
    }
    file.insert(list, Value::List(entries));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn new(ca: &str, crt: &str) -> String {
        format!(
            "apiVersion: v1
kind: Config
clusters: [{{name: lab, cluster: {{server: 'https://172.16.1.49:6443', certificate-authority-data: {ca}}}}}]
users: [{{name: admin@lab, user: {{client-certificate-data: {crt}, client-key-data: k}}}}]
contexts: [{{name: admin@lab, context: {{cluster: lab, namespace: default, user: admin@lab}}}}]
current-context: admin@lab
"
        )
    }

    fn merge(
        there: &str,
        new: &str,
        options: &KubeconfigMergeOptions,
    ) -> (String, MergedKubeconfig) {
        let (text, merged) = merge_kubeconfig("config", there, new, options).unwrap();
        (text.expose_secret().to_owned(), merged)
    }

    fn names(text: &str, list: &str) -> Vec<String> {
        let file = kubeconfig("x", text).unwrap();
        items(&file, list)
            .iter()
            .filter_map(name)
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn into_nothing_and_again() {
        let options = KubeconfigMergeOptions::default();
        let (first, merged) = merge("", &new("A", "one"), &options);
        assert_eq!(
            (merged.context.as_str(), merged.renewed),
            ("admin@lab", false)
        );
        let (second, merged) = merge(&first, &new("A", "two"), &options);
        assert!(merged.renewed && second.contains("two") && !second.contains("one"));
        assert_eq!(names(&second, "users"), ["admin@lab"]);
    }

    #[test]
    fn another_cluster_of_the_same_name_is_kept() {
        let there = format!("{}preferences: {{colors: true}}\n", new("A", "one"));
        let options = KubeconfigMergeOptions::default().keep_current();
        let (text, merged) = merge(&there, &new("B", "two"), &options);
        assert_eq!(
            (merged.context.as_str(), merged.cluster.as_str()),
            ("admin@lab-1", "lab-1")
        );
        assert!(text.contains("colors: true") && text.contains("current-context: admin@lab\n"));
        assert_eq!(names(&text, "clusters"), ["lab", "lab-1"]);
        assert!(text.contains("cluster: lab-1") && text.contains("user: admin@lab-1"));
        // A third time is the second cluster again.
        let (text, merged) = merge(&text, &new("B", "three"), &options);
        assert!(merged.renewed && merged.cluster == "lab-1" && !text.contains("two"));
        let (text, merged) = merge(
            &text,
            &new("C", "x"),
            &KubeconfigMergeOptions::default().replace(),
        );
        assert_eq!(merged.cluster, "lab");
        assert_eq!(names(&text, "clusters"), ["lab", "lab-1"]);
    }

    #[test]
    fn a_context_gets_the_name_that_is_asked_for() {
        let options = KubeconfigMergeOptions::default().context_name("home");
        let (text, merged) = merge("", &new("A", "one"), &options);
        assert_eq!(
            (merged.context.as_str(), merged.cluster.as_str()),
            ("home", "lab")
        );
        assert!(text.contains("current-context: home"));
    }

    #[test]
    fn what_is_no_kubeconfig_is_said_with_its_file() {
        for (there, new, says) in [
            ("- a\n", new("A", "x"), "one mapping"),
            ("clusters: 5\n", new("A", "x"), "`clusters`"),
            ("a: [\n", new("A", "x"), ""),
            ("", "kind: Config\n".to_owned(), "no context"),
            ("", new("A", "x").replace("users", "people"), "no user"),
        ] {
            let error = merge_kubeconfig("k.yaml", there, &new, &KubeconfigMergeOptions::default())
                .unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(error.message().contains(says), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_file_panics(there in "(clusters|contexts|users|: |- |name|lab|[{]|[}]|,|\n|  ){0,30}") {
            let _ = merge_kubeconfig("k", &there, &new("A", "x"), &KubeconfigMergeOptions::default());
        }
    }
}
