//! Which backups a `prune-backups` setting keeps.

use std::collections::BTreeSet;

use super::config_keys::property;

/// What becomes of a backup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mark {
    Keep,
    Remove,
    Protected,
}

impl Mark {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Mark::Keep => "keep",
            Mark::Remove => "remove",
            Mark::Protected => "protected",
        }
    }
}

/// Periods from which one backup each is kept, with what names one.
const PERIODS: &[(&str, &str)] = &[
    ("keep-hourly", "%Y-%m-%d %H"),
    ("keep-daily", "%Y-%m-%d"),
    ("keep-weekly", "%G-%V"),
    ("keep-monthly", "%Y-%m"),
    ("keep-yearly", "%Y"),
];

/// Whether text is a setting: known keys with numbers.
pub(super) fn check(text: &str) -> Result<(), String> {
    let keys = property::parse(text, "keep-all");
    let known = |key: &String| {
        ["keep-all", "keep-last"].contains(&key.as_str())
            || PERIODS.iter().any(|(name, _)| key == name)
    };
    for (key, value) in &keys {
        if !known(key) {
            return Err(format!(
                "invalid format - format error\n{key}: property is not defined in schema and the \
                 schema does not allow additional properties\n"
            ));
        }
        if value.parse::<u32>().is_err() {
            return Err(format!(
                "invalid format - format error\n{key}: type check ('integer') failed - got '{value}'\n"
            ));
        }
    }
    Ok(())
}

/// Marks the backups of one guest, given as time in Unix seconds and whether
/// they are protected; the marks come in the same order.
pub(super) fn marks(setting: &str, backups: &[(u64, bool)]) -> Vec<Mark> {
    let keys = property::parse(setting, "keep-all");
    let number = |key: &str| keys.get(key).and_then(|n| n.parse::<usize>().ok());
    let all = number("keep-all").is_some_and(|n| n > 0);
    let mut order: Vec<usize> = (0..backups.len()).filter(|at| !backups[*at].1).collect();
    order.sort_by_key(|at| std::cmp::Reverse(backups[*at].0));
    let mut keep: BTreeSet<usize> = BTreeSet::new();
    if all || keys.is_empty() {
        keep.extend(&order);
    }
    keep.extend(order.iter().take(number("keep-last").unwrap_or(0)));
    for (key, format) in PERIODS {
        let mut left = number(key).unwrap_or(0);
        let period = |at: usize| period(backups[at].0, format);
        // A period that an earlier rule covers is done with.
        let mut covered: BTreeSet<_> = keep.iter().map(|at| period(*at)).collect();
        for at in &order {
            if left == 0 {
                break;
            }
            if covered.insert(period(*at)) {
                keep.insert(*at);
                left -= 1;
            }
        }
    }
    let mark = |(at, (_, protected)): (usize, &(u64, bool))| match protected {
        true => Mark::Protected,
        false if keep.contains(&at) => Mark::Keep,
        false => Mark::Remove,
    };
    backups.iter().enumerate().map(mark).collect()
}

fn period(unix_seconds: u64, format: &str) -> String {
    i64::try_from(unix_seconds)
        .ok()
        .and_then(|seconds| jiff::Timestamp::from_second(seconds).ok())
        .map(|time| time.strftime(format).to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400;

    fn kept(setting: &str, backups: &[(u64, bool)]) -> Vec<usize> {
        let marks = marks(setting, backups);
        (0..marks.len())
            .filter(|at| marks[*at] == Mark::Keep)
            .collect()
    }

    #[test]
    fn the_newest_stay() {
        let backups = [(DAY, false), (3 * DAY, false), (2 * DAY, false)];
        assert_eq!(kept("keep-last=1", &backups), [1]);
        assert_eq!(kept("keep-last=2", &backups), [1, 2]);
        assert_eq!(kept("keep-all=1", &backups), [0, 1, 2]);
    }

    #[test]
    fn one_of_each_day_stays_and_what_is_kept_already_counts_for_its_day() {
        let backups = [
            (5 * DAY + 7200, false),
            (5 * DAY + 3600, false),
            (4 * DAY, false),
            (3 * DAY, false),
        ];
        assert_eq!(kept("keep-daily=2", &backups), [0, 2]);
        assert_eq!(kept("keep-last=1,keep-daily=1", &backups), [0, 2]);
    }

    #[test]
    fn protected_ones_count_for_nothing() {
        let marks = marks("keep-last=1", &[(2 * DAY, true), (DAY, false)]);
        assert_eq!(marks, [Mark::Protected, Mark::Keep]);
    }

    #[test]
    fn settings_are_checked() {
        assert!(check("keep-last=3,keep-daily=2").is_ok());
        assert!(check("keep-last=x").unwrap_err().contains("type check"));
        assert!(check("keep=1").is_err());
    }
}
