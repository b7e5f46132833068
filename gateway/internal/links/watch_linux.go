package links

import (
	"context"
	"errors"
	"maps"
	"os"
	"time"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// Watch calls each with the state of every interface, and again when it
// changed, until ctx ends. One that is removed has Index 0. The kernel drops
// events that it has no room for, so all interfaces are listed again when it says
// so, and after each interval.
//
// If that fails, as where no descriptor is left, it is tried again after the
// interval, and what was told stands until then. Watch calls went with the error,
// and with nil after each list.
func Watch(ctx context.Context, interval time.Duration, each func(Link), went func(error)) {
	w := watcher[string, Link]{each: each, absent: func(name string) Link { return Link{Name: name} }}
	w.watch(ctx, interval, went, unix.RTMGRP_LINK, func() (map[string]Link, error) {
		list := make(map[string]Link)
		return list, List(func(l Link) { list[l.Name] = l })
	}, func(m rtnetlink.Message, removed bool) {
		if l, ok := linkOf(m); ok && removed {
			w.tell(l.Name, Link{Name: l.Name})
		} else if ok {
			w.tell(l.Name, l)
		}
	})
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

// watch follows what there is, and tries again after an interval if that fails.
func (w *watcher[K, S]) watch(
	ctx context.Context, interval time.Duration, went func(error), groups uint32, list func() (map[K]S, error),
	event func(m rtnetlink.Message, removed bool),
) {
	w.told = make(map[K]S)
	for {
		err := w.follow(ctx, interval, func() { went(nil) }, groups, list, event)
		if ctx.Err() != nil {
			return
		}
		went(err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(interval):
		}
	}
}

// follow tells of what is listed, and of what events say after that, until ctx
// ends or something fails.
func (w *watcher[K, S]) follow(
	ctx context.Context, interval time.Duration, swept func(), groups uint32, list func() (map[K]S, error),
	event func(m rtnetlink.Message, removed bool),
) error {
	events, err := rtnetlink.Dial(&netlink.Config{Groups: groups})
	if err != nil {
		return err
	}
	defer events.Close()                                          //nolint:errcheck // nothing was written
	defer context.AfterFunc(ctx, func() { _ = events.Close() })() // ends Receive
	for next := time.Now(); ; {
		if !time.Now().Before(next) {
			// once events are being kept, lest one be missed
			if err := w.sweep(list); err != nil {
				return err
			}
			swept()
			next = time.Now().Add(interval)
			if err := events.SetReadDeadline(next); err != nil {
				return err
			}
		}
		messages, headers, err := events.Receive()
		switch {
		case errors.Is(err, unix.ENOBUFS), errors.Is(err, os.ErrDeadlineExceeded):
			next = time.Now()
		case err != nil:
			return err
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
