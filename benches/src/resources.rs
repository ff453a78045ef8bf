//! A large answer of a realistic shape.

use std::fmt::Write;

/// The body of `GET /cluster/resources` with `guests` rows, as a real server
/// writes it: about 21 keys a row, in one of many orders.
pub fn cluster_resources(guests: usize) -> String {
    let mut random = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: u64| {
        // xorshift64: the same body in every run.
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % below.max(1)
    };
    let mut body = String::from("{\"data\":[");
    for i in 0..guests {
        let vmid = 100 + i;
        let running = next(10) != 0;
        let kind = if next(4) == 0 { "lxc" } else { "qemu" };
        let uptime = if running { next(9_000_000) } else { 0 };
        let mut keys = vec![
            format!("\"id\":\"{kind}/{vmid}\""),
            format!("\"type\":\"{kind}\""),
            format!("\"vmid\":{vmid}"),
            format!("\"name\":\"guest-{vmid}.lab.example\""),
            format!("\"node\":\"pve{}\"", 1 + next(16)),
            format!(
                "\"status\":\"{}\"",
                if running { "running" } else { "stopped" }
            ),
            format!("\"template\":{}", next(2)),
            format!("\"maxcpu\":{}", 1 + next(16)),
            format!("\"cpu\":0.{:015}", next(1_000_000_000_000_000)),
            format!("\"maxmem\":{}", (1 + next(64)) << 30),
            format!("\"mem\":{}", next(1 << 36)),
            format!("\"memhost\":{}", next(1 << 36)),
            format!("\"maxdisk\":{}", (1 + next(512)) << 30),
            format!("\"disk\":{}", next(1 << 38)),
            format!("\"diskread\":{}", next(1 << 44)),
            format!("\"diskwrite\":{}", next(1 << 44)),
            format!("\"netin\":{}", next(1 << 44)),
            format!("\"netout\":{}", next(1 << 44)),
            format!("\"uptime\":{uptime}"),
            format!("\"tags\":\"team-{};zone-{}\"", next(20), next(4)),
            "\"pool\":\"production\"".to_owned(),
        ];
        if next(3) == 0 {
            keys.push("\"hastate\":\"started\"".to_owned());
        }
        let turn = usize::try_from(next(16)).unwrap_or(0) % keys.len();
        keys.rotate_left(turn);
        // Writing into a String cannot fail.
        let _ = write!(
            body,
            "{}{{{}}}",
            if i == 0 { "" } else { "," },
            keys.join(",")
        );
    }
    body.push_str("]}");
    body
}
