package suite

import (
	"fmt"
	"math/rand/v2"
	"net/netip"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
	"github.com/ecmp-go/ecmp/benchmarks/internal/metrics"
	"github.com/ecmp-go/ecmp/benchmarks/internal/subject"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// lrhPaper is the set-up of Guan, "Local Rendezvous Hashing" (arXiv
// 2512.23434): the greatest load of 5,000 members, of 5*10^7 keys, and what
// moves without need as one fails.
func lrhPaper(size Size) (cases []Case) {
	members, keys, draws := 5000, min(size.Shares, 50_000_000), min(size.Draws, 3)
	if !size.Papers {
		members, draws = 500, 1
	}
	for _, s := range []struct {
		name string
		selector.Strategy
	}{
		{"ring/points=256", selector.Ring{Points: 256}},
		{"maglev/slots=1048573", selector.Maglev{Size: 1_048_573}},
		{"bounded/slots=1048576", selector.Bounded{Slots: 1 << 20}},
		{"bounded/slots=4194304", selector.Bounded{Slots: 1 << 22}},
		{"anchor", selector.Anchor{}},
		{"memento", selector.Memento{}},
		{"jump", selector.Jump{}},
	} {
		if !size.Papers && s.name == "bounded/slots=4194304" {
			continue
		}
		name := fmt.Sprintf("paper=lrh/members=%d/strategy=%s", members, s.name)
		cases = append(cases, paperCase(size, draws, name, func(set subject.Set) (numbers, error) {
			all := set.Members(members, 1)
			built, err := selector.New(s.Strategy, all)
			if err != nil {
				return nil, err
			}
			b := metrics.Sampled(subject.Batched(built), all, keys)
			m, err := removal(s.Strategy, all, all, members/2, subject.Hashes(uint64(set)+1, sampleSize))
			return numbers{"peak-to-mean": b.PeakToMean, "low-to-mean": b.LowToMean,
				"collateral-share": m.Collateral}, err
		}))
	}
	return cases
}

// rfc2992 is what moves when one of 101 next hops leaves, as RFC 2992 derives it
// for many of them.
func rfc2992(size Size) (cases []Case) {
	const members = 101
	for _, c := range []struct {
		name  string
		leave int
		selector.Strategy
	}{
		{"threshold/leaves=first", 0, selector.Threshold{}},
		{"threshold/leaves=middle", members / 2, selector.Threshold{}},
		{"threshold/leaves=last", members - 1, selector.Threshold{}},
		{"modulo/leaves=middle", members / 2, selector.Modulo{}},
		{"rendezvous/leaves=middle", members / 2, selector.Rendezvous{}},
	} {
		name := fmt.Sprintf("paper=rfc2992/members=%d/strategy=%s", members, c.name)
		cases = append(cases, paperCase(size, size.Draws, name, func(set subject.Set) (numbers, error) {
			all := set.Members(members, 1)
			m, err := removal(c.Strategy, all, all, c.leave, subject.Hashes(uint64(set)+1, changeSize))
			return numbers{"moved-share": m.Moved}, err
		}))
	}
	return cases
}

// ringPapers are the standard error of a ring's shares by its points, of
// Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm" (arXiv
// 1406.2294), and the peak of Appleton and O'Reilly, "Multi-probe consistent
// hashing" (arXiv 1505.00062).
func ringPapers(size Size) (cases []Case) {
	arcs, sample := max(size.Shares>>4, 1<<16), max(size.Shares>>2, 1<<16)
	for _, points := range []uint32{1, 10, 100, 1000} {
		name := fmt.Sprintf("paper=jump/members=1000/strategy=ring/points=%d", points)
		cases = append(cases, paperCase(size, size.Draws, name, func(set subject.Set) (numbers, error) {
			return placedShares(selector.Ring{Points: points}, set.Members(1000, 1), spaced(arcs))
		}))
	}
	cases = append(cases, paperCase(size, size.Draws, "paper=jump/members=1000/strategy=jump",
		func(set subject.Set) (numbers, error) {
			return placedShares(selector.Jump{}, set.Members(1000, 1), subject.Hashes(uint64(set)+1, sampleSize))
		}))
	for _, n := range []int{10, 100, 1000} {
		name := fmt.Sprintf("paper=multiprobe/members=%d/strategy=multiprobe/probes=21", n)
		cases = append(cases, paperCase(size, min(size.Draws, 5), name, func(set subject.Set) (numbers, error) {
			all := set.Members(n, 1)
			built, err := selector.New(selector.MultiProbe{}, all)
			if err != nil {
				return nil, err
			}
			return evenly(metrics.Sampled(subject.Batched(built), all, sample)), nil
		}))
	}
	return cases
}

// minimalPapers is what AnchorHash (Mendelson et al., ToN 2020) and Memento
// (Coluzzi et al., ToN 2024) promise after members have left: shares of a fair
// draw, and no move without need.
func minimalPapers(size Size) (cases []Case) {
	const members = 1000
	for _, s := range []struct {
		name string
		selector.Strategy
	}{{"anchor", selector.Anchor{}}, {"memento", selector.Memento{}}} {
		for _, gone := range []int{10, 50, 90} {
			name := fmt.Sprintf("paper=%s/members=%d/gone=%dpct/strategy=%s", s.name, members, gone, s.name)
			cases = append(cases, paperCase(size, size.Draws, name, func(set subject.Set) (numbers, error) {
				all := set.Members(members, 1)
				now, hashes := survivors(all, set, gone), subject.Hashes(uint64(set)+1, sampleSize)
				live, err := metrics.NewLive(s.Strategy, hashes)
				if err != nil {
					return nil, err
				}
				if _, err := live.Update(all); err != nil {
					return nil, err
				}
				p, err := live.Update(now)
				if err != nil {
					return nil, err
				}
				figures := evenly(p.Balance())
				m, err := removal(s.Strategy, all, now, len(now)/2, hashes)
				figures["disruption-ratio"] = m.Ratio()
				return figures, err
			}))
		}
	}
	return cases
}

// rt152 is test RT-1.52.1 of openconfig/featureprofiles: link bandwidths of 10K
// and 5K, and UDP between random ports.
func rt152(size Size) (cases []Case) {
	for _, s := range subject.Strategies() {
		if s.EqualOnly || s.Own {
			continue
		}
		name := "paper=rt-1.52/strategy=" + s.Name
		cases = append(cases, paperCase(size, size.Draws, name, func(set subject.Set) (numbers, error) {
			members := set.Members(2, 10_000, 5_000)
			built, err := selector.New(s.Strategy, members)
			if err != nil {
				return nil, err
			}
			heavier := 0
			for _, h := range randomPorts(set) {
				if built.Select(h) == 0 {
					heavier++
				}
			}
			return numbers{"heavier-share": share(heavier, sampleSize>>4)}, nil
		}))
	}
	return cases
}

// randomPorts returns the hashes of UDP packets between two hosts, of random
// ports each.
func randomPorts(set subject.Set) []uint64 {
	r := rand.New(rand.NewPCG(uint64(set), 152))
	port := func() uint16 { return uint16(1 + r.IntN(65_535)) }
	from, to := netip.AddrFrom4([4]byte{192, 0, 2, 1}), netip.AddrFrom4([4]byte{198, 51, 100, 1})
	keys := make([]hash.FlowKey, sampleSize>>4)
	for i := range keys {
		keys[i] = hash.NewFlowKey(hash.UDP, netip.AddrPortFrom(from, port()), netip.AddrPortFrom(to, port()))
	}
	return flows.Digests(keys)
}
