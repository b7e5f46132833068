package selector

import "weak"

// A weakMap finds values that others keep alive: an entry is gone once nobody
// else holds its value. The owner of the map locks it.
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
