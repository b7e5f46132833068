package subject

import (
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-jump"
	"github.com/dgryski/go-maglev"
	"github.com/dgryski/go-rendezvous"
	"github.com/edwingeng/doublejump"

	"github.com/ecmp-go/ecmp/selector"
)

// Here the other libraries are strategies, so that what they move and how
// evenly they place is counted in the same way as for ours. None knows weights.
// Their time is not measured in this form.

type (
	goMaglev     struct{}
	kkdaiMaglev  struct{}
	goJump       struct{}
	goRendezvous struct{}
	doubleJump   struct{}
)

type selectFunc func(h uint64) int32

// Select implements [selector.Selector].
func (f selectFunc) Select(h uint64) int32 { return f(h) }

func idsOf(members []selector.Member) (ids []string, index map[string]int32) {
	index = make(map[string]int32, len(members))
	for i, m := range members {
		ids = append(ids, m.ID)
		index[m.ID] = int32(i)
	}
	return ids, index
}

func eightBytes(h uint64) string { return string(binary.LittleEndian.AppendUint64(nil, h)) }

// Build implements [selector.Strategy].
func (goMaglev) Build(members []selector.Member) (selector.Selector, error) {
	ids, _ := idsOf(members)
	table := maglev.New(ids, maglev.SmallM)
	return selectFunc(func(h uint64) int32 { return int32(table.Lookup(h)) }), nil
}

// Build implements [selector.Strategy].
func (kkdaiMaglev) Build(members []selector.Member) (selector.Selector, error) {
	ids, index := idsOf(members)
	table := newKkdai(ids)
	return selectFunc(func(h uint64) int32 {
		id, err := table.Get(eightBytes(h))
		if err != nil {
			panic(err) // only for no members
		}
		return index[id]
	}), nil
}

// Build implements [selector.Strategy].
func (goJump) Build(members []selector.Member) (selector.Selector, error) {
	return selectFunc(func(h uint64) int32 { return jump.Hash(h, len(members)) }), nil
}

// Build implements [selector.Strategy].
func (goRendezvous) Build(members []selector.Member) (selector.Selector, error) {
	ids, index := idsOf(members)
	table := rendezvous.New(ids, xxhash.Sum64String)
	return selectFunc(func(h uint64) int32 { return index[table.Lookup(eightBytes(h))] }), nil
}

// Build implements [selector.Strategy].
func (doubleJump) Build(members []selector.Member) (selector.Selector, error) {
	return (&doubleJumpLog{}).advance(members), nil
}

// A doubleJumpLog is the history of a doublejump hash, which is changed in
// place: it is made anew from its log for each change.
type doubleJumpLog struct {
	changes []change
	present []string
	hash    *doublejump.Hash
	index   map[string]int32
}

type change struct {
	id    string
	joins bool
}

// Select implements [selector.Selector].
func (l *doubleJumpLog) Select(h uint64) int32 { return l.index[l.hash.Get(h).(string)] }

// Rebuild implements [selector.Rebuilder].
func (l *doubleJumpLog) Rebuild(members []selector.Member, _ []int32) (selector.Selector, error) {
	return l.advance(members), nil
}

// advance applies removals, then additions, each in order of ID.
func (l *doubleJumpLog) advance(members []selector.Member) *doubleJumpLog {
	ids, index := idsOf(members)
	slices.Sort(ids)
	next := &doubleJumpLog{changes: slices.Clone(l.changes), present: ids, index: index, hash: doublejump.NewHash()}
	for _, id := range l.present {
		if _, stays := index[id]; !stays {
			next.changes = append(next.changes, change{id, false})
		}
	}
	for _, id := range ids {
		if _, was := slices.BinarySearch(l.present, id); !was {
			next.changes = append(next.changes, change{id, true})
		}
	}
	for _, c := range next.changes {
		if c.joins {
			next.hash.Add(c.id)
		} else {
			next.hash.Remove(c.id)
		}
	}
	return next
}
