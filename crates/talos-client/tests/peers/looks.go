package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/inspect"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/api/storage"
	timeapi "github.com/siderolabs/talos/pkg/machinery/api/time"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
)

var cri = &common.ContainerdInstance{Driver: common.ContainerDriver_CRI, Namespace: common.ContainerdNamespace_NS_CRI}

// look makes the calls that change nothing and are asked less often.
func look(ctx context.Context, c *client.Client, name, arg string) (value any, err error, known bool) {
	value, err = func() (any, error) {
		known = true

		switch name {
		case "kernel_hostname":
			return one(c.MachineClient.Hostname(ctx, &emptypb.Empty{}))(func(a *machine.HostnameResponse) any { return a.Messages[0].Hostname })
		case "load_average":
			return one(c.MachineClient.LoadAvg(ctx, &emptypb.Empty{}))(func(a *machine.LoadAvgResponse) any {
				l := a.Messages[0]

				return []any{object{"a": l.Load1}, object{"b": l.Load5}, object{"c": l.Load15}}
			})
		case "processors":
			return one(c.MachineClient.CPUInfo(ctx, &emptypb.Empty{}))(func(a *machine.CPUInfoResponse) any {
				return view(a.Messages[0].CpuInfo, func(p *machine.CPUInfo) any {
					return object{"number": p.Processor, "model": p.ModelName, "vendor": p.VendorId, "mhz": p.CpuMhz, "flags": texts(p.Flags)}
				})
			})
		case "cpu_frequencies":
			return one(c.MachineClient.CPUFreqStats(ctx, &emptypb.Empty{}))(func(a *machine.CPUFreqStatsResponse) any {
				return view(a.Messages[0].CpuFreqStats, func(f *machine.CPUFreqStats) any {
					return object{"now": f.CurrentFrequency * 1000, "most": f.MaximumFrequency * 1000, "governor": f.Governor}
				})
			})
		case "disk_stats":
			return one(c.MachineClient.DiskStats(ctx, &emptypb.Empty{}))(func(a *machine.DiskStatsResponse) any {
				return view(a.Messages[0].Devices, func(d *machine.DiskStat) any {
					return object{"name": d.Name, "reads": d.ReadCompleted, "read": d.ReadSectors * 512, "written": d.WriteSectors * 512}
				})
			})
		case "network_stats":
			return one(c.MachineClient.NetworkDeviceStats(ctx, &emptypb.Empty{}))(func(a *machine.NetworkDeviceStatsResponse) any {
				return view(a.Messages[0].Devices, func(d *machine.NetDev) any {
					return object{"name": d.Name, "received": d.RxBytes, "sent": d.TxBytes, "packets": d.TxPackets}
				})
			})
		case "netstat":
			request := &machine.NetstatRequest{
				Filter:  machine.NetstatRequest_LISTENING,
				Feature: &machine.NetstatRequest_Feature{Pid: true},
				L4Proto: &machine.NetstatRequest_L4Proto{Tcp: true, Tcp6: true, Udp: true, Udp6: true},
				Netns:   &machine.NetstatRequest_NetNS{Hostnetwork: true},
			}

			return one(c.Netstat(ctx, request))(func(a *machine.NetstatResponse) any {
				return view(a.Messages[0].Connectrecord, func(r *machine.ConnectRecord) any {
					return object{"protocol": r.L4Proto, "port": r.Localport, "pid": r.GetProcess().GetPid()}
				})
			})
		case "system_stat":
			return one(c.MachineClient.SystemStat(ctx, &emptypb.Empty{}))(func(a *machine.SystemStatResponse) any {
				s := a.Messages[0]

				return object{"boot": time.Unix(int64(s.BootTime), 0).UTC().Format(time.RFC3339), "cpus": len(s.Cpu), "switches": s.ContextSwitches, "user": s.CpuTotal.User}
			})
		case "time", "time_check":
			answer, err := c.Time(ctx)
			if name == "time_check" {
				answer, err = c.TimeCheck(ctx, arg)
			}

			return one(answer, err)(func(a *timeapi.TimeResponse) any {
				return object{"server": a.Messages[0].Server, "remote": a.Messages[0].Remotetime != nil}
			})
		case "storage_disks":
			return one(c.Disks(ctx))(func(a *storage.DisksResponse) any {
				return view(a.Messages[0].Disks, func(d *storage.Disk) any {
					return object{"device": d.DeviceName, "size": d.Size, "serial": d.Serial, "system": d.SystemDisk, "kind": strings.ToLower(d.Type.String())}
				})
			})
		case "controller_dependencies":
			return one(c.InspectClient.ControllerRuntimeDependencies(ctx, &emptypb.Empty{}))(func(a *inspect.ControllerRuntimeDependenciesResponse) any {
				return view(a.Messages[0].Edges, func(e *inspect.ControllerDependencyEdge) any {
					return object{"controller": e.ControllerName, "type": e.ResourceType, "namespace": e.ResourceNamespace, "id": e.ResourceId}
				})
			})
		case "container_stats":
			return one(c.Stats(ctx, "k8s.io", common.ContainerDriver_CRI))(func(a *machine.StatsResponse) any {
				return view(a.Messages[0].Stats, func(s *machine.Stat) any {
					return object{"id": s.Id, "memory": s.MemoryUsage, "cpu": s.CpuUsage}
				})
			})
		case "images":
			stream, err := c.ImageClient.List(ctx, &machine.ImageServiceListRequest{Containerd: cri})
			if err != nil {
				return nil, err
			}

			return collect(stream.Recv, func(i *machine.ImageServiceListResponse) any {
				return object{"name": i.Name, "digest": i.Digest, "size": i.Size}
			})
		case "image_verify":
			return one(c.ImageClient.Verify(ctx, &machine.ImageServiceVerifyRequest{ImageRef: arg}))(func(a *machine.ImageServiceVerifyResponse) any {
				return object{"verified": a.Verified, "message": a.Message}
			})
		case "credentials":
			request := &machine.GenerateClientConfigurationRequest{Roles: strings.Fields(arg), CrtTtl: durationpb.New(time.Hour)}

			return one(c.GenerateClientConfiguration(ctx, request))(func(a *machine.GenerateClientConfigurationResponse) any {
				text := string(a.Messages[0].Talosconfig)

				return object{"crt": strings.Contains(string(a.Messages[0].Crt), "CERTIFICATE"), "named": strings.Contains(text, strings.Fields(arg)[0]+"@")}
			})
		case "events":
			count, err := strconv.Atoi(arg)
			if err != nil {
				return nil, err
			}

			watched := make(chan client.EventResult, count)

			if err := c.EventsWatchV2(ctx, watched, client.WithTailEvents(int32(count))); err != nil {
				return nil, err
			}

			out := []any{}

			for len(out) < count {
				event := <-watched
				if event.Error != nil {
					return nil, event.Error
				}

				kind := event.Event.TypeURL
				out = append(out, kind[strings.LastIndex(kind, "/")+1:])
			}

			return out, nil
		case "watch":
			out := []any{}
			watched := make(chan state.Event)
			kind := resource.NewMetadata("runtime", arg, "", resource.VersionUndefined)

			if err := c.COSI.WatchKind(ctx, kind, watched, state.WithBootstrapContents(true)); err != nil {
				return nil, err
			}

			for event := range watched {
				switch event.Type {
				case state.Bootstrapped:
					return out, nil
				case state.Errored:
					return nil, event.Error
				default:
					out = append(out, event.Resource.Metadata().ID())
				}
			}

			return nil, fmt.Errorf("the watch ended")
		}

		known = false

		return nil, nil
	}()

	return value, err, known
}

func view[A any](items []A, each func(A) any) any {
	out := []any{}

	for _, item := range items {
		out = append(out, each(item))
	}

	return out
}

// texts is never null.
func texts(of []string) []string {
	return append([]string{}, of...)
}
