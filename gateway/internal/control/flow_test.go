package control_test

import (
	"encoding/json"
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// A flow is asked for over HTTP; a question that is none is refused with the
// reason.
func TestFlow(t *testing.T) {
	f := serve(t, config.Control{Network: "unix"})
	vip := netip.MustParseAddr("172.16.0.20")
	went := f.plane.Receive(vip, 1, 1)[0]
	code, text := f.do(t, "GET", "/flow?src=10.0.0.1:1000&dst=172.16.0.20:80", "")
	require.Equal(t, http.StatusOK, code, text)
	var a services.Answer
	require.NoError(t, json.Unmarshal([]byte(text), &a))
	assert.Equal(t, "pinned", a.Verdict)
	assert.Equal(t, went, a.Member.ID)
	assert.Equal(t, "default", a.Service)
	for query, want := range map[string]string{
		"": `source ""`, "src=10.0.0.1:1000": `destination ""`, "src=10.0.0.1&dst=172.16.0.20:80": "has no port",
		"src=10.0.0.1:1&dst=172.16.0.20:80&proto=tpc": `protocol "tpc"`, "source=10.0.0.1:1": "no parameter source",
		"src=10.0.0.1:1&dst=172.16.0.20:80&proto=icmp": "which icmp has not",
	} {
		code, text := f.do(t, "GET", "/flow?"+query, "")
		assert.Equal(t, http.StatusBadRequest, code, query)
		assert.Contains(t, text, want, query)
	}
}

func TestMemberFlows(t *testing.T) {
	f := serve(t, config.Control{Network: "unix"})
	had := 0
	for _, id := range f.plane.Receive(netip.MustParseAddr("172.16.0.20"), 0, 100) {
		if id == "pod2" {
			had++
		}
	}
	for _, path := range []string{"/members/pod2/flows", "/services/default/members/pod2/flows"} {
		code, text := f.do(t, "GET", path, "")
		require.Equal(t, http.StatusOK, code, text)
		var m services.MemberFlows
		require.NoError(t, json.Unmarshal([]byte(text), &m))
		assert.Equal(t, had, m.Flows)
	}
	code, _ := f.do(t, "GET", "/services/dns/members/pod2/flows", "")
	assert.Equal(t, http.StatusNotFound, code)
}
