//! Users, API tokens and access control lists of the PVE cluster.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::roles;
use crate::world::derive;

/// The superuser. A token of root is not root: some calls compare this id.
pub(super) const ROOT: &str = "root@pam";

/// The password of everybody in a simulated lab: it guards nothing.
const PASSWORD: &str = "homelab-sim";

/// A user of the simulated cluster.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct User {
    /// The password; nobody logs in without one.
    pub(super) password: Option<String>,
    /// Whether the user may log in.
    pub(super) enabled: bool,
    /// When the account ends, in Unix seconds; 0 is never.
    pub(super) expire: u64,
    /// `comment`, `email`, `firstname`, `lastname`.
    pub(super) about: BTreeMap<String, String>,
    /// The one-time code that the second factor accepts, if there is one.
    pub(super) totp: Option<String>,
    /// The groups that the user is in.
    pub(super) groups: BTreeSet<String>,
}

/// An API token of a user.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Token {
    /// The secret after the `=`, a UUID.
    pub(super) secret: String,
    /// Whether its rights are cut down to what is granted to the token itself.
    pub(super) separated: bool,
    /// When it expires, in Unix seconds.
    pub(super) expires_at: Option<u64>,
    /// What somebody wrote about it.
    pub(super) comment: Option<String>,
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Grant {
    pub(super) path: String,
    pub(super) subject: String,
    pub(super) role: String,
    pub(super) propagate: bool,
}

/// Users, API tokens and access control lists of the PVE cluster; a handle
/// that is cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Accounts(Arc<RwLock<Directory>>);

/// What stands in the cluster's list of users.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Directory {
    pub(super) users: BTreeMap<String, User>,
    /// By full id, such as `root@pam!sim`.
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) grants: Vec<Grant>,
    /// Groups of users with what somebody wrote about them.
    pub(super) groups: BTreeMap<String, Option<String>>,
    /// Roles beside the built-in ones.
    #[serde(deserialize_with = "roles::read")]
    pub(super) roles: BTreeMap<String, Vec<&'static str>>,
}

impl Serialize for Accounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.read(|all| all.serialize(serializer))
    }
}

impl<'de> Deserialize<'de> for Accounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let all = Directory::deserialize(deserializer)?;
        Ok(Accounts(Arc::new(RwLock::new(all))))
    }
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
    /// | `totp@pve` | `PVEAuditor` on `/`; needs the one-time code `123456` |
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
            .user("totp@pve", PASSWORD)
            .totp("totp@pve", "123456")
            .grant("/", "totp@pve", "PVEAuditor")
    }

    /// Adds a user, such as `root@pam`.
    #[must_use]
    pub(crate) fn user(self, id: &str, password: &str) -> Self {
        let user = User {
            password: Some(password.into()),
            enabled: true,
            expire: 0,
            about: BTreeMap::new(),
            totp: None,
            groups: BTreeSet::new(),
        };
        self.change(|all| all.users.insert(id.into(), user));
        self
    }

    /// Adds a user that may not log in.
    #[cfg(test)]
    #[must_use]
    pub(crate) fn disabled_user(self, id: &str) -> Self {
        let accounts = self.user(id, "");
        accounts.change(|all| {
            if let Some(user) = all.users.get_mut(id) {
                user.enabled = false;
            }
        });
        accounts
    }

    /// Gives a user a second factor that accepts one code.
    #[must_use]
    pub(crate) fn totp(self, id: &str, code: &str) -> Self {
        self.change(|all| {
            if let Some(user) = all.users.get_mut(id) {
                user.totp = Some(code.into());
            }
        });
        self
    }

    /// Adds a token, such as `root@pam!sim`; `expires_at` is in Unix seconds.
    #[must_use]
    pub(crate) fn token(
        self,
        id: &str,
        secret: &str,
        separated: bool,
        expires_at: Option<u64>,
    ) -> Self {
        let token = Token {
            secret: secret.into(),
            separated,
            expires_at,
            comment: None,
        };
        self.change(|all| all.tokens.insert(id.into(), token));
        self
    }

    /// Grants a built-in role, such as `PVEAuditor`, to a user or a token, at
    /// `path` and below.
    #[must_use]
    pub(crate) fn grant(self, path: &str, subject: &str, role: &str) -> Self {
        let grant = Grant {
            path: path.into(),
            subject: subject.into(),
            role: role.into(),
            propagate: true,
        };
        self.change(|all| all.grants.push(grant));
        self
    }

    /// Looks at everything. Keep `look` short: it holds the lock.
    pub(super) fn read<T>(&self, look: impl FnOnce(&Directory) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes something. Keep `change` short: it holds the lock.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Directory) -> T) -> T {
        change(&mut self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// The password of a user.
    pub(crate) fn password(&self, user: &str) -> Option<String> {
        self.read(|all| all.users.get(user)?.password.clone())
    }

    /// A token as clients write it: `user@realm!id=secret`.
    pub(crate) fn token_text(&self, id: &str) -> Option<String> {
        self.read(|all| Some(format!("{id}={}", all.tokens.get(id)?.secret)))
    }

    /// Whether the user exists and may log in at `now`.
    pub(super) fn active(&self, user: &str, now: u64) -> bool {
        self.read(|all| all.active(user, now))
    }

    /// Whether the token `id` has this secret and has not expired at `now`.
    pub(super) fn authenticate(&self, id: &str, secret: &str, now: u64) -> bool {
        self.read(|all| {
            all.active(owner(id), now)
                && all.tokens.get(id).is_some_and(|token| {
                    token.secret == secret && token.expires_at.is_none_or(|end| now < end)
                })
        })
    }

    /// What `caller` (a user or a full token id) may do at `path`.
    pub(super) fn privileges(&self, caller: &str, path: &str) -> BTreeSet<&'static str> {
        self.read(|all| all.privileges(caller, path))
    }

    /// Whether `caller` has `privilege` at `path`.
    #[cfg(test)]
    pub(super) fn may(&self, caller: &str, path: &str, privilege: &str) -> bool {
        self.privileges(caller, path).contains(privilege)
    }

    /// The paths at which anything is granted to `caller` or its owner.
    pub(super) fn granted_paths(&self, caller: &str) -> BTreeSet<String> {
        self.read(|all| {
            let groups = all.users.get(owner(caller)).map(|user| &user.groups);
            let mine = |grant: &&Grant| {
                let name = grant.subject.strip_prefix('@');
                grant.subject == caller
                    || grant.subject == owner(caller)
                    || name.is_some_and(|name| groups.is_some_and(|all| all.contains(name)))
            };
            let grants = all.grants.iter().filter(mine);
            grants.map(|grant| grant.path.clone()).collect()
        })
    }
}

impl Directory {
    fn active(&self, user: &str, now: u64) -> bool {
        let in_time = |user: &User| user.expire == 0 || now < user.expire;
        self.users
            .get(user)
            .is_some_and(|u| u.enabled && in_time(u))
    }

    fn privileges(&self, caller: &str, path: &str) -> BTreeSet<&'static str> {
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

    /// The privileges of a role; `None` for one that does not exist.
    pub(super) fn role(&self, role: &str) -> Option<Vec<&'static str>> {
        roles::privileges(role).or_else(|| self.roles.get(role).cloned())
    }

    /// Grants on the longest path win over those above it.
    fn granted(&self, subject: &str, path: &str) -> BTreeSet<&'static str> {
        let groups = self.users.get(subject).map(|user| &user.groups);
        let applies = |grant: &&Grant| {
            let in_group = || {
                let name = grant.subject.strip_prefix('@')?;
                Some(groups?.contains(name))
            };
            (grant.subject == subject || in_group().unwrap_or(false))
                && (grant.path == path || grant.propagate && is_below(path, &grant.path))
        };
        let grants: Vec<_> = self.grants.iter().filter(applies).collect();
        let longest = grants.iter().map(|g| g.path.len()).max();
        grants
            .iter()
            .filter(|g| Some(g.path.len()) == longest)
            .filter_map(|g| self.role(&g.role))
            .flatten()
            .collect()
    }

    /// The tokens of a user: the part after the `!`, and the token.
    pub(super) fn tokens_of<'a>(
        &'a self,
        user: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Token)> {
        self.tokens.iter().filter_map(move |(id, token)| {
            let (of, name) = id.split_once('!')?;
            (of == user).then_some((name, token))
        })
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
