package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cosi-project/runtime/pkg/safe"
	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	machinetype "github.com/siderolabs/talos/pkg/machinery/config/machine"
	"github.com/siderolabs/talos/pkg/machinery/constants"
	"github.com/siderolabs/talos/pkg/machinery/resources/config"
	"google.golang.org/grpc/codes"
)

func logs(ctx context.Context, c *client.Client) error {
	stream, err := c.Logs(client.WithNode(ctx, controlPlane), constants.SystemContainerdNamespace,
		common.ContainerDriver_CONTAINERD, "etcd", false, 10)
	if err != nil {
		return err
	}

	r, err := client.ReadStream(stream)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck

	var text bytes.Buffer
	if _, err = text.ReadFrom(r); err != nil {
		return err
	}

	return want("lines", bytes.Count(text.Bytes(), []byte("\n")), 10)
}

// The config of a node, as the library itself reads it.
func machineConfig(ctx context.Context, c *client.Client) error {
	found, err := safe.StateGetByID[*config.MachineConfig](client.WithNode(ctx, worker), c.COSI, config.ActiveID)
	if err != nil {
		return err
	}

	provider := found.Provider()
	if err = want("type", provider.Machine().Type(), machinetype.TypeWorker); err != nil {
		return err
	}

	return want("cluster", provider.Cluster().Name(), "home")
}

func apply(ctx context.Context, c *client.Client) error {
	ctx = client.WithNode(ctx, worker)

	found, err := safe.StateGetByID[*config.MachineConfig](ctx, c.COSI, config.ActiveID)
	if err != nil {
		return err
	}

	text, err := found.Provider().Bytes()
	if err != nil {
		return err
	}

	text = bytes.Replace(text, []byte("machine:\n"), []byte("machine:\n    sysctls: {vm.swappiness: \"1\"}\n"), 1)

	answer, err := c.ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{
		Data: text,
		Mode: machine.ApplyConfigurationRequest_AUTO,
	})
	if err != nil {
		return err
	}

	if err = want("mode", answer.Messages[0].Mode, machine.ApplyConfigurationRequest_NO_REBOOT); err != nil {
		return err
	}

	found, err = safe.StateGetByID[*config.MachineConfig](ctx, c.COSI, config.ActiveID)
	if err != nil {
		return err
	}

	return want("sysctl", found.Provider().Machine().Sysctls()["vm.swappiness"], "1")
}

func upgrade(ctx context.Context, c *client.Client) error {
	ctx = client.WithNode(ctx, worker)

	watching, cancel := context.WithCancel(ctx)
	defer cancel()

	ch := make(chan client.EventResult, 100)
	if err := c.EventsWatchV2(watching, ch); err != nil {
		return err
	}

	answer, err := c.Upgrade(ctx, "ghcr.io/siderolabs/installer:v1.12.5", false, false)
	if err != nil {
		return err
	}

	actor := answer.Messages[0].ActorId
	if actor == "" {
		return errors.New("no actor id")
	}

	// The sequence is told under the id that was given.
	for started := false; !started; {
		select {
		case result := <-ch:
			if result.Error != nil {
				return result.Error
			}

			event, ok := result.Event.Payload.(*machine.SequenceEvent)
			started = ok && event.Sequence == "upgrade" && result.Event.ActorID == actor
		case <-ctx.Done():
			return ctx.Err()
		}
	}

	cancel()

	return eventually(ctx, func() error {
		answer, err := c.Version(ctx)
		if err != nil {
			return err
		}

		return want("version", answer.Messages[0].Version.Tag, "v1.12.5")
	})
}

// A cluster of its own: the library writes its configs and its credentials.
func newCluster(ctx context.Context, _ *client.Client) error {
	endpoint := os.Getenv("MAINTENANCE")

	input, err := generate.NewInput("mine", "https://192.168.1.100:6443", constants.DefaultKubernetesVersion,
		generate.WithInstallDisk("/dev/sda"),
		generate.WithEndpointList([]string{endpoint}))
	if err != nil {
		return err
	}

	provider, err := input.Config(machinetype.TypeControlPlane)
	if err != nil {
		return err
	}

	text, err := provider.Bytes()
	if err != nil {
		return err
	}

	insecure, err := client.New(ctx, client.WithEndpoints(endpoint),
		client.WithTLSConfig(&tls.Config{InsecureSkipVerify: true})) //nolint:gosec
	if err != nil {
		return err
	}
	defer insecure.Close() //nolint:errcheck

	_, err = insecure.Version(ctx)
	if err = want("version in maintenance mode", client.StatusCode(err), codes.Unimplemented); err != nil {
		return err
	}

	if _, err = insecure.ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{Data: text}); err != nil {
		return err
	}

	talosconfig, err := input.Talosconfig()
	if err != nil {
		return err
	}

	c, err := client.New(ctx, client.WithConfig(talosconfig), client.WithEndpoints(endpoint))
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck

	if err = eventually(ctx, func() error { return c.Bootstrap(ctx, &machine.BootstrapRequest{}) }); err != nil {
		return err
	}

	if err = eventually(ctx, func() error {
		answer, err := c.ServiceInfo(ctx, "etcd")
		if err != nil {
			return err
		}

		return want("etcd", answer[0].Service.State, "Running")
	}); err != nil {
		return err
	}

	err = c.Bootstrap(ctx, &machine.BootstrapRequest{})
	if err = want("a second bootstrap", client.StatusCode(err), codes.AlreadyExists); err != nil {
		return err
	}

	if err = c.ResetGeneric(ctx, &machine.ResetRequest{
		Reboot:                 true,
		SystemPartitionsToWipe: []*machine.ResetPartitionSpec{{Label: "STATE", Wipe: true}},
	}); err != nil {
		return err
	}

	// A machine without a config again.
	return eventually(ctx, func() error {
		_, err := insecure.Version(ctx)

		return want("version after the reset", client.StatusCode(err), codes.Unimplemented)
	})
}

func eventually(ctx context.Context, try func() error) error {
	for {
		err := try()
		if err == nil {
			return nil
		}

		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
	}
}
