package cluster

import (
	"context"
	"fmt"

	"github.com/ecmp-go/ecmp/selector"
)

// A Replica is a group that a gateway keeps by itself, for [JoinReplica]: one
// with more to it than members, such as interfaces to be opened first. Its
// methods are called by one goroutine at a time, but for View, which must not
// wait for the others. An error of Update, SetStrategy or Plan leaves the group
// as it was.
type Replica interface {
	View() *selector.View // the newest
	// Update gives the group members and this version, as
	// selector.Group.UpdateAt does.
	Update(version uint64, members []Member) error
	// SetStrategy is as selector.Group.SetStrategyAt.
	SetStrategy(version uint64, s selector.Strategy) error
	// Plan is as selector.Group.Plan: s is nil for the strategy in force. What it
	// refuses is not given to Update.
	Plan(s selector.Strategy, members []Member) (*selector.View, error)
	Settle(version uint64) // as selector.Group.Settle
	// Mark says of each member, again and again, whether it is down by
	// Member.Down or Membership.SetDown.
	Mark(id string, down bool)
}

// ReplicaConfig describes a group that a gateway has already.
type ReplicaConfig struct {
	Name string // letters, digits, - and _

	// Strategy, Scope and Members are those of the group if this gateway makes
	// it; for a group that exists the log counts, as GroupConfig says it.
	Strategy selector.Strategy
	Scope    string
	Members  []Member

	// Replica is the group. The first change that is applied to it follows
	// nothing, so its version must be at least three below those of the log:
	// see Config.First.
	Replica Replica
}

// JoinReplica is [Join] for a group that the gateway has already, and that
// carries flows: its members become those of the log. Flows stay with members
// that have the ID and the incarnation of before. A member of
// ReplicaConfig.Members may have an incarnation, with the highest bit set: it
// then is one from before all that the log gives, and the same at every
// gateway. The group stays as it is if JoinReplica fails, as far as its Plan
// refuses what its Update and SetStrategy would.
//
// With a strategy that depends on history, every change of the log is put in
// force in the group one after another. Where flows run they meet members of
// long ago on the way: so join before.
func JoinReplica(ctx context.Context, c *Conn, g ReplicaConfig) (*Membership, error) {
	first := State{Scope: g.Scope, Members: g.Members}
	create := func(selector.Strategy) (Replica, error) { return g.Replica, nil }
	return newMembership(ctx, c, g.Name, first, g.Strategy, create, nil)
}

type groupReplica[T any] struct {
	group *selector.Group[T]
	value func(Member) (T, error)
}

// View implements Replica.
func (r *groupReplica[T]) View() *selector.View { return r.group.Load().View() }

// Settle implements Replica.
func (r *groupReplica[T]) Settle(version uint64) { r.group.Settle(version) }

// Mark implements Replica.
func (r *groupReplica[T]) Mark(id string, down bool) { r.group.Mark(id).SetDown(down) }

// Update implements Replica.
func (r *groupReplica[T]) Update(version uint64, members []Member) error {
	hops, err := r.hops(members)
	if err != nil {
		return err
	}
	_, err = r.group.UpdateAt(version, hops)
	return err
}

// SetStrategy implements Replica.
func (r *groupReplica[T]) SetStrategy(version uint64, s selector.Strategy) error {
	_, err := r.group.SetStrategyAt(version, s)
	return err
}

// Plan implements Replica.
func (r *groupReplica[T]) Plan(s selector.Strategy, members []Member) (*selector.View, error) {
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
