// Drives the simulator with the client library that talosctl is built on, and
// reads the snapshot with etcd's own storage library. Prints one line for each
// check; the first one that fails ends it with a message.
//
//	TALOSCONFIG=... MAINTENANCE=<address of a machine without a config> \
//	TALOSCONFIG_113=<of a lab of v1.13> go run . <folder for the snapshot>
package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/cosi-project/runtime/pkg/controller/generic"
	"github.com/cosi-project/runtime/pkg/resource"
	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/cosi-project/runtime/pkg/state"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/block"
	"github.com/siderolabs/talos/pkg/machinery/resources/cluster"
	"github.com/siderolabs/talos/pkg/machinery/resources/etcd"
	"github.com/siderolabs/talos/pkg/machinery/resources/hardware"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"github.com/siderolabs/talos/pkg/machinery/resources/network"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"github.com/siderolabs/talos/pkg/machinery/resources/v1alpha1"
	bolt "go.etcd.io/bbolt"
	"google.golang.org/grpc/codes"
)

const (
	controlPlane = "192.168.1.50"
	worker       = "192.168.1.53"
)

type check struct {
	name string
	run  func(context.Context, *client.Client) error
}

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()

	c, err := client.New(ctx, client.WithDefaultConfig())
	if err != nil {
		fail("connect", err)
	}
	defer c.Close() //nolint:errcheck

	for _, check := range []check{
		{"version", version},
		{"services", services},
		{"memory and system stat", load},
		{"etcd members and status", etcdMembers},
		{"typed resources", resources},
		{"aliases", aliases},
		{"absent resources", absent},
		{"watch", watch},
		{"events", events},
		{"several nodes", several},
		{"snapshot", snapshot},
		{"logs", logs},
		{"machine config", machineConfig},
		{"apply", apply},
		{"upgrade", upgrade},
		{"new cluster", newCluster},
		{"installer", installer},
	} {
		if err := check.run(ctx, c); err != nil {
			fail(check.name, err)
		}

		fmt.Println("ok", check.name)
	}
}

func fail(name string, err error) {
	fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
	os.Exit(1)
}

func version(ctx context.Context, c *client.Client) error {
	answer, err := c.Version(client.WithNode(ctx, worker))
	if err != nil {
		return err
	}

	return want("tag", answer.Messages[0].Version.Tag, "v1.12.1")
}

func services(ctx context.Context, c *client.Client) error {
	answer, err := c.ServiceInfo(client.WithNode(ctx, controlPlane), "etcd")
	if err != nil {
		return err
	}

	if len(answer) != 1 {
		return fmt.Errorf("%d services named etcd", len(answer))
	}

	return want("health", answer[0].Service.Health.Healthy, true)
}

func load(ctx context.Context, c *client.Client) error {
	memory, err := c.Memory(client.WithNode(ctx, controlPlane))
	if err != nil {
		return err
	}

	if total := memory.Messages[0].Meminfo.Memtotal; total < 7<<20 || total > 8<<20 {
		return fmt.Errorf("%d KiB of memory", total)
	}

	stat, err := c.MachineClient.SystemStat(client.WithNode(ctx, controlPlane), nil)
	if err != nil {
		return err
	}

	if boot := time.Unix(int64(stat.Messages[0].BootTime), 0); time.Since(boot) < time.Hour {
		return fmt.Errorf("booted at %v", boot)
	}

	return nil
}

func etcdMembers(ctx context.Context, c *client.Client) error {
	members, err := c.EtcdMemberList(client.WithNode(ctx, controlPlane), &machine.EtcdMemberListRequest{})
	if err != nil {
		return err
	}

	status, err := c.EtcdStatus(client.WithNode(ctx, controlPlane))
	if err != nil {
		return err
	}

	leader := status.Messages[0].MemberStatus.Leader
	if !slices.ContainsFunc(members.Messages[0].Members, func(m *machine.EtcdMember) bool { return m.Id == leader }) {
		return fmt.Errorf("leader %016x is no member", leader)
	}

	_, err = c.EtcdStatus(client.WithNode(ctx, worker))

	return want("etcd on a worker", client.StatusCode(err), codes.Unimplemented)
}

func resources(ctx context.Context, c *client.Client) error {
	ctx = client.WithNode(ctx, controlPlane)

	members, err := safe.StateListAll[*cluster.Member](ctx, c.COSI)
	if err != nil {
		return err
	}

	if members.Len() != 4 {
		return fmt.Errorf("%d members", members.Len())
	}

	first := members.Get(0).TypedSpec()
	if err = want("address", first.Addresses[0].String(), controlPlane); err != nil {
		return err
	}

	link, err := safe.StateGetByID[*network.LinkStatus](ctx, c.COSI, "ens18")
	if err != nil {
		return err
	}

	mac := link.TypedSpec().HardwareAddr
	if err = want("MAC", fmt.Sprintf("%x", []byte(mac)), "bc241162666e"); err != nil {
		return err
	}

	status, err := safe.StateGetByID[*runtime.MachineStatus](ctx, c.COSI, runtime.MachineStatusID)
	if err != nil {
		return err
	}

	if err = want("stage", status.TypedSpec().Stage, runtime.MachineStageRunning); err != nil {
		return err
	}

	return errors.Join(
		get[*network.HostnameStatus](ctx, c, network.HostnameID),
		get[*network.NodeAddress](ctx, c, network.NodeAddressDefaultID),
		get[*hardware.SystemInformation](ctx, c, hardware.SystemInformationID),
		get[*runtime.ExtensionStatus](ctx, c, "0"),
		get[*runtime.SecurityState](ctx, c, runtime.SecurityStateID),
		get[*block.Disk](ctx, c, "sda"),
		get[*etcd.Member](ctx, c, etcd.LocalMemberID),
		get[*k8s.Nodename](ctx, c, k8s.NodenameID),
	)
}

func get[T generic.ResourceWithRD](ctx context.Context, c *client.Client, id string) error {
	_, err := safe.StateGetByID[T](ctx, c.COSI, id)

	return err
}

func aliases(ctx context.Context, c *client.Client) error {
	ctx = client.WithNode(ctx, controlPlane)

	for alias, full := range map[string]string{
		"members":    "Members.cluster.talos.dev",
		"extensions": "ExtensionStatuses.runtime.talos.dev",
		"links":      "LinkStatuses.net.talos.dev",
		"hostname":   "HostnameStatuses.net.talos.dev",
		"disk":       "Disks.block.talos.dev",
	} {
		namespace := ""

		definition, err := c.ResolveResourceKind(ctx, &namespace, alias)
		if err != nil {
			return err
		}

		if err = want(alias, definition.TypedSpec().Type, full); err != nil {
			return err
		}
	}

	return nil
}

func absent(ctx context.Context, c *client.Client) error {
	ctx = client.WithNode(ctx, controlPlane)

	_, err := safe.StateGetByID[*cluster.Member](ctx, c.COSI, "nobody")
	if !state.IsNotFoundError(err) {
		return fmt.Errorf("a member that is not there: %v", err)
	}

	_, err = c.COSI.List(ctx, resource.NewMetadata("cluster", "Nothings.cluster.talos.dev", "", resource.VersionUndefined))

	return want("an unknown type", client.StatusCode(err), codes.PermissionDenied)
}

func watch(ctx context.Context, c *client.Client) error {
	ctx, cancel := context.WithCancel(client.WithNode(ctx, controlPlane))
	defer cancel()

	kind := resource.NewMetadata(v1alpha1.NamespaceName, v1alpha1.ServiceType, "", resource.VersionUndefined)
	ch := make(chan state.Event)

	if err := c.COSI.WatchKind(ctx, kind, ch, state.WithBootstrapContents(true)); err != nil {
		return err
	}

	for created := 0; ; created++ {
		select {
		case event := <-ch:
			switch event.Type { //nolint:exhaustive
			case state.Created:
			case state.Bootstrapped:
				if created < 8 {
					return fmt.Errorf("only %d services", created)
				}

				return nil
			default:
				return fmt.Errorf("%v: %w", event.Type, event.Error)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func events(ctx context.Context, c *client.Client) error {
	ctx, cancel := context.WithCancel(client.WithNode(ctx, worker))
	defer cancel()

	ch := make(chan client.EventResult)

	if err := c.EventsWatchV2(ctx, ch, client.WithTailEvents(-1)); err != nil {
		return err
	}

	for {
		select {
		case result := <-ch:
			if result.Error != nil {
				return result.Error
			}

			status, ok := result.Event.Payload.(*machine.MachineStatusEvent)
			if ok && status.Stage == machine.MachineStatusEvent_RUNNING {
				return nil
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func several(ctx context.Context, c *client.Client) error {
	answer, err := c.Version(client.WithNodes(ctx, controlPlane, worker, "192.168.1.99"))
	if err == nil || answer == nil {
		return errors.New("the node that is not there is no error")
	}

	return want("answers", len(answer.Messages), 2)
}

func snapshot(ctx context.Context, c *client.Client) error {
	r, err := c.EtcdSnapshot(client.WithNode(ctx, controlPlane), &machine.EtcdSnapshotRequest{})
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck

	bytes, err := io.ReadAll(r)
	if err != nil {
		return err
	}

	if err = want("size % 512", len(bytes)%512, 32); err != nil {
		return err
	}

	database, sum := bytes[:len(bytes)-32], bytes[len(bytes)-32:]
	if sha256.Sum256(database) != [32]byte(sum) {
		return errors.New("the checksum is another one's")
	}

	path := filepath.Join(os.Args[1], "peer.snapshot")
	if err = os.WriteFile(path, database, 0o600); err != nil {
		return err
	}

	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true})
	if err != nil {
		return err
	}
	defer db.Close() //nolint:errcheck

	return db.View(func(tx *bolt.Tx) error {
		for err := range tx.Check() {
			return err
		}

		if keys := tx.Bucket([]byte("key")).Stats().KeyN; keys < 100 {
			return fmt.Errorf("%d revisions", keys)
		}

		return want("members", tx.Bucket([]byte("members")).Stats().KeyN, 3)
	})
}

func want[T comparable](what string, got, expected T) error {
	if got != expected {
		return fmt.Errorf("%s is %v, expected %v", what, got, expected)
	}

	return nil
}
