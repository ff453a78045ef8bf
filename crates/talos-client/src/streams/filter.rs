//! Packet filters: programs of the kernel's packet filter (classic BPF).

use homelab_core::{Error, ErrorKind, Result, Sent};
use serde::{Deserialize, Serialize};

/// The kernel takes no longer programs.
const LONGEST: usize = 4096;

/// An instruction of a packet filter, as `tcpdump -dd` prints it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schemars", derive(schemars::JsonSchema))]
pub struct BpfInstruction {
    /// Operation, of 16 bits.
    pub op: u32,
    /// How many instructions to skip when true, of 8 bits.
    pub jt: u32,
    /// How many instructions to skip when false, of 8 bits.
    pub jf: u32,
    /// Operand.
    pub k: u32,
}

impl BpfInstruction {
    /// Reads a whole filter from what `tcpdump -dd` or `tcpdump -ddd` prints.
    ///
    /// tcpdump compiles for the interface that it would listen on. Nodes have
    /// Ethernet on theirs, which `-y EN10MB` asks for; tunnels have none: `-y RAW`.
    ///
    /// # Errors
    /// `InvalidArgument` naming the line that is none of an instruction, or as
    /// [`CaptureOptions::filter`](super::CaptureOptions::filter) is refused.
    ///
    /// ```
    /// use talos_client::BpfInstruction;
    ///
    /// // tcpdump -y EN10MB -dd arp
    /// let filter = BpfInstruction::parse_filter("
    ///     { 0x28, 0, 0, 0x0000000c },
    ///     { 0x15, 0, 1, 0x00000806 },
    ///     { 0x6, 0, 0, 0x00040000 },
    ///     { 0x6, 0, 0, 0x00000000 },
    /// ")?;
    /// assert_eq!(filter.len(), 4);
    /// # Ok::<(), homelab_core::Error>(())
    /// ```
    pub fn parse_filter(text: &str) -> Result<Vec<Self>> {
        let mut found = Vec::new();
        let mut promised = None;
        for (number, line) in (1_u32..).zip(text.lines()) {
            let bare = line.trim().trim_end_matches(',').trim();
            let bare = bare.strip_prefix('{').unwrap_or(bare);
            let bare = bare.strip_suffix('}').unwrap_or(bare).trim();
            let numbers: Option<Vec<u32>> = bare
                .split([',', ' ', '\t'])
                .filter(|word| !word.is_empty())
                .map(number_of)
                .collect();
            match numbers.as_deref() {
                Some([]) => {}
                // `-ddd` begins with how many there are.
                Some([count]) if found.is_empty() && promised.is_none() => {
                    promised = Some(*count as usize);
                }
                Some([op, jt, jf, k]) if found.len() < LONGEST => found.push(BpfInstruction {
                    op: *op,
                    jt: *jt,
                    jf: *jf,
                    k: *k,
                }),
                Some([_, _, _, _]) => return Err(too_long()),
                _ => {
                    let shown: String = line.trim().chars().take(60).collect();
                    return Err(wrong(format!(
                        "line {number} of the packet filter is {shown:?}, and not four numbers as tcpdump -dd prints them"
                    )));
                }
            }
        }
        if promised.is_some_and(|count| count != found.len()) {
            let message = format!(
                "the packet filter says that it has {} instructions, and has {}",
                promised.unwrap_or_default(),
                found.len()
            );
            return Err(wrong(message));
        }
        if found.is_empty() {
            return Err(wrong("the packet filter holds no instruction".to_owned()));
        }
        check(&found)?;
        Ok(found)
    }
}

fn number_of(word: &str) -> Option<u32> {
    match word.strip_prefix("0x").or_else(|| word.strip_prefix("0X")) {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

/// What a kernel would refuse, found before anything is sent: a node cuts numbers
/// that are too large and then says only that the argument is invalid.
pub(super) fn check(filter: &[BpfInstruction]) -> Result<()> {
    if filter.len() > LONGEST {
        return Err(too_long());
    }
    for (at, instruction) in filter.iter().enumerate() {
        let refuse = |why: &str| {
            Err(wrong(format!(
                "instruction {at} of the packet filter {why}"
            )))
        };
        let BpfInstruction { op, jt, jf, k } = *instruction;
        if u16::try_from(op).is_err() || u8::try_from(jt).is_err() || u8::try_from(jf).is_err() {
            return refuse("has a number that is too large: op has 16 bits, jt and jf have 8");
        }
        let rest = filter.len() - at - 1;
        let inside = |skip: u32| usize::try_from(skip).is_ok_and(|skip| skip < rest);
        let jumps_inside = match (op & CLASS == JUMP, op & JUMP_KIND == ALWAYS) {
            (false, _) => true,
            (true, true) => inside(k),
            (true, false) => inside(jt) && inside(jf),
        };
        if !jumps_inside {
            return refuse("jumps behind the end");
        }
        if rest == 0 && op & CLASS != RETURN {
            return refuse("is the last and does not return");
        }
    }
    Ok(())
}

const CLASS: u32 = 0x07;
const JUMP: u32 = 0x05;
const RETURN: u32 = 0x06;
const JUMP_KIND: u32 = 0xf0;
const ALWAYS: u32 = 0x00;

fn too_long() -> Error {
    wrong(format!(
        "the packet filter has more than {LONGEST} instructions"
    ))
}

fn wrong(message: String) -> Error {
    Error::new(ErrorKind::InvalidArgument, message).sent(Sent::No)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UDP: &str = "\
{ 0x28, 0, 0, 0x0000000c },
{ 0x15, 0, 2, 0x00000800 },
{ 0x30, 0, 0, 0x00000017 },
{ 0x15, 1, 0, 0x00000011 },
{ 0x6, 0, 0, 0x00000000 },
{ 0x6, 0, 0, 0x00040000 },
";

    #[test]
    fn both_forms_of_tcpdump_are_one_filter() {
        let filter = BpfInstruction::parse_filter(UDP).unwrap();
        assert_eq!(filter.len(), 6);
        assert_eq!((filter[1].op, filter[1].jf, filter[1].k), (0x15, 2, 0x800));
        let decimal = "6\n40 0 0 12\n21 0 2 2048\n48 0 0 23\n21 1 0 17\n6 0 0 0\n6 0 0 262144\n";
        assert_eq!(BpfInstruction::parse_filter(decimal).unwrap(), filter);
        check(&[]).unwrap();
    }

    #[test]
    fn what_no_kernel_takes_is_said_before_anything_is_sent() {
        for (text, says) in [
            ("", "no instruction"),
            ("tcp port 6443", "line 1"),
            ("6 0 0\n", "line 1"),
            ("{ 0x6, 0, 0, 0x1ffffffff },", "line 1"),
            ("3\n6 0 0 0\n", "has 3 instructions, and has 1"),
            ("6 0 0 0\n2\n", "line 2"),
            (
                "40 0 0 12\n",
                "instruction 0 of the packet filter is the last",
            ),
            (
                "21 0 1 2048\n6 0 0 0\n",
                "instruction 0 of the packet filter jumps",
            ),
            (
                "5 0 0 1\n6 0 0 0\n",
                "instruction 0 of the packet filter jumps",
            ),
            ("65536 0 0 0\n6 0 0 0\n", "too large"),
            ("40 256 0 0\n6 0 0 0\n", "too large"),
        ] {
            let error = BpfInstruction::parse_filter(text).unwrap_err();
            assert_eq!(
                (error.kind(), error.was_sent()),
                (ErrorKind::InvalidArgument, Sent::No)
            );
            assert!(error.message().contains(says), "{error}");
        }
        let long = "6 0 0 0\n".repeat(LONGEST + 1);
        let error = BpfInstruction::parse_filter(&long).unwrap_err();
        assert!(error.message().contains("4096"), "{error}");
    }

    proptest! {
        #[test]
        fn no_filter_panics(text in "[0-9a-fx{}, \n]{0,80}|\\PC{0,40}") {
            if let Ok(filter) = BpfInstruction::parse_filter(&text) {
                check(&filter).unwrap();
            }
        }
    }
}
