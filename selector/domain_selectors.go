package selector

import (
	"reflect"
	"slices"
	"weak"
)

// A sharedKey finds the selector that serves members of this digest. Only a
// sharable strategy gets into one.
type sharedKey struct {
	strategy Strategy
	members  uint64
}

// A sharedSelector serves every group of a domain that has its strategy and its
// members in its order.
type sharedSelector struct {
	members  []Member
	selector Selector
	detours  detours
}

func newSharedSelector(members []Member, s Selector) *sharedSelector {
	shared := &sharedSelector{members: members, selector: s}
	shared.detours.init(s, members)
	return shared
}

func (s *sharedSelector) serves(members []Member) bool {
	return s != nil && slices.Equal(s.members, members)
}

// sharable reports whether selectors of the strategy can be found again by
// comparing it.
func sharable(s Strategy) bool { return reflect.ValueOf(s).Comparable() }

// build returns a selector for the members, an existing one if the domain has
// it. It looks only sharable strategies up, and never shares a Rebuilder, which
// carries the history of one group.
func (d *Domain) build(strategy Strategy, sharable bool, members []Member) (*sharedSelector, error) {
	if !sharable {
		return newShared(strategy, members)
	}
	key := sharedKey{strategy, hashMembers(0, members)}
	if s := d.findShared(key); s.serves(members) {
		return s, nil
	}
	built, err := newShared(strategy, members) // takes milliseconds: not under the lock
	if err != nil {
		return nil, err
	}
	if _, ok := built.selector.(Rebuilder); ok {
		return built, nil
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.selectors.get(key); s.serves(members) {
		return s, nil
	}
	d.selectors.put(key, built)
	return built, nil
}

func (d *Domain) findShared(key sharedKey) *sharedSelector {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.selectors.get(key)
}

func newShared(strategy Strategy, members []Member) (*sharedSelector, error) {
	// views hold the members: they are not the strategy's
	s, err := strategy.Build(slices.Clone(members))
	if err == nil {
		err = checkSelector(strategy, s, members)
	}
	if err != nil {
		return nil, err
	}
	return newSharedSelector(members, s), nil
}

// A weakMap finds values that others keep alive: an entry is gone once nobody
// else holds its value. Its owner locks it.
type weakMap[K comparable, V any] struct {
	entries map[K]weak.Pointer[V]
	purgeAt int
}

// get returns nil for a key whose value is absent or gone.
func (m *weakMap[K, V]) get(key K) *V {
	return m.entries[key].Value()
}

// put drops the entries of values that are gone whenever the map has doubled,
// so that it stays within twice what lives.
func (m *weakMap[K, V]) put(key K, value *V) {
	if m.entries == nil {
		m.entries = make(map[K]weak.Pointer[V])
	}
	m.entries[key] = weak.Make(value)
	if len(m.entries) <= m.purgeAt {
		return
	}
	for k, p := range m.entries {
		if p.Value() == nil {
			delete(m.entries, k)
		}
	}
	m.purgeAt = max(64, 2*len(m.entries))
}
