package cluster_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/stretchr/testify/require"
)

// A standingGroup is one that a gateway has before it joins.
type standingGroup struct {
	*selector.Group[int]
	marks map[string]bool
}

const before = 1<<63 | 5 // an incarnation from before the log

func newStandingGroup(t *testing.T, s selector.Strategy, ids ...string) *standingGroup {
	g, err := selector.NewGroup[int](selector.NewDomain(), selector.GroupConfig{Name: "web", Strategy: s})
	require.NoError(t, err)
	_, err = g.Update(hopsOf(membersOf(ids...)))
	require.NoError(t, err)
	return &standingGroup{g, map[string]bool{}}
}

func membersOf(ids ...string) []cluster.Member {
	list := make([]cluster.Member, len(ids))
	for i, id := range ids {
		list[i] = cluster.Member{ID: id, Weight: 1, Incarnation: before}
	}
	return list
}

func hopsOf(members []cluster.Member) []selector.Hop[int] {
	hops := make([]selector.Hop[int], len(members))
	for i, m := range members {
		hops[i] = selector.Hop[int]{ID: m.ID, Weight: m.Weight, Incarnation: m.Incarnation}
	}
	return hops
}

func (g *standingGroup) View() *selector.View      { return g.Load().View() }
func (g *standingGroup) Mark(id string, down bool) { g.marks[id] = down }
func (g *standingGroup) Settle(version uint64)     { g.Group.Settle(version) }
func (g *standingGroup) SetStrategy(version uint64, s selector.Strategy) error {
	_, err := g.SetStrategyAt(version, s)
	return err
}

func (g *standingGroup) Update(version uint64, members []cluster.Member) error {
	_, err := g.UpdateAt(version, hopsOf(members))
	return err
}

func (g *standingGroup) Plan(s selector.Strategy, members []cluster.Member) (*selector.View, error) {
	snapshot, err := g.Group.Plan(s, hopsOf(members))
	if err != nil {
		return nil, err
	}
	return snapshot.View(), nil
}

// A gateway that forwarded before it had a server: the first one makes the
// group with the members that it has, which keep their slots; all others take
// over that group, whatever they had.
func TestJoinReplica(t *testing.T) {
	t.Parallel()
	for _, strategy := range []selector.Strategy{selector.Bounded{}, selector.Anchor{Capacity: 64}} {
		url := one(t, nil)
		join := func(name string, ids ...string) (*cluster.Membership, *standingGroup) {
			c := config(name, url)
			c.First = 1000
			g := newStandingGroup(t, strategy, ids...)
			m, err := cluster.JoinReplica(soon(t), connect(t, c), cluster.ReplicaConfig{
				Name: "web", Strategy: strategy, Members: membersOf(ids...), Replica: g,
			})
			require.NoError(t, err)
			return m, g
		}
		m1, g1 := join("g1", "a", "b", "c")
		slot, ok := g1.View().Index("b")
		require.True(t, ok)
		require.Equal(t, uint64(1000), g1.Load().Version())
		require.Equal(t, uint64(before), g1.View().Incarnation(slot), "its pins stay")
		require.Equal(t, map[string]bool{"a": false, "b": false, "c": false}, g1.marks)

		_, err := m1.Update(soon(t), remove("b"))
		require.NoError(t, err)
		version, err := m1.Update(soon(t), put("d=1"))
		require.NoError(t, err)

		m2, g2 := join("g2", "x", "b", "a")
		require.NoError(t, m2.Wait(soon(t), version))
		require.Equal(t, 3, g2.Load().Len())
		require.Equal(t, g1.Load().Version(), g2.Load().Version())
		require.Equal(t, g1.Load().Fingerprint(), g2.Load().Fingerprint(), "%v", strategy)
		if strategy == (selector.Bounded{}) { // another one has taken steps since
			require.Nil(t, g2.Load().Previous(), "what it had before is no view of the group's")
		}
		i, ok := g2.View().Index("d")
		require.True(t, ok)
		require.Equal(t, version, g2.View().Incarnation(i))
	}
}

// A refusing group refuses every change, while there is a reason.
type refusing struct {
	*standingGroup
	mu             sync.Mutex
	plans, updates error
}

func (g *refusing) why(plans, updates error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.plans, g.updates = plans, updates
}

func (g *refusing) Plan(s selector.Strategy, members []cluster.Member) (*selector.View, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.plans != nil {
		return nil, g.plans
	}
	return g.standingGroup.Plan(s, members)
}

func (g *refusing) Update(version uint64, members []cluster.Member) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.updates != nil {
		return g.updates
	}
	return g.standingGroup.Update(version, members)
}

// A join that fails can be made again, says the same reason again, and succeeds
// once that is gone; so does one on a group that has the newest revision.
func TestJoinReplicaAgain(t *testing.T) {
	t.Parallel()
	url := one(t, nil)
	m1, g1 := join(t, connect(t, config("g1", url)), selector.Bounded{Slots: 1024})
	_, err := m1.Update(soon(t), put("a b"))
	require.NoError(t, err)
	version, err := m1.Update(soon(t), put("c"))
	require.NoError(t, err)
	why := errors.New("another dev in another service")
	for _, strategy := range []selector.Strategy{selector.Bounded{Slots: 1024}, selector.Bounded{Slots: 2048}} {
		g := &refusing{standingGroup: newStandingGroup(t, strategy, "x")}
		c := connect(t, config(fmt.Sprint("g", strategy.(selector.Bounded).Slots), url))
		try := func() (*cluster.Membership, error) {
			return cluster.JoinReplica(soon(t), c, cluster.ReplicaConfig{Name: "web", Strategy: strategy,
				Members: membersOf("x"), Replica: g})
		}
		before := g.View()
		g.why(why, why)
		for range 2 {
			_, err := try()
			require.ErrorIs(t, err, why)
			require.Same(t, before, g.View(), "the group stays as it is")
		}
		g.why(nil, why) // what comes as a surprise
		for range 3 {
			_, err := try()
			require.ErrorIs(t, err, why)
			_, ok := g.View().Index("x")
			require.True(t, ok)
		}
		g.why(nil, nil)
		for range 3 {
			m, err := try()
			require.NoError(t, err)
			require.Equal(t, version, g.View().Version())
			require.Equal(t, g1.Load().View().Fingerprint(), g.View().Fingerprint())
			m.Close()
		}
		version, err = m1.Update(soon(t), func(s *cluster.State) error { s.Strategy = "maglev"; return nil })
		require.NoError(t, err)
		m, err := try()
		require.NoError(t, err)
		require.Equal(t, version, g.View().Version())
		require.Equal(t, g1.Load().View().Fingerprint(), g.View().Fingerprint())
		m.Close()
		version, err = m1.Update(soon(t), func(s *cluster.State) error {
			s.Strategy = "bounded:slots=1024"
			return nil
		})
		require.NoError(t, err)
	}
}

// What was in the way of a change may end without another change.
func TestFailedChangeIsTriedAgain(t *testing.T) {
	t.Parallel()
	url := one(t, nil)
	m1, g1 := join(t, connect(t, config("g1", url)), selector.Bounded{Slots: 1024})
	_, err := m1.Update(soon(t), put("a b"))
	require.NoError(t, err)
	g := &refusing{standingGroup: newStandingGroup(t, selector.Bounded{Slots: 1024}, "x")}
	m, err := cluster.JoinReplica(soon(t), connect(t, config("g2", url)), cluster.ReplicaConfig{Name: "web",
		Strategy: selector.Bounded{Slots: 1024}, Members: membersOf("x"), Replica: g})
	require.NoError(t, err)
	why := errors.New("an interface could not be opened")
	g.why(nil, why)
	_, err = m1.Update(soon(t), put("c"))
	require.NoError(t, err)
	eventually(t, "the change fails", func() bool { return errors.Is(m.Err(), why) })
	g.why(nil, nil)
	eventually(t, "it is in force", func() bool { return m.Err() == nil })
	require.Equal(t, g1.Load().View().Fingerprint(), g.View().Fingerprint())
}

// A list of members that is none is refused before the log has it.
func TestJoinReplicaRefusesMembers(t *testing.T) {
	t.Parallel()
	g := newStandingGroup(t, selector.Bounded{}, "a")
	_, err := cluster.JoinReplica(soon(t), connect(t, config("g1", one(t, nil))), cluster.ReplicaConfig{
		Name: "web", Members: membersOf("a", "a"), Replica: g,
	})
	require.ErrorIs(t, err, selector.ErrDuplicate)
	require.Equal(t, uint64(1), g.Load().Version())
}
