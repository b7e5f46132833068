package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ecmp-go/ecmp/selector"
	"github.com/nats-io/nats.go"
)

// memberLists is what a gateway answered when asked for a group's members.
type memberLists struct {
	version     uint64
	fingerprint uint64
	members     map[string]string // by ID, as MemberDifference has them
}

// A question is for the members that a gateway has in a group.
type question struct {
	gateway  string
	instance uint64
	group    string
}

type membersAnswer struct {
	Version     uint64            `json:"version"`
	Fingerprint uint64            `json:"fingerprint"`
	Members     map[string]string `json:"members"`
}

// describe returns the members of a view, by ID.
func describe(v *selector.View) map[string]string {
	list := make(map[string]string, v.Len())
	for i, m := range v.All() {
		list[m.ID] = fmt.Sprintf("weight %d", m.Weight)
		if v.Backup(i) {
			list[m.ID] = "backup, " + list[m.ID]
		}
	}
	return list
}

func compareMembers(here, there map[string]string) (list []MemberDifference) {
	for id, text := range here {
		if there[id] != text {
			list = append(list, MemberDifference{id, text, there[id]})
		}
	}
	for id, text := range there {
		if _, ok := here[id]; !ok {
			list = append(list, MemberDifference{id, "", text})
		}
	}
	slices.SortFunc(list, func(a, b MemberDifference) int { return strings.Compare(a.ID, b.ID) })
	return list[:min(len(list), maxMemberDifferences)]
}

// tellMembers answers what members this gateway has in a group.
func (c *Conn) tellMembers(message *nats.Msg) {
	c.mu.Lock()
	m := c.groups[string(message.Data)]
	c.mu.Unlock()
	if m == nil {
		return
	}
	s := m.standing()
	text, err := json.Marshal(membersAnswer{s.version, s.view.Fingerprint(), s.members()})
	if err != nil || int64(len(text)) > c.nats.MaxPayload() {
		return
	}
	answer := nats.NewMsg(message.Reply)
	answer.Data = text
	answer.Header.Set(sealHeader, c.keys.seal(text))
	_ = message.RespondMsg(answer)
}

// askMembers asks a gateway for the members that it has.
func (c *Conn) askMembers(q question) {
	c.mu.Lock()
	busy := c.asking[q]
	c.asking[q] = true
	c.mu.Unlock()
	if busy {
		return
	}
	ctx, cancel := context.WithTimeout(c.ctx, c.config.Heartbeat)
	defer cancel()
	answer, err := c.nats.RequestWithContext(ctx, c.subject("members", q.gateway), []byte(q.group))
	var a membersAnswer
	ok := err == nil && c.keys.sealed(answer.Data, answer.Header.Get(sealHeader)) &&
		json.Unmarshal(answer.Data, &a) == nil
	c.mu.Lock()
	delete(c.asking, q)
	if p := c.peers.known[q.gateway]; ok && p != nil && p.Instance == q.instance {
		p.lists[q.group] = memberLists{a.Version, a.Fingerprint, a.Members}
	}
	c.mu.Unlock()
	if ok {
		c.hurry() // it reviews again
	}
}
