package live

import (
	"bytes"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/gateway/internal/bgp"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
)

// How a router stands in a test.
var (
	away  = bgp.PeerState{Addr: netip.MustParseAddr("10.0.0.1"), Session: "active"}
	tells = bgp.PeerState{Addr: netip.MustParseAddr("10.0.0.2"), Session: "established"}
	told  = bgp.PeerState{Addr: netip.MustParseAddr("10.0.0.3"), Session: "established", ToldAll: true}
)

// What is learned is served when all is there that was, or when the routers that
// are there have told of all and the others were waited for. It is not waited
// for longer than some seconds, whatever routers do.
func TestSettling(t *testing.T) {
	service := func(name string, ids ...string) (s config.Service) {
		s.Name = name
		for _, id := range ids {
			s.Members = append(s.Members, config.Member{ID: id})
		}
		return s
	}
	before := map[string][]string{"a": {"1", "2"}, "b": {"1"}}
	part := []config.Service{service("a", "1", "2", "3"), service("c", "1")}
	whole := []config.Service{service("a", "1", "2", "3"), service("b", "1")}
	type routers = []bgp.PeerState
	type step struct {
		at      float64 // in seconds
		learned []config.Service
		routers
		over bool
	}
	for what, steps := range map[string][]step{
		"nothing is missing":            {{0, part, routers{away}, false}, {.1, whole, routers{away}, true}},
		"all have told":                 {{0, nil, routers{tells, told}, false}, {.1, part, routers{told, told}, true}},
		"nobody was there":              {{0, nil, routers{away, away}, false}, {5, nil, routers{away, away}, true}},
		"one is away":                   {{0, nil, routers{away, told}, false}, {5, part, routers{away, told}, true}},
		"it does not begin again":       {{0, nil, routers{told}, true}, {1, nil, routers{tells}, true}},
		"one comes while others told":   {{0, nil, routers{away, told}, false}, {6, part, routers{tells, told}, false}},
		"a router talks without pause":  {{0, nil, routers{tells}, false}, {24.9, part, routers{tells}, false}},
		"and is not listened to longer": {{0, nil, routers{tells}, false}, {25, part, routers{tells}, true}},
	} {
		s := settling{before: before, wait: 5 * time.Second}
		began := time.Unix(0, 0)
		for _, step := range steps {
			now := began.Add(time.Duration(step.at * float64(time.Second)))
			assert.Equal(t, step.over, s.over(step.learned, step.routers, now), "%s, after %v s", what, step.at)
		}
	}
	s := settling{before: before}
	assert.True(t, s.over(nil, routers{away, told}, time.Unix(0, 0)), "no wait is wanted")
}

// It is said whose routes are served without, and nothing if nobody is away.
func TestSettlingTells(t *testing.T) {
	var log bytes.Buffer
	s := settling{wait: 5 * time.Second}
	s.tell(slog.New(slog.NewTextHandler(&log, nil)), []bgp.PeerState{told})
	assert.Empty(t, log.String())
	s.tell(slog.New(slog.NewTextHandler(&log, nil)), []bgp.PeerState{told, away})
	assert.Contains(t, log.String(), "lacks=[10.0.0.1] waited=5s")
}
