//! Firewalls of the cluster, of hosts, guests and virtual networks: one engine
//! at different places. Options are plain documents: see `store`.

use std::net::IpAddr;

use proxmox_endpoints::describe::Call as Described;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, CHANGED, Result};
use super::super::catalogue;
use super::super::router::Call;
use super::super::store::{self, expand};
use super::firewall_sets as sets;
use crate::world::{Object, State};

/// Where a firewall is, and what of it a call is about.
pub(super) struct Place {
    /// The path up to `firewall`.
    pub(super) base: String,
    /// The path below it, as the schema writes it.
    below: &'static str,
    /// `dc` for the cluster, `guest`, `node`, `vnet`.
    scope: &'static str,
}

const BASES: &[(&str, &str)] = &[
    ("/cluster/firewall", "dc"),
    ("/nodes/{node}/firewall", "node"),
    ("/nodes/{node}/qemu/{vmid}/firewall", "guest"),
    ("/nodes/{node}/lxc/{vmid}/firewall", "guest"),
    ("/cluster/sdn/vnets/{vnet}/firewall", "vnet"),
];

fn place(call: &Described) -> Option<(&'static str, &'static str, &'static str)> {
    BASES.iter().find_map(|(base, scope)| {
        let below = call.path.strip_prefix(base)?;
        (!below.is_empty()).then_some((*base, below, *scope))
    })
}

/// Whether calls of this path are answered here.
pub(in super::super) fn knows(call: &Described) -> bool {
    place(call).is_some_and(|(_, below, _)| below != "/options")
}

/// Answers a call on a firewall.
pub(in super::super) fn answer(call: &Call<'_>, described: &Described) -> Option<Result<Answer>> {
    let (base, below, scope) = place(described)?;
    let place = Place {
        base: match call.text("vmid") {
            // A guest takes its firewall along.
            Some(vmid) => format!("/vms/{vmid}/firewall"),
            None => expand(call, base),
        },
        below,
        scope,
    };
    let method = catalogue::word(described.method);
    if place.below == "/options" && place.scope == "vnet" {
        return rules_path(call, &place).err().map(Err);
    }
    if method != "GET"
        && let Err(error) = call.need_lock(&lock(call, place.scope), "")
    {
        return Some(Err(error));
    }
    Some(match (method, place.below) {
        ("GET", "/rules" | "/groups/{group}") => rules(call, &place),
        ("POST", "/rules" | "/groups/{group}") => add_rule(call, described, &place),
        ("GET", "/rules/{pos}" | "/groups/{group}/{pos}") => rule(call, &place),
        ("PUT", "/rules/{pos}" | "/groups/{group}/{pos}") => set_rule(call, described, &place),
        ("DELETE", "/rules/{pos}" | "/groups/{group}/{pos}") => remove_rule(call, &place),
        ("GET", "/aliases") => Ok(sets::aliases(call, &place)),
        ("POST", "/aliases") => sets::add_alias(call, &place),
        (method, "/aliases/{name}") => sets::alias(call, &place, method),
        ("GET", "/ipset") => Ok(sets::sets(call, &place, "ipset")),
        ("POST", "/ipset") => sets::add_set(call, &place, &sets::IPSET),
        ("GET", "/groups") => Ok(sets::sets(call, &place, "groups")),
        ("POST", "/groups") => sets::add_set(call, &place, &sets::GROUP),
        ("DELETE", "/ipset/{name}") => sets::remove_set(call, &place, &sets::IPSET),
        ("DELETE", "/groups/{group}") => sets::remove_set(call, &place, &sets::GROUP),
        ("GET", "/ipset/{name}") => sets::entries(call, &place),
        ("POST", "/ipset/{name}") => sets::add_entry(call, &place),
        (method, "/ipset/{name}/{cidr}") => sets::entry(call, &place, method),
        ("GET", "/refs") => Ok(references(call, &place)),
        ("GET", "/macros") => Ok(macros()),
        ("GET", "/log") => Ok(log(call)),
        _ => return None,
    })
}

/// The lock of the cluster that writes wait for.
fn lock(call: &Call<'_>, scope: &str) -> String {
    match (call.text("vmid"), scope) {
        (Some(vmid), _) => format!("firewall-vm-{vmid}"),
        (None, "vnet") => format!("firewall-vnet-{}", call.text("vnet").unwrap_or_default()),
        (None, _) if call.params.contains_key("node") => format!("firewall-host-{}", call.node()),
        _ => "firewall-cluster".to_owned(),
    }
}

/// Fails when the collection is another one than the caller saw.
pub(super) fn check_digest(call: &Call<'_>, state: &State, path: &str) -> Result<()> {
    match call.text("digest") {
        Some(digest) if digest != state.registry.digest(path) => Err(ApiError::die(CHANGED)),
        _ => Ok(()),
    }
}

/// Where the rules of a call are kept.
fn rules_path(call: &Call<'_>, place: &Place) -> Result<String> {
    if place.scope == "vnet" {
        let vnet = call.text("vnet").unwrap_or_default();
        let known = call
            .cluster
            .world()
            .read(|state| state.registry.object("/running/sdn/vnets", &vnet).is_some());
        if !known {
            return Err(ApiError::die(
                "invalid vnet specified at /usr/share/perl5/PVE/API2/Firewall/Helpers.pm line 54.",
            ));
        }
    }
    match call
        .text("group")
        .filter(|_| place.below.starts_with("/groups"))
    {
        None => Ok(format!("{}/rules", place.base)),
        Some(group) => {
            let path = format!("{}/groups", place.base);
            let known = call
                .cluster
                .world()
                .read(|state| state.registry.object(&path, &group).is_some());
            if known {
                Ok(format!("{path}/{group}"))
            } else {
                Err(ApiError::die(format!("no such security group '{group}'")))
            }
        }
    }
}

fn rule_row(state: &State, path: &str, at: usize, rule: &Object) -> Map<String, Value> {
    let mut row = rule.values.clone();
    row.entry("enable").or_insert(0.into());
    let version = ["source", "dest"].iter().find_map(|key| {
        let text = row.get(*key)?.as_str()?;
        let ip = text.split(['/', '-', ',']).next()?.parse::<IpAddr>().ok()?;
        Some(if ip.is_ipv4() { 4 } else { 6 })
    });
    if let Some(version) = version {
        row.insert("ipversion".into(), version.into());
    }
    row.insert("pos".into(), at.into());
    row.insert("digest".into(), state.registry.digest(path).into());
    row
}

fn rules(call: &Call<'_>, place: &Place) -> Result<Answer> {
    let path = rules_path(call, place)?;
    let rows = call.cluster.world().read(|state| {
        let rules = state.registry.objects(&path).iter().enumerate();
        rules
            .map(|(at, rule)| Value::Object(rule_row(state, &path, at, rule)))
            .collect()
    });
    Ok(Value::Array(rows).into())
}

fn position(call: &Call<'_>) -> usize {
    call.number("pos").unwrap_or(usize::MAX)
}

fn no_rule(at: usize) -> ApiError {
    ApiError::die(format!("no rule at position {at}"))
}

fn rule(call: &Call<'_>, place: &Place) -> Result<Answer> {
    let path = rules_path(call, place)?;
    let at = position(call);
    call.cluster.world().read(|state| {
        let rule = state.registry.objects(&path).get(at);
        let rule = rule.ok_or_else(|| no_rule(at))?;
        let mut row = rule_row(state, &path, at, rule);
        // A number in lists, text here.
        row.insert("pos".into(), at.to_string().into());
        Ok(Value::Object(row).into())
    })
}

/// What a rule refers to must be there.
fn check_rule(call: &Call<'_>, place: &Place, values: &Map<String, Value>) -> Result<()> {
    let text = |key: &str| values.get(key).and_then(Value::as_str).unwrap_or_default();
    if place.scope == "vnet" && ["in", "out"].contains(&text("type")) {
        let kind = text("type");
        return Err(ApiError::param(
            "type",
            format!("invalid rule type '{kind}' for rule_env 'vnet'"),
        ));
    }
    let name = text("macro");
    if !name.is_empty() && !MACROS.iter().any(|(known, _)| *known == name) {
        return Err(ApiError::param("macro", format!("unknown macro '{name}'")));
    }
    for key in ["dport", "sport"] {
        if values.contains_key(key) && !values.contains_key("proto") {
            let text = format!("missing property - '{key}' requires this property");
            return Err(ApiError::param("proto", text));
        }
    }
    for key in ["source", "dest"] {
        for word in text(key).split(',').filter(|word| !word.is_empty()) {
            refers(call, place, key, word)?;
        }
    }
    Ok(())
}

/// An address, a range, an alias or a set that exists.
fn refers(call: &Call<'_>, place: &Place, key: &str, word: &str) -> Result<()> {
    let set = word.strip_prefix('+');
    let name = set.unwrap_or(word);
    let start = name.split(['/', '-']).next().unwrap_or_default();
    if set.is_none() && (start.parse::<IpAddr>().is_ok() || word.contains(':')) {
        return Ok(());
    }
    let plain = name.trim_start_matches("dc/").trim_start_matches("guest/");
    let kind = if set.is_some() { "ipset" } else { "aliases" };
    let known = call.cluster.world().read(|state| {
        let here = format!("{}/{kind}", place.base);
        let same = |o: &Object| o.id.eq_ignore_ascii_case(plain);
        state.registry.objects(&here).iter().any(same)
            || state
                .registry
                .objects(&format!("/cluster/firewall/{kind}"))
                .iter()
                .any(same)
    });
    if known {
        return Ok(());
    }
    let what = if set.is_some() { "ipset" } else { "alias" };
    Err(ApiError::param(key, format!("no such {what} '{name}'")))
}

/// A new rule is the first, wherever it was meant to be.
fn add_rule(call: &Call<'_>, described: &Described, place: &Place) -> Result<Answer> {
    let path = rules_path(call, place)?;
    let values = store::given(call, described, &["pos", "group", "moveto"]);
    check_rule(call, place, &values)?;
    call.cluster.world().change(|state| {
        check_digest(call, state, &path)?;
        let rule = Object {
            id: String::new(),
            values,
        };
        state.registry.objects_mut(&path).insert(0, rule);
        Ok(Value::Null.into())
    })
}

fn set_rule(call: &Call<'_>, described: &Described, place: &Place) -> Result<Answer> {
    let path = rules_path(call, place)?;
    let at = position(call);
    let values = store::given(call, described, &["pos", "group", "moveto"]);
    check_rule(call, place, &values)?;
    let delete = call.list("delete");
    call.cluster.world().change(|state| {
        check_digest(call, state, &path)?;
        let rules = state.registry.objects_mut(&path);
        if at >= rules.len() {
            return Err(no_rule(at));
        }
        if let Some(to) = call.number::<usize>("moveto") {
            let rule = rules.remove(at);
            let to = if to > at { to - 1 } else { to };
            let end = rules.len();
            rules.insert(to.min(end), rule);
            return Ok(Value::Null.into());
        }
        if let Some(rule) = rules.get_mut(at) {
            rule.values.retain(|key, _| !delete.contains(key));
            rule.values.extend(values);
        }
        Ok(Value::Null.into())
    })
}

fn remove_rule(call: &Call<'_>, place: &Place) -> Result<Answer> {
    let path = rules_path(call, place)?;
    let at = position(call);
    call.cluster.world().change(|state| {
        check_digest(call, state, &path)?;
        let rules = state.registry.objects_mut(&path);
        if at >= rules.len() {
            return Err(no_rule(at));
        }
        rules.remove(at);
        Ok(Value::Null.into())
    })
}

/// What rules may refer to.
fn references(call: &Call<'_>, place: &Place) -> Answer {
    let wanted = call.text("type");
    let wants = |kind: &str| wanted.as_ref().is_none_or(|wanted| wanted == kind);
    let rows = call.cluster.world().read(|state| {
        let mut rows = Vec::new();
        let mut bases = vec![(place.base.as_str(), place.scope)];
        if place.scope != "dc" {
            bases.push(("/cluster/firewall", "dc"));
        }
        for (base, scope) in bases {
            for (kind, folder, prefix) in [("ipset", "ipset", "+"), ("alias", "aliases", "")] {
                let objects = state.registry.objects(&format!("{base}/{folder}"));
                for object in objects.iter().filter(|_| wants(kind)) {
                    let name = if kind == "alias" {
                        object.id.to_lowercase()
                    } else {
                        object.id.clone()
                    };
                    let mut row = json!({
                        "type": kind, "name": name, "ref": format!("{prefix}{name}"),
                        "scope": scope,
                    });
                    if let Some(comment) = object.values.get("comment") {
                        row["comment"] = comment.clone();
                    }
                    rows.push(row);
                }
            }
        }
        rows
    });
    Value::Array(rows).into()
}

const MACROS: &[(&str, &str)] = &[
    ("DHCPfwd", "Forwarded DHCP traffic"),
    ("DNS", "Domain Name System traffic (upd and tcp)"),
    ("FTP", "File Transfer Protocol"),
    ("HTTP", "Hypertext Transfer Protocol (WWW)"),
    ("HTTPS", "Hypertext Transfer Protocol (WWW) over SSL"),
    ("NTP", "Network Time Protocol (ntpd)"),
    ("Ping", "ICMP echo request"),
    ("SMB", "Microsoft SMB traffic"),
    ("SMTP", "Simple Mail Transfer Protocol"),
    ("SSH", "Secure shell traffic"),
    ("VNC", "VNC traffic for VNC display's 0 - 99"),
    ("Web", "WWW traffic (HTTP and HTTPS)"),
];

fn macros() -> Answer {
    let rows = MACROS.iter();
    let rows = rows.map(|(name, text)| json!({ "macro": name, "descr": text }));
    Value::Array(rows.collect()).into()
}

/// Nothing was ever logged, and so there is no file.
fn log(call: &Call<'_>) -> Answer {
    let start: usize = call.number("start").unwrap_or(0);
    if start > 0 || call.params.contains_key("since") {
        return json!([]).into();
    }
    let line = "unable to open file - No such file or directory";
    Answer::page(vec![json!({ "n": 1, "t": line })], 1)
}
