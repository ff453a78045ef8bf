//! The page: verdict, key numbers, the picture, findings; tables follow in
//! [`tables`](super::tables).

use std::fmt::Write;

use super::escape::Escaped as E;
use super::{picture, tables};
use crate::report::summary::{self, Card};
use crate::report::view::{Level, Numbered, Role, View};

const STYLE: &str = include_str!("style.css");

pub(super) fn page(view: &View) -> String {
    let mut out = String::with_capacity(64 * 1024);
    // Writing into a String cannot fail.
    let _ = render(&mut out, view);
    out
}

fn render(out: &mut String, view: &View) -> std::fmt::Result {
    let (level, verdict) = summary::verdict(view);
    write!(
        out,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{name}: homelab report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <h1>{name}</h1>\n<p class=\"lead\">{lead}</p>\n<p class=\"verdict {class}\">{verdict}</p>\n",
        name = E(&view.name),
        lead = E(&summary::lead(view)),
        class = level.class(),
        verdict = E(&verdict),
    )?;
    out.push_str("<dl class=\"cards\">\n");
    for Card {
        level,
        note_level,
        name,
        value,
        note,
    } in summary::cards(view)
    {
        writeln!(
            out,
            "<div><dt>{}</dt><dd class=\"value {}\">{}</dd><dd class=\"note {}\">{}</dd></div>",
            E(&name),
            level.class(),
            E(&value),
            note_level.class(),
            E(&note)
        )?;
    }
    out.push_str("</dl>\n<figure class=\"picture\" style=\"margin:0\">\n");
    out.push_str(&picture::draw(view));
    out.push_str("</figure>\n");
    legend(out, view);
    findings(out, view)?;
    tables::render(out, view)?;
    writeln!(
        out,
        "<footer>Made by homelab-sdk {}. GB and GiB both mean powers of two here.</footer>\n</main>\n</body>\n</html>",
        env!("CARGO_PKG_VERSION")
    )
}

fn legend(out: &mut String, view: &View) {
    let guests = || {
        view.hosts
            .iter()
            .flat_map(|h| &h.guests)
            .chain(&view.unplaced)
    };
    out.push_str("<ul class=\"legend\">");
    let mut entry = |shown: bool, color: &str, text: &str| {
        if shown {
            let _ = write!(
                out,
                "<li><i style=\"background:var({color})\"></i>{text}</li>"
            );
        }
    };
    entry(
        guests().any(|g| g.role == Role::ControlPlane),
        "--control",
        "control plane",
    );
    entry(
        guests().any(|g| g.role == Role::Worker),
        "--worker",
        "worker",
    );
    entry(
        guests().any(|g| g.role == Role::Other),
        "--other",
        "other guest",
    );
    entry(true, "--host-own", "the host's own need");
    out.push_str("<li>heights are memory, one scale for all hosts, one line at least</li><li>★ leads etcd</li>");
    out.push_str("<li>numbers lead to the findings</li></ul>\n");
}

fn findings(out: &mut String, view: &View) -> std::fmt::Result {
    let counts = summary::counts(view);
    writeln!(
        out,
        "<h2 id=\"findings\">Findings <small>{}</small></h2>",
        E(&counts)
    )?;
    if view.findings.is_empty() {
        out.push_str("<p class=\"none\">No rule found anything.</p>\n");
        return Ok(());
    }
    out.push_str("<ol class=\"findings\">\n");
    for n in &view.findings {
        finding(out, n)?;
    }
    out.push_str("</ol>\n");
    Ok(())
}

fn finding(out: &mut String, n: &Numbered) -> std::fmt::Result {
    let f = &n.finding;
    let word = match n.level {
        Level::Critical => "critical",
        Level::Warning => "warning",
        Level::Info | Level::Ok => "info",
    };
    writeln!(
        out,
        "<li class=\"finding {}\" id=\"finding-{}\"><header><span class=\"number\">{}</span><h3>{}</h3>\
         <span class=\"subject\">{}</span><span class=\"code\">{} {} · {word}</span></header><p>{}</p>",
        n.level.class(),
        n.number,
        n.number,
        E(&n.title),
        E(&f.subject),
        E(&f.code),
        E(&f.name),
        E(&f.message),
    )?;
    if !f.evidence.is_empty() {
        out.push_str("<ul class=\"evidence\">");
        for e in &f.evidence {
            write!(
                out,
                "<li>{} <b>{}</b>{}{}</li>",
                E(&e.name),
                E(&e.value),
                if e.unit.is_empty() { "" } else { " " },
                E(&e.unit)
            )?;
        }
        out.push_str("</ul>\n");
    }
    match (&f.fix, n.fix_as) {
        (Some(_), Some(number)) => writeln!(
            out,
            "<p class=\"fix\"><b>Smallest fix:</b> the same change as for <a href=\"#finding-{number}\">finding {number}</a></p>"
        )?,
        (Some(fix), None) => writeln!(
            out,
            "<p class=\"fix\"><b>Smallest fix:</b> {}</p>",
            E(&fix.summary)
        )?,
        (None, _) => {}
    }
    let mut why = vec![f.source.clone()];
    why.extend(f.places.iter().map(ToString::to_string));
    why.retain(|w| !w.is_empty());
    if !why.is_empty() {
        writeln!(out, "<p class=\"why\">{}</p>", E(&why.join(" · ")))?;
    }
    out.push_str("</li>\n");
    Ok(())
}
