//! The report for a terminal. Says, in this order: what the lab is, what was
//! seen, what is wrong with the smallest fix, what did not answer.

use super::summary;
use super::view::{Etcd, GuestView, HostView, Level, Role, Status, View, gib, percent, reason};

mod layout;

use layout::{Paint, Table, wrapped};

/// How the text is laid out.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TextOptions {
    /// Columns of the terminal; text is wrapped to it. Default 100.
    pub width: usize,
    /// Whether to use ANSI colours. Default no.
    pub color: bool,
}

impl Default for TextOptions {
    fn default() -> Self {
        TextOptions {
            width: 100,
            color: false,
        }
    }
}

impl TextOptions {
    /// Wraps to this many columns (at least 40).
    #[must_use]
    pub fn width(mut self, width: usize) -> Self {
        self.width = width;
        self
    }

    /// Uses ANSI colours.
    #[must_use]
    pub fn color(mut self, color: bool) -> Self {
        self.color = color;
        self
    }
}

pub(super) fn write(view: &View, options: &TextOptions) -> String {
    let mut text = Text {
        out: String::new(),
        width: options.width.max(40),
        paint: Paint {
            color: options.color,
        },
    };
    text.head(view);
    text.hosts(view);
    text.clusters(view);
    text.storage(view);
    text.addresses(view);
    text.findings(view);
    text.what_if(view);
    text.mismatches(view);
    text.joins(view);
    text.failures(view);
    text.out
}

struct Text {
    out: String,
    width: usize,
    paint: Paint,
}

impl Text {
    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    /// A wrapped paragraph.
    fn paragraph(&mut self, first: &str, rest: &str, text: &str, level: Option<Level>) {
        for (i, line) in wrapped(text, self.width.saturating_sub(first.chars().count()))
            .into_iter()
            .enumerate()
        {
            let line = level.map_or(line.clone(), |l| self.paint.level(l, &line));
            let indent = if i == 0 { first } else { rest };
            self.line(&format!("{indent}{line}"));
        }
    }

    fn section(&mut self, title: &str, note: &str) {
        let note = if note.is_empty() {
            String::new()
        } else {
            format!("  {}", self.paint.dim(note))
        };
        let title = self.paint.bold(title);
        self.line("");
        self.line(&format!("{title}{note}"));
    }

    fn table(&mut self, table: &Table) {
        for line in table.lines(self.width, &self.paint) {
            self.line(&line);
        }
    }

    fn head(&mut self, view: &View) {
        let name = self.paint.bold(&view.name);
        self.line(&name);
        self.paragraph("", "", &summary::lead(view), None);
        let (level, verdict) = summary::verdict(view);
        self.line("");
        let mark = format!("{} ", level.mark());
        self.paragraph(&mark, "  ", &verdict, Some(level));
    }

    fn hosts(&mut self, view: &View) {
        let note = match &view.quorum {
            Some(q) if q.quorate => format!(
                "Proxmox cluster {}, quorate, {} of {} online",
                q.cluster, q.online, q.expected
            ),
            Some(q) => format!(
                "Proxmox cluster {}, NO QUORUM, {} of {} online",
                q.cluster, q.online, q.expected
            ),
            None => String::new(),
        };
        self.section("Hosts", &note);
        let mut table = Table::new(&[
            "",
            "host",
            "address",
            "memory planned",
            "guests (GiB)",
            "hardware",
        ]);
        for host in &view.hosts {
            table.row(host_level(host), host_cells(host));
        }
        if !view.unplaced.is_empty() {
            let names: Vec<String> = view.unplaced.iter().map(|g| g.name.clone()).collect();
            table.row(
                Level::Warning,
                vec![
                    "?".into(),
                    "unknown".into(),
                    String::new(),
                    String::new(),
                    names.join(", "),
                    String::new(),
                ],
            );
        }
        self.table(&table);
    }

    fn clusters(&mut self, view: &View) {
        for cluster in &view.clusters {
            let mut note = vec![format!(
                "etcd {} of {}, quorum {}",
                cluster.members_answering,
                cluster.members,
                cluster.quorum()
            )];
            if cluster.answered.is_none() {
                note = vec![format!(
                    "{} etcd members, quorum {}",
                    cluster.members,
                    cluster.quorum()
                )];
            }
            note.extend(cluster.vip.as_ref().map(|v| format!("VIP {v}")));
            self.section(&format!("Cluster {}", cluster.name), &note.join(", "));
            let mut table = Table::new(&[
                "", "node", "address", "role", "guest", "host", "etcd", "Talos",
            ]);
            for host in &view.hosts {
                for guest in host.guests.iter().filter(|g| g.role != Role::Other) {
                    table.row(guest_level(guest), node_cells(guest, &host.name));
                }
            }
            for guest in view.unplaced.iter().filter(|g| g.role != Role::Other) {
                table.row(guest_level(guest), node_cells(guest, "?"));
            }
            self.table(&table);
            // All nodes are in one list; a second cluster would only repeat it.
            break;
        }
    }

    fn storage(&mut self, view: &View) {
        if view.pools.is_empty() {
            return;
        }
        self.section("Storage", "");
        let mut table = Table::new(&["", "pool", "kind", "disks", "used", "on"]);
        for pool in &view.pools {
            let (level, health) = pool.health.clone().unwrap_or((Level::Ok, String::new()));
            let used = match (pool.used_bytes, pool.total_bytes) {
                (Some(used), Some(total)) => format!(
                    "{} of {} GiB{}",
                    gib(used),
                    gib(total),
                    percent(used, total)
                        .map(|p| format!(", {p} %"))
                        .unwrap_or_default()
                ),
                _ => String::new(),
            };
            let on: Vec<String> = pool
                .osd_hosts
                .iter()
                .map(|o| {
                    if o.osds == 1 {
                        o.host.clone()
                    } else {
                        format!("{} ({})", o.host, o.osds)
                    }
                })
                .collect();
            let on = if on.is_empty() {
                health
            } else {
                [format!("OSDs on {}", on.join(", ")), health].join("; ")
            };
            table.row(
                level,
                vec![
                    level.mark().into(),
                    pool.name.clone(),
                    pool.kind.clone(),
                    format!("{}, {} GiB", pool.disks, gib(pool.disk_bytes)),
                    used,
                    on.trim_end_matches("; ").to_owned(),
                ],
            );
        }
        self.table(&table);
    }

    fn addresses(&mut self, view: &View) {
        if view.addresses.is_empty() {
            return;
        }
        self.section("Addresses", &view.networks.join(", "));
        let mut table = Table::new(&["", "address", "owner", "kind"]);
        for a in &view.addresses {
            let level = a.badges.iter().map(|b| b.level).max().unwrap_or(Level::Ok);
            let mark = if a.badges.is_empty() {
                " "
            } else {
                level.mark()
            };
            table.row(
                level,
                vec![
                    mark.into(),
                    a.address.clone(),
                    a.owner.clone(),
                    a.kind.into(),
                ],
            );
        }
        self.table(&table);
    }

    fn findings(&mut self, view: &View) {
        self.section("Findings", &summary::counts(view));
        for n in &view.findings {
            let f = &n.finding;
            let head = format!("{:>3}. {} {:<4}", n.number, n.level.mark(), f.code);
            let head = self.paint.level(n.level, &head);
            let subject = self.paint.bold(&f.subject);
            let name = self.paint.dim(&format!("({}, {})", f.name, f.severity));
            self.line(&format!("{head} {subject} {name}"));
            self.paragraph("       ", "       ", &f.message, None);
            if !f.evidence.is_empty() {
                let evidence: Vec<String> = f
                    .evidence
                    .iter()
                    .map(|e| {
                        format!(
                            "{} {}{}{}",
                            e.name,
                            e.value,
                            if e.unit.is_empty() { "" } else { " " },
                            e.unit
                        )
                    })
                    .collect();
                for line in wrapped(&evidence.join(" · "), self.width.saturating_sub(9)) {
                    let line = self.paint.dim(&line);
                    self.line(&format!("         {line}"));
                }
            }
            for place in &f.places {
                let place = self.paint.dim(&format!("at {place}"));
                self.line(&format!("         {place}"));
            }
            if let Some(fix) = &f.fix {
                self.paragraph("       → ", "         ", &fix.summary, Some(Level::Ok));
            }
        }
    }

    fn what_if(&mut self, view: &View) {
        if view.losses.is_empty() {
            return;
        }
        self.section("What if a host dies", "");
        for loss in &view.losses {
            let gone = if loss.already_lost { "(gone)" } else { "" };
            let name = self.paint.bold(&format!("{} {gone}", loss.host));
            self.line(&format!("  {name}"));
            for (level, line) in loss.lines() {
                let mark = self.paint.level(level, level.mark());
                for (i, line) in wrapped(&line, self.width.saturating_sub(6))
                    .into_iter()
                    .enumerate()
                {
                    self.line(&format!(
                        "    {} {line}",
                        if i == 0 { mark.as_str() } else { " " }
                    ));
                }
            }
        }
    }

    fn mismatches(&mut self, view: &View) {
        if view.mismatches.is_empty() {
            return;
        }
        self.section("What does not fit", "");
        for m in &view.mismatches {
            let place = m
                .location
                .as_ref()
                .map(|l| format!(" ({l})"))
                .unwrap_or_default();
            self.paragraph(
                "  ! ",
                "    ",
                &format!("{}: {}{place}", m.subject, m.message),
                None,
            );
        }
    }

    fn joins(&mut self, view: &View) {
        let joins: Vec<_> = view
            .joins
            .iter()
            .filter(|j| j.kind == "node-guest")
            .collect();
        if joins.is_empty() {
            return;
        }
        self.section("How nodes were matched with guests", "");
        let mut table = Table::new(&["", "node", "guest", "sure?", "because of"]);
        for j in joins {
            let level = if matches!(j.confidence.as_str(), "certain" | "strong") {
                Level::Ok
            } else {
                Level::Warning
            };
            let because = if j.agreeing.is_empty() {
                j.evidence.clone()
            } else {
                j.agreeing.join(", ")
            };
            table.row(
                level,
                vec![
                    level.mark().into(),
                    j.left.clone(),
                    j.right.clone(),
                    j.confidence.clone(),
                    because,
                ],
            );
        }
        self.table(&table);
    }

    fn failures(&mut self, view: &View) {
        if view.observed_at.is_none() {
            return;
        }
        if view.failures.is_empty() {
            self.line("");
            self.line("Everything that was asked answered.");
            return;
        }
        self.section("What did not answer", "everything above holds without it");
        for f in &view.failures {
            let operation = f.error.operation.as_deref().unwrap_or("");
            let head = self.paint.level(Level::Critical, "✗");
            let target = self.paint.bold(&f.target);
            let code = self.paint.dim(&f.error.code);
            self.line(&format!("  {head} {target}  {operation}  {code}"));
            self.paragraph("      ", "      ", reason(f), None);
        }
    }
}

fn host_level(host: &HostView) -> Level {
    match host.status {
        Status::Down | Status::Silent => Level::Critical,
        _ if host.memory_bytes > 0 && host.committed_bytes() > host.memory_bytes => Level::Warning,
        _ => Level::Ok,
    }
}

fn host_cells(host: &HostView) -> Vec<String> {
    let committed = host.committed_bytes();
    let memory = match percent(committed, host.memory_bytes) {
        Some(p) => format!(
            "{} of {} GiB, {p} %",
            gib(committed),
            gib(host.memory_bytes)
        ),
        None => format!("{} GiB", gib(committed)),
    };
    let mut guests: Vec<String> = host
        .guests
        .iter()
        .map(|g| format!("{} {}", g.name, gib(g.memory_bytes)))
        .collect();
    guests.push(format!("own need {}", gib(host.overhead_bytes)));
    let mut hardware = vec![host.model.clone()];
    match host.osds {
        0 => {}
        1 => hardware.push("1 OSD".to_owned()),
        n => hardware.push(format!("{n} OSDs")),
    }
    hardware.extend(host.gpus.iter().map(|g| format!("GPU {g}")));
    hardware.retain(|h| !h.is_empty());
    let mut name = host.name.clone();
    if matches!(host.status, Status::Down | Status::Silent) {
        name = format!("{name} ({})", host.status.word());
    }
    vec![
        status_mark(host.status, host_level(host)).into(),
        name,
        host.address.clone(),
        memory,
        guests.join(", "),
        hardware.join(", "),
    ]
}

fn guest_level(guest: &GuestView) -> Level {
    match guest.status {
        Status::Down | Status::Silent => Level::Critical,
        Status::Up | Status::Planned => Level::Ok,
    }
}

fn node_cells(guest: &GuestView, host: &str) -> Vec<String> {
    let etcd = match guest.etcd {
        Etcd::None => "",
        Etcd::Unknown if guest.status == Status::Planned => "member",
        Etcd::Unknown => "not known",
        Etcd::Member => "follows",
        Etcd::Leader => "leads",
        Etcd::NoLeader => "NO LEADER",
    };
    let vm = guest.vmid.map(|v| format!("VM {v}")).unwrap_or_default();
    let version = if guest.version.is_empty() && guest.status != Status::Planned {
        guest.status.word().to_owned()
    } else {
        guest.version.clone()
    };
    vec![
        status_mark(guest.status, guest_level(guest)).into(),
        guest.name.clone(),
        guest.address.clone(),
        guest.role.word().into(),
        vm,
        host.to_owned(),
        etcd.into(),
        version,
    ]
}

fn status_mark(status: Status, level: Level) -> &'static str {
    match status {
        Status::Planned if level == Level::Ok => "·",
        _ => level.mark(),
    }
}
