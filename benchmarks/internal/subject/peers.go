package subject

import (
	"github.com/cespare/xxhash/v2"
	"github.com/dgryski/go-jump"
	"github.com/dgryski/go-maglev"
	"github.com/dgryski/go-rendezvous"
	"github.com/edwingeng/doublejump"
	kkdai "github.com/kkdai/maglev"
)

// A Peer is another library's implementation of a strategy.
type Peer struct {
	Name     string
	Strategy string                    // the name of the library's own
	New      func(ids []string) Lookup // looks up one key after another

	// Dependent looks up each key when the one before is answered, as
	// [Dependent] does; nil for peers of string keys.
	Dependent func(ids []string) Lookup
}

// Peers returns the implementations that the strategies are compared with.
func Peers() []Peer {
	return []Peer{
		{"go-maglev", "maglev", GoMaglev, dependentGoMaglev},
		{"kkdai-maglev", "maglev", KkdaiMaglev, nil},
		{"go-jump", "jump", GoJump, dependentGoJump},
		{"doublejump", "memento", DoubleJump, dependentDoubleJump},
		{"go-rendezvous", "rendezvous", GoRendezvous, nil},
	}
}

// GoMaglev looks up in a table of github.com/dgryski/go-maglev, of its smaller
// size, which is our default.
func GoMaglev(ids []string) Lookup {
	table := maglev.New(ids, maglev.SmallM)
	return func(k *Keys) int {
		sum := 0
		for _, h := range k.Hashes {
			sum += table.Lookup(h)
		}
		return sum
	}
}

func dependentGoMaglev(ids []string) Lookup {
	table := maglev.New(ids, maglev.SmallM)
	return func(k *Keys) int {
		at := 0
		for _, h := range k.Hashes {
			at = table.Lookup(h ^ uint64(at)>>63)
		}
		return at
	}
}

// KkdaiMaglev looks up in a table of github.com/kkdai/maglev of the same size.
// Its keys are strings, which it hashes by SipHash under a read lock.
func KkdaiMaglev(ids []string) Lookup {
	table := newKkdai(ids)
	return func(k *Keys) int {
		sum := 0
		for _, key := range k.Strings {
			id, err := table.Get(key)
			if err != nil {
				panic(err) // only for no members
			}
			sum += len(id)
		}
		return sum
	}
}

func newKkdai(ids []string) *kkdai.Maglev {
	table, err := kkdai.NewMaglev(ids, maglev.SmallM)
	if err != nil {
		panic(err) // only for a table size that is no prime, or more members than slots
	}
	return table
}

// GoJump looks up by github.com/dgryski/go-jump, which knows buckets only, no
// members.
func GoJump(ids []string) Lookup {
	return func(k *Keys) int {
		sum := 0
		for _, h := range k.Hashes {
			sum += int(jump.Hash(h, len(ids)))
		}
		return sum
	}
}

func dependentGoJump(ids []string) Lookup {
	return func(k *Keys) int {
		at := int32(0)
		for _, h := range k.Hashes {
			at = jump.Hash(h^uint64(uint32(at)>>31), len(ids))
		}
		return int(at)
	}
}

// DoubleJump looks up by github.com/edwingeng/doublejump: jump hashing whose
// members may leave. It is compared with Memento, which does the same. Members
// are numbers in interfaces.
func DoubleJump(ids []string) Lookup { return InDoubleJump(ThinnedDoubleJump(len(ids), nil)) }

// ThinnedDoubleJump returns the hash of n members after these left.
func ThinnedDoubleJump(n int, leave []int) *doublejump.Hash {
	h := doublejump.NewHash()
	for i := range n {
		h.Add(i)
	}
	for _, i := range leave {
		h.Remove(i)
	}
	return h
}

// InDoubleJump looks up in what [ThinnedDoubleJump] returned.
func InDoubleJump(h *doublejump.Hash) Lookup {
	return func(k *Keys) int {
		sum := 0
		for _, key := range k.Hashes {
			sum += h.Get(key).(int)
		}
		return sum
	}
}

func dependentDoubleJump(ids []string) Lookup {
	h := ThinnedDoubleJump(len(ids), nil)
	return func(k *Keys) int {
		at := 0
		for _, key := range k.Hashes {
			at = h.Get(key ^ uint64(at)>>63).(int)
		}
		return at
	}
}

// GoRendezvous looks up by github.com/dgryski/go-rendezvous. Its keys are
// strings, and it hashes them itself: here by XXH64, the fastest hash at hand.
func GoRendezvous(ids []string) Lookup {
	table := rendezvous.New(ids, xxhash.Sum64String)
	return func(k *Keys) int {
		sum := 0
		for _, key := range k.Strings {
			sum += len(table.Lookup(key))
		}
		return sum
	}
}
