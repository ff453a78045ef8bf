package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/siderolabs/talos/pkg/machinery/api/common"
	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"google.golang.org/grpc/codes"
)

const installerImage = "ghcr.io/siderolabs/installer:v1.13.5"

// The way to upgrade since v1.13: pull, install, reboot; each by itself.
func installer(ctx context.Context, _ *client.Client) error {
	c, err := client.New(ctx, client.WithConfigFromFile(os.Getenv("TALOSCONFIG_113")))
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck

	ctx = client.WithNode(ctx, controlPlane)
	containerd := &common.ContainerdInstance{
		Driver:    common.ContainerDriver_CRI,
		Namespace: common.ContainerdNamespace_NS_SYSTEM,
	}

	upgrade := func() (int32, error) {
		stream, err := c.LifecycleClient.Upgrade(ctx, &machine.LifecycleServiceUpgradeRequest{
			Containerd: containerd,
			Source:     &machine.InstallArtifactsSource{ImageName: installerImage},
		})
		if err != nil {
			return 0, err
		}

		code, ended := int32(-1), false

		for !ended {
			message, err := stream.Recv()

			switch {
			case errors.Is(err, io.EOF):
				ended = true
			case err != nil:
				return 0, err
			default:
				if exit, ok := message.GetProgress().GetResponse().(*machine.LifecycleServiceInstallProgress_ExitCode); ok {
					code = exit.ExitCode
				}
			}
		}

		return code, nil
	}

	_, err = upgrade()
	if err = want("without the image", client.StatusCode(err), codes.NotFound); err != nil {
		return err
	}

	pull, err := c.ImageClient.Pull(ctx, &machine.ImageServicePullRequest{
		Containerd: containerd,
		ImageRef:   installerImage,
	})
	if err != nil {
		return err
	}

	name := ""

	for {
		message, err := pull.Recv()
		if errors.Is(err, io.EOF) {
			break
		}

		if err != nil {
			return err
		}

		name = message.GetName()
	}

	if name == "" {
		return errors.New("the last message of the pull has no name")
	}

	code, err := upgrade()
	if err != nil {
		return err
	}

	if err = want("exit code", code, 0); err != nil {
		return err
	}

	tag := func() error {
		answer, err := c.Version(ctx)
		if err != nil {
			return err
		}

		return want("version", answer.Messages[0].Version.Tag, "v1.13.5")
	}

	if tag() == nil {
		return fmt.Errorf("%s runs before the reboot", installerImage)
	}

	if err = c.Reboot(ctx); err != nil {
		return err
	}

	return eventually(ctx, tag)
}
