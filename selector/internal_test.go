package selector

import (
	"cmp"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/golden/place"
)

// TestRoundedJump compares with the processor's floating point, above all where
// quotients are near whole numbers.
func TestRoundedJump(t *testing.T) {
	want := func(b, r uint64) uint64 { return uint64(float64(b) * (float64(1<<31) / float64(r))) }
	random := rand.New(rand.NewPCG(3, 1))
	for i := range 2_000_000 {
		r := random.Uint64N(1<<31>>random.Uint64N(31)) + 1
		b := random.Uint64N(1<<31>>random.Uint64N(31)) + 1
		switch i % 4 {
		case 1: // b is a multiple of r
			b = r * (random.Uint64N(max(1, 1<<31/r)) + 1)
		case 2: // r is b times a power of two
			r = min(b<<random.Uint64N(20), 1<<31)
		case 3: // the quotient is just below or above a whole number
			whole := random.Uint64N(1<<31) + 1
			b = min(whole*r>>31+random.Uint64N(2), 1<<31)
		}
		b = min(max(b, 1), 1<<31)
		if got, want := roundedJump(b, r), want(b, r); got != want {
			require.Equal(t, want, got, "b %d, r %d", b, r)
		}
	}
	for r := range uint64(5000) {
		for b := range uint64(100) {
			require.Equal(t, want(b+1, r+1), roundedJump(b+1, r+1))
		}
	}
}

// TestJumpRounding has keys for which the exact quotient gives another bucket
// than go-jump does, found by search.
func TestJumpRounding(t *testing.T) {
	for _, c := range []struct{ key, n, want uint64 }{
		{0x9db11be3188c3c6d, 1910399682, 244166041}, // exact: 244166040
		{0xf0c4d002d262b20f, 2147483647, 1088704464},
		{0xd43fd7b756f095b1, 1521352591, 658393787},
		{0x9ff6f8f0c5f8cf36, 2147483647, 2051627710},
		{0x29751579f427cb48, 222298112, 222298111}, // exact: 222298112, which is no bucket
		{0xb4b255394db89a0, 2097152, 2097151},
		{0xa86a1f94c37c0154, 26091008, 26091007},
	} {
		assert.Equal(t, c.want, jump(c.key, c.n))
	}
}

func TestJumpEqualsPaper(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 2))
	for i := range 1_000_000 {
		key, n := random.Uint64(), random.Uint64N(1<<31-1)+1
		if i%2 == 0 {
			n = random.Uint64N(1000) + 1
		}
		if want, got := uint64(place.JumpBucket(key, int64(n))), jump(key, n); want != got {
			require.Equal(t, want, got, "%#x, %d", key, n)
		}
	}
}

func TestSipHash(t *testing.T) {
	message := make([]byte, 15)
	for i := range message {
		message[i] = byte(i)
	}
	assert.Equal(t, uint64(0xa129ca6149be45e5), siphash(0x0706050403020100, 0x0f0e0d0c0b0a0908, string(message)),
		"the paper's")
	random := rand.New(rand.NewPCG(3, 3))
	for n := range 100 {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		k0, k1 := random.Uint64(), random.Uint64()
		assert.Equal(t, place.SipHash(k0, k1, b), siphash(k0, k1, string(b)))
	}
}

func TestLogTable(t *testing.T) {
	for k, got := range logTable() {
		require.Equal(t, place.LogStep(k).Uint64(), got, k)
	}
}

func TestCost(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	table := logTable()
	draws := []uint64{0, 1, 2, 3, 1 << 63, 1<<63 - 1, math.MaxUint64, math.MaxUint64 - 1}
	for range 20_000 {
		draws = append(draws, random.Uint64()>>random.Uint64N(64), ^(random.Uint64() >> random.Uint64N(64)))
	}
	for _, u := range draws {
		got := cost(table, u)
		require.Equal(t, place.Cost(u).Uint64(), got, "%#x", u)
		if u < math.MaxUint64 {
			require.GreaterOrEqual(t, got, cost(table, u+1), "rises at %#x", u)
		}
		exact := 64 - math.Log2(float64(u|1))
		if u >= 1<<63 {
			exact = -math.Log1p(-float64(^u)/(1<<64)) / math.Ln2
		}
		if ^u > 1<<30 { // below, the units show
			require.InEpsilon(t, exact*(1<<logBits), float64(got), 0.0003, "%#x", u)
		}
	}
}

// TestBids has each bid before the next: by cost over weight, exactly, then by
// draw, then by place.
func TestBids(t *testing.T) {
	bids := []bid{
		{cost: 0, draw: 9, weight: 1, place: 1},
		{cost: 4, draw: 8, weight: 2, place: 5},
		{cost: 2, draw: 7, weight: 1, place: 0},
		{cost: 6, draw: 7, weight: 3, place: 2},
		{cost: 1 << 54, draw: 6, weight: math.MaxUint32, place: 3},
		{cost: 1<<54 + 1, draw: 6, weight: math.MaxUint32, place: 3},
		{cost: 1 << 54, draw: 5, weight: 1, place: 4},
	}
	for i := range bids {
		for j := range bids {
			assert.Equal(t, i < j, bids[i].before(&bids[j]), "%d and %d", i, j)
		}
	}
}

// TestWeightedRendezvousOfEqualWeights: the general path agrees with the fast
// one.
func TestWeightedRendezvousOfEqualWeights(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 9))
	for _, n := range []int{1, 2, 31, 32, 33, 35, 36, 37, 100} {
		d := draws{seeds: make([]uint64, n)}
		for i := range d.seeds {
			d.seeds[i] = random.Uint64()
		}
		fast, general := &rendezvous{d}, &weightedRendezvous{d, slices.Repeat([]uint32{1}, n), logTable()}
		for range 3000 {
			h := random.Uint64()
			want := fast.Select(h)
			require.Equal(t, want, general.Select(h))
			require.Equal(t, fast.Next(h, want), general.Next(h, want))
		}
	}
}

// TestThresholdBounds compares both sides of every bound with the model.
func TestThresholdBounds(t *testing.T) {
	l, err := newLineup([]Member{{"a", 1}, {"b", 2}, {"c", 3}, {"d", 5}}, false)
	require.NoError(t, err)
	assert.Equal(t, []uint32{195225785 + 1, 585677358 + 1, 1171354716 + 1, 2147483647 + 1}, regions(&l).ends)

	random := rand.New(rand.NewPCG(3, 5))
	counts := []int{1, 2, 3, 4, 5, 6, 7, 10, 100, 255, 256, 257, 1000, 4095, 65535}
	for range 20 {
		counts = append(counts, 1+random.IntN(3000))
	}
	for _, n := range counts {
		members := make([]place.Member, n)
		order := make([]int, n)
		for i := range members {
			members[i], order[i] = place.Member{ID: fmt.Sprintf("%05d", i), Weight: 1}, i
		}
		s := &equalThreshold{n: uint64(n)}
		for i, bound := range place.Bounds(members, order) {
			b := bound.Uint64()
			require.Equal(t, i, s.Select(b<<33), "%d members", n)
			require.Equal(t, i, s.Select(b<<33|(1<<33-1)), "%d members", n)
			if b < 1<<31-1 {
				require.Equal(t, i+1, s.Select((b+1)<<33), "%d members", n)
			}
		}
	}
}

// TestThresholdOfLightMembers: by rounding, of two neighbours due half a hash
// each one owns a whole one and one none.
func TestThresholdOfLightMembers(t *testing.T) {
	members := []Member{{"a", 0}, {"b", 1}, {"c", 1}, {"d", 0}, {"e", MaxWeight - 2}, {"f", 0}}
	s, err := Threshold{KeepOrder: true}.Build(members)
	require.NoError(t, err)
	assert.Equal(t, 1, s.Select(0))
	for _, h := range []uint64{1 << 33, 2 << 33, 1 << 62, math.MaxUint64 - 1<<34, math.MaxUint64} {
		assert.Equal(t, 4, s.Select(h))
	}
}

func TestDivisor(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 6))
	for range 1_000_000 {
		n, x := random.Uint32()>>random.Uint32N(32), random.Uint32()
		n = max(n, 1)
		for _, x := range []uint32{x, 0, n - 1, n, math.MaxUint32, math.MaxUint32 / n * n, math.MaxUint32/n*n - 1} {
			if got := newDivisor(uint64(n)).remainder(x); got != x%n {
				require.Equal(t, x%n, got, "%d mod %d", x, n)
			}
		}
	}
}

func TestModulus(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 7))
	for _, m := range []uint32{2, 3, 5, 251, 65537, 655373, 16777213} {
		require.True(t, big.NewInt(int64(m)).ProbablyPrime(10))
		p := newModulus(m)
		inverses := make([]uint32, 100)
		for i := range inverses {
			inverses[i] = 1 + random.Uint32N(m-1)
		}
		numbers := append([]uint32(nil), inverses...)
		p.inverses(inverses)
		for i, x := range numbers {
			require.Equal(t, uint64(1), uint64(x)*uint64(inverses[i])%uint64(m))
			y := random.Uint32N(m)
			require.Equal(t, uint64(x)*uint64(y)%uint64(m), p.mul(uint64(x), uint64(y)))
			require.Equal(t, uint64(m-1)*uint64(m-1)%uint64(m), p.mul(uint64(m-1), uint64(m-1)))
		}
	}
}

// TestFirst compares the endgame's order of slots with their ranks, above all
// of slots that are close in rank, on both sides of the size from which the
// ranks themselves are compared.
func TestFirst(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 8))
	for _, size := range []uint32{2, 3, 251, 65537, 1048573, 1048583, 16777213} {
		require.True(t, isPrime(size))
		for range 300 {
			p := permutation{offset: random.Uint32N(size), skip: 1 + random.Uint32N(size-1)}
			c := claims[uint8]{permutations: permutations{newModulus(size), []permutation{p}}}
			c.members[0].inverse = uint32(c.modulus.inverse(uint64(p.skip)))
			start := random.Uint64N(uint64(size))
			// consecutive ranks, wrapping around, in random order
			slots := make([]uint32, min(size, 100))
			for i, r := range random.Perm(len(slots)) {
				rank := (start + uint64(r)) % uint64(size)
				slots[i] = uint32((uint64(p.offset) + rank*uint64(p.skip)) % uint64(size))
				require.Equal(t, rank, c.rank(0, uint64(slots[i])))
			}
			want := slices.MinFunc(slots, func(a, b uint32) int {
				return cmp.Compare(c.rank(0, uint64(a)),
					c.rank(0, uint64(b)))
			})
			require.Equal(t, want, slots[c.first(0, slots)], "%d slots", size)
		}
	}
}

func TestIsPrime(t *testing.T) {
	for n := range int64(70_000) {
		require.Equal(t, big.NewInt(n).ProbablyPrime(0), isPrime(uint32(n)), n)
	}
	for _, n := range []uint32{65537, 655373, 16777213, 4294967291} {
		assert.True(t, isPrime(n), n)
	}
	for _, n := range []uint32{4093 * 4093, 65521 * 65521, 16777259 * 255, math.MaxUint32} {
		assert.False(t, isPrime(n), n)
	}
}

func TestIdentities(t *testing.T) {
	type identified interface{ identity() string }
	for want, s := range map[string]identified{
		"modulo": Modulo{}, "modulo/keep-order": Modulo{KeepOrder: true},
		"threshold": Threshold{}, "threshold/keep-order": Threshold{KeepOrder: true},
		"rendezvous/0": Rendezvous{}, "rendezvous/18446744073709551615": Rendezvous{Seed: math.MaxUint64},
		"maglev/65537/0": Maglev{}, "maglev/251/7": Maglev{Size: 251, Seed: 7}, "jump": Jump{},
		"anchor/0/0": Anchor{}, "anchor/9/7": Anchor{Capacity: 9, Seed: 7}, "memento/0": Memento{},
		"memento/7":         Memento{Seed: 7},
		"resilient/65536/0": Resilient{}, "resilient/9/7": Resilient{Buckets: 9, Seed: 7},
		"ring/160/0": Ring{}, "ring/9/7": Ring{Points: 9, Seed: 7},
		"multi-probe/21/0": MultiProbe{}, "multi-probe/9/7": MultiProbe{Probes: 9, Seed: 7},
	} {
		assert.Equal(t, want, s.identity())
	}
	for _, s := range [][2]identified{
		{Maglev{}, Maglev{Size: DefaultTableSize}}, {Resilient{}, Resilient{Buckets: DefaultBuckets}},
		{Ring{}, Ring{Points: DefaultPoints}}, {MultiProbe{}, MultiProbe{Probes: DefaultProbes}},
	} {
		assert.Equal(t, s[0].identity(), s[1].identity())
	}
}

// TestDraws: with random bits in the high half only, few bits or a counter,
// draws stay unrelated: the winners of groups share as they should, and so do
// the seconds of each winner's hashes.
func TestDraws(t *testing.T) {
	sets := map[string]func(i uint64) uint64{
		"counter":             func(i uint64) uint64 { return i },
		"counter, high half":  func(i uint64) uint64 { return i << 32 },
		"counter, highest":    func(i uint64) uint64 { return i << 48 },
		"repetitive Toeplitz": func(i uint64) uint64 { return i * 65537 << 32 },
		"few bits":            func(i uint64) uint64 { return 1<<(i&63) | 1<<(i>>6&63) | 1<<(i>>12&15*4) },
		"reversed counter":    func(i uint64) uint64 { return bits.Reverse64(i) | 1 },
	}
	for name, hash := range sets {
		seen := map[uint64]bool{}
		for i := range uint64(1 << 16) {
			seen[hash(i)] = true
		}
		for _, n := range []int{4, 30, 200} {
			seeds := make([]uint64, n)
			for i := range seeds {
				seeds[i] = hashID(0, fmt.Sprintf("10.0.0.%d", i))
			}
			d := &rendezvous{draws{seeds: seeds}}
			winners, pairs := make([]float64, n), make([]float64, n*n)
			for h := range seen {
				first := d.Select(h)
				winners[first]++
				pairs[first*n+d.Next(h, first)]++
			}
			samples := float64(len(seen))
			assert.Less(t, chiSquared(winners, samples/float64(n)), limitOf(n-1), "%s, %d", name, n)
			if n <= 30 {
				got := chiSquared(pairs, samples/float64(n*(n-1))) - samples/float64(n*(n-1))*float64(n)
				assert.Less(t, got, limitOf(n*(n-1)-1), "seconds, %s, %d", name, n)
			}
		}
	}
}

// TestEqualDrawsGoToTheFirst: members whose IDs have one hash draw alike, one
// hash at a time and two at a time.
func TestEqualDrawsGoToTheFirst(t *testing.T) {
	for n := 1; n <= 12; n++ {
		seeds := slices.Repeat([]uint64{42}, n)
		for h := range uint64(20) {
			assert.Zero(t, leader(spread(h), seeds), "%d members", n)
			first, second := leaders(spread(h), spread(h+1), seeds)
			assert.Zero(t, first, "%d members", n)
			assert.Zero(t, second, "%d members", n)
		}
	}
}

func chiSquared(counts []float64, due float64) float64 {
	sum := 0.0
	for _, c := range counts {
		sum += (c - due) * (c - due) / due
	}
	return sum
}

// limitOf is five standard deviations above the mean of chi-squared, plus some
// for its tail.
func limitOf(degrees int) float64 { return float64(degrees) + 5*math.Sqrt(2*float64(degrees)) + 15 }

func jump(key, n uint64) uint64 { return uint64((&equalJump{n: n}).Select(key)) }
