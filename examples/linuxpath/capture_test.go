package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

// rewrite writes a capture of changed packets of another and returns its name.
func rewrite(t *testing.T, name string, change func(*capture.Packet)) string {
	t.Helper()
	data, err := os.ReadFile(name)
	require.NoError(t, err)
	r, err := capture.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	to := filepath.Join(t.TempDir(), "changed.pcap")
	f, err := os.Create(to)
	require.NoError(t, err)
	w, err := capture.NewWriter(f)
	require.NoError(t, err)
	for {
		p, err := r.Next(nil)
		if err != nil {
			require.ErrorIs(t, err, io.EOF)
			break
		}
		change(&p)
		require.NoError(t, w.Write(p))
	}
	require.NoError(t, w.Close())
	return to
}

// A capture of the first bytes of each packet gives the same next hops.
func TestSnapped(t *testing.T) {
	const vip = "../forwarder/testdata/vip.pcap"
	short := rewrite(t, vip, func(p *capture.Packet) { p.Frame = p.Frame[:min(len(p.Frame), 74)] })
	for _, policy := range []string{"0", "1", "2"} {
		args := []string{"-policy", policy, "-seed", "9", "-nexthops", "a,b", "-pcap"}
		code, want, errs := linuxpath(t, append(args, vip)...)
		require.Zero(t, code, errs)
		code, got, errs := linuxpath(t, append(args, short)...)
		require.Zero(t, code, errs)
		assert.Equal(t, want, got)
	}
}

// A line comes out as soon as its packet came in by the standard input, and a
// capture that is cut at its end has totals too.
func TestCutCapture(t *testing.T) {
	data, err := os.ReadFile("../forwarder/testdata/vip.pcap")
	require.NoError(t, err)
	in, feed, err := os.Pipe()
	require.NoError(t, err)
	stdin := os.Stdin
	defer func() { os.Stdin = stdin }()
	os.Stdin = in
	out, w := io.Pipe()
	code, errs := make(chan int, 1), new(bytes.Buffer)
	go func() {
		code <- run(strings.Fields("-policy 1 -seed 9 -nexthops a,b -pcap -"), w, errs)
		_ = w.Close()
	}()
	_, err = feed.Write(data[:1001])
	require.NoError(t, err)
	r := bufio.NewReader(out)
	line, err := r.ReadString('\n') // hangs if it comes with the totals
	require.NoError(t, err)
	assert.Regexp(t, `^1\t`, line)
	require.NoError(t, feed.Close())
	rest, err := io.ReadAll(r)
	require.NoError(t, err)
	assert.Regexp(t, `\n\d+ packets, .*; a \d+; b \d+\n$`, string(rest))
	assert.Equal(t, commandline.Failed, <-code)
	assert.Contains(t, errs.String(), "-: ")
}

// Where the policy looks into a tunnel whose inside is not there, that is said.
func TestUncertain(t *testing.T) {
	inside := strings.Repeat("\x00", 12) + "\x08\x00" +
		"\x45\x00\x00\x28\x00\x00\x00\x00\x40\x04\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" + strings.Repeat("\xff", 20)
	name := rewrite(t, "../forwarder/testdata/vip.pcap", func(p *capture.Packet) {
		p.Frame, p.Length = []byte(inside), len(inside)
	})
	mark := regexp.MustCompile(`\(.*; uncertain: inside the tunnel: .*\)\n`)
	for policy, marked := range map[string]bool{"0": false, "1": false, "2": true} {
		code, out, errs := linuxpath(t, "-policy", policy, "-seed", "9", "-nexthops", "a", "-pcap", name)
		require.Zero(t, code, errs)
		assert.Equal(t, marked, mark.MatchString(out))
		assert.Equal(t, marked, strings.Contains(out, " packets, 0 of them not IP and 0 damaged; 15068 uncertain; a "))
	}
}

// What is wrong inside a tunnel over UDP makes nothing uncertain, since the
// kernel does not look there, in a tunnel that it enters either.
func TestCertainOverUDP(t *testing.T) {
	ethernet := strings.Repeat("\x00", 12) + "\x08\x00"
	ip := func(proto, payload string) string {
		return "\x45\x00\x00" + string(rune(20+len(payload))) + "\x00\x00\x00\x00\x40" + proto + "\x00\x00" +
			"\x0a\x00\x00\x01\x0a\x00\x00\x02" + payload
	}
	vxlan := ip("\x11", "\x00\x01\x12\xb5\x00\x32\x00\x00"+"\x08\x00\x00\x00\x00\x00\x07\x00"+ethernet+
		strings.Repeat("\xff", 20))
	for name, c := range map[string]struct {
		frame  string
		cut    int
		marked bool
	}{
		"VXLAN":         {ethernet + vxlan, 0, false},
		"VXLAN, cut":    {ethernet + vxlan, 20, false},
		"IP in IP":      {ethernet + ip("\x04", vxlan), 0, false},
		"cut behind it": {ethernet + ip("\x04", vxlan), 30, false},
		"cut in UDP":    {ethernet + ip("\x04", vxlan), 46, true},
		"cut in IP":     {ethernet + ip("\x04", vxlan), 55, true},
	} {
		file := rewrite(t, "../forwarder/testdata/vip.pcap", func(p *capture.Packet) {
			p.Frame, p.Length = []byte(c.frame)[:len(c.frame)-c.cut], len(c.frame)
		})
		code, out, errs := linuxpath(t, "-policy", "2", "-seed", "9", "-nexthops", "a", "-pcap", file)
		require.Zero(t, code, errs)
		assert.Equal(t, c.marked, strings.Contains(out, "uncertain"), "%s: %s", name, out[:200])
		assert.Contains(t, out, " packets, 0 of them not IP and 0 damaged")
	}
}
