package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/cluster"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"google.golang.org/grpc/codes"
)

// A call to a node, by the name that the table of the test gives it.
type call struct {
	Name string `json:"name"`
	Node string `json:"node"`
	Arg  string `json:"arg"`
}

type callAnswer struct {
	Value any `json:"value"`
	// Code is the gRPC status of a call that failed.
	Code string `json:"code"`
}

func makeCalls(calls []call) ([]callAnswer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.New(ctx, client.WithDefaultConfig())
	if err != nil {
		return nil, err
	}

	defer c.Close() //nolint:errcheck

	answers := make([]callAnswer, 0, len(calls))

	for _, one := range calls {
		value, err := makeCall(client.WithNode(ctx, one.Node), c, one.Name, one.Arg)
		if err != nil {
			// Resources come with errors of their own kinds.
			code := client.StatusCode(err)
			if state.IsNotFoundError(err) {
				code = codes.NotFound
			}

			fmt.Fprintln(os.Stderr, one.Name, err)
			answers = append(answers, callAnswer{Code: code.String()})

			continue
		}

		answers = append(answers, callAnswer{Value: value})
	}

	return answers, nil
}

type object = map[string]any

func makeCall(ctx context.Context, c *client.Client, name, arg string) (any, error) {
	switch name {
	case "version":
		return one(c.Version(ctx))(func(a *machine.VersionResponse) any {
			v := a.Messages[0]

			return object{"tag": v.Version.Tag, "arch": v.Version.Arch, "platform": v.Platform.Name, "mode": v.Platform.Mode, "rbac": v.Features.Rbac}
		})
	case "memory":
		return one(c.Memory(ctx))(func(a *machine.MemoryResponse) any {
			return a.Messages[0].Meminfo.Memtotal * 1024
		})
	case "services":
		return one(c.ServiceList(ctx))(func(a *machine.ServiceListResponse) any {
			out := []any{}
			for _, s := range a.Messages[0].Services {
				out = append(out, object{"id": s.Id, "state": s.State, "healthy": s.Health.Healthy || s.Health.Unknown})
			}

			return out
		})
	case "mounts":
		return one(c.Mounts(ctx))(func(a *machine.MountsResponse) any {
			out := []any{}
			for _, m := range a.Messages[0].Stats {
				out = append(out, object{"source": m.Filesystem, "target": m.MountedOn, "size": m.Size})
			}

			return out
		})
	case "processes":
		return one(c.Processes(ctx))(func(a *machine.ProcessesResponse) any {
			out := []any{}
			for _, p := range a.Messages[0].Processes {
				out = append(out, object{"pid": p.Pid, "command": p.Command})
			}

			return out
		})
	case "containers":
		return one(c.Containers(ctx, "k8s.io", common.ContainerDriver_CRI))(func(a *machine.ContainersResponse) any {
			out := []any{}
			for _, p := range a.Messages[0].Containers {
				out = append(out, p.Id)
			}

			return out
		})
	case "etcd_members":
		return one(c.EtcdMemberList(ctx, &machine.EtcdMemberListRequest{}))(func(a *machine.EtcdMemberListResponse) any {
			out := []any{}
			for _, m := range a.Messages[0].Members {
				out = append(out, object{"id": fmt.Sprintf("%016x", m.Id), "hostname": m.Hostname, "peer_urls": m.PeerUrls, "learner": m.IsLearner})
			}

			return out
		})
	case "etcd_status":
		return one(c.EtcdStatus(ctx))(func(a *machine.EtcdStatusResponse) any {
			s := a.Messages[0].MemberStatus

			return object{"member": fmt.Sprintf("%016x", s.MemberId), "leader": fmt.Sprintf("%016x", s.Leader), "version": s.ProtocolVersion, "size": s.DbSize, "term": s.RaftTerm}
		})
	case "etcd_snapshot":
		r, err := c.EtcdSnapshot(ctx, &machine.EtcdSnapshotRequest{})
		if err != nil {
			return nil, err
		}

		hash := sha256.New()
		size, err := io.Copy(hash, r)

		return object{"size": size, "sha256": fmt.Sprintf("%x", hash.Sum(nil))}, err
	case "read":
		r, err := c.Read(ctx, arg)
		if err != nil {
			return nil, err
		}

		text, err := io.ReadAll(r)

		return string(text), err
	case "kubeconfig":
		text, err := c.Kubeconfig(ctx)

		return strings.Contains(string(text), "kind: Config"), err
	case "list":
		stream, err := c.LS(ctx, &machine.ListRequest{Root: arg, Recurse: true})
		if err != nil {
			return nil, err
		}

		return collect(stream.Recv, func(f *machine.FileInfo) any {
			return object{"path": f.Name, "size": f.Size, "permissions": f.Mode & 0o777, "link": f.Link}
		})
	case "disk_usage":
		stream, err := c.DiskUsage(ctx, &machine.DiskUsageRequest{Paths: []string{arg}, RecursionDepth: 1})
		if err != nil {
			return nil, err
		}

		return collect(stream.Recv, func(f *machine.DiskUsageInfo) any {
			return object{"path": f.Name, "size": f.Size}
		})
	case "dmesg":
		stream, err := c.Dmesg(ctx, false, false)
		if err != nil {
			return nil, err
		}

		return collect(stream.Recv, func(d *common.Data) any {
			_, text, _ := strings.Cut(string(d.Bytes), "]: ")

			return strings.TrimSpace(text)
		})
	case "logs":
		stream, err := c.Logs(ctx, "system", common.ContainerDriver_CONTAINERD, arg, false, -1)
		if err != nil {
			return nil, err
		}

		r, err := client.ReadStream(stream)
		if err != nil {
			return nil, err
		}

		text, err := io.ReadAll(r)

		return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n"), err
	case "logs_containers":
		return one(c.LogsContainers(ctx))(func(a *machine.LogsContainersResponse) any { return a.Messages[0].Ids })
	case "members":
		list, err := safe.StateListAll[*cluster.Member](ctx, c.COSI)

		return each(list, err, func(m *cluster.Member) any {
			return object{"id": m.Metadata().ID(), "hostname": m.TypedSpec().Hostname, "type": m.TypedSpec().MachineType.String(), "addresses": m.TypedSpec().Addresses}
		})
	case "links":
		list, err := safe.StateListAll[*network.LinkStatus](ctx, c.COSI)

		return each(list, err, func(l *network.LinkStatus) any {
			return object{"id": l.Metadata().ID(), "mac": l.TypedSpec().HardwareAddr.String(), "mtu": l.TypedSpec().MTU}
		})
	case "disks":
		list, err := safe.StateListAll[*block.Disk](ctx, c.COSI)

		return each(list, err, func(d *block.Disk) any {
			return object{"id": d.Metadata().ID(), "size": d.TypedSpec().Size, "path": d.TypedSpec().DevPath}
		})
	case "hostname":
		h, err := safe.StateGetByID[*network.HostnameStatus](ctx, c.COSI, network.HostnameID)
		if err != nil {
			return nil, err
		}

		return object{"hostname": h.TypedSpec().Hostname, "domain": h.TypedSpec().Domainname}, nil
	case "machine_status":
		m, err := safe.StateGetByID[*runtime.MachineStatus](ctx, c.COSI, runtime.MachineStatusID)
		if err != nil {
			return nil, err
		}

		return object{"stage": m.TypedSpec().Stage.String(), "ready": m.TypedSpec().Status.Ready}, nil
	case "absent":
		_, err := c.COSI.Get(ctx, resource.NewMetadata("network", network.HostnameStatusType, "nothing", resource.VersionUndefined))

		return nil, err
	case "unknown_type":
		_, err := c.COSI.List(ctx, resource.NewMetadata("network", "Nothings.net.talos.dev", "", resource.VersionUndefined))

		return nil, err
	}

	if value, err, known := look(ctx, c, name, arg); known {
		return value, err
	}

	return act(ctx, c, name, arg)
}

// one turns an answer into what is compared.
func one[A any](answer A, err error) func(func(A) any) (any, error) {
	return func(view func(A) any) (any, error) {
		if err != nil {
			return nil, err
		}

		return view(answer), nil
	}
}

func each[R resource.Resource](list safe.List[R], err error, view func(R) any) (any, error) {
	if err != nil {
		return nil, err
	}

	out := []any{}

	for r := range list.All() {
		out = append(out, view(r))
	}

	return out, nil
}

func collect[A any](next func() (A, error), view func(A) any) (any, error) {
	out := []any{}

	for {
		item, err := next()

		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case err != nil:
			return nil, err
		}

		out = append(out, view(item))
	}
}
