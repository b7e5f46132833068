package bgp_test

import (
	"bytes"
	"fmt"
	"math"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// A frrHop is bgpd of frr at a next hop, without zebra.
type frrHop struct {
	number int
	dir    string // of its socket
}

// newFRRHop starts one that announces all prefixes.
func newFRRHop(t *testing.T, ns *netns.Namespace, bgpd string, number int) *frrHop {
	t.Helper()
	files := newFRRFiles(t)
	var conf strings.Builder
	fmt.Fprintf(&conf, `hostname hop%[1]d
bgp route-map delay-timer 0
route-map LEAVING permit 10
 set community graceful-shutdown
route-map WIDE permit 10
 set extcommunity bandwidth %[1]d000
route-map SELF permit 10
 set ipv6 next-hop global fd09:%[1]d::2
router bgp %[2]d
 bgp router-id 10.9.%[1]d.2
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor 10.9.%[1]d.1 remote-as 65101
 neighbor 10.9.%[1]d.1 timers 3 9
 neighbor 10.9.%[1]d.1 timers connect 1
 neighbor 10.9.%[1]d.1 advertisement-interval 0
`, number, 65000+number)
	for family, more := range []string{"", fmt.Sprintf("  neighbor 10.9.%d.1 activate\n"+
		"  neighbor 10.9.%[1]d.1 route-map SELF out\n", number)} {
		fmt.Fprintf(&conf, " address-family ipv%d unicast\n%s", 4+2*family, more)
		for i := family; i < learnedPrefixes; i += 2 {
			fmt.Fprintf(&conf, "  network %s\n", learnedPrefix(i))
		}
		conf.WriteString(" exit-address-family\n")
	}
	dir, file := files.dir, files.write(t, "frr.conf", conf.String())
	daemon(t, ns, bgpd, "-Z", "-i", filepath.Join(dir, "bgpd.pid"), "-f", file, "--vty_socket", dir,
		"-A", "127.0.0.1", "-P", "0")
	wait(t, "bgpd listens", func() bool { _, err := os.Stat(filepath.Join(dir, "bgpd.vty")); return err == nil })
	return &frrHop{number, dir}
}

func (h *frrHop) announce(t *testing.T, prefix int, as manner) {
	t.Helper()
	p := learnedPrefix(prefix)
	command := fmt.Sprintf("network %s", p)
	switch as {
	case plain:
	case withdrawn:
		command = "no " + command
	case wide, leaving:
		command += " route-map " + string(as)
	}
	family := "ipv4"
	if p.Addr().Is6() {
		family = "ipv6"
	}
	//nolint:gosec // the command is of this test
	out, err := exec.Command(program(t, "vtysh", "frr"), "--vty_socket", h.dir, "-d", "bgpd",
		"-c", "configure terminal", "-c", fmt.Sprintf("router bgp %d", 65000+h.number),
		"-c", "address-family "+family+" unicast", "-c", command).CombinedOutput()
	require.NoError(t, err, string(out))
}

// A birdHop is bird at a next hop.
type birdHop struct {
	number       int
	file, socket string
	present      [learnedPrefixes]manner
}

// newBirdHop starts one that announces all prefixes.
func newBirdHop(t *testing.T, ns *netns.Namespace, bird string, number int) *birdHop {
	t.Helper()
	dir := t.TempDir()
	h := &birdHop{number: number, file: filepath.Join(dir, "bird.conf"), socket: filepath.Join(dir, "bird.ctl")}
	h.write(t)
	daemon(t, ns, bird, "-f", "-c", h.file, "-s", h.socket)
	wait(t, "bird listens", func() bool { _, err := os.Stat(h.socket); return err == nil })
	return h
}

// write writes the configuration. The bandwidth is in the transitive form of the
// community: bird takes the other one away where the AS ends.
func (h *birdHop) write(t *testing.T) {
	t.Helper()
	const bytesPerMegabit = 1e6 / 8
	bandwidth := math.Float32bits(float32(h.number) * 1000 * bytesPerMegabit)
	var routes [2]strings.Builder
	var filter strings.Builder
	for i, as := range h.present {
		p := learnedPrefix(i)
		switch as {
		case withdrawn:
			continue
		case wide:
			fmt.Fprintf(&filter, "\tif net = %s then bgp_ext_community.add((generic, 0x%08x, 0x%08x));\n", p,
				0x0004<<16|65000+h.number, bandwidth)
		case leaving:
			fmt.Fprintf(&filter, "\tif net = %s then bgp_community.add((65535, 0));\n", p)
		case plain:
		}
		fmt.Fprintf(&routes[i%2], "\troute %s blackhole;\n", p)
	}
	conf := fmt.Sprintf(`router id 10.9.%[1]d.2; log stderr { warning, error, fatal };
protocol device {}
protocol static { ipv4;
%[2]s}
protocol static { ipv6;
%[3]s}
filter own {
	if source != RTS_STATIC then reject;
%[4]s	accept;
}
protocol bgp upstream {
	local as %[5]d; neighbor 10.9.%[1]d.1 as 65101;
	hold time 9; connect retry time 1; error wait time 1, 2;
	ipv4 { import all; export filter own; };
	ipv6 { import all; export filter own; next hop address fd09:%[1]d::2; };
}
`, h.number, routes[0].String(), routes[1].String(), filter.String(), 65000+h.number)
	require.NoError(t, os.WriteFile(h.file, []byte(conf), 0o600))
}

func (h *birdHop) announce(t *testing.T, prefix int, as manner) {
	t.Helper()
	h.present[prefix] = as
	h.write(t)
	out := h.ask(t, "configure")
	require.Contains(t, out, "econfigur") // it is being done, or has been
}

// ask has birdc do something, and returns what it says.
func (h *birdHop) ask(t *testing.T, command ...string) string {
	t.Helper()
	//nolint:gosec // the command is of this test
	out, err := exec.Command(program(t, "birdc", "bird2"), append([]string{"-s", h.socket}, command...)...).
		CombinedOutput()
	require.NoError(t, err, string(out))
	return string(bytes.TrimSpace(out))
}

// heard returns the prefixes that the gateway announces to it.
func (h *birdHop) heard(t *testing.T) (prefixes []string) {
	t.Helper()
	for line := range strings.Lines(h.ask(t, "show", "route", "protocol", "upstream")) {
		first, _, _ := strings.Cut(line, " ")
		if p, err := netip.ParsePrefix(first); err == nil {
			prefixes = append(prefixes, p.String())
		}
	}
	return prefixes
}
