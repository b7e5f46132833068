package main

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmp-go/ecmp/hash"
)

// A pathFinder predicts the path of a flow: the choice of each router on it.
type pathFinder func(hash.FlowKey) ([]prediction, error)

// A pathLink is a router and one of its next hops.
type pathLink struct {
	Router  string `json:"router,omitempty"`
	Nexthop string `json:"nexthop"`
}

func (l pathLink) String() string {
	if l.Router == "" {
		return l.Nexthop
	}
	return l.Router + " -> " + l.Nexthop
}

// A coverage is flows that take every link, and the links that no flow takes.
type coverage struct {
	Flows   []coverFlow `json:"flows"`
	Missing []pathLink  `json:"missing,omitempty"`
	Tried   int         `json:"tried"` // flows that were predicted
}

// A coverFlow is a flow of a coverage.
type coverFlow struct {
	Flow  string     `json:"flow"`
	Sport uint16     `json:"sport"`
	Label uint32     `json:"label,omitempty"`
	Path  []pathLink `json:"path"`
	New   int        `json:"new"` // links that no flow before it takes

	// Remarks holds what else decides the links of Path, or is uncertain.
	Remarks []string `json:"remarks,omitempty"`
}

// varied is what a coverage changes of a flow.
type varied bool

const (
	sourcePort varied = false
	flowLabel  varied = true
)

var errNotVaried = errors.New("neither the source port nor the flow label is hashed, " +
	"so all flows between two addresses take one path")

// vary returns what of a flow changes its path under one of these hashes.
func vary(k hash.FlowKey, all ...hash.Linux611) (varied, error) {
	label := false
	for _, l := range all {
		fields := l.Fields.Outer()
		byPort := l.Policy == hash.LinuxL4 || l.Policy == hash.LinuxCustom && fields&hash.SrcPort != 0
		if byPort && hasPorts(k.Proto()) {
			return sourcePort, nil
		}
		byLabel := l.Policy == hash.LinuxL3 || l.Policy == hash.LinuxInner || fields&hash.Label != 0
		label = label || k.Is6() && l.Policy != hash.LinuxL4 && byLabel
	}
	if !label {
		return flowLabel, errNotVaried
	}
	return flowLabel, nil
}

// candidates calls each for flows like k, with other source ports from that of
// k on, or with other labels, until it returns false.
func (v varied) candidates(k hash.FlowKey, each func(hash.FlowKey) bool) {
	const firstPort, labels = 1024, 1 << 16
	if v == flowLabel {
		for i := range uint32(labels) {
			if !each(k.WithLabel((k.Label() + i) & (1<<20 - 1))) {
				return
			}
		}
		return
	}
	start := max(int(k.Src().Port()), firstPort)
	for i := range 1<<16 - firstPort {
		port := firstPort + (start-firstPort+i)%(1<<16-firstPort)
		src := netip.AddrPortFrom(k.Src().Addr(), uint16(port))
		if !each(hash.NewFlowKey(k.Proto(), src, k.Dst()).WithLabel(k.Label())) {
			return
		}
	}
}

// cover finds flows like k that take every link, as few as a greedy choice
// finds: the first flow takes the most, each further one the most of the rest.
func cover(k hash.FlowKey, v varied, find pathFinder) (c coverage, err error) {
	const kept = 4096 // candidates to choose from, beside those with a link that none before had
	var all []coverFlow
	seen, usable := map[pathLink]bool{}, map[pathLink]bool{}
	v.candidates(k, func(k hash.FlowKey) bool {
		path, e := find(k)
		if e != nil {
			err = e
			return false
		}
		f := coverFlow{Flow: k.String(), Sport: k.Src().Port(), Label: k.Label()}
		fresh := false
		for _, p := range path {
			if p.Nexthop == "" {
				err = errors.New(p.Why)
				return false
			}
			l := pathLink{p.Router, p.Nexthop}
			f.Path = append(f.Path, l)
			if r := p.remark(); r != "" {
				if p.Router != "" {
					r = p.Router + ": " + r
				}
				f.Remarks = append(f.Remarks, r)
			}
			fresh = fresh || !seen[l]
			seen[l] = true
			if p.group != nil {
				for i, h := range p.group.hops {
					if p.group.usable(i) {
						usable[pathLink{p.Router, h.name}] = true
					}
				}
			}
		}
		c.Tried++
		if fresh || len(all) < kept {
			all = append(all, f)
		}
		return len(seen) < len(usable)
	})
	if err != nil {
		return c, err
	}
	c.choose(all)
	for l := range usable {
		if !seen[l] {
			c.Missing = append(c.Missing, l)
		}
	}
	slices.SortFunc(c.Missing, func(a, b pathLink) int { return strings.Compare(a.String(), b.String()) })
	return c, nil
}

// choose chooses flows until all of their links are taken.
func (c *coverage) choose(all []coverFlow) {
	taken := map[pathLink]bool{}
	for {
		best, most := -1, 0
		for i, f := range all {
			n := 0
			for _, l := range f.Path {
				if !taken[l] {
					n++
				}
			}
			if n > most {
				best, most = i, n
			}
		}
		if best < 0 {
			return
		}
		f := all[best]
		f.New = most
		for _, l := range f.Path {
			taken[l] = true
		}
		c.Flows = append(c.Flows, f)
	}
}

// write prints the coverage. Links that no flow takes are no failure: they are
// named.
func (c coverage) write(o options, w io.Writer) error {
	if o.json {
		return newEncoder(w).Encode(c)
	}
	var b strings.Builder
	for _, f := range c.Flows {
		switch {
		case f.Sport == 0: // the label is varied
			fmt.Fprintf(&b, "label %#x", f.Label)
		case f.Label == 0:
			fmt.Fprintf(&b, "sport %d", f.Sport)
		default:
			fmt.Fprintf(&b, "sport %d label %#x", f.Sport, f.Label)
		}
		var names []string
		for _, l := range f.Path {
			names = append(names, l.Nexthop)
		}
		fmt.Fprintf(&b, "\t%s", strings.Join(names, " "))
		if f.Remarks != nil {
			fmt.Fprintf(&b, "\t(%s)", strings.Join(f.Remarks, "; "))
		}
		b.WriteByte('\n')
	}
	for _, l := range c.Missing {
		fmt.Fprintf(&b, "none of %d flows takes %s\n", c.Tried, l)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// predictCover covers the next hops of the command line.
func predictCover(o options, w io.Writer) error {
	v, err := vary(o.flow, o.linux)
	if err != nil {
		return err
	}
	c, err := cover(o.flow, v, func(k hash.FlowKey) ([]prediction, error) {
		return []prediction{predict(o.linux, o.nexthops, k, o.socket)}, nil
	})
	if err != nil {
		return err
	}
	return c.write(o, w)
}
