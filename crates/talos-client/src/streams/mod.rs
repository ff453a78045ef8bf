//! What a node sends bit by bit: logs, kernel messages, files, packets.
//!
//! Chunks on the wire are about 1 KiB and their boundaries mean nothing; here
//! they come as lines, messages, files and packets again.
//!
//! | file | what |
//! |---|---|
//! | `messages.rs` | messages from the frames of HTTP/2 |
//! | `frames.rs` | messages of a stream, their errors, silences |
//! | `lines.rs` | lines from chunks |
//! | `logs.rs`, `dmesg.rs` | what services and the kernel say |
//! | `files.rs`, `file_mode.rs`, `disk_usage.rs` | which files there are, how large |
//! | `read.rs` | one file |
//! | `copy.rs`, `unpack.rs` | a tree of files, unpacked safely |
//! | `archive.rs`, `incoming.rs` | the same, as the archive that it comes in |
//! | `kubeconfig.rs`, `kubeconfig_merge.rs` | the administrator's kubeconfig, alone or into another |
//! | `capture.rs`, `pcap.rs` | packets, to a file |
//! | `filter.rs` | which packets |

mod archive;
mod capture;
mod copy;
mod disk_usage;
mod dmesg;
mod file_mode;
mod files;
mod filter;
mod frames;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod incoming;
mod kubeconfig;
mod kubeconfig_merge;
mod lines;
mod logs;
mod messages;
mod pcap;
mod read;
mod unpack;

pub use capture::{CaptureOptions, CaptureProgress, PacketCapture};
pub use copy::{Copied, CopyOptions, SkippedFile};
pub use disk_usage::{DiskUsage, DiskUsageOptions};
pub use dmesg::{DmesgOptions, KernelMessage};
pub use file_mode::FileKind;
pub use files::{FileInfo, ListOptions};
pub use filter::BpfInstruction;
pub(crate) use frames::Frames;
pub use incoming::CopyProgress;
pub use kubeconfig_merge::{KubeconfigMergeOptions, MergedKubeconfig, merge_kubeconfig};
pub(crate) use lines::Lines;
pub use logs::{ContainerNamespace, LogOptions, LogStream};
pub(crate) use messages::Messages;
