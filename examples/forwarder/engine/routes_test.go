package engine

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// What a worker remembers of destinations is what the routes say, for addresses
// of both versions that have words in common, for more of them than there is
// room for, and after the routes changed.
func TestLookupAgreesWithRoutes(t *testing.T) {
	groups := make([]*Group, 5)
	for i := range groups {
		groups[i] = newGroup(t, nil, selector.GroupConfig{Strategy: selector.Modulo{}}, "a")
	}
	some, others := new(Routes), new(Routes)
	some.Insert(prefix("0.0.0.0/1"), groups[0])
	some.Insert(prefix("0.0.0.64/26"), groups[1])
	some.Insert(prefix("::/96"), groups[2])
	some.Insert(prefix("::0.0.0.64/122"), groups[3])
	some.Insert(prefix("2200::/8"), groups[0])
	some.Insert(prefix("::/32"), groups[4])
	others.Insert(prefix("0.0.0.0/0"), groups[4])
	w := NewWorker(Config{Routes: some})

	// long enough to be plain
	data := gopacket.Payload(make([]byte, 40))
	v4 := frameOf(t, false, client, vip, layers.IPProtocolUDP, &layers.UDP{}, data)
	v6 := frameOf(t, true, client, vip, layers.IPProtocolUDP, &layers.UDP{}, data)
	clear(v6[14+24 : 14+ipv6Size])
	rnd := rand.New(rand.NewPCG(5, 6))
	found := map[*Group]int{}
	for i := range 100_000 {
		if i%10_000 == 0 {
			w.SetRoutes([]*Routes{some, others}[rnd.IntN(2)])
		}
		frame := [][]byte{v4, v6}[rnd.IntN(2)]
		// the end of the destination
		few := rnd.Uint32N([]uint32{256, 1 << 14}[i/100%2])
		binary.BigEndian.PutUint32(frame[len(frame)-len(data)-8-4:], few|rnd.Uint32N(2)<<31)
		// both often have the same place, and at times the same words
		v6[14+24] = 0x22 * byte(rnd.IntN(2))
		clear(v6[14+32 : 14+36])
		if rnd.IntN(4) == 0 {
			copy(v6[14+32:], v6[14+36:14+40])
			clear(v6[14+36 : 14+40])
		}
		var h hash.Headers
		require.NoError(t, hash.Parse(frame, &h))
		want, _ := w.routes.Lookup(h.Outer.Dst().Addr())
		w.reader.Read(w.flows[:1], [][]byte{frame})
		require.Zero(t, w.flows[0].Kind&hash.Special)
		if others := w.lookup([][]byte{frame}); others != 0 {
			w.lookupOthers(make([]Decision, 1), [][]byte{frame}, others, 0)
		}
		var got *Group
		if w.refs > 0 {
			got = w.groups[w.packets[0].Ref]
		}
		require.Same(t, want, got)
		found[want]++
	}
	assert.Len(t, found, 6) // none is one of them
}
