package xdp

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
)

// apply brings the maps from one state to the next. Where that failed half-way,
// the way back is to apply it the other way round.
func (p *dataPlane) apply(old, next state) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("xdp: maps: %w", err)
		}
	}()
	if err := p.addMembers(old.members, next.members); err != nil {
		return err
	}
	was := old.of(next)
	var changed []*service
	before := make(map[*service]*service)
	for i, s := range next.services {
		if s.table == nil {
			changed = append(changed, s)
			before[s] = was(i)
		}
	}
	if err := p.tables.swap(changed, before); err != nil {
		return err
	}
	if old.prefixes == next.prefixes {
		return nil
	}
	if err := p.applyPrefixes(old.prefixes, next.prefixes); err != nil {
		return err
	}
	stays := next.byGroup()
	for _, s := range old.services {
		if stays[s.group] == nil && s.table != nil {
			p.tables.park(s)
		}
	}
	return nil
}

// back applies the present state again after it failed to apply the next one.
func (p *dataPlane) back(from state) error {
	for _, s := range p.state.services {
		if s.table == nil { // it is written again, by the marks as they are now
			s.members = p.flows.membersNow(s.snapshot.View())
		}
	}
	return p.apply(from, p.state)
}

// applyPrefixes writes what packets are looked up by, the new before the old
// goes, so that no packet finds nothing. The map has room for both.
func (p *dataPlane) applyPrefixes(old, next *prefixes) error {
	for k, index := range next.all() {
		if was, ok := old.all()[k]; ok && was == index {
			continue
		}
		if err := p.maps.prefixes.Put(k, index); err != nil {
			return err
		}
	}
	for k := range old.all() {
		if _, ok := next.all()[k]; ok {
			continue
		}
		if err := p.maps.prefixes.Delete(k); err != nil && !errors.Is(err, ebpf.ErrKeyNotExist) {
			return err
		}
	}
	return nil
}
