package planes_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

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

const (
	manyServices = 1000
	manyMembers  = 16
	drainEvery   = 25
)

// timed is a strategy that takes down when it built last.
type timed struct {
	selector.Bounded
	built *time.Time
}

func (t timed) Build(members []selector.Member) (selector.Selector, error) {
	defer func() { *t.built = time.Now() }()
	return t.Bounded.Build(members)
}

// many returns services with members behind the interfaces of all pods, each
// service with an address and a port of its own: eight have one address. Those
// that are to be drained are timed.
func many() []config.Service {
	list := make([]config.Service, manyServices)
	for i := range list {
		vip := netip.AddrFrom4([4]byte{172, 16, byte(i / 8 >> 8), byte(i / 8)})
		s := config.Service{Name: fmt.Sprint("service", i), Strategy: selector.Bounded{}, Protocol: hash.TCP,
			Prefixes: []netip.Prefix{netip.PrefixFrom(vip, 32)},
			Ports:    []plane.PortRange{{First: uint16(80 + i%8), Last: uint16(80 + i%8)}}}
		for j := range manyMembers {
			s.Members = append(s.Members, config.Member{ID: fmt.Sprintf("pod%d-%d", i, j), Dev: fmt.Sprint("lp", j+1),
				Addr: netip.AddrFrom4([4]byte{10, 9, byte(j + 1), 2}), MAC: testbed.MAC(j+1, 2), Weight: 1})
		}
		if i%drainEvery == 0 {
			s.Strategy = timed{built: new(time.Time)}
		}
		list[i] = s
	}
	return list
}

// BenchmarkMany has 1,000 services of 16 members on each plane: what it takes to
// start them, and to drain a member. The lock is what a drain takes once its
// table is built, since that needs no lock.
//
//	go test -run '^$' -bench Many -benchtime 1x ./gateway/internal/planes
func BenchmarkMany(b *testing.B) {
	if err := netns.Available(); err != nil {
		b.Skip(err)
	}
	for _, k := range planes.All() {
		b.Run(k.Name, func(b *testing.B) {
			bed, err := testbed.New(manyMembers, 1)
			require.NoError(b, err)
			defer func() { require.NoError(b, bed.Close()) }()
			require.NoError(b, bed.PrepareXDP())
			list := many()
			for b.Loop() {
				require.NoError(b, bed.Router.Do(func() error { return benchmarkMany(b, k, list) }))
			}
		})
	}
}

func benchmarkMany(b *testing.B, k plane.Kind, list []config.Service) error {
	b.Helper()
	began := time.Now()
	domain := selector.NewDomain()
	p, err := plane.Last(k, plane.Config{In: []string{"lc"}, Domain: domain, Sticky: &flowcache.Config{Flows: 1 << 20}},
		slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { require.NoError(b, p.Close()) }()
	r := services.New(p, domain, []string{"lc"}, slog.New(slog.DiscardHandler))
	if err := links.List(func(l links.Link) { _ = r.SetLink(l) }); err != nil {
		return err
	}
	if err := r.Replace(list, "file"); err != nil {
		return err
	}
	b.ReportMetric(time.Since(began).Seconds()*1000, "ms/start")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	defer func() {
		cancel()
		require.NoError(b, <-done)
	}()
	for r.Health() != nil {
		time.Sleep(time.Millisecond)
	}
	var drains, locks []float64
	for i := range manyServices / drainEvery {
		began := time.Now()
		if err := r.Drain(fmt.Sprint("service", drainEvery*i), fmt.Sprintf("pod%d-3", drainEvery*i)); err != nil {
			return err
		}
		ended := time.Now()
		drains = append(drains, ended.Sub(began).Seconds()*1000)
		locks = append(locks, ended.Sub(*list[drainEvery*i].Strategy.(timed).built).Seconds()*1000)
	}
	for what, list := range map[string][]float64{"drain": drains, "lock": locks} {
		slices.Sort(list)
		b.ReportMetric(list[len(list)/2], "ms/"+what)
		b.ReportMetric(list[len(list)-1], "ms/slowest-"+what)
	}
	next := slices.Clone(list)
	next[7].Members = next[7].Members[:manyMembers-1]
	began = time.Now()
	if err := r.Replace(next, "file"); err != nil {
		return err
	}
	b.ReportMetric(time.Since(began).Seconds()*1000, "ms/reload")
	began = time.Now()
	_, err = r.Save()
	b.ReportMetric(time.Since(began).Seconds()*1000, "ms/save")
	return err
}
