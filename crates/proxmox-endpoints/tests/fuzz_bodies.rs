//! The fuzz targets' bodies as property tests, for everybody without cargo-fuzz.

#[path = "../fuzz/bodies.rs"]
mod bodies;

use proptest::prelude::*;

/// What is right but for a few bytes, or cut off.
fn damaged(whole: &'static str) -> impl Strategy<Value = String> {
    let length = whole.len();
    let changes = prop::collection::vec((0..length, "[ -~]"), 0..6);
    (changes, 0..=length).prop_map(move |(changes, end)| {
        let mut text = whole.to_owned();
        for (at, other) in changes {
            text.replace_range(at..=at, &other);
        }
        // Half of them whole.
        text.truncate(end.saturating_mul(2).max(1));
        text
    })
}

const UPID: &str = "UPID:pve1:00006630:000B04E8:6B0343B7:imgcopy:100:root@pam!token:";
const NET: &str = "virtio=BC:24:11:00:00:01,bridge=vmbr0,firewall=1,tag=10,trunks=2;10-20,rate=1.5";
const DISK: &str = "local-lvm:vm-100-disk-0,size=32G,ssd=1,iothread=1,mbps_rd=100.5,cache=none";
const ROW: &str = r#"{"data":[{"id":"qemu/100","type":"qemu","vmid":100,"status":"running","cpu":0.02,"maxcpu":"4","tags":"a;b","template":0}],"total":1}"#;
const CONFIG: &str = r#"{"data":{"cores":2,"memory":"2048","net0":"virtio=BC:24:11:00:00:01,bridge=vmbr0","net31":"e1000","scsi30":"local:x,size=1G","ide2":"none,media=cdrom","unused0":"a:b","lock":null,"other":{"a":[1]}}}"#;
const REQUEST: &str =
    "/nodes/pve1/storage/local/content/local%3Aiso%2Fx.iso?notes=a%20b&protected=1";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_nearly_right(
        upid in damaged(UPID), net in damaged(NET), disk in damaged(DISK),
        row in damaged(ROW), config in damaged(CONFIG), request in damaged(REQUEST),
    ) {
        bodies::upid(&upid);
        bodies::property(&net);
        bodies::property(&disk);
        bodies::answers(&row);
        bodies::answers(&config);
        bodies::requests(&request);
    }

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
