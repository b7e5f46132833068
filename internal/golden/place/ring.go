package place

import (
	"encoding/binary"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Ring returns the members of positive weight in the order in which the ring
// meets their points from h on.
func Ring(members []Member, points int, seed, h uint64) []int {
	return byWay(members, pointsOf(members, points, max(1<<16, 16*points*positive(members)), seed), []uint64{h})
}

// RingPoints returns how many points there are on the ring.
func RingPoints(members []Member, points int, seed uint64) int {
	n := 0
	for _, of := range pointsOf(members, points, max(1<<16, 16*points*positive(members)), seed) {
		n += len(of)
	}
	return n
}

// MultiProbe returns the members of positive weight by the least way from a
// probe of h to one of their points.
func MultiProbe(members []Member, probes int, seed, h uint64) []int {
	var from []uint64
	for j := range uint64(probes) {
		from = append(from, SplitMix(h+(j+1)*0x9e3779b97f4a7c15))
	}
	return byWay(members, pointsOf(members, 1, max(1<<16, 16*positive(members)), seed), from)
}

func positive(members []Member) int {
	n := 0
	for _, m := range members {
		if m.Weight > 0 {
			n++
		}
	}
	return n
}

// pointsOf returns the points of each member: unit for each of its weight,
// halved until there are no more than most.
func pointsOf(members []Member, unit, most int, seed uint64) [][]uint64 {
	divisor := int64(commonDivisor(members))
	halved := int64(1)
	for int64(total(members))/divisor*int64(unit)/halved > int64(most) {
		halved *= 2
	}
	points := make([][]uint64, len(members))
	for i, m := range members {
		if m.Weight == 0 {
			continue
		}
		for k := range max(1, int64(m.Weight)/divisor*int64(unit)/halved) {
			d := xxhash.NewWithSeed(seed)
			_, _ = d.WriteString(m.ID)
			_, _ = d.Write(binary.LittleEndian.AppendUint32(nil, uint32(k)))
			points[i] = append(points[i], d.Sum64())
		}
	}
	return points
}

// byWay sorts members by the least way up, around the ring, from one of the
// numbers to one of their points, then by ID.
func byWay(members []Member, points [][]uint64, from []uint64) []int {
	way := make([]uint64, len(members))
	for i := range members {
		way[i] = ^uint64(0)
		for _, p := range points[i] {
			for _, f := range from {
				way[i] = min(way[i], p-f)
			}
		}
	}
	order := slices.DeleteFunc(byID(members), func(i int) bool { return members[i].Weight == 0 })
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case way[a] < way[b]:
			return -1
		case way[a] > way[b]:
			return 1
		}
		return 0
	})
	return order
}
