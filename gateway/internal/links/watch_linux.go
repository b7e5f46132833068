package links

import (
	"context"
	"errors"
	"fmt"

	"github.com/jsimonetti/rtnetlink/v2"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// A Link is the state of an interface.
type Link struct {
	Name    string
	Index   int        // another one if the interface was removed and made anew
	MAC     engine.MAC // zero if it has none
	Carrier bool       // it is up, and so is what is at its other end
}

// Watch calls each with the state of every interface, and again whenever it may
// have changed, until ctx ends; then it returns nil. An interface that is
// removed has no carrier.
func Watch(ctx context.Context, each func(Link)) error {
	events, err := rtnetlink.Dial(&netlink.Config{Groups: unix.RTMGRP_LINK})
	if err != nil {
		return fmt.Errorf("watch links: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = events.Close() })() // ends Receive
	// once events are being kept, lest one be missed
	if err := List(each); err != nil {
		return fmt.Errorf("watch links: %w", errors.Join(err, events.Close()))
	}
	for {
		messages, headers, err := events.Receive()
		switch {
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, unix.ENOBUFS): // there were more events than room
			err = List(each)
		}
		if err != nil {
			return fmt.Errorf("watch links: %w", errors.Join(err, events.Close()))
		}
		for i, m := range messages {
			if l, ok := m.(*rtnetlink.LinkMessage); ok {
				tell(l, headers[i].Header.Type == unix.RTM_DELLINK, each)
			}
		}
	}
}

// List calls each with the state of every interface.
func List(each func(Link)) error {
	c, err := rtnetlink.Dial(nil)
	if err != nil {
		return err
	}
	defer c.Close() //nolint:errcheck // nothing was written
	links, err := c.Link.List()
	if err != nil {
		return err
	}
	for i := range links {
		tell(&links[i], false, each)
	}
	return nil
}

func tell(m *rtnetlink.LinkMessage, removed bool, each func(Link)) {
	const ready = unix.IFF_UP | unix.IFF_LOWER_UP
	if m.Family != unix.AF_UNSPEC || m.Attributes == nil || m.Attributes.Name == "" {
		return // of a bridge's port, say
	}
	l := Link{Name: m.Attributes.Name, Index: int(m.Index), Carrier: m.Flags&ready == ready && !removed}
	if len(m.Attributes.Address) == len(l.MAC) {
		l.MAC = engine.MAC(m.Attributes.Address)
	}
	each(l)
}
