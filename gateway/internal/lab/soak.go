package lab

import (
	"fmt"
	"time"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// A Soak is what a long run of churn under load showed.
type Soak struct {
	Plane    string        `json:"plane"`
	Duration time.Duration `json:"duration_ns"`

	Changes    int `json:"changes"`    // of the members, one a second
	Opened     int `json:"opened"`     // long connections and UDP flows
	Own        int `json:"own"`        // of them, broken or moved with a member that was removed
	Collateral int `json:"collateral"` // broken or moved though their member stayed

	Short ShortConnections `json:"short"`

	// Frames: what the client sent came in, what came in was sent to members or
	// dropped for a reason, and the pods got what was sent to them.
	Sent     uint64            `json:"sent"`
	Expired  uint64            `json:"expired"` // of them with a TTL of 1
	In       uint64            `json:"in"`
	Out      uint64            `json:"out"`
	Dropped  map[string]uint64 `json:"dropped"`
	Received uint64            `json:"received"`

	// The gateway's process, each minute.
	Samples []Sample `json:"samples"`
}

// ShortConnections is what became of the connections for one request.
type ShortConnections struct {
	Kept   int `json:"kept"`
	Own    int `json:"own"`    // broken while a member was removed, which then was theirs
	Failed int `json:"failed"` // broken when none was
}

// Check returns an error unless the frames add up, and no flow was disturbed
// that need not have been.
func (s *Soak) Check() error {
	dropped, expired := uint64(0), s.Dropped[engine.Expired.String()]
	for _, n := range s.Dropped {
		dropped += n
	}
	switch {
	case s.Sent != s.In:
		return fmt.Errorf("the client sent %d frames and %d came in", s.Sent, s.In)
	case s.In != s.Out+dropped:
		return fmt.Errorf("%d frames came in, and %d were sent or dropped", s.In, s.Out+dropped)
	case s.Expired < expired || s.Expired > dropped: // some may have met a full ring before
		return fmt.Errorf("the client sent %d frames with a TTL of 1, of %d dropped ones %d for that", s.Expired,
			dropped, expired)
	case s.Out != s.Received:
		return fmt.Errorf("%d frames were sent, and the pods received %d", s.Out, s.Received)
	case s.Collateral > 0:
		return fmt.Errorf("%d flows were disturbed although their member stayed", s.Collateral)
	case s.Short.Failed > 0:
		return fmt.Errorf("%d short connections failed while no member was removed", s.Short.Failed)
	}
	return nil
}

// A Sample is what a process holds at a moment.
type Sample struct {
	At       time.Duration `json:"at_ns"`
	Resident uint64        `json:"resident"` // bytes
	// bytes in use, with what the next collection will free
	Heap uint64 `json:"heap"`
	// bytes of heap at which it begins: twice what the last one left
	Goal       uint64 `json:"goal"`
	Goroutines int    `json:"goroutines"`
}
