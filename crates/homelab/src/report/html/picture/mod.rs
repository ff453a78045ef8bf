//! The picture of the lab: the network above, hosts as vessels whose height
//! is their memory, guests in them to the same scale, storage below.
//!
//! All vessels share one scale, so a host that is too full is seen to
//! overflow and a host with room is seen to have it.

mod guest;
mod host;
mod strips;

use super::svg::{Anchor, Svg, text_width};
use crate::report::view::{Badge, HostView, View};
use host::Metrics;

/// Width of the viewBox; the page scales it.
pub(super) const WIDTH: f64 = 1200.0;
const GAP: f64 = 16.0;
/// More hosts than this side by side become too narrow to read.
const PER_ROW: usize = 4;
const RADIUS: f64 = 10.0;

/// Draws the lab.
pub(super) fn draw(view: &View) -> String {
    let mut svg = Svg::default();
    svg.raw(PATTERNS);
    let mut y = strips::network(&mut svg, view, 0.0);
    y += GAP;
    for cluster in &view.clusters {
        y = strips::cluster(&mut svg, cluster, y) + GAP;
    }

    let rows = view.hosts.len().div_ceil(PER_ROW).max(1);
    let columns = view.hosts.len().div_ceil(rows).max(1);
    #[allow(clippy::cast_precision_loss, reason = "a handful of columns")]
    let n = columns as f64;
    let width = (WIDTH - GAP * (n - 1.0)) / n;
    let metrics = Metrics::of(view);
    let mut centers = Vec::new();
    for row in view.hosts.chunks(columns) {
        let loss = row
            .iter()
            .map(|h| Metrics::loss_height(h, width))
            .fold(0.0, f64::max);
        let height = loss
            + row
                .iter()
                .map(|h| metrics.body_height(h))
                .fold(0.0, f64::max);
        let mut x = 0.0;
        for host in row {
            host::draw(
                &mut svg,
                host,
                &metrics,
                &host::Place {
                    x,
                    y,
                    width,
                    height,
                    loss,
                },
            );
            centers.push((host.name.clone(), x + width / 2.0));
            x += width + GAP;
        }
        y += height + GAP;
    }
    if !view.unplaced.is_empty() {
        y = strips::unplaced(&mut svg, view, y) + GAP;
    }
    let single_row = rows == 1;
    for pool in &view.pools {
        y = strips::pool(&mut svg, pool, y, single_row.then_some(&centers[..])) + GAP;
    }
    let hosts: Vec<&str> = view
        .hosts
        .iter()
        .map(|h: &HostView| h.name.as_str())
        .collect();
    svg.finish(
        WIDTH,
        y - GAP + 2.0,
        &format!("The lab {}: hosts {}", view.name, hosts.join(", ")),
    )
}

/// Hatching for memory that nobody has, and for what is down.
const PATTERNS: &str = concat!(
    "<defs>",
    "<pattern id=\"over\" width=\"7\" height=\"7\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">",
    "<rect class=\"hatch-over\" width=\"3\" height=\"7\"/></pattern>",
    "<pattern id=\"gone\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">",
    "<rect class=\"hatch-gone\" width=\"1.5\" height=\"6\"/></pattern>",
    "</defs>\n",
);

/// Numbered marks, the last one's right edge at `right`, linked to the list of
/// findings. Gives the left edge.
fn badges(svg: &mut Svg, badges: &[Badge], right: f64, y: f64) -> f64 {
    let mut x = right;
    for badge in badges.iter().rev() {
        let label = badge.number.to_string();
        let w = (text_width(&label, 11.0) + 9.0).max(18.0);
        svg.open_link(&format!("finding-{}", badge.number));
        svg.open(&format!("badge {}", badge.level.class()));
        svg.title(&format!("finding {}", badge.number));
        svg.rect("", x - w, y - 9.0, w, 18.0, 9.0);
        svg.text("", Anchor::Middle, x - w / 2.0, y + 4.0, &label);
        svg.close();
        svg.close_link();
        x -= w + 3.0;
    }
    x
}
