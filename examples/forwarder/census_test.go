package main

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/hash"
)

// A census told what a play would tell it.
func TestCensus(t *testing.T) {
	packets := packetsOf(t, vipPcap)
	c := &census{flows: make(map[hash.FlowKey]*flowState)}
	var syn, later int // of one flow, towards the service
	for i, p := range packets {
		var h hash.Headers
		if hash.Parse(p.Frame, &h) == nil && h.TCPFlags == hash.SYN {
			syn = i
			break
		}
	}
	var want, h hash.Headers
	require.NoError(t, hash.Parse(packets[syn].Frame, &want))
	for i, p := range packets[syn+1:] {
		if hash.Parse(p.Frame, &h) == nil && h.Outer == want.Outer {
			later = syn + 1 + i
			break
		}
	}
	at := func(packet int, member string) {
		require.NoError(t, c.add(packets[packet], engine.Decision{Hop: &engine.Adjacency{ID: member}}))
	}
	at(syn, "a")
	c.change()
	at(later, "a") // established, and stays
	at(later, "b") // breaks, but not by the change
	c.change()
	at(later, "a") // moves, and breaks
	at(later, "a") // is known there by now
	c.change()
	c.change()
	// was not there between the changes: breaks, but is no established flow
	// that moved
	at(later, "b")
	c.change()
	at(syn, "a") // moves, and begins anew
	require.NoError(t, c.add(packets[later], engine.Decision{Drop: engine.NoMember}))
	none := map[string]int{}
	assert.Equal(t, []phase{
		{flows: 1, moved: 0, broken: 1, opened: none},
		{flows: 1, moved: 1, broken: 1, opened: none},
		{opened: none},
		{broken: 1, opened: none},
		{flows: 1, moved: 1, broken: 0, opened: none},
	}, c.phases)
	assert.Len(t, c.flows, 1)
}
