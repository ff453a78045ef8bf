//! `ProxmoxAccess`.

use homelab_core::Result;
use proxmox_client::endpoints::{
    ChangePassword, CreateGroup, CreateRole, CreateToken, CreateUser, DeleteGroup, DeleteRole,
    DeleteTfaEntry, DeleteToken, DeleteUser, GetGroup, GetOpenIdAuthUrl, GetRealm, GetRole,
    GetToken, GetUser, ListAcl, ListGroups, ListRealms, ListRoles, ListTfa, ListTokens,
    ListUserTfa, ListUsers, SyncRealm, UnlockTfa, UpdateAcl, UpdateGroup, UpdateRole, UpdateToken,
    UpdateUser,
};

use super::place::Place;
use crate::handle::{Object, no_method};
use crate::{Args, Handle, Reply};

pub(crate) async fn access(place: &Place, method: &str, args: &mut Args) -> Result<Reply> {
    match method {
        "users" => place.data::<ListUsers>(args).await,
        "user" => place.data::<GetUser>(args).await,
        "create_user" => place.done::<CreateUser>(args).await,
        "update_user" => place.done::<UpdateUser>(args).await,
        "delete_user" => place.done::<DeleteUser>(args).await,
        "set_password" => place.done::<ChangePassword>(args).await,
        "tokens" => place.data::<ListTokens>(args).await,
        "token" => place.data::<GetToken>(args).await,
        "create_token" => place.data::<CreateToken>(args).await,
        "update_token" => place.data::<UpdateToken>(args).await,
        "delete_token" => place.done::<DeleteToken>(args).await,
        "groups" => place.data::<ListGroups>(args).await,
        "group" => place.data::<GetGroup>(args).await,
        "create_group" => place.done::<CreateGroup>(args).await,
        "update_group" => place.done::<UpdateGroup>(args).await,
        "delete_group" => place.done::<DeleteGroup>(args).await,
        "roles" => place.data::<ListRoles>(args).await,
        "role" => place.data::<GetRole>(args).await,
        "create_role" => place.done::<CreateRole>(args).await,
        "update_role" => place.done::<UpdateRole>(args).await,
        "delete_role" => place.done::<DeleteRole>(args).await,
        "acl" => place.data::<ListAcl>(args).await,
        "update_acl" => place.done::<UpdateAcl>(args).await,
        "realms" => place.data::<ListRealms>(args).await,
        "realm" => place.data::<GetRealm>(args).await,
        "sync_realm" => place.task::<SyncRealm>(args).await,
        "tfa" => place.data::<ListTfa>(args).await,
        "user_tfa" => place.data::<ListUserTfa>(args).await,
        "delete_tfa" => place.done::<DeleteTfaEntry>(args).await,
        "unlock_tfa" => place.data::<UnlockTfa>(args).await,
        "openid_login" => {
            let (code, url): (String, String) = (args.take("code")?, args.take("redirect_url")?);
            let state: String = args.take("state")?;
            let ticket = place.pve.access().openid_login(code, url, state).await?;
            Ok(Handle::new(Object::ProxmoxClient(place.pve.with_session(ticket)?)).into())
        }
        "openid_auth_url" => place.data::<GetOpenIdAuthUrl>(args).await,
        _ => Err(no_method("ProxmoxAccess", method)),
    }
}
