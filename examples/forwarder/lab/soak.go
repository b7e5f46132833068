package lab

import (
	"fmt"
	"time"
)

// A Soak is what a long run of churn under load showed.
type Soak struct {
	Plane    string        `json:"plane"`
	Duration time.Duration `json:"duration_ns"`

	Changes    int `json:"changes"`    // of the members, one a second
	Opened     int `json:"opened"`     // long connections and UDP flows
	Own        int `json:"own"`        // of them, broken or moved with a member that was removed
	Collateral int `json:"collateral"` // broken or moved though their member stayed
	Short      int `json:"short"`      // connections for one request
	Failed     int `json:"failed"`     // of them, for whatever reason: their member may have been removed

	// Frames: what the client sent came in, what came in was sent to members or dropped for a reason, and the pods got what was
	// sent to them.
	Sent     uint64            `json:"sent"`
	In       uint64            `json:"in"`
	Out      uint64            `json:"out"`
	Dropped  map[string]uint64 `json:"dropped"`
	Received uint64            `json:"received"`

	// The forwarder's process, each minute.
	Samples []Sample `json:"samples"`
}

// Check returns an error unless the frames add up, and no flow was disturbed that need not have been.
func (s *Soak) Check() error {
	accounted := s.Out
	for _, n := range s.Dropped {
		accounted += n
	}
	switch {
	case s.Sent != s.In:
		return fmt.Errorf("the client sent %d frames and %d came in", s.Sent, s.In)
	case s.In != accounted:
		return fmt.Errorf("%d frames came in, and %d were sent or dropped", s.In, accounted)
	case s.Out != s.Received:
		return fmt.Errorf("%d frames were sent, and the pods received %d", s.Out, s.Received)
	case s.Collateral > 0:
		return fmt.Errorf("%d flows were disturbed although their member stayed", s.Collateral)
	}
	return nil
}

// A Sample is what a process holds at a moment.
type Sample struct {
	At         time.Duration `json:"at_ns"`
	Resident   uint64        `json:"resident"` // bytes
	Heap       uint64        `json:"heap"`     // bytes in use
	Goroutines int           `json:"goroutines"`
}
