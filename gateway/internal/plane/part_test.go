package plane

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
)

// A part is refused exactly if one that is there has a port of its own, as a
// list of all that are there says.
func TestPartsAgreeWithModel(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a repeatable order
	addrs := []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("fd00::1/128")}
	refused := 0
	for round := range 300 {
		var parts Parts
		var there []Part
		var owners []string
		most := 1 + rng.IntN(200) // ports
		for i := range 60 {
			s := Service{Prefixes: addrs[rng.IntN(2):][:1]}
			if rng.IntN(8) > 0 {
				s.Protocol = []uint8{hash.TCP, hash.UDP}[rng.IntN(2)]
			}
			if s.Protocol != 0 && rng.IntN(8) > 0 {
				first := 1 + rng.IntN(most)
				s.Ports = []PortRange{{uint16(first), uint16(first + rng.IntN(4))}}
			}
			name := fmt.Sprint("service ", i)
			err := parts.Add(name, s)
			clash := ""
			for part := range s.Parts() {
				for j, other := range there {
					if clash == "" && meet(part, other) {
						clash = owners[j]
					}
				}
				if clash == "" {
					there, owners = append(there, part), append(owners, name)
				}
			}
			require.Equal(t, clash != "", err != nil, "round %d: %v", round, s)
			var conflict *ConflictError
			if clash != "" {
				refused++
				require.ErrorAs(t, err, &conflict)
				assert.Equal(t, name, conflict.Service)
				other := owners[indexOf(there, conflict.Part)]
				assert.Equal(t, other, conflict.Before)
			}
		}
	}
	assert.Positive(t, refused)
}

// meet reports whether two parts have the same packets, and none of them has the
// other's as the more special one.
func meet(a, b Part) bool {
	if a.Prefix != b.Prefix || a.Protocol != b.Protocol {
		return false
	}
	if a.Ports == (PortRange{}) || b.Ports == (PortRange{}) {
		return a.Ports == b.Ports
	}
	return a.Ports.First <= b.Ports.Last && b.Ports.First <= a.Ports.Last
}

// indexOf returns which of parts meets another one first, in order of ports.
func indexOf(parts []Part, p Part) int {
	best := -1
	for i, is := range parts {
		if meet(is, p) && (best < 0 || is.Ports.First < parts[best].Ports.First) {
			best = i
		}
	}
	return best
}

// The time for each part of one address hardly grows with how many there are if
// they come in order, as a service has them. In any other order it grows by what
// it takes to move those with higher ports, 24 bytes each.
func BenchmarkParts(b *testing.B) {
	for _, n := range []int{1 << 8, 1 << 12, 1 << 15} {
		for _, order := range []string{"sorted", "shuffled"} {
			b.Run(fmt.Sprintf("parts=%d/%s", n, order), func(b *testing.B) {
				services := make([]Service, n)
				for i := range services {
					services[i] = Service{Prefixes: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")},
						Protocol: hash.TCP, Ports: []PortRange{{uint16(2*i + 1), uint16(2*i + 1)}}}
				}
				if order == "shuffled" {
					rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a repeatable order
					rng.Shuffle(n, func(i, j int) { services[i], services[j] = services[j], services[i] })
				}
				b.ReportAllocs()
				for b.Loop() {
					var parts Parts
					for _, s := range services {
						if err := parts.Add("service", s); err != nil {
							b.Fatal(err)
						}
					}
				}
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/part")
			})
		}
	}
}
