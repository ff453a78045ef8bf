//! Contents, names and suffixes that the server takes.

use homelab_core::{Error, ErrorKind, Result};
use serde::Deserialize;

/// What a file in a storage is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoredContent {
    /// A disc image: `.iso`, `.img`.
    Iso,
    /// A container template: `.tar.gz`, `.tar.xz`, `.tar.zst`, `.tar.bz2`; `.tar` since 9.1.
    #[serde(rename = "vztmpl")]
    Template,
    /// A disk to import: `.qcow2`, `.raw`, `.vmdk`, `.ova` (8.3 and later; the
    /// storage must have the content type `import`).
    Import,
}

const SUFFIXES: [(StoredContent, &[&str]); 3] = [
    (StoredContent::Iso, &[".iso", ".img"]),
    (
        StoredContent::Template,
        &[".tar.gz", ".tar.xz", ".tar.zst", ".tar.bz2", ".tgz", ".tar"],
    ),
    (StoredContent::Import, &[".qcow2", ".raw", ".vmdk", ".ova"]),
];

/// The longest name that the server takes.
const LONGEST_NAME: usize = 255;

impl StoredContent {
    /// The word on the wire, which is also the folder in a volume's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            StoredContent::Iso => "iso",
            StoredContent::Template => "vztmpl",
            StoredContent::Import => "import",
        }
    }

    /// What a file of this name can only be.
    pub fn of_name(name: &str) -> Option<Self> {
        let lower = name.to_ascii_lowercase();
        SUFFIXES
            .into_iter()
            .find(|(_, suffixes)| suffixes.iter().any(|s| lower.ends_with(s)))
            .map(|(content, _)| content)
    }
}

/// The content and the name under which the server will keep a file: its
/// folders go, characters outside `A-Za-z0-9_.-` become `_`.
pub(crate) fn stored_name(
    name: &str,
    content: Option<StoredContent>,
) -> Result<(StoredContent, String)> {
    let bad = |why: String| Error::new(ErrorKind::InvalidArgument, why);
    let base = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let stored: String = base
        .chars()
        .map(|c| match c {
            'A'..='Z' | 'a'..='z' | '0'..='9' | '_' | '.' | '-' => c,
            _ => '_',
        })
        .collect();
    if stored.is_empty() || stored.starts_with('.') {
        return Err(bad(format!("'{name}' is no name for a file in a storage")));
    }
    if stored.len() > LONGEST_NAME {
        return Err(bad(format!(
            "the name is {} characters long, the server takes {LONGEST_NAME}",
            stored.len()
        )));
    }
    let by_suffix = StoredContent::of_name(&stored);
    let unpacked_first = [".xz", ".zst", ".gz", ".bz2"]
        .iter()
        .any(|s| stored.to_ascii_lowercase().ends_with(s));
    match (content, by_suffix) {
        (Some(wanted), Some(found)) if wanted == found => Ok((wanted, stored)),
        (None, Some(found)) => Ok((found, stored)),
        (_, None) if unpacked_first => Err(bad(format!(
            "'{stored}' is compressed: the server cannot unpack an upload, so unpack it first"
        ))),
        (Some(wanted), _) => Err(bad(format!(
            "'{stored}' has the wrong suffix for content {}: it takes {}",
            wanted.as_str(),
            suffixes(wanted).join(", ")
        ))),
        (None, None) => Err(bad(format!(
            "what '{stored}' is does not show in its suffix: {}",
            SUFFIXES.map(|(_, s)| s.join(", ")).join(", ")
        ))),
    }
}

fn suffixes(content: StoredContent) -> &'static [&'static str] {
    SUFFIXES
        .iter()
        .find(|(c, _)| *c == content)
        .map_or(&[], |(_, suffixes)| suffixes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str, content: Option<StoredContent>) -> (StoredContent, String) {
        stored_name(name, content).unwrap()
    }

    #[test]
    fn names_as_the_server_makes_them() {
        assert_eq!(
            name("/srv/my disk (1).iso", None),
            (StoredContent::Iso, "my_disk__1_.iso".into())
        );
        assert_eq!(
            name("nocloud-amd64.qcow2", Some(StoredContent::Import)).0,
            StoredContent::Import
        );
        assert_eq!(name("debian-13.tar.zst", None).0, StoredContent::Template);
        assert_eq!(name("ß.ISO", None).1, "_.ISO");
    }

    #[test]
    fn what_the_server_would_refuse_is_refused_before() {
        let message = |n: &str, c| stored_name(n, c).unwrap_err().message().to_owned();
        assert!(message("nocloud.raw.xz", None).contains("unpack it first"));
        assert!(message("x.txt", None).contains("suffix"));
        assert!(message("x.iso", Some(StoredContent::Import)).contains(".qcow2"));
        assert!(message(&format!("{}.iso", "x".repeat(260)), None).contains("255"));
        assert!(message("dir/", None).contains("no name"));
        assert!(message(".iso", None).contains("no name"));
    }
    proptest::proptest! {
        #[test]
        fn any_name_is_refused_or_becomes_one_that_the_server_keeps(name in "\\PC{0,300}") {
            for name in [name.clone(), format!("{name}.iso")] {
                if let Ok((_, stored)) = stored_name(&name, None) {
                    proptest::prop_assert!(stored.len() <= LONGEST_NAME);
                    proptest::prop_assert!(
                        stored.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
                    );
                    // What it becomes stays what it is.
                    proptest::prop_assert_eq!(&stored_name(&stored, None).unwrap().1, &stored);
                }
            }
        }
    }
}
