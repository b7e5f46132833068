package selector_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

type wrapsType struct {
	selector.Modulo

	name string
}

type wrapsInterface struct {
	selector.Strategy

	name string
}

type forwardsOrder struct{ wrapsInterface }

func (f forwardsOrder) Ordered() bool { return f.Strategy.(selector.Ordered).Ordered() }

type forwardsMinimal struct{ wrapsInterface }

func (f forwardsMinimal) Minimal() bool { return f.Strategy.(selector.Minimal).Minimal() }

// TestWrappedStrategies is what the comment of Strategy says of them.
func TestWrappedStrategies(t *testing.T) {
	keeps := selector.Modulo{KeepOrder: true}
	for s, first := range map[selector.Strategy]string{
		keeps:                         "b",
		wrapsType{keeps, "mine"}:      "b",
		wrapsInterface{keeps, "mine"}: "a",
		forwardsOrder{wrapsInterface{keeps, "mine"}}: "b",
	} {
		v := mustUpdate(t, newGroup(t, nil, selector.GroupConfig{Strategy: s}), selector.Equal("b", "a")...)
		assert.Equal(t, first, v.Member(v.Select(0)).ID, "%T", s)
	}
	wrapped := wrapsInterface{selector.Rendezvous{}, "mine"}
	_, err := newGroup(t, nil, selector.GroupConfig{Strategy: wrapped}).Announce(selector.Equal("a")...)
	require.ErrorIs(t, err, selector.ErrNotMinimal)
	_, err = newGroup(t, nil, selector.GroupConfig{Strategy: forwardsMinimal{wrapped}}).Announce(selector.Equal("a")...)
	require.NoError(t, err)
}
