package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/ecmp-go/ecmp/selector"
)

const (
	inFlight = 64 // requests at a time
	heavy    = 0  // the server with twice the weight of the others
	leaving  = 5  // the server that is drained
)

// A tally is what became of the requests that were sent over HTTP.
type tally struct {
	Sent     int      `json:"sent"`
	Answered int      `json:"answered"`
	Drained  int      `json:"drained_after"` // requests
	Open     int      `json:"open_at_drain"` // requests in flight at the server that was drained
	Late     int      `json:"after_drain"`   // requests that it got later
	Removed  int      `json:"removed_after"` // requests
	Servers  []served `json:"servers"`
}

// A served is a server's part.
type served struct {
	Weight   uint32 `json:"weight"`
	Requests int    `json:"requests"`
	Peak     int    `json:"peak"` // requests in flight, at most
	Hits     int    `json:"hits"` // blocks of prompts that were cached
	Blocks   int    `json:"blocks"`
}

// A site is a router in front of servers, all of them on loopback addresses.
type site struct {
	router   *router
	hops     []selector.Hop[*server]
	backends []*backend
	front    *httptest.Server
	client   *http.Client
	stops    []func()
}

// newSite starts a site. Each request calls arrived at its server, which answers
// when that returns, and finished when the router has nothing to do with it any
// more.
func newSite(factor float64, arrived, finished func()) *site {
	s := &site{router: must(newRouter(selector.Bounded{}, factor))}
	transport := &http.Transport{MaxIdleConnsPerHost: inFlight}
	for i := range servers {
		b := &backend{cache: newCache(), arrived: arrived}
		listener := httptest.NewServer(b)
		address := must(url.Parse(listener.URL))
		proxy := &httputil.ReverseProxy{
			Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(address) },
			Transport: transport,
		}
		id := fmt.Sprint("server", i+1)
		s.hops = append(s.hops, selector.Hop[*server]{ID: id, Weight: 1, Value: &server{id: id, proxy: proxy}})
		s.backends = append(s.backends, b)
		s.stops = append(s.stops, listener.Close)
	}
	s.hops[heavy].Weight = 2
	must(s.router.group.Update(s.hops))
	s.front = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		defer finished()
		s.router.ServeHTTP(w, q)
	}))
	s.client = &http.Client{Transport: transport}
	s.stops = append(s.stops, transport.CloseIdleConnections, s.front.Close)
	return s
}

func (s *site) close() {
	for i := range s.stops {
		s.stops[len(s.stops)-1-i]()
	}
}

// ask sends a request as a client does, and reads the answer.
func (s *site) ask(q request) error {
	body, err := json.Marshal(map[string]string{"prompt": spell(q.prompt)})
	if err != nil {
		return err
	}
	answer, err := s.client.Post(s.front.URL+"/v1/completions", "application/json", bytes.NewReader(body))
	if err != nil {
		return err
	}
	text, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return err
}

// spell writes blocks as words of a prompt.
func spell(blocks []uint64) string {
	var b strings.Builder
	for _, block := range blocks {
		fmt.Fprintf(&b, "%016x ", block)
	}
	return b.String()
}

// A backend stands for a language-model server.
type backend struct {
	arrived func()

	mu sync.Mutex // around all that follows
	cache
	open int
	served
}

func (b *backend) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	var asked struct{ Prompt string }
	if err := json.NewDecoder(q.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	var text []uint64
	for word := range strings.FieldsSeq(asked.Prompt) {
		var block uint64
		if _, err := fmt.Sscanf(word, "%x", &block); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		text = append(text, block)
	}
	b.mu.Lock()
	matched := b.matched(text)
	b.keep(text)
	b.Requests++
	b.Hits += matched
	b.Blocks += len(text)
	b.open++
	b.Peak = max(b.Peak, b.open)
	b.mu.Unlock()
	b.arrived()
	b.mu.Lock()
	b.open--
	b.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"usage": map[string]int{
		"prompt_tokens": len(text) * blockTokens, "cached_tokens": matched * blockTokens,
	}})
}

// play sends requests over HTTP, inFlight at a time, and drains a server on the
// way. A request is sent when the one before has reached its server and the
// oldest one has been answered, so that the numbers are those of every run.
func play(trace []request, factor float64) (tally, error) {
	arrived, finished, answered := make(chan chan struct{}), make(chan struct{}, inFlight), make(chan error, inFlight)
	s := newSite(factor, func() {
		answer := make(chan struct{})
		arrived <- answer
		<-answer
	}, func() { finished <- struct{}{} })
	defer s.close()
	t := tally{Sent: len(trace), Drained: len(trace) / 2}
	var open []chan struct{} // one for each request in flight, the oldest first
	defer func() {
		for _, answer := range open { // where an error left some
			close(answer)
		}
	}()
	next := func() error {
		close(open[0])
		open = open[1:]
		<-finished
		err := <-answered
		if err == nil {
			t.Answered++
		}
		return err
	}
	last := s.hops[leaving]
	for n, q := range trace {
		if len(open) == inFlight {
			if err := next(); err != nil {
				return t, err
			}
		}
		load := s.router.loadOf(last.Value)
		switch {
		case n == t.Drained: // no new requests
			t.Open, t.Late = load, -s.backends[leaving].Requests
			s.hops[leaving].Weight = 0
			must(s.router.group.Update(s.hops))
		case n > t.Drained && load == 0 && t.Removed == 0: // all are answered
			t.Removed = n
			must(s.router.group.Update(slices.Delete(slices.Clone(s.hops), leaving, leaving+1)))
		}
		go func() { answered <- s.ask(q) }()
		select {
		case answer := <-arrived:
			open = append(open, answer)
		case err := <-answered: // by nobody
			return t, fmt.Errorf("request %d reached no server: %w", n, err)
		}
	}
	for len(open) > 0 {
		if err := next(); err != nil {
			return t, err
		}
	}
	s.hops[leaving] = last
	t.Late += s.backends[leaving].Requests
	for i, b := range s.backends {
		b.Weight = s.hops[i].Weight
		t.Servers = append(t.Servers, b.served)
	}
	return t, nil
}
