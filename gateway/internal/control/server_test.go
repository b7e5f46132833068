package control_test

import (
	"bufio"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/control"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/host"
	"github.com/ecmp-go/ecmp/gateway/internal/links"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/selector"
)

const configuration = `{"in": "lc", "control": "127.0.0.1:0", "vip": "172.16.0.20", "members": [
	{"id": "pod1", "dev": "lp1", "addr": "10.9.1.2", "mac": "02:00:00:01:01:02"},
	{"id": "pod2", "dev": "lp2", "addr": "10.9.2.2", "mac": "02:00:00:01:02:02", "weight": 4},
	{"id": "pod3", "dev": "lp3", "addr": "10.9.3.2", "mac": "02:00:00:01:03:02"}],
	"services": [{"name": "dns", "vip": "172.16.0.53", "members": []}]}`

type fixture struct {
	*httptest.Server
	control.Config
	plane *fakeplane.Plane
}

// serve serves a gateway that runs, with the services of the configuration.
func serve(t *testing.T, at config.Control) *fixture {
	t.Helper()
	return serveLogged(t, at, slog.New(slog.DiscardHandler))
}

func kinds() []plane.Kind { return []plane.Kind{{Name: "afpacket"}} }

func serveLogged(t *testing.T, at config.Control, log *slog.Logger) *fixture {
	t.Helper()
	return serveSpeaking(t, at, log, nil)
}

// serveSpeaking serves a gateway that speaks to routers, if there is a speaker.
func serveSpeaking(t *testing.T, at config.Control, log *slog.Logger, speaker *bgp.Speaker) *fixture {
	t.Helper()
	c, err := config.Parse("", []byte(configuration), kinds())
	require.NoError(t, err)
	domain := selector.NewDomain()
	p, err := fakeplane.New(domain)
	require.NoError(t, err)
	f := &fixture{plane: p, Config: control.Config{
		Services: services.New(p, domain, c.In, slog.New(slog.DiscardHandler)), Control: at,
		Reloads: new(control.Reloads), Snapshots: new(control.Snapshots), Log: log,
		Findings: new(host.Findings), BGP: speaker, Process: control.Process{
			Plane: "afpacket", Workers: 2, Mode: func() string { return "packet sockets" },
			Started: time.Now().Add(-time.Hour - time.Minute),
		},
	}}
	require.NoError(t, f.Services.Replace(c.Services, ""))
	f.Server = httptest.NewServer(control.NewServer(f.Config).Handler)
	t.Cleanup(f.Close)
	return f
}

func (f *fixture) do(t *testing.T, method, path, body string, header ...string) (code int, answer string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, f.URL+path, strings.NewReader(body))
	require.NoError(t, err)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Host" {
			r.Host = header[i+1]
		}
	}
	resp, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	defer resp.Body.Close() //nolint:errcheck // read to its end
	data, err := io.ReadAll(bufio.NewReader(resp.Body))
	require.NoError(t, err)
	return resp.StatusCode, string(data)
}

// The requests follow one another. After a 2xx, what is in force is as said.
func TestMembers(t *testing.T) {
	f := serve(t, config.Control{Network: "tcp", Address: "127.0.0.1:0"})
	const pod4 = `{"id": "pod4", "dev": "lp4", "addr": "10.9.4.2", "mac": "02:00:00:01:04:02", "weight": 2}`
	for _, c := range []struct {
		method, path, body string
		code               int
		answer             string            // is in it
		weights            map[string]uint32 // in force afterwards; nil: as before
	}{
		{"GET", "/members/pod2", "", 200,
			`{"id":"pod2","dev":"lp2","addr":"10.9.2.2","mac":"02:00:00:01:02:02","weight":4}`, nil},
		{"POST", "/members/pod2/drain?deadline=10m&udp=0s", "", 204, "",
			map[string]uint32{"pod1": 1, "pod2": 0, "pod3": 1}},
		{"POST", "/members/pod2/drain", "", 204, "", map[string]uint32{"pod1": 1, "pod2": 0, "pod3": 1}},
		{"PUT", "/members/pod2", "", 200, `"weight":4}`, map[string]uint32{"pod1": 1, "pod2": 4, "pod3": 1}},
		{"PUT", "/members/pod2", `{"weight": 0}`, 200, `"weight":0}`, map[string]uint32{"pod1": 1, "pod2": 0,
			"pod3": 1}},
		{"PUT", "/members/pod2", `{"weight": 3}`, 200, `"weight":3}`, map[string]uint32{"pod1": 1, "pod2": 3,
			"pod3": 1}},
		{"PUT", "/members/pod4", pod4, 201, `"weight":2}`, map[string]uint32{"pod1": 1, "pod2": 3, "pod3": 1,
			"pod4": 2}},
		{"PUT", "/members/pod4", pod4, 200, `"weight":2}`, map[string]uint32{"pod1": 1, "pod2": 3, "pod3": 1,
			"pod4": 2}},
		{"DELETE", "/members/pod1", "", 204, "", map[string]uint32{"pod2": 3, "pod3": 1, "pod4": 2}},
		{"PUT", "/members", "[" + pod4 + "]", 200, `{"members":[{"id":"pod4"`, map[string]uint32{"pod4": 2}},
		{"PUT", "/members", `{"members": []}`, 200, `{"members":[]}`, map[string]uint32{}},
		{"PUT", "/members", "[" + pod4 + "]", 200, `{"members":[{"id":"pod4"`, map[string]uint32{"pod4": 2}},

		{"GET", "/members/pod9", "", 404, `no such member: "pod9"`, nil},
		{"DELETE", "/members/pod9", "", 404, `no such member: "pod9"`, nil},
		{"POST", "/members/pod2/drain?deadline=soon", "", 400, `deadline: a time from 0s to 8760h0m0s is needed`, nil},
		{"POST", "/members/pod2/drain?udp=-1s", "", 400, `udp: a time from 0s to 8760h0m0s is needed`, nil},
		{"POST", "/members/pod2/drain?tcp=1s", "", 400, "no parameter tcp: they are deadline and udp", nil},
		{"POST", "/members/pod9/drain", "", 404, `no such member: "pod9"`, nil},
		{"PUT", "/members/pod9", "", 400, `line 1: "dev" is missing`, nil},
		{"PUT", "/members/pod%209", pod4, 400, `"pod 9": an ID is made of`, nil},
		{"PUT", "/members/pod5", pod4, 400, `the ID of the body, "pod4", is not that of the path, "pod5"`, nil},
		{"PUT", "/members/pod4", `{"dev": "an-endless-name-of-one"}`, 400, "no interface has a name this long", nil},
		{"PUT", "/members/pod4", `{"addr": "10.9.4"}`, 400, `line 1: "10.9.4" is no address`, nil},
		{"PUT", "/members/pod4", `{"wait": 1}`, 400, `line 1: unknown field "wait"`, nil},
		{"PUT", "/members/pod4", `{"weight": 1`, 400, "line 1: not JSON", nil},
		{"PUT", "/members/pod4", `[]`, 400, "line 1: an object is needed, not a list", nil},
		{"PUT", "/members", "[" + pod4 + ",\n" + pod4 + "]", 400, `line 2: another member is called "pod4"`, nil},
		{"PUT", "/members", "", 400, "line 1: not JSON: unexpected end of JSON input", nil},
		{"PUT", "/members", `{}`, 400, `line 1: "members" is missing`, nil},
		{"PUT", "/members", strings.Repeat(" ", 4<<20) + "[]", 413, "request body too large", nil},
		{"PUT", "/members", "[" + pod4 +
			`,{"id": "pod5", "dev": "lp5", "addr": "10.9.5.2", "mac": "02:00:00:01:05:02", "weight": 4294967294}]`,
			422, `service "default": selector: group "default": weights add up to too much: member 1 "pod5"`, nil},
		{"POST", "/members", "", 405, "Method Not Allowed", nil},
		{"GET", "/members/pod4/drain", "", 405, "Method Not Allowed", nil},
		{"GET", "/services/web/members", "", 404, `no such service: "web"`, nil},
		{"PUT", "/services/web/members/pod4", pod4, 404, `no such service: "web"`, nil},
		{"POST", "/healthz", "", 405, "Method Not Allowed", nil},
		{"PUT", "/", "", 405, "Method Not Allowed", nil},
		{"GET", "/services/web/stats", "", 404, `no such service: "web"`, nil},
		{"GET", "/nothing", "", 404, "404 page not found", nil},
	} {
		before := f.plane.Forwards()
		code, answer := f.do(t, c.method, c.path, c.body)
		name := c.method + " " + c.path + " " + c.body[:min(len(c.body), 100)]
		assert.Equal(t, c.code, code, "%s: %s", name, answer)
		assert.Contains(t, answer, c.answer, name)
		if code >= 400 {
			assert.Equal(t, 1, strings.Count(answer, "\n"), "%s: one line, not %q", name, answer)
		}
		if c.weights != nil {
			assert.Equal(t, c.weights, f.plane.Forwards()[config.Default], name)
		} else {
			assert.Equal(t, before, f.plane.Forwards(), name)
		}
	}
}

// A body is parsed before the change begins, so that a long one keeps nothing
// waiting: one that is wrong is refused while another change goes on.
func TestParsingHoldsNoLock(t *testing.T) {
	f := serve(t, config.Control{Network: "unix"})
	_, _, err := f.Services.Edit(config.Default, "pod1",
		func(present *config.Member, _ uint32) (config.Member, error) {
			code, answer := f.do(t, "PUT", "/members/pod2", "["+strings.Repeat("1,\n", 100_000)+"}")
			assert.Equal(t, 400, code)
			assert.Contains(t, answer, "line 100001: not JSON")
			return *present, nil
		})
	require.NoError(t, err)
}

// What GET gives, PUT takes.
func TestMembersRoundTrip(t *testing.T) {
	f := serve(t, config.Control{Network: "unix"})
	_, members := f.do(t, "GET", "/members", "")
	code, again := f.do(t, "PUT", "/services/dns/members", members)
	assert.Equal(t, 200, code, again)
	assert.Equal(t, members, again)
	assert.Equal(t, f.plane.Forwards()[config.Default], f.plane.Forwards()["dns"])
	code, answer := f.do(t, "PUT", "/members/pod1", `{"dev": "lp9", "mac": "02:00:00:01:01:02"}`)
	assert.Equal(t, 422, code)
	assert.Contains(t, answer, `member "pod1" has another "dev", "mac", "addr" or "tunnel" in another service`)
}

func TestFailureOfTheDataPlane(t *testing.T) {
	f := serve(t, config.Control{Network: "unix"})
	f.plane.FailSync = errors.New("no\nroom")
	code, answer := f.do(t, "DELETE", "/members/pod1", "")
	assert.Equal(t, 500, code)
	assert.Equal(t, 1, strings.Count(answer, "\n"), answer)
	assert.Contains(t, answer, "no; room")
	f.plane.FailSync = nil
	code, _ = f.do(t, "DELETE", "/members/pod1", "")
	assert.Equal(t, 204, code)
}

func TestHealth(t *testing.T) {
	f := serve(t, config.Control{Network: "unix"})
	code, answer := f.do(t, "GET", "/healthz", "")
	assert.Equal(t, 503, code)
	assert.Equal(t, "the data plane is not running\n", answer)
	run(t, f)
	code, answer = f.do(t, "GET", "/healthz", "")
	assert.Equal(t, 200, code)
	assert.Equal(t, "ok\n", answer)
	f.do(t, "PUT", "/members", "[]")
	code, _ = f.do(t, "GET", "/healthz", "")
	assert.Equal(t, 503, code)
}

// A service that is dead shows, although another one is well.
func TestHealthOfServices(t *testing.T) {
	const dead = "no member takes flows\n"
	f := serve(t, config.Control{Network: "tcp", Address: "192.0.2.1:80", Token: "correct horse battery"})
	ask := func(service string, code int, answer string) {
		t.Helper()
		got, text := f.do(t, "GET", "/services/"+service+"/healthz", "")
		assert.Equal(t, code, got, service)
		assert.Equal(t, answer, text, service)
		stats := f.Services.Stats()
		for _, s := range stats.Services {
			if s.Name == service {
				assert.Equal(t, code == 200, s.Healthy)
				assert.Equal(t, s.Healthy, s.Reason == "")
			}
		}
	}
	ask("dns", 503, "the data plane is not running\n")
	run(t, f)
	ask("default", 200, "ok\n")
	ask("dns", 503, dead)
	ask("web", 404, "no such service: \"web\"\n")
	code, _ := f.do(t, "GET", "/healthz", "")
	assert.Equal(t, 200, code)
	members, err := f.Services.Members(config.Default)
	require.NoError(t, err)
	require.NoError(t, f.Services.SetMembers("dns", members[:1]))
	ask("dns", 200, "ok\n")
	require.NoError(t, f.Services.SetLink(links.Link{Name: "lp1", Index: 1}))
	ask("dns", 503, dead)
	ask("default", 200, "ok\n")
	require.NoError(t, f.Services.SetLink(links.Link{Name: "lp1", Index: 1, Carrier: true}))
	require.NoError(t, f.Services.Drain("dns", "pod1"))
	ask("dns", 503, dead)
	require.NoError(t, f.Services.SetLink(links.Link{Name: "lc", Index: 2}))
	ask("default", 503, "no carrier on [lc]\n")
}
