package netns

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/safchain/ethtool"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func newNamespace(t *testing.T, name string) *Namespace {
	t.Helper()
	if err := Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	n, err := New(name)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, n.Close())
		assert.NoFileExists(t, filepath.Join(directory, n.Name()))
	})
	return n
}

// Interfaces, sysctls and processes of a function that Do runs are those of the
// namespace. All others are not.
func TestNamespace(t *testing.T) {
	a, b := newNamespace(t, "a"), newNamespace(t, "b")
	require.NoError(t, a.IP(fmt.Sprintf(
		"link add left type veth peer name right netns %s\naddr add 192.0.2.1/24 dev left\nlink set left up\n",
		b.Name())))
	require.NoError(t, b.IP("addr add 192.0.2.2/24 dev right\nlink set right up\n"))

	require.NoError(t, b.Do(func() error {
		_, err := net.InterfaceByName("right")
		return err
	}))
	_, err := net.InterfaceByName("right")
	require.Error(t, err, "the namespace of the test has it")

	var l net.Listener
	require.NoError(t, b.Do(func() (err error) {
		l, err = net.Listen("tcp", "192.0.2.2:0")
		return err
	}))
	defer l.Close() //nolint:errcheck // nothing was written
	require.NoError(t, a.Do(func() error {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			return err
		}
		return c.Close()
	}))

	before, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	require.NoError(t, err)
	require.NoError(t, a.SetSysctl("ipv4/ip_forward", 1))
	var out []byte
	require.NoError(t, a.Do(func() (err error) {
		out, err = exec.CommandContext(t.Context(), "cat", "/proc/sys/net/ipv4/ip_forward").Output()
		return err
	}))
	assert.Equal(t, "1\n", string(out))
	after, err := os.ReadFile("/proc/sys/net/ipv4/ip_forward")
	require.NoError(t, err)
	assert.Equal(t, before, after)
}

func TestSetFeatures(t *testing.T) {
	n := newNamespace(t, "features")
	require.NoError(t, n.IP("link add left type veth peer name right\n"))
	require.NoError(t, n.SetFeatures("left", false, TxChecksum, TxSegmentation))
	require.NoError(t, n.SetFeatures("right", true, GRO))
	features := func(device string) (f map[string]bool) {
		require.NoError(t, n.Do(func() error {
			e, err := ethtool.NewEthtool()
			if err != nil {
				return err
			}
			defer e.Close()
			f, err = e.Features(device)
			return err
		}))
		return f
	}
	for _, name := range []string{TxChecksum, TxSegmentation, "tx-tcp-segmentation", "tx-tcp6-segmentation"} {
		assert.True(t, features("right")[name], name)
		assert.False(t, features("left")[name], "%s: TCP's goes with the checksums", name)
	}
	assert.True(t, features("right")[GRO])
	require.Error(t, n.SetFeatures("nowhere", true, GRO))
	require.Error(t, n.SetFeatures("left", true, "no such feature"))
}

// RemoveStale removes the namespaces of a crashed run, and none of a running
// process.
func TestRemoveStale(t *testing.T) {
	alive := newNamespace(t, "alive")
	gone := exec.CommandContext(t.Context(), "true")
	require.NoError(t, gone.Run())
	stale := fmt.Sprintf("%s%d-stale", prefix, gone.Process.Pid)
	require.NoError(t, run("", "netns", "add", stale))
	removed, err := RemoveStale()
	require.NoError(t, err)
	assert.Contains(t, removed, stale)
	assert.NotContains(t, removed, alive.Name())
	assert.NoFileExists(t, filepath.Join(directory, stale))
	assert.FileExists(t, filepath.Join(directory, alive.Name()))
}

func TestErrors(t *testing.T) {
	n := newNamespace(t, "errors")
	err := n.IP("link set lo up\nlink set nowhere up\n")
	require.ErrorContains(t, err, "nowhere")
	_, err = New("errors")
	require.Error(t, err, "one name twice")
	assert.True(t, strings.HasPrefix(n.Name(), "ecmp-"))
}
