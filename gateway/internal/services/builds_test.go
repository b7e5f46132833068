package services_test

import (
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// counted is a strategy that counts what it builds.
type counted struct {
	selector.Strategy
	builds *int
}

func (c counted) Build(members []selector.Member) (selector.Selector, error) {
	*c.builds++
	s, err := c.Strategy.Build(members)
	return c.count(s), err
}

func (c counted) count(s selector.Selector) selector.Selector {
	if r, ok := s.(selector.Rebuilder); ok {
		return countedRebuilder{r, c}
	}
	return s
}

type countedRebuilder struct {
	selector.Rebuilder
	by counted
}

func (r countedRebuilder) Rebuild(members []selector.Member, prev []int32) (selector.Selector, error) {
	*r.by.builds++
	s, err := r.Rebuilder.Rebuild(members, prev)
	return r.by.count(s), err
}

// manyServices returns services of three members each, and a registry that has
// them in force.
func manyServices(tb testing.TB, n int, strategy selector.Strategy) ([]config.Service, *services.Registry) {
	list := make([]config.Service, n)
	for i := range list {
		vip := netip.AddrFrom4([4]byte{172, 16, byte(i >> 8), byte(i)})
		list[i] = config.Service{
			Name: fmt.Sprint("service", i), Prefixes: []netip.Prefix{netip.PrefixFrom(vip, 32)},
			Strategy: strategy, Members: pods(3*i, 3*i+1, 3*i+2),
		}
	}
	domain := selector.NewDomain()
	p, err := fakeplane.New(domain)
	require.NoError(tb, err)
	r := services.New(p, domain, []string{"lc"}, slog.New(slog.DiscardHandler))
	require.NoError(tb, r.Replace(list, "first"))
	return list, r
}

// A change of one service builds its table once, and no other's.
func TestBuilds(t *testing.T) {
	for _, row := range catalog.All() {
		n := 50
		if row.Name == catalog.Default {
			n = 200
		}
		t.Run(row.Name, func(t *testing.T) {
			builds := 0
			strategy := counted{row.Strategy, &builds}
			list, r := manyServices(t, n, strategy)
			takes := func(want int, what string, change func() error) {
				t.Helper()
				builds = 0
				require.NoError(t, change(), what)
				assert.Equal(t, want, builds, what)
			}
			assert.Equal(t, n, builds, "the start")
			takes(1, "a drain", func() error { return r.Drain("service7", "pod21") })
			takes(1, "a removal", func() error { return r.Delete("service8", "pod24") })
			takes(0, "a carrier", func() error { return r.SetLink(links.Link{Name: "lp30"}) })
			takes(0, "another MAC address", func() error {
				return r.SetLink(links.Link{Name: "lp31", Index: 31, MAC: pod(99, 1).MAC, Carrier: true})
			})
			require.NoError(t, r.Replace(list, "first"))

			next := slices.Clone(list)
			next[9].Members = next[9].Members[:2]
			takes(1, "a reload", func() error { return r.Replace(next, "second") })
			next = slices.Clone(next)
			next[10].Prefixes = append(next[10].Prefixes, netip.MustParsePrefix("10.0.0.0/8"))
			takes(0, "a reload with another prefix", func() error { return r.Replace(next, "third") })
			takes(1, "a reload with one more", func() error {
				more := config.Service{Name: "more", Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")},
					Strategy: strategy, Members: pods(800)}
				return r.Replace(append(next, more), "fourth")
			})
			takes(0, "a reload with one less", func() error { return r.Replace(next[1:], "fifth") })

			next = slices.Clone(next[1:])
			for i := range 2 {
				next[12+i].Members = slices.Clone(next[12+i].Members)
				next[12+i].Members[0].MAC[0] = 6
			}
			takes(0, "a reload with two other MAC addresses", func() error { return r.Replace(next, "sixth") })
			next = slices.Clone(next)
			next[14].Members = nil
			next[15].Members = []config.Member{pod(801, 0), pod(802, 0)}
			next[16].Members = next[16].Members[:2]
			takes(1, "a reload that drains two and changes one", func() error { return r.Replace(next, "seventh") })

			next = slices.Clone(next)
			for i := range 4 {
				next[20+i].Members = next[20+i].Members[:2]
			}
			takes(4, "a reload of four", func() error {
				return r.Replace(next, "eighth")
			})
		})
	}
}

func BenchmarkDrain(b *testing.B) {
	for _, n := range []int{1, 50, 200} {
		b.Run(fmt.Sprint("services=", n), func(b *testing.B) {
			_, r := manyServices(b, n, selector.Bounded{})
			weight := uint32(0)
			for b.Loop() {
				_, _, err := r.Edit("service0", "pod0", func(m *config.Member, _ uint32) (config.Member, error) {
					next := *m
					next.Weight, weight = weight, 1-weight
					return next, nil
				})
				require.NoError(b, err)
			}
		})
	}
}
