//! Which release has what: calls and parameters that an older server lacks.

use homelab_core::{Error, ErrorKind, Result};

use crate::Params;
use crate::describe::Call;

impl Call {
    /// Refuses a call that a server of this release does not have, or a
    /// parameter that it does not know yet. `release` is what
    /// [`Version::release`](crate::Version::release) says (`8.4`, `9.1`).
    ///
    /// What came with a maintenance release (`9.1.2`) is let through for `9.1`,
    /// because the release does not tell.
    ///
    /// # Errors
    /// `Unsupported`, with the first release that has it. Nothing is sent.
    pub fn require_release(&self, release: &str, params: &Params) -> Result<()> {
        let lacking = |what: &str, since: &str| {
            // `9.2+` came after the release, with an update.
            let first = match since.strip_suffix('+') {
                Some(release) => format!("an update of Proxmox VE {release}"),
                None => format!("Proxmox VE {since}"),
            };
            Error::new(
                ErrorKind::Unsupported,
                format!("{what} is there from {first} on; the server runs {release}"),
            )
        };
        if is_before(release, self.since) {
            return Err(lacking("the call", self.since));
        }
        for (name, _) in params.iter() {
            if let Some(since) = self.param(name).and_then(|p| p.since)
                && is_before(release, since)
            {
                return Err(lacking(&format!("parameter {name}"), since));
            }
        }
        Ok(())
    }
}

/// Whether `release` is older than `since`, as far as `release` tells.
fn is_before(release: &str, since: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        text.split(['.', '-', '+'])
            .map_while(|part| part.parse().ok())
            .collect()
    };
    let (release, mut since) = (numbers(release), numbers(since));
    since.truncate(release.len());
    !release.is_empty() && release < since
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_release_is_named() {
        let call = crate::call("BulkStartGuests").unwrap();
        let error = call.require_release("8.4", &Params::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.message().contains(call.since), "{error}");
        assert!(call.require_release("9.2", &Params::new()).is_ok());
        // A parameter that is younger than its call.
        let create = crate::call("CreateQemu").unwrap();
        let late = create
            .params
            .iter()
            .find(|p| p.since == Some("9.1"))
            .unwrap();
        let params: Params = [(late.name, "1")].into_iter().collect();
        assert!(create.require_release("9.1", &params).is_ok());
        assert!(create.require_release("8.4", &params).is_err());
    }

    #[test]
    fn releases_compare_by_number() {
        for (release, since, before) in [
            ("8.4", "9.0", true),
            ("10.0", "9.2", false),
            ("9.1", "9.1.2", false),
            ("9.0", "9.1.2", true),
            ("9.2", "9.2+", false),
            ("9.2.11", "9.2", false),
            ("8.4-1", "8.4", false),
            ("", "9.0", false),
        ] {
            assert_eq!(is_before(release, since), before, "{release} {since}");
        }
    }
}
