package selector

// Member is one next hop of a group.
type Member struct {
	// ID names the member. It must not be empty, and is unique in its group.
	// Placement depends on IDs and weights, never on the order in which members
	// are given.
	ID string

	// Weight is the member's share of the hashes relative to the other
	// members'. Zero drains the member: it keeps its index but is never
	// selected. The weights of a group may add up to at most MaxWeight.
	Weight uint32
}

// Equal returns a member of weight 1 for each ID.
func Equal(ids ...string) []Member {
	members := make([]Member, len(ids))
	for i, id := range ids {
		members[i] = Member{ID: id, Weight: 1}
	}
	return members
}

// A Selector maps a hash to the index of a member in the list that it was built
// from. It is immutable and safe for concurrent use; Select allocates nothing.
// Selectors read the high bits of the hash first.
type Selector interface {
	Select(h uint64) int32
}

// A BatchSelector also selects for a burst of hashes at once: dst[i] =
// Select(hashes[i]). It panics if dst is shorter than hashes.
type BatchSelector interface {
	Selector
	SelectBatch(dst []int32, hashes []uint64)
}

// A Ranker is a Selector with an order of preference. Starting with Select(h),
// Next(h, after) is the choice of h that follows member after, and -1 at the
// end. The sequence holds every member of positive weight once.
type Ranker interface {
	Selector
	Next(h uint64, after int32) int32
}

// Tabled is a Selector that reads a table: hash h reads slot hi64(h * Slots()),
// the high word of the 128-bit product. A caller for whom a call through
// [Selector] is too slow can copy the owners into a slice of its own.
type Tabled interface {
	Selector
	Slots() int
	Owner(slot int) int32
}

// A Strategy is an algorithm with its parameters. It is best a plain comparable
// value, so that groups with equal members can share a selector. A pointer is
// compared by address, and what it points to must not change.
//
// Build is called with a list that [New] accepts, and returns a Selector whose
// indexes are those of the list. Members of weight 0 are in the list and must
// not be selected. Placement must not depend on the order of the list, unless
// the strategy is [Ordered]. Build must neither change nor keep the list, and
// is safe for concurrent use. Package selectortest checks a strategy.
//
// A type that wraps another strategy, to give it a name say, is a strategy of
// its own. If it embeds a strategy of this package as that type, such as
// [Maglev], it is [Ordered] and [Minimal] as that is. If it embeds the
// interface, it is neither, whatever is in it, unless it has these methods too:
// a Modulo with KeepOrder would then be placed by ID. Its fingerprint is made
// of its answers: see [View.Fingerprint].
type Strategy interface {
	Build(members []Member) (Selector, error)
}

// A Rebuilder is a Selector that depends on how the group got where it is.
// Rebuild returns the selector that follows it for a new list, where prev[i] is
// the index that members[i] had in the old list, or -1 for a member that joins.
type Rebuilder interface {
	Selector
	Rebuild(members []Member, prev []int32) (Selector, error)
}

// Ordered is a Strategy whose placement may depend on the order of the members
// given, as that of some devices does; it does where Ordered reports true.
type Ordered interface {
	Strategy
	Ordered() bool
}

// New validates the members and builds a selector of strategy s. The errors are
// a [*GroupError] with [ErrNoStrategy], those of [Validate], and those of the
// strategy.
func New(s Strategy, members []Member) (Selector, error) {
	if err := checkStrategy(s); err != nil {
		return nil, err
	}
	if !ours(s) { // ours validate when they build
		if err := Validate(members); err != nil {
			return nil, err
		}
	}
	return s.Build(members)
}

// selectEach is SelectBatch for a selector that has nothing faster than Select.
func selectEach(dst []int32, hashes []uint64, choose func(h uint64) int32) {
	dst = window(dst, len(hashes))
	for i, h := range hashes {
		dst[i] = choose(h)
	}
}
