package results

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// RepeatsDir is the folder, in the directory of a run, of other runs that
// measured the same times at other hours.
const RepeatsDir = "repeats"

// AddRepeat writes the times of a run beside those of the run in a directory.
// The blocks of one run follow each other, and take turns in one state of the
// machine: only other runs show how far a ratio holds.
func AddRepeat(dir string, r *Run) error {
	timed := Run{Quick: r.Quick, Seeds: r.Seeds, Origins: r.Origins}
	for _, c := range r.Cases {
		if len(c.NsPerOp) > 0 {
			timed.Cases = append(timed.Cases, Case{Name: c.Name, Origin: c.Origin, NsPerOp: c.NsPerOp})
		}
	}
	if len(timed.Cases) == 0 {
		return fmt.Errorf("results: no times in a run of %s", r.Main().Date)
	}
	folder := filepath.Join(dir, RepeatsDir)
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	text, err := timed.json()
	if err != nil {
		return err
	}
	return replace(filepath.Join(folder, strings.ReplaceAll(r.Main().Date, ":", "")+".json"), text)
}

// loadRepeats reads the repeats in a directory, in the order of their dates.
func loadRepeats(dir string) (list []*Run, err error) {
	files, err := filepath.Glob(filepath.Join(dir, RepeatsDir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		r := new(Run)
		if err := json.Unmarshal(data, r); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		list = append(list, r)
	}
	return list, nil
}

// Mean returns the geometric mean of the ratio in this run and its repeats.
func (x Ratio) Mean() float64 { return math.Exp(stat.Mean(x.logs(), nil)) }

// logs returns the logarithms of the ratio in each run.
func (x Ratio) logs() []float64 {
	logs := []float64{math.Log(x.Value())}
	for _, v := range x.Again {
		logs = append(logs, math.Log(v))
	}
	return logs
}

// again returns what the ratio of two cases is in each repeat that has both.
func (r *Run) again(ours, theirs string) (values []float64) {
	for _, other := range r.Repeats {
		if a, b, err := other.Both(ours, theirs); err == nil {
			values = append(values, b.Median()/a.Median())
		}
	}
	return values
}

// Spread returns the standard deviation of the logarithm of a ratio from run to
// run, pooled over all ratios of a suite that were measured again. It is zero
// where none was.
func (r *Run) Spread(suite string) float64 {
	if spread, ok := r.spreads[suite]; ok {
		return spread
	}
	var squares []float64
	degrees := 0
	for _, x := range r.Ratios() {
		if Suite(x.Ours) != suite || len(x.Again) == 0 || atMost(x.Theirs) {
			continue
		}
		logs := x.logs()
		mean := stat.Mean(logs, nil)
		for _, l := range logs {
			squares = append(squares, (l-mean)*(l-mean))
		}
		degrees += len(x.Again)
	}
	slices.Sort(squares) // a sum that is the same in every order of ratios
	sum := 0.
	for _, s := range squares {
		sum += s
	}
	if r.spreads == nil {
		r.spreads = map[string]float64{}
	}
	r.spreads[suite] = math.Sqrt(sum / float64(max(1, degrees)))
	return r.spreads[suite]
}

// atMost reports whether a case is what the machine can do at most, which is no
// library.
func atMost(name string) bool {
	return slices.Contains([]string{"chase", "memory"}, Value(name, "impl"))
}

// Margin returns the factor by which the mean of so many runs of a ratio has to
// differ from 1, lest a further run find it on the other side: that of the 99 %
// prediction interval. It is 1 for a suite without repeats. One in twenty, as
// for means of draws, would be reversed too often among hundreds of ratios.
func (r *Run) Margin(suite string, runs int) float64 {
	return math.Exp(2.576 * r.Spread(suite) * math.Sqrt(1+1/float64(runs)))
}

// Told reports whether one side of a ratio is faster: by more than Margin, and
// where a suite has no repeats, by more than the intervals of both sides.
func (r *Run) Told(x Ratio) bool {
	suite, logs := Suite(x.Ours), x.logs()
	if r.Spread(suite) > 0 {
		return math.Abs(stat.Mean(logs, nil)) > math.Log(r.Margin(suite, len(logs)))
	}
	ours, theirs, err := r.Both(x.Ours, x.Theirs)
	if err != nil {
		return false // nobody measured both in one run
	}
	a, _ := ours.Timed()
	b, _ := theirs.Timed()
	return Apart(a, b)
}
