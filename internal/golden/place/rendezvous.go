package place

import (
	"math/big"
	"slices"

	"github.com/cespare/xxhash/v2"
)

// Rendezvous returns the members of positive weight in the order in which h
// prefers them: by -log2(draw)/weight, then the greater draw, then ID.
func Rendezvous(members []Member, seed, h uint64) []int {
	type bid struct {
		price *big.Rat
		draw  uint64
		index int
	}
	var bids []bid
	spread := fold(h^0xa0761d6478bd642f, 0xe7037ed1a0b428db)
	for i, m := range members {
		if m.Weight == 0 {
			continue
		}
		d := xxhash.NewWithSeed(seed)
		_, _ = d.WriteString(m.ID)
		s := d.Sum64()
		draw := fold(spread^s, s^0xe7037ed1a0b428db)
		bids = append(bids, bid{new(big.Rat).SetFrac(Cost(draw), big.NewInt(int64(m.Weight))), draw, i})
	}
	slices.SortFunc(bids, func(a, b bid) int {
		switch {
		case a.price.Cmp(b.price) != 0:
			return a.price.Cmp(b.price)
		case a.draw > b.draw || a.draw == b.draw && members[a.index].ID < members[b.index].ID:
			return -1
		}
		return 1
	})
	order := make([]int, len(bids))
	for k, b := range bids {
		order[k] = b.index
	}
	return order
}

// Cost returns -log2(draw/2^64) times 2^48, with the logarithm interpolated
// linearly between 1024 steps an octave.
func Cost(draw uint64) *big.Int {
	draw |= 1
	octave := 0 // the position of the highest bit
	for i := range 64 {
		if draw>>i&1 == 1 {
			octave = i
		}
	}
	// draw = 2^octave * (1 + (k + part)/1024), where part is that number of
	// 2^54ths.
	fraction := new(big.Int).SetUint64(draw - 1<<octave)
	fraction.Lsh(fraction, uint(64-octave))
	part := new(big.Int)
	k, _ := new(big.Int).QuoRem(fraction, big.NewInt(1<<54), part)
	low, high := LogStep(int(k.Int64())), LogStep(int(k.Int64())+1)
	rise := new(big.Int).Sub(high, low)
	rise.Rsh(rise.Mul(rise, part), 54)

	cost := new(big.Int).Lsh(big.NewInt(int64(64-octave)), 48)
	cost.Sub(cost, low)
	return cost.Sub(cost, rise)
}

// LogStep returns floor(log2(1 + k/1024) * 2^48), bit by bit: the square of a
// number shows the next bit of its logarithm.
func LogStep(k int) *big.Int {
	const precision = 400
	if k == 1024 {
		return big.NewInt(1 << 48)
	}
	one := new(big.Int).Lsh(big.NewInt(1), precision)
	two := new(big.Int).Lsh(one, 1)
	x := new(big.Int).Add(one, new(big.Int).Lsh(big.NewInt(int64(k)), precision-10))
	result := new(big.Int)
	for range 48 {
		x.Rsh(x.Mul(x, x), precision)
		result.Lsh(result, 1)
		if x.Cmp(two) >= 0 {
			result.SetBit(result, 0, 1)
			x.Rsh(x, 1)
		}
	}
	return result
}
