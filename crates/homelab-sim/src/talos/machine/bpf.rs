//! A packet filter, run as the kernel of a node would.

use talos_proto::machine::BpfInstruction;

/// Whether a filter lets a packet through. `Err` names an instruction that is not
/// known here.
pub(super) fn passes(filter: &[BpfInstruction], packet: &[u8]) -> Result<bool, String> {
    let (mut a, mut x) = (0_u32, 0_u32);
    let mut at = 0_usize;
    // Jumps go forwards only, so that it ends.
    while let Some(i) = filter.get(at) {
        at += 1;
        // What reads behind the end of the packet drops it.
        let load = |from: u32, size: usize| {
            let from = from as usize;
            let bytes = packet.get(from..from.checked_add(size)?)?;
            Some(bytes.iter().fold(0, |n, b| n << 8 | u32::from(*b)))
        };
        let mut jump = |yes: bool| at += if yes { i.jt } else { i.jf } as usize;
        let loaded = match i.op {
            0x20 => load(i.k, 4),
            0x28 => load(i.k, 2),
            0x30 => load(i.k, 1),
            0x40 => load(i.k.wrapping_add(x), 4),
            0x48 => load(i.k.wrapping_add(x), 2),
            0x50 => load(i.k.wrapping_add(x), 1),
            // Length of an IPv4 header.
            0xb1 => load(i.k, 1).map(|byte| {
                x = 4 * (byte & 0xf);
                a
            }),
            0x00 => Some(i.k),
            0x80 => u32::try_from(packet.len()).ok(),
            0x04 => Some(a.wrapping_add(i.k)),
            0x54 => Some(a & i.k),
            0x74 => Some(a.checked_shr(i.k).unwrap_or(0)),
            op => {
                match op {
                    0x05 => at += i.k as usize,
                    0x15 => jump(a == i.k),
                    0x25 => jump(a > i.k),
                    0x35 => jump(a >= i.k),
                    0x45 => jump(a & i.k != 0),
                    0x06 => return Ok(i.k != 0),
                    0x16 => return Ok(a != 0),
                    0x01 => x = i.k,
                    0x07 => x = a,
                    0x87 => a = x,
                    _ => return Err(format!("the simulated kernel does not know op {op:#x}")),
                }
                continue;
            }
        };
        match loaded {
            Some(value) => a = value,
            None => return Ok(false),
        }
    }
    Err("the filter does not return".to_owned())
}
