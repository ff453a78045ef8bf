//! Names and doc texts.

/// `etcd_snapshot` as `etcdSnapshot`.
pub(super) fn camel(name: &str) -> String {
    let mut out = String::new();
    let mut upper = false;
    for c in name.chars() {
        if c == '_' || c == '-' {
            upper = !out.is_empty();
        } else if upper {
            out.extend(c.to_uppercase());
            upper = false;
        } else {
            out.push(c);
        }
    }
    out
}

/// `EtcdMember` as `etcd_member`.
pub(super) fn snake(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_ascii_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// `EtcdMember` as `decodeEtcdMember` or `decode_etcd_member`.
pub(super) fn decoder(name: &str, python: bool) -> String {
    if python {
        format!("decode_{}", snake(name))
    } else {
        format!("decode{name}")
    }
}

/// A Rust doc text without what only rustdoc understands: links to items
/// become plain code, `crate::` paths lose their modules.
pub(super) fn strip_doc(doc: &str) -> String {
    let mut out = String::new();
    let mut rest = doc.trim();
    while let Some(start) = rest.find("[`") {
        let (before, link) = rest.split_at(start);
        out.push_str(before);
        let Some(end) = link.find("`]") else {
            rest = link;
            break;
        };
        let name = link.get(2..end).unwrap_or_default();
        out.push('`');
        out.push_str(name.rsplit("::").next().unwrap_or(name));
        out.push('`');
        rest = link.get(end + 2..).unwrap_or_default();
        if let (true, Some(close)) = (rest.starts_with('('), rest.find(')')) {
            rest = rest.get(close + 1..).unwrap_or_default();
        }
    }
    out.push_str(rest);
    out
}

/// `text` with every line after the first indented.
pub(super) fn indented(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    text.trim()
        .lines()
        .enumerate()
        .map(|(i, line)| match (i, line.trim_end()) {
            (0, line) => line.to_owned(),
            (_, "") => String::new(),
            (_, line) => format!("{pad}{line}"),
        })
        .collect::<Vec<_>>()
        .join("\n")
}

/// A doc comment for TypeScript with its line end, nothing for an empty text.
pub(super) fn tsdoc(text: &str, by: usize) -> String {
    let text = text.trim().replace("*/", "*\u{200b}/");
    let pad = " ".repeat(by);
    if text.is_empty() {
        String::new()
    } else if text.contains('\n') {
        let lines: Vec<_> = text
            .lines()
            .map(|l| format!("{pad} * {l}").trim_end().to_owned())
            .collect();
        format!("{pad}/**\n{}\n{pad} */\n", lines.join("\n"))
    } else {
        format!("{pad}/** {text} */\n")
    }
}

/// A Python docstring, indented, with its line end.
pub(super) fn docstring(text: &str, by: usize) -> String {
    let pad = " ".repeat(by);
    let text = indented(text, by).replace('\\', "\\\\");
    let end = if text.contains('\n') {
        format!("\n{pad}")
    } else {
        String::new()
    };
    format!("{pad}\"\"\"{text}{end}\"\"\"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_both_languages() {
        assert_eq!(camel("etcd_snapshot"), "etcdSnapshot");
        assert_eq!(camel("node"), "node");
        assert_eq!(snake("EtcdMember"), "etcd_member");
        assert_eq!(decoder("EtcdMember", true), "decode_etcd_member");
    }

    #[test]
    fn rustdoc_links_become_code() {
        assert_eq!(
            strip_doc("See [`Error::location`] and [`x`](crate::x)."),
            "See `location` and `x`."
        );
    }
}
