package planes_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// A flight is a gateway on the router of a bed, whose client sends packets of
// flows, and whose pods take note of which came to them.
type flight struct {
	*testing.T
	*testbed.Bed
	*services.Registry
	plane  plane.Plane
	socket int // of the client
	sent   map[services.Question]uint64

	mu   sync.Mutex
	came map[services.Question]string // the pod
}

func newFlight(t *testing.T, k plane.Kind, c plane.Config) *flight {
	t.Helper()
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}
	t.Log("needs privileges, and has them") // for .ci/run
	bed, err := testbed.New(4, 1)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, bed.Close()) })
	require.NoError(t, bed.PrepareXDP())
	f := &flight{T: t, Bed: bed, came: make(map[services.Question]string), sent: make(map[services.Question]uint64)}
	c.In, c.Domain, c.Seed = []string{"lc"}, selector.NewDomain(), 7
	require.NoError(t, bed.Router.Do(func() (err error) {
		f.plane, err = k.New(c)
		return err
	}))
	f.Registry = services.New(f.plane, c.Domain, c.In, slog.New(slog.DiscardHandler))
	f.onRouter(func() error { return links.List(func(l links.Link) { _ = f.SetLink(l) }) })
	for i, pod := range bed.Pods {
		socket := f.open(pod, "eth0")
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			f.note(socket, fmt.Sprint("pod", i+1))
		}()
		t.Cleanup(func() { <-ended }) // before its namespace is closed
	}
	f.socket = f.open(bed.Client, "c0")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Registry.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		require.NoError(t, f.plane.Close())
	})
	return f
}

// onRouter does something in the network namespace of the router.
func (f *flight) onRouter(do func() error) {
	f.Helper()
	require.NoError(f, f.Router.Do(do))
}

// open returns a packet socket that reads for a while at most.
func (f *flight) open(n *netns.Namespace, device string) (socket int) {
	f.Helper()
	require.NoError(f, n.Do(func() (err error) {
		const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8
		i, err := net.InterfaceByName(device)
		if err != nil {
			return err
		}
		if socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all); err != nil {
			return err
		}
		_ = unix.SetsockoptInt(socket, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
		wait := unix.NsecToTimeval(int64(time.Second / 10))
		if err := unix.SetsockoptTimeval(socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
			return err
		}
		return unix.Bind(socket, &unix.SockaddrLinklayer{Protocol: all, Ifindex: i.Index})
	}))
	return socket
}

// note takes down what comes to a pod, until the test ends.
func (f *flight) note(socket int, pod string) {
	defer unix.Close(socket) //nolint:errcheck // nothing is left to be sent
	for b := make([]byte, 2048); f.Context().Err() == nil; {
		n, from, err := unix.Recvfrom(socket, b, 0)
		if err != nil {
			continue
		}
		if at, ok := from.(*unix.SockaddrLinklayer); !ok || at.Pkttype == unix.PACKET_OUTGOING {
			continue
		}
		var h hash.Headers
		if hash.Parse(b[:n], &h) != nil {
			continue
		}
		key := h.Outer
		f.mu.Lock()
		f.came[services.Question{Proto: key.Proto(), Src: key.Src(), Dst: key.Dst()}] = pod
		f.mu.Unlock()
	}
}

// send sends a packet of each flow until all came to a pod, and returns which.
func (f *flight) send(flows []services.Question) map[services.Question]string {
	f.Helper()
	f.mu.Lock()
	clear(f.came)
	f.mu.Unlock()
	went := make(map[services.Question]string, len(flows))
	missing, sent := flows, time.Time{}
	require.Eventually(f, func() bool {
		var still []services.Question
		f.mu.Lock()
		for _, q := range missing {
			if pod, ok := f.came[q]; ok {
				went[q] = pod
			} else {
				still = append(still, q)
			}
		}
		f.mu.Unlock()
		progress := len(still) < len(missing)
		if missing = still; len(missing) > 0 && !progress && time.Since(sent) > time.Second {
			sent = time.Now()
			for i, q := range missing {
				f.sent[q]++
				if _, err := unix.Write(f.socket, frameOf(q)); err != nil || i%256 == 255 {
					time.Sleep(time.Millisecond) // or a queue is full
				}
			}
		}
		return len(missing) == 0
	}, time.Minute, 20*time.Millisecond, "packets that came nowhere: %d", len(missing))
	return went
}

// frameOf returns a packet of a flow as its sender makes it.
func frameOf(q services.Question) []byte {
	router := testbed.MAC(0, 1)
	frame := append(append([]byte(nil), router[:]...), 2, 0, 0, 1, 0, 2)
	payload := make([]byte, 32)
	binary.BigEndian.PutUint16(payload, q.Src.Port())
	binary.BigEndian.PutUint16(payload[2:], q.Dst.Port())
	switch q.Proto {
	case hash.TCP:
		payload[12], payload[13] = 8<<4, 0x10
	case hash.UDP:
		binary.BigEndian.PutUint16(payload[4:], uint16(len(payload)))
	case unix.IPPROTO_ICMP:
		payload[0], payload[1], payload[2], payload[3] = 8, 0, 0xf7, 0xff
	}
	if q.Dst.Addr().Is4() {
		frame = append(frame, 8, 0, 0x45, 0, 0, byte(20+len(payload)), 0, 1, 0, 0, 63, q.Proto, 0, 0)
		frame = append(append(frame, q.Src.Addr().AsSlice()...), q.Dst.Addr().AsSlice()...)
		sum := uint32(0)
		for i := 14; i < 34; i += 2 {
			sum += uint32(binary.BigEndian.Uint16(frame[i:]))
		}
		for sum > 0xffff {
			sum = sum&0xffff + sum>>16
		}
		binary.BigEndian.PutUint16(frame[24:], ^uint16(sum))
	} else {
		frame = append(frame, 0x86, 0xdd, 0x60, 0, 0, 0, 0, byte(len(payload)), q.Proto, 63)
		frame = append(append(frame, q.Src.Addr().AsSlice()...), q.Dst.Addr().AsSlice()...)
	}
	return append(frame, payload...)
}

// ask asks where each flow goes, which changes nothing, then has a packet of
// each come, and checks that it went there. It returns the answers.
func (f *flight) ask(what string, flows []services.Question) (answers []services.Answer) {
	f.Helper()
	before := f.plane.Flows().Stats()
	for _, q := range flows {
		a, err := f.Flow(q)
		require.NoError(f, err)
		answers = append(answers, a)
	}
	after := f.plane.Flows().Stats()
	after.Flows, after.Expired = before.Flows, before.Expired
	after.Detoured = before.Detoured // a packet that was sent again may come late
	require.Equal(f, before, after, "%s: asking changes nothing", what)
	went := f.send(flows)
	wrong, verdicts := 0, make(map[string]int)
	for i, q := range flows {
		verdicts[answers[i].Verdict]++
		if m := answers[i].Member; m == nil || m.ID != went[q] {
			if wrong++; wrong < 4 {
				assert.Equal(f, went[q], answers[i], "%s: %v", what, q)
			}
		}
	}
	require.Zero(f, wrong, "%s: flows that went elsewhere than was said, of %d", what, len(flows))
	f.Logf("%-28s %d flows, all where was said: %v", what, len(flows), verdicts)
	return answers
}

// all checks that something holds for all answers.
func (f *flight) all(answers []services.Answer, is func(a *services.Answer) bool) {
	f.Helper()
	for i := range answers {
		require.True(f, is(&answers[i]), "%+v", answers[i])
	}
}

// countedByService checks that the packets of flows, so many each or some sent
// again, are counted by service and member, and by nothing else.
func (f *flight) countedByService(answers []services.Answer, each uint64) {
	f.Helper()
	type at struct{ service, member string }
	least, most := make(map[at]uint64), make(map[at]uint64)
	for i := range answers {
		a := &answers[i]
		q, err := services.ParseQuestion(a.Protocol, a.Source, a.Destination)
		require.NoError(f, err)
		to := at{a.Service, a.Member.ID}
		least[to] += each
		most[to] += f.sent[q]
	}
	require.Len(f, least, 6, "two services of three members")
	for _, s := range f.Stats().Services {
		for _, m := range s.Members {
			to := at{s.Name, m.ID}
			assert.GreaterOrEqual(f, m.Frames, least[to], to)
			assert.LessOrEqual(f, m.Frames, most[to], to)
			assert.Positive(f, m.Bytes, to)
		}
	}
}

// count returns how many answers are so.
func count(answers []services.Answer, is func(a *services.Answer) bool) (n int) {
	for i := range answers {
		if is(&answers[i]) {
			n++
		}
	}
	return n
}

// Flow says where 10,000 live flows go, in every state that a flow can be in,
// and changes nothing.
func TestFlowAgreesWithLiveFlows(t *testing.T) {
	for _, k := range planes.All() {
		t.Run(k.Name, func(t *testing.T) { testFlowAgrees(t, k) })
	}
}

func testFlowAgrees(t *testing.T, k plane.Kind) {
	// Only flows of UDP expire while this test runs.
	const never, soon = 100 * time.Hour, 2 * time.Second
	f := newFlight(t, k, plane.Config{Sticky: &flowcache.Config{
		Flows: 1 << 17, Tick: time.Second / 10, EstablishedTCP: never, Closing: never, DownGrace: never,
		Established: soon, Probation: soon, PromoteAfter: soon / 2,
	}})
	flows, short := 10_000, 1_000
	if testing.Short() {
		flows, short = 1000, 200
	}
	v4, v6 := netip.MustParseAddr(testbed.Service4), netip.MustParseAddr(testbed.Service6)
	flow := func(proto uint8, i int) services.Question {
		src, dst := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), v4
		if i%5 == 0 {
			src, dst = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 9, 8, 14: byte(i >> 8), 15: byte(i)}), v6
		}
		q := services.Question{Proto: proto,
			Src: netip.AddrPortFrom(src, uint16(20_000+i)), Dst: netip.AddrPortFrom(dst, 443)}
		if proto == unix.IPPROTO_ICMP {
			q.Src, q.Dst = netip.AddrPortFrom(src, 0), netip.AddrPortFrom(dst, 0)
		}
		return q
	}
	list := func(proto uint8, first, n int) (list []services.Question) {
		for i := range n {
			list = append(list, flow(proto, first+i))
		}
		return list
	}
	members := func(pods ...int) (list []config.Member) {
		for _, i := range pods {
			list = append(list, config.Member{ID: fmt.Sprint("pod", i), Dev: fmt.Sprint("lp", i), Weight: 1,
				Addr: netip.AddrFrom4([4]byte{10, 9, byte(i), 2}), MAC: testbed.MAC(i, 2)})
		}
		return list
	}
	on := func(addr netip.Addr, name string, pods ...int) config.Service {
		return config.Service{Name: name, Prefixes: []netip.Prefix{netip.PrefixFrom(addr, addr.BitLen())},
			Strategy: selector.Bounded{}, Members: members(pods...)}
	}
	f.onRouter(func() error {
		return f.Replace([]config.Service{on(v4, "four", 1, 2, 3), on(v6, "six", 1, 2, 3)}, "")
	})
	tcp := list(hash.TCP, 0, flows)
	f.all(f.ask("new", tcp), func(a *services.Answer) bool { return a.Verdict == "placed" && a.Pin == nil })
	answers := f.ask("pinned", tcp)
	f.all(answers, func(a *services.Answer) bool {
		return a.Verdict == "pinned" && a.Placed == a.Member.ID && a.Pin.Member.ID == a.Member.ID
	})

	f.countedByService(answers, 2)

	f.onRouter(func() error { return f.SetMembers("four", members(1, 2, 3, 4)) })
	answers = f.ask("after a member joined", tcp)
	f.all(answers, func(a *services.Answer) bool { return a.Verdict == "pinned" })
	assert.Positive(t, count(answers, func(a *services.Answer) bool { return a.Placed != a.Member.ID }),
		"where it would be placed without its pin")

	f.onRouter(func() error { return f.Drain("four", "pod1") })
	answers = f.ask("drained", tcp)
	f.all(answers, func(a *services.Answer) bool { return a.Verdict == "pinned" })
	drained := func(a *services.Answer) bool { return a.Member.State == services.Drained && a.Placed != "pod1" }
	held := count(answers, drained)
	assert.Positive(t, held)
	of, err := f.MemberFlows("four", "pod1")
	require.NoError(t, err)
	assert.Equal(t, held, of.Flows)
	require.Len(t, of.States, 1)
	assert.Equal(t, "established TCP", of.States[0].State)
	f.all(f.ask("new while one is drained", list(hash.TCP, 12_000, short)), func(a *services.Answer) bool {
		return a.Verdict == "placed" && (a.Service == "six" || a.Member.ID != "pod1")
	})

	lost := func(id string, services_ ...string) func(a *services.Answer) bool {
		return func(a *services.Answer) bool {
			was := a.Pin != nil && a.Pin.Member != nil && a.Pin.Member.ID == id
			for _, name := range services_ {
				if was && a.Service == name {
					return a.Verdict == "detoured" && a.Member.ID != id && a.Pin.Member.Reason != ""
				}
			}
			return a.Verdict == "pinned"
		}
	}
	f.onRouter(func() error { return f.SetDown("four", "pod2", true) })
	answers = f.ask("down in one service", tcp)
	f.all(answers, lost("pod2", "four"))
	detoured := count(answers, func(a *services.Answer) bool { return a.Verdict == "detoured" })
	assert.Positive(t, detoured)
	assert.GreaterOrEqual(t, f.Stats().Flows.Detoured, uint64(detoured), "a packet each")

	var lp3 links.Link
	f.onRouter(func() error {
		return links.List(func(l links.Link) {
			if l.Name == "lp3" {
				lp3 = l
			}
		})
	})
	lp3.Carrier = false
	f.onRouter(func() error { return f.SetDown("four", "pod2", false) })
	f.onRouter(func() error { return f.SetLink(lp3) })
	answers = f.ask("down with its link", tcp)
	f.all(answers, lost("pod3", "four", "six"))
	assert.Positive(t, count(answers, func(a *services.Answer) bool {
		return a.Verdict == "detoured" && a.Pin.Member.Reason == "lp3 has no carrier"
	}))
	lp3.Carrier = true
	f.onRouter(func() error { return f.SetLink(lp3) })
	f.all(f.ask("up again", tcp), func(a *services.Answer) bool { return a.Verdict == "pinned" })

	f.onRouter(func() error { return f.Delete("four", "pod1") })
	answers = f.ask("after a member left", tcp)
	assert.Equal(t, held, count(answers, func(a *services.Answer) bool { return a.Verdict == "moved" }))
	f.all(f.ask("pinned anew", tcp), func(a *services.Answer) bool { return a.Verdict == "pinned" })

	udp := list(hash.UDP, 0, short)
	f.send(udp)
	require.Eventually(t, func() bool {
		for _, q := range udp {
			if a, err := f.Flow(q); err != nil || a.Pin != nil {
				return false
			}
		}
		return true
	}, time.Minute, time.Second/10)
	f.all(f.ask("after expiry", udp), func(a *services.Answer) bool { return a.Verdict == "placed" })
	var pings []services.Question
	for i := range short {
		if i%5 > 0 {
			pings = append(pings, flow(unix.IPPROTO_ICMP, i))
		}
	}
	f.ask("ping", pings)

	elsewhere := netip.MustParseAddrPort("172.16.9.9:443")
	a, err := f.Flow(services.Question{Proto: hash.TCP, Src: tcp[1].Src, Dst: elsewhere})
	require.NoError(t, err)
	assert.Equal(t, services.NotForService, a.Verdict)
}
