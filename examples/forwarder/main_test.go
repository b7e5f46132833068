package main

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const vipPcap = "testdata/vip.pcap"

// forward runs the command.
func forward(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestUsageErrors(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-bogus"}, "flag provided but not defined: -bogus"},
		{[]string{"run", "-config", "f"}, "forwarder: run is a command of the gateway now: go run ./gateway run\n"},
		{[]string{"lab"}, "forwarder: lab is a command of the gateway now: go run ./gateway lab\n"},
		{[]string{"replay"}, `unexpected argument "replay"`},
		{[]string{"-out", "somewhere"}, "-out is for a capture given by -pcap"},
		{[]string{"-sticky=false"}, "-sticky is for a capture given by -pcap"},
		{[]string{"-pcap", vipPcap, "-strategy", "magic"},
			`-strategy: selector: strategy "magic" is none of modulo, threshold, rendezvous, maglev, bounded, jump`},
		{[]string{"-pcap", vipPcap, "-members", "pod1"},
			`member "pod1": not of the form id=address or id=address:weight`},
		{[]string{"-pcap", vipPcap, "-members", "a=10.0.0.1,a=10.0.0.2"}, `duplicate member ID: member 1 "a"`},
		{[]string{"-pcap", vipPcap, "-members", "a=10.0.0.1:4294967295"}, `weights add up to too much: member 0 "a"`},
		{[]string{"-pcap", vipPcap, "-vip", "172.16/12"}, `-vip: "172.16/12" is neither a prefix nor an address`},
		{[]string{"-pcap", vipPcap, "-key", "port"}, `-key: "port" is none of five-tuple`},
		{[]string{"-pcap", vipPcap, "-tunnels", "vxlan"}, `-tunnels: "vxlan": a port is a number`},
		{[]string{"-pcap", vipPcap, "-key", "inner", "-tunnels", "vxlan=9,gre=9"},
			`-tunnels: "gre=9": the port is given`},
		{[]string{"-pcap", vipPcap, "-tunnels", "vxlan=9"}, "-tunnels is for inner keys, and -key is five-tuple"},
		{[]string{"-pcap", vipPcap, "-key", "client", "-symmetric"}, "-symmetric: the key client is of one direction"},
		{[]string{"-pcap", vipPcap, "-seed", "one"}, `invalid value "one" for flag -seed`},
	} {
		code, stdout, stderr := forward(t, c.args...)
		assert.Equal(t, 2, code, c.args)
		assert.Empty(t, stdout, c.args)
		assert.Contains(t, stderr, c.want, c.args)
	}
	code, _, stderr := forward(t, "-h")
	assert.Zero(t, code)
	assert.Contains(t, stderr, "-pcap capture")
	assert.Contains(t, stderr, "the list replaces the usual ports")
}

func TestFailures(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "pod1.pcap")
	require.NoError(t, os.WriteFile(text, []byte("no capture at all"), 0o600))
	plain := filepath.Join(dir, "file")
	require.NoError(t, os.WriteFile(plain, nil, 0o600))
	copied := filepath.Join(dir, "pod3.pcap")
	data, err := os.ReadFile(vipPcap)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(copied, data, 0o600))
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"-pcap", filepath.Join(dir, "none")}, "none"},
		{[]string{"-pcap", text},
			"pod1.pcap: header, before packet 1: not a pcap or pcapng capture: it begins with [6e 6f 20 63]"},
		{[]string{"-pcap", vipPcap, "-out", plain}, "file"},
		{[]string{"-pcap", copied, "-out", dir}, "pod3.pcap is the capture to read"},
	} {
		code, stdout, stderr := forward(t, c.args...)
		assert.Equal(t, 1, code, c.args)
		assert.Empty(t, stdout, c.args)
		assert.Contains(t, stderr, c.want, c.args)
	}
	again, err := os.ReadFile(copied)
	require.NoError(t, err)
	assert.Equal(t, data, again, "the capture to read is left alone")
	left, err := os.ReadFile(text)
	require.NoError(t, err)
	assert.Equal(t, "no capture at all", string(left), "and so is what stood where others would go")
}

func TestProgress(t *testing.T) {
	var b bytes.Buffer
	p := progress{w: &b, next: time.Now().Add(time.Hour)}
	p.step(1, 10)
	p.end()
	assert.Empty(t, b.String(), "a short run shows nothing")
	p.next = time.Now().Add(-time.Hour)
	p.step(3, 10)
	p.step(4, 10)
	assert.Equal(t, "\r 30 %", b.String(), "now and then")
	p.end()
	assert.Equal(t, "\r 30 %\r     \r", b.String())

	p = *newProgress(&b)
	b.Reset()
	p.next = time.Time{}
	p.step(3, 10)
	assert.Empty(t, b.String(), "what is no terminal gets nothing")
}
