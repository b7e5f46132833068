package control_test

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// A journal is a log that is read while it is written.
type journal struct {
	mu sync.Mutex
	bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.Buffer.Write(b)
}

// take returns what was written since the last call.
func (j *journal) take() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	defer j.Reset()
	return j.String()
}

// What is refused is logged with who asked, for what, and why; what is asked
// for and not there is not.
func TestRefusedChangesAreLogged(t *testing.T) {
	var j journal
	const token = "a token of some length"
	f := serveLogged(t, config.Control{Network: "tcp", Address: "192.0.2.1:80", Token: token},
		slog.New(slog.NewTextHandler(&j, nil)))
	with := []string{"Authorization", "Bearer " + token}
	for _, c := range []struct {
		method, path, body string
		header             []string
		code               int
		log                []string
	}{
		{"GET", "/stats", "", nil, 401, []string{"path=/stats", "code=401", `reason="the token is missing or wrong"`}},
		{"POST", "/members/pod1/drain", "", nil, 401, []string{"method=POST", "path=/members/pod1/drain", "code=401"}},
		{"PUT", "/members/pod1", `{"wait": 3}`, with, 400, []string{"code=400", "unknown field"}},
		{"PUT", "/members", strings.Repeat("[", 1000), with, 400, []string{"code=400"}},
		{"DELETE", "/members/pod9", "", with, 404, []string{"code=404", "no such member"}},
		{"PUT", "/members/pod1", "{}", append([]string{"Sec-Fetch-Site", "cross-site"}, with...), 403,
			[]string{"code=403"}},
		{"GET", "/members/pod9", "", with, 404, nil},
		{"PUT", "/members/pod1", `{"weight": 3}`, with, 200, nil},
	} {
		code, _ := f.do(t, c.method, c.path, c.body, c.header...)
		assert.Equal(t, c.code, code, c.path)
		said := j.take()
		if c.log == nil {
			assert.NotContains(t, said, "msg=refused", c.path)
			continue
		}
		for _, part := range append(c.log, "msg=refused", `by="HTTP 127.0.0.1:`) {
			assert.Contains(t, said, part)
		}
		assert.Less(t, len(said), 600, "however long the request is")
	}
	for range 100 {
		f.do(t, "GET", "/stats", "")
	}
	assert.LessOrEqual(t, strings.Count(j.take(), "msg=refused"), 40, "the log is not filled")
	_, text := f.do(t, "GET", "/metrics", "", with...)
	assert.InDelta(t, 106, metric(t, text, "forwarder_refused_requests_total"), 0)
}

// Who gives a weight to a member that the configuration drains is told that the
// next reload ends that.
func TestUndrainPastTheConfigurationIsTold(t *testing.T) {
	f := serve(t, config.Control{Network: "unix"})
	members, err := f.Services.Members(config.Default)
	require.NoError(t, err)
	drained := strings.Replace(configuration, `"weight": 4`, `"weight": 0`, 1)
	configured, err := config.Parse("", []byte(drained), kinds())
	require.NoError(t, err)
	warning := func(id string) string {
		body := strings.NewReader(`{"weight": 2}`)
		r, err := http.NewRequestWithContext(t.Context(), "PUT", f.URL+"/members/"+id, body)
		require.NoError(t, err)
		resp, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		assert.Equal(t, 200, resp.StatusCode)
		return resp.Header.Get("Warning")
	}
	assert.Empty(t, warning(members[1].ID))
	require.NoError(t, f.Services.Replace(configured.Services, ""))
	assert.Contains(t, warning("pod2"), "does so again when it is reloaded")
	assert.Empty(t, warning("pod1"))
}
