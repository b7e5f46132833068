package lab

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// A program that can't be started has nothing to be ended.
func TestEndOfWhatDidNotStart(t *testing.T) {
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	ns, err := netns.New("nobody")
	require.NoError(t, err)
	defer func() { require.NoError(t, ns.Close()) }()
	p := process{ns: ns}
	p.signal(syscall.SIGTERM)
	require.Error(t, p.launch(filepath.Join(t.TempDir(), "nothing")))
	p.signal(syscall.SIGTERM)
}
