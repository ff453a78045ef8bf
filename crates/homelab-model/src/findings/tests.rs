use super::*;
use crate::inventory::tests::ragas_with;

#[test]
fn show() {
    let lab = Topology::from_inventory(&ragas_with(&[]).unwrap());
    for f in findings(&lab) {
        eprintln!("{f}");
        for e in &f.evidence {
            eprintln!("     {} = {} {}", e.name, e.value, e.unit);
        }
        if let Some(fix) = &f.fix {
            eprintln!("     FIX {}", fix.summary);
        }
    }
}
