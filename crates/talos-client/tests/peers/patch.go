package main

import (
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/configpatcher"
	"github.com/siderolabs/talos/pkg/machinery/config/encoder"
)

// A configuration, a patch, and what we made of both.
type patchCase struct {
	Name   string `json:"name"`
	Config string `json:"config"`
	Patch  string `json:"patch"`
	// Ours is empty when we refused.
	Ours string `json:"ours"`
}

type patchVerdict struct {
	Name string `json:"name"`
	// Theirs and Ours are both in the spelling of the official encoder.
	Theirs string `json:"theirs"`
	Ours   string `json:"ours"`
	// Refused is why the official implementation refuses.
	Refused string `json:"refused"`
	// Unreadable is why it cannot read our result.
	Unreadable string `json:"unreadable"`
}

func judgePatches(cases []patchCase) ([]patchVerdict, error) {
	verdicts := make([]patchVerdict, 0, len(cases))

	for _, c := range cases {
		v := patchVerdict{Name: c.Name}

		theirs, err := applyPatch(c.Config, c.Patch)
		if err != nil {
			v.Refused = err.Error()
		}

		v.Theirs = theirs

		if c.Ours != "" {
			ours, err := normal(c.Ours)
			if err != nil {
				v.Unreadable = err.Error()
			}

			v.Ours = ours
		}

		verdicts = append(verdicts, v)
	}

	return verdicts, nil
}

func applyPatch(config, text string) (string, error) {
	patch, err := configpatcher.LoadPatch([]byte(text))
	if err != nil {
		return "", err
	}

	out, err := configpatcher.Apply(configpatcher.WithBytes([]byte(config)), []configpatcher.Patch{patch})
	if err != nil {
		return "", err
	}

	bytes, err := out.Bytes()
	if err != nil {
		return "", err
	}

	return normal(string(bytes))
}

// normal reads a configuration and writes it as the official encoder does.
func normal(text string) (string, error) {
	provider, err := configloader.NewFromBytes([]byte(text))
	if err != nil {
		return "", err
	}

	// What was read comes back as it was spelled; a clone does not.
	bytes, err := provider.Clone().EncodeBytes(encoder.WithComments(encoder.CommentsDisabled))
	if err != nil {
		return "", err
	}

	return string(bytes), nil
}
