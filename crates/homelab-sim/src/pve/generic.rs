//! Calls that have no file of their own: plain configuration, the folders
//! between the calls, and answers that are right for a lab in which nothing of
//! the kind exists. What is left says that it is not implemented.

use proxmox_endpoints::describe::{self, Call as Described};
use serde_json::{Value, json};

use super::answer::{Answer, ApiError, Result};
use super::api::{firewall, sdn};
use super::router::Call;
use super::{catalogue, store};

/// What a call of the API is answered from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// The state of the simulated lab, which it may change.
    State,
    /// The list of what lies below a folder.
    Index,
    /// Nothing: the shape that the call has where nothing exists.
    Shape,
    /// It is not simulated: 501.
    Nothing,
}

impl Source {
    /// As the table of coverage calls it.
    #[cfg(test)]
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Source::State => "state",
            Source::Index => "index",
            Source::Shape => "empty",
            Source::Nothing => "501",
        }
    }
}

/// What a call without a file of its own is answered from.
pub(super) fn source(call: &Described) -> Source {
    let get = catalogue::word(call.method) == "GET";
    if firewall::knows(call) || sdn::knows(call) || store::knows(call) {
        Source::State
    } else if get && is_index(call) {
        Source::Index
    } else if get && (shape(call.path).is_some() || call.answer.starts_with('[')) {
        Source::Shape
    } else {
        Source::Nothing
    }
}

/// Answers a call that passed everything before it.
pub(super) fn answer(call: &Call<'_>, described: &'static Described) -> Result<Answer> {
    let answered = sdn::answer(call, described)
        .or_else(|| firewall::answer(call, described))
        .or_else(|| store::answer(call, described));
    if let Some(answer) = answered {
        return answer;
    }
    match source(described) {
        Source::Index => Ok(index(described.path)),
        Source::Shape => Ok(shape(described.path).unwrap_or_else(|| json!([])).into()),
        _ => {
            let path = store::expand(call, described.path);
            let method = catalogue::word(described.method);
            Err(ApiError::not_implemented(method, &path))
        }
    }
}

/// Whether a call lists what lies below it and nothing else.
fn is_index(call: &Described) -> bool {
    call.answer == "[IndexEntry]"
}

/// What lies below a folder, in the order of the schema.
pub(super) fn index(folder: &str) -> Answer {
    let below = format!("{}/", folder.trim_end_matches('/'));
    let mut names: Vec<&str> = Vec::new();
    for call in describe::calls() {
        let Some(name) = call
            .path
            .strip_prefix(&below)
            .and_then(|rest| rest.split('/').next())
        else {
            continue;
        };
        if catalogue::variable(name).is_none() && !names.contains(&name) {
            names.push(name);
        }
    }
    let key = KEYS
        .iter()
        .find(|(_, folders)| folders.contains(&folder))
        .map_or("name", |(key, _)| *key);
    let rows = names.into_iter().map(|name| json!({ key: name }));
    Value::Array(rows.collect()).into()
}

/// Under which key folders name what they hold; `name` in all others.
const KEYS: &[(&str, &[&str])] = &[
    (
        "subdir",
        &[
            "/",
            "/access",
            "/access/openid",
            "/cluster/backup-info",
            "/cluster/jobs",
            "/cluster/sdn/fabrics",
            "/nodes/{node}/lxc/{vmid}",
            "/nodes/{node}/lxc/{vmid}/status",
            "/nodes/{node}/qemu/{vmid}",
            "/nodes/{node}/qemu/{vmid}/status",
            "/nodes/{node}/sdn/fabrics/{fabric}",
            "/nodes/{node}/sdn/vnets/{vnet}",
            "/nodes/{node}/sdn/zones/{zone}",
            "/nodes/{node}/services/{service}",
            "/nodes/{node}/storage/{storage}",
        ],
    ),
    (
        "id",
        &[
            "/cluster/ha",
            "/cluster/sdn",
            "/cluster/sdn/route-maps",
            "/nodes/{node}/apt",
        ],
    ),
    ("type", &["/nodes/{node}/hardware"]),
    (
        "method",
        &[
            "/nodes/{node}/scan",
            "/nodes/{node}/hardware/pci/{pci-id-or-mapping}",
        ],
    ),
];

/// Answers where nothing of the kind exists, for calls that are no lists.
fn shape(path: &str) -> Option<Value> {
    Some(match path {
        "/cluster/config/qdevice" | "/cluster/acme/meta" => json!({}),
        "/cluster/config/apiversion" => json!("1"),
        "/cluster/acme/tos" | "/nodes/{node}/report" => json!(""),
        "/nodes/{node}/subscription" => json!({
            "status": "notfound", "message": "There is no subscription key",
            "url": "https://www.proxmox.com/en/proxmox-virtual-environment/pricing",
        }),
        "/nodes/{node}/disks/smart" => json!({ "health": "UNKNOWN", "type": "text", "text": "" }),
        "/nodes/{node}/capabilities/qemu/migration" => json!({ "has-dbus-vmstate": true }),
        "/nodes/{node}/apt/repositories" => json!({
            "digest": "", "errors": [], "files": [], "infos": [], "standard-repos": [],
        }),
        _ => return None,
    })
}
