package cluster

import (
	"fmt"
	"strings"
)

// Pins are sent to
//
//	ecmp.<cluster>.pins.<scope>.<sender>             to all
//	ecmp.<cluster>.pins.<scope>.<sender>.<receiver>  to one: what it asked for
//	ecmp.<cluster>.ask.<asked>.<sender>              asks of one what got lost
//
// so that the permissions of a server, by the token of the sender, keep one
// gateway from speaking for another.
type subjects struct{ cluster, gateway string }

func (n subjects) prefix() string { return "ecmp." + n.cluster + "." }

func (n subjects) toAll(scope string) string { return n.prefix() + "pins." + scope + "." + n.gateway }

func (n subjects) toOne(scope, receiver string) string { return n.toAll(scope) + "." + receiver }

func (n subjects) ask(asked string) string { return n.prefix() + "ask." + asked + "." + n.gateway }

// listens returns what a gateway subscribes to.
func (n subjects) listens() []string {
	return []string{
		n.prefix() + "pins.*.*", n.prefix() + "pins.*.*." + n.gateway, n.prefix() + "ask." + n.gateway + ".*",
	}
}

// A PinsSubjects is what a gateway may publish to and subscribe to, for the
// permissions of a server.
type PinsSubjects struct{ Publish, Subscribe []string }

// SubjectsOfPins returns the permissions that a gateway needs to share pins.
// Without those to publish it reads what others share.
func SubjectsOfPins(cluster, gateway string) PinsSubjects {
	n := subjects{cluster, gateway}
	return PinsSubjects{
		Publish: []string{
			n.prefix() + "pins.*." + gateway, n.prefix() + "pins.*." + gateway + ".*", n.prefix() + "ask.*." + gateway,
		},
		Subscribe: n.listens(),
	}
}

// parties returns what a subject says of its message: who sent it and to whom,
// an empty name for all.
func (n subjects) parties(subject string) (kind, scope, sender, receiver string, ok bool) {
	rest, ok := strings.CutPrefix(subject, n.prefix())
	if !ok {
		return "", "", "", "", false
	}
	t := strings.Split(rest, ".")
	switch {
	case t[0] == "pins" && len(t) == 3:
		return t[0], t[1], t[2], "", true
	case t[0] == "pins" && len(t) == 4:
		return t[0], t[1], t[2], t[3], true
	case t[0] == "ask" && len(t) == 3:
		return t[0], "", t[2], t[1], true
	}
	return "", "", "", "", false
}

// scopeToken makes a token of a subject of a scope's name: what may not stand
// in one is written as = and two hexadecimal digits.
func scopeToken(scope string) string {
	var b strings.Builder
	for _, c := range []byte(scope) {
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}
