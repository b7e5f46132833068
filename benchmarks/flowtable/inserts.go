package main

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/benchmarks/internal/flows"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

const insertFlows = 1_000_000

// inserts put new flows into a table or a cache for a million: while it has
// room, and when it holds as many as it is for.
func inserts(m *measurement) (rows []row, err error) {
	n := min(insertFlows, m.flows)
	keys := flows.Keys(0, 2*n)
	for _, how := range []struct {
		name string
		full bool // to begin with
		life int  // how many inserts a pin lives for; 0: for ever
		bar  string
	}{
		{"into free room", false, 0, "at least 1.2x the fastest"},
		{"churn: for each flow that times out a new one", true, n, "at least 0.77x the fastest bounded"},
		{"churn: no flow ends, each new one pushes one out", true, 0, "reported"},
	} {
		for _, p := range flows.Peers(fold()) {
			if how.full && p.Kind == flows.Exact {
				continue
			}
			table, err := flows.NewTable(n)
			if err != nil {
				return nil, err
			}
			theirs := p.New(n)
			f := feed{keys: keys, size: n / (m.blocks + 1)}
			if how.full {
				send(table, keys[:n], how.life)
				theirs.Set(keys[:n])
				f.first = n
			}
			t, err := duel(m.blocks,
				side{work: func(b int) int { return send(table, f.block(b), how.life) }},
				side{work: func(b int) int { theirs.Set(f.block(b)); return f.size }})
			theirs.Close()
			if err != nil {
				return nil, err
			}
			bar := how.bar
			if !how.full && p.Kind == flows.Bounded {
				bar = "reported"
			}
			rows = append(rows, faster(how.name+" : "+p.Name, t[0], t[1], bar))
		}
	}
	return rows, nil
}

// A feed gives every block keys that were not there before.
type feed struct {
	keys        []hash.FlowKey
	first, size int
}

func (f *feed) block(b int) []hash.FlowKey {
	at := f.first + b*f.size
	return f.keys[at : at+f.size]
}

// send sends a SYN of each key. A pin on probation lives for 8 seconds at the
// default.
func send(table *flows.Table, keys []hash.FlowKey, life int) int {
	const parts = 64
	for i := range parts {
		part := keys[i*len(keys)/parts : (i+1)*len(keys)/parts]
		table.Keys(part, hash.SYN)
		if life > 0 {
			table.Now += 8 * int64(time.Second) * int64(len(part)) / int64(life)
		}
	}
	return len(keys)
}

// flood sends four million flows of one packet at a table with 150,000
// established flows. Time stands still, so that nothing expires.
func flood(*measurement) ([]row, error) {
	const slots, settled, attack, handshakes, during = 262_144, 150_000, 4_000_000, 1000, 50_000
	table, err := flows.NewTable(slots * 3 / 4)
	if err != nil {
		return nil, err
	}
	friends, attackers := flows.Digests(flows.Keys(0, settled+20*handshakes)), flows.Digests(flows.Keys(1, attack))
	table.Send(friends[:settled], hash.SYN)
	admitted := 0
	for range 3 {
		admitted = table.Digests(friends[:settled])
	}
	table.Send(attackers, hash.SYN)
	kept := table.Digests(friends[:settled])
	rows := []row{
		{"slots, flows admitted", fmt.Sprint(table.Cap()), fmt.Sprintf("%d of %d", admitted, settled), "", ""},
		{"established flows kept", fmt.Sprintf("%d of %d", kept, admitted), "", percent(kept, admitted), "100 %"},
	}
	survived := 0
	for i := range 20 {
		greeting := friends[settled+i*handshakes:][:handshakes]
		table.Send(greeting, hash.SYN)
		table.Send(attackers[i*during:][:during], hash.SYN)
		survived += table.Digests(greeting)
	}
	return append(rows,
		row{"handshakes that survive 50,000 flood packets", fmt.Sprintf("%d of %d", survived, 20*handshakes), "",
			percent(survived, 20*handshakes), "at least 50 %"},
		row{"counted", stats(table.Stats()), "", "", ""}), nil
}

func percent(part, whole int) string { return fmt.Sprintf("%.2f %%", 100*float64(part)/float64(whole)) }

func stats(s flowcache.Stats) string {
	return fmt.Sprintf("inserted %d, refused %d, evicted %d, relocated %d", s.Inserted, s.Refused, s.Evicted,
		s.Relocated)
}
