package planes_test

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/selector"
)

// with has this thread do something with no other capabilities than these.
func with(capabilities []int, do func() error) error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var before, during [2]unix.CapUserData
	if err := unix.Capget(&header, &before[0]); err != nil {
		return err
	}
	during = before
	during[0].Effective, during[1].Effective = 0, 0
	for _, c := range capabilities {
		during[c/32].Effective |= 1 << (c % 32)
	}
	if err := unix.Capset(&header, &during[0]); err != nil {
		return err
	}
	failed := do()
	if err := unix.Capset(&header, &before[0]); err != nil {
		return err
	}
	return failed
}

// Each plane runs with the capabilities that it says it needs. Without one of
// them it names that one, and without any it names them all.
func TestCapabilities(t *testing.T) {
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	bed, err := testbed.New(1, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, bed.Close()) }()
	require.NoError(t, bed.PrepareXDP())
	numbers := map[string]int{"CAP_NET_ADMIN": unix.CAP_NET_ADMIN, "CAP_NET_RAW": unix.CAP_NET_RAW,
		"CAP_IPC_LOCK": unix.CAP_IPC_LOCK, "CAP_BPF": unix.CAP_BPF, "CAP_PERFMON": unix.CAP_PERFMON}
	for _, k := range planes.All() {
		needs := k.Needs.Capabilities
		require.NotEmpty(t, needs, k.Name)
		open := func() error {
			p, err := plane.Last(k, plane.Config{In: []string{"lc"}, Domain: selector.NewDomain()}, nil)
			if err != nil {
				return err
			}
			return p.Close()
		}
		openWith := func(names []string) (err error) {
			require.NoError(t, bed.Router.Do(func() error {
				var list []int
				for _, name := range names {
					list = append(list, numbers[name])
				}
				err = with(list, open)
				return nil
			}))
			return err
		}
		if err := bed.Router.Do(open); errors.Is(err, unix.EPERM) {
			t.Log(k.Name, "with all that the process has: ", err) // in a user namespace
			continue
		}
		require.NoError(t, openWith(needs), k.Name)
		var lacks *plane.CapabilityError
		require.ErrorAs(t, openWith(nil), &lacks, k.Name)
		assert.Equal(t, needs, lacks.Missing)
		for i, name := range needs {
			err := openWith(slices.Delete(slices.Clone(needs), i, i+1))
			if err == nil && name == "CAP_IPC_LOCK" {
				continue // the limit of locked memory is high enough
			}
			require.ErrorAs(t, err, &lacks, "%s without %s", k.Name, name)
			assert.Equal(t, []string{name}, lacks.Missing)
			assert.Contains(t, err.Error(), k.Name+" needs "+name+", which this process does not have")
		}
	}
}

// The unit runs the gateway with what the default plane needs, and says what
// the others need.
func TestUnit(t *testing.T) {
	data, err := os.ReadFile("../../ecmp-gateway.service")
	require.NoError(t, err)
	unit := string(data)
	list := strings.Join(planes.All()[0].Needs.Capabilities, " ")
	for _, setting := range []string{"AmbientCapabilities=", "CapabilityBoundingSet="} {
		assert.Contains(t, unit, "\n"+setting+list+"\n")
		for _, k := range planes.All()[1:] {
			assert.Contains(t, unit, "\n# "+k.Name+": "+strings.Join(k.Needs.Capabilities, " ")+"\n")
		}
	}
}
