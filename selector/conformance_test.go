package selector_test

import (
	"testing"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector/selectortest"
)

func TestConformance(t *testing.T) {
	for _, row := range catalog.All() {
		claims := row.Claims
		if racecheck.On {
			claims = claims[:1] // the others run the same code
		}
		for _, c := range claims {
			t.Run(settingName(c.Strategy), func(t *testing.T) {
				selectortest.Test(t, c.Strategy, selectortest.Options{
					Members:    c.Members,
					Samples:    30_000, // less than the default: there are many strategies
					Imbalance:  c.Imbalance,
					Disruption: c.Disruption,
					AtEnd:      c.AtEnd,
					EqualOnly:  row.EqualOnly,
				})
			})
		}
	}
}
