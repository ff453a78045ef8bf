//! Answers of the machine's services: lists with one element per node asked.

use homelab_core::Result;
use talos_proto::common::Metadata;
use talos_proto::{common, machine};

use super::only;

/// A message that may say, in place of data, how a node failed.
pub(crate) trait Element: Send + 'static {
    /// Whose it is and how it failed; nothing in messages that cannot say.
    fn metadata(&self) -> Option<&Metadata>;
}

/// An answer with one element for each node asked; we ask one.
pub(crate) trait Answer {
    /// What the answer is about.
    type Element;

    /// The one element, if it is not an error.
    fn element(self) -> Result<Self::Element>;
}

macro_rules! elements {
    ($($message:ty,)+) => {
        $(impl Element for $message {
            fn metadata(&self) -> Option<&Metadata> {
                self.metadata.as_ref()
            }
        })+
    };
}

macro_rules! answers {
    ($($answer:ty => $element:ty,)+) => {
        $(impl Answer for $answer {
            type Element = $element;

            fn element(self) -> Result<$element> {
                only(self.messages, |m| m.metadata.as_ref())
            }
        })+
    };
}

elements! {
    common::Data,
    machine::FileInfo,
    machine::DiskUsageInfo,
}

answers! {
    machine::LogsContainersResponse => machine::LogsContainer,
}
