package main

import "github.com/ecmp-go/ecmp/selector"

// claims are the numbers in prose and in the documentation of packages.
func claims() []claim {
	remove := func(strategy, event string) number {
		return number{"Remap/strategy=" + strategy + "/n=100/event=" + event, "disruption-ratio", nil}
	}
	balance := func(strategy, unit string, scale func(float64) float64) number {
		return number{"Balance/strategy=" + strategy + "/n=100/weights=equal", unit, scale}
	}
	bursts := func(strategy, n string) number {
		return number{"Select/strategy=" + strategy + "/n=" + n + "/impl=ecmp/form=batch32", "ns/op", nil}
	}
	perThousand := func(v float64) float64 { return v / 1000 }
	perProbe := func(v float64) float64 { return v / selector.DefaultProbes }
	const doc = "selector/doc.go"
	return []claim{
		{doc, `Modulo +O\(1\) +O\(N\) +O\(N\) +exact +(\d+) `, []number{remove("modulo", "remove")}},
		{doc, `Threshold +O\(log N\) +O\(N\) +O\(N\) +exact +(\d+) to (\d+) `, []number{remove("threshold", "remove"), remove("threshold", "remove-first")}},
		{doc, `Rendezvous +O\(N\).* exact on average (\d) `, []number{remove("rendezvous", "remove")}},
		{doc, `Bounded .* by race, capped +(\d\.\d\d) +(\d+) %`, []number{remove("bounded", "remove"), balance("bounded", "table-peak-to-mean", over)}},
		{doc, `Maglev .* by turns +(\d\.\d) `, []number{remove("maglev", "remove")}},
		{doc, `Jump .* by repetition +(\d) to (\d+) `, []number{remove("jump", "remove-last"), remove("jump", "remove-first")}},
		{doc, `Ring .* by points +(\d) \(\*\*\) +(\d+) %`, []number{remove("ring", "remove"), balance("ring", "rms-error", hundredfold)}},
		{doc, `MultiProbe .* by points +(\d) \(\*\*\)`, []number{remove("multiprobe", "remove")}},
		{doc, `Resilient .* 1 slot, at first (\d) `, []number{remove("resilient", "remove")}},
		{doc, `Anchor .* refused +(\d) `, []number{remove("anchor", "remove")}},
		{doc, `Memento .* refused +(\d) `, []number{remove("memento", "remove")}},
		{doc, `Look-ups in bursts take about (\d\.\d) ns in a table, (\d+) ns with Anchor at its default capacity,\n// (\d+) to (\d+) ns with Memento, and (\d\.\d) ns a member with Rendezvous`,
			[]number{bursts("bounded", "1000"), bursts("anchor", "1000"), bursts("memento", "1000"), bursts("memento", "10"),
				{bursts("rendezvous", "1000").name, "ns/op", perThousand}}},
		{"selector/bounded.md", `with 65 each, the default moves (\d\.\d) times the forced`, []number{{"Remap/strategy=bounded/n=1000/event=remove", "disruption-ratio", nil}}},
		{"flowcache/sweep.go", `takes some (\d+) ns a bucket that is\n// empty, and some (\d+) ns one that is full`,
			[]number{{"FlowTable/op=sweep/flows=1000000/fill=empty/impl=ecmp", "ns/op", nil}, {"FlowTable/op=sweep/flows=1000000/fill=full/impl=ecmp", "ns/op", nil}}},
		{"selector/multiprobe.go", `100 members the greatest share was (\d\.\d) times`, []number{balance("multiprobe", "peak-to-mean", nil)}},
		{"selector/multiprobe.go", `expected time, about (\d+) ns a probe`, []number{{bursts("multiprobe", "1000").name, "ns/op", perProbe}}},
	}
}
