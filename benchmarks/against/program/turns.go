package program

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"slices"
)

// block is the least number of items that a side takes in its turn.
const block = 1 << 18

// A side does n items, from the one numbered from, and returns how many it
// knew.
type side struct {
	name string
	run  func(from, n int) (known int)
}

// turns lets sides take turns over the same items, block after block, and
// returns the nanoseconds an item of each block, by side. The order changes
// from block to block, and the first one does not count.
func turns(sides []side, items, blocks int, before func(from, n int)) ([][]float64, error) {
	runtime.GC()
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	times := make([][]float64, len(sides))
	for b := range blocks + 1 {
		n := min(block, items)
		from := b * n % (items - n + 1)
		for turn := range sides {
			i := (turn + b) % len(sides)
			before(from, n)
			began := cpuTime()
			known, done := 0, 0
			for ; done < block; done += n {
				known += sides[i].run(from, n)
			}
			taken := float64(cpuTime()-began) / float64(done)
			// A flow may have lost its pin on probation to another while all
			// were made known.
			if known < done-done/1000 {
				return nil, fmt.Errorf("%s: %d of %d flows were known", sides[i].name, known, done)
			}
			if b > 0 {
				times[i] = append(times[i], taken)
			}
		}
	}
	return times, nil
}

// A ratio is the median of what the blocks of two sides say, with quartiles.
type ratio struct{ low, median, high float64 }

func ratioOf(ours, theirs []float64) ratio {
	list := make([]float64, len(ours))
	for i := range list {
		list[i] = ours[i] / theirs[i]
	}
	slices.Sort(list)
	return ratio{list[len(list)/4], list[len(list)/2], list[len(list)*3/4]}
}

func median(list []float64) float64 { return slices.Sorted(slices.Values(list))[len(list)/2] }
