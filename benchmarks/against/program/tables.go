package program

import "github.com/puzpuzpuz/xsync/v4"

// tableBatch is the number of digests that the peers take at a time.
const tableBatch = 32

// An xsyncTable is the fastest exact map, with digests for keys.
type xsyncTable struct {
	hash func(dst []uint64, from int)
	m    *xsync.Map[uint64, int32]
	sum  int32
}

func newXsyncTable(t Table, flows int) *xsyncTable {
	x := &xsyncTable{hash: t.HashEach, m: xsync.NewMap[uint64, int32](xsync.WithPresize(flows))}
	inBatches(t, flows, func(digests []uint64, from int) {
		for i, d := range digests {
			x.m.Store(d, int32(from+i))
		}
	})
	return x
}

func (x *xsyncTable) route(from, n int) (known int) {
	var digests [tableBatch]uint64
	for end := from + n; from < end; from += tableBatch {
		batch := digests[:min(tableBatch, end-from)]
		x.hash(batch, from)
		for _, d := range batch {
			if m, ok := x.m.Load(d); ok {
				known++
				x.sum += m
			}
		}
	}
	return known
}

// A flatTable is the least that a flow table can be: entries of 8 bytes, 48
// bits of the digest and 16 of the member, by linear probing, at most half
// full. It touches the entries of a batch before it looks at them. It has no
// states, no timeouts, and takes one writer.
type flatTable struct {
	hash    func(dst []uint64, from int)
	entries []uint64
	mask    uint64
	members [tableBatch]uint16
}

func newFlatTable(t Table, flows int) *flatTable {
	size := 1
	for size < flows*2 {
		size <<= 1
	}
	f := &flatTable{hash: t.Hash, entries: make([]uint64, size), mask: uint64(size - 1)}
	inBatches(t, flows, func(digests []uint64, from int) {
		for i, d := range digests {
			f.set(d, uint16(from+i))
		}
	})
	return f
}

const (
	flatUsed = 1 << 63
	flatTag  = ^uint64(0xffff)
)

func (f *flatTable) set(digest uint64, member uint16) {
	digest |= flatUsed
	for i := digest >> 20 & f.mask; ; i = (i + 1) & f.mask {
		if e := f.entries[i]; e == 0 || e&flatTag == digest&flatTag {
			f.entries[i] = digest&flatTag | uint64(member)
			return
		}
	}
}

func (f *flatTable) route(from, n int) (known int) {
	var digests, first [tableBatch]uint64
	for end := from + n; from < end; from += tableBatch {
		batch := digests[:min(tableBatch, end-from)]
		f.hash(batch, from)
		for i, d := range batch {
			batch[i] = d | flatUsed
			first[i] = f.entries[batch[i]>>20&f.mask]
		}
		for i, d := range batch {
			if e := first[i]; e&flatTag == d&flatTag {
				f.members[i] = uint16(e)
				known++
				continue
			}
			for j := d >> 20 & f.mask; ; j = (j + 1) & f.mask {
				e := f.entries[j]
				if e&flatTag == d&flatTag {
					f.members[i] = uint16(e)
					known++
				}
				if e == 0 || e&flatTag == d&flatTag {
					break
				}
			}
		}
	}
	return known
}

// inBatches calls f with the digests of all flows.
func inBatches(t Table, flows int, f func(digests []uint64, from int)) {
	var digests [tableBatch]uint64
	for from := 0; from < flows; from += tableBatch {
		batch := digests[:min(tableBatch, flows-from)]
		t.Hash(batch, from)
		f(batch, from)
	}
}
