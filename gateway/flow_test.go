package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

const (
	answered = `{"protocol":"tcp","source":"10.0.0.1:1","destination":"172.16.0.20:80","service":"web",
		"verdict":"detoured","why":"its member pod1 is down","placed":"pod2",
		"member":{"id":"pod2","dev":"lp2","addr":"10.9.2.2","state":"up"},
		"pin":{"member":{"id":"pod1","state":"down","reason":"lp1 has no carrier"},"state":"established TCP",
		"ageSeconds":12,"timeoutSeconds":350}}`
	counted = `{"service":"web","member":"pod1","state":"drained","flows":3,"emptyIfSilentSeconds":340,
		"states":[{"state":"established TCP","timeoutSeconds":350,"flows":3}],
		"ages":[{"withinSeconds":1,"flows":0},{"withinSeconds":10,"flows":2},{"flows":1}],
		"drain":{"since":"2026-11-27T12:00:00Z","by":"uid 0","began":12,"halfSeconds":30,"emptySeconds":78}}`
)

// A running gateway is asked by its socket, or as its configuration says, with
// the token of that.
func TestFlowCommands(t *testing.T) {
	dir := t.TempDir()
	socket, file := filepath.Join(dir, "control"), filepath.Join(dir, "f.json")
	l, err := net.Listen("unix", socket)
	require.NoError(t, err)
	const token = "a token of some length"
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Header.Get("Authorization") != "Bearer "+token && r.URL.Path == "/services/web/members/pod1/flows":
			http.Error(w, "the token is missing or wrong", http.StatusUnauthorized)
		case r.URL.Path == "/services/web/members/pod1/flows":
			_, _ = w.Write([]byte(counted))
		case r.Method == http.MethodPost && r.URL.String() == "/services/web/members/pod1/drain?deadline=10m0s&udp=30s":
			w.WriteHeader(http.StatusNoContent)
		case r.URL.String() == "/flow?dst=172.16.0.20%3A80&proto=tcp&src=10.0.0.1%3A1":
			_, _ = w.Write([]byte(answered))
		default:
			http.Error(w, "what is "+r.URL.String(), http.StatusNotFound)
		}
	})}
	go func() { _ = server.Serve(l) }()
	defer server.Close() //nolint:errcheck // the test is over
	require.NoError(t, os.WriteFile(file, fmt.Appendf(nil, `{"in": "eth0", "vip": "2001:db8::1", "control": "unix:%s",
		"token": %q, "members": []}`, socket, token), 0o600))
	for _, c := range []struct {
		args       []string
		code       int
		out, error string
	}{
		{[]string{"flow", "-control", "unix:" + socket, "10.0.0.1:1", "172.16.0.20:80"}, 0,
			`tcp 10.0.0.1:1 -> 172.16.0.20:80
service  web
member   pod2, 10.9.2.2 on lp2, up
verdict  detoured: its member pod1 is down
pin      to pod1, down (lp1 has no carrier)
         established TCP, last packet about 12s ago, kept for 5m50s of silence
new flow would go to pod2
`, ""},
		{[]string{"flow", "10.0.0.1:1", "172.16.0.20:80", "-control=unix:" + socket, "-json"}, 0,
			`"reason": "lp1 has no carrier"`, ""},
		{[]string{"flows", "-config", file, "-service", "web", "pod1"}, 0, `pod1 of service web, drained: flows 3
         3  established TCP, kept for 5m50s of silence
         2  had a packet within 10s
         1  had a packet longer ago
none is left in 5m40s, if none sends any more
drained since 2026-11-27 12:00:00 by uid 0, with 12 flows then
at this pace half of them are gone in 30s, and all in some 1m18s
`, ""},
		{[]string{"flows", "-control", "unix:" + socket, "-service", "web", "pod1"}, commandline.Failed, "",
			"gateway flows: the gateway at unix:" + socket + ": the token is missing or wrong (401)\n"},
		{[]string{"flow", "-control", "unix:" + socket + "2", "10.0.0.1:1", "172.16.0.20:80"}, commandline.Failed, "",
			"gateway flow: no gateway answers at unix:" + socket + "2: "},
		{[]string{"drain", "-config", file, "-service", "web", "-deadline", "10m", "-udp", "30s", "pod1"}, 0,
			"pod1 of service web gets no new flow\n", ""},
		{[]string{"drain", "-config", file, "-service", "web", "-deadline", "10m", "-udp", "30s", "-json", "pod1"}, 0,
			`"deadline": "10m0s"`, ""},
		{[]string{"drain", "-config", file, "-service", "dns", "pod1"}, commandline.Failed, "",
			"what is /services/dns/members/pod1/drain (404)"},
		{[]string{"drain", "-deadline", "soon", "pod1"}, commandline.Usage, "",
			`a time such as 10m is needed, not "soon"`},
		{[]string{"drain"}, commandline.Usage, "", "gateway drain: MEMBER is missing\n"},
		{[]string{"flow", "10.0.0.1:1"}, commandline.Usage, "", "gateway flow: DST is missing\n"},
		{[]string{"flow", "10.0.0.1:1", "172.16.0.20"}, commandline.Usage, "",
			"gateway flow: the destination 172.16.0.20 has no port, which tcp needs: ADDRESS:PORT\n"},
		{[]string{"flow", "a", "b", "c"}, commandline.Usage, "", `unexpected argument "c"`},
		{[]string{"flows"}, commandline.Usage, "", "gateway flows: MEMBER is missing\n"},
		{[]string{"help", "flow"}, 0, "usage: gateway flow [flags] SRC DST", ""},
	} {
		code, stdout, stderr := call(c.args...)
		assert.Equal(t, c.code, code, c.args)
		assert.Contains(t, stdout, c.out, c.args)
		assert.Contains(t, stderr, c.error, c.args)
		assert.Equal(t, c.error == "", stderr == "", "%v: %s", c.args, stderr)
	}
}
