package planes_test

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/selector"
)

// Of two gateways on one interface, whatever their planes are, the second is
// refused and told who has it; in another namespace, or after the first, it is
// not. Who can't be a gateway keeps nobody off.
func TestOneGatewayOnAnInterface(t *testing.T) {
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	bed, err := testbed.New(1, 1)
	require.NoError(t, err)
	defer func() { require.NoError(t, bed.Close()) }()
	require.NoError(t, bed.PrepareXDP())
	open := func(k plane.Kind, n *netns.Namespace, in string) (p plane.Plane, err error) {
		err = n.Do(func() (err error) {
			p, err = k.New(plane.Config{In: []string{in}, Domain: selector.NewDomain()})
			return err
		})
		return p, err
	}
	for _, first := range planes.All() {
		p, err := open(first, bed.Router, "lc")
		require.NoError(t, err, first.Name)
		for _, second := range planes.All() {
			_, err := open(second, bed.Router, "lc")
			require.ErrorIs(t, err, plane.ErrClaimed, "%s beside %s", second.Name, first.Name)
			assert.Contains(t, err.Error(), "interface lc: another gateway receives from it: process "+
				strconv.Itoa(os.Getpid()))
		}
		other, err := open(first, bed.Client, "c0")
		require.NoError(t, err, "in another namespace")
		require.NoError(t, errors.Join(other.Close(), p.Close()))
	}
	// Nobody takes the name.
	var index int
	require.NoError(t, bed.Router.Do(func() error {
		device, err := net.InterfaceByName("lc")
		index = device.Index
		return err
	}))
	program, err := os.ReadFile(os.Args[0])
	require.NoError(t, err)
	dir, err := os.MkdirTemp("", "squatter") // where nobody may go, which t.TempDir is not
	require.NoError(t, err)
	defer func() { require.NoError(t, os.RemoveAll(dir)) }()
	require.NoError(t, os.Chmod(dir, 0o755)) //nolint:gosec // see above
	file := filepath.Join(dir, "squatter")
	require.NoError(t, os.WriteFile(file, program, 0o755)) //nolint:gosec // see above
	squatter := exec.CommandContext(t.Context(), file)     //nolint:gosec // this program
	squatter.Dir = dir
	squatter.Env = append(os.Environ(), fmt.Sprintf("SQUAT=@ecmp-gateway/interface/%d", index))
	squatter.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	out, err := squatter.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, bed.Router.Do(squatter.Start))
	defer func() { _, _ = squatter.Process.Kill(), squatter.Wait() }()
	_, err = out.Read(make([]byte, 1)) // it listens
	require.NoError(t, err)
	p, err := open(planes.All()[0], bed.Router, "lc")
	require.NoError(t, err)
	require.NoError(t, p.Close())
}

// TestMain takes a name in place of running the tests where a test asks for
// that, in a process of its own.
func TestMain(m *testing.M) {
	name := os.Getenv("SQUAT")
	if name == "" {
		os.Exit(m.Run())
	}
	if _, err := net.Listen("unix", name); err != nil {
		panic(err)
	}
	_, _ = os.Stdout.WriteString("x")
	select {}
}

// What keeps AF_XDP from an interface is told: its MTU.
func TestMTUIsNamed(t *testing.T) {
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	n, err := netns.New("mtu")
	require.NoError(t, err)
	defer func() { require.NoError(t, n.Close()) }()
	require.NoError(t, n.IP("link add lc mtu 9000 type veth peer name c0 mtu 9000\nlink set lc up\nlink set c0 up\n"))
	k, _ := plane.Find(planes.All(), "afxdp")
	err = n.Do(func() error {
		_, err := k.New(plane.Config{In: []string{"lc"}, Domain: selector.NewDomain()})
		return err
	})
	require.ErrorContains(t, err, "interface lc: its MTU of 9000 is more than its driver takes")
	require.ErrorIs(t, err, syscall.ERANGE)
}
