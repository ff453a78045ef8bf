//! Firewalls of the cluster, of hosts, guests and virtual networks: one engine
//! at different places. Options are plain documents: see `store`.

use std::net::IpAddr;

use proxmox_endpoints::describe::Call as Described;
use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::catalogue;
use super::super::router::Call;
use super::super::store::{self, expand};
use crate::world::{Object, State};

/// Where a firewall is, and what of it a call is about.
struct Place {
    /// The path up to `firewall`.
    base: String,
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
    Some(match (method, place.below) {
        ("GET", "/rules" | "/groups/{group}") => rules(call, &place),
        ("POST", "/rules" | "/groups/{group}") => add_rule(call, described, &place),
        ("GET", "/rules/{pos}" | "/groups/{group}/{pos}") => rule(call, &place),
        ("PUT", "/rules/{pos}" | "/groups/{group}/{pos}") => set_rule(call, described, &place),
        ("DELETE", "/rules/{pos}" | "/groups/{group}/{pos}") => remove_rule(call, &place),
        ("GET", "/aliases") => Ok(aliases(call, &place)),
        ("POST", "/aliases") => add_alias(call, &place),
        (method, "/aliases/{name}") => alias(call, &place, method),
        ("GET", "/ipset") => Ok(sets(call, &place, "ipset")),
        ("POST", "/ipset") => add_set(call, &place, &IPSET),
        ("GET", "/groups") => Ok(sets(call, &place, "groups")),
        ("POST", "/groups") => add_set(call, &place, &GROUP),
        ("DELETE", "/ipset/{name}") => remove_set(call, &place, &IPSET),
        ("DELETE", "/groups/{group}") => remove_set(call, &place, &GROUP),
        ("GET", "/ipset/{name}") => entries(call, &place),
        ("POST", "/ipset/{name}") => add_entry(call, &place),
        (method, "/ipset/{name}/{cidr}") => entry(call, &place, method),
        ("GET", "/refs") => Ok(references(call, &place)),
        ("GET", "/macros") => Ok(macros()),
        ("GET", "/log") => Ok(log(call)),
        _ => return None,
    })
}

const CHANGED: &str = "detected modified configuration - file changed by other user? Try again.";

fn check_digest(call: &Call<'_>, state: &State, path: &str) -> Result<()> {
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
        let ports = text(key).split([',', ':']).filter(|port| !port.is_empty());
        for port in ports {
            if port.parse::<u64>().is_ok_and(|n| n > 65535) {
                let text = format!("invalid format - invalid port '{port}'\n");
                return Err(ApiError::param(key, text));
            }
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

fn alias_row(object: &Object) -> Map<String, Value> {
    let mut row = object.values.clone();
    row.insert("name".into(), object.id.as_str().into());
    let cidr = row.get("cidr").and_then(Value::as_str).unwrap_or_default();
    let version = if cidr.contains(':') { 6 } else { 4 };
    row.insert("ipversion".into(), version.into());
    row
}

fn aliases(call: &Call<'_>, place: &Place) -> Answer {
    let path = format!("{}/aliases", place.base);
    let rows = call.cluster.world().read(|state| {
        let digest = state.registry.digest(&path);
        let objects = state.registry.objects(&path).iter();
        objects
            .map(|object| {
                let mut row = alias_row(object);
                row.insert("digest".into(), digest.as_str().into());
                Value::Object(row)
            })
            .collect()
    });
    Value::Array(rows).into()
}

fn alias_values(call: &Call<'_>) -> Map<String, Value> {
    ["cidr", "comment"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), call.text(key)?.into())))
        .collect()
}

fn add_alias(call: &Call<'_>, place: &Place) -> Result<Answer> {
    let path = format!("{}/aliases", place.base);
    let name = call.text("name").unwrap_or_default();
    call.cluster.world().change(|state| {
        let objects = state.registry.objects_mut(&path);
        if objects.iter().any(|o| o.id.eq_ignore_ascii_case(&name)) {
            let text = format!("alias '{name}' already exists");
            return Err(ApiError::param("name", text));
        }
        objects.push(Object {
            id: name,
            values: alias_values(call),
        });
        Ok(Value::Null.into())
    })
}

/// Aliases are found whatever the case.
fn alias(call: &Call<'_>, place: &Place, method: &str) -> Result<Answer> {
    let path = format!("{}/aliases", place.base);
    let name = call.text("name").unwrap_or_default();
    let missing = || ApiError::param("name", "no such alias");
    call.cluster.world().change(|state| {
        let at = state
            .registry
            .objects(&path)
            .iter()
            .position(|o| o.id.eq_ignore_ascii_case(&name));
        if method != "GET" {
            check_digest(call, state, &path)?;
        }
        let objects = state.registry.objects_mut(&path);
        match (method, at) {
            ("GET", Some(at)) => Ok(Value::Object(alias_row(&objects[at])).into()),
            ("PUT", Some(at)) => {
                objects[at].values = alias_values(call);
                if let Some(rename) = call.text("rename") {
                    objects[at].id = rename;
                }
                Ok(Value::Null.into())
            }
            ("DELETE", Some(at)) => {
                objects.remove(at);
                Ok(Value::Null.into())
            }
            // What is not there is gone already.
            ("DELETE", None) => Ok(Value::Null.into()),
            _ => Err(missing()),
        }
    })
}

/// Sets of addresses and groups of rules: objects that hold further ones.
struct Set {
    folder: &'static str,
    /// The parameter that names one.
    id: &'static str,
    word: &'static str,
    missing: &'static str,
}

const IPSET: Set = Set {
    folder: "ipset",
    id: "name",
    word: "IPSet",
    missing: "no such IPSet",
};
const GROUP: Set = Set {
    folder: "groups",
    id: "group",
    word: "Security group",
    missing: "no such security group",
};

fn sets(call: &Call<'_>, place: &Place, folder: &str) -> Answer {
    let path = format!("{}/{folder}", place.base);
    let id = if folder == "ipset" { "name" } else { "group" };
    let rows = call.cluster.world().read(|state| {
        let digest = state.registry.digest(&path);
        let objects = state.registry.objects(&path).iter();
        objects
            .map(|object| {
                let mut row = object.values.clone();
                row.insert(id.into(), object.id.as_str().into());
                row.insert("digest".into(), digest.as_str().into());
                Value::Object(row)
            })
            .collect()
    });
    Value::Array(rows).into()
}

/// A new set, or with `rename` another name or comment for one.
fn add_set(call: &Call<'_>, place: &Place, set: &Set) -> Result<Answer> {
    let path = format!("{}/{}", place.base, set.folder);
    let id = call.text(set.id).unwrap_or_default();
    let comment = call.text("comment");
    let values: Map<_, _> = comment
        .into_iter()
        .map(|text| ("comment".to_owned(), text.into()))
        .collect();
    call.cluster.world().change(|state| {
        check_digest(call, state, &path)?;
        let taken = state.registry.object(&path, &id).is_some();
        let word = set.word;
        if let Some(old) = call.text("rename") {
            if state.registry.object(&path, &old).is_none() {
                let text = format!("{word} '{old}' does not exist");
                return Err(ApiError::param(set.id, text));
            }
            if taken && id != old {
                let text = format!("{word} '{id}' already exists");
                return Err(ApiError::param(set.id, text));
            }
            state
                .registry
                .copy(&format!("{path}/{old}"), &format!("{path}/{id}"));
            let objects = state.registry.objects_mut(&path);
            if let Some(object) = objects.iter_mut().find(|o| o.id == old) {
                object.id = id;
                object.values.extend(values);
            }
            return Ok(Value::Null.into());
        }
        if taken {
            let text = format!("{word} '{id}' already exists");
            return Err(ApiError::param(set.id, text));
        }
        state.registry.objects_mut(&format!("{path}/{id}")).clear();
        state
            .registry
            .objects_mut(&path)
            .push(Object { id, values });
        Ok(Value::Null.into())
    })
}

fn remove_set(call: &Call<'_>, place: &Place, set: &Set) -> Result<Answer> {
    let path = format!("{}/{}", place.base, set.folder);
    let id = call.text(set.id).unwrap_or_default();
    let force = call.flag("force");
    call.cluster.world().change(|state| {
        if state.registry.object(&path, &id).is_none() {
            return Err(ApiError::die(format!("{} '{id}'", set.missing)));
        }
        let content = format!("{path}/{id}");
        if !force && !state.registry.objects(&content).is_empty() {
            return Err(ApiError::die(format!("{} '{id}' is not empty", set.word)));
        }
        state.registry.objects_mut(&path).retain(|o| o.id != id);
        state.registry.objects_mut(&content).clear();
        Ok(Value::Null.into())
    })
}

/// Where the entries of the set in the path are kept.
fn entries_path(state: &State, call: &Call<'_>, place: &Place) -> Result<String> {
    let path = format!("{}/ipset", place.base);
    let name = call.text("name").unwrap_or_default();
    if state.registry.object(&path, &name).is_none() {
        return Err(ApiError::die(format!("no such IPSet '{name}'")));
    }
    Ok(format!("{path}/{name}"))
}

fn entry_row(state: &State, path: &str, object: &Object) -> Value {
    let mut row = object.values.clone();
    row.insert("cidr".into(), object.id.as_str().into());
    row.insert("digest".into(), state.registry.digest(path).into());
    Value::Object(row)
}

fn entries(call: &Call<'_>, place: &Place) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let path = entries_path(state, call, place)?;
        let objects = state.registry.objects(&path).iter();
        let rows = objects.map(|object| entry_row(state, &path, object));
        Ok(Value::Array(rows.collect()).into())
    })
}

fn entry_values(call: &Call<'_>) -> Map<String, Value> {
    let mut values = Map::new();
    if let Some(comment) = call.text("comment") {
        values.insert("comment".into(), comment.into());
    }
    if call.flag("nomatch") {
        values.insert("nomatch".into(), 1.into());
    }
    values
}

fn add_entry(call: &Call<'_>, place: &Place) -> Result<Answer> {
    let cidr = call.text("cidr").unwrap_or_default();
    if cidr.ends_with("/0") {
        let text = "a zero prefix is not allowed in ipset entries";
        return Err(ApiError::param("cidr", text));
    }
    call.cluster.world().change(|state| {
        let path = entries_path(state, call, place)?;
        let objects = state.registry.objects_mut(&path);
        if objects.iter().any(|object| object.id == cidr) {
            let text = format!("address '{cidr}' already exists");
            return Err(ApiError::param("cidr", text));
        }
        let values = entry_values(call);
        objects.insert(0, Object { id: cidr, values });
        Ok(Value::Null.into())
    })
}

fn entry(call: &Call<'_>, place: &Place, method: &str) -> Result<Answer> {
    let cidr = call.text("cidr").unwrap_or_default();
    call.cluster.world().change(|state| {
        let path = entries_path(state, call, place)?;
        if method != "GET" {
            check_digest(call, state, &path)?;
        }
        let at = state
            .registry
            .objects(&path)
            .iter()
            .position(|o| o.id == cidr);
        match (method, at) {
            ("GET", Some(at)) => {
                let object = &state.registry.objects(&path)[at];
                Ok(entry_row(state, &path, object).into())
            }
            ("PUT", Some(at)) => {
                state.registry.objects_mut(&path)[at].values = entry_values(call);
                Ok(Value::Null.into())
            }
            ("DELETE", at) => {
                if let Some(at) = at {
                    state.registry.objects_mut(&path).remove(at);
                }
                Ok(Value::Null.into())
            }
            _ => Err(ApiError::param("cidr", "no such IP/Network")),
        }
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
