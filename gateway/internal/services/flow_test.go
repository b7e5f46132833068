package services_test

import (
	"maps"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/hash"
)

func TestParseQuestion(t *testing.T) {
	for _, c := range []struct{ proto, src, dst, want string }{
		{"tcp", "10.0.0.1:1000", "172.16.0.20:80", ""},
		{"", " 10.0.0.1:1000", "172.16.0.20:80 ", ""},
		{"UDP", "[2001:db8::1]:53", "[2001:db8::2]:53", ""},
		{"icmp", "10.0.0.1", "172.16.0.20", ""},
		{"icmp", "2001:db8::1", "[2001:db8::2]", ""},
		{"47", "10.0.0.1", "172.16.0.20", ""},
		{"tcp", "::ffff:10.0.0.1", "172.16.0.20:80", "the source 10.0.0.1 has no port, which tcp needs: ADDRESS:PORT"},
		{"tcp", "10.0.0.1:1", "172.16.0.20", "the destination 172.16.0.20 has no port, which tcp needs: ADDRESS:PORT"},
		{"icmp", "10.0.0.1:5", "172.16.0.20", "the source 10.0.0.1:5 has a port, which icmp has not"},
		{"tcp", "10.0.0.1:1", "[::1]:80", "10.0.0.1 and ::1 are of different IP versions"},
		{"tcp", "host:1", "172.16.0.20:80", `source "host:1": is neither ADDRESS:PORT nor an address`},
		{"tcp", "10.0.0.1:1", "", `destination "": is neither ADDRESS:PORT nor an address`},
		{"tcp", "[fe80::1%eth0]:1", "[::1]:80", `source "[fe80::1%eth0]:1": is neither ADDRESS:PORT nor an address`},
		{"256", "10.0.0.1", "172.16.0.20", `protocol "256": is none of tcp, udp, icmp, sctp, or a number to 255`},
	} {
		_, err := services.ParseQuestion(c.proto, c.src, c.dst)
		if c.want == "" {
			require.NoError(t, err, c)
			continue
		}
		var wrong *services.QuestionError
		require.ErrorAs(t, err, &wrong, c)
		assert.Equal(t, c.want, err.Error())
	}
}

// question is about a flow that fakeplane.Receive has packets of.
func question(dst netip.Addr, flow int) services.Question {
	return services.Question{
		Proto: hash.TCP, Src: netip.AddrPortFrom(netip.AddrFrom4([4]byte{10, 0, byte(flow >> 8), byte(flow)}), 1000),
		Dst: netip.AddrPortFrom(dst, 80),
	}
}

// The answer says where a flow goes, where its pin is, what is wrong with that
// member, and where it would go without.
func TestFlowIsAnswered(t *testing.T) {
	f := newRegistry(t)
	ask := func(flow int) services.Answer {
		t.Helper()
		a, err := f.Flow(question(vip, flow))
		require.NoError(t, err)
		return a
	}
	a := ask(1)
	assert.Equal(t, "placed", a.Verdict)
	assert.Nil(t, a.Pin)
	assert.Equal(t, a.Member.ID, a.Placed)
	assert.Zero(t, f.Stats().Flows.Flows, "asking pins nothing")

	went := f.plane.Receive(vip, 1, 1)[0]
	a = ask(1)
	assert.Equal(t, "pinned", a.Verdict)
	assert.Equal(t, went, a.Member.ID)
	assert.Equal(t, &services.FlowPin{Member: a.Member, State: "adopted", Timeout: 60}, a.Pin)

	require.NoError(t, f.Drain(config.Default, went))
	a = ask(1)
	assert.Equal(t, "pinned", a.Verdict)
	assert.Equal(t, services.Drained, a.Member.State)
	assert.Equal(t, went+" is drained, and keeps the flows that it has", a.Why)
	assert.NotEqual(t, went, a.Placed)

	require.NoError(t, f.SetDown(config.Default, went, true))
	a = ask(1)
	assert.Equal(t, "detoured", a.Verdict)
	assert.Equal(t, went, a.Pin.Member.ID)
	assert.Equal(t, services.Down, a.Pin.Member.State)
	assert.Equal(t, "its member "+went+" is down (it was set down): the pin waits for it", a.Why)
	assert.Equal(t, a.Placed, a.Member.ID)

	require.NoError(t, f.Delete(config.Default, went))
	a = ask(1)
	assert.Equal(t, "moved", a.Verdict)
	assert.Nil(t, a.Pin.Member)

	require.NoError(t, f.SetMembers(config.Default, nil))
	a = ask(1)
	assert.Equal(t, services.Dropped, a.Verdict)
	assert.Nil(t, a.Member)

	a, err := f.Flow(question(other, 1))
	require.NoError(t, err)
	assert.Equal(t, services.NotForService, a.Verdict)
	assert.Empty(t, a.Service)
}

// A ping is answered by the gateway while a member takes new flows, whatever pins
// its client has; but not that of a host behind the members.
func TestPingsAreAnswered(t *testing.T) {
	f := newRegistry(t)
	six, network := netip.MustParseAddr("2001:db8::1"), netip.MustParsePrefix("10.7.0.0/24")
	s := service(t, config.Default, vip, "maglev", pods(1))
	s.Prefixes = append(s.Prefixes, netip.PrefixFrom(six, 128), network)
	require.NoError(t, f.Replace([]config.Service{s}, ""))
	ask := func(to netip.Addr) services.Answer {
		t.Helper()
		from := "10.0.0.1"
		if to.Is6() {
			from = "2001:db8::99"
		}
		q, err := services.ParseQuestion("icmp", from, to.String())
		require.NoError(t, err)
		a, err := f.Flow(q)
		require.NoError(t, err)
		return a
	}
	for _, to := range []netip.Addr{vip, six} {
		a := ask(to)
		assert.Equal(t, services.Answered, a.Verdict)
		assert.Equal(t, "the gateway answers pings of this address itself", a.Why)
		assert.Equal(t, config.Default, a.Service)
		assert.Nil(t, a.Member)
	}
	assert.Equal(t, "placed", ask(network.Addr().Next()).Verdict)
	require.NoError(t, f.Drain(config.Default, "pod1"))
	for _, to := range []netip.Addr{vip, six} {
		assert.Equal(t, services.Dropped, ask(to).Verdict)
	}
}

// What no service has of an address is left to the kernel, dropped by the table
// that the gateway keeps there, or dropped by a plane that takes it.
func TestFlowOfNoService(t *testing.T) {
	f := newRegistry(t)
	web := service(t, "web", vip, "maglev", pods(1))
	web.Protocol = hash.UDP
	require.NoError(t, f.Replace([]config.Service{web}, ""))
	for _, c := range []struct {
		to            netip.Addr
		takes, kernel bool
		verdict, why  string
	}{
		{vip, false, false, services.NotForService, "the address: the packet is left to the kernel"},
		{vip, false, true, services.NotForService, "which drops it by the table of \"kernel\": true"},
		{vip, true, true, services.Dropped, "which this data plane takes from the kernel"},
		{other, false, true, services.NotForService, "has this destination: the packet is left to the kernel"},
		{other, true, true, services.NotForService, "has this destination: the packet is left to the kernel"},
	} {
		f.plane.Takes, f.Kernel = c.takes, c.kernel
		a, err := f.Flow(question(c.to, 1))
		require.NoError(t, err)
		assert.Equal(t, c.verdict, a.Verdict, c)
		assert.Regexp(t, c.why+"$", a.Why)
		assert.Empty(t, a.Service)
	}
}

// The flows of a member are counted by state and age, and a drain by how many
// are left.
func TestMemberFlows(t *testing.T) {
	f := newRegistry(t)
	had := map[string]int{}
	for _, id := range f.plane.Receive(vip, 0, 300) {
		had[id]++
	}
	m, err := f.MemberFlows(config.Default, "pod1")
	require.NoError(t, err)
	assert.Equal(t, had["pod1"], m.Flows)
	assert.Equal(t, []services.FlowState{{State: "adopted", Timeout: 60, Flows: had["pod1"]}}, m.States)
	assert.Equal(t, services.FlowAges{Within: 1, Flows: had["pod1"]}, m.Ages[0])
	assert.InDelta(t, 60, m.Silent, 0)
	assert.Nil(t, m.Drain)

	require.NoError(t, f.By("me").Drain(config.Default, "pod1"))
	require.Eventually(t, func() bool {
		m, err = f.MemberFlows(config.Default, "pod1")
		return err == nil && m.Drain.Began == had["pod1"]
	}, waitFor, tick)
	assert.Equal(t, services.Drained, m.State)
	assert.Equal(t, "me", m.Drain.By)
	assert.Zero(t, m.Drain.Half, "no flow has gone yet")

	_, err = f.MemberFlows("web", "pod1")
	require.ErrorIs(t, err, services.ErrNoService)
	_, err = f.MemberFlows(config.Default, "pod9")
	require.ErrorIs(t, err, services.ErrNoMember)
}

// Who counts flows, or asks, waits for nobody and has nobody wait.
func TestFlowsAreCountedWithoutTheLock(t *testing.T) {
	f := newRegistry(t)
	f.plane.Receive(vip, 0, 300)
	entered, leave := make(chan struct{}), make(chan struct{})
	f.plane.Scanned = func() {
		close(entered)
		<-leave
	}
	done := make(chan error, 1)
	go func() {
		_, err := f.MemberFlows(config.Default, "pod1")
		done <- err
	}()
	<-entered
	f.plane.Scanned = nil
	changed := make(chan error, 1)
	go func() { changed <- f.SetMembers(config.Default, pods(1, 2)) }()
	select {
	case err := <-changed:
		require.NoError(t, err)
	case <-time.After(waitFor):
		t.Fatal("a change waits for a scan")
	}
	close(leave)
	require.NoError(t, <-done)
}

// Drains that begin while flows are counted are counted by one more pass, all
// together, and not each by one of its own beside the others.
func TestDrainsAreCountedTogether(t *testing.T) {
	f := newRegistry(t)
	had := map[string]int{}
	for _, id := range f.plane.Receive(vip, 0, 300) {
		had[id]++
	}
	entered, leave := make(chan struct{}), make(chan struct{})
	var passes atomic.Int32
	f.plane.Scanned = func() {
		if passes.Add(1) == 1 {
			close(entered)
			<-leave
		}
	}
	require.NoError(t, f.Drain(config.Default, "pod1"))
	<-entered
	require.NoError(t, f.Drain(config.Default, "pod2"))
	time.Sleep(tick) // so that a pass of its own would begin
	assert.EqualValues(t, 1, passes.Load())
	require.NoError(t, f.Drain(config.Default, "pod3"))
	close(leave)
	require.Eventually(t, func() bool {
		began := map[string]int{}
		for _, m := range f.Stats().Services[0].Members {
			began[m.ID] = m.Drain.Flows
		}
		return maps.Equal(had, began)
	}, waitFor, tick)
	assert.EqualValues(t, 2, passes.Load())
}

// Half of the flows go in each half-life.
func TestPaceOfADrain(t *testing.T) {
	now := time.Now()
	d := services.Drain{At: now.Add(-time.Hour), Flows: 800}
	e := d.Ending(200, now)
	assert.InDelta(t, 1800, e.Half, 1)
	assert.InDelta(t, 1800*(1+7.64), e.Empty, 10)
	assert.Zero(t, d.Ending(800, now).Half)
	assert.Zero(t, d.Ending(0, now).Empty)
}
