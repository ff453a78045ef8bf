//! Secrets of a configuration, taken out of a text that a node wrote about it.

use super::config::MachineConfig;
use super::diff::is_secret;
use crate::yaml::Value;

/// Shorter ones would tear words apart, and protect nothing.
const SHORTEST: usize = 6;

/// `text` with `***` for each secret that one of `configs` holds.
pub(super) fn mask(text: &str, configs: [&MachineConfig; 2]) -> String {
    let mut secrets = Vec::new();
    for document in configs.iter().flat_map(|config| config.documents()) {
        collect(document.value(), false, &mut secrets);
    }
    // A secret that is a part of another must not leave the rest of that.
    secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
    secrets.dedup();
    secrets
        .into_iter()
        .fold(text.to_owned(), |text, secret| text.replace(secret, "***"))
}

fn collect<'v>(value: &'v Value, secret: bool, out: &mut Vec<&'v str>) {
    match value {
        Value::Scalar(scalar) => {
            let text = scalar.text();
            if secret || text.contains("PRIVATE KEY") {
                // Texts of several lines are written with an indent.
                let lines = text.lines().map(str::trim);
                out.extend(lines.filter(|line| line.len() >= SHORTEST));
            }
        }
        Value::List(items) => items.iter().for_each(|item| collect(item, secret, out)),
        Value::Map(map) => {
            for (key, value) in map.iter() {
                collect(value, secret || is_secret(key), out);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_all_else_stays() {
        let parse = |text: &str| {
            MachineConfig::parse("c.yaml", &format!("version: v1alpha1\n{text}")).unwrap()
        };
        let old = parse("machine: {token: abcdef, ca: {crt: public, key: abcdef-and-more}}");
        let new =
            parse("machine: {files: [{content: \"first line\\nsecond line\\n\"}], type: worker}");
        let text = "-token: abcdef\n-key: abcdef-and-more\n+  first line\n+  second line\n crt: public worker";
        assert_eq!(
            mask(text, [&old, &new]),
            "-token: ***\n-key: ***\n+  ***\n+  ***\n crt: public worker"
        );
    }
}
