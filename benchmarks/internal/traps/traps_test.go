// Package traps has the inputs on which other libraries hang or panic, as
// tests: they fail when a library is mended, and then its row in
// benchmarks/traps.md goes.
package traps_test

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-maglev"
	"github.com/dgryski/go-rendezvous"
	"github.com/edwingeng/doublejump"
	kkdai "github.com/kkdai/maglev"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// hangs are calls that do not return. They run in a process that is killed.
func hangs() map[string]func() {
	return map[string]func(){
		"go-maglev, no names":                      func() { maglev.New(nil, maglev.SmallM) },
		"go-maglev, a table size that is no prime": func() { maglev.New([]string{"a", "b"}, 9) },
		"go-maglev, all dead":                      func() { maglev.New([]string{"a", "b"}, 7).Rebuild([]int{0, 1}) },
	}
}

func TestHangs(t *testing.T) {
	if name := os.Getenv("ECMP_TRAP"); name != "" {
		hangs()[name]()
		return
	}
	for name := range hangs() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
			defer cancel()
			c := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestHangs$")
			c.Env = append(os.Environ(), "ECMP_TRAP="+name)
			require.Error(t, c.Run(), "it returned")
			require.ErrorIs(t, ctx.Err(), context.DeadlineExceeded, "it failed, and did not hang")
		})
	}
}

func TestPanics(t *testing.T) {
	for name, call := range map[string]func(){
		"go-maglev, a table of no slots": func() { maglev.New([]string{"a"}, 0) },
		"go-maglev, a table of one slot": func() { maglev.New([]string{"a"}, 1) },
		"go-rendezvous, Remove": func() {
			rendezvous.New([]string{"a", "b", "c"},
				xxhash.Sum64String).Remove("b")
		},
	} {
		t.Run(name, func(t *testing.T) { assert.Panics(t, call) })
	}
}

func newKkdai() *kkdai.Maglev {
	k, err := kkdai.NewMaglev([]string{"a", "b", "c"}, 7)
	if err != nil {
		panic(err)
	}
	return k
}

// TestWrongAnswers is of calls that return, and should not have returned that.
func TestWrongAnswers(t *testing.T) {
	t.Run("go-maglev's placement depends on the order of names", func(t *testing.T) {
		ids := subject.IDs(100)
		forward := maglev.New(ids, maglev.SmallM)
		reversed := make([]string, len(ids))
		for i, id := range ids {
			reversed[len(ids)-1-i] = id
		}
		backward, moved := maglev.New(reversed, maglev.SmallM), 0
		for h := range uint64(maglev.SmallM) {
			if ids[forward.Lookup(h)] != reversed[backward.Lookup(h)] {
				moved++
			}
		}
		assert.InDelta(t, .0048, float64(moved)/maglev.SmallM, .0005)
	})
	t.Run("kkdai/maglev removes another backend in place of one that it does not have", func(t *testing.T) {
		k := newKkdai()
		require.NoError(t, k.Remove("bb"), "it has no bb")
		require.NoError(t, k.Add("c"), "c is gone")
	})
	t.Run("doublejump without members returns nil", func(t *testing.T) {
		assert.Nil(t, doublejump.NewHash().Get(1))
	})
	t.Run("a 32-bit hash under the repeating Toeplitz key, modulo 65537, is 0 for every flow", func(t *testing.T) {
		key := make([]byte, 40)
		for i := range key {
			key[i] = []byte{0x6d, 0x5a}[i%2]
		}
		toeplitz, err := hash.NewToeplitz(key)
		require.NoError(t, err)
		for _, h := range subject.Hashes(1, 1000) {
			require.Zero(t, toeplitz.Hash32(hash.FlowKeyFromWords(h, h*3, h*5, h*7, h*9&0xffffffff))%65537)
		}
	})
}

// TestOurs has the same inputs for the library: an error that names the
// culprit, or an answer.
func TestOurs(t *testing.T) {
	_, err := selector.New(selector.Maglev{}, nil)
	require.Error(t, err)
	_, err = selector.New(selector.Maglev{}, []selector.Member{{ID: "a"}, {ID: "b"}})
	require.Error(t, err, "all drained")
	for _, size := range []uint32{1, 65536} {
		_, err = selector.New(selector.Maglev{Size: size}, selector.Equal("a", "b"))
		require.ErrorIs(t, err, selector.ErrTableSize)
	}
}
