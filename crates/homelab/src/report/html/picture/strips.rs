//! The strips above and below the hosts: addresses, guests without a host, storage.

use super::super::svg::{Anchor, Svg, bold_width, fit, fit_bold, text_width};
use super::{RADIUS, WIDTH, badges, guest};
use crate::report::summary;
use crate::report::view::{ClusterView, PoolView, View, gib, percent};

const PAD: f64 = 14.0;
const CHIP: f64 = 28.0;

/// The network with the addresses that belong to no guest alone. Gives the lower edge.
pub(super) fn network(svg: &mut Svg, view: &View, y: f64) -> f64 {
    let mut chips = Vec::new();
    let (mut x, mut row) = (PAD, 0.0);
    for address in &view.addresses {
        let marks = address
            .badges
            .iter()
            .map(|b| (text_width(&b.number.to_string(), 11.0) + 9.0).max(18.0) + 3.0)
            .sum::<f64>();
        let owner = fit(&address.owner, 12.0, 300.0);
        let width = bold_width(&address.address, 12.0) + text_width(&owner, 12.0) + 36.0 + marks;
        if x + width > WIDTH - PAD {
            x = PAD;
            row += 1.0;
        }
        chips.push((x, row, width, owner, address));
        x += width + 8.0;
    }
    let height = 38.0
        + if chips.is_empty() {
            0.0
        } else {
            (row + 1.0) * (CHIP + 8.0) + 4.0
        };
    svg.open("network");
    svg.rect("card", 0.5, y + 0.5, WIDTH - 1.0, height - 1.0, RADIUS);
    svg.text("strip-title", Anchor::Start, PAD, y + 24.0, "Network");
    svg.text(
        "muted",
        Anchor::Start,
        PAD + 70.0,
        y + 24.0,
        &view.networks.join(", "),
    );
    for (x, row, width, owner, address) in chips {
        let top = y + 38.0 + row * (CHIP + 8.0);
        svg.open(&format!("chip {}", address.kind));
        svg.rect("box", x, top, width, CHIP, 6.0);
        svg.circle("dot", x + 11.0, top + CHIP / 2.0, 4.0);
        let baseline = top + CHIP / 2.0 + 4.5;
        svg.text(
            "chip-address",
            Anchor::Start,
            x + 20.0,
            baseline,
            &address.address,
        );
        svg.text(
            "small",
            Anchor::Start,
            x + 26.0 + bold_width(&address.address, 12.0),
            baseline,
            &owner,
        );
        badges(svg, &address.badges, x + width - 5.0, top + CHIP / 2.0);
        svg.close();
    }
    svg.close();
    y + height
}

/// One cluster in a line, with the findings about it. Gives the lower edge.
pub(super) fn cluster(svg: &mut Svg, cluster: &ClusterView, y: f64) -> f64 {
    const HEIGHT: f64 = 40.0;
    svg.open("cluster");
    svg.rect("card", 0.5, y + 0.5, WIDTH - 1.0, HEIGHT - 1.0, RADIUS);
    let baseline = y + HEIGHT / 2.0 + 5.0;
    let title = fit_bold(&format!("Cluster {}", cluster.name), 14.0, 300.0);
    svg.text("strip-title", Anchor::Start, PAD, baseline, &title);
    let x = PAD + bold_width(&title, 14.0) + 10.0;
    let left = badges(svg, &cluster.badges, WIDTH - PAD, baseline - 5.0);
    svg.text(
        "muted",
        Anchor::Start,
        x,
        baseline,
        &fit(&summary::cluster(cluster), 12.5, left - x - 12.0),
    );
    svg.close();
    y + HEIGHT
}

/// Guests that no host is known for. Gives the lower edge.
pub(super) fn unplaced(svg: &mut Svg, view: &View, y: f64) -> f64 {
    const COLUMNS: usize = 4;
    let width = (WIDTH - PAD * 5.0) / 4.0;
    let height = 36.0 + rows(view.unplaced.len(), COLUMNS) * 48.0 + 6.0;
    svg.open("unplaced");
    svg.rect(
        "card dashed",
        0.5,
        y + 0.5,
        WIDTH - 1.0,
        height - 1.0,
        RADIUS,
    );
    svg.text(
        "strip-title",
        Anchor::Start,
        PAD,
        y + 24.0,
        "Host not known",
    );
    for (i, g) in view.unplaced.iter().enumerate() {
        #[allow(clippy::cast_precision_loss, reason = "below 4")]
        let x = PAD + (i % COLUMNS) as f64 * (width + PAD);
        guest::draw(
            svg,
            g,
            x,
            y + 36.0 + (rows(i + 1, COLUMNS) - 1.0) * 48.0,
            width,
            40.0,
        );
    }
    svg.close();
    y + height
}

#[allow(clippy::cast_precision_loss, reason = "a few rows")]
fn rows(items: usize, columns: usize) -> f64 {
    items.div_ceil(columns) as f64
}

/// One pool, with its OSDs under the hosts that carry them (`centers`, when
/// all hosts stand in one row). Gives the lower edge.
pub(super) fn pool(
    svg: &mut Svg,
    pool: &PoolView,
    y: f64,
    centers: Option<&[(String, f64)]>,
) -> f64 {
    let has_osds = !pool.osd_hosts.is_empty();
    let lead = if has_osds && centers.is_some() {
        22.0
    } else {
        0.0
    };
    let height = if has_osds { 84.0 } else { 46.0 };
    let top = y + lead;
    svg.open("pool");
    svg.rect("card", 0.5, top + 0.5, WIDTH - 1.0, height - 1.0, RADIUS);
    let mut next = PAD + 4.0;
    for (i, osds) in pool.osd_hosts.iter().enumerate() {
        let label = if osds.gone {
            format!("{}, gone", osds.label())
        } else {
            osds.label()
        };
        let label = fit(&label, 12.0, 220.0);
        let width = text_width(&label, 12.0) + 30.0;
        let center = centers
            .and_then(|c| c.iter().find(|(name, _)| *name == osds.host))
            .map(|(_, x)| *x);
        let x = center.map_or(next, |c| c - width / 2.0);
        if let Some(center) = center {
            svg.line("osd-line", center, y - 16.0, center, top + 14.0);
        } else if x + width > WIDTH - PAD {
            svg.text(
                "small",
                Anchor::End,
                WIDTH - PAD,
                top + 31.0,
                &format!("+{}", pool.osd_hosts.len() - i),
            );
            break;
        }
        svg.open(if osds.gone { "osd gone" } else { "osd" });
        svg.rect("box", x, top + 14.0, width, 24.0, 12.0);
        svg.circle("disk", x + 14.0, top + 26.0, 5.5);
        svg.circle("spindle", x + 14.0, top + 26.0, 1.6);
        svg.text("small", Anchor::Start, x + 24.0, top + 30.3, &label);
        svg.close();
        next = x + width + 8.0;
    }
    let baseline = top + height - 17.0;
    let mut x = PAD;
    svg.text(
        "strip-title",
        Anchor::Start,
        x,
        baseline,
        &fit_bold(&pool.name, 14.0, 240.0),
    );
    x += bold_width(&fit_bold(&pool.name, 14.0, 240.0), 14.0) + 10.0;
    let left = badges(svg, &pool.badges, WIDTH - PAD, baseline - 5.0);
    if let Some((level, words)) = &pool.health {
        let words = fit(words, 12.0, 200.0);
        let width = bold_width(&words, 12.0) + 20.0;
        svg.open(&format!("health {}", level.class()));
        svg.rect("", left - width, baseline - 15.0, width, 20.0, 10.0);
        svg.text(
            "",
            Anchor::Middle,
            left - width / 2.0,
            baseline - 1.0,
            &words,
        );
        svg.close();
    }
    svg.text(
        "muted",
        Anchor::Start,
        x,
        baseline,
        &fit(&words(pool), 12.5, WIDTH - x - 260.0),
    );
    svg.close();
    top + height
}

fn words(pool: &PoolView) -> String {
    let mut words = vec![pool.kind.clone()];
    if pool.disks > 0 {
        let disks = if pool.disks == 1 {
            "1 disk".to_owned()
        } else {
            format!("{} disks", pool.disks)
        };
        words.push(format!("{disks}, {} GiB", gib(pool.disk_bytes)));
    }
    if let (Some(used), Some(total)) = (pool.used_bytes, pool.total_bytes)
        && let Some(percent) = percent(used, total)
    {
        words.push(format!(
            "{} of {} GiB used, {percent} %",
            gib(used),
            gib(total)
        ));
    }
    words.retain(|w| !w.is_empty());
    words.join(" · ")
}
