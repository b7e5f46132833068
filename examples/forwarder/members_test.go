package main

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/selector"
)

func TestParseMembers(t *testing.T) {
	got, err := parseMembers("pod1=10.0.0.1, pod2=10.0.0.2:3,six=2001:db8::6,b.c_d-e=[2001:db8::7]," +
		"f=[2001:db8::8]:0,g=::ffff:10.0.0.9")
	require.NoError(t, err)
	want := []member{
		{selector.Member{ID: "pod1", Weight: 1}, netip.MustParseAddr("10.0.0.1")},
		{selector.Member{ID: "pod2", Weight: 3}, netip.MustParseAddr("10.0.0.2")},
		{selector.Member{ID: "six", Weight: 1}, netip.MustParseAddr("2001:db8::6")},
		{selector.Member{ID: "b.c_d-e", Weight: 1}, netip.MustParseAddr("2001:db8::7")},
		{selector.Member{ID: "f"}, netip.MustParseAddr("2001:db8::8")},
		{selector.Member{ID: "g", Weight: 1}, netip.MustParseAddr("10.0.0.9")},
	}
	assert.Equal(t, want, got)
	assert.Equal(t, engine.MAC{2, 0, 10, 0, 0, 1}, macOf(got[0].addr))
	assert.Equal(t, engine.MAC{6, 0, 0, 0, 0, 6}, macOf(got[2].addr))
	for _, m := range got {
		mac := macOf(m.addr)
		assert.Equal(t, byte(2), mac[0]&3, "locally administered, and of one host")
	}
	_, err = parseMembers("a=10.0.0.1:0")
	require.NoError(t, err, "a group may be drained as a whole")
}

func TestParseMembersNamesTheCulprit(t *testing.T) {
	for text, want := range map[string]error{
		"":                           ErrMemberSyntax,
		"a":                          ErrMemberSyntax,
		"a=[::1]x":                   ErrMemberSyntax,
		"=10.0.0.1":                  ErrMemberID,
		"../a=10.0.0.1":              ErrMemberID,
		".a=10.0.0.1":                ErrMemberID,
		"a b=10.0.0.1":               ErrMemberID,
		"a=":                         ErrMemberAddress,
		"a=10.0.0":                   ErrMemberAddress,
		"a=10.0.0.1.2":               ErrMemberAddress,
		"a=host:1":                   ErrMemberAddress,
		"a=[::1":                     ErrMemberAddress,
		"a=fe80::1%eth0":             ErrMemberAddress,
		"a=10.0.0.1:":                ErrMemberWeight,
		"a=10.0.0.1:-1":              ErrMemberWeight,
		"a=10.0.0.1:4294967296":      ErrMemberWeight,
		"a=[::1]:":                   ErrMemberWeight,
		"a=10.9.9.9":                 ErrMemberTwice,
		"a=2001:db8::ff:0:0909:0909": nil,
	} {
		_, err := parseMembers("first=10.9.9.9," + text)
		if want == nil {
			require.NoError(t, err, text)
			continue
		}
		var e *MemberError
		require.ErrorAs(t, err, &e, text)
		require.ErrorIs(t, err, want, text)
		assert.Equal(t, text, e.Member)
	}
	_, err := parseMembers("a=10.0.0.1,a=10.0.0.2")
	require.ErrorIs(t, err, selector.ErrDuplicate)
}
