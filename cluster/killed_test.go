package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/ecmp-go/ecmp/cluster"
	"github.com/ecmp-go/ecmp/cluster/embedded"
	"github.com/ecmp-go/ecmp/selector"
	"github.com/stretchr/testify/require"
)

// TestMain runs a NATS server in place of the tests where a test asks for it,
// in a process that can be killed.
func TestMain(m *testing.M) {
	arguments := os.Getenv("CLUSTER_TEST_SERVER")
	if arguments == "" {
		os.Exit(m.Run())
	}
	a := strings.Split(arguments, " ") // name, store, listen, peer, routes
	s, err := embedded.Start(embedded.Config{
		Name: a[0], Cluster: "three", Store: a[1], Listen: a[2], Peer: a[3], Routes: strings.Split(a[4], ","),
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("ready", s.ClientURL())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test ends
	s.Shutdown()
}

// A process is a NATS server of its own.
type process struct {
	command   *exec.Cmd
	arguments [5]string
	url       string
	input     io.Closer
}

func (p *process) start(t *testing.T) {
	t.Helper()
	p.command = exec.Command(os.Args[0])
	p.command.Env = append(os.Environ(), "CLUSTER_TEST_SERVER="+strings.Join(p.arguments[:], " "))
	p.command.Stderr = os.Stderr
	input, err := p.command.StdinPipe()
	require.NoError(t, err)
	output, err := p.command.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, p.command.Start())
	p.input = input
	line, err := bufio.NewReader(output).ReadString('\n')
	require.NoError(t, err, line)
	words := strings.Fields(line)
	require.Equal(t, "ready", words[0], line)
	p.url, p.arguments[2] = words[1], strings.TrimPrefix(words[1], "nats://")
}

func (p *process) kill() {
	_ = p.command.Process.Kill()
	_ = p.command.Wait()
}

// processes starts three servers that form a cluster, in processes.
func processes(t *testing.T) [3]*process {
	t.Helper()
	var all [3]*process
	dir := t.TempDir()
	routes, err := embedded.FreeAddresses(len(all))
	require.NoError(t, err)
	for i := range all {
		name := fmt.Sprintf("n%d", i+1)
		all[i] = &process{arguments: [5]string{
			name, filepath.Join(dir, name), "127.0.0.1:0", routes[i], strings.Join(routes, ","),
		}}
		all[i].start(t)
		t.Cleanup(func() { all[i].kill() })
	}
	return all
}

// A change is what a writer of the test asked for.
type change struct {
	member string // a change adds a member of its own, or removes one
	remove bool
}

// An outcome is what the writer was told.
type outcome struct{ revision uint64 } // 0: not known

// set is the model of a group: which members it has. Each change is made once
// or, where its outcome is not known, at most once; a member that is added or
// removed twice, or is lost, has no place in it.
var set = porcupine.Model{
	Init: func() any { return "" },
	Step: func(state, input, output any) (bool, any) {
		c := input.(change)
		members := strings.Fields(state.(string))
		if c.member == "" { // a look
			return strings.Join(output.([]string), " ") == state.(string), state
		}
		i, found := slices.BinarySearch(members, c.member)
		switch {
		case found != c.remove:
			return false, state
		case c.remove:
			members = slices.Delete(members, i, i+1)
		default:
			members = slices.Insert(members, i, c.member)
		}
		return true, strings.Join(members, " ")
	},
}

// errThere is what a change returns that finds itself made already.
var errThere = errors.New("made already")

// TestKilledServer has three writers make 1,000 changes, and kills one of three
// NATS servers, that of the log's leader among them or not, in their middle.
func TestKilledServer(t *testing.T) {
	t.Parallel()
	const writers, changes = 3, 1000
	nodes := processes(t)
	urls := []string{nodes[0].url, nodes[1].url, nodes[2].url}
	var conns [writers]*cluster.Conn
	var groups [writers]*cluster.Membership
	var applied [writers]*order
	for w := range writers {
		c := config(fmt.Sprintf("g%d", w+1), slices.Concat(urls[w:], urls[:w])...)
		c.NATS.NoRandomize = true // one gateway at each server
		c.Heartbeat = 200 * time.Millisecond
		conns[w] = connect(t, c)
		groups[w], _ = join(t, conns[w], selector.Anchor{Capacity: 4096})
		applied[w] = &order{}
		groups[w].Observe(applied[w])
	}
	var (
		made    atomic.Int64
		mu      sync.Mutex
		history []porcupine.Operation
		writing sync.WaitGroup
		began   = time.Now()
	)
	operation := func(client int, c change, f func() any) {
		o := porcupine.Operation{ClientId: client, Input: c, Call: int64(time.Since(began))}
		o.Output = f()
		o.Return = int64(time.Since(began))
		mu.Lock()
		defer mu.Unlock()
		history = append(history, o)
	}
	revisions := map[uint64]change{}
	for w := range writers {
		writing.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
			defer cancel()
			for n := range (changes + writers - 1 - w) / writers {
				c := change{member: fmt.Sprintf("w%d-%d", w, n)}
				if n%3 == 2 { // remove the one before
					c = change{fmt.Sprintf("w%d-%d", w, n-1), true}
				}
				operation(w, c, func() any {
					revision, err := groups[w].Update(ctx, func(s *cluster.State) error {
						if (s.Member(c.member) != nil) != c.remove {
							return errThere
						}
						if c.remove {
							s.Remove(c.member)
						} else {
							s.Put(cluster.Member{ID: c.member, Weight: 1, Data: "at " + c.member})
						}
						return nil
					})
					if err != nil {
						t.Errorf("%v: %v", c, err)
					}
					mu.Lock()
					defer mu.Unlock()
					if other, twice := revisions[revision]; twice {
						t.Errorf("revision %d is that of %v and of %v", revision, c, other)
					}
					revisions[revision] = c
					return outcome{revision}
				})
				made.Add(1)
			}
		})
	}
	eventually(t, "a third of the changes", func() bool { return made.Load() > changes/3 })
	nodes[0].kill()
	eventually(t, "two thirds of the changes", func() bool { return made.Load() > 2*changes/3 })
	nodes[0].start(t)
	writing.Wait()
	require.Len(t, revisions, changes)
	newest := slices.Max(slices.Collect(maps.Keys(revisions)))
	for w, m := range groups {
		require.NoError(t, m.Wait(soon(t), newest))
		require.Equal(t, newest, m.View().Version())
		require.Equal(t, groups[0].View().Fingerprint(), m.View().Fingerprint(), "one history, one fingerprint")
		require.True(t, slices.IsSorted(applied[w].versions()))
		require.Len(t, applied[w].versions(), changes)
		state, _ := m.State()
		ids := []string{}
		for _, member := range state.Members {
			ids = append(ids, member.ID)
		}
		slices.Sort(ids)
		operation(w, change{}, func() any { return ids })
	}
	// One that comes now takes every step, and ends where they are.
	late, _ := join(t, connect(t, config("late", urls...)), nil)
	require.Equal(t, groups[0].View().Fingerprint(), late.View().Fingerprint())
	result := porcupine.CheckOperationsTimeout(set, history, patience)
	require.Equal(t, porcupine.Ok, result, "some change was lost or made twice")
	t.Logf("%d changes by %d writers in %v: %d revisions, the newest %d, %d members", changes, writers,
		time.Since(began).Round(time.Millisecond), len(revisions), newest, late.View().Len())
}

// An order is the versions that an observer was told of.
type order struct {
	mu   sync.Mutex
	list []uint64
}

func (o *order) Planned(context.Context, cluster.Plan) {}
func (o *order) Settled(uint64)                        {}

func (o *order) Changed(_, view *selector.View) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.list = append(o.list, view.Version())
}

func (o *order) versions() []uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.list)
}
