package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
)

// BenchmarkStart starts a process with 1,000 services of 16 members on each
// plane, eight services an address. It takes the time from the start of the
// process until /healthz says that it forwards.
//
//	go test -run '^$' -bench Start -benchtime 5x ./gateway
func BenchmarkStart(b *testing.B) {
	if err := netns.Available(); err != nil {
		b.Skip(err)
	}
	const services, pods = 1000, 16
	for _, k := range planes.All() {
		b.Run(k.Name, func(b *testing.B) {
			bed, err := testbed.New(pods, 1)
			require.NoError(b, err)
			defer func() { require.NoError(b, bed.Close()) }()
			require.NoError(b, bed.PrepareXDP())
			s := starter{dir: b.TempDir(), router: bed.Router}
			require.NoError(b, s.write(k.Name, services, pods))
			var starts []float64
			for b.Loop() {
				began := time.Now()
				end, err := s.start()
				starts = append(starts, time.Since(began).Seconds()*1000)
				b.StopTimer()
				require.NoError(b, err)
				require.NoError(b, end())
				b.StartTimer()
			}
			slices.Sort(starts)
			b.ReportMetric(starts[len(starts)/2], "ms/start")
			b.ReportMetric(starts[len(starts)-1], "ms/slowest-start")
		})
	}
}

// A starter starts gateways with one configuration.
type starter struct {
	dir    string
	router *netns.Namespace
}

func (s starter) file() string   { return filepath.Join(s.dir, "f.json") }
func (s starter) socket() string { return filepath.Join(s.dir, "control") }

// write writes a configuration whose services have a member behind each pod.
func (s starter) write(io string, services, pods int) error {
	type member struct {
		ID   string `json:"id"`
		Dev  string `json:"dev"`
		Addr string `json:"addr"`
		MAC  string `json:"mac"`
	}
	list := make([]any, services)
	for i := range list {
		members := make([]member, pods)
		for j := range members {
			mac := testbed.MAC(j+1, 2)
			members[j] = member{fmt.Sprintf("pod%d-%d", i, j+1), fmt.Sprint("lp", j+1), fmt.Sprintf("10.9.%d.2", j+1),
				net.HardwareAddr(mac[:]).String()}
		}
		list[i] = map[string]any{"name": fmt.Sprint("service", i), "vip": fmt.Sprintf("172.16.%d.%d", i/8/256, i/8%256),
			"protocol": "tcp", "ports": 80 + i%8, "members": members}
	}
	data, err := json.MarshalIndent(map[string]any{"in": "lc", "control": "unix:" + s.socket(), "io": io,
		"services": list}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(s.file(), data, 0o600)
}

// start returns when a process is healthy. The function end ends it.
func (s starter) start() (end func() error, err error) {
	var log bytes.Buffer
	child := exec.Command(os.Args[0], "run", "-config", s.file()) //nolint:noctx // it is told to end, below
	child.Stdout, child.Stderr = &log, &log
	if err := s.router.Do(child.Start); err != nil {
		return nil, err
	}
	end = func() error {
		_ = child.Process.Signal(os.Interrupt)
		if err := child.Wait(); err != nil {
			return fmt.Errorf("%w: %s", err, log.String())
		}
		return nil
	}
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", s.socket())
		},
	}}
	for began := time.Now(); time.Since(began) < time.Minute; time.Sleep(time.Millisecond) {
		resp, err := client.Get("http://gateway/healthz") //nolint:noctx // it is answered at once, or not at all
		if err != nil {
			continue
		}
		if err := resp.Body.Close(); err != nil {
			return end, err
		}
		if resp.StatusCode == http.StatusOK {
			return end, nil
		}
	}
	return end, fmt.Errorf("no health within a minute: %w", end())
}
