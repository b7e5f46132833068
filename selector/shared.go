package selector

import (
	"reflect"
	"slices"
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
}

func (s *sharedSelector) serves(members []Member) bool {
	return s != nil && slices.Equal(s.members, members)
}

// sharable reports whether selectors of the strategy can be found again by
// comparing it.
func sharable(s Strategy) bool { return reflect.ValueOf(s).Comparable() }

// build returns a selector for the members, an existing one if the domain has
// it. Only a sharable strategy is looked up, and a Rebuilder, which carries the
// history of one group, is never shared.
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
	if err != nil {
		return nil, err
	}
	return &sharedSelector{members, s}, nil
}
