package selector

import (
	"cmp"
	"math"
	"math/bits"
	"slices"
	"strconv"
)

// Table sizes of [Bounded].
const (
	DefaultBoundedSlots = 1 << 16
	MinBoundedSlots     = 1 << 6
	MaxBoundedSlots     = 1 << maxSlotBits
)

// Bounded is bounded racing, a table of this library's own and the strategy to
// choose when nothing speaks for another. It is history-free, bounds shares,
// and on average moves fewer hashes on a change than [Maglev], but among a few
// members without slack.
//
// Each member reaches slots in an order of its own, on a clock that runs at its
// weight. The first to reach a slot owns it, and a member that has its cap
// drops out. The last slots are kept for members below their floors. File
// bounded.md has the definition, proofs and measurements.
//
// A cap is the due and the slack, to within a slot. A floor is three quarters
// of the due, rounded down, but one slot if the member is due one; a member due
// less may own none. [UnlimitedSlack] has neither. More slack moves fewer
// hashes, more slots help balance too.
//
// A look-up takes O(1) time. The table takes one or two bytes a slot. Building
// takes about as long as Maglev with some dozen members, and several times as
// long where members own few slots. Unequal weights share a clock of 8 bytes a
// slot.
//
// The selector is a [Tabled] and a [Ranker].
type Bounded struct {
	// Slots is the number of slots, a power of two from MinBoundedSlots to
	// MaxBoundedSlots, and at least the number of members of positive weight.
	// 0 means DefaultBoundedSlots. Another number is another placement. Where
	// thousands of groups share a processor's cache, 1,024 or 4,096 slots are
	// enough for some dozen members.
	Slots uint32

	// Slack is by how much a member may exceed its due. The default suits
	// members that can bear 5 % more. Choose NoSlack where every member is
	// full, and UnlimitedSlack where a moved flow is a broken one.
	Slack Slack

	// Seed seeds the hash of the members' IDs, XXH64. Groups with the same
	// members and different seeds place independently.
	Seed uint64
}

// Slack is by how much a member of [Bounded] may exceed its due, in
// thousandths: at 50, none of 100 equal members owns more than 1.05 hundredths
// of the table, to within a slot. 0 means [DefaultSlack]. Any other number is
// valid.
type Slack uint32

// Values of Slack with a name.
const (
	DefaultSlack   Slack = 50                 // 5 %
	NoSlack        Slack = math.MaxUint32     // every member owns its due, to within one slot
	UnlimitedSlack Slack = math.MaxUint32 - 1 // a change moves only the hashes that must move
)

// thousandths returns the slack as a number. UnlimitedSlack has none.
func (s Slack) thousandths() uint64 {
	switch s {
	case 0:
		return uint64(DefaultSlack)
	case NoSlack:
		return 0
	}
	return uint64(s)
}

// limited reports whether members own something between a floor and a cap.
func (s Slack) limited() bool { return s != UnlimitedSlack && s.thousandths() > 0 }

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
	floors := boundedFloors(&l, uint64(size), b.Slack, hashes, caps)
	if len(members) <= math.MaxUint8+1 {
		return raceTable[uint8](order, l.index, caps, floors), nil
	}
	return raceTable[uint16](order, l.index, caps, floors), nil
}

func (b Bounded) check() error { return checkSlots(b.slots(), 0) }

func (b Bounded) slots() uint32 { return cmp.Or(b.Slots, DefaultBoundedSlots) }

// Minimal implements [Minimal]: it is true with UnlimitedSlack.
func (b Bounded) Minimal() bool { return b.Slack == UnlimitedSlack }

// String returns the strategy as [ParseStrategy] reads it.
func (b Bounded) String() string { return strategyText(b) }

func (b Bounded) identity() string {
	id := identityOf("bounded", uint64(b.slots()))
	if b.Slack.limited() {
		id = identityOf(id, 750) // the floor, in thousandths of the due
	}
	slack := "unlimited"
	if b.Slack != UnlimitedSlack {
		slack = strconv.FormatUint(b.Slack.thousandths(), 10)
	}
	return id + identityOf("/"+slack, b.Seed)
}

func checkSlots(size uint32, members int) error {
	switch {
	case int64(size) < int64(members):
		return tableSizeError("fewer slots than members", size, members)
	case size < MinBoundedSlots:
		return tableSizeError("too few slots", size, MinBoundedSlots)
	case size > MaxBoundedSlots:
		return tableSizeError("too many slots", size, MaxBoundedSlots)
	case bits.OnesCount32(size) != 1:
		return tableSizeError("not a power of two", size, 0)
	}
	return nil
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
