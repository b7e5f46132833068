package control

import (
	"sync"
	"time"
)

// Reloads counts how often the configuration was read again. Its zero value is
// ready; it is safe for concurrent use.
type Reloads struct {
	mu  sync.Mutex
	now reloadStats
}

type reloadStats struct {
	Done    uint64 `json:"done"`
	Refused uint64 `json:"refused"`
	Error   string `json:"error,omitempty"` // of the last one, if it was refused

	At time.Time `json:"at,omitzero"` // of the last one that was not refused
}

// Add counts a reload, which was refused if err is not nil.
func (r *Reloads) Add(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err != nil {
		r.now.Refused++
		r.now.Error = oneLine(err)
		return
	}
	r.now.Done++
	r.now.Error, r.now.At = "", time.Now()
}

func (r *Reloads) stats() reloadStats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now
}
