package fib

import (
	"net/netip"
	"testing"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// A throw route of the longest prefix leads to the next rule, also where the
// same table has a shorter prefix.
func TestThrow(t *testing.T) {
	const toTable = 1
	rule := func(table uint8) rtnetlink.RuleMessage {
		return rtnetlink.RuleMessage{Action: toTable, Table: table, Attributes: &rtnetlink.RuleAttributes{}}
	}
	route := func(prefix string, typ uint8, metric uint32) Route {
		return Route{Prefix: netip.MustParsePrefix(prefix), Type: typ, Metric: metric}
	}
	tables := Tables6{
		rules: []rtnetlink.RuleMessage{rule(7), rule(8)},
		routes: map[uint32][]Route{
			7: {route("2001:db8::/32", unix.RTN_UNICAST, 1), route("2001:db8:1::/48", unix.RTN_THROW, 2)},
			8: {route("::/0", unix.RTN_UNICAST, 3)},
		},
	}
	for to, metric := range map[string]uint32{"2001:db8:1::1": 3, "2001:db8:2::1": 1, "2001::1": 3} {
		r, err := tables.Match(Query{Dst: netip.MustParseAddr(to)})
		require.NoError(t, err)
		assert.Equal(t, metric, r.Metric, to)
	}
}

// The kernel reports "fwmark 0/0xff" as a mask alone.
func TestMarked(t *testing.T) {
	for _, c := range []struct {
		rule     rtnetlink.RuleAttributes
		mark     uint32
		expected bool
	}{
		{rtnetlink.RuleAttributes{}, 5, true},
		{rtnetlink.RuleAttributes{FwMask: new(uint32(0xff))}, 5, false},
		{rtnetlink.RuleAttributes{FwMask: new(uint32(0xff))}, 0x500, true},
		{rtnetlink.RuleAttributes{FwMark: new(uint32(5))}, 5, true},
		{rtnetlink.RuleAttributes{FwMark: new(uint32(5))}, 0x105, false},
		{rtnetlink.RuleAttributes{FwMark: new(uint32(5)), FwMask: new(uint32(0xff))}, 0x105, true},
	} {
		applies, err := appliesTo(rtnetlink.RuleMessage{Action: 1, Attributes: &c.rule}, Query{Mark: c.mark})
		require.NoError(t, err)
		assert.Equal(t, c.expected, applies, "%#x", c.mark)
	}
}
