package main

import (
	"fmt"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

// A promise is what the library holds itself to.
type promise struct {
	ours, theirs string // names of cases; theirs "": ours alone counts
	unit         string
	kind         kind
	bar          float64
	least        bool // times are the least of the blocks, not the median
}

// kind is how a promise is kept.
type kind uint8

const (
	faster  kind = iota // theirs over ours is at least the bar
	share               // ours over theirs is at most the bar
	apart               // ours less theirs is at most the bar
	atMost              // ours is at most the bar
	atLeast             // ours is at least the bar
)

// promises are those of the selectors and of the flow table.
func promises() (list []promise) {
	fast := func(bar float64, least bool, ours, theirs string) {
		list = append(list, promise{ours, theirs, results.Time, faster, bar, least})
	}
	for _, n := range []int{10, 100, 1000} {
		at := func(strategy, impl, form string) string {
			return fmt.Sprintf("Select/strategy=%s/n=%d/impl=%s/form=%s", strategy, n, impl, form)
		}
		for _, s := range []string{"maglev", "bounded", "resilient"} {
			fast(2.5, true, at(s, "ecmp", "batch32"), at("maglev", "go-maglev", "one"))
			fast(.95, true, at(s, "ecmp", "one"), at("maglev", "go-maglev", "one"))
			fast(3, true, at(s, "ecmp", "inlined"), at("maglev", "go-maglev", "one"))
		}
		fast(1.5, false, at("jump", "ecmp", "one"), at("jump", "go-jump", "one"))
		if n > 10 {
			fast(3, false, at("memento", "ecmp", "one"), at("jump", "go-jump", "one"))
		}
		for _, form := range []string{"batch32", "one"} {
			fast(map[int]float64{10: 4, 100: 1.5, 1000: 1.1}[n], true, at("rendezvous", "ecmp", form),
				at("rendezvous", "go-rendezvous", "one"))
		}
		fast(.6/3.5, true, at("anchor-tight", "ecmp", "batch32"), at("resilient", "ecmp", "inlined"))
		build := fmt.Sprintf("Build/strategy=%%s/n=%d", n)
		maglev, bounded := fmt.Sprintf(build, "maglev"), fmt.Sprintf(build, "bounded")
		if n == 100 {
			fast(2.5, true, maglev+"/impl=ecmp", maglev+"/impl=go-maglev")
			fast(3.5, true, maglev+"/slots=655373/impl=ecmp", maglev+"/slots=655373/impl=go-maglev")
			for _, slots := range []string{"", "/slots=655373"} {
				name := maglev + slots + "/impl="
				list = append(list, promise{name + "ecmp", name + "go-maglev", "held-bytes", share, 1. / 3, false})
			}
		}
		fast(1, true, bounded+"/impl=ecmp", maglev+"/impl=go-maglev")
		fast(1./2, true, bounded+"/impl=ecmp", maglev+"/impl=ecmp")
		fast(1./5, true, bounded+"/weights=1:2:3:10/impl=ecmp", bounded+"/impl=ecmp")
	}
	for _, s := range []string{"bounded-4096", "bounded-1024", "maglev-1021", "resilient-1024", "anchor"} {
		fast(2, true, "Fetch/strategy="+s+"/groups=2048", "Fetch/strategy=table-128KiB/groups=2048")
	}
	alone := func(k kind, bar float64, unit, name string) {
		list = append(list, promise{name, "", unit, k, bar, false})
	}
	for _, members := range []string{"equal", "one"} {
		alone(atMost, 1e6, results.Time, "FailOver/groups=2048/members="+members+"/step=mark")
	}
	for _, n := range []int{8, 100} {
		for _, s := range []struct {
			name string
			bar  float64
		}{
			{"bounded-slack0", .007}, {"maglev", .007}, {"rendezvous", .007},
			{"bounded", map[int]float64{8: .015, 100: .04}[n]},
		} {
			alone(atMost, s.bar, "rms-error", fmt.Sprintf("Shares/strategy=%s/n=%d/weights=1:2:3:10", s.name, n))
		}
	}
	return append(list, flowPromises()...)
}

// flowPromises are those of the flow table.
func flowPromises() (list []promise) {
	add := func(k kind, bar float64, unit, ours, theirs string) {
		list = append(list, promise{ours, theirs, unit, k, bar, false})
	}
	for _, n := range []int{10_000, 1_000_000, 10_000_000} {
		hit := fmt.Sprintf("FlowTable/op=hit/flows=%d/impl=", n)
		for _, p := range []string{"sync.Map", "xsync", "otter", "freelru", "phuslu", "theine"} {
			exact := p == "sync.Map" || p == "xsync"
			if n > 1_000_000 && p != "xsync" && p != "phuslu" {
				continue
			}
			if n > 10_000 {
				bar := map[int]float64{1_000_000: 12, 10_000_000: 16}[n]
				if exact {
					bar = map[int]float64{1_000_000: 9, 10_000_000: 12}[n]
				}
				add(faster, bar, results.Time, hit+"ecmp/form=digests", hit+p+"/form=one")
			}
			if exact {
				bar := map[bool]float64{true: 2, false: 2.5}[n == 10_000]
				add(faster, bar, results.Time, hit+"ecmp/form=one", hit+p+"/form=one")
			}
		}
		if n == 10_000 {
			continue
		}
		add(faster, 3, results.Time, hit+"ecmp/form=digests", hit+"xsync/form=digests")
		add(atMost, 11, "flow-bytes", hit+"ecmp/form=digests", "")
		add(atMost, 0, "refused", fmt.Sprintf("Pins/what=fill/flows=%d", n), "")
	}
	for _, n := range []int{10_000, 100_000, 1_000_000, 10_000_000} {
		gc := fmt.Sprintf("FlowTable/op=gc/flows=%d/table=", n)
		add(apart, 1e6, results.Time, gc+"with/impl=ecmp", gc+"without/impl=ecmp")
	}
	const most = "FlowTable/op=hit/flows=10000000/impl="
	for _, form := range []string{"plain", "huge"} {
		add(share, 5, results.Time, most+"ecmp/form=digests", most+"chase/form="+form)
	}
	add(faster, 1.6, results.Time, most+"ecmp/form=cores2", most+"ecmp/form=digests")
	const (
		insert = "FlowTable/op=insert/flows=1000000/impl="
		churn  = "FlowTable/op=churn/flows=1000000/end=timeout/impl="
	)
	for _, p := range []string{"sync.Map", "xsync"} {
		add(faster, 1.2, results.Time, insert+"ecmp/form=batch32", insert+p+"/form=one")
	}
	for _, p := range []string{"otter", "freelru", "phuslu", "theine"} {
		add(faster, .77, results.Time, churn+"ecmp/form=batch32", churn+p+"/form=one")
	}
	add(atLeast, 1, "kept", "Pins/what=flood", "")
	add(atLeast, .5, "handshakes", "Pins/what=flood", "")
	const upkeep = "FlowTable/op=upkeep/what="
	add(atMost, 5e6, results.Time, upkeep+"sweep/flows=1500000/impl=ecmp", "")
	add(atMost, 10e6, results.Time, upkeep+"save/flows=1000000/impl=ecmp", "")
	add(apart, 1e3, results.Time, upkeep+"void/flows=1000000/impl=ecmp/form=full",
		upkeep+"void/flows=1000000/impl=ecmp/form=empty")
	const prepared = "Pins/what=prepare/prepared="
	add(share, .15, "pins", prepared+"yes", prepared+"no")
	add(share, 1, "kept", prepared+"no", prepared+"yes")
	return list
}

// A verdict is what results say of a promise.
type verdict struct {
	promise
	Ours, Theirs string // what is compared
	Bar, Got     string
	Kept         bool
}

// verdicts are those of the promises of which both sides were measured.
func verdicts(r *results.Run) (list []verdict) {
	for _, p := range promises() {
		a, errA := r.Find(p.ours)
		b := a
		if p.theirs != "" {
			a, b, errA = r.Both(p.ours, p.theirs)
		}
		ours, ok := p.of(a)
		theirs, both := p.of(b)
		if errA != nil || !ok || !both {
			continue
		}
		v := verdict{promise: p, Ours: p.ours, Theirs: p.theirs}
		number := figure
		if p.unit == results.Time && p.kind != faster && p.kind != share {
			number = nanoseconds
		}
		got := ours
		switch p.kind {
		case faster:
			got = theirs / ours
		case share:
			got = ours / theirs
		case apart:
			got = ours - theirs
		}
		words := map[kind]string{faster: "at least %s times as fast", share: "at most %s times as much",
			apart: "at most %s apart", atMost: "at most %s", atLeast: "at least %s"}
		v.Bar, v.Got = fmt.Sprintf(words[p.kind], number(p.bar)), number(got)
		v.Kept = got <= p.bar
		if p.kind == faster || p.kind == atLeast {
			v.Kept = got >= p.bar
		}
		list = append(list, v)
	}
	return list
}

// of returns the figure of a case that the promise is about.
func (p promise) of(c results.Case) (float64, bool) {
	if p.unit != results.Time {
		f, ok := c.Figures[p.unit]
		return f.Value, ok
	}
	f, ok := c.Timed()
	if p.least && f.Draws > 0 {
		return f.Least, ok
	}
	return f.Value, ok
}

func promiseTable(r *results.Run) Table {
	t := Table{
		Title:   "What is promised",
		Caption: caption("promises"),
		Head:    []string{"ours", "theirs", "promised", "measured", ""},
	}
	for _, v := range verdicts(r) {
		unit := ""
		if v.unit != results.Time {
			unit = ", " + v.unit
		}
		t.Rows = append(t.Rows, []string{v.Ours + unit, v.Theirs, v.Bar, v.Got,
			map[bool]string{true: "kept", false: "MISSED"}[v.Kept]})
	}
	return t
}
