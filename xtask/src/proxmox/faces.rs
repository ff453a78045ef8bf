//! Which calls the client has methods for, read from its sources.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::schema::{Item, Kind};

/// Where the calls of the guest agent lie; its methods name the last segment alone.
const AGENT: &str = "/nodes/{node}/qemu/{vmid}/agent/";

/// The calls that some method of the client makes.
#[derive(Debug, Default)]
pub(crate) struct Faces {
    /// Requests that are made: `StartQemu`.
    requests: BTreeSet<String>,
    /// Calls that are put together by hand: `POST /nodes/{node}/vzdump`.
    operations: BTreeSet<String>,
}

impl Faces {
    pub(crate) fn read(folder: &Path) -> Result<Self, String> {
        let mut faces = Faces::default();
        let mut folders = vec![folder.to_owned()];
        while let Some(folder) = folders.pop() {
            let entries =
                fs::read_dir(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
            for entry in entries {
                let path = entry.map_err(|e| e.to_string())?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|e| e == "rs") {
                    let text = fs::read_to_string(&path)
                        .map_err(|e| format!("{}: {e}", path.display()))?;
                    faces.scan(&text, folder.ends_with("agent"));
                }
            }
        }
        Ok(faces)
    }

    pub(crate) fn has(&self, item: &Item) -> bool {
        let Kind::Call { method, path, .. } = &item.kind else {
            return false;
        };
        self.requests.contains(&item.name) || self.operations.contains(&format!("{method} {path}"))
    }

    /// Takes in one file, up to its tests.
    fn scan(&mut self, text: &str, is_agent: bool) {
        let code: String = text
            .split("#[cfg(test)]")
            .next()
            .unwrap_or_default()
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .flat_map(|line| [line, "\n"])
            .collect();
        // `StartQemu::new(`: a request that the client makes.
        for (at, _) in code.match_indices("::new(") {
            let before = code.get(..at).unwrap_or_default();
            let start = before
                .rfind(|c: char| !c.is_ascii_alphanumeric())
                .map_or(0, |at| at + 1);
            let name = before.get(start..).unwrap_or_default();
            self.requests.insert(name.to_owned());
        }
        for method in ["GET", "POST", "PUT", "DELETE"] {
            for path in quoted(&code, &format!("\"{method} ")) {
                self.operations.insert(format!("{method} {path}"));
            }
        }
        if is_agent {
            for (before, method) in [
                ("get(\"", "GET"),
                ("post(\"", "POST"),
                ("Method::Get, \"", "GET"),
                ("Method::Post, \"", "POST"),
            ] {
                for command in quoted(&code, before) {
                    self.operations.insert(format!("{method} {AGENT}{command}"));
                }
            }
        }
    }
}

/// What stands between each `before` and the next quotation mark.
fn quoted<'a>(code: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    code.split(before)
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxmox::schema::Schema;

    #[test]
    fn requests_and_calls_by_hand_are_found_and_tests_are_not() {
        let mut faces = Faces::default();
        faces.scan(
            "// GetPool::new(\nlet a = StartQemu::new(1);\nconst B: &str = \"POST /nodes/{node}/vzdump\";\n\
             #[cfg(test)]\nmod tests { GetVersion::new(); }",
            false,
        );
        faces.scan("self.post(\"ping\").await", true);
        let schema = "POST /x StartQemu -> upid\n  | A.\nPOST /nodes/{node}/vzdump CreateBackup -> upid\n  | B.\n\
                      POST /nodes/{node}/qemu/{vmid}/agent/ping PingAgent -> any\n  | C.\n\
                      GET /version GetVersion -> any\n  | D.\nGET /p GetPool -> any\n  | E.\n";
        let schema = Schema::parse(schema).unwrap();
        let found: Vec<&str> = schema
            .items
            .iter()
            .filter(|item| faces.has(item))
            .map(Item::name)
            .collect();
        assert_eq!(found, ["StartQemu", "CreateBackup", "PingAgent"]);
    }
}
