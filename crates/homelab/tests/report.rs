//! The reports: one golden text, and promises that every HTML page keeps.

#![allow(clippy::unwrap_used, reason = "a test that cannot look must stop")]

mod common;

use common::{connect, example, short, simulated};
use homelab::Lab;
use homelab::report::{self, TextOptions};

/// Compares with `tests/golden/NAME`; `UPDATE_GOLDEN=1` writes it anew.
fn golden(name: &str, text: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    // The example lab is named by where the repository lies.
    let text = text.replace(common::EXAMPLE, "homelab.yaml");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let wanted = std::fs::read_to_string(&path).unwrap_or_default();
    if let Some((line, (got, wanted))) = text
        .lines()
        .zip(wanted.lines())
        .enumerate()
        .find(|(_, (got, wanted))| got != wanted)
    {
        panic!(
            "{name}:{}: differs\n  is:     {got}\n  wanted: {wanted}\nUPDATE_GOLDEN=1 writes it anew",
            line + 1
        );
    }
    assert_eq!(
        text.lines().count(),
        wanted.lines().count(),
        "{name}: UPDATE_GOLDEN=1 writes it anew"
    );
}

#[tokio::test]
async fn the_text_of_the_observed_example() {
    let (sim, env) = simulated().await;
    let mut seen = connect(&env).await.observe_with(&short()).await.unwrap();
    // Where the file lies and when it was looked at differ from run to run.
    seen.topology.observed_at = Some("2026-01-02T03:04:05Z".to_owned());
    for finding in &mut seen.findings {
        for place in &mut finding.places {
            place.file = "homelab.yaml".to_owned();
        }
    }
    golden("ragas.txt", &report::text(&seen, &TextOptions::default()));
    sim.stop().await;
}

#[test]
fn the_mermaid_of_the_example() {
    golden("ragas.mmd", &report::mermaid(&example()));
}

#[test]
fn every_width_is_kept_where_words_allow() {
    for width in [60, 80, 120] {
        let text = report::text(&example(), &TextOptions::default().width(width));
        // Addresses and paths do not break; everything else does.
        let long = text.lines().filter(|l| l.chars().count() > width).count();
        assert!(
            long <= text.lines().count() / 10,
            "{long} lines are longer than {width}:\n{text}"
        );
        assert!(!text.contains('\u{1b}'), "no colour unless asked");
    }
    assert!(report::text(&example(), &TextOptions::default().color(true)).contains('\u{1b}'));
}

#[test]
fn json_holds_everything() {
    let lab = example();
    let json: serde_json::Value = serde_json::from_str(&report::json(&lab)).unwrap();
    assert_eq!(json["version"], report::JSON_VERSION);
    assert_eq!(
        json["topology"],
        serde_json::to_value(lab.topology()).unwrap()
    );
    assert_eq!(
        json["findings"].as_array().unwrap().len(),
        lab.findings().len()
    );
    assert_eq!(json["host_losses"][0]["host"], "pve1");
    assert_eq!(
        json["host_losses"][0]["loss"]["clusters"][0]["members_left"],
        1
    );
}

/// Every element that opens closes, in order; gives all ids and all links.
fn check_page(page: &str) -> (Vec<&str>, Vec<&str>) {
    const VOID: [&str; 2] = ["meta", "br"];
    let mut open: Vec<&str> = Vec::new();
    let mut rest = page.strip_prefix("<!doctype html>").unwrap();
    let (mut ids, mut links) = (Vec::new(), Vec::new());
    while let Some(start) = rest.find('<') {
        let end = start + rest[start..].find('>').unwrap();
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/'])
            .next()
            .unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "</{name}>");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        for (list, key) in [(&mut ids, " id=\""), (&mut links, " href=\"")] {
            if let Some((_, value)) = tag.split_once(key) {
                list.push(value.split('"').next().unwrap());
            }
        }
    }
    assert_eq!(open, [""; 0], "left open");
    (ids, links)
}

fn check_self_contained(page: &str) {
    let (ids, links) = check_page(page);
    for link in links {
        let target = link
            .strip_prefix('#')
            .unwrap_or_else(|| panic!("{link} leads out of the page"));
        assert!(ids.contains(&target), "{link} leads nowhere");
    }
    let lower = page.to_lowercase();
    for word in [
        "<script", " src=", "@import", "url(http", "onload", "onclick", "<iframe", "<link",
    ] {
        assert!(!lower.contains(word), "{word}");
    }
    assert!(
        !page.contains("NaN") && !page.contains("inf\""),
        "a size that is no number"
    );
}

#[test]
fn the_page_stands_alone() {
    check_self_contained(&report::html(&example()));
}

#[tokio::test]
async fn the_page_of_a_broken_lab_stands_alone_and_says_so() {
    let (sim, env) = simulated().await;
    sim.host_down("pve1", homelab_sim::Down::Refuse).unwrap();
    let seen = connect(&env).await.observe_with(&short()).await.unwrap();
    let page = report::html(&seen);
    check_self_contained(&page);
    for says in [
        "pve1 is down.",
        "What did not answer",
        "While pve1 is gone",
        "class=\"host down\"",
        "172.16.1.50",
    ] {
        assert!(page.contains(says), "{says}");
    }
    sim.stop().await;
}

#[test]
fn names_are_never_markup() {
    let text = std::fs::read_to_string(common::EXAMPLE).unwrap();
    let text = text
        .replace(
            "name: Technitium",
            "name: '</text><script>alert(1)</script>'",
        )
        .replace("cpu: AMD Ryzen 9", "cpu: '<img src=x onerror=alert(1)>'");
    let lab = Lab::parse(common::EXAMPLE, &text).unwrap();
    let page = report::html(&lab);
    check_page(&page);
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(page.contains("&lt;img src=x"));
    let mermaid = report::mermaid(&lab);
    assert!(
        !mermaid.contains("<script") && !mermaid.contains("<img"),
        "{mermaid}"
    );
}

#[test]
fn a_lab_of_one_host_and_nothing_else_has_reports_too() {
    let lab = Lab::parse(
        "tiny.yaml",
        "name: tiny\nhosts:\n  - {name: pve1, memory: 16GB}\n",
    )
    .unwrap();
    check_self_contained(&report::html(&lab));
    assert!(report::text(&lab, &TextOptions::default()).contains("pve1"));
    assert!(report::mermaid(&lab).contains("pve1"));
}
