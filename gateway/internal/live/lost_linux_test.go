package live

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
)

// A lostBed is what a memory is given, in a form that a table of steps has: next
// hops by their number, of one prefix.
type lostBed struct {
	memory
	now time.Time
}

func hopNumber(c rune) netip.Addr { return netip.AddrFrom4([4]byte{10, 9, byte(c - '0'), 2}) }

// follow has routers announce next hops, each by the router of its address,
// while some of them are on a link and some routers have told of all. It returns
// the next hops that are served, those that are lost in brackets.
func (b *lostBed) follow(announced, onLink, told string) string {
	var r []bgp.Route
	prefix := netip.MustParsePrefix("172.31.0.0/24")
	if announced != "" {
		r = []bgp.Route{{Prefix: prefix}}
	}
	for _, c := range announced {
		r[0].Hops = append(r[0].Hops, bgp.Hop{Addr: hopNumber(c), Weight: 1, Routers: []netip.Addr{hopNumber(c)}})
	}
	devices, all := map[netip.Addr]string{}, map[netip.Addr]bool{}
	for _, c := range onLink {
		devices[hopNumber(c)] = "lp" + string(c)
	}
	for _, c := range told {
		all[hopNumber(c)] = true
	}
	var text strings.Builder
	for _, route := range b.memory.follow(r, devices, all, b.now) {
		for _, h := range route.hops {
			number := string('0' + rune(h.Addr.As4()[2]))
			if h.dev != "lp"+number {
				text.WriteString("!" + h.dev)
			}
			if h.lost != nil {
				number = "(" + number + ")"
			}
			text.WriteString(number)
		}
	}
	return text.String()
}

// What routers take back is gone; what is lost with a session or a link is down,
// until it is back, or taken back, or has been down for long enough. Each row
// begins with two next hops that are there.
func TestLost(t *testing.T) {
	type step struct {
		after                  int // s since the step before
		announced, onLink, all string
		want                   string
	}
	for what, steps := range map[string][]step{
		"withdrawn":             {{0, "1", "12", "12", "1"}},
		"a session ends":        {{0, "1", "12", "1", "1(2)"}, {9, "1", "12", "1", "1(2)"}},
		"and comes back":        {{0, "1", "12", "1", "1(2)"}, {9, "12", "12", "12", "12"}},
		"and is told by and by": {{0, "2", "12", "", "(1)2"}},
		"and it left meanwhile": {{0, "1", "12", "1", "1(2)"}, {1, "1", "12", "12", "1"}},
		"and stays away":        {{0, "1", "12", "1", "1(2)"}, {10, "1", "12", "1", "1"}},
		"its link is gone":      {{0, "12", "1", "12", "1(2)"}, {9, "12", "12", "12", "12"}},
		"then its session":      {{5, "12", "1", "12", "1(2)"}, {5, "1", "1", "1", "1(2)"}, {5, "1", "1", "1", "1"}},
		"and it is withdrawn":   {{0, "12", "1", "12", "1(2)"}, {1, "1", "1", "12", "1"}},
		"and stays away, too": {{0, "12", "1", "12", "1(2)"},
			{10, "12", "1", "12", "1"}, {0, "12", "12", "12", "12"}},
		"all are lost":         {{0, "1", "12", "1", "1(2)"}, {1, "", "12", "", ""}, {1, "1", "12", "", "1(2)"}},
		"all are lost at once": {{0, "", "12", "", ""}, {9, "2", "12", "2", "(1)2"}},
		"for long":             {{0, "", "12", "", ""}, {10, "2", "12", "", "2"}},
		"all are taken back":   {{0, "", "12", "12", ""}, {1, "2", "12", "2", "2"}},
		"lost again": {{0, "1", "12", "1", "1(2)"}, {9, "12", "12", "12", "12"},
			{9, "1", "12", "1", "1(2)"}, {9, "1", "12", "1", "1(2)"}},
	} {
		b := lostBed{memory{keep: 10 * time.Second}, time.Unix(0, 0)}
		assert.Equal(t, "12", b.follow("12", "12", "12"))
		for i, s := range steps {
			b.now = b.now.Add(time.Duration(s.after) * time.Second)
			assert.Equal(t, s.want, b.follow(s.announced, s.onLink, s.all), "%s, step %d", what, i)
		}
	}
}

// Without a time to keep what is lost, it is gone at once.
func TestLostIsNotKept(t *testing.T) {
	b := lostBed{now: time.Unix(0, 0)}
	assert.Equal(t, "12", b.follow("12", "12", "12"))
	assert.Equal(t, "1", b.follow("1", "12", "1"))
	assert.Equal(t, "1", b.follow("12", "1", "12"), "on no link")
}

// A next hop that several routers announce is withdrawn when all have taken it
// back, and a reason names a router that has not.
func TestLostWithSeveralRouters(t *testing.T) {
	one, two := hopNumber('1'), hopNumber('2')
	h := hop{Hop: bgp.Hop{Addr: one, Routers: []netip.Addr{one, two}}}
	assert.True(t, withdrawn(&h, map[netip.Addr]bool{one: true, two: true}))
	assert.False(t, withdrawn(&h, map[netip.Addr]bool{one: true}))
	assert.Equal(t, two, h.missing(map[netip.Addr]bool{one: true}))

	m := memory{keep: time.Minute}
	devices := map[netip.Addr]string{one: "lp1", two: "lp2"}
	all := map[netip.Addr]bool{one: true, two: true}
	route := bgp.Route{Prefix: netip.MustParsePrefix("fd31::/64"),
		Hops: []bgp.Hop{h.Hop, {Addr: two, Routers: h.Routers[:1]}}}
	m.follow([]bgp.Route{route}, devices, all, time.Unix(0, 0))
	route.Hops = route.Hops[1:]
	list := m.follow([]bgp.Route{route}, devices, map[netip.Addr]bool{one: true}, time.Unix(0, 0))
	assert.EqualError(t, list[0].hops[0].lost, "the session with its router 10.9.2.2 ended")
}
