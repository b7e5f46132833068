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
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
)

// block returns a code block of README.md, by what follows its fence.
func block(t *testing.T, name string) string {
	t.Helper()
	page, err := os.ReadFile("README.md")
	require.NoError(t, err)
	found := regexp.MustCompile("(?s)\n```" + name + "\n(.*?)\n```\n").FindSubmatch(page)
	require.NotNil(t, found, name)
	return string(found[1]) + "\n"
}

// A readme is a lab in which the steps of the page are done.
type readme struct {
	*testing.T
	bed  *testbed.Bed
	dir  string
	http http.Client // of the gateway's control
}

// script runs a block of the page, to its end.
func (r *readme) script(n *netns.Namespace, name string) {
	r.Helper()
	text := block(r.T, "sh "+name)
	require.NoError(r, n.Do(func() error {
		c := exec.CommandContext(r.Context(), "sh", "-eu")
		c.Stdin = strings.NewReader(text)
		out, err := c.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", name, err, out)
		}
		return nil
	}))
}

func newReadme(t *testing.T, k plane.Kind, name string) *readme {
	t.Helper()
	needNamespaces(t)
	for _, program := range []string{"ethtool", "sysctl", "install"} {
		if _, err := exec.LookPath(program); err != nil {
			t.Skip(err)
		}
	}
	r := &readme{T: t, dir: t.TempDir()}
	var err error
	r.bed, err = testbed.NewBare(name, 2, 1)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.bed.Close()) })
	// Errors are not to be so rare that only some connections meet them.
	require.NoError(t, r.bed.Router.SetSysctl("ipv4/icmp_ratelimit", 0))
	require.NoError(t, r.bed.Router.SetSysctl("ipv6/icmp/ratelimit", 0))
	for _, p := range r.bed.Pods {
		r.script(p, "member")
		if k.Needs.WholeFrames {
			r.script(p, "member-xdp")
		}
		r.serve(p)
	}
	if k.Needs.WholeFrames {
		r.script(r.bed.Client, "client-whole")
	}
	return r
}

// serve answers HTTP on all addresses of a pod.
func (r *readme) serve(pod *netns.Namespace) {
	r.Helper()
	var l net.Listener
	require.NoError(r, pod.Do(func() (err error) {
		l, err = net.Listen("tcp", ":80")
		return err
	}))
	s := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "pod")
	}), ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	r.Cleanup(func() { _ = s.Close() })
}

// run takes the steps of the page that start the gateway, in a mount namespace
// where /run is empty, and waits until every service is healthy.
func (r *readme) run(steps string) {
	r.Helper()
	self, err := os.Executable()
	require.NoError(r, err)
	require.NoError(r, os.Symlink(self, filepath.Join(r.dir, "gateway")))
	var log bytes.Buffer
	script := "mount --make-rprivate /\nmount -t tmpfs none /run\n" + steps
	script = strings.Replace(script, "gateway run", "exec gateway run", 1)
	child := exec.Command("sh", "-euc", script) //nolint:noctx,gosec // it is told to end, below
	child.Dir, child.Stdout, child.Stderr = r.dir, &log, &log
	child.Env = append(os.Environ(), "PATH="+r.dir+":"+os.Getenv("PATH"))
	child.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS}
	require.NoError(r, r.bed.Router.Do(child.Start))
	r.Cleanup(func() {
		_ = child.Process.Signal(os.Interrupt)
		assert.NoError(r, child.Wait())
		if r.Failed() {
			r.Log(log.String())
		}
	})
	socket := filepath.Join("/proc", strconv.Itoa(child.Process.Pid), "root", "run/gateway/control")
	r.http = http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}, DisableKeepAlives: true,
	}}
	require.Eventually(r, func() bool {
		s, err := r.stats()
		healthy := err == nil && s.Healthy
		for _, service := range s.Services {
			healthy = healthy && service.Healthy
		}
		return healthy
	}, time.Minute, 20*time.Millisecond, "healthy")
}

func (r *readme) stats() (s services.Stats, err error) {
	resp, err := r.http.Get("http://gateway/stats")
	if err != nil {
		return s, err
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

// connects makes connections to a VIP, one after the other, each as if the
// client had never been there, and returns how many failed.
func (r *readme) connects(vip string, times int) (failed int) {
	r.Helper()
	const enough = 3
	for range times {
		err := r.bed.Client.Do(func() error {
			if err := netns.IP("neigh flush dev c0\n"); err != nil {
				return err
			}
			const patience = 30 * time.Second
			c, err := net.DialTimeout("tcp", net.JoinHostPort(vip, "80"), patience)
			if err != nil {
				return err
			}
			defer c.Close() //nolint:errcheck // it was read to its end
			_ = c.SetDeadline(time.Now().Add(patience))
			if _, err := io.WriteString(c, "GET / HTTP/1.0\r\n\r\n"); err != nil {
				return err
			}
			answer, err := io.ReadAll(c)
			if err == nil && !bytes.HasSuffix(answer, []byte("pod")) {
				err = fmt.Errorf("%q", answer)
			}
			return err
		})
		if err != nil {
			r.Log(vip, ": ", err)
			if failed++; failed == enough {
				break
			}
		}
	}
	return failed
}

// confirms has the client ask again for the MAC address of a VIP that it knows:
// by ARP or NDP of the gateway alone, and not of everybody on the link.
func (r *readme) confirms(vip string) {
	r.Helper()
	require.Zero(r, r.connects(vip, 1))
	require.NoError(r, r.bed.Client.IP("neigh change "+vip+" dev c0 nud probe\n"))
	require.Eventually(r, func() bool {
		state := r.show("neigh", "show", vip, "dev", "c0")
		require.NotContains(r, state, "FAILED")
		return strings.Contains(state, "REACHABLE")
	}, time.Minute, 10*time.Millisecond, vip)
}

// show returns what ip says at the client.
func (r *readme) show(args ...string) (text string) {
	r.Helper()
	require.NoError(r, r.bed.Client.Do(func() error {
		out, err := exec.Command("ip", args...).Output() //nolint:gosec // of the test
		text = string(out)
		return err
	}))
	return text
}

// times is how many connections are made to each VIP, README_CONNECTIONS if
// that is set.
func times(t *testing.T, few int) int {
	t.Helper()
	text, ok := os.LookupEnv("README_CONNECTIONS")
	if !ok {
		return few
	}
	n, err := strconv.Atoi(text)
	require.NoError(t, err)
	return n
}

// The steps of the page work as they stand there, with what the gateway sets in
// the kernel and with what is set by hand.
func TestReadme(t *testing.T) {
	vips := []string{"172.16.0.20", "10.9.0.20", "2001:db8:ac10::20", "2001:db8:9::20"}
	for _, k := range planes.All() {
		for _, how := range []string{"kernel", "by-hand"} {
			t.Run(k.Name+" "+how, func(t *testing.T) {
				t.Parallel()
				r := newReadme(t, k, k.Name+how)
				config := block(t, "json")
				if how == "by-hand" {
					if _, err := exec.LookPath("nft"); err != nil {
						t.Skip(err)
					}
					config = strings.Replace(config, `"kernel": true`, `"kernel": false`, 1)
					r.script(r.bed.Router, "by-hand")
				}
				for _, n := range []string{"172.16.0.0/16 via 10.9.0.1", "2001:db8:ac10::/48 via 2001:db8:9::1"} {
					require.NoError(t, r.bed.Client.IP("route replace "+n+"\n"))
				}
				config = strings.Replace(config, `"io": "afpacket"`, fmt.Sprintf(`"io": %q`, k.Name), 1)
				require.Contains(t, config, k.Name)
				require.NoError(t, os.WriteFile(filepath.Join(r.dir, "gateway.json"), []byte(config), 0o600))
				r.run(block(t, "sh gateway"))
				for _, vip := range vips {
					assert.Zero(t, r.connects(vip, times(t, 50)), vip)
				}
				for _, vip := range []string{"10.9.0.20", "2001:db8:9::20"} {
					r.confirms(vip)
				}
				for _, vip := range vips {
					const gateways = 64 // a member's went through a router
					ttl, err := testbed.Ping(r.bed.Client, vip, 56)
					require.NoError(t, err)
					assert.Equal(t, gateways, ttl, vip)
				}
			})
		}
	}
}

// Each sample runs as it is, where its interfaces are, and its services are
// healthy.
func TestSamplesRun(t *testing.T) {
	files, err := filepath.Glob("samples/*.json")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for i, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			needNamespaces(t)
			bed, err := testbed.NewBare(fmt.Sprint("sample", i), 3, 1)
			require.NoError(t, err)
			r := &readme{T: t, dir: t.TempDir(), bed: bed}
			t.Cleanup(func() { require.NoError(t, r.bed.Close()) })
			require.NoError(t, r.bed.Router.IP("link add ld type veth peer name d0\nlink set d0 up\nlink set ld up\n"))
			config, err := os.ReadFile(file)
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(filepath.Join(r.dir, "gateway.json"), config, 0o600))
			r.run(block(t, "sh gateway"))
		})
	}
}
