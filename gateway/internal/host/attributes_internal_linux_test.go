package host

import (
	"testing"

	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An attribute is read behind the header, and one of another length is an error.
func TestAttributes(t *testing.T) {
	ae := netlink.NewAttributeEncoder()
	ae.Uint16(attrIndex, 7)
	encoded, err := ae.Encode()
	require.NoError(t, err)
	m := netlink.Message{Data: append(make([]byte, genericHeader), encoded...)}
	var got uint16
	require.NoError(t, attributesOf(m, genericHeader, func(ad *netlink.AttributeDecoder) { got = ad.Uint16() }))
	assert.EqualValues(t, 7, got)
	require.Error(t, attributesOf(m, genericHeader, func(ad *netlink.AttributeDecoder) { ad.Uint32() }))
	m.Data = m.Data[:genericHeader+5] // of 6
	require.Error(t, attributesOf(m, genericHeader, func(*netlink.AttributeDecoder) {}))
	require.NoError(t, attributesOf(netlink.Message{}, genericHeader, func(*netlink.AttributeDecoder) { t.Fail() }))
}
