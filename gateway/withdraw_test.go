package main

import (
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

// gatewayWith answers as a gateway whose phases come one after the other, one for
// each look at its stats; the last one stays. It counts drains and resumes.
func gatewayWith(t *testing.T, stats ...string) (control string, drains, resumes *atomic.Int32) {
	t.Helper()
	control = filepath.Join(t.TempDir(), "control")
	l, err := net.Listen("unix", control)
	require.NoError(t, err)
	drains, resumes = new(atomic.Int32), new(atomic.Int32)
	looks := new(atomic.Int32)
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + " " + r.URL.Path {
		case "GET /stats":
			at := min(int(looks.Add(1)), len(stats))
			_, _ = w.Write([]byte(stats[at-1]))
		case "POST /bgp/drain":
			drains.Add(1)
			w.WriteHeader(http.StatusNoContent)
		case "POST /bgp/resume":
			resumes.Add(1)
			w.WriteHeader(http.StatusNoContent)
		}
	})}
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { assert.NoError(t, server.Close()) })
	return "unix:" + control, drains, resumes
}

func phase(name string, announced string) string {
	return fmt.Sprintf(`{"bgp": {"as": 65101, "phase": %q, "announced": [%s], "peers": [
		{"addr": "10.77.1.1", "as": 65000, "session": "established", "received": 2}]}}`, name, announced)
}

// A drain lasts until nothing is announced, and fails if it is called off.
func TestWithdrawCommand(t *testing.T) {
	const prefix = `"172.16.0.20/32"`
	begin, on, end := phase("announcing", prefix), phase("draining", prefix), phase("withdrawn", "")

	control, drains, _ := gatewayWith(t, begin, on, on, end)
	code, stdout, stderr := call("withdraw", "-control", control)
	assert.Zero(t, code, stderr)
	assert.Equal(t, "withdrawn: 0 prefixes announced\n10.77.1.1 AS 65000: established\n", stdout)
	assert.EqualValues(t, 1, drains.Load())

	control, _, _ = gatewayWith(t, begin, on, begin)
	code, _, stderr = call("withdraw", "-control", control)
	assert.Equal(t, commandline.Failed, code)
	assert.Equal(t, "gateway withdraw: somebody called the drain off\n", stderr)

	control, _, resumes := gatewayWith(t, end, begin)
	code, stdout, stderr = call("announce", "-json", "-control", control)
	assert.Zero(t, code, stderr)
	assert.Contains(t, stdout, `"phase": "announcing"`)
	assert.EqualValues(t, 1, resumes.Load())

	control, drains, _ = gatewayWith(t, `{}`)
	code, _, stderr = call("withdraw", "-control", control)
	assert.Equal(t, commandline.Failed, code)
	assert.Contains(t, stderr, `without "bgp"`)
	assert.Zero(t, drains.Load())

	code, _, stderr = call("withdraw", "-control", control, "pod1")
	assert.Equal(t, commandline.Usage, code)
	assert.Equal(t, "gateway withdraw: unexpected argument \"pod1\"\n", stderr)
}
