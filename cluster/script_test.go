package cluster_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cockroachdb/datadriven"
	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/internal/cut"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/stretchr/testify/require"
)

// Scripts are testdata/*.txt: commands, and below each the state of every
// gateway. go test -run TestScripts ./cluster -rewrite writes what there is.
//
//	start NAME [strategy=] [scope=] [seed=] [buckets=] [class=]
//	put BY MEMBER=WEIGHT...       adds members or weighs them anew
//	remove BY MEMBER...
//	strategy BY STRATEGY
//	mark BY MEMBER up|down        for all gateways
//	find BY MEMBER up|down        for the gateway alone
//	plan BY MEMBER=WEIGHT...      in two phases
//	hold NAME, release NAME       its answers to plans
//	cut NAME, heal NAME           its connection
//	meddle NAME MEMBER=WEIGHT...  changes one gateway's group behind the cluster's back
//	divergence NAME count=N       what it reports, once there are N differences
//	log NAME                      what its observer was told
//	state, stop NAME
func TestScripts(t *testing.T) {
	datadriven.Walk(t, "testdata/scripts", func(t *testing.T, path string) {
		t.Parallel()
		s := &script{t: t, url: one(t, nil), gateways: map[string]*gateway{}}
		datadriven.RunTest(t, path, func(_ *testing.T, d *datadriven.TestData) string { return s.run(d) })
	})
}

type script struct {
	t        *testing.T
	url      string
	gateways map[string]*gateway
	revision uint64 // the newest
}

type gateway struct {
	name  string
	conn  *cluster.Conn
	m     *cluster.Membership
	group *selector.Group[string]
	way   *cut.Way
	cut   bool
	*watcher
}

// A watcher notes what it is told of a group.
type watcher struct {
	mu   sync.Mutex
	log  []string
	held chan struct{} // nil: plans are prepared at once
}

func (w *watcher) note(format string, a ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = append(w.log, fmt.Sprintf(format, a...))
}

func (w *watcher) Planned(ctx context.Context, p cluster.Plan) {
	w.mu.Lock()
	held := w.held
	w.mu.Unlock()
	if held != nil {
		select {
		case <-held:
		case <-ctx.Done():
			return
		}
	}
	w.note("plan %d: %s -> %s", p.Revision, weights(p.View), weights(p.Planned))
}

func (w *watcher) Changed(old, view *selector.View) {
	w.note("%d -> %d: %s", old.Version(), view.Version(), weights(view))
}

func (w *watcher) Settled(uint64) {}

func weights(v *selector.View) string {
	var list []string
	for i, m := range v.All() {
		text := fmt.Sprintf("%s=%d", m.ID, m.Weight)
		if !v.Alive(i) {
			text += "(down)"
		}
		list = append(list, text)
	}
	return strings.Join(list, " ")
}

func (s *script) run(d *datadriven.TestData) string {
	words := make([]string, 0, len(d.CmdArgs))
	options := map[string]string{}
	known := []string{"strategy", "scope", "seed", "buckets", "class", "count"}
	for _, a := range d.CmdArgs {
		if len(a.Vals) == 1 && slices.Contains(known, a.Key) {
			options[a.Key] = a.Vals[0]
		} else if len(a.Vals) == 1 {
			words = append(words, a.Key+"="+a.Vals[0])
		} else {
			words = append(words, a.Key)
		}
	}
	var by *gateway
	if len(words) > 0 {
		by = s.gateways[words[0]]
	}
	switch d.Cmd {
	case "state":
	case "start":
		if err := s.start(words[0], options); err != nil {
			return err.Error() + "\n" + s.state()
		}
	case "stop":
		require.NoError(s.t, by.conn.Close(soon(s.t)))
		delete(s.gateways, by.name)
	case "put":
		return s.update(by, put(strings.Join(words[1:], " ")))
	case "remove":
		return s.update(by, remove(words[1:]...))
	case "strategy":
		return s.update(by, func(state *cluster.State) error {
			state.Strategy = strings.Join(words[1:], ",")
			return nil
		})
	case "mark":
		return s.update(by, func(state *cluster.State) error {
			state.Member(words[1]).Down = words[2] == "down"
			return nil
		})
	case "find":
		by.m.SetDown(words[1], words[2] == "down")
	case "plan":
		eventually(s.t, "all are live", func() bool {
			return !slices.ContainsFunc(by.conn.Peers(), func(p cluster.Peer) bool {
				g := s.gateways[p.Name]
				return g != nil && !g.cut && !p.Live
			})
		})
		o, err := by.m.UpdatePlanned(soon(s.t), put(strings.Join(words[1:], " ")))
		s.revision = max(s.revision, o.Revision)
		return fmt.Sprintf("revision %d, silent %v, error %v\n", o.Revision, o.Silent, err) + s.state()
	case "hold":
		by.mu.Lock()
		by.held = make(chan struct{})
		by.mu.Unlock()
		return ""
	case "release":
		by.mu.Lock()
		close(by.held)
		by.held = nil
		by.mu.Unlock()
		return ""
	case "cut", "heal":
		by.cut = d.Cmd == "cut"
		by.way.Cut(by.cut)
		eventually(s.t, d.Cmd, func() bool { _, cut := by.conn.Cut(); return cut == by.cut })
	case "meddle":
		s.meddle(by, words[1:])
		return ""
	case "divergence":
		return s.divergence(by, options["count"])
	case "log":
		by.mu.Lock()
		defer by.mu.Unlock()
		defer func() { by.log = nil }()
		return strings.Join(by.log, "\n") + "\n"
	default:
		s.t.Fatalf("%s: unknown command %s", d.Pos, d.Cmd)
	}
	return s.state()
}

func (s *script) start(name string, options map[string]string) error {
	g := &gateway{name: name, way: wayTo(s.t, s.url), watcher: &watcher{}}
	c := config(name, g.way.Addr)
	c.Heartbeat, c.Prepare = time.Second, 5*time.Second
	c.Layout = flowcache.Layout{Buckets: 1024, Form: 1}
	if text, ok := options["buckets"]; ok {
		c.Layout.Buckets, _ = strconv.Atoi(text)
	}
	if text, ok := options["seed"]; ok {
		c.Seed = []byte(text)
	}
	if text, ok := options["class"]; ok {
		c.Classes = []flowcache.ClassConfig{{Name: text, Idle: time.Minute}}
	}
	var strategy selector.Strategy
	if text, ok := options["strategy"]; ok {
		var err error
		strategy, err = selector.ParseStrategy(text)
		require.NoError(s.t, err)
	}
	g.conn = connect(s.t, c)
	var err error
	g.m, g.group, err = cluster.Join(soon(s.t), g.conn, selector.NewDomain(), cluster.GroupConfig[string]{
		Name: "web", Strategy: strategy, Scope: options["scope"],
		Value: func(m cluster.Member) (string, error) { return m.Data, nil },
	})
	if err != nil {
		require.NoError(s.t, g.conn.Close(soon(s.t)))
		return err
	}
	g.m.Observe(g.watcher)
	s.gateways[name] = g
	s.revision = max(s.revision, g.m.View().Version())
	// Everybody is to know the new one before the script goes on.
	for _, other := range s.gateways {
		if other != g && !other.cut {
			s.meet(other, g)
			s.meet(g, other)
		}
	}
	return nil
}

// meet waits until a gateway knows what to think of another one.
func (s *script) meet(a, b *gateway) {
	eventually(s.t, a.name+" meets "+b.name, func() bool {
		p, ok := a.conn.Peer(b.name)
		var refused *cluster.RefusedError
		if errors.As(p.Refused, &refused) && refused.Field == cluster.FieldSeed {
			return true
		}
		proven := refused == nil || refused.Field != cluster.FieldProof
		return ok && p.Instance == b.conn.Instance() && p.Groups["web"].Version > 0 && proven
	})
}

func (s *script) update(by *gateway, change func(*cluster.State) error) string {
	revision, err := by.m.Update(soon(s.t), change)
	s.revision = max(s.revision, revision)
	if err != nil {
		return err.Error() + "\n" + s.state()
	}
	return s.state()
}

// meddle gives members of one gateway's group other weights.
func (s *script) meddle(g *gateway, words []string) {
	var hops []selector.Hop[string]
	old := g.group.Load()
	for i, m := range old.All() {
		hop := selector.Hop[string]{ID: m.ID, Weight: m.Weight, Value: *old.At(i), Incarnation: old.Incarnation(i)}
		for _, w := range words {
			if id, weight, _ := strings.Cut(w, "="); id == m.ID {
				hop.Weight = uint32(weight[0] - '0')
			}
		}
		hops = append(hops, hop)
	}
	_, err := g.group.Update(hops)
	require.NoError(s.t, err)
}

func (s *script) divergence(g *gateway, count string) string {
	n, err := strconv.Atoi(count)
	require.NoError(s.t, err)
	var list []cluster.Difference
	eventually(s.t, count+" differences", func() bool {
		list = g.conn.Divergence()
		return len(list) == n && !slices.ContainsFunc(list, func(d cluster.Difference) bool {
			return d.Field == cluster.FieldFingerprint || s.gateways[d.Gateway] == nil
		})
	})
	text := ""
	for _, d := range list {
		text += d.String() + "\n"
	}
	return text
}

// state waits until every gateway that is not cut off is at the newest
// revision, and says what it runs.
func (s *script) state() string {
	var names []string
	for name := range s.gateways {
		names = append(names, name)
	}
	slices.Sort(names)
	text := ""
	for _, name := range names {
		g := s.gateways[name]
		if !g.cut {
			require.NoError(s.t, g.m.Wait(soon(s.t), s.revision))
		}
		v := g.group.Load().View()
		state, _ := g.m.State()
		text += fmt.Sprintf("%s: version %d, fingerprint %016x, %s: %s",
			name, v.Version(), v.Fingerprint(), state.Strategy, weights(v))
		for i, m := range v.All() {
			require.Equal(s.t, "at "+m.ID, *g.group.Load().At(i))
		}
		if g.cut {
			text += " (cut off)"
		}
		if err := g.m.Err(); err != nil {
			text += " " + err.Error()
		}
		text += "\n"
	}
	return text
}
