//! Reading the user's files: whole, as text, not without bound.

use std::io::Read;
use std::path::Path;

use homelab_core::{Error, Location, Result};

/// No inventory, talconfig or patch comes near this.
const LIMIT: u64 = 16 << 20;

/// The text of a file.
///
/// # Errors
/// `NotFound`, `Io`; `Config` with the line where it stops being text.
pub(crate) fn read_text(path: &Path) -> Result<String> {
    let file = std::fs::File::open(path).map_err(|e| Error::io("read", path, e))?;
    let mut bytes = Vec::new();
    file.take(LIMIT + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| Error::io("read", path, e))?;
    let shown = path.display().to_string();
    if bytes.len() as u64 > LIMIT {
        let place = Location {
            file: shown,
            line: 0,
            column: 0,
        };
        return Err(Error::config(
            place,
            format!("is larger than {} MiB", LIMIT >> 20),
        ));
    }
    String::from_utf8(bytes).map_err(|e| {
        let good = e.utf8_error().valid_up_to();
        let line = e
            .as_bytes()
            .iter()
            .take(good)
            .filter(|b| **b == b'\n')
            .count()
            + 1;
        let place = Location {
            file: shown,
            line: u32::try_from(line).unwrap_or(0),
            column: 0,
        };
        Error::config(place, "is not UTF-8 text")
    })
}

/// Reads what an inventory in `folder` names.
pub(crate) fn relative_to(folder: &Path) -> impl Fn(&str) -> Result<String> + '_ {
    move |name| read_text(&folder.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_text_have_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("homelab.yaml");
        std::fs::write(&path, b"name: x\nhosts:\n  - \xff\n").unwrap();
        let error = read_text(&path).unwrap_err();
        assert_eq!(error.location().unwrap().line, 3);
    }
}
