package control

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"
)

// refusals counts the requests that were refused, and logs them with who made
// them and why: changes, and requests without the right token. Somebody who
// makes many does not fill the log.
type refusals struct {
	log *slog.Logger // nil: none

	mu     sync.Mutex
	count  uint64
	since  time.Time
	logged int // since then
	unsaid int
}

// Of so many refusals in such a time all are logged, and the others counted.
const (
	refusalsLogged = 20
	refusalsTime   = 10 * time.Second
)

// watch takes note of what h refuses.
func (s *refusals) watch(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a := &answer{ResponseWriter: w}
		h.ServeHTTP(a, r)
		change := r.Method != http.MethodGet && r.Method != http.MethodHead
		if a.code >= 400 && (change || a.code == http.StatusUnauthorized) {
			s.add(r, a)
		}
	})
}

func (s *refusals) add(r *http.Request, a *answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	if now := time.Now(); now.Sub(s.since) > refusalsTime {
		s.since, s.logged = now, 0
	}
	if s.logged == refusalsLogged {
		s.unsaid++
		return
	}
	s.logged++
	if s.log == nil {
		return
	}
	reason, _, _ := strings.Cut(a.begins.String(), "\n")
	args := []any{"by", by(r), "method", r.Method, "path", clip(r.URL.Path), "code", a.code, "reason", clip(reason)}
	if s.unsaid > 0 {
		args = append(args, "others", s.unsaid)
		s.unsaid = 0
	}
	s.log.Warn("refused", args...)
}

func (s *refusals) total() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// longest is how much of what others send is logged.
const longest = 300

func clip(text string) string {
	if len(text) > longest {
		return text[:longest] + "..."
	}
	return text
}

// An answer remembers its code, and how it begins if it is an error.
type answer struct {
	http.ResponseWriter
	code   int
	begins bytes.Buffer
}

// WriteHeader implements [http.ResponseWriter].
func (a *answer) WriteHeader(code int) {
	a.code = code
	a.ResponseWriter.WriteHeader(code)
}

// Write implements [http.ResponseWriter].
func (a *answer) Write(b []byte) (int, error) {
	if room := longest + 1 - a.begins.Len(); a.code >= 400 && room > 0 {
		a.begins.Write(b[:min(room, len(b))])
	}
	return a.ResponseWriter.Write(b)
}

// Unwrap is for [http.ResponseController].
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }
