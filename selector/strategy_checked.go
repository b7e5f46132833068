package selector

import (
	"fmt"
	"reflect"
)

// checked is a strategy of this package that has parameters to check, whatever
// the members.
type checked interface{ check() error }

// checkStrategy reports what is wrong with a strategy before it has members.
func checkStrategy(s Strategy) error {
	if v := reflect.ValueOf(s); s == nil || v.Kind() == reflect.Pointer && v.IsNil() {
		return &GroupError{Err: ErrNoStrategy, Index: -1}
	}
	if c, ok := s.(checked); ok && ours(s) {
		return c.check()
	}
	return nil
}

// checkSelector asks a selector of a strategy from elsewhere for the hashes
// that its fingerprint is made of. What it answers out of range there would be
// a panic when a packet comes.
func checkSelector(strategy Strategy, s Selector, members []Member) error {
	if s == nil {
		return &GroupError{Err: fmt.Errorf("%w: there is none", ErrSelector), Index: -1}
	}
	if ours(strategy) {
		return nil
	}
	ranker, _ := s.(Ranker)
	for i := range uint64(fingerprintProbes) {
		h := mix64(i)
		at := s.Select(h)
		if err := checkAnswer(at, members); err != nil {
			return err
		}
		if ranker == nil || i >= nextProbes {
			continue
		}
		if next := ranker.Next(h, at); next != -1 {
			if err := checkAnswer(next, members); err != nil {
				return err
			}
		}
	}
	return nil
}

// nextProbes is how many of the probes Next is asked for, which takes O(N).
const nextProbes = 64

func checkAnswer(at int32, members []Member) error {
	switch {
	case at < 0 || int(at) >= len(members):
		return &GroupError{Err: fmt.Errorf("%w: it gives member %d of %d", ErrSelector, at, len(members)), Index: -1}
	case members[at].Weight == 0:
		return &GroupError{
			Err: fmt.Errorf("%w: it gives a drained member", ErrSelector), Member: members[at].ID, Index: int(at),
		}
	}
	return nil
}

// A placer is a strategy with what a group asks of it.
type placer struct {
	strategy Strategy
	sharable bool // see the function of that name
	ordered  bool
	identity string // of one of this package; empty: of one from elsewhere
}

func newPlacer(s Strategy) (*placer, error) {
	if err := checkStrategy(s); err != nil {
		return nil, err
	}
	o, ok := s.(Ordered)
	p := &placer{strategy: s, sharable: sharable(s), ordered: ok && o.Ordered()}
	if id, ok := s.(identified); ok && ours(s) {
		p.identity = id.identity()
	}
	return p, nil
}

// same reports whether two placers are known to place alike.
func (p *placer) same(o *placer) bool {
	return p == o || p.identity != "" && p.identity == o.identity ||
		p.sharable && o.sharable && p.strategy == o.strategy
}

// build returns a selector for the members alone, one that the domain has if
// it has it.
func (p *placer) build(d *Domain, members []Member) (*sharedSelector, error) {
	return d.build(p.strategy, p.sharable, members)
}

// rebuild returns the selector that follows r.
func (p *placer) rebuild(r Rebuilder, members []Member, prev []int32) (*sharedSelector, error) {
	s, err := r.Rebuild(members, prev)
	if err == nil {
		err = checkSelector(p.strategy, s, members)
	}
	if err != nil {
		return nil, err
	}
	return newSharedSelector(members, s), nil
}
