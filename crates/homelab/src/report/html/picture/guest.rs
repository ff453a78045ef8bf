//! A guest, as high as its memory.

use super::super::svg::{Anchor, Svg, bold_width, fit, fit_bold, text_width};
use super::badges;
use crate::report::view::{Etcd, Ghost, GuestView, Status, gib};

/// Room for one line.
pub(super) const LOWEST: f64 = 24.0;
/// Room for two.
const TWO_LINES: f64 = 36.0;

pub(super) fn draw(svg: &mut Svg, guest: &GuestView, x: f64, y: f64, width: f64, height: f64) {
    svg.open(&format!(
        "guest {} {}",
        guest.role.class(),
        guest.status.class()
    ));
    svg.title(&describe(guest));
    svg.rect("box", x, y, width, height, 3.0);
    svg.rect("stripe", x, y, 5.0, height, 2.0);

    let two = height >= TWO_LINES - 2.0;
    let middle = y + height / 2.0;
    let first = if two { middle - 3.0 } else { middle + 4.5 };
    let mut right = x + width - 8.0;
    let memory = format!("{} GiB", gib(guest.memory_bytes));
    if guest.memory_bytes > 0 {
        svg.text("small", Anchor::End, right, first, &memory);
        right -= text_width(&memory, 12.0) + 6.0;
    }
    let mut right = badges(svg, &guest.badges, right, first - 4.0);
    if !two {
        right = etcd(svg, guest.etcd, right, first);
    }
    svg.text(
        "guest-name",
        Anchor::Start,
        x + 14.0,
        first,
        &fit_bold(&guest.name, 13.0, right - x - 18.0),
    );
    if two {
        let second = middle + 13.0;
        let right = etcd(svg, guest.etcd, x + width - 8.0, second);
        svg.text(
            "small",
            Anchor::Start,
            x + 14.0,
            second,
            &fit(&facts(guest), 12.0, right - x - 18.0),
        );
    }
    svg.close();
}

/// Where a finding's fix would put a guest.
pub(super) fn ghost(svg: &mut Svg, ghost: &Ghost, x: f64, y: f64, width: f64, height: f64) {
    svg.open_link(&format!("finding-{}", ghost.number));
    svg.open("ghost");
    svg.title(&format!("the smallest fix of finding {}", ghost.number));
    svg.rect("box", x, y, width, height, 3.0);
    let words = format!("{} could move here", ghost.guest);
    let room = width - 24.0;
    svg.text(
        "small",
        Anchor::Middle,
        x + width / 2.0,
        y + height / 2.0 + 4.0,
        &fit_bold(&words, 12.0, room),
    );
    svg.close();
    svg.close_link();
}

fn facts(guest: &GuestView) -> String {
    let mut facts = Vec::new();
    if matches!(guest.status, Status::Down | Status::Silent) {
        facts.push(guest.status.word().to_owned());
    }
    if !guest.address.is_empty() {
        facts.push(guest.address.clone());
    }
    if let Some(vmid) = guest.vmid {
        facts.push(format!("VM {vmid}"));
    }
    facts.join(" · ")
}

fn describe(guest: &GuestView) -> String {
    let mut facts = vec![
        guest.name.clone(),
        guest.role.word().to_owned(),
        guest.status.word().to_owned(),
    ];
    if let Some(vmid) = guest.vmid {
        facts.push(format!("VM {vmid}"));
    }
    facts.push(guest.address.clone());
    facts.push(format!("{} GiB", gib(guest.memory_bytes)));
    if let Some(cores) = guest.cores {
        facts.push(format!("{cores} vCPU"));
    }
    if !guest.version.is_empty() {
        facts.push(format!("Talos {}", guest.version));
    }
    facts.extend(guest.troubles.iter().cloned());
    facts.retain(|f| !f.is_empty());
    facts.join(", ")
}

/// The etcd mark, its right edge at `right`. Gives the left edge.
fn etcd(svg: &mut Svg, etcd: Etcd, right: f64, baseline: f64) -> f64 {
    let (class, label, title) = match etcd {
        Etcd::None => return right,
        Etcd::Unknown => ("unknown", "etcd ?", "etcd member, not asked or no answer"),
        Etcd::Member => ("member", "etcd", "etcd member, follows a leader"),
        Etcd::Leader => ("leader", "★ etcd", "etcd leader"),
        Etcd::NoLeader => (
            "no-leader",
            "etcd: no leader",
            "etcd answers but has no leader",
        ),
    };
    let width = bold_width(label, 10.5) + 11.0;
    svg.open(&format!("etcd {class}"));
    svg.title(title);
    svg.rect("", right - width, baseline - 11.5, width, 15.0, 7.5);
    svg.text(
        "",
        Anchor::Middle,
        right - width / 2.0,
        baseline - 0.3,
        label,
    );
    svg.close();
    right - width - 6.0
}
