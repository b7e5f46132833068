package main

import (
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// A progress shows how far a long run has come, on a terminal and nowhere else.
type progress struct {
	w     io.Writer // nil: not a terminal
	next  time.Time // when to show it again; a short run shows nothing
	shown bool
}

func newProgress(stderr io.Writer) *progress {
	p := &progress{next: time.Now().Add(time.Second)}
	if f, ok := stderr.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.w = f
	}
	return p
}

// step shows that done of total is done.
func (p *progress) step(done, total int64) {
	if p.w == nil || total <= 0 {
		return
	}
	if now := time.Now(); now.After(p.next) {
		p.next, p.shown = now.Add(200*time.Millisecond), true
		_, _ = fmt.Fprintf(p.w, "\r%3d %%", done*100/total)
	}
}

// end clears the line for what is printed next.
func (p *progress) end() {
	if p.shown {
		_, _ = fmt.Fprint(p.w, "\r     \r")
		p.shown = false
	}
}
