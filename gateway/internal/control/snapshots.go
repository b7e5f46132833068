package control

import (
	"sync"
	"time"
)

// Snapshots counts how often the flow table was saved. Its zero value is ready;
// it is safe for concurrent use.
type Snapshots struct {
	mu  sync.Mutex
	now snapshotStats
}

type snapshotStats struct {
	Done   uint64    `json:"done"`
	Failed uint64    `json:"failed"`
	At     time.Time `json:"at,omitzero"`   // of the last one that was written
	Age    float64   `json:"age,omitempty"` // of that one, in seconds
	Error  string    `json:"error,omitempty"`
}

// Add counts a snapshot, which was not written if err is not nil. It reports
// whether that differs from the time before.
func (s *Snapshots) Add(err error) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.now.Error
	s.now.Error = ""
	if err != nil {
		s.now.Failed++
		s.now.Error = oneLine(err)
		return s.now.Error != was
	}
	s.now.Done++
	s.now.At = time.Now()
	return was != ""
}

// stats returns nil if there are no snapshots.
func (s *Snapshots) stats() *snapshotStats {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now
	if !now.At.IsZero() {
		now.Age = time.Since(now.At).Seconds()
	}
	return &now
}
