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
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// A faulty is a gateway on a router whose interfaces come and go. Its pods are
// in a namespace of their own, where each has the other end of a link.
type faulty struct {
	*testing.T
	router, pods *netns.Namespace
	client       *netns.Namespace // its link to the router is lc there, and e0
	http         http.Client
	end          func() // ends the gateway, as SIGINT does
}

// newFaulty makes the namespaces and the interface that packets come in by.
func newFaulty(t *testing.T, name string) *faulty {
	t.Helper()
	needNamespaces(t)
	f := &faulty{T: t}
	for part, n := range map[string]**netns.Namespace{"-router": &f.router, "-pods": &f.pods, "-client": &f.client} {
		var err error
		*n, err = netns.New(name + part)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, (*n).Close()) })
	}
	require.NoError(t, f.router.IP("link set lo up\n"))
	return f
}

// connect makes the link of the client. The router's MAC address ends so.
func (f *faulty) connect(mac string) {
	f.Helper()
	require.NoError(f, f.router.IP("link add lc address "+mac+" type veth peer name e0 netns "+f.client.Name()+"\n"+
		"addr add 10.8.0.1/24 dev lc\nlink set lc up\n"))
	require.NoError(f, f.client.IP("addr add 10.8.0.2/24 dev e0\nlink set e0 up\n"+
		"route add 172.16.0.0/16 via 10.8.0.1\nneigh replace 10.8.0.1 lladdr "+mac+" dev e0\n"))
}

// plugAll makes the links of the first pods, with the MAC addresses that the
// configuration has.
func (f *faulty) plugAll(pods int) {
	f.Helper()
	for pod := range pods {
		f.plug(pod+1, fmt.Sprintf("02:00:00:01:%02d:02", pod+1))
	}
}

// plug makes the link of a pod, whose MAC address ends so.
func (f *faulty) plug(pod int, mac string) {
	f.Helper()
	require.NoError(f, f.router.IP(fmt.Sprintf(
		"link add lp%[1]d type veth peer name e%[1]d address %[2]s netns %[3]s\n"+
			"addr add 10.9.%[1]d.1/24 dev lp%[1]d\nlink set lp%[1]d up\n", pod, mac, f.pods.Name())))
	require.NoError(f, f.pods.IP(fmt.Sprintf("addr add 10.9.%[1]d.2/24 dev e%[1]d\nlink set e%[1]d up\n", pod)))
	require.NoError(f, f.pods.SetFeatures(fmt.Sprint("e", pod), true, netns.GRO)) // for xdp
}

func (f *faulty) unplug(pods ...int) {
	f.Helper()
	for _, p := range pods {
		require.NoError(f, f.router.IP(fmt.Sprintf("link del lp%d\n", p)))
	}
}

// run starts the gateway. Pods 1 and 2 have a MAC address in its file, pod 3
// has none. More is what the file has besides.
func (f *faulty) run(io string, more ...string) {
	f.Helper()
	f.serve(io, strings.Join(more, "")+`"members": [
		{"id": "pod1", "dev": "lp1", "addr": "10.9.1.2", "mac": "02:00:00:01:01:02"},
		{"id": "pod2", "dev": "lp2", "addr": "10.9.2.2", "mac": "02:00:00:01:02:02"},
		{"id": "pod3", "dev": "lp3", "addr": "10.9.3.2"}]`)
}

// serve starts the gateway with what its file has besides.
func (f *faulty) serve(io, more string) {
	f.Helper()
	dir := f.TempDir()
	file, socket := filepath.Join(dir, "f.json"), filepath.Join(dir, "control")
	require.NoError(f, os.WriteFile(file, fmt.Appendf(nil,
		`{"in": "lc", "vip": "172.16.0.20", "control": "unix:%s", "io": %q, %s}`, socket, io, more), 0o600))
	var log bytes.Buffer
	child := exec.Command(os.Args[0], "run", "-config", file) //nolint:noctx // it is told to end, below
	child.Stdout, child.Stderr = &log, &log
	require.NoError(f, f.router.Do(child.Start))
	f.end = sync.OnceFunc(func() {
		_ = child.Process.Signal(os.Interrupt)
		assert.NoError(f, child.Wait())
	})
	f.Cleanup(func() {
		f.end()
		if f.Failed() {
			f.Log(log.String())
		}
	})
	f.http = http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}}
	f.Cleanup(f.http.CloseIdleConnections)
}

// do makes a request, and returns its code and its answer; 0 if nobody answers.
func (f *faulty) do(method, path, body string) (int, string) {
	f.Helper()
	r, err := http.NewRequestWithContext(f.Context(), method, "http://gateway"+path, strings.NewReader(body))
	require.NoError(f, err)
	resp, err := f.http.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	answer, err := io.ReadAll(resp.Body)
	require.NoError(f, err)
	return resp.StatusCode, string(answer)
}

// stats returns what the gateway says of itself.
func (f *faulty) stats() (s services.Stats, ok bool) {
	f.Helper()
	_, answer := f.do("GET", "/stats", "")
	return s, json.Unmarshal([]byte(answer), &s) == nil && len(s.Services) > 0
}

// forwards sends datagrams of one flow until one more went to a member than
// were on their way before, and returns which member.
func (f *faulty) forwards() (id string) {
	f.Helper()
	before := f.settled()
	require.Eventually(f, func() bool {
		_ = f.client.Do(func() error {
			c, err := net.DialUDP("udp", &net.UDPAddr{Port: 5000}, &net.UDPAddr{IP: net.IPv4(172, 16, 0, 20), Port: 9})
			if err != nil {
				return err // its link is not there
			}
			defer c.Close() //nolint:errcheck // nothing is left to be sent
			_, err = c.Write([]byte("x"))
			return err
		})
		now, _ := f.stats()
		for _, s := range now.Services {
			for i, m := range s.Members {
				if m.Frames > before.Services[0].Members[i].Frames {
					id = m.ID
				}
			}
		}
		return id != ""
	}, time.Minute, 20*time.Millisecond)
	return id
}

// settled returns the counters when nothing has been counted for a while.
func (f *faulty) settled() (s services.Stats) {
	f.Helper()
	require.Eventually(f, func() bool {
		now, ok := f.stats()
		same := ok && now.In == s.In
		s = now
		return same
	}, time.Minute, 200*time.Millisecond)
	return s
}

// becomes waits until the members are in these states, each "ID state", with
// the reason where one is given.
func (f *faulty) becomes(want ...string) {
	f.Helper()
	f.becomesIn(0, want...)
}

// becomesIn does so with the members of a service.
func (f *faulty) becomesIn(service int, want ...string) {
	f.Helper()
	var is []string
	ok := assert.Eventually(f, func() bool {
		is = nil
		stats, ok := f.stats()
		if !ok {
			return false
		}
		members := stats.Services[service].Members
		same := len(members) == len(want)
		for i, m := range members {
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
			f.connect("02:00:00:00:00:01")
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
			_ = f.router.IP("neigh flush dev lp3\n") // what is found again at once it does not flush
			assert.Eventually(t, func() bool {
				_, stats := f.do("GET", "/stats", "")
				return strings.Contains(stats, `"mac":"02:00:00:01:03:0b"`)
			}, time.Minute, 20*time.Millisecond)
			f.becomes("pod1 up", "pod3 up", "pod2 up")
		})
	}
}

// TestInterfaceOfIn is about the interface that packets come in by: it may come
// after the gateway, vanish, return, and change its MAC address, as by VRRP or
// the fail-over of a bond. Flows keep their members through all of it.
func TestInterfaceOfIn(t *testing.T) {
	for _, kind := range planes.All() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, kind.Name+"-in")
			f.plugAll(3)
			f.run(kind.Name)
			f.becomes("pod1 up", "pod2 up", "pod3 up")
			code, answer := f.do("GET", "/healthz", "")
			assert.Equal(t, 503, code)
			assert.Contains(t, answer, "interface lc: no such interface")

			f.connect("02:00:00:00:00:01")
			member := f.forwards()
			code, answer = f.do("GET", "/healthz", "")
			assert.Equal(t, 200, code, answer)

			// Only the pin keeps the flow where it is, from now on.
			for pod := range 3 {
				id := fmt.Sprintf("pod%d", pod+1)
				if id == member {
					code, answer = f.do("POST", "/members/"+id+"/drain", "")
					require.Equal(t, 204, code, answer)
				}
			}
			require.NoError(t, f.router.IP("link del lc\n"))
			require.Eventually(t, func() bool {
				code, _ := f.do("GET", "/healthz", "")
				return code == 503
			}, time.Minute, 20*time.Millisecond)
			before, _ := f.stats()
			f.connect("02:00:00:00:00:02")
			assert.Equal(t, member, f.forwards(), "made anew")

			const mac = "02:00:00:00:00:03"
			require.NoError(t, f.router.IP("link set lc address "+mac+"\n"))
			require.NoError(t, f.client.IP("neigh replace 10.8.0.1 lladdr "+mac+" dev e0\n"))
			assert.Equal(t, member, f.forwards(), "with another address")
			now, _ := f.stats()
			assert.Greater(t, now.In.Frames, before.In.Frames)
			assert.GreaterOrEqual(t, now.Flows.Placed, before.Flows.Placed)
		})
	}
}

// TestChecks is about members whose link is up and who serve no more, and about
// those that come back.
func TestChecks(t *testing.T) {
	for _, kind := range planes.All() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, kind.Name+"-check")
			f.connect("02:00:00:00:00:01")
			f.plugAll(3)
			listen := func(pod int) (l net.Listener) {
				require.NoError(t, f.pods.Do(func() (err error) {
					l, err = net.Listen("tcp", fmt.Sprintf("10.9.%d.2:80", pod))
					return err
				}))
				t.Cleanup(func() { _ = l.Close() })
				return l
			}
			first := listen(1)
			listen(2)
			f.run(kind.Name, `"check": {"by": "tcp", "port": 80, "interval": "300ms", "timeout": "300ms"},`)
			f.becomes("pod1 up", "pod2 up", "pod3 down dial tcp 10.9.3.2:80: connect: connection refused")
			require.NoError(t, first.Close())
			f.becomes("pod1 down", "pod2 up", "pod3 down")
			assert.Equal(t, "pod2", f.forwards())
			listen(3)
			f.becomes("pod1 down", "pod2 up", "pod3 up")

			for _, c := range [][2]string{{"down", "pod2 down it was set down"}, {"up", "pod2 up"}} {
				code, answer := f.do("POST", "/members/pod2/"+c[0], "")
				require.Equal(t, 204, code, answer)
				f.becomes("pod1 down", c[1], "pod3 up")
			}
		})
	}
}

// TestKernelIsKept is about what the kernel needs: with "kernel" it is there
// whatever happens to interfaces, after a kill too, and gone at the end.
func TestKernelIsKept(t *testing.T) {
	f := newFaulty(t, "kernel")
	f.connect("02:00:00:00:00:01")
	f.plug(1, "02:00:00:01:01:02")
	f.run("afpacket", `"kernel": true, "services": [{"name": "link", "vip": "10.8.0.20", "members": []}],`)
	fine := func(about string) func() bool {
		return func() bool {
			list := f.host()[about]
			for _, l := range list {
				if l.Wrong {
					return false
				}
			}
			return len(list) > 0
		}
	}
	for _, vip := range []string{"172.16.0.20/32", "10.8.0.20/32"} {
		require.Eventually(t, fine(vip), time.Minute, 20*time.Millisecond, vip)
	}
	require.NoError(t, f.router.IP("link del lc\n"))
	require.Eventually(t, func() bool { return f.host()["10.8.0.20/32"] != nil && len(f.proxies()) == 0 }, time.Minute,
		20*time.Millisecond)
	f.connect("02:00:00:00:00:02")
	require.Eventually(t, func() bool { return strings.Contains(f.proxies(), "10.8.0.20 dev lc") }, time.Minute,
		20*time.Millisecond)
	require.Eventually(t, fine("10.8.0.20/32"), time.Minute, 20*time.Millisecond)
	f.end()
	assert.Empty(t, f.proxies())
}

// host returns what the gateway says of its host.
func (f *faulty) host() map[string][]host.Finding {
	f.Helper()
	var s struct{ Host []host.Finding }
	_, answer := f.do("GET", "/stats", "")
	_ = json.Unmarshal([]byte(answer), &s)
	found := make(map[string][]host.Finding)
	for _, h := range s.Host {
		found[h.About] = append(found[h.About], h)
	}
	return found
}

func (f *faulty) proxies() (out string) {
	f.Helper()
	require.NoError(f, f.router.Do(func() error {
		text, err := exec.CommandContext(f.Context(), "ip", "neigh", "show", "proxy").Output()
		out = string(text)
		return err
	}))
	return out
}

// TestDeliversNothing is about interfaces by which a data plane in the kernel
// sends without anything leaving them: their members are down, with what mends
// it, and up when it is mended.
func TestDeliversNothing(t *testing.T) {
	for _, kind := range planes.All() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, kind.Name+"-mute")
			f.connect("02:00:00:00:00:01")
			f.plugAll(2)
			require.NoError(t, f.pods.SetFeatures("e1", false, netns.GRO))
			require.NoError(t, f.router.IP("link add lp3 type bridge\naddr add 10.9.3.1/24 dev lp3\nlink set lp3 up\n"+
				"link add port type veth peer name e3 address 02:00:00:01:03:02 netns "+f.pods.Name()+"\n"+
				"link set port master lp3\nlink set port up\n"))
			require.NoError(t, f.pods.IP("addr add 10.9.3.2/24 dev e3\nlink set e3 up\n"))
			f.run(kind.Name)
			if !kind.InKernel {
				f.becomes("pod1 up", "pod2 up", "pod3 up")
				return
			}
			f.becomes("pod1 down plane: interface lp1: the kernel drops what XDP redirects there", "pod2 up",
				"pod3 down plane: interface lp3: bridge does not transmit what XDP redirects")
			assert.Equal(t, "pod2", f.forwards())
			require.NoError(t, f.pods.SetFeatures("e2", false, netns.GRO))
			require.Eventually(t, func() bool {
				code, _ := f.do("GET", "/healthz", "")
				return code == http.StatusServiceUnavailable
			}, time.Minute, 20*time.Millisecond, "it delivers nothing")
			require.NoError(t, f.pods.SetFeatures("e1", true, netns.GRO))
			f.becomes("pod1 up", "pod2 down", "pod3 down")
			assert.Equal(t, "pod1", f.forwards())
		})
	}
}

// TestLengths is about interfaces whose MTU changes while packets come: those
// that are too long are told of, and the others arrive.
func TestLengths(t *testing.T) {
	for _, kind := range planes.All() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			f := newFaulty(t, kind.Name+"-mtu")
			f.connect("02:00:00:00:00:01")
			f.plugAll(3)
			f.run(kind.Name)
			f.becomes("pod1 up", "pod2 up", "pod3 up")
			short := func() bool {
				for _, h := range f.host()["lc"] {
					if strings.Contains(h.Says, "its MTU is") {
						return true
					}
				}
				return false
			}
			assert.False(t, short())
			f.forwards()
			for pod := range 3 {
				require.NoError(t, f.router.IP(fmt.Sprintf("link set lp%d mtu 1300\n", pod+1)))
			}
			require.Eventually(t, short, time.Minute, 20*time.Millisecond)
			f.forwards()
			require.NoError(t, f.router.IP("link set lc mtu 1300\n"))
			require.NoError(t, f.client.IP("link set e0 mtu 1300\n"))
			require.Eventually(t, func() bool { return !short() }, time.Minute, 20*time.Millisecond)
			f.forwards()
			require.NoError(t, f.router.IP("link set lc mtu 1500\n"))
			require.NoError(t, f.client.IP("link set e0 mtu 1500\n"))
			require.Eventually(t, short, time.Minute, 20*time.Millisecond)

			// What is too long for the member's interface is a drop that is
			// counted, and nothing that is sent.
			before := f.settled()
			require.NoError(t, f.client.Do(func() error {
				c, err := net.DialUDP("udp", nil, &net.UDPAddr{IP: net.IPv4(172, 16, 0, 20), Port: 9})
				if err != nil {
					return err
				}
				defer c.Close() //nolint:errcheck // nothing is left to be sent
				_, err = c.Write(make([]byte, 1400))
				return err
			}))
			require.Eventually(t, func() bool {
				s, ok := f.stats()
				if !ok {
					return false
				}
				sent := uint64(0)
				for i := range s.Services[0].Members {
					sent += s.Services[0].Members[i].Bytes - before.Services[0].Members[i].Bytes
				}
				return s.Dropped["over the MTU"] == before.Dropped["over the MTU"]+1 && sent < 1400
			}, time.Minute, 20*time.Millisecond)
			for pod := range 3 {
				require.NoError(t, f.router.IP(fmt.Sprintf("link set lp%d mtu 1500\n", pod+1)))
			}
			require.Eventually(t, func() bool { return !short() }, time.Minute, 20*time.Millisecond)
			f.forwards()
		})
	}
}
