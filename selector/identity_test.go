package selector

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
)

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
