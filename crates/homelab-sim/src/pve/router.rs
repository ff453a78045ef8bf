//! The table of calls, and what stands before each of them: authentication,
//! privileges, the hop to the host in the path, parameter checks. In that
//! order, as on real hosts: who lacks a privilege is not told what is wrong
//! with a parameter, nor whether the guest exists.

use hyper::header::HeaderMap;
use proxmox_endpoints::describe::Call as Described;
use serde_json::Value;

use super::answer::{Answer, ApiError, Held, Result};
pub(super) use super::call::Call;
use super::params::{self, Kind, Params};
pub(super) use super::route::{Access, Route, Wait, get};
use super::upload::Upload;
use super::{PveCluster, accounts, api, catalogue, console, generic, permission};
use crate::world::Down;

/// A request to the API.
#[derive(Debug)]
pub(super) struct Inquiry {
    pub(super) method: String,
    /// The path below the formatter, such as `/nodes/pve1/status`.
    pub(super) path: String,
    pub(super) params: Params,
    pub(super) headers: HeaderMap,
    /// A file that has yet to be read.
    pub(super) upload: Option<Upload>,
}

/// Answers an inquiry that `contacted` got.
pub(super) async fn dispatch(
    cluster: &PveCluster,
    contacted: &str,
    inquiry: Inquiry,
) -> Result<Answer> {
    let Inquiry {
        method,
        path,
        params,
        headers,
        upload,
    } = inquiry;
    let found = api::routes()
        .filter(|route| route.method == method)
        .find_map(|route| Some((route, catalogue::matches(route.path, &path)?)));
    let (target, vars) = match found {
        Some((route, vars)) => (Some(Target::Route(route)), vars),
        None => match catalogue::find(&method, &path) {
            Some((call, vars)) => (Some(Target::Described(call)), vars),
            None => (None, Vec::new()),
        },
    };
    let name = target.map_or("other".into(), |target| {
        format!("{method} {}", target.path())
    });
    cluster.0.shared.counters.request(contacted, &name);

    let open = target.is_some_and(Target::open);
    if target.is_some_and(|target| !target.takes_tokens()) {
        refuse_tokens(&headers, &path)?;
    }
    let caller = if open {
        String::new()
    } else {
        // Uploads are let in without a CSRF prevention token.
        cluster.authenticate(contacted, &headers, method != "GET" && upload.is_none())?
    };
    let Some(target) = target else {
        if method == "GET" && path == "/" {
            return Ok(generic::index("/"));
        }
        return Err(ApiError::not_implemented(&method, &path));
    };
    let pools = cluster.pools();
    let mut call = Call {
        cluster,
        contacted,
        caller,
        params,
        file: None,
        pools,
        upgrades: console::wanted(&headers),
    };
    let access = match target {
        Target::Route(route) => check_access(&call, route.access, &vars),
        Target::Described(described) => {
            bind(&mut call, &vars)?;
            permission::check(&call, described.permission)
        }
    };
    match (access, upload) {
        (Ok(()), Some(upload)) => call.file = Some(upload.receive(&mut call.params).await?),
        (Err(error), Some(mut upload)) => {
            upload.drain().await;
            // The HTTP server itself refuses here.
            return Err(ApiError {
                held: Held::Authentication,
                ..ApiError::bare(error.status, error.reason())
            });
        }
        (access, None) => access?,
    }
    bind(&mut call, &vars)?;
    if target.forwarded() && call.params.contains_key("node") {
        hop(&call).await?;
    }
    match target {
        Target::Described(described) => {
            catalogue::verify(described, &call.params)?;
            generic::answer(&call, described)
        }
        Target::Route(route) => {
            verify(&call, route)?;
            if route.wait == Wait::Agent && api::agent::will_not_answer(&call) {
                cluster.world().hold(cluster.0.options.agent_timeout).await;
            }
            (route.run)(&call)
        }
    }
}

/// Whether a call has a function of its own.
#[cfg(test)]
pub(super) fn has_route(method: &str, path: &str) -> bool {
    api::routes().any(|route| route.method == method && route.path == path)
}

/// What answers a call: a function of its own, or what the schema says of it.
#[derive(Clone, Copy)]
enum Target {
    Route(&'static Route),
    Described(&'static Described),
}

impl Target {
    fn path(self) -> &'static str {
        match self {
            Target::Route(route) => route.path,
            Target::Described(call) => call.path,
        }
    }

    /// What the schema says of it.
    fn described(self) -> Option<&'static Described> {
        match self {
            Target::Route(route) => catalogue::described(route.method, route.path),
            Target::Described(call) => Some(call),
        }
    }

    fn open(self) -> bool {
        match self {
            Target::Route(route) => matches!(route.access, Access::Open),
            Target::Described(call) => call.permission == "no-auth",
        }
    }

    fn takes_tokens(self) -> bool {
        self.described().is_none_or(|call| call.token)
    }

    /// Whether the host in the path does the work.
    fn forwarded(self) -> bool {
        match (self, self.described()) {
            (Target::Route(route), _) if route.here => false,
            (_, Some(call)) => call.proxy_to == Some("node"),
            (target, None) => target.path().starts_with("/nodes/{node}"),
        }
    }
}

/// Some calls want a password, not a token.
fn refuse_tokens(headers: &HeaderMap, path: &str) -> Result<()> {
    let token = headers
        .get("authorization")
        .and_then(|v| v.to_str().ok())
        .is_some_and(|v| v.starts_with("PVEAPIToken"));
    if token && !headers.contains_key("cookie") {
        return Err(ApiError::raise(
            403,
            format!("URI '{path}' not available with API token, need proper ticket.\n"),
        ));
    }
    Ok(())
}

fn check_access(call: &Call<'_>, access: Access, vars: &[(&str, String)]) -> Result<()> {
    let Access::Any(template, privileges) = access else {
        return Ok(());
    };
    let mut path = template.to_owned();
    for (name, value) in vars {
        path = path.replace(&format!("{{{name}}}"), value);
    }
    // What does not stand in the path may be a parameter.
    if let Some((start, rest)) = path.clone().split_once('{')
        && let Some((name, end)) = rest.split_once('}')
    {
        let value = call.text(name).unwrap_or_default();
        path = format!("{start}{value}{end}");
    }
    // A path that cannot be one belongs to nobody.
    let good = |b: u8| b.is_ascii_alphanumeric() || b"._-/@!:".contains(&b);
    if !path.bytes().all(good) && !call.is_root() {
        return Err(ApiError::forbidden(&format!(", {}", privileges.join("|"))));
    }
    let has = call.cluster.privileges(&call.caller, &path, &call.pools);
    if privileges.iter().any(|p| has.contains(p)) {
        return Ok(());
    }
    Err(ApiError::forbidden(&format!(
        "{path}, {}",
        privileges.join("|")
    )))
}

/// Adds the variable parts of the path to the parameters.
fn bind(call: &mut Call<'_>, vars: &[(&'static str, String)]) -> Result<()> {
    for (name, value) in vars {
        let given = call.text(name);
        if given.is_some_and(|given| given != *value) {
            return Err(ApiError::param(
                name,
                "duplicate parameter (already defined in URI) with conflicting values!",
            ));
        }
        call.params
            .insert((*name).to_owned(), Value::String(value.clone()));
    }
    Ok(())
}

/// Any host serves all; calls about another host are forwarded to it.
async fn hop(call: &Call<'_>) -> Result<()> {
    let node = call.node();
    let down = call.cluster.world().read(|state| {
        let connected = state.connected(call.contacted, &node);
        let cut = (!connected).then_some(Down::Blackhole);
        state.host(&node).map(|h| h.down.or(cut))
    });
    match down {
        None => Err(ApiError::die(format!(
            "hostname lookup '{node}' failed - failed to get address info for: {node}: \
             Temporary failure in name resolution"
        ))),
        Some(None) => Ok(()),
        Some(Some(how)) => {
            call.cluster
                .world()
                .hold(call.cluster.0.options.hop_delay)
                .await;
            Err(ApiError::proxy(
                595,
                match how {
                    Down::Refuse => "Connection refused",
                    Down::Blackhole | Down::Frozen => "No route to host",
                },
            ))
        }
    }
}

/// The call's own checks first, which know more than the schema; what they do
/// not know the schema may.
fn verify(call: &Call<'_>, route: &Route) -> Result<()> {
    let described = catalogue::described(route.method, route.path);
    if let Some(described) = described.filter(|_| route.schema) {
        return catalogue::verify(described, &call.params);
    }
    let mut known = route.params.to_vec();
    for part in route.path.split('/') {
        let Some(name) = catalogue::variable(part) else {
            continue;
        };
        let name = PATH_PARTS.iter().find(|(n, _)| *n == name);
        known.extend(name.map(|(name, kind)| params::required(name, *kind)));
    }
    let errors = params::problems(&call.params, &known, route.more, |name, value| {
        catalogue::problem(described?, name, value)
    });
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ApiError::params(errors))
    }
}

/// The variable parts of paths whose calls check their own parameters.
const PATH_PARTS: &[(&str, Kind)] = &[
    ("node", Kind::Text),
    ("vmid", Kind::Vmid),
    ("volume", Kind::Text),
    ("storage", Kind::Text),
    ("upid", Kind::Text),
    ("poolid", Kind::Text),
    ("userid", Kind::Text),
    ("sid", Kind::Text),
    ("rule", Kind::Text),
    ("group", Kind::Text),
    ("groupid", Kind::Text),
    ("snapname", Kind::Text),
    ("tokenid", Kind::Text),
    ("roleid", Kind::Text),
    ("id", Kind::Text),
    ("service", Kind::Text),
    ("monid", Kind::Text),
    ("osdid", Kind::Int { min: 0 }),
    ("name", Kind::Text),
    ("flag", Kind::Text),
];

/// The user part of the caller, without a token.
pub(super) fn user_of(caller: &str) -> &str {
    accounts::owner(caller)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_served_once_and_its_parts_are_known() {
        let mut seen: Vec<_> = api::routes().map(|r| (r.method, r.path)).collect();
        let all = seen.len();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), all);
        for (_, path) in seen {
            for part in path.split('/').filter(|p| p.starts_with('{')) {
                let name = part.trim_matches(['{', '}']);
                assert!(PATH_PARTS.iter().any(|(n, _)| *n == name), "{path}");
            }
        }
    }

    #[test]
    fn every_call_is_one_of_the_schema_and_needs_no_forwarding_that_is_none() {
        for route in api::routes() {
            assert!(
                catalogue::described(route.method, route.path).is_some(),
                "{} {}",
                route.method,
                route.path
            );
        }
    }
}
