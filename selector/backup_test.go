package selector_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

// spare returns a backup of weight 1.
func spare(id string) selector.Hop[string] {
	return selector.Hop[string]{ID: id, Weight: 1, Backup: true}
}

// A tierModel is a tier as a group is to have it.
type tierModel struct {
	strategy selector.Strategy
	members  []selector.Member // with the weights that they have here
	selector selector.Selector // nil: nobody has any
}

// follow makes the tier that follows, of the hops that are backups or not.
func (m *tierModel) follow(t *testing.T, hops []selector.Hop[string], backup bool) {
	members, positive := make([]selector.Member, len(hops)), false
	for i, h := range hops {
		members[i] = selector.Member{ID: h.ID}
		if h.Backup == backup {
			members[i].Weight = h.Weight
			positive = positive || h.Weight > 0
		}
	}
	same := slices.Equal(m.members, members)
	before := m.members
	m.members = members
	r, depends := m.selector.(selector.Rebuilder)
	switch {
	case same:
	case !positive:
		m.selector = nil
	case depends:
		m.selector = rebuild(t, r, before, members)
	default:
		m.selector = build(t, m.strategy, members)
	}
}

func (m *tierModel) down() *place.Down {
	if m.selector == nil {
		return nil
	}
	down := modelOf(m.strategy, m.selector, m.members)
	return &down
}

// TestBackupsEqualModel leads groups of every strategy through random members,
// backups, drains and marks.
func TestBackupsEqualModel(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := rand.New(rand.NewPCG(14, 1))
	for _, row := range catalog.All() {
		for _, allDown := range []selector.AllDown{selector.DropAll, selector.UseAll} {
			w := newBackupWalk(t, row, allDown, r)
			for range 60 {
				w.step()
			}
		}
	}
}

// FuzzBackups is TestBackupsEqualModel with the fuzzer's choices.
func FuzzBackups(f *testing.F) {
	f.Add(uint64(1), uint8(0), false)
	f.Add(uint64(2), uint8(9), true)
	rows := catalog.All()
	f.Fuzz(func(t *testing.T, seed uint64, strategy uint8, useAll bool) {
		allDown := selector.DropAll
		if useAll {
			allDown = selector.UseAll
		}
		w := newBackupWalk(t, rows[int(strategy)%len(rows)], allDown, rand.New(rand.NewPCG(seed, 14)))
		for range 10 {
			w.step()
		}
	})
}

type backupWalk struct {
	*markedGroup
	t       *testing.T
	row     catalog.Row
	rng     *rand.Rand
	useAll  bool
	tiers   [2]tierModel
	current []selector.Hop[string]
}

func newBackupWalk(t *testing.T, row catalog.Row, allDown selector.AllDown, r *rand.Rand) *backupWalk {
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{Strategy: row.Strategy, AllDown: allDown})
	w := &backupWalk{markedGroup: &markedGroup{d, g, map[string]bool{}, map[string]bool{}}, t: t, row: row, rng: r,
		useAll: allDown == selector.UseAll}
	for n := range w.tiers {
		w.tiers[n].strategy = row.Strategy
	}
	return w
}

func (w *backupWalk) step() {
	if w.rng.IntN(3) == 0 || w.current == nil {
		w.change()
	}
	v := w.group.Load().View()
	share := []float64{0, 0.1, 0.5, 0.9, 1}[w.rng.IntN(5)]
	for _, m := range v.All() {
		w.mark(m.ID, w.rng.IntN(2) == 0, w.rng.Float64() < share)
	}
	model := place.Tiers{Primaries: w.tiers[0].down(), Backups: w.tiers[1].down(), UseAll: w.useAll}
	up := w.up(v)
	hashes := probes(w.rng, 10)
	batch := make([]int32, len(hashes))
	v.SelectBatch(batch, hashes)
	for i, h := range hashes {
		require.EqualValues(w.t, model.Select(h, up), v.Select(h), "%s, %v, %v", w.row.Name, w.current, up)
		require.Equal(w.t, v.Select(h), batch[i])
	}
	w.checkStates(v, up)
}

// change updates the group, sometimes after a plan or to what it was.
func (w *backupWalk) change() {
	var list []selector.Hop[string]
	for id := 'a'; id <= 'k'; id++ {
		if w.rng.IntN(3) > 0 {
			list = append(list, selector.Hop[string]{ID: string(id), Weight: uint32(w.rng.IntN(3)),
				Backup: w.rng.IntN(3) == 0, Value: "to " + string(id)})
		}
	}
	if w.row.EqualOnly {
		for i := range list {
			list[i].Weight = min(list[i].Weight, 1)
		}
	}
	if w.rng.IntN(4) == 0 {
		_, err := w.group.Plan(nil, list)
		require.NoError(w.t, err)
	}
	before := w.group.Load()
	w.rng.Shuffle(len(list), func(i, k int) { list[i], list[k] = list[k], list[i] })
	s, err := w.group.Update(list)
	require.NoError(w.t, err)
	slices.SortFunc(list, func(a, b selector.Hop[string]) int { return cmp.Compare(a.ID, b.ID) })
	w.current = list
	for n := range w.tiers {
		w.tiers[n].follow(w.t, list, n == 1)
	}
	for i, h := range list {
		require.Equal(w.t, h.Backup, s.Backup(int32(i)))
		require.Equal(w.t, h.Weight, s.Member(int32(i)).Weight)
	}
	require.Zero(w.t, before.View().Diff(before.View()).Moved)
}

// checkStates compares what a view says of its members one by one.
func (w *backupWalk) checkStates(v *selector.View, up []bool) {
	all, primary := false, false // somebody can take a flow
	for i, m := range v.All() {
		all = all || up[i] && m.Weight > 0
		primary = primary || up[i] && m.Weight > 0 && !v.Backup(i)
	}
	ignored := w.useAll && !all
	for i, m := range v.All() {
		if ignored {
			primary = primary || m.Weight > 0 && !v.Backup(i)
		}
	}
	for i, m := range v.All() {
		usable := up[i] || ignored
		require.Equal(w.t, usable, v.Usable(i))
		require.Equal(w.t, usable && m.Weight > 0 && (!v.Backup(i) || !primary), v.TakesNew(i))
		require.Equal(w.t, up[i], v.Alive(i))
	}
}

func TestBackupsTakeFlowsWhenNoPrimaryCan(t *testing.T) {
	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{})
	v := updateHops(t, g, hop("a", 0), hop("b", 0), spare("y"), spare("z"))
	before := placement(v)
	assert.NotContains(t, before, "y")
	g.Mark("a").SetDown(true)
	assert.NotContains(t, placement(v), "z")
	d.Mark("b").SetDown(true)
	while := placement(v)
	assert.Subset(t, []string{"y", "z"}, while)
	assert.Contains(t, while, "y")
	assert.Contains(t, while, "z")
	d.Mark("y").SetDown(true)
	assert.NotContains(t, placement(v), "y")
	d.Mark("z").SetDown(true)
	assert.EqualValues(t, -1, v.Select(1))
	for _, id := range []string{"b", "y", "z"} {
		d.Mark(id).SetDown(false)
	}
	assert.Subset(t, []string{"b"}, placement(v))
	g.Mark("a").SetDown(false)
	assert.Equal(t, before, placement(v))

	// drained, and gone, is as down: each hash goes to the same backup
	drained := updateHops(t, g, selector.Hop[string]{ID: "a"}, selector.Hop[string]{ID: "b"}, spare("y"), spare("z"))
	assert.Equal(t, while, placement(drained))
	assert.NotEqual(t, v.Fingerprint(), drained.Fingerprint())
	assert.Equal(t, while, placement(updateHops(t, g, spare("y"), spare("z"))))
}

func TestFingerprintCoversBackups(t *testing.T) {
	printOf := func(hops ...selector.Hop[string]) uint64 {
		return updateHops(t, newGroup(t, nil, selector.GroupConfig{}), hops...).Fingerprint()
	}
	a, b, z := hop("a", 0), hop("b", 0), spare("z")
	seen := map[uint64]bool{}
	for _, list := range [][]selector.Hop[string]{
		{a, b}, {a, b, z}, {a, b, hop("z", 0)}, {a, z}, {z}, {spare("a"), spare("b")}, {a, b, spare("y")},
		{a, b, {ID: "z", Weight: 2, Backup: true}},
	} {
		first, again := printOf(list...), printOf(list...)
		assert.Equal(t, first, again)
		assert.False(t, seen[first], list)
		seen[first] = true
	}
}

func TestAllDownOfAGroup(t *testing.T) {
	_, err := selector.NewGroup[string](selector.NewDomain(), selector.GroupConfig{Strategy: selector.Modulo{},
		AllDown: selector.UseAll + 1})
	require.ErrorIs(t, err, selector.ErrParameter)

	d := selector.NewDomain()
	g := newGroup(t, d, selector.GroupConfig{AllDown: selector.UseAll})
	v := updateHops(t, g, hop("a", 0), hop("b", 0), spare("z"))
	before := placement(v)
	for _, id := range []string{"a", "b", "z"} {
		d.Mark(id).SetDown(true)
	}
	assert.Equal(t, before, placement(v), "as if everybody were up")
	d.Mark("z").SetDown(false)
	assert.Subset(t, []string{"z"}, placement(v))
}

// TestSetStrategyKeepsBackups, and a diff is of the tier in force.
func TestSetStrategyKeepsBackups(t *testing.T) {
	g := newGroup(t, nil, selector.GroupConfig{})
	v := updateHops(t, g, hop("a", 0), hop("b", 0), spare("z"))
	s, err := g.SetStrategy(selector.Rendezvous{})
	require.NoError(t, err)
	assert.True(t, s.Backup(2))
	assert.NotContains(t, placement(s.View()), "z")

	w := updateHops(t, g, hop("a", 0), spare("b"), spare("z"))
	diff := w.Diff(s.View())
	assert.InDelta(t, 0.5, diff.Due, 0.001, "b is as drained")
	assert.Zero(t, diff.Collateral)
	assert.Positive(t, diff.Forced)
	assert.Len(t, v.Shares(), 3)
	assert.Zero(t, w.Shares()[1])
}
