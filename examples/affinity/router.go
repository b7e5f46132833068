package main

import (
	"math"
	"net/http"
	"sync"

	"github.com/cespare/xxhash/v2"

	"github.com/ecmp-go/ecmp/selector"
)

// A server is the payload of a member of the group.
type server struct {
	id    string
	proxy http.Handler // to it
	load  int          // requests in flight, guarded by the router's mutex
}

// A router sends requests of one key to one server while that server has room:
// consistent hashing with bounded loads (Mirrokni, Thorup and Zadimoghaddam,
// SODA 2018). A server has room while it has less than factor times the load
// that it is due by its weight. When it has none, the request goes to the next
// server in the order of its key. That order is the same for all requests of
// the key, so what they share is in the caches of few servers.
type router struct {
	group  *selector.Group[*server]
	factor float64 // at least 1; 0: no cap

	mu sync.Mutex // around loads
}

func newRouter(s selector.Strategy, factor float64) (*router, error) {
	group, err := selector.NewGroup[*server](selector.NewDomain(), selector.GroupConfig{Strategy: s})
	return &router{group: group, factor: factor}, err
}

// choose returns the server for a key, and nil if none takes requests. Caps are
// rounded up and add up to more than the load, so some server has room.
func (r *router) choose(key string) *server {
	servers := r.group.Load()
	load, weight := 1.0, 0.0 // with this request, of those that take requests
	for i, m := range servers.All() {
		if m.Weight > 0 && servers.Alive(i) {
			load += float64((*servers.At(i)).load)
			weight += float64(m.Weight)
		}
	}
	for i := range servers.Order(xxhash.Sum64String(key)) {
		s, share := *servers.At(i), float64(servers.Member(i).Weight)/weight
		if r.factor == 0 || float64(s.load) < math.Ceil(r.factor*load*share) {
			return s
		}
	}
	return nil
}

// ServeHTTP sends a request to its server, and counts it there until it is
// answered whole.
func (r *router) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	key := keyOf(q)
	r.mu.Lock()
	s := r.choose(key)
	if s == nil {
		r.mu.Unlock()
		http.Error(w, "no server takes requests", http.StatusServiceUnavailable)
		return
	}
	s.load++
	r.mu.Unlock()
	defer func() { r.mu.Lock(); s.load--; r.mu.Unlock() }()
	s.proxy.ServeHTTP(w, q)
}

// loadOf returns the number of requests in flight at a server: one that is
// drained can be removed when it is 0.
func (r *router) loadOf(s *server) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return s.load
}
