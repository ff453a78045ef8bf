//! `cargo xtask proxmox-schema --from FILE`: brings the schema up to date.
//!
//! FILE is a table of facts (JSON) or the API description that a Proxmox VE
//! node serves to its own API viewer (`apidoc.js`). What is in the schema
//! already stays as it is, names and words included; what is new is added,
//! with words from `schema/words.txt` and names from `schema/names.txt`; what
//! has gone or changed is reported.
//!
//! | file | what |
//! |---|---|
//! | `facts.rs` | reads FILE |
//! | `types.rs` | types and rules of parameters |
//! | `answers.rs` | structs for answers |
//! | `formats.rs` | named forms of texts, property strings |
//! | `areas.rs` | which file a call belongs to |
//! | `names.rs`, `words.rs` | names; words of explanation |
//! | `merge.rs` | puts it all into the schema |
//! | `print.rs` | prints the schema |

mod answers;
mod areas;
mod facts;
mod formats;
mod merge;
mod names;
mod print;
mod types;
mod words;

use std::path::Path;

/// The types of property strings, by format.
pub(crate) fn properties(
    folder: &Path,
) -> Result<std::collections::BTreeMap<String, String>, String> {
    Ok(names::Names::read(folder)?.properties)
}

/// Reads FILE and rewrites the schema files.
pub(crate) fn run(root: &Path, file: &str) -> Result<(), String> {
    let folder = root.join(super::CRATE).join("schema");
    let text = std::fs::read_to_string(file).map_err(|e| format!("{file}: {e}"))?;
    let facts = facts::read(&text).map_err(|e| format!("{file}: {e}"))?;
    let mut areas = super::read()?;
    let names = names::Names::read(&folder)?;
    let words = words::Words::read(&folder)?;
    let report = merge::merge(&mut areas, &facts, &names, &words)?;
    areas.sort_by(|a, b| a.0.cmp(&b.0));
    super::check_names(&areas)?;
    for (area, schema) in &areas {
        let path = folder.join(format!("{area}.pve"));
        std::fs::write(&path, print::print(schema))
            .map_err(|e| format!("{}: {e}", path.display()))?;
    }
    for line in report {
        println!("{line}");
    }
    Ok(())
}
