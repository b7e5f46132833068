package cluster

import (
	"time"

	"github.com/ecmp-go/ecmp/selector"
)

// A standing is what a gateway runs of a group at a moment.
type standing struct {
	version uint64 // the revision that was applied last
	read    uint64 // the newest that was read
	view    *selector.View
	report  Report
	past    []applied // the last revisions that were applied, the newest last
}

type applied struct {
	version     uint64
	fingerprint uint64
	at          time.Time
}

// maxPast is how many revisions back fingerprints are compared.
const maxPast = 64

func (s standing) members() map[string]string { return describe(s.view) }

// fingerprintAt returns the fingerprint that the group had at a version, if it
// is one of the last.
func (s standing) fingerprintAt(version uint64) (fingerprint uint64, ok bool) {
	if version == s.version {
		return s.view.Fingerprint(), true
	}
	for _, a := range s.past {
		if a.version == version {
			return a.fingerprint, true
		}
	}
	return 0, false
}

// late reports whether the gateways' versions differ, and whether they have for
// long: whether the one that lags has missed something since before the given
// time.
func (s standing) late(q *peer, group string, there uint64, since time.Time) (late, differ bool) {
	if there <= s.version {
		delete(q.ahead, group)
	}
	switch {
	case there == s.version:
		return false, false
	case there > s.version:
		began, ok := q.ahead[group]
		if !ok || q.Heard.Before(began) {
			began = q.Heard
			q.ahead[group] = began
		}
		return began.Before(since), true
	}
	for _, a := range s.past { // the oldest that it does not have
		if a.version > there {
			return a.at.Before(since), true
		}
	}
	return true, true
}
