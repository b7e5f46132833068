package place

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Maglev returns the owner of each slot: members claim in turns, and each turn
// takes the next free slot of a permutation.
func Maglev(members []Member, size int, seed uint64) []int {
	owners := slices.Repeat([]int{-1}, size)
	order := byID(members)
	turns := make([]uint64, len(members)) // taken by each
	ranks := make([]uint64, len(members)) // how far each is in its permutation
	permutations := make([][2]uint64, len(members))
	for i, m := range members {
		permutations[i] = permutation(m.ID, size, seed)
	}
	for range size {
		// The next turn is the earliest: the k-th of a member is at k/weight.
		// The first in order of ID wins a tie.
		next := -1
		for _, i := range order {
			if members[i].Weight > 0 && (next < 0 || earlier(turns[i]+1, members[i], turns[next]+1, members[next])) {
				next = i
			}
		}
		turns[next]++
		slot := -1
		for slot < 0 || owners[slot] >= 0 {
			slot = int((permutations[next][0] + ranks[next]*permutations[next][1]) % uint64(size))
			ranks[next]++
		}
		owners[slot] = next
	}
	return owners
}

// MaglevOrder returns the members of positive weight in the order in which a
// slot prefers them: its owner, then by the time of the turn at which each
// permutation reaches the slot.
func MaglevOrder(members []Member, size int, seed uint64, owner, slot int) []int {
	turn := make([]uint64, len(members))
	for i, m := range members {
		p := permutation(m.ID, size, seed)
		turn[i] = 1
		for at := p[0]; at != uint64(slot); at = (at + p[1]) % uint64(size) {
			turn[i]++
		}
	}
	order := slices.DeleteFunc(byID(members), func(i int) bool { return i == owner || members[i].Weight == 0 })
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case earlier(turn[a], members[a], turn[b], members[b]):
			return -1
		case earlier(turn[b], members[b], turn[a], members[a]):
			return 1
		}
		return 0
	})
	return append([]int{owner}, order...)
}

// earlier reports whether turn k of member m is before turn l of member n.
func earlier(k uint64, m Member, l uint64, n Member) bool {
	return k*uint64(n.Weight) < l*uint64(m.Weight)
}

// permutation returns offset and skip.
func permutation(id string, size int, seed uint64) [2]uint64 {
	h := SipHash(0xdeadbeefcafebabe, seed, []byte(id))
	return [2]uint64{(h >> 32) % uint64(size), (h&0xffffffff)%uint64(size-1) + 1}
}

// SipHash is SipHash-2-4, section 2 of the paper.
func SipHash(k0, k1 uint64, message []byte) uint64 {
	padded := append(slices.Clone(message), make([]byte, 8-len(message)%8)...)
	padded[len(padded)-1] = byte(len(message))
	v := [4]uint64{
		k0 ^ binary.BigEndian.Uint64([]byte("somepseu")), k1 ^ binary.BigEndian.Uint64([]byte("dorandom")),
		k0 ^ binary.BigEndian.Uint64([]byte("lygenera")), k1 ^ binary.BigEndian.Uint64([]byte("tedbytes")),
	}
	for ; len(padded) > 0; padded = padded[8:] {
		m := binary.LittleEndian.Uint64(padded)
		v[3] ^= m
		sipRounds(&v, 2)
		v[0] ^= m
	}
	v[2] ^= 0xff
	sipRounds(&v, 4)
	return v[0] ^ v[1] ^ v[2] ^ v[3]
}

func sipRounds(v *[4]uint64, n int) {
	for range n {
		v[0] += v[1]
		v[2] += v[3]
		v[1] = bits.RotateLeft64(v[1], 13)
		v[3] = bits.RotateLeft64(v[3], 16)
		v[1] ^= v[0]
		v[3] ^= v[2]
		v[0] = bits.RotateLeft64(v[0], 32)
		v[2] += v[1]
		v[0] += v[3]
		v[1] = bits.RotateLeft64(v[1], 17)
		v[3] = bits.RotateLeft64(v[3], 21)
		v[1] ^= v[2]
		v[3] ^= v[0]
		v[2] = bits.RotateLeft64(v[2], 32)
	}
}
