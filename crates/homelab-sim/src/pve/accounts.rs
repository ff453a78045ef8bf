//! Users, API tokens and access control lists of the PVE cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::roles;
use crate::world::derive;

/// The superuser. A token of root is not root: some calls compare this id.
pub(super) const ROOT: &str = "root@pam";

/// The password of everybody in a simulated lab: it guards nothing.
const PASSWORD: &str = "homelab-sim";

/// A user of the simulated cluster.
#[derive(Clone)]
struct User {
    /// The password.
    password: String,
    /// Whether the user may log in.
    enabled: bool,
}

/// An API token of a user.
#[derive(Clone)]
struct Token {
    /// The secret after the `=`, a UUID.
    secret: String,
    /// Whether its rights are cut down to what is granted to the token itself.
    separated: bool,
    /// When it expires, in Unix seconds.
    expires_at: Option<u64>,
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("User")
            .field("enabled", &self.enabled)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("separated", &self.separated)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}

/// A grant: `subject` (a user or a full token id) has `role` at `path`.
#[derive(Clone, Debug)]
struct Grant {
    path: String,
    subject: String,
    role: String,
    propagate: bool,
}

/// Users, API tokens and access control lists of the PVE cluster.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts {
    users: BTreeMap<String, User>,
    tokens: BTreeMap<String, Token>,
    grants: Vec<Grant>,
}

impl Accounts {
    /// Nobody but nobody: add users with [`Accounts::user`].
    pub(crate) fn new() -> Self {
        Accounts::default()
    }

    /// What a simulated lab starts with. Everybody's password is
    /// `homelab-sim`; the secrets of tokens depend on the seed only.
    ///
    /// | id | rights |
    /// |---|---|
    /// | `root@pam` | everything, by password |
    /// | `root@pam!sim` | root's rights (not privilege separated) |
    /// | `monitor@pve!audit` | `PVEAuditor` on `/` |
    /// | `monitor@pve!expired` | the same, but expired in 2020 |
    /// | `monitor@pve!nothing` | privilege separated, nothing granted |
    pub(crate) fn standard(seed: u64) -> Self {
        let secret = |what: &str| derive::uuid(seed, &format!("pve token {what}"));
        Accounts::new()
            .user(ROOT, PASSWORD)
            .user("monitor@pve", PASSWORD)
            .grant("/", "monitor@pve", "PVEAuditor")
            .token("root@pam!sim", &secret("sim"), false, None)
            .token("monitor@pve!audit", &secret("audit"), false, None)
            .token(
                "monitor@pve!expired",
                &secret("expired"),
                false,
                Some(1_577_836_800),
            )
            .token("monitor@pve!nothing", &secret("nothing"), true, None)
    }

    /// Adds a user, such as `root@pam`.
    #[must_use]
    pub(crate) fn user(mut self, id: &str, password: &str) -> Self {
        self.users.insert(
            id.into(),
            User {
                password: password.into(),
                enabled: true,
            },
        );
        self
    }

    /// Adds a token, such as `root@pam!sim`; `expires_at` is in Unix seconds.
    #[must_use]
    pub(crate) fn token(
        mut self,
        id: &str,
        secret: &str,
        separated: bool,
        expires_at: Option<u64>,
    ) -> Self {
        self.tokens.insert(
            id.into(),
            Token {
                secret: secret.into(),
                separated,
                expires_at,
            },
        );
        self
    }

    /// Grants a built-in role, such as `PVEAuditor`, to a user or a token, at
    /// `path` and below.
    #[must_use]
    pub(crate) fn grant(mut self, path: &str, subject: &str, role: &str) -> Self {
        self.grants.push(Grant {
            path: path.into(),
            subject: subject.into(),
            role: role.into(),
            propagate: true,
        });
        self
    }

    /// The password of a user.
    pub(crate) fn password(&self, user: &str) -> Option<&str> {
        self.users.get(user).map(|u| u.password.as_str())
    }

    /// A token as clients write it: `user@realm!id=secret`.
    pub(crate) fn token_text(&self, id: &str) -> Option<String> {
        self.tokens
            .get(id)
            .map(|token| format!("{id}={}", token.secret))
    }

    /// Whether the user exists and may log in.
    pub(super) fn active(&self, user: &str) -> bool {
        self.users.get(user).is_some_and(|u| u.enabled)
    }

    /// The token `id` if `secret` is right and it has not expired at `now`.
    pub(super) fn authenticate(&self, id: &str, secret: &str, now: u64) -> bool {
        let owner = owner(id);
        self.active(owner)
            && self.tokens.get(id).is_some_and(|token| {
                token.secret == secret && token.expires_at.is_none_or(|end| now < end)
            })
    }

    /// What `caller` (a user or a full token id) may do at `path`.
    pub(super) fn privileges(&self, caller: &str, path: &str) -> BTreeSet<&'static str> {
        if caller == ROOT {
            return roles::ALL.iter().copied().collect();
        }
        let granted = self.granted(caller, path);
        match self.tokens.get(caller) {
            None => granted,
            Some(token) => {
                let owners = self.privileges(owner(caller), path);
                if token.separated {
                    &owners & &granted
                } else {
                    owners
                }
            }
        }
    }

    /// Whether `caller` has `privilege` at `path`.
    pub(super) fn may(&self, caller: &str, path: &str, privilege: &str) -> bool {
        self.privileges(caller, path).contains(privilege)
    }

    /// The paths at which anything is granted to `caller` or its owner.
    pub(super) fn granted_paths(&self, caller: &str) -> BTreeSet<&str> {
        let mine = |grant: &&Grant| grant.subject == caller || grant.subject == owner(caller);
        self.grants
            .iter()
            .filter(mine)
            .map(|grant| grant.path.as_str())
            .collect()
    }

    /// Grants on the longest path win over those above it.
    fn granted(&self, subject: &str, path: &str) -> BTreeSet<&'static str> {
        let applies = |grant: &&Grant| {
            grant.subject == subject
                && (grant.path == path || grant.propagate && is_below(path, &grant.path))
        };
        let grants: Vec<_> = self.grants.iter().filter(applies).collect();
        let longest = grants.iter().map(|g| g.path.len()).max();
        grants
            .iter()
            .filter(|g| Some(g.path.len()) == longest)
            .filter_map(|g| roles::privileges(&g.role))
            .flatten()
            .collect()
    }
}

fn is_below(path: &str, above: &str) -> bool {
    above == "/"
        || path
            .strip_prefix(above)
            .is_some_and(|rest| rest.starts_with('/'))
}

/// The user of a token id; a user id is its own.
pub(super) fn owner(id: &str) -> &str {
    id.split_once('!').map_or(id, |(user, _)| user)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Accounts {
        Accounts::new()
            .user(ROOT, "secret")
            .user("test@pve", "secret")
            .grant("/vms/100", "test@pve", "PVEVMUser")
            .token("test@pve!sep", "s", true, None)
            .token("test@pve!old", "s", false, Some(1000))
            .token("root@pam!full", "s", false, None)
    }

    #[test]
    fn a_separated_token_has_the_intersection() {
        let accounts = accounts();
        assert!(accounts.may("test@pve", "/vms/100", "VM.PowerMgmt"));
        assert!(!accounts.may("test@pve!sep", "/vms/100", "VM.Audit"));
        let accounts = accounts.grant("/vms/100", "test@pve!sep", "PVEAuditor");
        let has = accounts.privileges("test@pve!sep", "/vms/100");
        assert_eq!(
            has.into_iter().collect::<Vec<_>>(),
            ["VM.Audit", "VM.GuestAgent.Audit"]
        );
        assert!(!accounts.may("test@pve!sep", "/vms/1000", "VM.Audit"));
    }

    #[test]
    fn a_token_of_root_has_roots_rights() {
        assert!(accounts().may("root@pam!full", "/nodes/pve1", "Sys.Audit"));
    }

    #[test]
    fn secrets_and_expiry_are_checked() {
        let accounts = accounts();
        assert!(accounts.authenticate("root@pam!full", "s", 0));
        assert!(!accounts.authenticate("root@pam!full", "x", 0));
        assert!(accounts.authenticate("test@pve!old", "s", 999));
        assert!(!accounts.authenticate("test@pve!old", "s", 1000));
    }
}
