package bgp_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// A neighbour is a gateway as a router is told of it.
type neighbour struct {
	number int
	bfd    bool
}

// daemon starts a program of a router in its namespace, which ends with the
// test.
func daemon(t *testing.T, ns *netns.Namespace, program string, args ...string) {
	t.Helper()
	var output bytes.Buffer
	cmd := exec.Command(program, args...) //nolint:gosec // of this test
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error, 1), make(chan struct{})
	go func() {
		defer close(ended)
		_ = ns.Do(func() error {
			err := cmd.Start()
			if started <- err; err == nil {
				_ = cmd.Wait()
			}
			return err
		})
	}()
	require.NoError(t, <-started)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if t.Failed() {
			t.Log(program, output.String())
		}
	})
}

// router starts a router by its name.
func (b *bed) router(t *testing.T, name string, neighbours []neighbour) {
	t.Helper()
	if name == "bird" {
		b.bird(t, neighbours)
		return
	}
	b.frr(t, neighbours)
}

func program(t *testing.T, name, pack string) string {
	t.Helper()
	for _, dir := range []string{"/usr/sbin", "/usr/bin", "/usr/lib/frr"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	t.Skipf("needs %s of Debian's %s", name, pack)
	return ""
}

// bird starts bird 2 as the router upstream. It needs a filter to honour
// graceful shutdown, and "merge paths" for routes over several gateways.
func (b *bed) bird(t *testing.T, neighbours []neighbour) {
	t.Helper()
	bird := program(t, "bird", "bird2")
	var conf strings.Builder
	conf.WriteString(`
router id 10.77.0.1; log stderr all;
protocol device {}
protocol kernel { ipv4 { export filter { if source = RTS_BGP then accept; reject; }; }; merge paths on; }
protocol kernel { ipv6 { export filter { if source = RTS_BGP then accept; reject; }; }; merge paths on; }
protocol bfd { interface "*" { min rx interval 100 ms; min tx interval 100 ms; multiplier 3; }; }
filter leaving { if (65535, 0) ~ bgp_community then bgp_local_pref = 0; accept; }
template bgp routed {
	local as 65000; hold time 9; connect retry time 1; error wait time 1, 2; graceful restart on;
	ipv4 { import filter leaving; export none; };
	ipv6 { import filter leaving; export none; };
}
`)
	for _, n := range neighbours {
		bfd := ""
		if n.bfd {
			bfd = "bfd; "
		}
		fmt.Fprintf(&conf, "protocol bgp g%[1]d from routed { %s neighbor 10.77.%[1]d.2 as 65101; }\n", n.number, bfd)
	}
	file := filepath.Join(b.dir, "bird.conf")
	require.NoError(t, os.WriteFile(file, []byte(conf.String()), 0o600))
	daemon(t, b.upstream, bird, "-f", "-c", file, "-s", filepath.Join(b.dir, "bird.ctl"))
}

// frr starts zebra, bfdd and bgpd of frr as the router upstream.
func (b *bed) frr(t *testing.T, neighbours []neighbour) {
	t.Helper()
	var conf strings.Builder
	conf.WriteString(`hostname upstream
bgp route-map delay-timer 0
router bgp 65000
 bgp router-id 10.77.0.1
 no bgp ebgp-requires-policy
 bgp graceful-restart
 bgp graceful-restart preserve-fw-state
 neighbor gw peer-group
 neighbor gw remote-as 65101
 neighbor gw timers 3 9
 neighbor gw timers connect 1
`)
	for _, n := range neighbours {
		fmt.Fprintf(&conf, " neighbor 10.77.%d.2 peer-group gw\n", n.number)
		if n.bfd {
			fmt.Fprintf(&conf, " neighbor 10.77.%d.2 bfd 3 100 100\n", n.number)
		}
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		fmt.Fprintf(&conf, " address-family %s unicast\n  maximum-paths 16\n  neighbor gw activate\n"+
			" exit-address-family\n", family)
	}
	startFRR(t, b.upstream, conf.String())
}

// frrFiles is a folder of the user that frr's programs give up root for.
type frrFiles struct {
	dir string
	uid int
}

func newFRRFiles(t *testing.T) frrFiles {
	t.Helper()
	owner, err := user.Lookup("frr")
	require.NoError(t, err)
	uid, err := strconv.Atoi(owner.Uid)
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "frr")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chown(dir, uid, -1))
	return frrFiles{dir, uid}
}

// write writes a file of the folder, and returns its path.
func (f frrFiles) write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(f.dir, name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	require.NoError(t, os.Chown(path, f.uid, -1))
	return path
}

// startFRR starts the programs of frr in a namespace.
func startFRR(t *testing.T, ns *netns.Namespace, conf string) {
	t.Helper()
	zebra, bfdd, bgpd := program(t, "zebra", "frr"), program(t, "bfdd", "frr"), program(t, "bgpd", "frr")
	files := newFRRFiles(t)
	dir, file, none := files.dir, files.write(t, "frr.conf", conf), files.write(t, "none.conf", "")
	zserv := filepath.Join(dir, "zserv")
	common := func(name, conf string, more ...string) []string {
		return append([]string{"-z", zserv, "-i", filepath.Join(dir, name+".pid"), "-f", conf, "--vty_socket", dir,
			"-A", "127.0.0.1", "-P", "0"}, more...)
	}
	daemon(t, ns, zebra, common("zebra", none)...)
	wait(t, "zebra listens", func() bool { _, err := os.Stat(zserv); return err == nil })
	daemon(t, ns, bfdd, common("bfdd", none, "--bfdctl", filepath.Join(dir, "bfdctl"))...)
	daemon(t, ns, bgpd, common("bgpd", file)...)
}
