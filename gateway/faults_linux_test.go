package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// A faulty is a gateway on a router whose interfaces come and go. Its pods are
// in a namespace of their own, where each has the other end of a link.
type faulty struct {
	*testing.T
	router, pods *netns.Namespace
	client       http.Client
}

// newFaulty makes the namespaces and the interface that packets come in by.
func newFaulty(t *testing.T, name string) *faulty {
	t.Helper()
	needNamespaces(t)
	f := &faulty{T: t}
	for part, n := range map[string]**netns.Namespace{"-router": &f.router, "-pods": &f.pods} {
		var err error
		*n, err = netns.New(name + part)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, (*n).Close()) })
	}
	require.NoError(t, f.router.IP("link set lo up\nlink add lc type veth peer name lcp\nlink set lc up\nlink set lcp up\n"))
	return f
}

// plug makes the link of a pod, whose MAC address ends so.
func (f *faulty) plug(pod int, mac string) {
	f.Helper()
	require.NoError(f, f.router.IP(fmt.Sprintf("link add lp%[1]d type veth peer name e%[1]d address %[2]s netns %[3]s\n"+
		"addr add 10.9.%[1]d.1/24 dev lp%[1]d\nlink set lp%[1]d up\n", pod, mac, f.pods.Name())))
	require.NoError(f, f.pods.IP(fmt.Sprintf("addr add 10.9.%[1]d.2/24 dev e%[1]d\nlink set e%[1]d up\n", pod)))
}

func (f *faulty) unplug(pods ...int) {
	f.Helper()
	for _, p := range pods {
		require.NoError(f, f.router.IP(fmt.Sprintf("link del lp%d\n", p)))
	}
}

// run starts the gateway. Pods 1 and 2 have a MAC address in its file, pod 3
// has none.
func (f *faulty) run(io string) {
	f.Helper()
	dir := f.TempDir()
	file, socket := filepath.Join(dir, "f.json"), filepath.Join(dir, "control")
	require.NoError(f, os.WriteFile(file, fmt.Appendf(nil, `{"in": "lc", "vip": "172.16.0.20", "control": "unix:%s",
		"io": %q, "members": [
		{"id": "pod1", "dev": "lp1", "addr": "10.9.1.2", "mac": "02:00:00:01:01:02"},
		{"id": "pod2", "dev": "lp2", "addr": "10.9.2.2", "mac": "02:00:00:01:02:02"},
		{"id": "pod3", "dev": "lp3", "addr": "10.9.3.2"}]}`, socket, io), 0o600))
	var log bytes.Buffer
	child := exec.Command(os.Args[0], "run", "-config", file) //nolint:noctx // it is told to end, below
	child.Stdout, child.Stderr = &log, &log
	require.NoError(f, f.router.Do(child.Start))
	f.Cleanup(func() {
		_ = child.Process.Signal(os.Interrupt)
		assert.NoError(f, child.Wait())
		if f.Failed() {
			f.Log(log.String())
		}
	})
	f.client = http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	f.Cleanup(f.client.CloseIdleConnections)
}

// do makes a request, and returns its code and its answer; 0 if nobody answers.
func (f *faulty) do(method, path, body string) (int, string) {
	f.Helper()
	r, err := http.NewRequestWithContext(f.Context(), method, "http://gateway"+path, strings.NewReader(body))
	require.NoError(f, err)
	resp, err := f.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	answer, err := io.ReadAll(resp.Body)
	require.NoError(f, err)
	return resp.StatusCode, string(answer)
}

// becomes waits until the members are in these states, each "ID state", with
// the reason where one is given.
func (f *faulty) becomes(want ...string) {
	f.Helper()
	var is []string
	ok := assert.Eventually(f, func() bool {
		is = nil
		_, answer := f.do("GET", "/stats", "")
		var stats services.Stats
		if json.Unmarshal([]byte(answer), &stats) != nil || len(stats.Services) == 0 {
			return false
		}
		same := len(stats.Services[0].Members) == len(want)
		for i, m := range stats.Services[0].Members {
			is = append(is, strings.TrimSpace(fmt.Sprintf("%s %s %s", m.ID, m.State, m.Reason)))
			same = same && strings.HasPrefix(is[i], want[i])
		}
		return same
	}, time.Minute, 20*time.Millisecond)
	require.True(f, ok, "%q, not %q", is, want)
}

// TestInterfacesVanish is how containers die and come back: the link of a
// member vanishes, and returns, perhaps with another MAC address, in any order.
// Meanwhile everything else can be changed.
func TestInterfacesVanish(t *testing.T) {
	for _, kind := range planes.All() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, kind.Name)
			f.plug(1, "02:00:00:01:01:02")
			f.plug(2, "02:00:00:01:02:02")
			f.run(kind.Name)
			f.becomes("pod1 up", "pod2 up", "pod3 down plane: interface lp3: no such interface")
			f.plug(3, "02:00:00:01:03:02")
			f.becomes("pod1 up", "pod2 up", "pod3 up")

			f.unplug(2, 3)
			f.becomes("pod1 up", "pod2 down plane: interface lp2", "pod3 down plane: interface lp3")
			for _, change := range []struct {
				method, path, body string
				code               int
			}{
				{"POST", "/members/pod1/drain", "", 204},
				{"PUT", "/members/pod1", `{"weight": 3}`, 200},
				{"DELETE", "/members/pod2", "", 204},
				{"PUT", "/members/pod2", `{"dev": "lp2", "addr": "10.9.2.2"}`, 201},
			} {
				code, answer := f.do(change.method, change.path, change.body)
				require.Equal(t, change.code, code, "%s %s: %s", change.method, change.path, answer)
			}
			_, members := f.do("GET", "/members", "")
			code, answer := f.do("PUT", "/members", members)
			require.Equal(t, 200, code, "what GET gives, PUT takes: %s", answer)

			f.plug(2, "02:00:00:01:02:0a")
			f.becomes("pod1 up", "pod3 down", "pod2 up")
			f.plug(3, "02:00:00:01:03:0a")
			f.becomes("pod1 up", "pod3 up", "pod2 up")
			_, stats := f.do("GET", "/stats", "")
			assert.Contains(t, stats, `"mac":"02:00:00:01:03:0a"`)

			// Its address moves to another network card, which says so, as cards do.
			require.NoError(t, f.pods.IP("link set e3 address 02:00:00:01:03:0b\n"))
			require.NoError(t, f.router.IP("neigh flush dev lp3\n"))
			assert.Eventually(t, func() bool {
				_, stats := f.do("GET", "/stats", "")
				return strings.Contains(stats, `"mac":"02:00:00:01:03:0b"`)
			}, time.Minute, 20*time.Millisecond)
			f.becomes("pod1 up", "pod3 up", "pod2 up")
		})
	}
}
