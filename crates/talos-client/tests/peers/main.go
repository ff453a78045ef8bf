// The official Go implementation of Talos' machine configuration and of its
// client, as a judge of ours. It reads one JSON value from standard input and writes
// one to standard output.
//
//	go run . patch     < cases.json
//	go run . generate  < inputs.json
//	go run . calls     < calls.json
//	go run . key       < identity.json
//	go run . verify    < signed.json
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if len(os.Args) != 2 {
		fail(fmt.Errorf("one of patch, generate, calls, key and verify is needed"))
	}

	switch os.Args[1] {
	case "patch":
		answer(judgePatches)
	case "generate":
		answer(judgeGenerated)
	case "calls":
		answer(makeCalls)
	case "key":
		answer(makeKey)
	case "verify":
		answer(verifyCalls)
	default:
		fail(fmt.Errorf("%q is none of patch, generate, calls, key and verify", os.Args[1]))
	}
}

func answer[In, Out any](judge func(In) (Out, error)) {
	var in In

	if err := json.NewDecoder(os.Stdin).Decode(&in); err != nil {
		fail(err)
	}

	out, err := judge(in)
	if err != nil {
		fail(err)
	}

	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
