package plane

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/selector"
)

// A bench is a plane on the router of a bed, and the group that it forwards to.
type bench struct {
	*testbed.Bed
	plane Plane
	group *engine.Group
	stop  func() // ends Run

	forgot bool // drops of a service that left
}

// forEach runs a test with each plane, with one worker or two.
func forEach(t *testing.T, test func(t *testing.T, open func(t *testing.T, c Config, pods int) *bench)) {
	for name, newPlane := range map[string]func(Config) (Plane, error){"afpacket": NewAFPacket, "afxdp": NewAFXDP} {
		for _, workers := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s/%d", name, workers), func(t *testing.T) {
				test(t, func(t *testing.T, c Config, pods int) *bench {
					c.Workers = workers
					return newBench(t, newPlane, c, pods)
				})
			})
		}
	}
}

// newBench starts a plane that forwards to all pods of a new bed.
func newBench(t *testing.T, newPlane func(Config) (Plane, error), c Config, pods int) *bench {
	t.Helper()
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	bed, err := testbed.New(pods, max(1, c.Workers))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bed.Close()) })
	c.In, c.Domain = []string{"lc"}, selector.NewDomain()
	b := &bench{Bed: bed}
	b.group, err = selector.NewGroup[engine.Adjacency](c.Domain, selector.GroupConfig{Name: "vip",
		Strategy: selector.Maglev{}})
	require.NoError(t, err)
	require.NoError(t, bed.Router.Do(func() (err error) {
		b.plane, err = newPlane(c)
		return err
	}))
	if _, ok := b.plane.(*userspace).transport.(*afxdpTransport); ok {
		require.NoError(t, bed.PrepareXDP())
	}
	var all []int
	for i := range pods {
		all = append(all, i+1)
	}
	b.to(t, all...)
	require.NoError(t, b.plane.Sync([]Service{{Group: b.group, Prefixes: testbed.Prefixes(), Own: true}}))
	b.run(t)
	t.Cleanup(func() {
		b.stop()
		c := b.plane.Counters()
		assertConserved(t, c)
		if !b.forgot {
			assertTold(t, c)
		}
		require.NoError(t, b.plane.Close())
	})
	return b
}

// to forwards to these pods from now on.
func (b *bench) to(t *testing.T, pods ...int) {
	t.Helper()
	old := make([]int, 0, len(b.Pods))
	for i := range b.Pods {
		old = append(old, i+1)
	}
	// what comes is there before, and what goes after the change
	for _, outputs := range [][]int{old, pods} {
		require.NoError(t, b.Router.Do(func() error { return setOutputs(b.plane, testbed.Outputs(outputs...)) }))
		_, err := b.group.Update(testbed.Hops(pods...))
		require.NoError(t, err)
	}
}

// run starts the plane.
func (b *bench) run(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- b.plane.Run(ctx) }()
	b.stop = func() {
		cancel()
		start := time.Now()
		require.NoError(t, <-done)
		assert.Less(t, time.Since(start), time.Minute)
		b.stop = func() {}
	}
}

// assertConserved checks that every frame was sent, dropped for a reason, or
// waits.
func assertConserved(t *testing.T, c Counters) {
	t.Helper()
	out := uint64(0)
	for _, m := range c.Members {
		out += m.Frames
	}
	for _, n := range c.Dropped {
		out += n
	}
	assert.Equal(t, c.In.Frames, out+c.Fragments.Waiting, "%+v", c)
}

// assertTold checks that each drop of a frame for a member or a service counts
// there.
func assertTold(t *testing.T, c Counters) {
	t.Helper()
	told := make(Drops)
	for _, drops := range c.MemberDrops {
		for reason, n := range drops {
			told[reason] += n
		}
	}
	for _, drops := range c.ServiceDrops {
		for reason, n := range drops {
			told[reason] += n
		}
	}
	for reason, n := range c.Dropped {
		switch reason {
		case engine.NotIP.String(), engine.Damaged.String(), noServiceHere, overrun, oversized, unsupported:
			assert.Zero(t, told[reason], "%s is of nobody", reason)
		default:
			assert.Equal(t, n, told[reason], "%s: %+v", reason, c)
		}
		delete(told, reason)
	}
	assert.Empty(t, told, "not among all drops")
}

const servicePort = 80

// listen has every pod listen for TCP on both addresses of the service, and
// handle connections.
func (b *bench) listen(t *testing.T, handle func(pod int, c net.Conn)) {
	t.Helper()
	for i, p := range b.Pods {
		require.NoError(t, p.Do(func() error {
			for _, address := range []string{testbed.Service4, testbed.Service6} {
				l, err := net.Listen("tcp", net.JoinHostPort(address, fmt.Sprint(servicePort)))
				if err != nil {
					return err
				}
				t.Cleanup(func() { _ = l.Close() })
				go func() {
					for {
						c, err := l.Accept()
						if err != nil {
							return
						}
						go handle(i+1, c)
					}
				}()
			}
			return nil
		}))
	}
}

// echo answers with the number of the pod, and then with what comes.
func echo(pod int, c net.Conn) {
	_, _ = c.Write([]byte{byte(pod)})
	_, _ = io.Copy(c, c)
	_ = c.Close()
}

// dial connects the client, and returns the number of the pod that answers.
func (b *bench) dial(t *testing.T, address string) (c net.Conn, pod int) {
	t.Helper()
	require.NoError(t, b.Client.Do(func() (err error) {
		c, err = net.DialTimeout("tcp", net.JoinHostPort(address, fmt.Sprint(servicePort)), time.Minute)
		return err
	}))
	t.Cleanup(func() { _ = c.Close() })
	require.NoError(t, c.SetDeadline(time.Now().Add(time.Minute)))
	var number [1]byte
	_, err := io.ReadFull(c, number[:])
	require.NoError(t, err)
	return c, int(number[0])
}

// Megabytes go over TCP to the service and back, whole, and each pod gets some.
// Under afpacket the interfaces are as they are made: they leave checksums
// undone and segments uncut.
func TestTCP(t *testing.T) {
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		b := open(t, Config{}, 2)
		const conns, size = 40, 1 << 20
		pods := b.echoes(t, conns, size)
		counters := b.plane.Counters()
		assert.Greater(t, counters.In.Bytes, uint64(conns*size))
		for pod := 1; pod <= 2; pod++ {
			assert.Greater(t, counters.Members[uint16(pod)].Bytes, uint64(pods[pod]*size), "pod%d", pod)
			assert.Positive(t, pods[pod], "pod%d", pod)
		}
		assertConserved(t, counters)
	})
}

// echoes has so many connections to the service get back what they send, and
// counts those of each pod.
func (b *bench) echoes(t *testing.T, conns, size int) map[int]int {
	t.Helper()
	b.listen(t, echo)
	content := make([]byte, size)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content)
	pods := make(map[int]int)
	for i := range conns {
		address := []string{testbed.Service4, testbed.Service6}[i%2]
		c, pod := b.dial(t, address)
		pods[pod]++
		go func() {
			_, _ = c.Write(content)
			_ = c.(*net.TCPConn).CloseWrite()
		}()
		back, err := io.ReadAll(c)
		require.NoError(t, err)
		require.True(t, bytes.Equal(content, back), address)
	}
	return pods
}

// Connections to the pod that stays go on while others come and go, and no
// packet is lost to a change.
func TestChangesUnderTraffic(t *testing.T) {
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		b := open(t, Config{Sticky: &flowcache.Config{Flows: 1000}}, 3)
		b.listen(t, echo)
		b.to(t, 1)
		var conns []net.Conn
		for i := range 8 {
			c, pod := b.dial(t, []string{testbed.Service4, testbed.Service6}[i%2])
			require.Equal(t, 1, pod)
			conns = append(conns, c)
		}
		assert.Equal(t, map[selector.Slot]int{b.group.Load().View().Slot(0): 8}, b.plane.Flows().Pins())
		var ended atomic.Bool
		errs := make(chan error, len(conns))
		for _, c := range conns {
			go func() {
				line := make([]byte, 1000)
				for !ended.Load() {
					if _, err := c.Write(line); err != nil {
						errs <- err
						return
					}
					if _, err := io.ReadFull(c, line); err != nil {
						errs <- err
						return
					}
				}
				errs <- nil
			}()
		}
		for _, pods := range [][]int{{1, 2}, {1, 2, 3}, {1}, {1, 3}, {1, 2}, {1}, {1, 2, 3}} {
			b.to(t, pods...)
			require.NoError(t, b.plane.Sync([]Service{{Group: b.group, Prefixes: testbed.Prefixes()}}))
			assertConserved(t, b.plane.Counters())
			time.Sleep(20 * time.Millisecond)
		}
		ended.Store(true)
		for range conns {
			require.NoError(t, <-errs)
		}
		assert.Zero(t, b.plane.Counters().Dropped[noOutput])
		assert.Positive(t, b.plane.Flows().Stats().Flows)
	})
}

// What the router's kernel answers or forwards is no traffic of a service:
// afpacket counts it apart, and afxdp leaves it to the kernel unseen.
func TestNotForService(t *testing.T) {
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		b := open(t, Config{}, 1)
		b.listen(t, echo)
		for host, address := range map[*netns.Namespace]string{b.Router: "10.9.0.1", b.Pods[0]: "10.9.1.2"} {
			require.NoError(t, host.Do(func() error {
				l, err := net.Listen("tcp", net.JoinHostPort(address, fmt.Sprint(servicePort)))
				if err != nil {
					return err
				}
				t.Cleanup(func() { _ = l.Close() })
				go func() {
					if c, err := l.Accept(); err == nil {
						echo(1, c)
					}
				}()
				return nil
			}))
			b.dial(t, address)
		}
		c := b.plane.Counters()
		assert.Zero(t, c.In)
		assert.Empty(t, c.Dropped)
		if _, afxdp := b.plane.(*userspace).transport.(*afxdpTransport); afxdp {
			assert.Zero(t, c.NotForService)
		} else {
			require.Eventually(t, func() bool {
				c = b.plane.Counters()
				return c.NotForService.Frames >= 4 // a SYN and an ACK each
			}, time.Minute, time.Millisecond)
			assert.GreaterOrEqual(t, c.NotForService.Bytes, 40*c.NotForService.Frames)
			assert.Zero(t, c.In)
			assert.Empty(t, c.Dropped)
		}
		b.dial(t, testbed.Service4)
		c = b.plane.Counters()
		assert.Positive(t, c.In.Frames)
		assert.Empty(t, c.Dropped)
	})
}

// A connection to a pod that is gone ends at once by a reset.
func TestReset(t *testing.T) {
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		b := open(t, Config{Sticky: &flowcache.Config{Flows: 1000}, Reset: true}, 2)
		b.listen(t, echo)
		b.to(t, 1)
		for _, address := range []string{testbed.Service4, testbed.Service6} {
			c, pod := b.dial(t, address)
			require.Equal(t, 1, pod)
			b.to(t, 2)
			_, err := c.Write([]byte("x"))
			if err == nil { // else a late acknowledgement was answered already
				_, err = c.Read(make([]byte, 1))
			}
			require.ErrorIs(t, err, syscall.ECONNRESET)
			b.to(t, 1)
		}
		counters := b.plane.Counters()
		assert.Equal(t, uint64(2), counters.Replies.Frames)
		assert.Equal(t, uint64(2), counters.Dropped[engine.Answered.String()])
	})
}

// A plane can be stopped and started again, as it was.
func TestStopAndGo(t *testing.T) {
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		b := open(t, Config{Sticky: &flowcache.Config{Flows: 1000}}, 2)
		b.listen(t, echo)
		c, _ := b.dial(t, testbed.Service4)
		before := b.plane.Counters().In.Frames
		assert.Positive(t, before)
		b.stop()
		b.run(t)
		_, err := c.Write([]byte("x"))
		require.NoError(t, err)
		_, err = io.ReadFull(c, make([]byte, 1))
		require.NoError(t, err)
		assert.Greater(t, b.plane.Counters().In.Frames, before)

		var saved bytes.Buffer
		require.NoError(t, b.plane.Flows().Save(&saved))
		require.NoError(t, b.plane.Flows().Restore(&saved, b.group))
		assert.Equal(t, uint64(1), b.plane.Flows().Stats().Placed)
	})
}

// Packets to a member whose interface is down are counted so, and when it is up
// again they get there; when the interface that packets come in by is gone, so
// is the plane.
func TestInterfacesDownAndGone(t *testing.T) {
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		b := open(t, Config{}, 1)
		b.listen(t, echo)
		c, _ := b.dial(t, testbed.Service4)
		require.NoError(t, b.Router.IP("link set lp1 down\n"))
		_, err := c.Write([]byte("x"))
		require.NoError(t, err)
		time.Sleep(50 * time.Millisecond)
		assertConserved(t, b.plane.Counters())
		require.NoError(t, b.Router.IP("link set lp1 up\nroute replace 10.9.1.0/24 dev lp1\n"))
		_, err = io.ReadFull(c, make([]byte, 1))
		require.NoError(t, err)

		b.stop()
		done := make(chan error, 1)
		go func() { done <- b.plane.Run(context.Background()) }()
		require.NoError(t, b.Router.IP("link del lc\n"))
		select {
		case err := <-done:
			require.Error(t, err)
		case <-time.After(time.Minute):
			t.Fatal("it goes on without an interface")
		}
	})
}

// What a plane can't work with is refused by name, and nothing is changed.
func TestErrors(t *testing.T) {
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		b := open(t, Config{}, 1)
		require.NoError(t, b.Router.Do(func() error {
			faults, err := b.plane.SetOutputs(map[uint16]string{1: "lp1", 2: "nowhere"})
			assert.Equal(t, Faults{"nowhere": ErrNoInterface}, faults)
			return err
		}))
		var config *ConfigError
		prefix := testbed.Prefixes()[:1]
		require.ErrorAs(t, b.plane.Sync([]Service{{Prefixes: prefix}}), &config)
		var twice *ConflictError
		require.ErrorAs(t, b.plane.Sync([]Service{{Group: b.group, Prefixes: prefix},
			{Group: b.group, Prefixes: prefix}}), &twice)
		b.listen(t, echo)
		b.dial(t, testbed.Service6)
	})
	for _, c := range []Config{{}, {In: []string{"lo", "lo"}}, {In: []string{"lo"}, Workers: -1},
		{In: []string{"lo"}, Sticky: &flowcache.Config{Flows: 1}}} {
		var config *ConfigError
		_, err := NewAFPacket(c)
		require.ErrorAs(t, err, &config)
		_, err = NewAFXDP(c)
		require.ErrorAs(t, err, &config)
	}
	for _, newPlane := range []func(Config) (Plane, error){NewAFPacket, NewAFXDP} {
		var device *DeviceError
		_, err := newPlane(Config{In: []string{"nowhere"}})
		require.ErrorAs(t, err, &device)
		assert.Equal(t, "nowhere", device.Device)
	}
}

// setOutputs has every fault be an error.
func setOutputs(p Plane, devices map[uint16]string) error {
	faults, err := p.SetOutputs(devices)
	return errors.Join(err, faults.Err())
}
