package cluster

import (
	"fmt"

	"github.com/ecmp-go/ecmp/selector"
)

// A replica is a group whatever its payloads are.
type replica interface {
	view() *selector.View
	update(version uint64, members []Member) error
	setStrategy(version uint64, s selector.Strategy) error
	plan(s selector.Strategy, members []Member) (*selector.View, error)
	settle(version uint64)
	mark(id string, down bool)
	close()
}

type groupReplica[T any] struct {
	group *selector.Group[T]
	value func(Member) (T, error)
}

func (r *groupReplica[T]) view() *selector.View      { return r.group.Load().View() }
func (r *groupReplica[T]) settle(version uint64)     { r.group.Settle(version) }
func (r *groupReplica[T]) mark(id string, down bool) { r.group.Mark(id).SetDown(down) }
func (r *groupReplica[T]) close()                    { r.group.Close() }

func (r *groupReplica[T]) update(version uint64, members []Member) error {
	hops, err := r.hops(members)
	if err != nil {
		return err
	}
	_, err = r.group.UpdateAt(version, hops)
	return err
}

func (r *groupReplica[T]) setStrategy(version uint64, s selector.Strategy) error {
	_, err := r.group.SetStrategyAt(version, s)
	return err
}

func (r *groupReplica[T]) plan(s selector.Strategy, members []Member) (*selector.View, error) {
	hops, err := r.hops(members)
	if err != nil {
		return nil, err
	}
	snapshot, err := r.group.Plan(s, hops)
	if err != nil {
		return nil, err
	}
	return snapshot.View(), nil
}

func (r *groupReplica[T]) hops(members []Member) ([]selector.Hop[T], error) {
	hops := make([]selector.Hop[T], len(members))
	for i, m := range members {
		hops[i] = selector.Hop[T]{ID: m.ID, Weight: m.Weight, Backup: m.Backup, Incarnation: m.Incarnation}
		if r.value == nil {
			continue
		}
		var err error
		if hops[i].Value, err = r.value(m); err != nil {
			return nil, fmt.Errorf("member %s: %w", m.ID, err)
		}
	}
	return hops, nil
}
