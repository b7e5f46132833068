package program

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"regexp"
	"runtime"
	"runtime/pprof"
	"slices"
)

// Main is the program. now is the library as it stands, was the one of the
// other commit.
func Main(now, was Commit) {
	if err := run(now, was); err != nil {
		fmt.Fprintln(os.Stderr, "against:", err)
		os.Exit(1)
	}
}

func run(now, was Commit) error {
	only := flag.String("rows", "", "measure the rows whose names match this `expression`, such as \"burst/10000\"")
	blocks := flag.Int("blocks", 11, "measure so many blocks")
	most := flag.Int("flows", 10_000_000, "leave out rows with more flows")
	runs := flag.Int("runs", 0, "measure each row so often; 0 is twice from 1M flows on, else once")
	same := flag.Bool("same", true, "check first that both engines decide alike")
	captures := flag.String("captures", "", "the `folder` of captures to check with")
	profile := flag.String("cpuprofile", "", "write a profile to this `file`")
	flag.Parse()
	pattern, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	if *same {
		if err := sameDecisions(now, was, *captures); err != nil {
			return err
		}
	}
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // a profile that is cut short is noticed by its reader
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	runtime.LockOSThread()
	fmt.Printf("%-44s %6s %6s  %-17s %8s %8s\n", "row", "bar", "ratio", "quartiles", "ours", "theirs")
	for _, r := range rows() {
		for _, flows := range slices.Sorted(maps.Keys(r.bars)) {
			name := fmt.Sprintf("%s/%d", r.name, flows)
			if flows > *most || !pattern.MatchString(name) {
				continue
			}
			times := *runs
			if times == 0 {
				times = 1
				if flows >= 1_000_000 {
					times = 2
				}
			}
			for range times {
				if err := r.measure(name, now, was, flows, *blocks); err != nil {
					return fmt.Errorf("%s: %w", name, err)
				}
			}
		}
	}
	return nil
}

func (r row) measure(name string, now, was Commit, flows, blocks int) error {
	ours, theirs, before := r.sides(now, was, flows)
	times, err := turns([]side{ours, theirs}, flows, blocks, before)
	if err != nil {
		return err
	}
	x := ratioOf(times[0], times[1])
	bar, verdict := "", ""
	if b := r.bars[flows]; b > 0 {
		bar = fmt.Sprintf("%.2f", b)
		if x.median > b {
			verdict = "  MISSED"
		}
	}
	fmt.Printf("%-44s %6s %6.3f  [%.3f, %.3f]  %5.1f ns %5.1f ns%s\n", name, bar, x.median, x.low, x.high,
		median(times[0]), median(times[1]), verdict)
	return nil
}
