package cluster

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
)

// PinsConfig describes how a gateway shares the pins of its flow table. Table
// and Now are required; zero values of the others stand for their defaults.
type PinsConfig struct {
	Table *flowcache.Table
	Now   func() time.Duration // the clock that the table's workers route by

	// Least is the shortest timeout of flows that are shared, default 1 min. A
	// pin is sent again every quarter of its timeout while it deviates, so that
	// short ones cost most and gain least.
	Least time.Duration

	Batch int // pins a message, up to 4,096; default 1,024
	Inbox int // messages that may wait to be taken; default 4,096
	Hold  int // pins that may wait for a change to come here too; default 65,536

	// Skew is how old a message may be by the clock here, and how far ahead;
	// default 30 s, at most 150 s. A gateway that was restarted can't know what
	// was sent before, but refuses what is older than this.
	Skew time.Duration

	// Refused is told of messages that were refused, if it is not nil: each
	// error is a *PinsError. It must not block.
	Refused func(error)
}

// Sharing says which pins of a group are shared.
type Sharing uint8

const (
	// ShareDeviating shares the pins whose member is not what the selector
	// gives: what other gateways can't know.
	ShareDeviating Sharing = iota

	// ShareAll shares every established pin, a second after it was made or used
	// at the latest. It is for hashes that are not in the digest, such as those
	// of devices: see flowcache.Packet. Every table then holds the flows of all
	// gateways.
	ShareAll
)

func (c PinsConfig) complete() (PinsConfig, error) {
	byDefault(&c.Least, time.Minute)
	byDefault(&c.Batch, 1024)
	byDefault(&c.Inbox, 4096)
	byDefault(&c.Hold, 65536)
	byDefault(&c.Skew, 30*time.Second)
	for _, f := range []struct {
		bad    bool
		field  string
		value  any
		reason string
	}{
		{c.Table == nil, "Table", nil, "is missing"},
		{c.Now == nil, "Now", nil, "is missing: pins need the clock of the table's workers"},
		{c.Least < 0, "Least", c.Least, "must not be negative"},
		{c.Batch < 1 || c.Batch > 4096, "Batch", c.Batch, "must be 1 to 4,096"},
		{c.Inbox < 1, "Inbox", c.Inbox, "must be at least 1"},
		{c.Hold < 1, "Hold", c.Hold, "must be at least 1"},
		{c.Skew < 0 || c.Skew > maxSkew, "Skew", c.Skew, fmt.Sprintf("must be at most %v", maxSkew)},
	} {
		if f.bad {
			return c, &ConfigError{Field: "PinsConfig." + f.field, Value: f.value, Reason: f.reason}
		}
	}
	return c, nil
}

// sharedBy returns which states of a table are kept alive elsewhere by leases.
func sharedBy(t *flowcache.Table, least time.Duration) (shares [flowcache.States]bool, err error) {
	last := flowcache.EstablishedTCP + flowcache.State(len(t.Config().Classes))
	for s := flowcache.Closing; s <= last; s++ {
		d := t.Timeout(s)
		if d < least {
			continue
		}
		shares[s] = true
		// An imported pin is older than a lease until a packet comes, and must
		// live on until the next one.
		if t.Lease(s)+2*t.Unit(s) > d {
			return shares, &ConfigError{Field: "PinsConfig.Table", Value: d,
				Reason: fmt.Sprintf("the timeout of %s flows is too few ticks of %v to be shared",
					t.StateName(s), t.Config().Tick)}
		}
	}
	return shares, nil
}
