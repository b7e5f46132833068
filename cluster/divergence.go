package cluster

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Difference is something in which a live gateway differs from this one.
type Difference struct {
	Gateway string // the other one; this one, if it differs from its groups
	Group   string // empty: of the whole gateway
	Field   string // a Field constant
	Here    string // what this gateway has
	There   string // what the other one has
	Since   time.Time

	// Members are those that differ, for FieldMembers: at most 100.
	Members []MemberDifference
}

func (d Difference) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "gateway %s", d.Gateway)
	if d.Group != "" {
		fmt.Fprintf(&b, ", group %s", d.Group)
	}
	fmt.Fprintf(&b, ": %s", d.Field)
	if d.Here != "" || d.There != "" {
		fmt.Fprintf(&b, ": %s there, %s here", cmp.Or(d.There, "none"), cmp.Or(d.Here, "none"))
	}
	for _, m := range d.Members {
		fmt.Fprintf(&b, "; member %s: %s there, %s here", m.ID, cmp.Or(m.There, "none"), cmp.Or(m.Here, "none"))
	}
	return b.String()
}

// A MemberDifference is a member that two gateways know otherwise. Here and
// There are its weight, as "weight 3" or "backup, weight 3"; empty where it is
// not a member.
type MemberDifference struct{ ID, Here, There string }

const maxMemberDifferences = 100

// Divergence returns in what live gateways differ from this one, in order of
// their names. It is empty while all agree. A difference in the fingerprints of
// one version is there with the first heartbeat that has it, and so is its
// field; which members differ, as soon as the other gateway has answered.
//
// A gateway that is refused differs in the field that its RefusedError names. A
// change takes a moment to reach everybody, so that a version is told only if
// it differs for three heartbeats.
func (c *Conn) Divergence() []Difference {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Difference, 0, len(c.differences))
	for _, d := range c.differences {
		d.Members = slices.Clone(d.Members)
		list = append(list, d)
	}
	slices.SortFunc(list, func(a, b Difference) int {
		return cmp.Or(cmp.Compare(a.Gateway, b.Gateway), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Field, b.Field))
	})
	return list
}

type differenceKey struct{ gateway, group, field string }

// review finds the differences anew, asks for the members of fingerprints that
// differ, and lets groups settle that all live gateways have.
func (c *Conn) review(now time.Time) {
	c.mu.Lock()
	groups := c.memberships()
	c.mu.Unlock()
	own := make(map[string]standing, len(groups))
	for _, m := range groups {
		own[m.name] = m.standing()
	}
	c.mu.Lock()
	found, ask := c.compare(own, now)
	old := c.differences
	c.differences = make(map[differenceKey]Difference, len(found))
	var news []Difference
	for _, d := range found {
		key := differenceKey{d.Gateway, d.Group, d.Field}
		before, known := old[key]
		d.Since = now
		if known {
			d.Since = before.Since
		} else {
			news = append(news, d)
		}
		c.differences[key] = d
		delete(old, key)
	}
	settled := make([]uint64, len(groups))
	for i, m := range groups {
		if c.behind(m.name, own[m.name].read, now) {
			m.lag()
		}
		if c.agreed(m.name, own[m.name].version, now) {
			settled[i] = own[m.name].version
		}
	}
	close(c.news)
	c.news = make(chan struct{})
	c.mu.Unlock()
	for _, d := range news {
		c.config.Logger.Warn("cluster: gateways differ", "what", d.String())
	}
	for _, d := range old {
		c.config.Logger.Info("cluster: gateways agree again", "gateway", d.Gateway, "group", d.Group, "field", d.Field)
	}
	for _, a := range ask {
		go c.askMembers(a)
	}
	for i, m := range groups {
		m.settle(settled[i])
	}
}

// agreed reports whether every live gateway of the group has the version. A
// gateway that has just begun waits for a heartbeat of the others first.
func (c *Conn) agreed(group string, version uint64, now time.Time) bool {
	if now.Sub(c.began) < c.config.Heartbeat {
		return false
	}
	for _, r := range c.peers.counted(group, now) {
		if r.Version < version {
			return false
		}
	}
	return true
}

// behind reports whether some gateway has run for a heartbeat what this one has
// not read.
func (c *Conn) behind(group string, read uint64, now time.Time) bool {
	for q, r := range c.peers.counted(group, now) {
		if since, ok := q.ahead[group]; ok && r.Version > read && now.Sub(since) >= c.config.Heartbeat {
			return true
		}
	}
	return false
}

// compare returns all differences, and of which groups members must be asked.
func (c *Conn) compare(own map[string]standing, now time.Time) (list []Difference, ask []question) {
	if c.config.twin(c.peers.twin, now) {
		list = append(list, Difference{Gateway: c.config.Gateway, Field: FieldName, Here: "this process",
			There: "another process"})
	}
	for group, s := range own {
		list = append(list, configured(c.config.Gateway, group, s.report, true)...)
		if s.report.Failed != "" {
			list = append(list, Difference{
				Gateway: c.config.Gateway, Group: group, Field: FieldFailed, Here: s.report.Failed,
			})
		}
	}
	for name, q := range c.peers.known {
		if !c.peers.live(q, now) {
			continue
		}
		if e, ok := q.Refused.(*RefusedError); ok { //nolint:errorlint // it is never wrapped
			if e.Field != FieldProof {
				list = append(list, Difference{Gateway: name, Field: e.Field, Here: e.Here, There: e.There})
			}
			if e.Field == FieldSeed {
				continue
			}
		}
		for group, there := range q.Groups {
			s, ok := own[group]
			if !ok {
				continue
			}
			list = append(list, configured(name, group, there, false)...)
			if there.Failed != "" {
				list = append(list, Difference{Gateway: name, Group: group, Field: FieldFailed, There: there.Failed})
			}
			differences, asked := c.compareGroup(q, group, s, there, now)
			list = append(list, differences...)
			if asked {
				ask = append(ask, question{name, q.Instance, group})
			}
		}
	}
	return list, ask
}

func (c *Config) twin(heard, now time.Time) bool {
	return !heard.IsZero() && now.Sub(heard) < 3*c.Heartbeat
}

// configured returns in what a gateway was built otherwise than its group is.
func configured(gateway, group string, r Report, own bool) (list []Difference) {
	if r.Configured == "" {
		return nil
	}
	for _, f := range strategyFields(r.Strategy, r.Configured) {
		d := Difference{Gateway: gateway, Group: group, Field: f.name, Here: f.here, There: f.there}
		if own {
			d.Here, d.There = f.there, f.here
		}
		list = append(list, d)
	}
	return list
}

func (c *Conn) compareGroup(q *peer, group string, s standing, there Report, now time.Time) (
	list []Difference, ask bool,
) {
	differ := Difference{Gateway: q.Name, Group: group}
	if late, ok := s.late(q, group, there.Version, now.Add(-3*c.config.Heartbeat)); ok {
		differ.Field = FieldVersion
		differ.Here, differ.There = strconv.FormatUint(s.version, 10), strconv.FormatUint(there.Version, 10)
		if late {
			list = append(list, differ)
		}
		if there.Version > s.version {
			return list, false
		}
	}
	here, ok := s.fingerprintAt(there.Version)
	if !ok || here == there.Fingerprint {
		return list, false
	}
	if s.report.Strategy != there.Strategy && s.version == there.Version {
		for _, f := range strategyFields(s.report.Strategy, there.Strategy) {
			differ.Field, differ.Here, differ.There = f.name, f.here, f.there
			list = append(list, differ)
		}
		return list, false
	}
	answer := q.lists[group]
	differ.Field = FieldFingerprint
	differ.Here, differ.There = fmt.Sprintf("%016x", here), fmt.Sprintf("%016x", there.Fingerprint)
	if answer.version != there.Version || answer.fingerprint != there.Fingerprint || s.version != there.Version {
		return append(list, differ), true
	}
	differ.Members = compareMembers(s.members(), answer.members)
	differ.Field = FieldMembers
	if len(differ.Members) == 0 {
		differ.Field = FieldHistory
	}
	return append(list, differ), false
}

// A field is a part of a strategy that differs.
type field struct{ name, here, there string }

// strategyFields compares two strategies as text.
func strategyFields(here, there string) (list []field) {
	nameHere, parametersHere := strategyParts(here)
	nameThere, parametersThere := strategyParts(there)
	if nameHere != nameThere {
		return []field{{FieldStrategy, here, there}}
	}
	for name, value := range parametersHere {
		if other := parametersThere[name]; other != value {
			list = append(list, field{FieldStrategy + " " + name, value, cmp.Or(other, "default")})
		}
	}
	for name, value := range parametersThere {
		if _, ok := parametersHere[name]; !ok {
			list = append(list, field{FieldStrategy + " " + name, "default", value})
		}
	}
	slices.SortFunc(list, func(a, b field) int { return cmp.Compare(a.name, b.name) })
	return list
}

func strategyParts(text string) (name string, parameters map[string]string) {
	name, rest, _ := strings.Cut(text, ":")
	parameters = map[string]string{}
	for p := range strings.SplitSeq(rest, ",") {
		if key, value, ok := strings.Cut(p, "="); ok {
			parameters[key] = value
		} else if p != "" {
			parameters[p] = "yes"
		}
	}
	return name, parameters
}
