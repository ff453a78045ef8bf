//! Calls that change etcd, by the node they are sent to.

use talos_proto::machine as pb;
use tonic::Status;

use crate::talos::local::Local;
use crate::world::{EtcdAlarm, EtcdRefusal, State};

/// What etcd says is plain text with no code, but for the member that is not there.
fn refused(refusal: &EtcdRefusal) -> Status {
    match refusal {
        EtcdRefusal::NotFound => Status::not_found(refusal.to_string()),
        other => Status::unknown(other.to_string()),
    }
}

/// Changes etcd through a control plane node.
pub(super) fn change<T>(
    local: &Local,
    change: impl FnOnce(&mut State) -> Result<T, EtcdRefusal>,
) -> Result<T, Status> {
    if !local.node(|_, node| node.control_plane())? {
        return Err(Status::unimplemented("etcd does not run on worker nodes"));
    }
    local.change_state(|state| change(state).map_err(|e| refused(&e)))
}

/// Disarms all alarms, and says which.
pub(super) fn disarm(local: &Local) -> Result<Vec<pb::EtcdMemberAlarm>, Status> {
    let now = local.shared.world.now();
    change(local, |state| {
        let (etcd, _) = state.etcd_of(&local.name)?;
        if !etcd.has_quorum() {
            return Err(EtcdRefusal::NoLeader);
        }
        let alarms = etcd.disarm(now);
        Ok(alarms.into_iter().map(alarm).collect())
    })
}

pub(super) fn alarm((member_id, alarm): (u64, EtcdAlarm)) -> pb::EtcdMemberAlarm {
    use pb::etcd_member_alarm::AlarmType;
    let kind = match alarm {
        EtcdAlarm::NoSpace => AlarmType::Nospace,
        EtcdAlarm::Corrupt => AlarmType::Corrupt,
    };
    pb::EtcdMemberAlarm {
        member_id,
        alarm: kind.into(),
    }
}

/// What a call about a downgrade asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Downgrade<'a> {
    Validate(&'a str),
    Enable(&'a str),
    Cancel,
}

/// etcd goes back by one minor release, and no further; the answer names the
/// version that the cluster has.
pub(super) fn downgrade(
    local: &Local,
    what: Downgrade<'_>,
) -> Result<pb::EtcdClusterDowngrade, Status> {
    change(local, |state| {
        let (etcd, _) = state.etcd_of(&local.name)?;
        if !etcd.has_quorum() {
            return Err(EtcdRefusal::NoLeader);
        }
        match what {
            Downgrade::Cancel => {
                etcd.downgrade.take().ok_or(EtcdRefusal::NoDowngrade)?;
            }
            Downgrade::Validate(version) | Downgrade::Enable(version) => {
                let (wanted, has) = (minor(version), minor(&etcd.version));
                let one_back = has.map(|(major, minor)| (major, minor.saturating_sub(1)));
                if wanted.is_none() || wanted != one_back {
                    return Err(EtcdRefusal::InvalidDowngrade);
                }
                if etcd.downgrade.is_some() {
                    return Err(EtcdRefusal::DowngradeInProgress);
                }
                if matches!(what, Downgrade::Enable(_)) {
                    etcd.downgrade = Some(version.to_owned());
                }
            }
        }
        Ok(pb::EtcdClusterDowngrade {
            cluster_version: etcd.version.clone(),
        })
    })
}

fn minor(text: &str) -> Option<(u32, u32)> {
    let mut parts = text.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
