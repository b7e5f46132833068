package services

import (
	"fmt"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

const percent = 100

// inPanic reports whether a service, as it is configured now or next, has so few
// members that pass its check that they would be overrun, or that the check
// itself must be what fails: then all serve, but for those that somebody said
// are down. Drained members and backups don't count.
func (s *service) inPanic(as *config.Service) bool {
	if as.Panic == 0 {
		return false
	}
	all, failed := 0, 0
	for _, m := range as.Members {
		if m.Weight == 0 || m.Backup || s.down[m.ID] {
			continue
		}
		all++
		if s.fault(as, m) != nil {
			failed++
		}
	}
	return (all-failed)*percent < as.Panic*all
}

// avoids reports whether packets avoid a member in this service.
func (s *service) avoids(as *config.Service, m config.Member) bool {
	return s.down[m.ID] || !s.panics && s.fault(as, m) != nil
}

// tellPanic says in the history that a panic began or ended: by what checks
// found, or by a change of the service.
func (r *Registry) tellPanic(s *service, movedBefore uint64) {
	if s.panics == s.toldSo {
		return
	}
	s.toldSo = s.panics
	what := "the check is looked at again"
	if s.panics {
		what = fmt.Sprintf("less than %d %% of the members pass the check: it is not looked at", s.Panic)
	}
	r.log(Change{Service: s.Name, What: what, movedBefore: movedBefore})
}
