package selector

// ReduceWeights returns the members with weights that add up to at most size,
// for tables in which a member takes as many entries as it has weight: the
// group tables of switches, [Modulo] or a small [Maglev]. It solves the problem
// of WCMP exactly (Zhou et al., "WCMP: Weighted Cost Multipathing for Improved
// Fairness in Data Centers", EuroSys 2014, section 4): of all such weights,
// those returned have the least [Oversubscription], and of those the least sum.
// A member of positive weight keeps at least one, and a drained one stays
// drained.
//
// The oversubscription is less than 1 + N/(size-N) for N members of positive
// weight, unless one of them is due less than one of size.
//
// It takes O(size * log N) time. The result depends on the set of members and
// the ratios of weights alone. A change of one weight may change all, so reduce
// only where a table forces it. The errors are those of [Validate], and
// [ErrTableSize] for a size below N or above [MaxTableSize]. The list given is
// not changed.
func ReduceWeights(members []Member, size int) ([]Member, error) {
	l, err := newLineup(members, false)
	if err != nil {
		return nil, err
	}
	if n := len(l.index); size < n || size > MaxTableSize {
		limit := uint64(n)
		if size > n {
			limit = MaxTableSize
		}
		return nil, &GroupError{Err: ErrTableSize, Index: -1, Value: uint64(max(0, size)), Limit: limit}
	}
	reduced := append([]Member(nil), members...)
	if l.total <= uint64(size) {
		for k, i := range l.index {
			reduced[i].Weight = l.weights[k]
		}
		return reduced, nil
	}
	for k, w := range apportion(&l, size) {
		reduced[l.index[k]].Weight = w
	}
	return reduced, nil
}

// Oversubscription returns the greatest load of a member that reduced weights
// cause, relative to what it is due by its weight among members: at 1.05 one
// has 5 % too many hashes, and none has more. Lists are matched by index. It is
// 0 where nobody has a weight, and infinite where a member has one that is due
// nothing.
func Oversubscription(members, reduced []Member) float64 {
	var due, got, greatest float64
	for i, m := range members {
		due, got = due+float64(m.Weight), got+float64(reduced[i].Weight)
	}
	for i, m := range members {
		if w := float64(reduced[i].Weight); w > 0 {
			greatest = max(greatest, w*due/(got*float64(m.Weight)))
		}
	}
	return greatest
}

// apportion hands out entries one by one, always where that loads a member
// least for its weight. For any number of entries, no other way has a smaller
// greatest load (Jefferson 1792). Of all numbers up to size it takes the one
// whose greatest load, for each entry, is least.
func apportion(l *lineup, size int) []uint32 {
	p := newApportionment(l)
	best, bestSum := p.load(), p.sum
	for p.sum < size {
		p.raise(p.next.best())
		if load := p.load(); load.less(best) {
			best, bestSum = load, p.sum
		}
	}
	p = newApportionment(l)
	for p.sum < bestSum {
		p.raise(p.next.best())
	}
	return p.counts
}

type apportionment struct {
	counts  []uint32
	weights []uint32
	sum     int
	top     int32       // the member with the greatest load
	next    *tournament // for the least load with one more
}

// newApportionment gives each member one entry.
func newApportionment(l *lineup) *apportionment {
	p := &apportionment{counts: make([]uint32, len(l.weights)), weights: l.weights}
	p.next = newTournament(len(l.weights), func(int) bool { return true }, func(a, b int32) bool {
		return p.compare(a, p.counts[a]+1, b, p.counts[b]+1)
	})
	for k := range p.counts {
		p.raise(int32(k))
	}
	return p
}

// compare reports whether n entries load member a less than m entries load b.
func (p *apportionment) compare(a int32, n uint32, b int32, m uint32) bool {
	return uint64(n)*uint64(p.weights[b]) < uint64(m)*uint64(p.weights[a])
}

func (p *apportionment) raise(k int32) {
	p.counts[k]++
	p.sum++
	p.next.update(k)
	if p.compare(p.top, p.counts[p.top], k, p.counts[k]) {
		p.top = k
	}
}

// load returns the greatest load, counts/weight, for each entry.
func (p *apportionment) load() fraction {
	return fraction{uint64(p.counts[p.top]), uint64(p.weights[p.top]) * uint64(p.sum)}
}

// A fraction has a numerator of up to 2^24 and a denominator of up to 2^56.
type fraction struct{ numerator, denominator uint64 }

func (f fraction) less(g fraction) bool {
	return less(f.numerator, g.denominator, g.numerator, f.denominator)
}
