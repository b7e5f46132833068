package plane

import (
	"bytes"
	"context"
	"io"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/internal/netns"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/selector"
)

// started returns a plane on the router of the testbed that forwards to a group of pods.
func (b *testbed) started(t testing.TB, newPlane func(Config) (Plane, error), c Config, pods ...int) (Plane, *engine.Group) {
	t.Helper()
	c.In, c.Domain = []string{"lc"}, selector.NewDomain()
	g, err := selector.NewGroup[engine.Adjacency](selector.Config{Name: "vip", Strategy: selector.Maglev{}, Domain: c.Domain})
	require.NoError(t, err)
	var p Plane
	require.NoError(t, b.router.Do(func() (err error) {
		if p, err = newPlane(c); err != nil {
			return err
		}
		return p.SetOutputs(outputs(pods...))
	}))
	_, err = g.Update(hops(pods...))
	require.NoError(t, err)
	require.NoError(t, p.Sync(serve(g)))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		assert.NoError(t, <-done)
		assertConserved(t, p.Counters())
		assert.NoError(t, p.Close())
	})
	return p, g
}

// assertConserved checks that every frame was sent or dropped for a reason.
func assertConserved(t testing.TB, c Counters) {
	t.Helper()
	out := uint64(0)
	for _, m := range c.Members {
		out += m.Frames
	}
	for _, n := range c.Dropped {
		out += n
	}
	assert.Equal(t, c.In.Frames, out, "%+v", c)
}

// Megabytes go over TCP to the service, whole, whatever the interfaces leave to each other: checksums and segments.
func TestTCP(t *testing.T) {
	for name, newPlane := range planes {
		t.Run(name, func(t *testing.T) { testTCP(t, newPlane) })
	}
}

var planes = map[string]func(Config) (Plane, error){"afpacket": NewAFPacket, "afxdp": NewAFXDP}

func testTCP(t *testing.T, newPlane func(Config) (Plane, error)) {
	b := newTestbed(t, 2, 1)
	if t.Name() == "TestTCP/afxdp" {
		require.NoError(t, b.client.SetFeatures("c0", false, netns.TxChecksum, netns.TxSegmentation))
		for _, p := range b.pods {
			require.NoError(t, p.SetFeatures("eth0", true, netns.GRO))
		}
	}
	p, _ := b.started(t, newPlane, Config{Sticky: &flowcache.Config{Flows: 1000}}, 1, 2)
	const port, size = 80, 8 << 20
	b.listen(t, port, func(_ int, c net.Conn) {
		_, _ = io.Copy(c, c)
		_ = c.Close()
	})
	content := make([]byte, size)
	r := rand.NewChaCha8([32]byte{})
	_, _ = r.Read(content)
	for range 4 {
		for _, address := range []string{service4, service6} {
			c := b.dial(t, address, port)
			go func() {
				_, _ = c.Write(content)
				_ = c.(*net.TCPConn).CloseWrite()
			}()
			back, err := io.ReadAll(c)
			require.NoError(t, err)
			assert.True(t, bytes.Equal(content, back), address)
		}
	}
	t.Logf("%+v", p.Counters())
	t.Logf("%+v", p.Flows().Stats())
}
