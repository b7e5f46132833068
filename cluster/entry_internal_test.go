package cluster

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// randomState changes a state at random.
func randomState(r *rand.Rand, s State) State {
	next := s.clone()
	next.Plan = nil
	for range 1 + r.IntN(3) {
		id := fmt.Sprint("m", r.IntN(8))
		switch r.IntN(6) {
		case 0:
			next.Remove(id)
		case 1:
			r.Shuffle(len(next.Members), func(i, j int) {
				next.Members[i], next.Members[j] = next.Members[j], next.Members[i]
			})
		case 2:
			members := []Member{{ID: id, Weight: 1}, {ID: "new", Weight: 2}}
			next.Plan = &Planned{By: "g1", Strategy: next.Strategy, Members: members}
		default:
			next.Put(Member{ID: id, Weight: uint32(r.IntN(3)), Down: r.IntN(4) == 0})
		}
	}
	return next
}

// An entry leads to the state that its writer meant, through its text, and
// dates members by the revision that made them.
func TestEntryLeadsToState(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	state, at := State{Strategy: "bounded"}, uint64(1)
	first := map[string]uint64{}
	for range 5000 {
		next := randomState(r, state)
		revision := at + 1 + r.Uint64N(3)
		data, err := makeEntry("id", "g1", at, state, next).encode()
		require.NoError(t, err)
		e, err := decodeEntry(data)
		require.NoError(t, err)
		got, err := e.apply(state, at, revision)
		require.NoError(t, err)
		members := map[string]bool{}
		for i, m := range got.Members {
			members[m.ID] = true
			if first[m.ID] == 0 {
				first[m.ID] = revision
				if state.Plan != nil {
					for _, p := range state.Plan.Members {
						if p.ID == m.ID {
							first[m.ID] = p.Incarnation
						}
					}
				}
			}
			require.Equal(t, first[m.ID], m.Incarnation)
			m.Incarnation = next.Members[i].Incarnation
			require.Equal(t, next.Members[i], m)
		}
		require.Len(t, got.Members, len(next.Members))
		for id := range first {
			if !members[id] {
				delete(first, id)
			}
		}
		_, err = e.apply(state, at+1, revision)
		if e.State == nil {
			require.ErrorIs(t, err, errGap)
		}
		state, at = got, revision
	}
}

func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"id":"a","by":"g1","after":1,"put":[{"id":"m","weight":1}],"remove":["x"]}`))
	f.Add([]byte(`{"state":{"strategy":"bounded","members":[{"id":"a"},{"id":"a"}]},"plan":{}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := decodeEntry(data)
		if err != nil {
			return
		}
		old := State{Strategy: "bounded", Members: []Member{{ID: "m", Weight: 1, Incarnation: 1}}}
		next, err := e.apply(old, 1, 7)
		if err != nil {
			return
		}
		for _, m := range next.Members {
			if m.Incarnation == 0 {
				t.Errorf("member %q has no date", m.ID)
			}
		}
		next.listed()
	})
}
