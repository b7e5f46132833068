package flows

import (
	"sync"
	"time"

	"github.com/Yiling-J/theine-go"
	"github.com/elastic/go-freelru"
	"github.com/maypok86/otter/v2"
	"github.com/phuslu/lru"
	"github.com/puzpuzpuz/xsync/v4"
)

// A Cache remembers a member for each key. Set and Get take many keys, since a
// call through an interface for each would be felt.
type Cache[K any] interface {
	Set(keys []K)
	Get(keys []K) (hits int)
	Close() // ends its goroutines, which would keep it in memory
}

// idler is for caches without such goroutines.
type idler struct{}

func (idler) Close() {}

// Kind is what a cache does when flows end or are too many.
type Kind uint8

// The kinds of caches.
const (
	Exact   Kind = iota // grows, and forgets nothing
	Bounded             // has a greatest size, and forgets what was idle for a time
)

// A Peer makes caches of another library with room for n keys.
type Peer[K comparable] struct {
	Name string
	Kind Kind
	New  func(n int) Cache[K]
}

const idle = 350 * time.Second

// Peers returns the caches of other libraries. fold is a hash of the keys for
// the one that has none of its own. With refresh, those that can begin the time
// until a flow is forgotten anew at each read, as they are used for flows;
// without, no read writes, as none of the flow table does while its clock stands
// still.
func Peers[K comparable](fold func(K) uint32, refresh bool) []Peer[K] {
	expiry := otter.ExpiryWriting[K, int32](idle)
	if refresh {
		expiry = otter.ExpiryAccessing[K, int32](idle)
	}
	return []Peer[K]{
		{"sync.Map", Exact, func(int) Cache[K] { return &syncMap[K]{} }},
		{"xsync", Exact, NewXsync[K]},
		{"otter", Bounded, func(n int) Cache[K] {
			return otterCache[K]{c: otter.Must(&otter.Options[K, int32]{
				MaximumSize: n, InitialCapacity: n, ExpiryCalculator: expiry,
			})}
		}},
		{"freelru", Bounded, func(n int) Cache[K] {
			c, err := freelru.NewSharded[K, int32](uint32(n), fold)
			if err != nil {
				panic(err) // only for no capacity or no hash
			}
			c.SetLifetime(idle)
			return freelruCache[K]{c: c, refresh: refresh}
		}},
		{"phuslu", Bounded, func(n int) Cache[K] {
			return phusluCache[K]{c: lru.NewTTLCache(n, lru.WithSliding[K, int32](refresh))}
		}},
		{"theine", Bounded, func(n int) Cache[K] {
			c, err := theine.NewBuilder[K, int32](int64(n)).Build()
			if err != nil {
				panic(err) // only for no size
			}
			return theineCache[K]{c}
		}},
	}
}

type syncMap[K comparable] struct {
	idler
	m sync.Map
}

func (c *syncMap[K]) Set(keys []K) {
	for i, k := range keys {
		c.m.Store(k, int32(i))
	}
}

func (c *syncMap[K]) Get(keys []K) (hits int) {
	for _, k := range keys {
		if _, ok := c.m.Load(k); ok {
			hits++
		}
	}
	return hits
}

type xsyncMap[K comparable] struct {
	idler
	m *xsync.Map[K, int32]
}

// NewXsync returns the fastest exact map.
func NewXsync[K comparable](n int) Cache[K] {
	return xsyncMap[K]{m: xsync.NewMap[K, int32](xsync.WithPresize(n))}
}

func (c xsyncMap[K]) Set(keys []K) {
	for i, k := range keys {
		c.m.Store(k, int32(i))
	}
}

func (c xsyncMap[K]) Get(keys []K) (hits int) {
	for _, k := range keys {
		if _, ok := c.m.Load(k); ok {
			hits++
		}
	}
	return hits
}

type otterCache[K comparable] struct {
	idler
	c *otter.Cache[K, int32]
}

func (c otterCache[K]) Set(keys []K) {
	for i, k := range keys {
		c.c.Set(k, int32(i))
	}
}

func (c otterCache[K]) Get(keys []K) (hits int) {
	for _, k := range keys {
		if _, ok := c.c.GetIfPresent(k); ok {
			hits++
		}
	}
	return hits
}

type freelruCache[K comparable] struct {
	idler
	c       *freelru.ShardedLRU[K, int32]
	refresh bool
}

func (c freelruCache[K]) Set(keys []K) {
	for i, k := range keys {
		c.c.Add(k, int32(i))
	}
}

func (c freelruCache[K]) Get(keys []K) (hits int) {
	if !c.refresh {
		for _, k := range keys {
			if _, ok := c.c.Get(k); ok {
				hits++
			}
		}
		return hits
	}
	for _, k := range keys {
		if _, ok := c.c.GetAndRefresh(k, idle); ok {
			hits++
		}
	}
	return hits
}

type phusluCache[K comparable] struct {
	idler
	c *lru.TTLCache[K, int32]
}

func (c phusluCache[K]) Set(keys []K) {
	for i, k := range keys {
		c.c.Set(k, int32(i), idle)
	}
}

func (c phusluCache[K]) Get(keys []K) (hits int) {
	for _, k := range keys {
		if _, ok := c.c.Get(k); ok {
			hits++
		}
	}
	return hits
}

type theineCache[K comparable] struct{ c *theine.Cache[K, int32] }

func (c theineCache[K]) Set(keys []K) {
	for i, k := range keys {
		c.c.SetWithTTL(k, int32(i), 1, idle)
	}
}

func (c theineCache[K]) Get(keys []K) (hits int) {
	for _, k := range keys {
		if _, ok := c.c.Get(k); ok {
			hits++
		}
	}
	return hits
}

func (c theineCache[K]) Close() { c.c.Close() }
