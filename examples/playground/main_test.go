package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

// The program says where it serves, serves it, and ends well on an interrupt.
func TestInterruptEndsIt(t *testing.T) {
	said, stdout := io.Pipe()
	var stderr bytes.Buffer
	code := make(chan int)
	go func() {
		status := run(nil, stdout, &stderr)
		_ = stdout.Close()
		code <- status
	}()
	line := make([]byte, 200)
	n, err := said.Read(line)
	require.NoError(t, err)
	var url string
	_, err = fmt.Sscanf(string(line[:n]), "Open %s in a browser. Press Ctrl-C to end.", &url)
	require.NoError(t, err, "it says %q", line[:n])
	for path, want := range map[string]string{
		"/":                "<title>Which slots move?",
		"/page.js":         "playground.wasm",
		"/wasm_exec.js":    "WebAssembly",
		"/playground.wasm": "\x00asm",
	} {
		answer, err := http.Get(url + path)
		require.NoError(t, err)
		body, err := io.ReadAll(answer.Body)
		require.NoError(t, err)
		require.NoError(t, answer.Body.Close())
		assert.Equal(t, http.StatusOK, answer.StatusCode, path)
		assert.Contains(t, string(body), want, path)
		assert.Contains(t, answer.Header.Get("Content-Security-Policy"), "default-src 'self'", path)
	}
	self, err := os.FindProcess(os.Getpid())
	require.NoError(t, err)
	require.NoError(t, self.Signal(os.Interrupt))
	assert.Zero(t, <-code)
	assert.Empty(t, stderr.String())
	_, err = http.Get(url)
	assert.Error(t, err, "nobody serves it any more")
}

func TestPortInUse(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, listener.Close()) }()
	_, port, err := net.SplitHostPort(listener.Addr().String())
	require.NoError(t, err)
	var stdout, stderr bytes.Buffer
	assert.Equal(t, commandline.Failed, run([]string{"-port", port}, &stdout, &stderr))
	assert.Equal(t, "playground: -port: listen tcp 127.0.0.1:"+port+": bind: address already in use\n", stderr.String())
	assert.Empty(t, stdout.String())
}

func TestBadArguments(t *testing.T) {
	for want, args := range map[string][]string{
		"65536 is more than 65535": {"-port", "65536"},
		"invalid value":            {"-port", "http"},
		"unexpected argument":      {"8080"},
	} {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, commandline.Usage, run(args, &stdout, &stderr))
		assert.True(t, strings.HasPrefix(stderr.String(), "playground: "), stderr.String())
		assert.Contains(t, stderr.String(), want)
	}
}
