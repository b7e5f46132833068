package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// checkAfter is after how many heartbeats without a change a gateway asks for
// the newest revision, in case that it was not told and no other gateway is
// there that was.
const checkAfter = 5

// read reads the log from the revision after the last one on, and goes on with
// what is added, until ctx ends. It closes the channel then.
func (m *Membership) read(ctx context.Context) <-chan revision {
	log := make(chan revision)
	m.conn.running.Go(func() {
		defer close(log)
		wait, from := backoff{}, uint64(1)
		for ctx.Err() == nil {
			next, err := m.watch(ctx, from, log)
			if next > from {
				from, wait = next, backoff{}
			}
			if err != nil && ctx.Err() == nil {
				m.conn.config.Logger.Debug("cluster: reading the log again",
					"group", m.name, "from", from, "error", err)
			}
			if !wait.sleep(ctx) {
				return
			}
		}
	})
	return log
}

// watch passes on revisions, until something fails or another watch is asked
// for. It returns the number from which to go on.
func (m *Membership) watch(ctx context.Context, from uint64, log chan<- revision) (uint64, error) {
	c := m.conn
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	open, opened := context.WithTimeout(ctx, logTry)
	newest, err := m.newest(open, from)
	opened()
	if err != nil {
		m.noteLoss(err)
		return from, err
	}
	lost, resume := m.isLost(), from
	if lost {
		resume--
	}
	late := time.AfterFunc(logTry, cancel) // a server without a leader does not answer
	watcher, err := c.bucket.kv.Watch(ctx, m.name, jetstream.IncludeHistory(), jetstream.ResumeFromRevision(resume))
	if err != nil {
		return from, err
	}
	if !late.Stop() {
		defer func() { _ = watcher.Stop() }()
		return from, ctx.Err()
	}
	defer func() {
		go func() {
			for range watcher.Updates() { // the client waits for a reader before it stops
			}
		}()
		// The server that sent the updates may be gone: the client waits for its
		// answer for seconds, and the next watch must not.
		go func() { _ = watcher.Stop() }()
	}()
	pass := func(r revision) bool {
		select {
		case log <- r:
			return true
		case <-ctx.Done():
			return false
		}
	}
	check := time.NewTicker(checkAfter * c.config.Heartbeat)
	defer check.Stop()
	quiet, last := true, time.Now()
	for {
		select {
		case <-ctx.Done():
			return from, ctx.Err()
		case <-m.restart:
			return from, errors.New("asked to")
		case <-m.behind:
			// What comes may be on its way to here, but not for a heartbeat.
			if time.Since(last) >= c.config.Heartbeat {
				return from, errors.New("other gateways have read more")
			}
		case <-check.C:
			if !quiet {
				quiet = true
				continue
			}
			one, done := context.WithTimeout(ctx, logTry)
			newest, err := m.newest(one, from)
			done()
			if errors.Is(err, ErrLogLost) {
				m.noteLoss(err)
				return from, err
			}
			if err == nil && newest >= from {
				return from, fmt.Errorf("revision %d did not come", newest)
			}
		case e, ok := <-watcher.Updates():
			if lost && ok {
				err := m.resumes(e, from)
				if m.noteLoss(err); err != nil {
					return from, err
				}
				lost = false
			}
			switch {
			case !ok:
				return from, errors.New("the watch ended")
			case e == nil:
				if from > newest && !pass(revision{}) {
					return from, ctx.Err()
				}
				continue
			case e.Revision() < from:
				continue
			}
			quiet, last = false, time.Now()
			r := revision{number: e.Revision()}
			if e.Operation() != jetstream.KeyValuePut {
				r.err = errors.New("the group's key was deleted")
			} else {
				r.entry, r.err = decodeEntry(e.Value())
			}
			if !pass(r) {
				return from, ctx.Err()
			}
			from = r.number + 1
			if r.number >= newest && e.Delta() == 0 && !pass(revision{}) {
				return from, ctx.Err()
			}
		}
	}
}

// ErrLogLost is the error of a log that has not what this gateway has read of
// it: the servers lost it, or somebody removed it or began another one. The
// gateway forwards on with what it has and follows no change, until the log
// that it knows is back. See [Membership.Err].
var ErrLogLost = errors.New("the log of the group was lost")

// errNoLog is the error of a group that nobody has made.
var errNoLog = errors.New("there is no such group")

// newest returns the number of the newest revision. The error is ErrLogLost if
// that before from, which was read, is not there, and errNoLog if there is none
// and none was read. A key that was deleted has a revision that says so.
func (m *Membership) newest(ctx context.Context, from uint64) (uint64, error) {
	name := m.conn.bucket.name
	e, err := m.conn.bucket.kv.Get(ctx, m.name)
	switch {
	case err == nil && (e.Revision()+1 >= from):
		return e.Revision(), nil
	case err != nil && from <= 1 && !errors.Is(err, jetstream.ErrKeyNotFound):
		return 0, err
	}
	number, err := m.newestAtLeader(ctx)
	api, _ := errors.AsType[*jetstream.APIError](err)
	switch {
	case err == nil && number+1 >= from:
		return number, nil
	case from <= 1 && api != nil && api.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return 0, errNoLog
	case from <= 1:
		return 0, err
	case err == nil:
		return 0, fmt.Errorf("%w: its newest revision is %d, and %d was applied here", ErrLogLost, number, from-1)
	case api != nil && api.ErrorCode == jetstream.JSErrCodeStreamNotFound:
		return 0, fmt.Errorf("%w: there is no bucket %s", ErrLogLost, name)
	case api != nil && api.ErrorCode == jetstream.JSErrCodeMessageNotFound:
		return 0, fmt.Errorf("%w: bucket %s has no such group", ErrLogLost, name)
	}
	return 0, err
}

// newestAtLeader asks the server that leads the log: others may lag, and are
// asked too otherwise. Where there is no bucket, the servers say so.
func (m *Membership) newestAtLeader(ctx context.Context) (uint64, error) {
	b := m.conn.bucket
	question, err := json.Marshal(map[string]string{"last_by_subj": b.subject(m.name)})
	if err != nil {
		return 0, err
	}
	answer, err := m.conn.nats.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET.KV_"+b.name, question)
	if err != nil {
		return 0, err
	}
	var said struct {
		Error   *jetstream.APIError `json:"error"`
		Message struct {
			Number uint64 `json:"seq"`
		} `json:"message"`
	}
	if err := json.Unmarshal(answer.Data, &said); err != nil {
		return 0, err
	}
	if said.Error != nil {
		return 0, said.Error
	}
	return said.Message.Number, nil
}

// resumes returns nil if a log that was lost goes on with what it had before:
// with the last revision that was read, or with a whole state after that.
func (m *Membership) resumes(e jetstream.KeyValueEntry, from uint64) error {
	m.mu.Lock()
	last := m.last.ID
	m.mu.Unlock()
	if e != nil && e.Operation() == jetstream.KeyValuePut {
		if entry, err := decodeEntry(e.Value()); err == nil &&
			(e.Revision() < from && entry.ID == last || e.Revision() >= from && entry.State != nil) {
			return nil
		}
	}
	return fmt.Errorf("%w: revision %d is not what was applied here", ErrLogLost, from-1)
}

func (m *Membership) isLost() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.lost != nil
}

// noteLoss tells when the log is lost, and when it is back.
func (m *Membership) noteLoss(err error) {
	lost := errors.Is(err, ErrLogLost)
	if !lost && err != nil {
		return // it is not known
	}
	m.mu.Lock()
	changed := lost != (m.lost != nil)
	m.lost = err
	m.mu.Unlock()
	log := m.conn.config.Logger
	switch {
	case changed && lost:
		log.Error("cluster: forwarding on with what is known, and no change is followed", "group", m.name, "error", err)
	case changed:
		log.Info("cluster: the log is back", "group", m.name)
	default:
		return
	}
	m.conn.hurry()
}

// lag has the log read anew if nothing comes from it: other gateways have run
// what was not read here. The server that the watch is at may be dead, while the
// connection of the gateway is not.
func (m *Membership) lag() {
	select {
	case m.behind <- struct{}{}:
	default:
	}
}

// follow has the log read anew from the last revision on.
func (m *Membership) follow() {
	select {
	case m.restart <- struct{}{}:
	default:
	}
}
