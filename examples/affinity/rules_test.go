package main

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

func machines(loads ...int) []*machine {
	fleet := make([]*machine, len(loads))
	for i, load := range loads {
		fleet[i] = &machine{server: &server{id: fmt.Sprint("server", i+1), load: load}, cache: newCache()}
	}
	return fleet
}

func named(t *testing.T, name string) rule {
	t.Helper()
	for _, r := range rules {
		if r.name == name {
			return r
		}
	}
	t.Fatalf("there is no rule %q", name)
	return rule{}
}

// The ring's cap counts the request itself, and kubeai's is not rounded up.
func TestRingCaps(t *testing.T) {
	for name, most := range map[string]int{"ring": 1000, "ring, bounded loads": 13, "likewise, as kubeai": 12} {
		fleet := machines(10, 10, 10, 10) // 41 with the request: 12.8 is the cap
		choose := named(t, name).over(fleet, 1.25)
		first := choose(request{}, "key")
		fleet[first].load, fleet[(first+1)%4].load = most-1, 10-(most-1-10) // the mean stays
		assert.Equal(t, first, choose(request{}, "key"), name)
		fleet[first].load++
		fleet[(first+1)%4].load--
		if name == "ring" {
			assert.Equal(t, first, choose(request{}, "key"), name)
		} else {
			assert.NotEqual(t, first, choose(request{}, "key"), name)
		}
	}
}

func TestLongestMatch(t *testing.T) {
	fleet := machines(5, 4, 5, 5)
	choose := longestMatch(fleet, 0)
	q := request{prompt: []uint64{1, 2, 3}}
	assert.Equal(t, 1, choose(q, ""), "nobody has it: the least loaded")
	fleet[0].keep([]uint64{1})
	fleet[2].keep([]uint64{1, 2})
	assert.Equal(t, 2, choose(q, ""))
	fleet[3].keep([]uint64{1, 2})
	fleet[3].load = 4
	assert.Equal(t, 3, choose(q, ""), "of equal matches, the less loaded")
	fleet[3].load, fleet[2].load = 21, 6
	assert.Equal(t, 1, choose(q, ""), "17 apart: the least loaded")
}

func TestWithoutKeys(t *testing.T) {
	fleet := machines(3, 1, 1)
	assert.Equal(t, 1, named(t, "least loaded").over(fleet, 0)(request{}, "a"))
	turn := named(t, "round robin").over(fleet, 0)
	for n := range 6 {
		assert.Equal(t, n%3, turn(request{}, "a"))
	}
}
