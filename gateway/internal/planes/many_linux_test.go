package planes_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
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
)

// many returns services with members behind the interfaces of all pods, each
// service with an address and a port of its own: eight have one address.
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
		list[i] = s
	}
	return list
}

// BenchmarkMany has 1,000 services of 16 members on each plane: what it takes to
// start them, and to drain a member. The lock of a drain is the longest that
// somebody waits who asks for something else every 100 microseconds.
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
	others := waitFor(func() { r.DrainedByConfiguration("service0", "pod0-0") })
	var drains, locks []float64
	for i := range 40 {
		others.longest.Store(0)
		began := time.Now()
		if err := r.Drain(fmt.Sprint("service", 25*i), fmt.Sprintf("pod%d-3", 25*i)); err != nil {
			return err
		}
		drains = append(drains, time.Since(began).Seconds()*1000)
		locks = append(locks, time.Duration(others.longest.Load()).Seconds()*1000)
	}
	others.end()
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

// A waiter is somebody who waits for something again and again.
type waiter struct {
	longest atomic.Int64 // time of one call, in nanoseconds
	end     func()
}

func waitFor(call func()) *waiter {
	w, done := new(waiter), make(chan struct{})
	var waiting sync.WaitGroup
	waiting.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(100 * time.Microsecond):
			}
			began := time.Now()
			call()
			w.longest.Store(max(w.longest.Load(), int64(time.Since(began))))
		}
	})
	w.end = func() {
		close(done)
		waiting.Wait()
	}
	return w
}
