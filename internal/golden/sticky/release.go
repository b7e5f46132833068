package sticky

import (
	"time"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/internal/slots"
	"github.com/ecmp-go/ecmp/selector"
)

// A Released is a member that is released in one group.
type Released struct {
	View   *selector.View // of the group, at the call
	Slot   selector.Slot
	Config flowcache.ReleaseConfig
	Start  time.Duration
	moved  int
}

// Release releases a member.
func (m *Model) Release(v *selector.View, member int32, c flowcache.ReleaseConfig, now time.Duration) {
	next := &Released{View: v, Slot: v.Slot(member), Config: c, Start: now}
	for i, r := range m.Released {
		if r.Slot == next.Slot && r.View.Name() == v.Name() {
			m.Released[i] = next
			return
		}
	}
	m.Released = append(m.Released, next)
}

// release moves a flow of a released member, if it is its turn.
func (m *Model) release(p *flowcache.Packet, v *selector.View, pin Pin, member int32,
	now time.Duration) (flowcache.Route, bool) {
	for _, r := range m.Released {
		if r.Slot != pin.Slot || r.View.Name() != v.Name() || !v.Drained(member) {
			continue
		}
		over := now-r.Start >= r.Config.Deadline
		if p.Mode == flowcache.LookupOnly {
			return selected(p, v, flowcache.Unpinned), over
		}
		if !over && !m.turn(r, p, pin, now) {
			continue
		}
		route := m.place(p, v, now, flowcache.Moved)
		if route.Verdict == flowcache.Moved {
			r.moved++
		}
		return route, true
	}
	return flowcache.Route{}, false
}

// turn reports whether a flow may move before the deadline.
func (m *Model) turn(r *Released, p *flowcache.Packet, pin Pin, now time.Duration) bool {
	elapsed, deadline := now-r.Start, r.Config.Deadline
	silent := m.Unit(pin.State) * time.Duration(m.age(pin, now)-m.slack(pin.State))
	connected := p.Flags != 0
	if silent < deadline/10 && elapsed < deadline*3/4 && (connected || elapsed < deadline/2) {
		return false
	}
	return r.Config.Rate == 0 || r.moved < int(float64(r.Config.Rate)*elapsed.Seconds())
}

// endReleases drops the releases of members that take new flows again, or left
// their group.
func (m *Model) endReleases() {
	var rest []*Released
	for _, r := range m.Released {
		newest := r.View.Newest(slots.Insider{})
		i, has := memberOf(newest, r.Slot)
		if has && newest.Member(i).Weight == 0 {
			rest = append(rest, r)
		}
	}
	m.Released = rest
}

// over reports whether a pin is known to be of a release whose deadline has
// come: one group alone has the member, that of the release.
func (m *Model) over(pin Pin, now time.Duration) bool {
	for _, r := range m.Released {
		_, has := memberOf(r.View.Newest(slots.Insider{}), r.Slot)
		if has && r.Slot == pin.Slot && now-r.Start >= r.Config.Deadline &&
			m.Config.Domain.Slots(slots.Insider{}).Groups(uint16(r.Slot)) == 1 {
			return true
		}
	}
	return false
}
