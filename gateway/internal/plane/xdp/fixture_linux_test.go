package xdp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/ecmp-go/ecmp/symmetric"
)

const testSeed = 0x1122334455667788

// Results of the program, as the kernel numbers them.
const (
	xdpDrop     = 1
	xdpPass     = 2
	xdpRedirect = 4
)

// Where things are in a frame.
const (
	ipAt       = 14
	ipv4SizeAt = ipAt + 2
	ipv4SumAt  = ipAt + 10
	ipv4End    = ipAt + 20
)

// skipWithout skips the test where err says that programs can't be had.
func skipWithout(t testing.TB, err error) {
	t.Helper()
	if errors.Is(err, unix.EPERM) || errors.Is(err, ebpf.ErrNotSupported) {
		t.Skipf("needs CAP_BPF and CAP_NET_ADMIN, and XDP in the kernel: %v", err)
	}
	require.NoError(t, err)
	t.Log("needs privileges, and has them") // for .ci/run
}

// A fixture is a plane under test, whose frames come from the test and whose
// clock stands still, beside an engine that has the same groups.
type fixture struct {
	*dataPlane
	t      testing.TB
	ns     *netns.Namespace // of lo, which all outputs are
	domain *selector.Domain
	clock  *ebpf.Map
	time   time.Duration
	groups []*engine.Group
	list   []plane.Service
	engine *engine.Worker
	table  *flowcache.Table // of the engine
	drops  map[*engine.Group]plane.Drops
}

// dropsOf returns what the engine says of the drops of services.
func dropsOf(w *engine.Worker) map[*engine.Group]plane.Drops {
	all := make(map[*engine.Group]plane.Drops)
	for g, dropped := range w.Counters().Groups() {
		for reason, n := range dropped {
			plane.AddDrops(all, g, reason.String(), n)
		}
	}
	return all
}

// program is the one that forwards. The interface has the address zero, so that
// it looks at no frame's.
func (r *fixture) program() *ebpf.Program { return r.gates[0].forward }

// newFixture returns a router with one group for each strategy: i is for
// 10.i.0.0/16 and fd00:i::/32. Flows is 0 for no stickiness.
func newFixture(t testing.TB, flows int, strategies ...selector.Strategy) *fixture {
	t.Helper()
	if flows == 0 {
		return newFixtureOf(t, nil, strategies...)
	}
	return newFixtureOf(t, &flowcache.Config{Flows: flows}, strategies...)
}

// newFixtureOf is newFixture with more to be said of stickiness; nil: there is
// none.
func newFixtureOf(t testing.TB, sticky *flowcache.Config, strategies ...selector.Strategy) *fixture {
	t.Helper()
	return newFixtureWith(t, plane.Config{Sticky: sticky}, strategies...)
}

// newFixtureWith is newFixture with more to be said of the plane.
func newFixtureWith(t testing.TB, c plane.Config, strategies ...selector.Strategy) *fixture {
	t.Helper()
	r := &fixture{t: t, domain: selector.NewDomain(), drops: make(map[*engine.Group]plane.Drops)}
	var err error
	r.clock, err = ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8, MaxEntries: 1})
	skipWithout(t, err)
	sticky := c.Sticky
	c.In, c.Seed, c.Domain = []string{"lo"}, testSeed, r.domain
	e := engine.Config{
		Routes: new(engine.Routes),
		Policy: hash.Policy{Extractor: hash.FiveTuple, Hasher: symmetric.Hasher{Base: hash.XX{Seed: testSeed}}},
	}
	if sticky != nil {
		of := *sticky
		of.Domain, c.Sticky = r.domain, &of
		r.table, err = flowcache.NewTable(*c.Sticky)
		require.NoError(t, err)
		e.Flows = r.table
	}
	if err := netns.Available(); err != nil {
		t.Skip(err)
	}

	r.ns, err = netns.New(fmt.Sprintf("xdp%p", r))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, r.ns.Close()) })
	skipWithout(t, r.ns.Do(func() error {
		spec, err := loadForward()
		if err != nil {
			return err
		}
		setClock(spec.Programs[programSticky], r.clock)
		r.dataPlane, err = newPlane(c, spec)
		return err
	}))
	t.Cleanup(func() { require.NoError(t, errors.Join(r.Close(), r.clock.Close())) })
	r.advance(time.Hour)
	if r.flows != nil {
		r.flows.now = func() int64 { return int64(r.time) }
	}
	outputs := make(map[uint16]string)
	for i := range uint16(100) {
		outputs[i] = "lo"
	}
	require.NoError(t, setOutputs(r, outputs))
	for i, s := range strategies {
		g, err := selector.NewGroup[engine.Adjacency](r.domain, selector.GroupConfig{Name: fmt.Sprint("group ", i),
			Strategy: s})
		require.NoError(t, err)
		prefixes := []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/16", i)),
			netip.MustParsePrefix(fmt.Sprintf("fd00:%d::/32", i))}
		r.groups = append(r.groups, g)
		r.list = append(r.list, plane.Service{Prefixes: prefixes, Group: g})
		for _, p := range prefixes {
			e.Routes.Insert(p, g)
		}
	}
	r.engine = engine.NewWorker(e)
	require.NoError(t, r.Sync(r.list))
	return r
}

// setClock has a program ask a map for the time, where it asks the kernel.
func setClock(p *ebpf.ProgramSpec, clock *ebpf.Map) {
	now := &btf.Func{Name: "clock", Linkage: btf.StaticFunc,
		Type: &btf.FuncProto{Return: &btf.Int{Name: "u64", Size: 8}}}
	read := asm.LoadMapValue(asm.R0, clock.FD(), 0)
	for i, call := range p.Instructions {
		if call.IsBuiltinCall() && asm.BuiltinFunc(call.Constant) == asm.FnKtimeGetCoarseNs {
			p.Instructions[i] = asm.Call.Label(now.Name).WithSource(call.Source())
			read = read.WithSource(call.Source()) // a function must have one
		}
	}
	p.Instructions = append(p.Instructions, btf.WithFuncMetadata(read.WithSymbol(now.Name), now),
		asm.LoadMem(asm.R0, asm.R0, 0, asm.DWord), asm.Return())
}

// hopOf makes a member whose addresses and output are told by its number.
func hopOf(number uint16, weight uint32) engine.Hop {
	id := fmt.Sprintf("m%02d", number)
	return engine.Hop{ID: id, Weight: weight, Value: engine.Adjacency{
		ID: id, Output: number,
		Header: engine.NewEthernet(engine.MAC{2, 0, 0, 0, 2, byte(number)}, engine.MAC{2, 0, 0, 0, 1, byte(number)}),
	}}
}

func hopsFor(numbers ...uint16) (list []engine.Hop) {
	for _, n := range numbers {
		list = append(list, hopOf(n, 1))
	}
	return list
}

// update gives group i members and puts them in force.
func (r *fixture) update(i int, hops ...engine.Hop) {
	r.t.Helper()
	_, err := r.groups[i].Update(hops)
	require.NoError(r.t, err)
	require.NoError(r.t, r.Sync(r.list))
}

func (r *fixture) setDown(number uint16, down bool) {
	r.t.Helper()
	r.domain.Mark(hopOf(number, 1).ID).SetDown(down)
	require.NoError(r.t, r.Sync(r.list))
}

func (r *fixture) advance(d time.Duration) {
	r.time += d
	require.NoError(r.t, r.clock.Put(uint32(0), uint64(r.time)))
}

// run has the program look at a frame: its verdict, and the frame after.
func (r *fixture) run(frame []byte) (action uint32, out []byte) {
	r.t.Helper()
	out = make([]byte, len(frame))
	action, err := r.program().Run(&ebpf.RunOptions{Data: frame, DataOut: out})
	require.NoError(r.t, err)
	return action, out
}

// member runs the program on a frame that it must forward, and returns the
// number of the member.
func (r *fixture) member(frame []byte) uint16 {
	r.t.Helper()
	action, out := r.run(frame)
	require.EqualValues(r.t, xdpRedirect, action)
	require.Equal(r.t, []byte{2, 0, 0, 0, 2}, out[:5])
	return uint16(out[5])
}

// engineMember is what the engine makes of the same frame.
func (r *fixture) engineMember(frame []byte) uint16 {
	r.t.Helper()
	var d [1]engine.Decision
	r.engine.Burst(d[:], [][]byte{append([]byte(nil), frame...)}, time.Duration(r.time))
	require.NotNil(r.t, d[0].Hop)
	return d[0].Hop.Output
}

// A conversation makes frames of a flow.
type conversation struct {
	src, dst netip.AddrPort
	proto    uint8
}

// someConversation returns a flow from anywhere to the addresses of one of the
// first groups.
func someConversation(rng *rand.Rand, groups int) conversation {
	c := conversation{proto: []uint8{hash.TCP, hash.UDP}[rng.IntN(2)]}
	src, dst := make([]byte, 16), make([]byte, 16)
	for i := range src {
		src[i], dst[i] = byte(rng.Uint32()), byte(rng.Uint32())
	}
	group := byte(rng.IntN(groups))
	ports := rng.Uint32()
	if rng.IntN(2) == 0 {
		dst[0], dst[1] = 10, group
		src, dst = src[:4], dst[:4]
	} else {
		copy(dst, []byte{0xfd, 0, 0, group})
	}
	a, _ := netip.AddrFromSlice(src)
	b, _ := netip.AddrFromSlice(dst)
	c.src, c.dst = netip.AddrPortFrom(a, uint16(ports)), netip.AddrPortFrom(b, uint16(ports>>16))
	return c
}

// group is the number of the group that the flow goes to.
func (c conversation) group() int {
	b := c.dst.Addr().AsSlice()
	if c.dst.Addr().Is4() {
		return int(b[1])
	}
	return int(b[3])
}

func conversations(n int, groups int) (list []conversation) {
	rng := rand.New(rand.NewPCG(uint64(n), uint64(groups)))
	for range n {
		list = append(list, someConversation(rng, groups))
	}
	return list
}

// frame returns a frame of the flow, with a payload of some length.
func (c conversation) frame(flags hash.TCPFlags, lifetime uint8, payload int) []byte {
	var transport []byte
	transport = binary.BigEndian.AppendUint16(transport, c.src.Port())
	transport = binary.BigEndian.AppendUint16(transport, c.dst.Port())
	switch c.proto {
	case hash.TCP:
		transport = append(transport, 1, 2, 3, 4, 5, 6, 7, 8, 0x50, byte(flags), 1, 0, 0xab, 0xcd, 0, 0)
	case hash.UDP:
		transport = binary.BigEndian.AppendUint16(transport, uint16(8+payload))
		transport = append(transport, 0xab, 0xcd)
	default:
		transport = nil
	}
	for i := range payload {
		transport = append(transport, byte(i))
	}
	return c.packet(transport, lifetime)
}

// packet puts IP and Ethernet headers before what follows them.
func (c conversation) packet(rest []byte, lifetime uint8) []byte {
	frame := []byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd}
	if c.dst.Addr().Is6() {
		frame = append(frame, 0x60, 1, 2, 3)
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(rest)))
		frame = append(frame, c.proto, lifetime)
		return append(append(append(frame, c.src.Addr().AsSlice()...), c.dst.Addr().AsSlice()...), rest...)
	}
	frame[12], frame[13] = 0x08, 0x00
	frame = append(frame, 0x45, 0)
	frame = binary.BigEndian.AppendUint16(frame, uint16(20+len(rest)))
	frame = append(frame, 0xbe, 0xef, 0x40, 0, lifetime, c.proto, 0, 0)
	frame = append(append(frame, c.src.Addr().AsSlice()...), c.dst.Addr().AsSlice()...)
	sum := uint32(0)
	for i := ipAt; i < len(frame); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(frame[i:]))
	}
	sum = sum&0xffff + sum>>16
	binary.BigEndian.PutUint16(frame[ipv4SumAt:], ^uint16(sum&0xffff+sum>>16))
	return append(frame, rest...)
}

// setOutputs has every fault be an error.
func setOutputs(p plane.Plane, devices map[uint16]string) error {
	faults, err := p.SetOutputs(devices)
	return errors.Join(err, faults.Err())
}
