package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A drain loses no request: those in flight are answered, and the server gets
// no other. All requests of a batch are in flight at once.
func TestDrainLosesNothing(t *testing.T) {
	const batch = 100
	trace := newTrace(1000, 1)[:2*batch]
	arrived, answer, finished := make(chan struct{}, len(trace)), make(chan struct{}), make(chan struct{}, len(trace))
	s := newSite(1.25, func() { arrived <- struct{}{}; <-answer }, func() { finished <- struct{}{} })
	defer s.close()
	release := sync.OnceFunc(func() { close(answer) })
	defer release()
	errs := make(chan error, len(trace))
	send := func(part []request) {
		for _, q := range part {
			go func() { errs <- s.ask(q) }()
		}
		for range part {
			select {
			case <-arrived:
			case err := <-errs:
				require.Fail(t, "a request came to nobody", "%v", err)
			}
		}
	}
	send(trace[:batch])
	gone := s.hops[leaving].Value
	open := s.router.loadOf(gone)
	require.Positive(t, open)
	s.hops[leaving].Weight = 0
	must(s.router.group.Update(s.hops))
	send(trace[batch:])
	assert.Equal(t, open, s.router.loadOf(gone))
	loads := 0
	for _, h := range s.hops {
		loads += s.router.loadOf(h.Value)
	}
	assert.Equal(t, len(trace), loads)
	release()
	for range trace {
		require.NoError(t, <-errs)
		<-finished
	}
	requests := 0
	for i, b := range s.backends {
		requests += b.Requests
		assert.Zero(t, s.router.loadOf(s.hops[i].Value))
	}
	assert.Equal(t, len(trace), requests)
	assert.Equal(t, open, s.backends[leaving].Requests)
}

// What play counts adds up, and no server exceeds its cap of 64 requests.
func TestPlay(t *testing.T) {
	trace := newTrace(1000, 3)[:400]
	l, err := play(trace, 1.25)
	require.NoError(t, err)
	assert.Equal(t, 400, l.Answered)
	assert.Zero(t, l.Late)
	assert.Positive(t, l.Open)
	assert.Greater(t, l.Removed, l.Drained)
	assert.LessOrEqual(t, l.Removed, l.Drained+inFlight)
	requests := 0
	for i, s := range l.Servers {
		requests += s.Requests
		most := 12 // 1.25 * 64/8 of weight 1 of 8, and of 56 in flight while one drains
		if i == heavy {
			most = 20
		}
		assert.LessOrEqual(t, s.Peak, most)
		assert.Positive(t, s.Hits)
		assert.Less(t, s.Hits, s.Blocks)
	}
	assert.Equal(t, 400, requests)
}

// With caps that are too low for all there is a request that nobody takes.
func TestPlayFails(t *testing.T) {
	_, err := play(newTrace(1000, 1)[:100], 0.5)
	require.ErrorContains(t, err, "reached no server: 503")
	require.ErrorContains(t, err, "no server takes requests")
}

func TestBadPrompt(t *testing.T) {
	s := newSite(1.25, func() {}, func() {})
	defer s.close()
	answer, err := s.client.Post(s.front.URL, "application/json", strings.NewReader(`{"prompt":"no blocks"}`))
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	assert.Equal(t, http.StatusBadRequest, answer.StatusCode)
	assert.Zero(t, s.backends[0].Requests)
}

// A server tells what it had in its cache.
func TestBackendCounts(t *testing.T) {
	var calls atomic.Int32
	b := &backend{cache: newCache(), arrived: func() { calls.Add(1) }}
	body := `{"prompt":"` + spell([]uint64{1, 2, 3}) + `"}`
	for _, want := range []string{`"cached_tokens":0,`, `"cached_tokens":192,`} {
		w := httptest.NewRecorder()
		b.ServeHTTP(w, httptest.NewRequest("POST", "/", strings.NewReader(body)))
		assert.Contains(t, w.Body.String(), want)
	}
	assert.Equal(t, int32(2), calls.Load())
	assert.Equal(t, served{Requests: 2, Peak: 1, Hits: 3, Blocks: 6}, b.served)
}

// The last blocks of a text are evicted first, and a gap ends a match.
func TestCache(t *testing.T) {
	c := newCache()
	old, fresh := make([]uint64, cacheSize), []uint64{1, 2}
	for i := range old {
		old[i] = uint64(i + 10)
	}
	c.keep(old)
	assert.Equal(t, cacheSize, c.matched(old))
	c.keep(fresh)
	assert.Equal(t, cacheSize-2, c.matched(old))
	assert.Equal(t, 2, c.matched(fresh))
	assert.Equal(t, 1, c.matched([]uint64{1, 3, 2}))
	assert.Zero(t, c.matched(slices.Concat([]uint64{9}, fresh)))
}
