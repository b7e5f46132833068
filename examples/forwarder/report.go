package main

// scenarioReport is what the scenario shows. Flows and hashes are counts.
type scenarioReport struct {
	Stickiness []stickinessRow `json:"stickiness"`
	Strategies []strategyRow   `json:"strategies"`

	facts  captureFacts
	flows  int // of the capture, to the service
	drains []drainNote
}

// stickinessRow is what one change did to the flows that were established.
type stickinessRow struct {
	Event        string `json:"event"`
	Flows        int    `json:"flows"`
	MovedNormal  int    `json:"movedNormal"`
	MovedSticky  int    `json:"movedSticky"`
	BrokenNormal int    `json:"brokenNormal"`
	BrokenSticky int    `json:"brokenSticky"`
}

// strategyRow is how many of a strategy's hashes one change moved.
type strategyRow struct {
	Strategy   string  `json:"strategy"`
	Event      string  `json:"event"`
	Moved      int     `json:"moved"`
	Forced     int     `json:"forced"`
	Collateral int     `json:"collateral"`
	PeakToMean float64 `json:"peakToMean"`
	Hashes     int     `json:"hashes"` // compared
}

// drainNote is what became of a drained pod.
type drainNote struct {
	pod         string
	opened, new int // flows opened after the drain: on the pod, in all
}

// compare adds the rows of a story, from its two plays.
func (r *scenarioReport) compare(s story, normal, sticky *census) {
	r.flows = len(sticky.flows)
	for i, c := range s.changes {
		n, k := normal.phases[i], sticky.phases[i]
		r.Stickiness = append(r.Stickiness, stickinessRow{c.event, n.flows, n.moved, k.moved, n.broken, k.broken})
		for _, m := range c.members {
			if m.Weight > 0 {
				continue
			}
			note := drainNote{pod: m.ID, opened: k.opened[m.ID]}
			for _, opened := range k.opened {
				note.new += opened
			}
			r.drains = append(r.drains, note)
		}
	}
}

// replayReport is where the packets of a capture went.
type replayReport struct {
	Frames  uint64         `json:"frames"`
	Members []memberReport `json:"members"`
	// frames by reason; reasons that did not occur are absent
	Dropped map[string]uint64 `json:"dropped"`

	// packets that were not played, by their link type, which is not served
	Skipped map[string]int `json:"skipped,omitempty"`

	// fragments that waited for the first one of their datagram, and those that
	// went by their addresses, since it did not come in time
	Held   uint64 `json:"held"`
	Strays uint64 `json:"strays"`
}

type memberReport struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Weight  uint32 `json:"weight"`
	Frames  uint64 `json:"frames"`
	Bytes   uint64 `json:"bytes"`
	Flows   int    `json:"flows"`
}
