//! A host: its name and hardware above, the vessel of its memory, and what
//! breaks when it goes.

use super::super::svg::{Anchor, Svg, fit, fit_bold, wrap};
use super::{RADIUS, badges, guest};
use crate::report::view::{HostView, Level, Status, View, gib, percent};

const PAD: f64 = 12.0;
const HEADER: f64 = 82.0;
const LOSS_LINE: f64 = 16.0;
/// Room above a vessel for the label of its rim.
const RIM: f64 = 22.0;
/// The tallest vessel, unless its guests need more.
const TALLEST: f64 = 330.0;

/// Where a card goes. `loss` is the height of the lowest panel, common to a row.
pub(super) struct Place {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
    pub(super) loss: f64,
}

/// The scale that all vessels share.
pub(super) struct Metrics {
    pixels_per_byte: f64,
}

impl Metrics {
    pub(super) fn of(view: &View) -> Self {
        let largest = view
            .hosts
            .iter()
            .map(|h| h.memory_bytes.max(h.committed_bytes()))
            .max()
            .unwrap_or(0);
        Metrics {
            pixels_per_byte: if largest == 0 {
                0.0
            } else {
                TALLEST / float(largest)
            },
        }
    }

    fn height(&self, bytes: u64) -> f64 {
        float(bytes) * self.pixels_per_byte
    }

    /// A guest's height: to scale, but never too low for its name.
    pub(super) fn guest(&self, bytes: u64) -> f64 {
        self.height(bytes).max(guest::LOWEST)
    }

    fn stack(&self, host: &HostView) -> f64 {
        self.height(host.overhead_bytes)
            + host
                .guests
                .iter()
                .map(|g| self.guest(g.memory_bytes))
                .sum::<f64>()
    }

    /// How high the rim is above the floor of the vessel.
    fn rim(&self, host: &HostView) -> f64 {
        let committed = host.committed_bytes();
        if host.memory_bytes == 0 {
            self.stack(host)
        } else if committed > host.memory_bytes {
            self.stack(host) - self.height(committed - host.memory_bytes)
        } else {
            self.stack(host) + self.height(host.memory_bytes - committed)
        }
    }

    /// The card without its lowest panel.
    pub(super) fn body_height(&self, host: &HostView) -> f64 {
        HEADER + RIM + self.rim(host).max(self.stack(host)) + PAD
    }

    /// The lowest panel of the card.
    pub(super) fn loss_height(host: &HostView, width: f64) -> f64 {
        #[allow(clippy::cast_precision_loss, reason = "a few lines")]
        let lines = loss_lines(host, width).len() as f64;
        if lines == 0.0 {
            0.0
        } else {
            30.0 + lines * LOSS_LINE + PAD
        }
    }
}

pub(super) fn draw(svg: &mut Svg, host: &HostView, metrics: &Metrics, at: &Place) {
    svg.open(&format!("host {}", host.status.class()));
    svg.rect(
        "card",
        at.x + 0.5,
        at.y + 0.5,
        at.width - 1.0,
        at.height - 1.0,
        RADIUS,
    );
    header(svg, host, at);

    let floor = at.y + at.height - PAD - at.loss;
    let (x, width) = (at.x + PAD, at.width - 2.0 * PAD);
    let (rim, stack) = (metrics.rim(host), metrics.stack(host));
    svg.rect("vessel", x, floor - rim, width, rim, 3.0);

    let mut top = floor;
    let overhead = metrics.height(host.overhead_bytes);
    if overhead > 0.0 {
        top -= overhead;
        svg.open("overhead");
        let what = if host.osds > 0 {
            "Proxmox VE, Ceph"
        } else {
            "Proxmox VE"
        };
        svg.title(&format!("{what}: {} GiB", gib(host.overhead_bytes)));
        svg.rect("", x + 1.0, top + 1.0, width - 2.0, overhead - 2.0, 2.0);
        if overhead >= 15.0 {
            let middle = top + overhead / 2.0 + 4.0;
            svg.text("small", Anchor::Start, x + 10.0, middle, what);
            svg.text(
                "small",
                Anchor::End,
                x + width - 8.0,
                middle,
                &format!("{} GiB", gib(host.overhead_bytes)),
            );
        }
        svg.close();
    }
    for guest in &host.guests {
        let height = metrics.guest(guest.memory_bytes);
        top -= height;
        guest::draw(svg, guest, x + 1.0, top + 1.0, width - 2.0, height - 2.0);
    }
    for ghost in &host.ghosts {
        let height = metrics.guest(ghost.memory_bytes);
        top -= height;
        guest::ghost(svg, ghost, x + 1.0, top + 1.0, width - 2.0, height - 2.0);
    }
    level(svg, host, x, width, floor, rim, stack);
    loss(svg, host, at);
    svg.close();
}

fn header(svg: &mut Svg, host: &HostView, at: &Place) {
    let (x, right) = (at.x + PAD, at.x + at.width - PAD);
    let y = at.y + 26.0;
    svg.circle(
        &format!("dot {}", host.status.class()),
        x + 5.0,
        y - 5.0,
        5.0,
    );
    let left_of_badges = badges(svg, &host.badges, right, y - 5.0);
    svg.text(
        "name",
        Anchor::Start,
        x + 16.0,
        y,
        &fit_bold(&host.name, 17.0, left_of_badges - x - 20.0),
    );
    let mut facts = vec![host.address.clone()];
    if !host.version.is_empty() {
        facts.push(format!("PVE {}", host.version));
    }
    if host.status != Status::Up && host.status != Status::Planned {
        facts.push(host.status.word().to_owned());
    }
    facts.retain(|f| !f.is_empty());
    let width = at.width - 2.0 * PAD;
    let class = if host.status == Status::Up || host.status == Status::Planned {
        "muted"
    } else {
        "alarm"
    };
    svg.text(
        class,
        Anchor::Start,
        x,
        y + 20.0,
        &fit(&facts.join(" · "), 12.5, width),
    );
    let mut hardware = vec![host.model.clone()];
    match host.osds {
        0 => {}
        1 => hardware.push("1 OSD".to_owned()),
        n => hardware.push(format!("{n} OSDs")),
    }
    hardware.extend(host.gpus.iter().map(|g| format!("GPU {g}")));
    hardware.retain(|f| !f.is_empty());
    svg.text(
        "muted",
        Anchor::Start,
        x,
        y + 38.0,
        &fit(&hardware.join(" · "), 12.5, width),
    );
}

/// The rim with its label: how full, of how much.
fn level(svg: &mut Svg, host: &HostView, x: f64, width: f64, floor: f64, rim: f64, stack: f64) {
    if host.memory_bytes == 0 {
        return;
    }
    let committed = host.committed_bytes();
    let over = committed > host.memory_bytes;
    let y = floor - rim;
    if over {
        svg.rect("overflow", x, floor - stack, width, stack - rim, 2.0);
    }
    svg.line(
        if over { "rim over" } else { "rim" },
        x - 4.0,
        y,
        x + width + 4.0,
        y,
    );
    let percent = percent(committed, host.memory_bytes).unwrap_or(0);
    let label = format!(
        "{} of {} GiB · {percent} %",
        gib(committed),
        gib(host.memory_bytes)
    );
    let above = floor - stack.max(rim) - 7.0;
    svg.text(
        if over { "level alarm" } else { "level" },
        Anchor::Start,
        x,
        above,
        &label,
    );
    let right = if over {
        format!("{} GiB too much", gib(committed - host.memory_bytes))
    } else {
        format!("{} GiB free", gib(host.memory_bytes - committed))
    };
    svg.text(
        if over { "level alarm" } else { "level muted" },
        Anchor::End,
        x + width,
        above,
        &right,
    );
}

fn loss(svg: &mut Svg, host: &HostView, at: &Place) {
    let lines = loss_lines(host, at.width);
    if lines.is_empty() {
        return;
    }
    let worst = host
        .loss
        .iter()
        .map(|(level, _)| *level)
        .max()
        .unwrap_or(Level::Ok);
    let top = at.y + at.height - at.loss;
    svg.open(&format!("loss {}", worst.class()));
    svg.path(
        "panel",
        &format!(
            "M{:.1} {top:.1}h{:.1}v{:.1}a{r} {r} 0 0 1 -{r} {r}h-{:.1}a{r} {r} 0 0 1 -{r} -{r}z",
            at.x + 1.0,
            at.width - 2.0,
            at.loss - 1.0 - RADIUS,
            at.width - 2.0 - 2.0 * RADIUS,
            r = RADIUS,
        ),
    );
    let mut y = top + 20.0;
    let title = if host.status == Status::Down {
        format!("While {} is gone", host.name)
    } else {
        format!("If {} dies", host.name)
    };
    svg.text(
        "loss-title",
        Anchor::Start,
        at.x + PAD,
        y,
        &fit_bold(&title, 12.5, at.width - 2.0 * PAD),
    );
    for (level, line, first) in lines {
        y += LOSS_LINE;
        if first {
            svg.text(
                &format!("mark {}", level.class()),
                Anchor::Start,
                at.x + PAD,
                y,
                level.mark(),
            );
        }
        svg.text("small", Anchor::Start, at.x + PAD + 15.0, y, &line);
    }
    svg.close();
}

/// The lines of the panel, broken to its width; the flag says that a point starts.
fn loss_lines(host: &HostView, width: f64) -> Vec<(Level, String, bool)> {
    let room = width - 2.0 * PAD - 15.0;
    host.loss
        .iter()
        .flat_map(|(level, text)| {
            wrap(text, 12.0, room, 3)
                .into_iter()
                .enumerate()
                .map(|(i, line)| (*level, line, i == 0))
        })
        .collect()
}

#[allow(clippy::cast_precision_loss, reason = "pixels")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}
