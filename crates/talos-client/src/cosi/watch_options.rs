//! What to watch, and from where on.

use talos_proto::cosi::resource as proto;

use super::query::{LabelQuery, id_query, label_queries};

/// What to watch.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WatchOptions {
    /// Only the resource with this id. It is sent first, as created when it
    /// exists and as destroyed when it does not.
    pub id: Option<String>,
    /// Whether to send what exists first, each as created, followed by
    /// bootstrapped. Default: yes. Not used with `id` or `bookmark`.
    pub contents_first: bool,
    /// Where to resume: the bookmark of the last event that was seen.
    pub bookmark: Option<Vec<u8>>,
    /// Conditions on labels; a resource that meets one of the queries is
    /// watched. Not together with `id`: `InvalidArgument`.
    pub labels: Vec<LabelQuery>,
    /// A regular expression that ids must match (Go's RE2 syntax). Not together
    /// with `id`: `InvalidArgument`.
    pub id_pattern: Option<String>,
    /// Whether the first event shall carry a bookmark even if nothing happens.
    bookmark_first: bool,
}

impl Default for WatchOptions {
    fn default() -> Self {
        WatchOptions {
            id: None,
            contents_first: true,
            bookmark: None,
            labels: Vec::new(),
            id_pattern: None,
            bookmark_first: false,
        }
    }
}

impl WatchOptions {
    /// Only the resource with this id.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Only resources that meet this query, or another one that was given.
    #[must_use]
    pub fn labels(mut self, query: LabelQuery) -> Self {
        self.labels.push(query);
        self
    }

    /// Only resources whose id matches this regular expression.
    #[must_use]
    pub fn id_pattern(mut self, pattern: impl Into<String>) -> Self {
        self.id_pattern = Some(pattern.into());
        self
    }

    /// Makes sure that there is a place to resume from the beginning.
    pub(super) fn with_bookmarks(mut self) -> Self {
        self.bookmark_first = true;
        self
    }

    pub(super) fn to_proto(&self) -> proto::WatchOptions {
        let contents = self.contents_first && self.id.is_none() && self.bookmark.is_none();
        proto::WatchOptions {
            bootstrap_contents: contents,
            // Bootstrapped events carry a bookmark anyway, those of one id all do.
            bootstrap_bookmark: self.bookmark_first
                && !contents
                && self.id.is_none()
                && self.bookmark.is_none(),
            aggregated: true,
            start_from_bookmark: self.bookmark.clone(),
            label_query: label_queries(&self.labels),
            id_query: id_query(self.id_pattern.as_ref()),
            ..proto::WatchOptions::default()
        }
    }

    /// Only changes, not what exists.
    #[must_use]
    pub fn changes_only(mut self) -> Self {
        self.contents_first = false;
        self
    }

    /// Resumes behind the event with this bookmark. Bookmarks do not outlive
    /// the node's uptime; one that is too old is answered with `FailedPrecondition`.
    #[must_use]
    pub fn resume(mut self, bookmark: impl Into<Vec<u8>>) -> Self {
        self.bookmark = Some(bookmark.into());
        self
    }
}
