package differential

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/hash"
)

// The differences that are allowed, and their reasons.
const (
	cut     = "the frame is cut, and gopacket decodes what is left"
	control = "gopacket does not know the control word of a pseudo-wire and finds nothing behind it"
	overUDP = "gopacket does not look for MPLS behind UDP port 6635"
)

// compare compares the outermost and the innermost flow. It returns "" if they
// are equal, or the allowed difference. Any other difference fails the test.
func compare(t *testing.T, frame []byte) string {
	var h hash.Headers
	err := hash.Parse(frame, &h)
	flows := decode(frame)
	switch {
	case errors.Is(err, hash.ErrNotIP) && len(flows) == 0:
		return ""
	case errors.Is(err, hash.ErrTruncated):
		return cut
	}
	require.NoError(t, err, "gopacket finds %v in %x", flows, frame)
	if len(flows) == 0 {
		require.True(t, h.Encapsulated, "gopacket finds no IP in %x", frame)
		return control
	}
	outer, inner := flows[0], flows[len(flows)-1]
	switch {
	case equal(outer, h.Outer) && equal(inner, h.Inner) && len(flows) == int(h.Tunnels)+1:
		return ""
	case equal(outer, h.Outer) && len(flows) == 1 && h.Outer.Proto() == hash.UDP && h.Outer.Dst().Port() == 6635:
		return overUDP
	}
	require.Failf(t, "they differ", "%x\ngopacket: %v\nParse: %s, inner %s, %d tunnels", frame, flows, h.Outer,
		h.Inner, h.Tunnels)
	return ""
}

func equal(f flow, k hash.FlowKey) bool {
	return f.Src == k.Src() && f.Dst == k.Dst() && f.Proto == k.Proto()
}

// gopacketDir returns the directory of the module of gopacket.
func gopacketDir(t testing.TB) string {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/gopacket/gopacket").Output()
	require.NoError(t, err)
	return strings.TrimSpace(string(out))
}

// frames returns the frames of a capture up to the first that cannot be read.
func frames(data []byte) ([][]byte, error) {
	r, err := capture.NewReader(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for {
		p, err := r.Next(nil)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		all = append(all, p.Frame)
	}
}

// captures returns the frames of every capture in a folder.
func captures(t *testing.T, folder string) (all [][][]byte) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasPrefix(filepath.Ext(path), ".pcap") {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		read, err := frames(data)
		if err != nil {
			// Some captures are damaged on purpose, or not of Ethernet.
			require.True(t, errors.Is(err, capture.ErrLinkType) || errors.Is(err, capture.ErrDamaged) ||
				errors.Is(err, capture.ErrTruncated), "%s: %v", path, err)
		}
		all = append(all, read)
		return nil
	})
	require.NoError(t, err)
	return all
}

// Both parsers agree on every frame of the captures in gopacket's module.
func TestCapturesOfGopacket(t *testing.T) {
	differences, total := map[string]int{}, 0
	captures := captures(t, gopacketDir(t))
	for _, all := range captures {
		total += len(all)
		for _, frame := range all {
			differences[compare(t, frame)]++
		}
	}
	assert.Greater(t, len(captures), 50)
	assert.Greater(t, total, 26068)
	t.Logf("%d frames in %d captures", total, len(captures))
	report(t, differences)
	assert.Subset(t, []string{"", cut}, slices.Collect(maps.Keys(differences)))
	assert.Less(t, differences[cut], 100)
}

func report(t *testing.T, differences map[string]int) {
	for difference, n := range differences {
		if difference == "" {
			difference = "agree"
		}
		t.Log(fmt.Sprintf("%6d ", n) + difference)
	}
}
