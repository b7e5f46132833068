package selector

import (
	"cmp"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// Table sizes of [Bounded].
const (
	DefaultBoundedSlots = 1 << 16
	MinBoundedSlots     = 1 << 6
	MaxBoundedSlots     = 1 << maxSlotBits // 8 MiB, and a quarter of a second to build
)

// Bounded is bounded racing, this library's own table strategy, and the one to
// choose when nothing speaks for another: the look-up of a table, history-free,
// built about as fast as Maglev, and with less disruption than Maglev on every
// change, at a balance that one number sets, the slack.
//
// A table that anybody can compute from the list of members alone is either
// balanced or stable. The winners of rendezvous hashing, written to a table,
// move only what they must, but of 100 members with 65,536 slots one has 12 %
// more than its due. Maglev lets members take turns, each at its next free
// slot, which balances to the slot; but a member that comes or goes shifts
// everybody's turns, and moves 1.6 times the slots that it must, and 6.7 times
// with 1000 members.
//
// # The rule
//
// Each member has a permutation of the slots, and reaches one slot after
// another on a clock that runs at its weight. The first to reach a slot owns
// it. Unlike in Maglev, nobody skips ahead to a free slot; and a member that
// owns its share and the slack drops out. selector/bounded.md has the
// definition to the bit, in integers, and the measurements.
//
// The result is unique. Slot and member see a pair of the two at the same time,
// when the member reaches the slot, and both want the earliest; so it is the
// only stable matching, whoever computes it in whatever order, and it depends
// on the members and weights alone. Without a cap, the owner of a slot is the
// member that reaches it first. When a member leaves, only its slots get
// another; when one joins or gains weight, it is early at more slots and takes
// those, and no other slot changes hands. So [UnlimitedSlack] moves what it
// must and nothing else. A cap makes members give up slots to others that are
// not concerned by the change, and the more rarely the higher it is. The caps
// add up to at least the table, hence every slot finds an owner.
//
// # The curve
//
// Peak is the greatest share over its due, at equal weights; removal is
// moved/forced slots when one member leaves, the mean of 20 sets of members.
// All for 65,536 slots, and 65,537 of Maglev.
//
//	              N=10           N=100          N=500          N=1000
//	              peak  removal  peak  removal  peak  removal  peak  removal
//	Maglev        1.000  1.04    1.001  1.60    1.007  5.47    1.007  6.71
//	NoSlack       1.000  1.02    1.001  1.31    1.007  3.07    1.007  4.30
//	20            1.012  1.00    1.021  1.09    1.022  1.97    1.022  2.56
//	50, default   1.012  1.00    1.050  1.01    1.053  1.42    1.053  1.81
//	unlimited     1.012  1       1.072  1       1.178  1       1.295  1
//
// The default is for groups whose members can bear 5 % more than their due: up
// to 64 members it costs next to nothing on a change. Choose NoSlack where
// every member is full to the brim, and UnlimitedSlack where a moved flow is a
// broken one and there are few members, or many slots for each. More slots help
// both: peak and removal depend on the slots a member has.
//
// # Weights
//
// Members win slots in proportion to their weights; only the ratios matter. The
// slack bounds shares from above only. With weights 1:2:3:10 the
// root-mean-square error of shares is 0.9 % for 8 members and 3.4 % for 100 at
// the default, 0.2 % or less without slack. A member that is due less than one
// slot may own none.
//
// # Cost
//
// A look-up takes O(1) time and one load. The table takes a byte a slot for up
// to 256 members, two for more, and 16 bytes a member. Building takes O(M log
// M) time for M slots, whatever the number of members is: 1.2 times as long as
// that of Maglev with 10 members, 1.5 times with 100, and twice with 1000;
// unequal weights add a twentieth. The first group of unequal weights has a
// clock made, of 8 bytes a slot, which all groups of that many slots share from
// then on.
//
// The selector is a [Tabled] and a [Ranker], of type *[RankedTable]. The choice
// of a hash after the owner of its slot is the member that reaches the slot
// next, caps aside, in O(N) time: with UnlimitedSlack, where the hash would go
// if the owner left.
type Bounded struct {
	// Slots is the number of slots, a power of two from [MinBoundedSlots] to
	// [MaxBoundedSlots], and at least the number of members of positive weight.
	// 0 means [DefaultBoundedSlots]. Another number is another placement.
	// Thousands of groups compete for the processor's cache: with some dozen
	// members, 4,096 slots or 1,024 are enough for them.
	Slots uint32

	// Slack is by how much a member may exceed its due.
	Slack Slack

	// Seed seeds the hash of the members' IDs, XXH64. Groups with the same
	// members and different seeds place independently.
	Seed uint64
}

// Slack is by how much a member of [Bounded] may exceed its due, in thousandths
// of it: at 50, 100 equal members own at most 5 % more than a hundredth of the
// table each, to within a slot. 0 means [DefaultSlack]. Any other number is
// valid.
type Slack uint32

// Values of Slack with a name.
const (
	DefaultSlack Slack = 50             // 5 %
	NoSlack      Slack = math.MaxUint32 // every member owns its due, to within one slot
	// a member owns whatever it wins: a change moves the forced hashes only
	UnlimitedSlack Slack = math.MaxUint32 - 1
)

// thousandths returns the slack as a number; that of UnlimitedSlack has no
// meaning.
func (s Slack) thousandths() uint64 {
	switch s {
	case 0:
		return uint64(DefaultSlack)
	case NoSlack:
		return 0
	}
	return uint64(s)
}

// String returns the slack in thousandths, or "unlimited".
func (s Slack) String() string {
	if s == UnlimitedSlack {
		return "unlimited"
	}
	return strconv.FormatUint(s.thousandths(), 10)
}

// Build implements [Strategy]. The errors are those of [Validate], and
// ErrTableSize for a number of slots that is not a power of two from
// [MinBoundedSlots] to [MaxBoundedSlots], or less than the number of members of
// positive weight.
func (b Bounded) Build(members []Member) (Selector, error) {
	l, err := newLineup(members, false)
	if err != nil {
		return nil, err
	}
	size := b.slots()
	if err := checkSlots(size, len(l.index)); err != nil {
		return nil, err
	}
	hashes := newBoundedHashes(b.Seed, members, &l)
	order := newRaceOrder(&l, hashes, size)
	caps := boundedCaps(&l, uint64(size), b.Slack, hashes)
	if len(members) <= math.MaxUint8+1 {
		return raceTable[uint8](order, l.index, caps), nil
	}
	return raceTable[uint16](order, l.index, caps), nil
}

func (b Bounded) slots() uint32 {
	if b.Slots == 0 {
		return DefaultBoundedSlots
	}
	return b.Slots
}

// Minimal implements [Minimal]: it is true with UnlimitedSlack.
func (b Bounded) Minimal() bool { return b.Slack == UnlimitedSlack }

func (b Bounded) identity() string {
	return "bounded/" + strconv.FormatUint(uint64(b.slots()), 10) + "/" + b.Slack.String() +
		"/" + strconv.FormatUint(b.Seed, 10)
}

func checkSlots(size uint32, members int) error {
	e := &GroupError{Err: ErrTableSize, Index: -1, Value: uint64(size)}
	switch {
	case int64(size) < int64(members):
		e.Err, e.Limit = fmt.Errorf("%w: fewer slots than members", ErrTableSize), uint64(members)
	case size < MinBoundedSlots:
		e.Err, e.Limit = fmt.Errorf("%w: too few slots", ErrTableSize), MinBoundedSlots
	case size > MaxBoundedSlots:
		e.Err, e.Limit = fmt.Errorf("%w: too many slots", ErrTableSize), MaxBoundedSlots
	case bits.OnesCount32(size) != 1:
		e.Err = fmt.Errorf("%w: not a power of two", ErrTableSize)
	default:
		return nil
	}
	return e
}

// boundedHashes are the four hashes of a member's ID, named after their use.
type boundedHashes struct{ offset, stride, tie, share uint64 }

// newBoundedHashes returns the hashes of the places of a line-up: the first
// four numbers that SplitMix64 draws from the XXH64 of the ID under the seed.
func newBoundedHashes(seed uint64, members []Member, l *lineup) []boundedHashes {
	hashes := make([]boundedHashes, len(l.index))
	for k, i := range l.index {
		var drawn [4]uint64
		state := hashID(seed, members[i].ID)
		for d := range drawn {
			drawn[d] = splitMix64(state)
			state += weyl
		}
		hashes[k] = boundedHashes{drawn[0], drawn[1], drawn[2], drawn[3]}
	}
	return hashes
}

func newRaceOrder(l *lineup, hashes []boundedHashes, size uint32) raceOrder {
	n := len(hashes)
	o := raceOrder{permutations: make([]quadratic, n), weights: l.weights, ties: make([]uint32, n), mask: size - 1}
	if !l.equal() {
		o.clock = raceClock(bits.Len32(size - 1))
	}
	byTie := make([]int32, n)
	for k, h := range hashes {
		byTie[k] = int32(k)
		o.permutations[k] = newQuadratic(uint32(h.offset), uint32(h.stride)|1, uint32(h.stride>>32))
	}
	slices.SortFunc(byTie, func(a, b int32) int {
		if c := cmp.Compare(hashes[a].tie, hashes[b].tie); c != 0 {
			return c
		}
		return cmp.Compare(a, b) // in order of ID
	})
	for position, k := range byTie {
		o.ties[k] = uint32(position)
	}
	return o
}
