//! What the fuzz targets do, one function for each parser, for `fuzz/` and for
//! the property tests below. Nothing may panic; what was read and printed is
//! read as the same. The parsers of the wire contract itself (UPIDs, property
//! strings, scalars, rows, configurations, paths) are fuzzed in `proxmox-endpoints`.

#![allow(
    clippy::missing_panics_doc,
    reason = "a panic is what fuzzing looks for"
)]

use std::time::SystemTime;

use proxmox_endpoints::{GetQemuConfig, ListResources, UserTfa};
use serde_json::Value;

use crate::agent::unwrapped;
use crate::auth::Totp;
use crate::privileges::Need;
use crate::tls::Fingerprint;
use crate::transport::{Reply, parse_endpoint};
use crate::upload::{Checksum, stored_name};
use crate::{AgentAvailability, AgentInfo, Release, answer, errors, locks, task};

/// The answer to a call that went wrong, or to one that did not: the status is
/// in the first bytes, then come the reason phrase and, after a line end, the body.
pub fn reply(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (head, body) = text.split_once('\n').unwrap_or((&text, ""));
    let (status, reason) = head.split_once(' ').unwrap_or((head, ""));
    let reply = Reply {
        status: status.parse().unwrap_or(500),
        reason: reason.to_owned(),
        body: body.to_owned(),
        target: "fuzz".to_owned(),
    };
    if let Err(error) = answer::check(&reply) {
        assert!(!error.message().is_empty());
        // A line for people, however long the server's text was.
        assert!(error.message().len() < 20 << 10 && !error.message().contains('\n'));
        let _ = locks::is_lock(&error);
        let _ = AgentAvailability::of(&error);
    } else {
        let _ = answer::untyped(body);
        let _ = proxmox_endpoints::decode_as::<Vec<UserTfa>>(body);
        let _ = proxmox_endpoints::decode::<ListResources>(body);
        let _ = proxmox_endpoints::decode::<GetQemuConfig>(body);
    }
    // Errors come inside good answers too.
    let error = errors::from_answer(reply.status.max(400), reason, body);
    assert!(!error.message().is_empty());
}

/// Lines of a task's log.
pub fn log_line(data: &[u8]) {
    for line in String::from_utf8_lossy(data).lines() {
        if let Some(part) = task::fraction(line) {
            assert!((0.0..=1.0).contains(&part), "{line}: {part}");
        }
    }
}

/// What a guest's agent answers; a guest is not to be trusted.
pub fn agent(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else {
        return;
    };
    let _ = unwrapped::<AgentInfo>(value.clone());
    let _ = unwrapped::<Vec<Value>>(value.clone());
    let _ = crate::agent::interfaces(value);
}

/// What people write: endpoints, fingerprints, checksums, releases, names of
/// files, TOTP secrets.
pub fn written(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    if let Ok(url) = parse_endpoint(&text) {
        assert_eq!(parse_endpoint(&url).ok(), Some(url));
    }
    if let Ok(fingerprint) = text.parse::<Fingerprint>() {
        assert_eq!(fingerprint.to_string().parse().ok(), Some(fingerprint));
    }
    if let Ok(sum) = text.parse::<Checksum>() {
        assert_eq!(sum.to_string().parse().ok(), Some(sum));
    }
    if let Ok(release) = text.parse::<Release>() {
        assert_eq!(release.to_string().parse().ok(), Some(release));
    }
    if let Ok((content, name)) = stored_name(&text, None) {
        assert!(name.len() <= 255 && !name.contains(['/', '"', '\r', '\n']));
        assert_eq!(
            stored_name(&name, Some(content)).ok(),
            Some((content, name))
        );
    }
    if let Ok(secret) = Totp::parse(&text.into()) {
        let _ = secret.code(secret.step(SystemTime::UNIX_EPOCH));
    }
}

/// Who may make a call, in the schema's words.
pub fn permission(data: &[u8]) {
    let _ = Need::read(&String::from_utf8_lossy(data));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is right but for a few bytes, or cut off, or nothing like it.
    fn damaged(whole: &'static str) -> impl Strategy<Value = Vec<u8>> {
        let length = whole.len();
        let changes = prop::collection::vec((0..length, any::<u8>()), 0..6);
        let damaged = (changes, 0..=length).prop_map(move |(changes, end)| {
            let mut bytes = whole.as_bytes().to_vec();
            for (at, byte) in changes {
                if let Some(there) = bytes.get_mut(at) {
                    *there = byte;
                }
            }
            // Half of them whole.
            bytes.truncate(end.saturating_mul(2).max(1));
            bytes
        });
        prop_oneof![4 => damaged, 1 => prop::collection::vec(any::<u8>(), 0..200)]
    }

    const REFUSAL: &str = "400 Parameter verification failed.\n\
        {\"data\":null,\"errors\":{\"vmid\":\"type check ('integer') failed\\n\"},\"message\":\"Parameter verification failed.\\n\"}";
    const ROWS: &str = "200 OK\n{\"data\":[{\"id\":\"qemu/100\",\"type\":\"qemu\",\"vmid\":100,\"cpu\":0.02,\"tags\":\"a;b\",\"template\":0}],\"total\":1}";
    const CONFIG: &str = "200 OK\n{\"data\":{\"cores\":2,\"memory\":\"2048\",\"net0\":\"virtio=BC:24:11:00:00:01,bridge=vmbr0\",\"scsi0\":\"local-lvm:vm-100-disk-0,size=32G\",\"digest\":\"x\"}}";
    const LOG: &str = "transferred 1.2 GiB of 4.0 GiB VM-state, 112.0 MiB/s\n\
        INFO:  10% (1.0 GiB of 10.0 GiB) in 3s\n   100K .......... 12% 1.2M 3s\n";
    const INTERFACES: &str = "{\"result\":[{\"name\":\"eth0\",\"hardware-address\":\"BC:24:11:00:00:01\",\"ip-addresses\":[{\"ip-address\":\"10.0.0.5\",\"prefix\":\"24\",\"ip-address-type\":\"ipv4\"}]}]}";
    const AGENT_ERROR: &str =
        "{\"result\":{\"error\":{\"class\":\"CommandNotFound\",\"desc\":\"has been disabled\"}}}";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn replies(refusal in damaged(REFUSAL), rows in damaged(ROWS), config in damaged(CONFIG)) {
            reply(&refusal);
            reply(&rows);
            reply(&config);
        }

        #[test]
        fn log_lines(data in damaged(LOG), line in ".{0,80}%?.{0,10}") {
            log_line(&data);
            log_line(line.as_bytes());
        }

        #[test]
        fn agents(interfaces in damaged(INTERFACES), error in damaged(AGENT_ERROR)) {
            agent(&interfaces);
            agent(&error);
        }

        #[test]
        fn fingerprints(data in damaged("A1:EC:16:EE:53:69:DA:69:D8:64:D7:01:22:71:C8:D8:80:48:91:D7:D1:C6:22:6F:4A:B5:18:D8:BA:FF:D3:2A")) {
            written(&data);
        }

        #[test]
        fn checksums_and_secrets(
            sum in damaged("sha1:a9993e364706816aba3e25717850c26c9cd0d89d"),
            link in damaged("otpauth://totp/pve?secret=JBSWY3DPEHPK3PXP&digits=8&period=30&algorithm=SHA256"),
        ) {
            written(&sum);
            written(&link);
        }

        #[test]
        fn endpoints(text in "(https?://|)(a@)?[\\[]?[0-9a-z.:-]{0,14}[\\]]?(:[0-9]{0,6})?/?") {
            written(text.as_bytes());
        }

        #[test]
        fn names_and_releases(name in ".{0,12}\\.(iso|img|qcow2|tar\\.zst|OVA|gz)", release in "[0-9]{1,11}(\\.[0-9]{0,3}){0,3}(-[0-9])?") {
            written(name.as_bytes());
            written(release.as_bytes());
        }

        #[test]
        fn permissions(data in damaged("[\"and\",[\"perm\",\"/vms/{vmid}\",[\"VM.Audit\"],\"any\",1],[\"or\",[\"userid-group\",[\"Sys.Audit\"]]]]")) {
            permission(&data);
        }
    }
}
