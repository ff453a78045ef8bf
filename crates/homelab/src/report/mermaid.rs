//! The lab as a Mermaid flowchart: hosts as subgraphs, guests in them, pools
//! below. Renders on GitHub and in most wikis.

use std::fmt::Write;

use super::view::{Etcd, GuestView, Role, Status, View, gib, percent};

pub(super) fn write(view: &View) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = render(&mut out, view);
    out
}

fn render(out: &mut String, view: &View) -> std::fmt::Result {
    out.push_str("flowchart TB\n");
    writeln!(out, "  %% {}", line(&view.name))?;
    for (h, host) in view.hosts.iter().enumerate() {
        let committed = host.committed_bytes();
        let mut label = vec![host.name.clone(), host.address.clone()];
        if let Some(p) = percent(committed, host.memory_bytes) {
            label.push(format!(
                "{} of {} GiB, {p} %",
                gib(committed),
                gib(host.memory_bytes)
            ));
        }
        if matches!(host.status, Status::Down | Status::Silent) {
            label.push(host.status.word().to_owned());
        }
        writeln!(out, "  subgraph h{h}[{}]", quoted(&label))?;
        for (g, guest) in host.guests.iter().enumerate() {
            node(out, &format!("h{h}g{g}"), guest)?;
        }
        if host.guests.is_empty() {
            writeln!(out, "    h{h}none[\"no guests\"]:::empty")?;
        }
        out.push_str("  end\n");
        if matches!(host.status, Status::Down | Status::Silent) {
            writeln!(out, "  class h{h} gone")?;
        }
    }
    for (g, guest) in view.unplaced.iter().enumerate() {
        node(out, &format!("u{g}"), guest)?;
    }
    for (c, cluster) in view.clusters.iter().enumerate() {
        if let Some(vip) = &cluster.vip {
            writeln!(
                out,
                "  vip{c}([{}]):::vip",
                quoted(&[format!("VIP {vip}"), cluster.name.clone()])
            )?;
            for (h, host) in view.hosts.iter().enumerate() {
                for (g, guest) in host.guests.iter().enumerate() {
                    if guest.role == Role::ControlPlane {
                        writeln!(out, "  vip{c} -.-> h{h}g{g}")?;
                    }
                }
            }
        }
    }
    for (p, pool) in view.pools.iter().enumerate() {
        writeln!(
            out,
            "  p{p}[({})]:::pool",
            quoted(&[pool.name.clone(), pool.kind.clone()])
        )?;
        for (h, host) in view.hosts.iter().enumerate() {
            if let Some(osds) = pool.osd_hosts.iter().find(|o| o.host == host.name) {
                writeln!(out, "  h{h} ---|\"{} OSD\"| p{p}", osds.osds)?;
            }
        }
    }
    out.push_str(
        "  classDef cp fill:#dfe9fb,stroke:#2f66cf,color:#18202b\n\
         \x20 classDef worker fill:#d8f0ea,stroke:#16806a,color:#18202b\n\
         \x20 classDef other fill:#e9e2f7,stroke:#7a5bc0,color:#18202b\n\
         \x20 classDef gone stroke:#c02b26,stroke-dasharray:5 4\n\
         \x20 classDef vip fill:#ffffff,stroke:#2f66cf,color:#18202b\n\
         \x20 classDef pool fill:#eef1f5,stroke:#586575,color:#18202b\n\
         \x20 classDef empty fill:none,stroke:none,color:#888888\n",
    );
    Ok(())
}

fn node(out: &mut String, id: &str, guest: &GuestView) -> std::fmt::Result {
    let mut label = vec![guest.name.clone()];
    let mut facts = vec![guest.address.clone(), guest.role.word().to_owned()];
    if guest.memory_bytes > 0 {
        facts.push(format!("{} GiB", gib(guest.memory_bytes)));
    }
    facts.retain(|f| !f.is_empty());
    label.push(facts.join(", "));
    match guest.etcd {
        Etcd::None => {}
        Etcd::Leader => label.push("★ etcd leader".to_owned()),
        Etcd::Member => label.push("● etcd".to_owned()),
        Etcd::Unknown => label.push("○ etcd".to_owned()),
        Etcd::NoLeader => label.push("● etcd, no leader".to_owned()),
    }
    if matches!(guest.status, Status::Down | Status::Silent) {
        label.push(guest.status.word().to_owned());
    }
    let class = match guest.role {
        Role::ControlPlane => "cp",
        Role::Worker => "worker",
        Role::Other => "other",
    };
    writeln!(out, "    {id}[{}]:::{class}", quoted(&label))?;
    if matches!(guest.status, Status::Down | Status::Silent) {
        writeln!(out, "    class {id} gone")?;
    }
    Ok(())
}

/// A quoted label of several lines. Mermaid reads HTML entities in labels, and nothing else is safe.
fn quoted(lines: &[String]) -> String {
    let lines: Vec<String> = lines
        .iter()
        .filter(|l| !l.is_empty())
        .map(|l| line(l))
        .collect();
    format!("\"{}\"", lines.join("<br/>"))
}

fn line(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' => out.push_str("#quot;"),
            '#' => out.push_str("#35;"),
            '<' => out.push_str("#lt;"),
            '>' => out.push_str("#gt;"),
            '&' => out.push_str("#amp;"),
            '`' => out.push_str("#96;"),
            '%' => out.push_str("#37;"),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
