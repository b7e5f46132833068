package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/linuxpath/internal/fib"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// A cell is a case of the question "which path?": a kind of route, the state of
// its next hops, and what sends the packets.
type cell struct {
	kind     string // inline, object, resilient
	weighted bool
	rule     bool   // the route is in another table, to which a rule leads
	state    string // up, down, linkdown, failed: of the third next hop
	sender   string // forwarded, bound, sendto, connected, tcp
	v6       bool
	policy   hash.LinuxPolicy

	// Drawn with the cell, since the table would be too large.
	seed           uint32
	fields         uint16
	useNeigh       bool // fib_multipath_use_neigh
	ignoreLinkdown bool // ignore_routes_with_linkdown
	source         bool // the inline route names its source address
	via6           bool // the inline IPv4 route has IPv6 gateways
	twice          bool // the route has one gateway twice
}

func (c cell) String() string {
	words := []string{c.kind, "equal", "main", c.state, c.sender, "IPv4", fmt.Sprintf("policy %d", c.policy)}
	for i, other := range map[int]string{1: "weighted", 2: "rule", 5: "IPv6"} {
		if map[int]bool{1: c.weighted, 2: c.rule, 5: c.v6}[i] {
			words[i] = other
		}
	}
	for _, flag := range []struct {
		is   bool
		word string
	}{
		{c.policy == hash.LinuxCustom, fmt.Sprintf("fields %#x", c.fields)},
		{c.useNeigh, "use_neigh"}, {c.ignoreLinkdown, "ignore_linkdown"}, {c.source, "src"}, {c.via6, "via inet6"},
		{c.twice, "a gateway twice"},
	} {
		if flag.is {
			words = append(words, flag.word)
		}
	}
	return strings.Join(words, ", ")
}

// allCells returns every cell, with the rest drawn.
func allCells(r *rand.Rand) (all []cell) {
	coin := func() bool { return r.IntN(2) == 0 }
	for _, kind := range []string{"inline", "object", "resilient"} {
		for i := range 4 {
			for _, state := range []string{"up", "down", "linkdown", "failed"} {
				for _, sender := range []string{"forwarded", "bound", "sendto", "connected", "tcp"} {
					for family := range 2 {
						for policy := range hash.LinuxPolicy(4) {
							c := cell{
								kind: kind, weighted: i&1 != 0, rule: i&2 != 0, state: state, sender: sender,
								v6: family == 1, policy: policy, seed: 1 + r.Uint32N(1<<31),
								fields:   []uint16{7, 0x37, 0x3f, 0x33, 0xfff}[r.IntN(5)],
								useNeigh: coin(), ignoreLinkdown: coin(), twice: r.IntN(4) == 0,
							}
							if kind == "inline" && !c.v6 {
								c.source, c.via6 = r.IntN(3) == 0, r.IntN(3) == 0
							}
							if kind == "inline" && c.v6 {
								c.twice = false // the kernel refuses it
							}
							all = append(all, c)
						}
					}
				}
			}
		}
	}
	return all
}

// A result is what a cell showed.
type cellResult struct {
	flows, agreed, wrong, unpredicted, lost int
	why                                     map[string]int // words printed where the hash alone does not decide
}

// The kernel sends packets to the predicted next hops: of every kind of route
// and socket, with next hops that are down. The test draws cells, or tries all
// of them once if LINUXPATH_CELLS is "all".
func TestCells(t *testing.T) {
	racecheck.OneGoroutine(t)
	inNamespace(t, testCells)
}

func testCells(t *testing.T) {
	r := newRand(t, 1)
	cells := allCells(r)
	whole := os.Getenv("LINUXPATH_CELLS") == "all"
	if !whole {
		n := 60
		if testing.Short() {
			n = 12
		}
		r.Shuffle(len(cells), func(i, k int) { cells[i], cells[k] = cells[k], cells[i] })
		cells = cells[:n]
	}
	bed := newCellbed(t)
	sums := map[string]*cellResult{}
	var total cellResult
	for _, c := range cells {
		result := bed.try(t, c, r)
		total.add(result)
		name := fmt.Sprintf("%-9s %-8s %-9s IPv%d", c.kind, c.state, c.sender, map[bool]int{false: 4, true: 6}[c.v6])
		if sums[name] == nil {
			sums[name] = &cellResult{why: map[string]int{}}
		}
		sums[name].add(result)
		if result.wrong > 0 || result.flows < cellFlows {
			t.Errorf("%s: %d wrong of %d", c, result.wrong, result.flows)
		}
	}
	if whole {
		var names []string
		for name := range sums {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			t.Logf("%s: %v", name, sums[name])
		}
	}
	t.Logf("%d cells: %v", len(cells), &total)
	assert.Zero(t, total.wrong)
	assert.Equal(t, total.why[randomPort], total.unpredicted, "all others are predicted")
}

func (r *cellResult) add(o cellResult) {
	r.flows, r.agreed, r.wrong = r.flows+o.flows, r.agreed+o.agreed, r.wrong+o.wrong
	r.unpredicted, r.lost = r.unpredicted+o.unpredicted, r.lost+o.lost
	for why, n := range o.why {
		if r.why == nil {
			r.why = map[string]int{}
		}
		r.why[why] += n
	}
}

func (r *cellResult) String() string {
	s := fmt.Sprintf("%d flows, %d as predicted (%d lost as predicted), %d wrong, %d not predicted", r.flows, r.agreed,
		r.lost, r.wrong, r.unpredicted)
	var words []string
	for why, n := range r.why {
		words = append(words, fmt.Sprintf("%d: %s", n, why))
	}
	slices.Sort(words)
	return strings.Join(append([]string{s}, words...), "; ")
}

const (
	cellFlows = 1000
	cellBurst = 100 // packets sent before they are collected
)

// try sets up a cell and sends packets.
func (b *cellbed) try(t *testing.T, c cell, r *rand.Rand) (result cellResult) {
	b.setUp(t, c)
	defer b.tearDown(t, c)
	conn, err := fib.Dial()
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // nothing was written
	h, err := newHost(conn)
	require.NoError(t, err)
	kind := map[string]socket{"bound": bound, "sendto": unbound, "connected": connected, "tcp": connected}[c.sender]
	if kind == forwarded {
		h.in = b.vin
	}
	result.why = map[string]int{}
	var flows []hash.FlowKey
	var predictions []prediction
	arrived := map[hash.FlowKey]int{}
	for range cellFlows / cellBurst {
		should := map[hash.FlowKey]bool{}
		burst := b.send(t, c, r, cellBurst)
		for _, k := range burst {
			p, err := h.predict(k, kind)
			require.NoError(t, err, "%s: %s", c, k)
			if _, up := b.deliverer(c, p.Nexthop); up && p.Nexthop != "" {
				should[k.WithLabel(0)] = true
			}
			predictions = append(predictions, p)
		}
		maps.Copy(arrived, b.collect(t, len(burst), c, should))
		flows = append(flows, burst...)
	}
	for i, k := range flows {
		p := predictions[i]
		got, ok := arrived[k.WithLabel(0)]
		want, up := b.deliverer(c, p.Nexthop)
		result.flows++
		if p.Why != "" {
			result.why[generalized(p.Why)]++
		}
		switch {
		case p.Nexthop == "":
			result.unpredicted++
			continue
		case p.wrong():
			result.wrong++
			b.complain(t, c, "%s: predicted %s, query %s; asked, the kernel takes %s", k, p.Nexthop, p.Query, p.Kernel)
			continue
		case up && ok && got == want:
		case !up && !ok:
			result.lost++
		default:
			result.wrong++
			b.complain(t, c, "%s: predicted %s (%d, up %t); it came to %d, %t", k, p.Nexthop, want, up, got, ok)
			continue
		}
		result.agreed++
	}
	return result
}

// complain logs the first few of a cell's errors.
func (b *cellbed) complain(t *testing.T, c cell, format string, args ...any) {
	if b.complaints[c]++; b.complaints[c] <= 3 {
		t.Logf("%s: %s", c, fmt.Sprintf(format, args...))
	}
}

// generalized returns a reason without the addresses in it.
func generalized(why string) string {
	words := strings.Fields(why)
	for i, w := range words {
		if _, err := netip.ParseAddr(w); err == nil || strings.Contains(w, "@") {
			words[i] = "X"
		}
	}
	return strings.Join(words, " ")
}
