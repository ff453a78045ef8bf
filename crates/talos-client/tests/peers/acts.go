package main

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// act makes the calls that change something, or would.
func act(ctx context.Context, c *client.Client, name, arg string) (any, error) {
	switch name {
	case "service_restart":
		return one(c.ServiceRestart(ctx, arg))(func(a *machine.ServiceRestartResponse) any { return a.Messages[0].Resp })
	case "service_stop":
		return one(c.ServiceStop(ctx, arg))(func(a *machine.ServiceStopResponse) any { return a.Messages[0].Resp })
	case "service_start":
		return one(c.ServiceStart(ctx, arg))(func(a *machine.ServiceStartResponse) any { return a.Messages[0].Resp })
	case "container_restart":
		return nil, c.Restart(ctx, "k8s.io", common.ContainerDriver_CRI, arg)
	case "meta_write":
		key, value, _ := strings.Cut(arg, " ")
		number, err := strconv.ParseUint(key, 10, 8)
		if err != nil {
			return nil, err
		}

		return nil, c.MetaWrite(ctx, uint8(number), []byte(value))
	case "meta_delete":
		number, err := strconv.ParseUint(arg, 10, 8)
		if err != nil {
			return nil, err
		}

		return nil, c.MetaDelete(ctx, uint8(number))
	case "apply_dry":
		request := &machine.ApplyConfigurationRequest{Data: []byte(arg), Mode: machine.ApplyConfigurationRequest_AUTO, DryRun: true}

		return one(c.ApplyConfiguration(ctx, request))(func(a *machine.ApplyConfigurationResponse) any { return a.Messages[0].Warnings })
	case "bootstrap":
		return nil, c.Bootstrap(ctx, &machine.BootstrapRequest{})
	case "etcd_alarms":
		return one(c.EtcdAlarmList(ctx))(func(a *machine.EtcdAlarmListResponse) any { return len(a.Messages[0].MemberAlarms) })
	case "etcd_disarm":
		return one(c.EtcdAlarmDisarm(ctx))(func(a *machine.EtcdAlarmDisarmResponse) any { return len(a.Messages[0].MemberAlarms) })
	case "etcd_defragment":
		_, err := c.EtcdDefragment(ctx)

		return nil, err
	case "etcd_forfeit":
		return one(c.EtcdForfeitLeadership(ctx, &machine.EtcdForfeitLeadershipRequest{}))(func(a *machine.EtcdForfeitLeadershipResponse) any {
			return a.Messages[0].Member
		})
	case "etcd_remove":
		id, err := strconv.ParseUint(arg, 16, 64)
		if err != nil {
			return nil, err
		}

		return nil, c.EtcdRemoveMemberByID(ctx, &machine.EtcdRemoveMemberByIDRequest{MemberId: id})
	case "etcd_leave":
		return nil, c.EtcdLeaveCluster(ctx, &machine.EtcdLeaveClusterRequest{})
	case "etcd_downgrade_validate":
		return one(c.EtcdDowngradeValidate(ctx, &machine.EtcdDowngradeValidateRequest{Version: arg}))(func(a *machine.EtcdDowngradeValidateResponse) any {
			return a.Messages[0].ClusterDowngrade.ClusterVersion
		})
	case "etcd_downgrade_enable":
		return one(c.EtcdDowngradeEnable(ctx, &machine.EtcdDowngradeEnableRequest{Version: arg}))(func(a *machine.EtcdDowngradeEnableResponse) any {
			return a.Messages[0].ClusterDowngrade.ClusterVersion
		})
	case "etcd_downgrade_cancel":
		return one(c.EtcdDowngradeCancel(ctx))(func(a *machine.EtcdDowngradeCancelResponse) any {
			return a.Messages[0].ClusterDowngrade.ClusterVersion
		})
	case "wipe":
		request := &storage.BlockDeviceWipeRequest{Devices: []*storage.BlockDeviceWipeDescriptor{{Device: arg}}}

		return nil, c.BlockDeviceWipe(ctx, request)
	case "capture":
		r, err := c.PacketCapture(ctx, &machine.PacketCaptureRequest{Interface: arg})
		if err != nil {
			return nil, err
		}

		_, err = io.Copy(io.Discard, r)

		return nil, err
	case "image_remove":
		_, err := c.ImageClient.Remove(ctx, &machine.ImageServiceRemoveRequest{Containerd: cri, ImageRef: arg})

		return nil, err
	case "image_pull":
		stream, err := c.ImageClient.Pull(ctx, &machine.ImageServicePullRequest{Containerd: cri, ImageRef: arg})
		if err != nil {
			return nil, err
		}

		names, err := collect(stream.Recv, func(p *machine.ImageServicePullResponse) any { return p.GetName() })
		if err != nil {
			return nil, err
		}

		frames := names.([]any)

		return frames[len(frames)-1], nil
	case "install":
		stream, err := c.LifecycleClient.Install(ctx, &machine.LifecycleServiceInstallRequest{
			Containerd:  &common.ContainerdInstance{Driver: common.ContainerDriver_CRI, Namespace: common.ContainerdNamespace_NS_SYSTEM},
			Source:      &machine.InstallArtifactsSource{ImageName: arg},
			Destination: &machine.InstallDestination{Disk: "/dev/sda"},
		})
		if err != nil {
			return nil, err
		}

		return collect(stream.Recv, func(*machine.LifecycleServiceInstallResponse) any { return "" })
	case "rollback":
		return nil, c.Rollback(ctx)
	case "reboot":
		return one(c.RebootWithResponse(ctx))(func(a *machine.RebootResponse) any { return a.Messages[0].ActorId != "" })
	case "shutdown":
		return one(c.ShutdownWithResponse(ctx))(func(a *machine.ShutdownResponse) any { return a.Messages[0].ActorId != "" })
	case "reset":
		return one(c.ResetGenericWithResponse(ctx, &machine.ResetRequest{Graceful: true, Reboot: true}))(func(a *machine.ResetResponse) any {
			return a.Messages[0].ActorId != ""
		})
	}

	return nil, status.Error(codes.Internal, fmt.Sprintf("no call %q", name))
}
