package main

import (
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

// Where the policy looks into a tunnel whose inside is not there, that is said.
func TestUncertain(t *testing.T) {
	inside := strings.Repeat("\x00", 12) + "\x08\x00" +
		"\x45\x00\x00\x28\x00\x00\x00\x00\x40\x04\x00\x00\x0a\x00\x00\x01\x0a\x00\x00\x02" + strings.Repeat("\xff", 20)
	name := rewrite(t, "../forwarder/testdata/vip.pcap", func(p *capture.Packet) {
		p.Frame, p.Length = []byte(inside), len(inside)
	})
	mark := regexp.MustCompile(`\(uncertain, inside the tunnel: .*\)\n`)
	for policy, marked := range map[string]bool{"0": false, "1": false, "2": true} {
		code, out, errs := linuxpath(t, "-policy", policy, "-seed", "9", "-nexthops", "a", "-pcap", name)
		require.Zero(t, code, errs)
		assert.Equal(t, marked, mark.MatchString(out))
		assert.Equal(t, marked, strings.Contains(out, " packets, 0 of them not IP and 0 damaged; 15068 uncertain; a "))
	}
}
