package links

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// Watch calls each with the state of every interface, and again when it
// changed, until ctx ends; then it returns nil. One that is removed has Index 0.
// The kernel drops events that it has no room for, so all interfaces are listed
// again when it says so, and after each interval.
func Watch(ctx context.Context, interval time.Duration, each func(Link)) error {
	w := watcher[string, Link]{each: each, absent: func(name string) Link { return Link{Name: name} }}
	err := w.watch(ctx, interval, unix.RTMGRP_LINK, func() (map[string]Link, error) {
		list := make(map[string]Link)
		return list, List(func(l Link) { list[l.Name] = l })
	}, func(m rtnetlink.Message, removed bool) {
		if l, ok := linkOf(m); ok && removed {
			w.tell(l.Name, Link{Name: l.Name})
		} else if ok {
			w.tell(l.Name, l)
		}
	})
	if err != nil {
		return fmt.Errorf("watch links: %w", err)
	}
	return nil
}

// A watcher knows what it has told.
type watcher[K comparable, S comparable] struct {
	told   map[K]S
	each   func(S)
	absent func(K) S // the state of what is not there
}

func (w *watcher[K, S]) tell(key K, state S) {
	if was, ok := w.told[key]; ok && was == state {
		return
	}
	w.told[key] = state
	w.each(state)
}

// watch tells of what is listed, and of what events say after that.
func (w *watcher[K, S]) watch(
	ctx context.Context, interval time.Duration, groups uint32, list func() (map[K]S, error),
	event func(m rtnetlink.Message, removed bool),
) error {
	w.told = make(map[K]S)
	events, err := rtnetlink.Dial(&netlink.Config{Groups: groups})
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = events.Close() })() // ends Receive
	for next := time.Now(); ; {
		if !time.Now().Before(next) {
			// once events are being kept, lest one be missed
			if err := w.sweep(list); err != nil {
				return errors.Join(err, events.Close())
			}
			next = time.Now().Add(interval)
			if err := events.SetReadDeadline(next); err != nil && ctx.Err() == nil {
				return errors.Join(err, events.Close())
			}
		}
		messages, headers, err := events.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS), errors.Is(err, os.ErrDeadlineExceeded):
			next = time.Now()
		case err != nil:
			return errors.Join(err, events.Close())
		}
		for i, m := range messages {
			event(m, headers[i].Header.Type == unix.RTM_DELLINK || headers[i].Header.Type == unix.RTM_DELNEIGH)
		}
	}
}

// sweep tells of what is listed, and of what was told and is no more. A list may
// leave out what is there, if others come and go while the kernel makes it: so
// what one list lacks is looked for in another.
func (w *watcher[K, S]) sweep(list func() (map[K]S, error)) error {
	now, err := list()
	if err != nil {
		return err
	}
	if w.lacks(now) {
		again, err := list()
		if err != nil {
			return err
		}
		maps.Copy(now, again)
	}
	for key := range w.told {
		if _, ok := now[key]; !ok {
			w.tell(key, w.absent(key))
			delete(w.told, key)
		}
	}
	for key, state := range now {
		w.tell(key, state)
	}
	return nil
}

// lacks reports whether a list lacks something that was told.
func (w *watcher[K, S]) lacks(now map[K]S) bool {
	for key := range w.told {
		if _, ok := now[key]; !ok {
			return true
		}
	}
	return false
}

// List calls each with the state of every interface.
func List(each func(Link)) error {
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // nothing was written
	list, err := c.Link.List()
	if err != nil {
		return err
	}
	for i := range list {
		if l, ok := linkOf(&list[i]); ok {
			each(l)
		}
	}
	return nil
}

// linkOf returns what a message says of an interface. ok is false if it says
// nothing of one: of a bridge's port, say.
func linkOf(message rtnetlink.Message) (l Link, ok bool) {
	m, ok := message.(*rtnetlink.LinkMessage)
	if !ok || m.Family != unix.AF_UNSPEC || m.Attributes == nil || m.Attributes.Name == "" {
		return l, false
	}
	const ready = unix.IFF_UP | unix.IFF_LOWER_UP
	l = Link{
		Name: m.Attributes.Name, Index: int(m.Index), MTU: int(m.Attributes.MTU), Carrier: m.Flags&ready == ready,
	}
	if len(m.Attributes.Address) == len(l.MAC) {
		l.MAC = engine.MAC(m.Attributes.Address)
	}
	return l, true
}
