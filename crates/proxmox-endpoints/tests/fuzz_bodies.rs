//! The fuzz targets' bodies as property tests, for everybody without cargo-fuzz.

#[path = "../fuzz/bodies.rs"]
mod bodies;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn upids(text in "(UPID:)?[A-Za-z0-9-]{0,8}:[0-9A-Fa-f]{6,9}:[0-9A-Fa-f]{8}:[0-9A-F]{8}:[a-z]{0,6}:[0-9a-z@%]{0,6}:[a-z@!]{0,9}:?") {
        bodies::upid(&text);
    }

    #[test]
    fn properties(text in "([a-z0-9_-]{1,9}=)?[A-Za-z0-9:./;+ -]{0,12}(,[a-z0-9_-]{1,9}=[A-Za-z0-9:./;+-]{0,9}){0,3}") {
        bodies::property(&text);
    }

    #[test]
    fn anything(text in ".{0,80}") {
        bodies::upid(&text);
        bodies::property(&text);
        bodies::scalars(&text);
        bodies::answers(&text);
        bodies::requests(&text);
    }

    #[test]
    fn answers(rows in prop::collection::vec("(\"[a-z]{1,6}\"|[0-9.]{1,4}|null|true|\\{\\}|\\[\\])", 0..5)) {
        for key in ["cpu", "vmid", "type", "id", "tags", "net0", "size", "osdid-list"] {
            for value in &rows {
                bodies::answers(&format!("{{\"data\":[{{\"{key}\":{value}}}]}}"));
                bodies::answers(&format!("{{\"data\":{{\"{key}\":{value}}}}}"));
            }
        }
    }

    #[test]
    fn requests(text in "/[a-z0-9/{}%.:-]{0,40}(\\?[a-z0-9]{1,8}=[a-z0-9%;&=,.]{0,30})?") {
        bodies::requests(&text);
    }
}
