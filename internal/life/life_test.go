package life_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/life"
)

// TestEveryStateAndEvent has the whole table once more, a line a state.
func TestEveryStateAndEvent(t *testing.T) {
	// Columns: early, late, opens, answers, goes on, odd, ends. K keeps, R
	// refreshes, E establishes, C closes, N renews.
	for s, want := range map[life.State]string{
		life.Probation:      "KEKKEKC",
		life.Adopted:        "KEKKEKC",
		life.Closing:        "RRNNRRR",
		life.Other:          "RRKKRRC",
		life.TCP:            "RRKKRRC",
		life.FirstClass:     "RRKKRRC",
		life.FirstClass + 9: "RRKKRRC",
	} {
		got, drained := "", ""
		for e := range life.Events {
			got += string(rune(life.Next(s, e, true)))
			drained += string(rune(life.Next(s, e, false)))
		}
		assert.Equal(t, want, got, s)
		assert.Equal(t, want[:2]+"N"+want[3:], drained, s)
	}
}

func TestEventsOfFlags(t *testing.T) {
	const syn, ack, fin, rst, psh = hash.SYN, hash.ACK, hash.FIN, hash.RST, hash.PSH
	for flags, want := range map[hash.TCPFlags]life.Event{
		0: life.Early, syn: life.Opens, syn | ack: life.Answers, ack: life.GoesOn, ack | psh: life.GoesOn,
		psh: life.Odd, fin: life.Ends, fin | ack: life.Ends, rst: life.Ends, syn | fin: life.Ends, syn | rst: life.Ends,
	} {
		assert.Equal(t, want, life.EventOf(flags, false), flags)
		if flags != 0 {
			assert.Equal(t, want, life.EventOf(flags, true), flags)
		}
	}
	assert.Equal(t, life.Late, life.EventOf(0, true))
}

func TestOnlyConnectionsThatGoOnAreAdopted(t *testing.T) {
	for e := range life.Events {
		assert.Equal(t, e == life.GoesOn, life.First(e) == life.Adopted)
	}
}
