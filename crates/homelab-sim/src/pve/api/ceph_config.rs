//! What is made and changed of Ceph: OSDs, pools, monitors, flags.

use serde_json::{Value, json};

use super::super::answer::{Answer, ApiError, Result};
use super::super::operation::Job;
use super::super::router::{Access, Call, Route, get};
use super::ceph::{installed, share};
use crate::world::{Ceph, Monitor, Osd, Pool, State};

/// How large a disk is that becomes an OSD.
const OSD_BYTES: u64 = 1 << 40;

/// Where the flags of the cluster are kept.
const FLAGS: &str = "/cluster/ceph/flags";

/// `GET …/ceph/osd`: the CRUSH tree, hosts below the root, OSDs below hosts.
fn tree(call: &Call<'_>) -> Result<Answer> {
    call.cluster.world().read(|state| {
        let ceph = installed(state)?;
        let stored: u64 = ceph
            .pools
            .iter()
            .map(|p| p.stored_bytes * u64::from(p.size))
            .sum();
        let raw: u64 = ceph.osds.iter().map(|osd| osd.size_bytes).sum();
        let mut hosts: Vec<&str> = ceph.osds.iter().map(|osd| osd.host.as_str()).collect();
        hosts.dedup();
        let row = |osd: &Osd| {
            let up = state.host_online(&osd.host);
            json!({
                "id": osd.id, "name": format!("osd.{}", osd.id), "type": "osd", "leaf": 1,
                "host": osd.host, "status": if up { "up" } else { "down" },
                "in": u8::from(!osd.out), "crush_weight": share(osd.size_bytes, 1 << 40),
                "device_class": "ssd", "osdtype": "bluestore", "reweight": u8::from(!osd.out),
                "total_space": osd.size_bytes,
                "bytes_used": stored / raw.max(1) * osd.size_bytes,
                "percent_used": share(stored, raw) * 100.0, "pgs": 32,
                "blfsdev": "", "dbdev": "", "waldev": "",
            })
        };
        let children: Vec<Value> = (2..)
            .zip(hosts)
            .map(|(n, host)| {
                let osds = ceph.osds.iter().filter(|osd| osd.host == host).map(row);
                json!({
                    "id": -n, "name": host, "type": "host", "leaf": 0, "version": ceph.version,
                    "children": osds.collect::<Vec<_>>(),
                })
            })
            .collect();
        let root = json!({
            "id": -1, "name": "default", "type": "root", "leaf": 0, "children": children,
        });
        Ok(json!({ "root": { "leaf": 0, "children": [root] }, "flags": set_flags(state) }).into())
    })
}

/// The flags that are set, as Ceph lists them.
fn set_flags(state: &State) -> String {
    let flags = state.registry.document(FLAGS);
    let set = flags.iter().filter(|(_, on)| **on == 1);
    set.map(|(name, _)| name.as_str())
        .collect::<Vec<_>>()
        .join(",")
}

/// Changes Ceph in a task.
fn task(
    call: &Call<'_>,
    kind: &str,
    id: &str,
    work: impl FnOnce(&mut Ceph) -> std::result::Result<(), String> + Send + 'static,
) -> Result<Answer> {
    call.cluster
        .world()
        .read(|state| installed(state).map(|_| ()))?;
    let job = Job::new(call, kind, id, |state| match &mut state.ceph {
        Some(ceph) => work(ceph),
        None => Err("ceph is not there any more".into()),
    });
    Ok(job.start(call))
}

fn create_osd(call: &Call<'_>) -> Result<Answer> {
    let host = call.node();
    let device = call.text("dev").unwrap_or_default();
    let id = device.trim_start_matches("/dev/").to_owned();
    task(call, "cephcreateosd", &id, move |ceph| {
        let id = (0..=u32::MAX).find(|id| ceph.osds.iter().all(|osd| osd.id != *id));
        ceph.osds.push(Osd {
            id: id.unwrap_or(0),
            host,
            size_bytes: OSD_BYTES,
            out: false,
        });
        ceph.osds
            .sort_by(|a, b| (&a.host, a.id).cmp(&(&b.host, b.id)));
        Ok(())
    })
}

fn osd_id(call: &Call<'_>) -> u32 {
    call.number("osdid").unwrap_or(u32::MAX)
}

fn destroy_osd(call: &Call<'_>) -> Result<Answer> {
    let id = osd_id(call);
    call.cluster.world().read(|state| {
        let osd = installed(state)?.osds.iter().find(|osd| osd.id == id);
        match osd {
            None => Err(ApiError::die(format!("unable to find osd.{id} on node"))),
            Some(osd) if !osd.out => Err(ApiError::die(format!(
                "osd is in use (in == 1), osdid: {id}"
            ))),
            Some(_) => Ok(()),
        }
    })?;
    task(call, "cephdestroyosd", &format!("osd.{id}"), move |ceph| {
        ceph.osds.retain(|osd| osd.id != id);
        Ok(())
    })
}

fn set_out(call: &Call<'_>, out: bool) -> Result<Answer> {
    let id = osd_id(call);
    call.cluster.world().change(|state| {
        installed(state)?;
        let osds = state.ceph.iter_mut().flat_map(|ceph| &mut ceph.osds);
        match osds.into_iter().find(|osd| osd.id == id) {
            Some(osd) => {
                osd.out = out;
                Ok(Value::Null.into())
            }
            None => Err(ApiError::die(format!("unable to find osd.{id} on node"))),
        }
    })
}

fn osd_in(call: &Call<'_>) -> Result<Answer> {
    set_out(call, false)
}

fn osd_out(call: &Call<'_>) -> Result<Answer> {
    set_out(call, true)
}

fn create_pool(call: &Call<'_>) -> Result<Answer> {
    let name = call.text("name").unwrap_or_default();
    let size = call.number("size").unwrap_or(3);
    let pool = Pool {
        id: 0,
        name: name.clone(),
        size,
        min_size: call.number("min_size").unwrap_or(2),
        pg_num: call.number("pg_num").unwrap_or(128),
        stored_bytes: 0,
    };
    task(call, "cephcreatepool", &name.clone(), move |ceph| {
        if ceph.pools.iter().any(|pool| pool.name == name) {
            return Err(format!("mon_command failed - pool '{name}' already exists"));
        }
        let id = ceph.pools.iter().map(|pool| pool.id).max().unwrap_or(0) + 1;
        ceph.pools.push(Pool { id, ..pool });
        Ok(())
    })
}

/// A pool that is there.
fn pool_name(call: &Call<'_>) -> Result<String> {
    let name = call.text("name").unwrap_or_default();
    call.cluster.world().read(|state| {
        let known = installed(state)?.pools.iter().any(|pool| pool.name == name);
        if known {
            Ok(name)
        } else {
            Err(ApiError::die(format!("pool '{name}' does not exist")))
        }
    })
}

fn set_pool(call: &Call<'_>) -> Result<Answer> {
    let name = pool_name(call)?;
    let (size, min, pgs) = (
        call.number("size"),
        call.number("min_size"),
        call.number("pg_num"),
    );
    task(call, "cephsetpool", &name.clone(), move |ceph| {
        for pool in ceph.pools.iter_mut().filter(|pool| pool.name == name) {
            pool.size = size.unwrap_or(pool.size);
            pool.min_size = min.unwrap_or(pool.min_size);
            pool.pg_num = pgs.unwrap_or(pool.pg_num);
        }
        Ok(())
    })
}

fn destroy_pool(call: &Call<'_>) -> Result<Answer> {
    let name = pool_name(call)?;
    let used = call.cluster.world().read(|state| {
        let storages = state.storages.iter();
        storages
            .filter(|s| s.pool.as_ref() == Some(&name))
            .map(|s| s.id.clone())
            .next()
    });
    if let Some(id) = used.filter(|_| !call.flag("force") && !call.flag("remove_storages")) {
        return Err(ApiError::die(format!(
            "ceph pool '{name}' is still used by storage '{id}'"
        )));
    }
    let storages = call.flag("remove_storages");
    let job = Job::new(call, "cephdestroypool", name.clone(), move |state| {
        if storages {
            state
                .storages
                .retain(|storage| storage.pool.as_ref() != Some(&name));
        }
        if let Some(ceph) = &mut state.ceph {
            ceph.pools.retain(|pool| pool.name != name);
        }
        Ok(())
    });
    Ok(job.start(call))
}

fn create_monitor(call: &Call<'_>) -> Result<Answer> {
    let host = call.node();
    let name = call.text("monid").unwrap_or_else(|| host.clone());
    task(call, "cephcreatemon", &format!("mon.{name}"), move |ceph| {
        if ceph.monitors.iter().any(|monitor| monitor.name == name) {
            return Err(format!("monitor '{name}' already exists"));
        }
        ceph.monitors.push(Monitor { name, host });
        Ok(())
    })
}

fn destroy_monitor(call: &Call<'_>) -> Result<Answer> {
    let name = call.text("monid").unwrap_or_default();
    call.cluster.world().read(|state| {
        let monitors = &installed(state)?.monitors;
        match monitors.iter().any(|monitor| monitor.name == name) {
            false => Err(ApiError::die(format!("no such monitor id '{name}'"))),
            true if monitors.len() == 1 => Err(ApiError::die("can't remove last monitor")),
            true => Ok(()),
        }
    })?;
    task(
        call,
        "cephdestroymon",
        &format!("mon.{name}"),
        move |ceph| {
            ceph.monitors.retain(|monitor| monitor.name != name);
            Ok(())
        },
    )
}

fn flag(call: &Call<'_>) -> Result<Answer> {
    let name = call.text("flag").unwrap_or_default();
    call.cluster.world().read(|state| {
        installed(state)?;
        let on = state
            .registry
            .document(FLAGS)
            .get(&name)
            .is_some_and(|on| *on == 1);
        Ok(Value::from(u8::from(on)).into())
    })
}

fn set_flag(call: &Call<'_>) -> Result<Answer> {
    let name = call.text("flag").unwrap_or_default();
    let on = u8::from(call.flag("value"));
    call.cluster.world().change(|state| {
        installed(state)?;
        state.registry.document_mut(FLAGS).insert(name, on.into());
        Ok(Value::Null.into())
    })
}

const AUDIT: Access = Access::Any("/", &["Sys.Audit", "Datastore.Audit"]);
const MODIFY: Access = Access::Any("/", &["Sys.Modify"]);

const fn post(path: &'static str, run: fn(&Call<'_>) -> Result<Answer>) -> Route {
    get(path, MODIFY, run).method("POST").by_schema()
}

const fn delete(path: &'static str, run: fn(&Call<'_>) -> Result<Answer>) -> Route {
    get(path, MODIFY, run).method("DELETE").by_schema()
}

pub(super) const ROUTES: &[Route] = &[
    get("/nodes/{node}/ceph/osd", AUDIT, tree).by_schema(),
    post("/nodes/{node}/ceph/osd", create_osd),
    delete("/nodes/{node}/ceph/osd/{osdid}", destroy_osd),
    post("/nodes/{node}/ceph/osd/{osdid}/in", osd_in),
    post("/nodes/{node}/ceph/osd/{osdid}/out", osd_out),
    post("/nodes/{node}/ceph/pool", create_pool),
    get("/nodes/{node}/ceph/pool/{name}", MODIFY, set_pool)
        .method("PUT")
        .by_schema(),
    delete("/nodes/{node}/ceph/pool/{name}", destroy_pool),
    post("/nodes/{node}/ceph/mon/{monid}", create_monitor),
    delete("/nodes/{node}/ceph/mon/{monid}", destroy_monitor),
    get("/cluster/ceph/flags/{flag}", AUDIT, flag).by_schema(),
    get("/cluster/ceph/flags/{flag}", MODIFY, set_flag)
        .method("PUT")
        .by_schema(),
];
