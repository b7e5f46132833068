package results

import (
	"encoding/json"
	"math"
	"slices"

	"golang.org/x/exp/stats"
	"gonum.org/v1/gonum/stat/distuv"
)

// A Figure is a number that was measured or counted, or the mean of draws of
// it: of sets of members, of seeds, of traces, of blocks.
type Figure struct {
	Value float64 // of times the median of the draws, else their mean
	Draws int     // 0: one number, without an error of sampling

	// Interval is half the width of the 95 % interval of the mean, by Student's
	// distribution. 0: not known.
	Interval    float64
	Least, Most float64 // of the draws
}

// Mean returns the mean of draws.
func Mean(draws []float64) Figure {
	f := Figure{Value: stats.Mean(draws), Draws: len(draws), Least: slices.Min(draws), Most: slices.Max(draws)}
	if n := float64(len(draws)); n > 1 {
		squares := 0.
		for _, x := range draws {
			squares += (x - f.Value) * (x - f.Value)
		}
		t := distuv.StudentsT{Sigma: 1, Nu: n - 1}.Quantile(.975)
		f.Interval = t * math.Sqrt(squares/(n-1)/n)
	}
	return f
}

// Exact returns figures of single numbers.
func Exact(numbers map[string]float64) map[string]Figure {
	figures := make(map[string]Figure, len(numbers))
	for unit, v := range numbers {
		figures[unit] = Figure{Value: v}
	}
	return figures
}

type drawn struct {
	Value    float64 `json:"value"`
	Draws    int     `json:"draws"`
	Interval float64 `json:"interval,omitempty"`
	Least    float64 `json:"least"`
	Most     float64 `json:"most,omitempty"`
}

// MarshalJSON implements [json.Marshaler]: one number stays one.
func (f Figure) MarshalJSON() ([]byte, error) {
	if f.Draws == 0 {
		return json.Marshal(f.Value)
	}
	return json.Marshal(drawn(f))
}

// UnmarshalJSON implements [json.Unmarshaler].
func (f *Figure) UnmarshalJSON(data []byte) error {
	var d drawn
	if len(data) > 0 && data[0] == '{' {
		err := json.Unmarshal(data, &d)
		*f = Figure(d)
		return err
	}
	*f = Figure{}
	return json.Unmarshal(data, &f.Value)
}
