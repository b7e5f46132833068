package selector_test

import (
	"math/rand/v2"
	"testing"

	"github.com/ecmp-go/ecmp/internal/golden/place"
	"github.com/ecmp-go/ecmp/selector"
)

func TestMementoEqualsModel(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 6))
	for range 30 {
		equalsHistory(t, r, selector.Memento{}, place.NewMemento(), 1+r.IntN(30), 60)
	}
}
