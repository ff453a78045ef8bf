//! The second half of the report: what is wrong, what would break, what is not known.

use super::layout::{Table, wrapped};
use super::{Text, summary};
use crate::report::view::{Level, View, reason};

impl Text {
    pub(super) fn findings(&mut self, view: &View) {
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
                let same = n
                    .fix_as
                    .map(|number| format!("the same change as for {number}."));
                let summary = same.as_deref().unwrap_or(&fix.summary);
                self.paragraph("       → ", "         ", summary, Some(Level::Ok));
            }
        }
    }

    pub(super) fn what_if(&mut self, view: &View) {
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

    pub(super) fn mismatches(&mut self, view: &View) {
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

    pub(super) fn joins(&mut self, view: &View) {
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

    pub(super) fn failures(&mut self, view: &View) {
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
