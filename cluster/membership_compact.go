package cluster

import "context"

// wholeEvery is after how many changes one has the whole state.
const wholeEvery = 256

// A fullEntry is a revision with a whole state.
type fullEntry struct {
	number uint64
	before uint64 // of the two revisions before it, the first: what is older can go
}

// due reports whether the next change should have the whole state. A history
// can't be told by a state, so its log is kept from the last strategy on, as far
// as nobody tore it.
func (m *Membership) due() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.torn != 0 || m.since >= wholeEvery-1 && !m.history
}

// note counts a revision for compact; m.mu is held.
func (m *Membership) note(r revision, jumped bool) {
	if jumped {
		m.full, m.trail = nil, [2]uint64{}
	}
	m.since++
	if r.entry.State != nil {
		m.since = 0
		m.full = append(m.full, fullEntry{r.number, m.trail[0]})
		m.full = m.full[max(0, len(m.full)-2):]
	}
	m.trail = [2]uint64{m.trail[1], r.number}
}

// compact removes what lies before the last whole state but one. So a gateway
// that was away for a whole state's distance still takes every step.
func (m *Membership) compact() {
	m.mu.Lock()
	var before uint64
	if len(m.full) == 2 && m.full[0].before > m.purged {
		before = m.full[0].before
		m.purged = before
	}
	m.mu.Unlock()
	if before == 0 {
		return
	}
	c := m.conn
	go func() {
		ctx, cancel := context.WithTimeout(c.ctx, logTry)
		defer cancel()
		if err := c.bucket.purge(ctx, c.js, m.name, before); err != nil {
			c.config.Logger.Debug("cluster: the log was not shortened", "group", m.name, "error", err)
		}
	}()
}
