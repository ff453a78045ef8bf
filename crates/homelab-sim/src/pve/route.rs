//! A call that has a function of its own: who may make it, what it takes, what
//! it waits for.

use super::answer::{Answer, Result};
use super::call::Call;
use super::params::{Kind, Param};

/// Who may call.
#[derive(Clone, Copy, Debug)]
pub(super) enum Access {
    /// Anybody, without authentication.
    Open,
    /// Anybody who is authenticated; the call filters what it shows.
    User,
    /// Who has one of these privileges at this path.
    Any(&'static str, &'static [&'static str]),
}

/// One call of the API.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: &'static str,
    /// With `{node}`, `{vmid}`, … for variable parts. `{node}` makes hosts
    /// forward the call to that host.
    pub(super) path: &'static str,
    pub(super) access: Access,
    /// Parameters beside those in the path.
    pub(super) params: &'static [Param],
    /// Knows further parameters, of which there are too many for a table.
    pub(super) more: fn(&str) -> Option<Kind>,
    pub(super) run: fn(&Call<'_>) -> Result<Answer>,
    /// What the call waits for before it runs; most wait for nothing.
    pub(super) wait: Wait,
    /// Served by the host that was asked, whichever the path names.
    pub(super) here: bool,
    /// Its parameters are those of the schema, without checks of its own.
    pub(super) schema: bool,
}

/// What a call waits for before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// Nothing.
    Nothing,
    /// A guest agent: one that does not answer is given up after a while.
    Agent,
}

/// A `GET` that needs no parameters.
pub(super) const fn get(
    path: &'static str,
    access: Access,
    run: fn(&Call<'_>) -> Result<Answer>,
) -> Route {
    Route {
        method: "GET",
        path,
        access,
        params: &[],
        more: |_| None,
        run,
        wait: Wait::Nothing,
        here: false,
        schema: false,
    }
}

impl Route {
    /// With these parameters.
    pub(super) const fn with(mut self, params: &'static [Param]) -> Self {
        self.params = params;
        self
    }

    /// With further parameters that a function knows.
    pub(super) const fn and(mut self, more: fn(&str) -> Option<Kind>) -> Self {
        self.more = more;
        self
    }

    /// With another method than `GET`.
    pub(super) const fn method(mut self, method: &'static str) -> Self {
        self.method = method;
        self
    }

    /// With the parameters that the schema gives it.
    pub(super) const fn by_schema(mut self) -> Self {
        self.schema = true;
        self
    }

    /// Served by the host that was asked.
    pub(super) const fn here(mut self) -> Self {
        self.here = true;
        self
    }
}
