//! `pve.access()`: users, groups, roles, tokens, realms.

use homelab_core::SecretString;
use proxmox_endpoints::{
    ChangePassword, CreateGroup, CreateRole, CreateToken, CreateUser, DeleteGroup, DeleteRole,
    DeleteTfaEntry, DeleteToken, DeleteUser, GetGroup, GetOpenIdAuthUrl, GetRealm, GetRole,
    GetToken, GetUser, ListAcl, ListGroups, ListRealms, ListRoles, ListTfa, ListTokens,
    ListUserTfa, ListUsers, LoginOpenId, SyncRealm, UnlockTfa, UpdateAcl, UpdateGroup, UpdateRole,
    UpdateToken, UpdateUser,
};

use crate::{Pending, PendingTask, ProxmoxClient};

/// Who may do what.
#[derive(Clone, Debug)]
pub struct Access {
    client: ProxmoxClient,
}

impl Access {
    pub(crate) fn new(client: ProxmoxClient) -> Self {
        Access { client }
    }

    /// The users; with `full`, their groups and tokens.
    pub fn users(&self) -> Pending<ListUsers> {
        Pending::new(&self.client, ListUsers::new())
    }

    /// One user: `alice@pve`.
    pub fn user(&self, userid: impl Into<String>) -> Pending<GetUser> {
        Pending::new(&self.client, GetUser::new(userid))
    }

    /// Makes a user. A password is only kept for the realm `pve`.
    pub fn create_user(&self, userid: impl Into<String>) -> Pending<CreateUser> {
        Pending::new(&self.client, CreateUser::new(userid))
    }

    /// Changes a user.
    pub fn update_user(&self, userid: impl Into<String>) -> Pending<UpdateUser> {
        Pending::new(&self.client, UpdateUser::new(userid))
    }

    /// Deletes a user with tokens and rights.
    pub fn delete_user(&self, userid: impl Into<String>) -> Pending<DeleteUser> {
        Pending::new(&self.client, DeleteUser::new(userid))
    }

    /// Changes a user's password. Tokens may not: log in with user and password.
    pub fn set_password(
        &self,
        userid: impl Into<String>,
        password: SecretString,
    ) -> Pending<ChangePassword> {
        Pending::new(&self.client, ChangePassword::new(password, userid))
    }

    /// A user's tokens, without secrets.
    pub fn tokens(&self, userid: impl Into<String>) -> Pending<ListTokens> {
        Pending::new(&self.client, ListTokens::new(userid))
    }

    /// One token, without its secret.
    pub fn token(
        &self,
        userid: impl Into<String>,
        tokenid: impl Into<String>,
    ) -> Pending<GetToken> {
        Pending::new(&self.client, GetToken::new(userid, tokenid))
    }

    /// Makes a token. The answer's `value` is its secret and is shown this once. Without
    /// `privsep` set to false it starts with no rights at all.
    pub fn create_token(
        &self,
        userid: impl Into<String>,
        tokenid: impl Into<String>,
    ) -> Pending<CreateToken> {
        Pending::new(&self.client, CreateToken::new(userid, tokenid))
    }

    /// Changes a token; `regenerate` gives it a new secret (9.2 and later).
    pub fn update_token(
        &self,
        userid: impl Into<String>,
        tokenid: impl Into<String>,
    ) -> Pending<UpdateToken> {
        Pending::new(&self.client, UpdateToken::new(userid, tokenid))
    }

    /// Deletes a token.
    pub fn delete_token(
        &self,
        userid: impl Into<String>,
        tokenid: impl Into<String>,
    ) -> Pending<DeleteToken> {
        Pending::new(&self.client, DeleteToken::new(userid, tokenid))
    }

    /// The groups.
    pub fn groups(&self) -> Pending<ListGroups> {
        Pending::new(&self.client, ListGroups::new())
    }

    /// One group with its members.
    pub fn group(&self, groupid: impl Into<String>) -> Pending<GetGroup> {
        Pending::new(&self.client, GetGroup::new(groupid))
    }

    /// Makes a group.
    pub fn create_group(&self, groupid: impl Into<String>) -> Pending<CreateGroup> {
        Pending::new(&self.client, CreateGroup::new(groupid))
    }

    /// Changes a group's comment.
    pub fn update_group(&self, groupid: impl Into<String>) -> Pending<UpdateGroup> {
        Pending::new(&self.client, UpdateGroup::new(groupid))
    }

    /// Deletes a group; its users stay.
    pub fn delete_group(&self, groupid: impl Into<String>) -> Pending<DeleteGroup> {
        Pending::new(&self.client, DeleteGroup::new(groupid))
    }

    /// The roles with their privileges.
    pub fn roles(&self) -> Pending<ListRoles> {
        Pending::new(&self.client, ListRoles::new())
    }

    /// One role's privileges.
    pub fn role(&self, roleid: impl Into<String>) -> Pending<GetRole> {
        Pending::new(&self.client, GetRole::new(roleid))
    }

    /// Makes a role.
    pub fn create_role(&self, roleid: impl Into<String>) -> Pending<CreateRole> {
        Pending::new(&self.client, CreateRole::new(roleid))
    }

    /// Changes a role's privileges; with `append`, adds to them.
    pub fn update_role(&self, roleid: impl Into<String>) -> Pending<UpdateRole> {
        Pending::new(&self.client, UpdateRole::new(roleid))
    }

    /// Deletes a role.
    pub fn delete_role(&self, roleid: impl Into<String>) -> Pending<DeleteRole> {
        Pending::new(&self.client, DeleteRole::new(roleid))
    }

    /// Who has which role where.
    pub fn acl(&self) -> Pending<ListAcl> {
        Pending::new(&self.client, ListAcl::new())
    }

    /// Gives `users`, `groups` or `tokens` roles on a path; with `delete`, takes them away.
    pub fn update_acl(&self, path: impl Into<String>, roles: Vec<String>) -> Pending<UpdateAcl> {
        Pending::new(&self.client, UpdateAcl::new(path, roles))
    }

    /// The realms that users come from. Needs no credentials.
    pub fn realms(&self) -> Pending<ListRealms> {
        Pending::new(&self.client, ListRealms::new())
    }

    /// One realm's settings.
    pub fn realm(&self, realm: impl Into<String>) -> Pending<GetRealm> {
        Pending::new(&self.client, GetRealm::new(realm))
    }

    /// Copies users and groups from a directory.
    pub fn sync_realm(&self, realm: impl Into<String>) -> PendingTask<SyncRealm> {
        PendingTask::task(&self.client, SyncRealm::new(realm))
    }

    /// The second factors of all users.
    pub fn tfa(&self) -> Pending<ListTfa> {
        Pending::new(&self.client, ListTfa::new())
    }

    /// The second factors of one user.
    pub fn user_tfa(&self, userid: impl Into<String>) -> Pending<ListUserTfa> {
        Pending::new(&self.client, ListUserTfa::new(userid))
    }

    /// Takes a second factor away. Tokens may not: log in with user and password.
    pub fn delete_tfa(
        &self,
        userid: impl Into<String>,
        id: impl Into<String>,
    ) -> Pending<DeleteTfaEntry> {
        Pending::new(&self.client, DeleteTfaEntry::new(userid, id))
    }

    /// Lets a user try again whose second factor is locked.
    pub fn unlock_tfa(&self, userid: impl Into<String>) -> Pending<UnlockTfa> {
        Pending::new(&self.client, UnlockTfa::new(userid))
    }

    /// Where a browser logs in. Both calls of a login must reach the same node: give the client
    /// one endpoint.
    pub fn openid_auth_url(
        &self,
        realm: impl Into<String>,
        redirect_url: impl Into<String>,
    ) -> Pending<GetOpenIdAuthUrl> {
        Pending::new(&self.client, GetOpenIdAuthUrl::new(realm, redirect_url))
    }

    /// Ends a login in a browser with what it was sent back with. The ticket in the answer is
    /// for [`session`](crate::ProxmoxClientBuilder::session).
    pub fn openid_login(
        &self,
        code: impl Into<String>,
        redirect_url: impl Into<String>,
        state: impl Into<String>,
    ) -> Pending<LoginOpenId> {
        Pending::new(&self.client, LoginOpenId::new(code, redirect_url, state))
    }
}
