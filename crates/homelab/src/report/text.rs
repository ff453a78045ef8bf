//! The report for a terminal. Says, in this order: what the lab is, what was
//! seen, what is wrong with the smallest fix, what did not answer.

use super::summary;
use super::view::{Level, View, gib, percent};

mod analysis;
mod layout;
mod rows;

use layout::{Paint, Table, wrapped};
use rows::{guest_level, host_cells, host_level, node_cells};

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
            "itself",
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
            let nodes = view
                .hosts
                .iter()
                .flat_map(|h| h.guests.iter().map(|g| (h.name.as_str(), g)));
            let nodes: Vec<_> = nodes
                .chain(view.unplaced.iter().map(|g| ("?", g)))
                .filter(|(_, g)| g.cluster == cluster.name)
                .collect();
            let columns = [
                "", "node", "address", "role", "guest", "host", "etcd", "Talos",
            ];
            let mut table = Table::new(&columns);
            for (host, guest) in &nodes {
                table.row(guest_level(guest), node_cells(guest, host));
            }
            self.table(&table);
            for (_, guest) in nodes.iter().filter(|(_, g)| !g.troubles.is_empty()) {
                let troubles = format!("{}: {}", guest.name, guest.troubles.join("; "));
                self.paragraph("  ! ", "    ", &troubles, Some(Level::Warning));
            }
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
}
