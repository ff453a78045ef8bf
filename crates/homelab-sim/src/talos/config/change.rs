//! What differs between two configs, and whether that takes a reboot.

use serde_json::Value;

/// Parts of the v1alpha1 document that come into force while the node runs.
const LIVE: [&str; 20] = [
    "cluster",
    "debug",
    "machine.acceptedCAs",
    "machine.ca",
    "machine.certSANs",
    "machine.controlPlane",
    "machine.install",
    "machine.kernel",
    "machine.kubelet",
    "machine.logging",
    "machine.network",
    "machine.nodeAnnotations",
    "machine.nodeLabels",
    "machine.nodeTaints",
    "machine.pods",
    "machine.registries",
    "machine.sysctls",
    "machine.sysfs",
    "machine.time",
    "machine.features.kubernetesTalosAPIAccess",
];

/// The first part whose change comes into force only after a reboot.
pub(in crate::talos) fn needs_reboot(before: &str, after: &str) -> Option<String> {
    let mut paths = Vec::new();
    changed("", &main(before), &main(after), &mut paths);
    paths.into_iter().find(|path| {
        let live = |live: &&str| *path == **live || path.starts_with(&format!("{live}."));
        !LIVE.iter().any(live)
    })
}

/// The v1alpha1 document.
fn main(text: &str) -> Value {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap_or_default();
    let found = documents
        .into_iter()
        .find(|d| d["kind"].is_null() && d.is_object());
    found.unwrap_or_default()
}

fn changed(at: &str, before: &Value, after: &Value, paths: &mut Vec<String>) {
    if before == after {
        return;
    }
    let (Some(old), Some(new)) = (before.as_object(), after.as_object()) else {
        paths.push(at.to_owned());
        return;
    };
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let below = if at.is_empty() {
            key.clone()
        } else {
            format!("{at}.{key}")
        };
        let nothing = Value::Null;
        let (old, new) = (old.get(key), new.get(key));
        changed(
            &below,
            old.unwrap_or(&nothing),
            new.unwrap_or(&nothing),
            paths,
        );
    }
}

/// The lines that go and those that come, with a little around them.
pub(in crate::talos) fn diff(before: &str, after: &str) -> String {
    const AROUND: usize = 3;
    let (old, new): (Vec<_>, Vec<_>) = (before.lines().collect(), after.lines().collect());
    if old == new {
        return "No changes.".to_owned();
    }
    let same = |pair: &(&&str, &&str)| pair.0 == pair.1;
    let head = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take(rest)
        .take_while(same)
        .count();
    let (from, old_end, new_end) = (
        head.saturating_sub(AROUND),
        old.len() - tail,
        new.len() - tail,
    );
    let until = (old_end + AROUND).min(old.len());
    let mut text = format!(
        "--- a\n+++ b\n@@ -{},{} +{},{} @@\n",
        from + 1,
        until - from,
        from + 1,
        until - old_end + new_end - from
    );
    let mut add = |mark: char, lines: &[&str]| {
        for line in lines {
            text.push(mark);
            text.push_str(line);
            text.push('\n');
        }
    };
    add(' ', &old[from..head]);
    add('-', &old[head..old_end]);
    add('+', &new[head..new_end]);
    add(' ', &old[old_end..until]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_a_reboot() {
        let config = |machine: &str| format!("version: v1alpha1\nmachine: {machine}\n");
        let before = config("{sysctls: {a: '1'}, type: worker}");
        let sysctl = config("{sysctls: {a: '2'}, type: worker}");
        assert_eq!(needs_reboot(&before, &sysctl), None);
        let other = config("{sysctls: {a: '1'}, type: controlplane}");
        assert_eq!(
            needs_reboot(&before, &other).as_deref(),
            Some("machine.type")
        );
        let disks = config("{disks: [], sysctls: {a: '1'}, type: worker}");
        assert_eq!(
            needs_reboot(&before, &disks).as_deref(),
            Some("machine.disks")
        );
    }

    #[test]
    fn a_diff_shows_what_changed_and_a_little_around() {
        let diff = diff("1\n2\n3\n4\n5\n6\n7", "1\n2\n3\n4\nfive\n6\n7");
        assert_eq!(
            diff,
            "--- a\n+++ b\n@@ -2,6 +2,6 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n"
        );
        assert_eq!(super::diff("a", "a"), "No changes.");
    }
}
