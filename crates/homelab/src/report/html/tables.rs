//! The tables below the findings: what breaks with each host, how things were
//! recognised, what did not fit, what did not answer.

use std::fmt::Write;

use super::escape::Escaped as E;
use crate::report::view::{Level, View, gib, reason};

pub(super) fn render(out: &mut String, view: &View) -> std::fmt::Result {
    failures(out, view)?;
    losses(out, view)?;
    mismatches(out, view)?;
    joins(out, view)
}

fn head(out: &mut String, title: &str, note: &str, columns: &[&str]) -> std::fmt::Result {
    write!(
        out,
        "<h2>{} <small>{}</small></h2>\n<div class=\"table\"><table>\n<thead><tr>",
        E(title),
        E(note)
    )?;
    for column in columns {
        write!(out, "<th scope=\"col\">{}</th>", E(column))?;
    }
    out.push_str("</tr></thead>\n<tbody>\n");
    Ok(())
}

fn tail(out: &mut String) {
    out.push_str("</tbody></table></div>\n");
}

fn failures(out: &mut String, view: &View) -> std::fmt::Result {
    if view.failures.is_empty() {
        return Ok(());
    }
    let note = format!(
        "{} questions stayed open; everything above holds without them",
        view.failures.len()
    );
    head(
        out,
        "What did not answer",
        &note,
        &["Target", "Question", "Kind", "What happened"],
    )?;
    for f in &view.failures {
        writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td class=\"mono\">{}</td><td>{}</td><td>{}</td></tr>",
            E(&f.target),
            E(f.error.operation.as_deref().unwrap_or("")),
            E(&f.error.code),
            E(reason(f))
        )?;
    }
    tail(out);
    Ok(())
}

fn losses(out: &mut String, view: &View) -> std::fmt::Result {
    if view.losses.is_empty() {
        return Ok(());
    }
    head(
        out,
        "What if a host dies",
        "counted from what is true now",
        &["Host", "What it means", "Guests that restart"],
    )?;
    for loss in &view.losses {
        let gone = if loss.already_lost { " (gone)" } else { "" };
        write!(
            out,
            "<tr><th scope=\"row\">{}{gone}</th><td>",
            E(&loss.host)
        )?;
        for (level, line) in loss.lines() {
            let style = if level == Level::Ok {
                ""
            } else {
                " style=\"font-weight:600\""
            };
            write!(
                out,
                "<div{style}><span style=\"color:var(--{})\">{}</span> {}</div>",
                level.class(),
                level.mark(),
                E(&line)
            )?;
        }
        out.push_str("</td><td>");
        let restart = &loss.loss.restart;
        if restart.moves.is_empty() && restart.left_out.is_empty() && restart.tied.is_empty() {
            out.push_str("none");
        }
        for m in &restart.moves {
            write!(
                out,
                "<div>{} ({} GiB) → {}</div>",
                E(&m.guest),
                gib(m.memory_bytes),
                E(&m.to)
            )?;
        }
        for guest in &restart.left_out {
            write!(out, "<div>{} finds no room</div>", E(guest))?;
        }
        for guest in &restart.tied {
            write!(out, "<div>{} is tied to its host</div>", E(guest))?;
        }
        out.push_str("</td></tr>\n");
    }
    tail(out);
    Ok(())
}

fn mismatches(out: &mut String, view: &View) -> std::fmt::Result {
    if view.mismatches.is_empty() {
        return Ok(());
    }
    head(
        out,
        "What does not fit",
        "file, Proxmox VE and Talos disagree",
        &["About", "Kind", "What", "Where"],
    )?;
    for m in &view.mismatches {
        writeln!(
            out,
            "<tr><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td class=\"mono\">{}</td></tr>",
            E(&m.subject),
            E(&m.kind),
            E(&m.message),
            E(&m.location
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default())
        )?;
    }
    tail(out);
    Ok(())
}

fn joins(out: &mut String, view: &View) -> std::fmt::Result {
    if view.joins.is_empty() {
        return Ok(());
    }
    head(
        out,
        "How things were recognised",
        "best evidence first",
        &["This", "is", "Sure?", "Because of"],
    )?;
    for j in &view.joins {
        let (left, right) = match j.kind.as_str() {
            "node-guest" => ("Talos node", "guest"),
            "guest-inventory" => ("guest", "entry of the file"),
            "node-inventory" => ("Talos node", "entry of the file"),
            _ => ("", ""),
        };
        let because = if j.agreeing.is_empty() {
            j.evidence.clone()
        } else {
            j.agreeing.join(", ")
        };
        writeln!(
            out,
            "<tr><th scope=\"row\">{left} {}</th><td>{right} {}</td><td><span class=\"pill {}\">{}</span></td><td>{}</td></tr>",
            E(&j.left),
            E(&j.right),
            E(&j.confidence),
            E(&j.confidence),
            E(&because)
        )?;
    }
    tail(out);
    Ok(())
}
