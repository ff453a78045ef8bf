package main

import (
	"fmt"
	"time"

	"github.com/ProtonMail/gopenpgp/v2/crypto"
	"github.com/siderolabs/go-api-signature/pkg/message"
	"github.com/siderolabs/go-api-signature/pkg/pgp"
	"github.com/siderolabs/go-api-signature/pkg/serviceaccount"
	"google.golang.org/grpc/metadata"
)

type identity struct {
	Name string `json:"name"`
}

type newKey struct {
	Armored string `json:"armored"`
	// Account is the key as a service account has it.
	Account string `json:"account"`
}

// makeKey makes a key as a login does.
func makeKey(of identity) (newKey, error) {
	key, err := pgp.GenerateKey(of.Name, "", of.Name, time.Hour)
	if err != nil {
		return newKey{}, err
	}

	armored, err := key.Armor()
	if err != nil {
		return newKey{}, err
	}

	account, err := serviceaccount.Encode(of.Name, key)

	return newKey{Armored: armored, Account: account}, err
}

type signedCall struct {
	Armored string              `json:"armored"`
	Method  string              `json:"method"`
	Headers map[string][]string `json:"headers"`
}

type verdict struct {
	Identity string `json:"identity"`
	// Error is why Omni would refuse the call.
	Error string `json:"error"`
}

// verifyCalls looks at calls as Omni does.
func verifyCalls(calls []signedCall) ([]verdict, error) {
	out := make([]verdict, 0, len(calls))

	for _, call := range calls {
		private, err := crypto.NewKeyFromArmored(call.Armored)
		if err != nil {
			return nil, err
		}

		key, err := pgp.NewKey(private)
		if err != nil {
			return nil, err
		}

		md := metadata.MD{}
		for name, values := range call.Headers {
			md.Append(name, values...)
		}

		signed := message.NewGRPC(md, call.Method)

		signature, err := signed.Signature()
		if err != nil {
			return nil, err
		}

		err = signed.VerifySignature(key)
		if err == nil && signature.KeyFingerprint != key.Fingerprint() {
			err = fmt.Errorf("fingerprint %s, not %s", signature.KeyFingerprint, key.Fingerprint())
		}

		out = append(out, verdict{Identity: signature.Identity, Error: errorText(err)})
	}

	return out, nil
}

func errorText(err error) string {
	if err == nil {
		return ""
	}

	return err.Error()
}
