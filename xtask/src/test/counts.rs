//! How many tests there were, from the closing lines of their runners.

/// Tests counted so far.
#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Counts {
    /// Adds the closing line of cargo test, pytest or node --test.
    pub(super) fn add_line(&mut self, line: &str) {
        let line = line.trim();
        if line.starts_with("test result: ") || is_pytest_summary(line) {
            let words: Vec<&str> = line
                .split([' ', ',', ';', '.'])
                .filter(|w| !w.is_empty())
                .collect();
            for pair in words.windows(2) {
                let Ok(n) = pair[0].parse::<u64>() else {
                    continue;
                };
                match pair[1] {
                    "passed" => self.passed += n,
                    "failed" | "error" | "errors" => self.failed += n,
                    "skipped" | "ignored" => self.skipped += n,
                    _ => {}
                }
            }
        } else if let Some(rest) = line.strip_prefix("# ").or_else(|| line.strip_prefix("ℹ ")) {
            let mut words = rest.split(' ');
            let (key, n) = (
                words.next(),
                words.next().and_then(|n| n.parse::<u64>().ok()),
            );
            match (key, n) {
                (Some("pass"), Some(n)) => self.passed += n,
                (Some("fail"), Some(n)) => self.failed += n,
                (Some("skipped"), Some(n)) => self.skipped += n,
                _ => {}
            }
        }
    }
}

/// `12 passed, 1 skipped in 3.21s`, with or without pytest's rule of `=`.
fn is_pytest_summary(line: &str) -> bool {
    let line = line.trim_matches(['=', ' ']);
    line.starts_with(|c: char| c.is_ascii_digit())
        && line.contains(" in ")
        && (line.contains(" passed") || line.contains(" failed") || line.contains(" error"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(lines: &[&str]) -> (u64, u64, u64) {
        let mut c = Counts::default();
        for line in lines {
            c.add_line(line);
        }
        (c.passed, c.failed, c.skipped)
    }

    #[test]
    fn closing_lines_of_the_three_runners_count() {
        let cargo = "test result: ok. 7 passed; 0 failed; 2 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(count(&[cargo]), (7, 0, 2));
        assert_eq!(count(&["5 passed, 1 skipped in 0.31s"]), (5, 0, 1));
        assert_eq!(count(&["==== 1 failed, 5 passed in 0.31s ===="]), (5, 1, 0));
        assert_eq!(
            count(&["# pass 4", "# fail 1", "# skipped 0", "# tests 5"]),
            (4, 1, 0)
        );
        assert_eq!(count(&["ℹ pass 4", "ℹ fail 0"]), (4, 0, 0));
        assert_eq!(count(&["3 hosts in the lab", "1 passed"]), (0, 0, 0));
    }
}
