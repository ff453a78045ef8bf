//! Ceph: the status document as the monitors write it, and the pools.

use serde_json::{Map, Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::router::{Access, Call, Route, get};
use crate::world::{Ceph, Pool, State};

/// Objects are 4 MiB.
const OBJECT_BYTES: u64 = 4 << 20;

fn status(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let ceph = installed(state)?;
        if state.monitors_in_quorum(ceph).is_empty() {
            // Without a quorum nobody answers and the server gives up.
            return Err(ApiError::die("got timeout"));
        }
        Ok(document(state, ceph).into())
    })
}

pub(super) fn installed(state: &State) -> Result<&Ceph> {
    let missing = || ApiError::die("binary not installed: /usr/bin/ceph-mon");
    state.ceph.as_ref().ok_or_else(missing)
}

/// Numbers of the placement groups and objects, over all pools.
#[derive(Default)]
struct Placement {
    pgs: u64,
    pgs_undersized: u64,
    pgs_inactive: u64,
    objects: u64,
    copies: u64,
    copies_missing: u64,
}

impl Placement {
    fn of(ceph: &Ceph, copies_left: u64) -> Self {
        let mut all = Placement::default();
        for pool in &ceph.pools {
            let (pgs, size) = (u64::from(pool.pg_num), u64::from(pool.size));
            let objects = pool.stored_bytes / OBJECT_BYTES;
            all.pgs += pgs;
            all.objects += objects;
            all.copies += objects * size;
            all.copies_missing += objects * size.saturating_sub(copies_left);
            if copies_left < u64::from(pool.min_size) {
                all.pgs_inactive += pgs;
            } else if copies_left < size {
                all.pgs_undersized += pgs;
            }
        }
        all
    }

    fn by_state(&self) -> Vec<Value> {
        [
            (
                "active+clean",
                self.pgs - self.pgs_undersized - self.pgs_inactive,
            ),
            ("active+undersized+degraded", self.pgs_undersized),
            ("undersized+degraded+peered", self.pgs_inactive),
        ]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| json!({ "state_name": name, "count": count }))
        .collect()
    }
}

fn document(state: &State, ceph: &Ceph) -> Value {
    let quorum = state.monitors_in_quorum(ceph);
    let quorum_names: Vec<_> = quorum.iter().map(|m| m.name.as_str()).collect();
    let ranks: Vec<_> = (0..ceph.monitors.len())
        .filter(|rank| quorum_names.contains(&ceph.monitors[*rank].name.as_str()))
        .collect();
    let placement = Placement::of(ceph, state.copies_left(ceph) as u64);
    let total: u64 = state.osds_up(ceph).map(|osd| osd.size_bytes).sum();
    let stored: u64 = ceph.pools.iter().map(|pool| pool.stored_bytes).sum();
    let used = (placement.copies - placement.copies_missing) * OBJECT_BYTES;
    let mut pgmap = json!({
        "pgs_by_state": placement.by_state(),
        "num_pgs": placement.pgs,
        "num_pools": ceph.pools.len(),
        "num_objects": placement.objects,
        "data_bytes": stored,
        "bytes_used": used.min(total),
        "bytes_avail": total.saturating_sub(used),
        "bytes_total": total,
    });
    if placement.copies_missing > 0 {
        pgmap["degraded_objects"] = placement.copies_missing.into();
        pgmap["degraded_total"] = placement.copies.into();
    }
    json!({
        "fsid": ceph.fsid,
        "health": {
            "status": state.ceph_health(ceph).as_str(),
            "checks": checks(state, ceph, &placement, &quorum_names),
            "mutes": [],
        },
        "election_epoch": 40 + ceph.monitors.len() - quorum.len(),
        "quorum": ranks,
        "quorum_names": quorum_names,
        "quorum_age": 3600,
        "monmap": {
            "epoch": 3,
            "fsid": ceph.fsid,
            "mons": monitors(state, ceph),
        },
        "osdmap": {
            "epoch": 512,
            "num_osds": ceph.osds.len(),
            "num_up_osds": state.osds_up(ceph).count(),
            // An OSD that is down is marked out only after ten minutes.
            "num_in_osds": ceph.osds.len(),
            "num_remapped_pgs": 0,
        },
        "pgmap": pgmap,
        "mgrmap": {
            "available": true,
            "active_name": quorum_names.first(),
            "num_standbys": quorum_names.len().saturating_sub(1),
        },
        "fsmap": { "epoch": 1, "by_rank": [], "up:standby": 0 },
        "servicemap": { "epoch": 1, "services": {} },
        "progress_events": {},
    })
}

fn monitors(state: &State, ceph: &Ceph) -> Vec<Value> {
    let monitors = ceph.monitors.iter().enumerate();
    monitors
        .map(|(rank, monitor)| {
            let address = state.host(&monitor.host).map(|h| h.address.to_string());
            let address = address.unwrap_or_default();
            json!({ "rank": rank, "name": monitor.name, "addr": format!("{address}:6789/0") })
        })
        .collect()
}

/// The health checks that fail, by code.
fn checks(state: &State, ceph: &Ceph, placement: &Placement, quorum: &[&str]) -> Value {
    let mut checks = Map::new();
    let mut add = |code: &str, severity: &str, count: u64, message: String| {
        let check = json!({
            "severity": severity,
            "summary": { "message": message, "count": count },
            "detail": [],
            "muted": false,
        });
        checks.insert(code.to_owned(), check);
    };
    let down = (ceph.osds.len() - state.osds_up(ceph).count()) as u64;
    if down > 0 {
        add("OSD_DOWN", "HEALTH_WARN", down, format!("{down} osds down"));
        let mut hosts: Vec<_> = ceph.osds.iter().map(|osd| osd.host.as_str()).collect();
        hosts.retain(|host| !state.host_online(host));
        hosts.dedup();
        let count = hosts.len() as u64;
        let plural = if count == 1 { "" } else { "s" };
        let message = format!("{count} host{plural} ({down} osds) down");
        add("OSD_HOST_DOWN", "HEALTH_WARN", count, message);
    }
    let all = ceph.monitors.len();
    if quorum.len() < all {
        let down = all - quorum.len();
        let message = format!("{down}/{all} mons down, quorum {}", quorum.join(","));
        add("MON_DOWN", "HEALTH_WARN", down as u64, message);
    }
    let Placement {
        pgs_inactive,
        copies,
        copies_missing,
        ..
    } = *placement;
    if pgs_inactive > 0 {
        let message = format!("Reduced data availability: {pgs_inactive} pgs inactive");
        add("PG_AVAILABILITY", "HEALTH_ERR", pgs_inactive, message);
    }
    if copies_missing > 0 {
        let pgs = placement.pgs_undersized + pgs_inactive;
        let permille = copies_missing * 100_000 / copies.max(1);
        let message = format!(
            "Degraded data redundancy: {copies_missing}/{copies} objects degraded \
             ({}.{:03}%), {pgs} pgs degraded, {pgs} pgs undersized",
            permille / 1000,
            permille % 1000,
        );
        add("PG_DEGRADED", "HEALTH_WARN", pgs, message);
    }
    Value::Object(checks)
}

fn pools(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let ceph = installed(state)?;
        let raw: u64 = ceph.osds.iter().map(|osd| osd.size_bytes).sum();
        let row = |pool: &Pool| {
            let used = pool.stored_bytes * u64::from(pool.size);
            json!({
                "pool": pool.id, "pool_name": pool.name, "type": "replicated",
                "size": pool.size, "min_size": pool.min_size, "pg_num": pool.pg_num,
                "pg_autoscale_mode": "on", "crush_rule": 0, "crush_rule_name": "replicated_rule",
                "bytes_used": used, "percent_used": share(used, raw),
            })
        };
        Ok(Value::Array(ceph.pools.iter().map(row).collect()).into())
    })
}

/// `part` of `whole`, 0 to 1.
#[allow(clippy::cast_precision_loss, reason = "a share for people to read")]
pub(super) fn share(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}

const AUDIT: Access = Access::Any("/", &["Sys.Audit", "Datastore.Audit"]);

pub(super) const ROUTES: &[Route] = &[
    get("/cluster/ceph/status", AUDIT, status),
    get("/nodes/{node}/ceph/status", AUDIT, status),
    get("/nodes/{node}/ceph/pool", AUDIT, pools),
];
