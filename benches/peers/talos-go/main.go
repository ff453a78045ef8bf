// The official Go client asks many nodes for their version, as talosctl does
// since v1.14: one call for each node, at the same time, over one connection.
//
//	TALOSCONFIG=... talos-go <node,node,…> <count>
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/siderolabs/talos/pkg/machinery/client"
	clientconfig "github.com/siderolabs/talos/pkg/machinery/client/config"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("nodes and a count are needed"))
	}

	nodes := strings.Split(os.Args[1], ",")

	count, err := strconv.Atoi(os.Args[2])
	if err != nil {
		fail(err)
	}

	config, err := clientconfig.Open(os.Getenv("TALOSCONFIG"))
	if err != nil {
		fail(err)
	}

	ctx := context.Background()
	endpoint := config.Contexts[config.Context].Endpoints[0]

	c, err := client.New(ctx, client.WithConfig(config), client.WithEndpoints(endpoint))
	if err != nil {
		fail(err)
	}

	defer c.Close() //nolint:errcheck

	for range 3 {
		fanOut(ctx, c, nodes)
	}

	before := cpu()
	walls := make([]float64, 0, count)

	for range count {
		start := time.Now()
		fanOut(ctx, c, nodes)
		walls = append(walls, time.Since(start).Seconds())
	}

	sort.Float64s(walls)

	out := map[string]float64{
		"wall_seconds": walls[len(walls)/2],
		"cpu_seconds":  (cpu() - before) / float64(count),
		"peak_rss_mib": peakRSS(),
	}

	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fail(err)
	}
}

func fanOut(ctx context.Context, c *client.Client, nodes []string) {
	var wait sync.WaitGroup

	for _, node := range nodes {
		wait.Go(func() {
			if _, err := c.Version(client.WithNode(ctx, node)); err != nil {
				fail(err)
			}
		})
	}

	wait.Wait()
}

// peakRSS is of this program alone; what getrusage says also counts the one
// that started it.
func peakRSS() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		fail(err)
	}

	for line := range strings.Lines(string(status)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			kib, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			if err != nil {
				fail(err)
			}

			return kib / 1024
		}
	}

	return 0
}

func cpu() float64 {
	var usage syscall.Rusage

	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		fail(err)
	}

	seconds := func(t syscall.Timeval) float64 { return float64(t.Sec) + float64(t.Usec)/1e6 }

	return seconds(usage.Utime) + seconds(usage.Stime)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
