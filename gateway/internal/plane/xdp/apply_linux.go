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
	var changed []*service
	before := make(map[*service]*service)
	for g, s := range next.services {
		if s.table == nil {
			changed = append(changed, s)
			before[s] = old.services[g]
		}
	}
	if err := p.tables.swap(changed, before); err != nil {
		return err
	}
	if err := p.applyPrefixes(old.prefixes, next.prefixes); err != nil {
		return err
	}
	for g, s := range old.services {
		if next.services[g] != nil || s.table == nil {
			continue
		}
		p.tables.park(s)
	}
	return nil
}

// applyPrefixes writes what packets are looked up by, the new before the old
// goes, so that no packet finds nothing.
func (p *dataPlane) applyPrefixes(old, next *prefixes) error {
	if old == next {
		return nil
	}
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
