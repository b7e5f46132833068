package cluster

import (
	"errors"
	"sync/atomic"

	"github.com/ecmp-go/ecmp/flowcache"
)

// A pinsEvent is something that PinsStats counts.
type pinsEvent uint8

const (
	sentMessages pinsEvent = iota
	sentBytes
	sentPins
	sentAgain
	scans
	asks
	droppedAsks
	droppedPlaced
	droppedMessages
	unsentMessages
	receivedMessages
	receivedPins
	foreignGroups
	addedPins
	renewedPins
	movedPins
	keptPins
	expiredPins
	refusedPins
	stalePins
	unknownPins
	heldPins
	droppedHeld
	malformedMessages
	forgedMessages
	replayedMessages
	staleMessages
	differingMessages
	pinsEvents
)

type pinsCounters [pinsEvents]atomic.Uint64

func (c *pinsCounters) count(e pinsEvent, n int) {
	if n != 0 {
		c[e].Add(uint64(n))
	}
}

func (c *pinsCounters) imported(i flowcache.Imported) {
	c.count(addedPins, i.Added)
	c.count(renewedPins, i.Renewed)
	c.count(movedPins, i.Moved)
	c.count(keptPins, i.Kept)
	c.count(expiredPins, i.Expired)
	c.count(unknownPins, i.Unknown)
	c.count(refusedPins, i.Refused)
}

// refusedFor returns what counts messages that are refused for an error.
func refusedFor(err error) pinsEvent {
	switch {
	case errors.Is(err, ErrMalformed):
		return malformedMessages
	case errors.Is(err, ErrForged):
		return forgedMessages
	case errors.Is(err, ErrReplayed):
		return replayedMessages
	case errors.Is(err, ErrStale):
		return staleMessages
	}
	return differingMessages
}

// PinsStats counts what became of pins since Pins was made.
type PinsStats struct {
	SentMessages uint64 // of all kinds
	SentBytes    uint64 // in them
	SentPins     uint64 // records, those that were asked for again included
	SentAgain    uint64 // records that somebody asked for
	Scans        uint64 // of the whole table
	Asks         uint64 // for what did not come

	ReceivedMessages uint64
	ReceivedPins     uint64
	Added            uint64 // pins of flows that had none here
	Renewed          uint64 // pins that live longer now
	Moved            uint64 // to another member than the flow had here, whose packets were not seen here
	Kept             uint64 // that changed nothing: the pin here lives longer, or was used
	Expired          uint64 // on their way

	// What was not taken, and why. A table with Refused is too small.
	Refused uint64 // pins for which there was no room
	Stale   uint64 // pins of an older member with the ID of one here
	Unknown uint64 // pins of a member that is not here
	Held    uint64 // pins that waited for a member to join; they are counted again afterwards

	// What bounded queues lost. It is asked for again, or found by a scan.
	DroppedMessages uint64 // received, while too many others waited
	DroppedHeld     uint64 // pins ahead of this gateway's version
	DroppedPlaced   uint64 // flows that a worker placed
	DroppedAsks     uint64
	Unsent          uint64 // messages, while there was no connection

	// Messages that were refused: see PinsError.
	Malformed uint64
	Forged    uint64
	Replayed  uint64
	StaleSent uint64 // too old
	Differing uint64 // of a gateway that hashes or counts otherwise
	Foreign   uint64 // about groups that are not shared here
}

func (c *pinsCounters) stats() PinsStats {
	n := func(e pinsEvent) uint64 { return c[e].Load() }
	return PinsStats{
		SentMessages: n(sentMessages), SentBytes: n(sentBytes), SentPins: n(sentPins), SentAgain: n(sentAgain),
		Scans: n(scans), Asks: n(asks),
		ReceivedMessages: n(receivedMessages), ReceivedPins: n(receivedPins),
		Added: n(addedPins), Renewed: n(renewedPins), Moved: n(movedPins), Kept: n(keptPins), Expired: n(expiredPins),
		Refused: n(refusedPins), Stale: n(stalePins), Unknown: n(unknownPins), Held: n(heldPins),
		DroppedMessages: n(droppedMessages), DroppedHeld: n(droppedHeld), DroppedPlaced: n(droppedPlaced),
		DroppedAsks: n(droppedAsks), Unsent: n(unsentMessages),
		Malformed: n(malformedMessages), Forged: n(forgedMessages), Replayed: n(replayedMessages),
		StaleSent: n(staleMessages), Differing: n(differingMessages), Foreign: n(foreignGroups),
	}
}
