//! What makes two views of one machine the same.

use super::{Join, Mismatch};

/// A kind of evidence, most trusted first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Evidence {
    Mac,
    SmbiosUuid,
    Vmid,
    Address,
    Name,
    /// Both come from the same entry of the inventory.
    Declared,
}

impl Evidence {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Evidence::Mac => "mac",
            Evidence::SmbiosUuid => "smbios-uuid",
            Evidence::Vmid => "vmid",
            Evidence::Address => "address",
            Evidence::Name => "name",
            Evidence::Declared => "declared",
        }
    }

    /// A MAC address or UUID names one machine; a number or address one at a
    /// time; names are typed by people; a declaration is a wish.
    const fn confidence(self) -> &'static str {
        match self {
            Evidence::Mac | Evidence::SmbiosUuid => "certain",
            Evidence::Vmid | Evidence::Address => "strong",
            Evidence::Name => "likely",
            Evidence::Declared => "weak",
        }
    }
}

/// For each of `lefts` at most one of `rights`, and each right at most once.
pub(super) struct Matching {
    /// `(left, right, evidence, all that agrees, ambiguous)`.
    pub(super) pairs: Vec<Pair>,
    /// `(left, the right it got, evidence, the right that this evidence names)`.
    pub(super) conflicts: Vec<Conflict>,
}

pub(super) struct Pair {
    pub(super) left: usize,
    pub(super) right: usize,
    pub(super) agreeing: Vec<Evidence>,
    /// The best evidence named several; a weaker one chose among them.
    ambiguous: bool,
}

pub(super) struct Conflict {
    pub(super) left: usize,
    pub(super) right: usize,
    pub(super) best: Evidence,
    pub(super) against: Evidence,
    pub(super) other: usize,
}

/// Matches by the most trusted evidence first. `evidence` lists what speaks
/// for a pair, most trusted first.
pub(super) fn matching(
    lefts: usize,
    rights: usize,
    evidence: impl Fn(usize, usize) -> Vec<Evidence>,
) -> Matching {
    let mut candidates: Vec<Pair> = Vec::new();
    for left in 0..lefts {
        for right in 0..rights {
            let agreeing = evidence(left, right);
            if !agreeing.is_empty() {
                candidates.push(Pair {
                    left,
                    right,
                    agreeing,
                    ambiguous: false,
                });
            }
        }
    }
    // The lists compare like words: MAC before address, and MAC alone after
    // MAC with a name, because more agreement is better among equals.
    candidates.sort_by_key(|pair| {
        let mut key: Vec<u8> = pair.agreeing.iter().map(|e| *e as u8).collect();
        key.push(u8::MAX);
        (key, pair.left, pair.right)
    });
    let mut pairs: Vec<Pair> = Vec::new();
    let mut conflicts = Vec::new();
    let (mut left_taken, mut right_taken) = (vec![None; lefts], vec![false; rights]);
    for mut pair in candidates {
        let best = pair.agreeing.first().copied();
        match left_taken.get(pair.left).copied().flatten() {
            Some(index) => {
                let Some(chosen): Option<&mut Pair> = pairs.get_mut(index) else {
                    continue;
                };
                let strongest = chosen.agreeing.first().copied();
                chosen.ambiguous |= strongest == best;
                if let (Some(strongest), Some(against)) = (strongest, best) {
                    conflicts.push(Conflict {
                        left: pair.left,
                        right: chosen.right,
                        best: strongest,
                        against,
                        other: pair.right,
                    });
                }
            }
            None if right_taken.get(pair.right) == Some(&true) => {}
            None => {
                pair.ambiguous = false;
                if let Some(taken) = left_taken.get_mut(pair.left) {
                    *taken = Some(pairs.len());
                }
                if let Some(taken) = right_taken.get_mut(pair.right) {
                    *taken = true;
                }
                pairs.push(pair);
            }
        }
    }
    Matching { pairs, conflicts }
}

impl Pair {
    pub(super) fn join(&self, kind: &str, left: &str, right: &str) -> Join {
        let best = self.agreeing.first().copied().unwrap_or(Evidence::Declared);
        Join {
            kind: kind.to_owned(),
            left: left.to_owned(),
            right: right.to_owned(),
            evidence: best.as_str().to_owned(),
            agreeing: self
                .agreeing
                .iter()
                .map(|e| e.as_str().to_owned())
                .collect(),
            confidence: if self.ambiguous {
                "likely"
            } else {
                best.confidence()
            }
            .to_owned(),
        }
    }
}

impl Conflict {
    /// The sentence: `what` is the left one with its kind.
    pub(super) fn mismatch(&self, what: &str, right: &str, other: &str) -> Mismatch {
        Mismatch {
            kind: "conflicting-evidence".to_owned(),
            subject: what.to_owned(),
            message: format!(
                "{} says that {what} is {right}, {} says that it is {other}",
                self.best.spoken(),
                self.against.spoken(),
            ),
            expected: Some(right.to_owned()),
            seen: Some(other.to_owned()),
            location: None,
        }
    }
}

impl Evidence {
    const fn spoken(self) -> &'static str {
        match self {
            Evidence::Mac => "the MAC address",
            Evidence::SmbiosUuid => "the SMBIOS UUID",
            Evidence::Vmid => "the VMID",
            Evidence::Address => "the address",
            Evidence::Name => "the name",
            Evidence::Declared => "the inventory",
        }
    }
}

/// Whether two lists share an item.
pub(super) fn share(a: &[String], b: &[String]) -> bool {
    a.iter().any(|item| b.contains(item))
}

/// Whether two UUIDs are the same. The first three fields of an SMBIOS UUID
/// are little endian since SMBIOS 2.6 and not every reader swaps them, so the
/// swapped form counts too.
pub(super) fn same_uuid(a: Option<&str>, b: Option<&str>) -> bool {
    let (Some(a), Some(b)) = (a.and_then(hex_digits), b.and_then(hex_digits)) else {
        return false;
    };
    // All zeros or all ones mean "not set".
    let set = |digits: &str| digits.bytes().any(|d| d != b'0') && digits.bytes().any(|d| d != b'f');
    set(&a) && (a == b || swapped(&a) == b)
}

fn hex_digits(uuid: &str) -> Option<String> {
    let digits: String = uuid.chars().filter(|c| *c != '-').collect();
    let right = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    right.then(|| digits.to_ascii_lowercase())
}

fn swapped(digits: &str) -> String {
    let byte = |n: usize| digits.get(n * 2..n * 2 + 2).unwrap_or_default();
    let order = [3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15];
    order.iter().map(|n| byte(*n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_match_in_either_byte_order() {
        let a = "00112233-4455-6677-8899-aabbccddeeff";
        let b = "33221100-5544-7766-8899-AABBCCDDEEFF";
        assert!(same_uuid(Some(a), Some(b)) && same_uuid(Some(a), Some(a)));
        let zero = "00000000-0000-0000-0000-000000000000";
        assert!(!same_uuid(Some(zero), Some(zero)) && !same_uuid(Some("x"), Some("x")));
        assert!(!same_uuid(None, None));
    }

    #[test]
    fn better_evidence_wins_and_the_other_is_a_conflict() {
        // Left 0 has the MAC of right 1 and the name of right 0; left 1 only the name of right 1.
        let matched = matching(2, 2, |left, right| match (left, right) {
            (0, 1) => vec![Evidence::Mac],
            (0, 0) | (1, 1) => vec![Evidence::Name],
            _ => vec![],
        });
        let pairs: Vec<_> = matched.pairs.iter().map(|p| (p.left, p.right)).collect();
        assert_eq!(pairs, [(0, 1)]);
        let conflict = &matched.conflicts[0];
        assert_eq!((conflict.left, conflict.right, conflict.other), (0, 1, 0));
    }

    #[test]
    fn among_equal_macs_the_name_decides_and_confidence_drops() {
        let matched = matching(1, 2, |_, right| match right {
            0 => vec![Evidence::Mac],
            _ => vec![Evidence::Mac, Evidence::Name],
        });
        let join = matched.pairs[0].join("node-guest", "n", "g");
        assert_eq!(
            (matched.pairs[0].right, join.confidence.as_str()),
            (1, "likely")
        );
    }
}
