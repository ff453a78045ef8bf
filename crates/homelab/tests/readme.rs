//! The README shows what the report prints.

use std::fs;
use std::path::Path;

#[test]
fn the_report_in_the_readme_is_the_report() {
    let crate_root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(crate_root.join("../../README.md")).unwrap();
    let golden = fs::read_to_string(crate_root.join("tests/golden/ragas.txt")).unwrap();

    let (_, rest) = readme.split_once("<!-- report:begin -->").unwrap();
    let (excerpt, _) = rest.split_once("<!-- report:end -->").unwrap();
    let shown: Vec<&str> = excerpt
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with("```") && *line != "…")
        .collect();
    assert!(shown.len() > 20, "the excerpt is gone");

    let mut printed = golden.lines();
    for line in shown {
        assert!(
            printed.any(|p| p == line),
            "README.md shows a line that the report does not print (there): {line}"
        );
    }
}
