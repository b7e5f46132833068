package selector_test

import (
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/selector"
)

// TestParseStrategy: every row of the catalog has its name for a text, and each
// of its settings comes back from what String says.
func TestParseStrategy(t *testing.T) {
	for _, row := range catalog.All() {
		assert.Equal(t, row.Name, fmt.Sprint(row.Strategy))
		for _, s := range row.Settings() {
			checkText(t, s)
		}
		for _, c := range row.Claims {
			checkText(t, c.Strategy)
		}
	}
	for text, want := range map[string]selector.Strategy{
		"bounded:slots=4096,slack=0.02": selector.Bounded{Slots: 4096, Slack: 20},
		"bounded:seed=18446744073709551615,slack=unlimited": selector.Bounded{
			Slack: selector.UnlimitedSlack, Seed: math.MaxUint64,
		},
		"bounded:slack=0":      selector.Bounded{Slack: selector.NoSlack},
		"bounded:slack=0.000":  selector.Bounded{Slack: selector.NoSlack},
		"bounded:slack=0.1":    selector.Bounded{Slack: 100},
		"bounded:slack=2.50":   selector.Bounded{Slack: 2500},
		"bounded:slots=0":      selector.Bounded{},
		"modulo:keep-order":    selector.Modulo{KeepOrder: true},
		"threshold:keep-order": selector.Threshold{KeepOrder: true},
		"ring:points=20":       selector.Ring{Points: 20},
		"anchor:capacity=500":  selector.Anchor{Capacity: 500},
		"multiprobe:probes=5":  selector.MultiProbe{Probes: 5},
		"resilient:buckets=9":  selector.Resilient{Buckets: 9},
		"maglev:size=655373":   selector.Maglev{Size: 655373},
	} {
		s, err := selector.ParseStrategy(text)
		require.NoError(t, err, text)
		assert.Equal(t, want, s, text)
	}
}

func checkText(t *testing.T, s selector.Strategy) {
	t.Helper()
	text := fmt.Sprint(s)
	again, err := selector.ParseStrategy(text)
	require.NoError(t, err, text)
	assert.Equal(t, s, again, text)
}

func TestParseStrategyErrors(t *testing.T) {
	for text, want := range map[string]string{
		"":                            `selector: strategy "" is none of modulo, threshold, `,
		"Bounded":                     `selector: strategy "Bounded" is none of modulo, threshold, `,
		"bounded:":                    `selector: strategy "bounded:": "" is no parameter of bounded`,
		"bounded:slots":               `"slots" is no number of 32 bits`,
		"bounded:slots=":              `"slots=" is no number of 32 bits`,
		"bounded:slots=-1":            `"slots=-1" is no number of 32 bits`,
		"bounded:slots=4294967296":    `"slots=4294967296" is no number of 32 bits`,
		"bounded:seed=0x1":            `"seed=0x1" is no number of 64 bits`,
		"bounded:seed=1,seed=1":       `"seed=1" is there twice`,
		"bounded:size=1":              `"size=1" is no parameter of bounded`,
		"bounded:slots=64,":           `"" is no parameter of bounded`,
		"bounded:slack=0.0205":        `"slack=0.0205" is no share in thousandths`,
		"bounded:slack=.1":            `"slack=.1" is no share in thousandths`,
		"bounded:slack=1.":            `"slack=1." is no share in thousandths`,
		"bounded:slack=-1":            `"slack=-1" is no share in thousandths`,
		"bounded:slack=4294967.294":   `"slack=4294967.294" is no share in thousandths`,
		"bounded:slack=1e-3":          `"slack=1e-3" is no share in thousandths`,
		"bounded:slack=0.+1":          `"slack=0.+1" is no share in thousandths`,
		"modulo:keep-order=true":      `"keep-order=true" takes no value`,
		"modulo:keep-order,keeporder": `"keeporder" is no parameter of modulo`,
		"jump:seed=1":                 `"seed=1" is no parameter of jump`,
	} {
		_, err := selector.ParseStrategy(text)
		e, ok := errors.AsType[*selector.StrategyError](err)
		require.True(t, ok, text)
		require.ErrorContains(t, err, want)
		assert.Equal(t, text, e.Text)
		assert.Contains(t, text, e.Part)
	}
}

// FuzzParseStrategy: what is understood comes back from its String, which is
// the shortest text of the value.
func FuzzParseStrategy(f *testing.F) {
	for _, row := range catalog.All() {
		for _, s := range row.Settings() {
			f.Add(fmt.Sprint(s))
		}
	}
	f.Add("bounded:slack=0.020,slots=007")
	f.Add("bounded:slack=4294967.293")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := selector.ParseStrategy(text)
		if err != nil {
			_, ok := errors.AsType[*selector.StrategyError](err)
			require.True(t, ok)
			return
		}
		checkText(t, s)
		require.LessOrEqual(t, len(fmt.Sprint(s)), len(text))
	})
}
