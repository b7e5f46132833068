package main

import (
	"fmt"
	"strings"

	"github.com/ecmp-go/ecmp/benchmarks/internal/results"
)

func maglevRows() (rows []paperRow) {
	slots := map[string]map[string]string{
		"small": {"maglev": "65,537", "bounded": "65,536"}, "large": {"maglev": "655,373", "bounded": "1,048,576"},
	}
	overprovision := func(size, what, theirs string, value float64, strategy string) {
		rows = append(rows, paperRow{"figure 11", what + " slots", theirs, value,
			"figure=11/size=" + size + "/strategy=" + strategy, "peak-to-mean", over, nearOver})
	}
	for _, table := range []struct{ size, karger, rendezvous string }{
		{"small", "29.7", "49.5"}, {"large", "10.3", "12.3"},
	} {
		theirs, ours := slots[table.size]["maglev"], slots[table.size]["bounded"]
		overprovision(table.size, "rendezvous, "+theirs, table.rendezvous+" %", 1+number(table.rendezvous)/100,
			"rendezvous")
		overprovision(table.size, "ring of 1,000 points a member, "+theirs, table.karger+" %",
			1+number(table.karger)/100, "ring/points=1000")
		overprovision(table.size, "Maglev, "+theirs, `"almost perfect"`, unknown(), "maglev")
		overprovision(table.size, "Bounded, "+ours, noValue, unknown(), "bounded")
		overprovision(table.size, "Bounded without caps, "+ours, noValue, unknown(), "bounded-unlimited")
	}
	figure12 := map[string]string{"small/1": "~0.55", "small/10": "~2.4", "small/30": "~2.8", "large/10": "~0.6"}
	for _, size := range []string{"small", "large"} {
		for _, k := range []int{1, 5, 10, 20, 30, 50} {
			for _, s := range []string{"maglev", "bounded"} {
				theirs, value := noValue, unknown()
				if text, known := figure12[fmt.Sprintf("%s/%d", size, k)]; known && s == "maglev" {
					theirs, value = text+" %", number(text[1:])/100
				}
				what := map[string]string{"maglev": "Maglev", "bounded": "Bounded"}
				rows = append(rows, paperRow{
					"figure 12", fmt.Sprintf("%d of 1,000 fail, %s, %s slots", k, what[s], slots[size][s]), theirs,
					value,
					fmt.Sprintf("figure=12/size=%s/failures=%d/strategy=%s", size, k, s), "surviving-share",
					percents, near,
				})
			}
		}
	}
	for _, b := range []struct {
		what, theirs string
		value        float64
		name         string
	}{
		{"build of Maglev's table of 65,537", "1.8 ms", 1.8e6, "size=small/strategy=maglev"},
		{"build of Bounded's of 65,536", noValue, unknown(), "size=small/strategy=bounded"},
		{"build of Maglev's table of 655,373", "22.9 ms", 22.9e6, "size=large/strategy=maglev"},
		{"build of Bounded's of 1,048,576", noValue, unknown(), "size=large/strategy=bounded"},
	} {
		rows = append(rows, paperRow{"section 5.3", b.what, b.theirs, b.value, "section=5.3/" + b.name, results.Time,
			nanoseconds, slower})
	}
	return rows
}

func jetRows() (rows []paperRow) {
	for _, horizon := range [][2]int{{468, 47}, {100, 10}} {
		due := float64(horizon[1]) / float64(horizon[0]+horizon[1])
		for _, s := range []string{"rendezvous", "anchor", "memento", "bounded-unlimited"} {
			rows = append(rows, paperRow{
				"horizon/(working + horizon)", fmt.Sprintf("%s, %d working, %d of the horizon", s, horizon[0],
					horizon[1]),
				percents(due), due, fmt.Sprintf("members=%d/horizon=%d/strategy=%s", horizon[0], horizon[1], s),
				"tracked-share", percents, near,
			})
		}
	}
	return rows
}

func cheetahRows() (rows []paperRow) {
	for _, r := range []struct{ updates, broken, chained string }{
		{"1.56", "0.0988", "0.000412"}, {"15.6", "1.01", "0.0381"}, {"78", "4.90", "0.624"},
	} {
		for _, s := range []struct{ what, theirs, name, unit string }{
			{"by hash, ring of 30 points", r.broken, "policy=hash/strategy=ring/points=30", "broken-share"},
			{"by hash, Maglev", "", "policy=hash/strategy=maglev", "broken-share"},
			{"by hash, Bounded", "", "policy=hash/strategy=bounded", "broken-share"},
			{"by hash, Anchor", "", "policy=hash/strategy=anchor", "broken-share"},
			{"Resilient", "", "policy=resilient/strategy=resilient", "broken-share"},
			{"ring of 30 points, the member before helps", r.chained, "policy=hash/strategy=ring/points=30",
				"chained-share"},
			{"Bounded, the member before helps", "", "policy=hash/strategy=bounded", "chained-share"},
			{"sticky in a flow table, Bounded", "", "policy=sticky/strategy=bounded", "broken-share"},
		} {
			theirs, value := noValue, unknown()
			if s.theirs != "" {
				theirs, value = s.theirs+" %", number(s.theirs)/100
			}
			rows = append(rows, paperRow{
				"section 2", s.what + ", " + r.updates + " updates a minute", theirs, value,
				"updates=" + r.updates + "/" + s.name, s.unit, percents, near,
			})
		}
	}
	return rows
}

func lrhRows() (rows []paperRow) {
	for _, s := range []struct {
		what, theirs string
		value        float64
		name         string
	}{
		{"ring of 256 points a member", "1.2785", 1.2785, "ring/points=256"},
		{"Bounded, 2^20 slots", "LRH 1.0947", 1.0947, "bounded/slots=1048576"},
		{"Bounded, 2^22 slots", "LRH 1.0947", 1.0947, "bounded/slots=4194304"},
		{"Maglev, 1,048,573 slots", noValue, unknown(), "maglev/slots=1048573"},
		{"Anchor", noValue, unknown(), "anchor"}, {"Memento", noValue, unknown(), "memento"},
		{"Jump", noValue, unknown(), "jump"},
	} {
		agree := nearOver
		if strings.HasPrefix(s.theirs, "LRH") {
			agree = noMore
		}
		rows = append(rows, paperRow{"abstract", "greatest load over the mean, " + s.what, s.theirs, s.value,
			"members=5000/strategy=" + s.name, "peak-to-mean", ratio, agree})
	}
	for _, s := range [][2]string{
		{"Bounded, 2^20 slots", "bounded/slots=1048576"}, {"Bounded, 2^22 slots", "bounded/slots=4194304"},
		{"Maglev, 1,048,573 slots", "maglev/slots=1048573"}, {"Anchor", "anchor"}, {"Memento", "memento"},
	} {
		rows = append(rows, paperRow{"abstract", "moved without need as one fails, " + s[0], "LRH 0 %", 0,
			"members=5000/strategy=" + s[1], "collateral-share", percents, noMore})
	}
	return rows
}

func rfc2992Rows() []paperRow {
	row := func(what, theirs string, value float64, name string) paperRow {
		return paperRow{"sections 2 and 3", what, theirs, value, "members=101/strategy=" + name, "moved-share",
			percents, near}
	}
	return []paperRow{
		row("hash-threshold, the first of 101 leaves", "1/2", .5, "threshold/leaves=first"),
		row("the middle one", "1/4 + 1/(4*101)", .25+.25/101, "threshold/leaves=middle"),
		row("the last one", "1/2", .5, "threshold/leaves=last"),
		row("modulo-N, one of 101 leaves", "100/101", 100./101, "modulo/leaves=middle"),
		row("highest random weight, one of 101 leaves", "1/101", 1./101, "rendezvous/leaves=middle"),
	}
}

func jumpRows() (rows []paperRow) {
	for _, p := range [][2]string{{"1", "0.9979060"}, {"10", "0.3151810"}, {"100", "0.0996996"},
		{"1000", "0.0315723"}} {
		rows = append(rows, paperRow{"table of section 3", "standard error of a ring of " + p[0] +
			" points a bucket", p[1],
			number(p[1]), "members=1000/strategy=ring/points=" + p[0], "rms-error", deviation, near})
	}
	return append(rows,
		paperRow{"table of section 3", "chi square of jump over degrees of freedom, as its error is " +
			"below that of any sample",
			"0.00000000764, and 1 in a fair sample", 1, "members=1000/strategy=jump", "chi-square", ratio, near},
		paperRow{"", "over-provision for the ring of 100 points, beside Maglev's figure 11", "29.7 %", 1.297,
			"members=1000/strategy=ring/points=100", "peak-to-mean", over, nearOver},
		paperRow{"", "for the ring of 1,000 points, beside Maglev's figure 11", "10.3 %", 1.103,
			"members=1000/strategy=ring/points=1000", "peak-to-mean", over, nearOver})
}

func multiProbeRows() (rows []paperRow) {
	for _, n := range []string{"10", "100", "1000"} {
		rows = append(rows, paperRow{"abstract", "peak of 21 probes, " + n + " nodes", "1.05 of infinitely many", 1.05,
			"members=" + n + "/strategy=multiprobe/probes=21", "peak-to-mean", ratio, nearOver})
	}
	return rows
}

func minimalRows(paper string) (rows []paperRow) {
	for _, gone := range []string{"10", "50", "90"} {
		name := fmt.Sprintf("members=1000/gone=%spct/strategy=%s", gone, paper)
		rows = append(rows,
			paperRow{"balance", paper + ", chi square over degrees of freedom, " + gone + " of 100 members have left",
				"1, a fair draw", 1, name, "chi-square", ratio, near},
			paperRow{"minimal disruption", paper + ", moved over forced as another leaves", "1", 1, name,
				"disruption-ratio", ratio, near})
	}
	return rows
}

func rt152Rows() (rows []paperRow) {
	for _, s := range []string{"modulo", "threshold", "rendezvous", "maglev", "bounded", "jump", "ring", "multiprobe",
		"resilient"} {
		rows = append(rows, paperRow{"RT-1.52.1", s + ", share of the heavier of 10K and 5K",
			"66 % within 5 points", .66,
			"strategy=" + s, "heavier-share", percents, within5})
	}
	return rows
}
