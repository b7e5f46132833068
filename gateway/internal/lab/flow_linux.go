package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

const (
	silence  = 20 * time.Second       // a flow without an answer for so long has timed out
	askAgain = 250 * time.Millisecond // a UDP request
	maxAsks  = int(silence / askAgain)
)

// A fate is how far a flow has come.
type fate struct {
	answers int
	pod     byte // that answered last
	moves   int  // how often that was another one than before
	end     ending
	waited  time.Duration // from the last packet to a reset
	err     error         // what must not happen, whatever the group does
}

type ending int

const (
	alive ending = iota
	reset
	timedOut
)

// A flow is a TCP connection or a UDP flow of the client: it sends a numbered
// request, checks the answer, pauses, and so on.
type flow struct {
	conn net.Conn
	ask  func(conn net.Conn, request, answer []byte) error
	home byte // the pod that answered first, once that has
	mu   sync.Mutex
	fate fate
}

func (f *flow) state() fate {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.fate
}

// close ends the flow.
func (f *flow) close() { _ = f.conn.Close() }

func (f *flow) run(ctx context.Context, pause time.Duration) {
	request, answer := make([]byte, requestSize), make([]byte, answerSize)
	for n := uint64(1); ctx.Err() == nil; n++ {
		binary.BigEndian.PutUint64(request, n)
		sent := time.Now()
		err := f.ask(f.conn, request, answer)
		if ctx.Err() != nil {
			return
		}
		f.note(n, answer, err, time.Since(sent))
		if err != nil {
			return
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// note notes what came of request n.
func (f *flow) note(n uint64, answer []byte, err error, took time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	pod := answer[requestSize]
	switch {
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		f.fate.end, f.fate.waited = reset, took
	case errors.Is(err, os.ErrDeadlineExceeded):
		f.fate.end = timedOut
	case err != nil:
		f.fate.err = err
	case binary.BigEndian.Uint64(answer) != n:
		f.fate.err = fmt.Errorf("%s: the answer to %d is %x", f.conn.LocalAddr(), n, answer)
	default:
		if f.fate.answers > 0 && pod != f.fate.pod {
			f.fate.moves++
		}
		f.fate.answers, f.fate.pod = f.fate.answers+1, pod
	}
}

// askTCP sends a request and reads the answer.
func askTCP(conn net.Conn, request, answer []byte) error {
	if err := conn.SetDeadline(time.Now().Add(silence)); err != nil {
		return err
	}
	if _, err := conn.Write(request); err != nil {
		return err
	}
	_, err := io.ReadFull(conn, answer)
	return err
}

// askUDP does so until the answer to this request comes.
func askUDP(conn net.Conn, request, answer []byte) (err error) {
	for range maxAsks {
		if _, err = conn.Write(request); err != nil {
			return err
		}
		if err = conn.SetReadDeadline(time.Now().Add(askAgain)); err != nil {
			return err
		}
		for err == nil {
			var n int
			n, err = conn.Read(answer)
			if err == nil && n == answerSize && string(answer[:requestSize]) == string(request) {
				return nil
			}
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
	}
	return err
}
