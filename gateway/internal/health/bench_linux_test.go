package health_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/gateway/internal/health"
)

// BenchmarkChecks has a thousand members asked each second for five seconds, or
// for one with -short, over the loopback, and says how much of a core that
// takes, both ends and the kernel included.
func BenchmarkChecks(b *testing.B) {
	listen := func() net.Listener { // at every address of the loopback
		l, err := net.Listen("tcp", "0.0.0.0:0")
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = l.Close() })
		return l
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Listener = listen()
	s.Start()
	defer s.Close()
	l := listen()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_ = c.Close()
		}
	}()
	for by, at := range map[health.By]net.Addr{health.TCP: l.Addr(), health.HTTP: s.Listener.Addr()} {
		b.Run(string(by), func(b *testing.B) {
			const members = 1000
			length := 5 * time.Second
			if testing.Short() {
				length = time.Second
			}
			for b.Loop() {
				var failed atomic.Int64
				ctx, cancel := context.WithCancel(b.Context())
				c := health.New(ctx, func(health.Target, error) { failed.Add(1) }, nil)
				targets := make([]health.Target, members)
				for i := range targets {
					targets[i] = health.Target{
						Member: strconv.Itoa(i), Addr: netip.AddrFrom4([4]byte{127, 0, byte(i / 250), byte(i%250 + 1)}),
						Check: health.Check{By: by, Port: portOf(at), Path: "/", Interval: time.Second,
							Timeout: time.Second / 2, Failures: 2, Successes: 2},
					}
				}
				c.Set(targets)
				time.Sleep(2 * time.Second) // until each has been asked
				before := busy()
				time.Sleep(length)
				b.ReportMetric(100*(busy()-before).Seconds()/length.Seconds(), "%core")
				b.ReportMetric(float64(failed.Load()), "failed")
				cancel()
				c.Wait()
			}
		})
	}
}

// busy is the time of processors that the process has taken.
func busy() time.Duration {
	var u unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
