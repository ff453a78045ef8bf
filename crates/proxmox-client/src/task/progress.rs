//! How far a task has come, from a line of its log.

/// The part that is done, from 0 to 1, if `line` tells.
///
/// Copies and backups print a percentage (`transferred 26.1 MiB of 2.5 GiB
/// (1.02%)`, `INFO:  10% (1.0 GiB of 10.0 GiB) in 3s`, wget's ` 12% 1.2M 3s`),
/// live migrations amounts (`transferred 1.2 GiB of 4.0 GiB VM-state`).
pub(crate) fn fraction(line: &str) -> Option<f64> {
    percentage(line).or_else(|| amounts(line))
}

fn percentage(line: &str) -> Option<f64> {
    let (before, _) = line.rsplit_once('%')?;
    let start = before
        .rfind(|c: char| !(c.is_ascii_digit() || c == '.'))
        .map_or(0, |at| {
            at + before[at..].chars().next().map_or(1, char::len_utf8)
        });
    let percent: f64 = before.get(start..)?.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

fn amounts(line: &str) -> Option<f64> {
    let (_, rest) = line.split_once("transferred ")?;
    let words: Vec<&str> = rest.split_whitespace().collect();
    let [done, done_unit, "of", total, total_unit, ..] = words.as_slice() else {
        return None;
    };
    let done = done.parse::<f64>().ok()? * unit(done_unit)?;
    let total = total.parse::<f64>().ok()? * unit(total_unit)?;
    (total > 0.0 && done <= total).then(|| done / total)
}

fn unit(word: &str) -> Option<f64> {
    let power = match word.trim_end_matches(|c: char| !c.is_ascii_alphabetic()) {
        "B" => 0,
        "KiB" => 1,
        "MiB" => 2,
        "GiB" => 3,
        "TiB" => 4,
        _ => return None,
    };
    Some(1024f64.powi(power))
}

#[cfg(test)]
mod tests {
    use super::fraction;

    #[test]
    fn lines_of_real_tasks() {
        for (line, expected) in [
            ("transferred 26.1 MiB of 2.5 GiB (1.02%)", Some(0.0102)),
            (
                "INFO:  10% (1.0 GiB of 10.0 GiB) in 3s, read: 341.3 MiB/s",
                Some(0.10),
            ),
            (
                "drive-scsi0: transferred 1.0 GiB of 32.0 GiB (3.12%) in 10s",
                Some(0.0312),
            ),
            (
                "migration active, transferred 1.0 GiB of 4.0 GiB VM-state, 112.0 MiB/s",
                Some(0.25),
            ),
            ("   100K .......... .......... 12% 1.2M 3s", Some(0.12)),
            (
                "progress 100% (read 34359738368 bytes, duration 40 sec)",
                Some(1.0),
            ),
            (
                "create full clone of drive scsi0 (local:131/vm-131-disk-0.raw)",
                None,
            ),
            ("TASK OK", None),
            ("é%", None),
        ] {
            let got = fraction(line);
            match (got, expected) {
                (Some(a), Some(b)) => assert!((a - b).abs() < 1e-9, "{line}: {a}"),
                (a, b) => assert_eq!(a, b, "{line}"),
            }
        }
    }
}
