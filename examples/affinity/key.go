package main

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
)

// keyOf returns what a request shares with those that should go to the same
// server: its session, else its tenant, else the beginning of its prompt.
func keyOf(q *http.Request) string {
	for _, name := range []string{"X-Session", "X-Tenant"} {
		if key := q.Header.Get(name); key != "" {
			return name + " " + key
		}
	}
	body := bufio.NewReader(q.Body)
	prefix, _ := body.Peek(256) // a shorter body is its own prefix
	q.Body = struct {
		io.Reader
		io.Closer
	}{body, q.Body}
	return string(prefix)
}

// A key is what requests that should go to the same server have in common.
type key struct {
	name string
	of   func(request) string
}

// keys are those to choose from.
var keys = []key{ //nolint:gochecknoglobals // a read-only table
	{"session", func(q request) string { return q.session }},
	{"prefix", func(q request) string { return fmt.Sprint(q.prompt[:common+shortest]) }},
	{"tenant", func(q request) string { return q.tenant }},
}
