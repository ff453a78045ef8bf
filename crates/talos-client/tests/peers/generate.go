package main

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/siderolabs/crypto/x509"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
	"github.com/siderolabs/talos/pkg/machinery/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
	"github.com/siderolabs/talos/pkg/machinery/config/generate"
	"github.com/siderolabs/talos/pkg/machinery/config/generate/secrets"
	"github.com/siderolabs/talos/pkg/machinery/config/machine"
)

// What we were asked to generate, and what we made.
type generateInput struct {
	Version      string   `json:"version"`
	Cluster      string   `json:"cluster"`
	Endpoint     string   `json:"endpoint"`
	Kubernetes   string   `json:"kubernetes"`
	InstallDisk  string   `json:"install_disk"`
	InstallImage string   `json:"install_image"`
	SANs         []string `json:"sans"`
	Secrets      string   `json:"secrets"`
	ControlPlane string   `json:"control_plane"`
	Worker       string   `json:"worker"`
	Talosconfig  string   `json:"talosconfig"`
}

type generateVerdict struct {
	Version string `json:"version"`
	// Problems is what the official implementation does not like; none is well.
	Problems []string `json:"problems"`
	// Pairs of texts in the official spelling that should be the same.
	ControlPlane [2]string `json:"control_plane"`
	Worker       [2]string `json:"worker"`
}

func judgeGenerated(inputs []generateInput) ([]generateVerdict, error) {
	verdicts := make([]generateVerdict, 0, len(inputs))

	for _, in := range inputs {
		v, err := judgeOne(in)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", in.Version, err)
		}

		verdicts = append(verdicts, v)
	}

	return verdicts, nil
}

func judgeOne(in generateInput) (generateVerdict, error) {
	v := generateVerdict{Version: in.Version, Problems: []string{}}

	folder, err := os.MkdirTemp("", "secrets")
	if err != nil {
		return v, err
	}

	defer os.RemoveAll(folder) //nolint:errcheck

	path := filepath.Join(folder, "secrets.yaml")
	if err = os.WriteFile(path, []byte(in.Secrets), 0o600); err != nil {
		return v, err
	}

	bundle, err := secrets.LoadBundle(path)
	if err != nil {
		return v, err
	}

	if err = bundle.Validate(); err != nil {
		v.Problems = append(v.Problems, "secrets: "+err.Error())
	}

	if _, err = bundle.Certs.K8sServiceAccount.GetKey(); err != nil {
		v.Problems = append(v.Problems, "service account key: "+err.Error())
	}

	contract, err := config.ParseContractFromVersion(in.Version)
	if err != nil {
		return v, err
	}

	input, err := generate.NewInput(in.Cluster, in.Endpoint, in.Kubernetes,
		generate.WithSecretsBundle(bundle),
		generate.WithVersionContract(contract),
		generate.WithInstallDisk(in.InstallDisk),
		generate.WithInstallImage(in.InstallImage),
		generate.WithAdditionalSubjectAltNames(in.SANs),
	)
	if err != nil {
		return v, err
	}

	for _, one := range []struct {
		kind machine.Type
		ours string
		pair *[2]string
	}{
		{machine.TypeControlPlane, in.ControlPlane, &v.ControlPlane},
		{machine.TypeWorker, in.Worker, &v.Worker},
	} {
		theirs, err := input.Config(one.kind)
		if err != nil {
			return v, err
		}

		bytes, err := theirs.EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
		if err != nil {
			return v, err
		}

		ours, err := configloader.NewFromBytes([]byte(one.ours))
		if err != nil {
			return v, fmt.Errorf("ours cannot be read: %w", err)
		}

		if _, err = ours.Validate(metal{}); err != nil {
			v.Problems = append(v.Problems, fmt.Sprintf("%s: %v", one.kind, err))
		}

		spelled, err := normal(one.ours)
		if err != nil {
			return v, err
		}

		*one.pair = [2]string{string(bytes), spelled}
	}

	if err := judgeTalosconfig(in.Talosconfig); err != nil {
		v.Problems = append(v.Problems, "talosconfig: "+err.Error())
	}

	return v, nil
}

func judgeTalosconfig(text string) error {
	c, err := clientconfig.FromString(text)
	if err != nil {
		return err
	}

	context, ok := c.Contexts[c.Context]
	if !ok {
		return fmt.Errorf("no context %q", c.Context)
	}

	crt, err := base64.StdEncoding.DecodeString(context.Crt)
	if err != nil {
		return err
	}

	key, err := base64.StdEncoding.DecodeString(context.Key)
	if err != nil {
		return err
	}

	pair := x509.PEMEncodedCertificateAndKey{Crt: crt, Key: key}

	cert, err := pair.GetCert()
	if err != nil {
		return err
	}

	if got := strings.Join(cert.Subject.Organization, ","); got != "os:admin" {
		return fmt.Errorf("roles %q", got)
	}

	_, err = pair.GetKey()

	return err
}

// metal is the platform that the configurations are meant for.
type metal struct{}

func (metal) String() string        { return "metal" }
func (metal) RequiresInstall() bool { return true }
func (metal) InContainer() bool     { return false }
