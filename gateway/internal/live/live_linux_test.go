package live_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/fakeplane"
	"github.com/ecmp-go/ecmp/gateway/internal/live"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
)

// A gateway is one that runs on a plane that forwards nothing.
type gateway struct {
	t      *testing.T
	dir    string
	reload chan os.Signal
	plane  *fakeplane.Plane
	shares bool // the plane has a table whose pins can be shared
	client http.Client
	stop   func() error
	log    bytes.Buffer // to be read after stop
}

const sample = `{
"in": "ecmp-in", "control": "unix:DIR/control", "vip": "172.16.0.20", "snapshot": "DIR/flows",
"members": [
{"id": "pod1", "dev": "ecmp-1", "addr": "10.9.1.2", "mac": "02:00:00:01:01:02"},
{"id": "pod2", "dev": "ecmp-2", "addr": "10.9.2.2", "mac": "02:00:00:01:02:02"}
]}`

func (f *gateway) file() string { return filepath.Join(f.dir, "f.json") }

// write puts a configuration in the place of the present one, as editors do.
func (f *gateway) write(text string) {
	f.t.Helper()
	other := f.file() + ".new"
	require.NoError(f.t, os.WriteFile(other, []byte(strings.ReplaceAll(text, "DIR", f.dir)), 0o600))
	require.NoError(f.t, os.Rename(other, f.file()))
}

// start runs a gateway with the configuration that is there.
func (f *gateway) start() {
	f.t.Helper()
	f.reload = make(chan os.Signal, 1)
	ctx, cancel := context.WithCancel(f.t.Context())
	done := make(chan error, 1)
	go func() {
		done <- live.Run(ctx, live.Options{
			File: f.file(), Reload: f.reload, Log: slog.New(slog.NewTextHandler(&f.log, nil)),
			Planes: kinds(func(c plane.Config) (p plane.Plane, err error) {
				if f.plane, err = fakeplane.New(c.Domain); err == nil && f.shares {
					err = f.share(c)
				}
				return f.plane, err
			}),
		})
	}()
	f.stop = sync.OnceValue(func() error { cancel(); return <-done })
	f.t.Cleanup(func() { _ = f.stop() })
	f.waits("it is healthy", func() bool { code, _ := f.do("GET", "/healthz", ""); return code == 200 })
}

// kinds is one data plane.
func kinds(open func(plane.Config) (plane.Plane, error)) []plane.Kind {
	return []plane.Kind{{Name: "afpacket", New: open}}
}

func newGateway(t *testing.T, text string) *gateway {
	t.Helper()
	f := &gateway{t: t}
	f.prepare(text)
	f.start()
	return f
}

// prepare gives the gateway its files.
func (f *gateway) prepare(text string) {
	f.t.Helper()
	f.dir = f.t.TempDir()
	f.client.Transport = &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _,
		_ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(f.dir, "control"))
	}}
	f.write(text)
}

func (f *gateway) waits(what string, until func() bool) {
	f.t.Helper()
	require.Eventually(f.t, until, time.Minute, 5*time.Millisecond, what)
}

// do makes a request; code is 0 if nobody answers.
func (f *gateway) do(method, path, body string) (code int, answer string) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, "http://gateway"+path, strings.NewReader(body))
	require.NoError(f.t, err)
	resp, err := f.client.Do(r)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close() //nolint:errcheck // read to its end
	data, err := io.ReadAll(resp.Body)
	require.NoError(f.t, err)
	return resp.StatusCode, string(data)
}

type reloads struct {
	Done, Refused uint64
	Error         string
}

type stats struct {
	services.Stats
	Reloads   reloads `json:"reloads"`
	Snapshots struct {
		Done, Failed uint64
		Error        string
	} `json:"snapshots"`
}

func (f *gateway) stats() (s stats) {
	f.t.Helper()
	_, text := f.do("GET", "/stats", "")
	require.NoError(f.t, json.Unmarshal([]byte(text), &s))
	return s
}

func (f *gateway) reloads() reloads { return f.stats().Reloads }

func (f *gateway) weights() map[string]uint32 { return f.plane.Forwards()[config.Default] }

// Another seed has the plane made anew, and the history says what it moves.
func TestReloadSeed(t *testing.T) {
	f := newGateway(t, sample)
	f.write(strings.Replace(sample, `"vip"`, `"seed": 7, "vip"`, 1))
	f.waits("the seed", func() bool {
		changes := f.stats().Changes
		return len(changes) > 0 && changes[0].What == "seed 7, not 0: every flow is placed anew"
	})
	f.waits("it forwards again", func() bool { code, _ := f.do("GET", "/healthz", ""); return code == 200 })
	f.waits("it is counted", func() bool { return f.reloads() == reloads{Done: 1} })
}

func TestReload(t *testing.T) {
	f := newGateway(t, sample)
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 1}, f.weights())

	// A change over HTTP holds until the file changes; a drain holds beyond.
	code, answer := f.do("POST", "/members/pod1/drain", "")
	assert.Equal(t, 204, code, answer)
	assert.Equal(t, map[string]uint32{"pod1": 0, "pod2": 1}, f.weights())
	f.write(sample) // the same
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, "other"), nil, 0o600))
	heavier := strings.Replace(sample, `01:02:02"`, `01:02:02", "weight": 5`, 1)
	f.write(heavier)
	f.waits("the file wins", func() bool { return f.weights()["pod2"] == 5 })
	assert.Equal(t, map[string]uint32{"pod1": 0, "pod2": 5}, f.weights())
	code, answer = f.do("PUT", "/members/pod1", "")
	assert.Equal(t, 200, code, answer)
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 5}, f.weights())
	f.waits("it is counted", func() bool { return f.reloads() == reloads{Done: 1} })

	// What can't be is refused as a whole, and said with its line.
	f.write(strings.Replace(heavier, `"id": "pod2"`, `"id": "pod1"`, 1))
	f.waits("a bad file", func() bool { return f.reloads().Refused == 1 })
	assert.Equal(t, f.file()+`:5: another member is called "pod1"`, f.reloads().Error)
	f.write(strings.Replace(heavier, `"vip"`, `"workers": 7, "vip"`, 1))
	f.waits("a change that takes a restart", func() bool { return f.reloads().Refused == 2 })
	assert.Equal(t, f.file()+":2: a change of workers takes a restart", f.reloads().Error)
	require.NoError(t, os.Remove(f.file()))
	f.waits("no file", func() bool { return f.reloads().Refused == 3 })
	for range 2 {
		f.waits("something else happens in the directory",
			func() bool { return os.Remove(filepath.Join(f.dir, "flows")) == nil })
	}
	f.reload <- syscall.SIGHUP
	f.waits("it is looked for when that is asked for, and not before", func() bool { return f.reloads().Refused > 3 })
	assert.Equal(t, uint64(4), f.reloads().Refused)
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 5}, f.weights())
	code, _ = f.do("GET", "/healthz", "")
	assert.Equal(t, 200, code)

	f.write(heavier)
	f.waits("the file is back", func() bool { return f.reloads() == reloads{Done: 2, Refused: 4} })
	require.NoError(t, os.Remove(f.file()))
	f.waits("no file again", func() bool { return f.reloads().Refused == 5 })
	f.write(heavier)
	f.waits("it is back as it was", func() bool { return f.reloads() == reloads{Done: 3, Refused: 5} })

	// Written in place, not replaced.
	text := strings.ReplaceAll(strings.Replace(heavier, "5", "6", 1), "DIR", f.dir)
	require.NoError(t, os.WriteFile(f.file(), []byte(text), 0o600))
	f.waits("written in place", func() bool { return f.reloads().Done >= 4 })
	assert.Equal(t, uint32(6), f.weights()["pod2"])

	// SIGHUP puts the file in force again, over a change by HTTP.
	f.do("DELETE", "/members/pod1", "")
	assert.NotContains(t, f.weights(), "pod1")
	f.reload <- syscall.SIGHUP
	f.waits("SIGHUP", func() bool { return f.weights()["pod1"] == 1 })
	changes := f.stats().Changes
	assert.Equal(t, "pod1 joined", changes[0].What)
	assert.Equal(t, "signal", changes[0].By)
	assert.Equal(t, "pod1 left", changes[1].What)
	who := fmt.Sprintf("HTTP uid %d pid %d", os.Getuid(), os.Getpid())
	assert.Equal(t, who, changes[1].By)
	assert.Equal(t, "pod2 weighs 6, not 5", changes[2].What)
	assert.Equal(t, "file", changes[2].By)
	assert.Equal(t, "start", changes[len(changes)-1].By)

	require.NoError(t, f.stop())
	require.Error(t, f.plane.Close(), "it is closed")
	_, err := os.Stat(filepath.Join(f.dir, "control"))
	require.ErrorIs(t, err, os.ErrNotExist)
	assert.Contains(t, f.log.String(), "takes a restart")
	assert.Contains(t, f.log.String(), fmt.Sprintf("msg=\"pod1 drained\" service=default by=%q", who))
}

// A link may come to lead to another file, in one step as Kubernetes has it, or
// to one in another directory that changes.
func TestReloadOfLinks(t *testing.T) {
	// which makes events in the directory
	sample := strings.Replace(sample, `, "snapshot": "DIR/flows"`, "", 1)
	f := newGateway(t, sample)
	elsewhere := t.TempDir()
	weighs := func(weight string) []byte {
		text := strings.Replace(sample, `01:02:02"`, `01:02:02", "weight": `+weight, 1)
		return []byte(strings.ReplaceAll(text, "DIR", f.dir))
	}
	volume := func(name, weight string) {
		dir := filepath.Join(f.dir, name)
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "f.json"), weighs(weight), 0o600))
		require.NoError(t, os.Symlink(name, filepath.Join(f.dir, "..data.new")))
		require.NoError(t, os.Rename(filepath.Join(f.dir, "..data.new"), filepath.Join(f.dir, "..data")))
	}
	link := func(to string) {
		require.NoError(t, os.Symlink(to, f.file()+".new"))
		require.NoError(t, os.Rename(f.file()+".new", f.file()))
	}
	volume("..1", "2")
	link("..data/f.json")
	f.waits("a link", func() bool { return f.weights()["pod2"] == 2 })
	volume("..2", "3")
	f.waits("the directory that it leads to", func() bool { return f.weights()["pod2"] == 3 })

	file := filepath.Join(elsewhere, "g.json")
	require.NoError(t, os.WriteFile(file, weighs("4"), 0o600))
	link(file)
	f.waits("another directory", func() bool { return f.weights()["pod2"] == 4 })
	require.NoError(t, os.WriteFile(file+".new", weighs("5"), 0o600))
	require.NoError(t, os.Rename(file+".new", file))
	f.waits("a change there", func() bool { return f.weights()["pod2"] == 5 })
}

// Members that changed over HTTP and the flows outlive the process, as long as
// the file is the same.
func TestRestart(t *testing.T) {
	f := newGateway(t, sample)
	code, answer := f.do("PUT", "/members/pod3", `{"dev": "ecmp-3", "addr": "10.9.3.2", "mac": "02:00:00:01:03:02"}`)
	require.Equal(t, 201, code, answer)
	vip := netip.MustParseAddr("172.16.0.20")
	went := f.plane.Receive(vip, 0, 300)
	f.do("POST", "/members/pod3/drain", "")
	snapshot := filepath.Join(f.dir, "flows")
	f.waits("it is saved without being stopped", func() bool {
		data, err := os.ReadFile(snapshot)
		return err == nil && bytes.Contains(data, []byte(`"weight":0`))
	})
	killed, err := os.ReadFile(snapshot)
	require.NoError(t, err)
	require.NoError(t, f.stop())
	require.NoError(t, os.WriteFile(snapshot, killed, 0o600)) // as if it had been killed

	f.start()
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 1, "pod3": 0}, f.weights())
	assert.Equal(t, went, f.plane.Receive(vip, 0, 300))
	require.NoError(t, f.stop())

	// Members that can't be in force any more are no reason not to run, and
	// their flows are none not to keep the others.
	refused := bytes.Replace(killed, []byte(`"weight":1`), []byte(`"weight":4294967294`), 1)
	require.NotEqual(t, killed, refused)
	require.NoError(t, os.WriteFile(snapshot, refused, 0o600))
	f.start()
	assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 1}, f.weights())
	for i, id := range f.plane.Receive(vip, 0, 300) {
		if went[i] != "pod3" {
			assert.Equal(t, went[i], id)
		}
	}
	require.NoError(t, f.stop())

	for _, useless := range []string{"", "{}\n", "no snapshot"} {
		require.NoError(t, os.WriteFile(snapshot, []byte(useless), 0o600))
		f.start()
		assert.Equal(t, map[string]uint32{"pod1": 1, "pod2": 1}, f.weights())
		require.NoError(t, f.stop())
	}
	left, err := os.ReadDir(f.dir)
	require.NoError(t, err)
	assert.Len(t, left, 2, "the configuration and the snapshot")
}

// Snapshots that fail are counted, shown and logged once, and go on when they
// can.
func TestSnapshotsFail(t *testing.T) {
	f := newGateway(t, sample)
	f.waits("a snapshot", func() bool { return f.stats().Snapshots.Done > 0 })
	obstacle := filepath.Join(f.dir, "flows.new")
	f.waits("the next file is not there", func() bool { return os.Mkdir(obstacle, 0o700) == nil })
	f.waits("failures", func() bool { return f.stats().Snapshots.Failed > 1 })
	assert.Contains(t, f.stats().Snapshots.Error, "flows.new")
	done := f.stats().Snapshots.Done
	require.NoError(t, os.Remove(obstacle))
	f.waits("it goes on", func() bool { return f.stats().Snapshots.Done > done })
	assert.Empty(t, f.stats().Snapshots.Error)
	require.NoError(t, f.stop())
	assert.Equal(t, 1, strings.Count(f.log.String(), "msg=\"no snapshot\""))
	assert.Equal(t, 1, strings.Count(f.log.String(), "written again"))
}

func TestDoesNotRun(t *testing.T) {
	f := newGateway(t, sample)
	run := func(text string, open func(plane.Config) (plane.Plane, error)) error {
		file := filepath.Join(t.TempDir(), "f.json")
		require.NoError(t, os.WriteFile(file, []byte(strings.ReplaceAll(text, "DIR", f.dir)), 0o600))
		return live.Run(t.Context(), live.Options{File: file, Log: slog.New(slog.DiscardHandler),
			Planes: kinds(open)})
	}
	var made *fakeplane.Plane
	fake := func(c plane.Config) (p plane.Plane, err error) {
		made, err = fakeplane.New(c.Domain)
		return made, err
	}
	var wrong *config.Error
	require.ErrorAs(t, run("{}", fake), &wrong)
	// What the strategy alone knows is found later, and said with its line too.
	unequal := strings.NewReplacer("DIR/control", "DIR/other", `"vip"`, `"strategy": "anchor", "vip"`,
		`"id": "pod2"`, `"weight": 2, "id": "pod2"`).Replace(sample)
	require.ErrorAs(t, run(unequal, fake), &wrong)
	assert.Equal(t, 5, wrong.Line)
	assert.Contains(t, wrong.Reason, "unequal weights")
	require.Error(t, made.Close(), "it is closed")
	made = nil
	require.ErrorContains(t, run(sample, fake), "is in use")
	require.Nil(t, made, "no plane is made beside another gateway's")
	require.NoError(t, f.stop())
	failure := errors.New("no such plane")
	require.ErrorIs(t, run(sample, func(plane.Config) (plane.Plane, error) { return nil, failure }), failure)
	require.ErrorIs(t, run(sample, func(c plane.Config) (plane.Plane, error) {
		p, err := fake(c)
		made.FailOutputs = failure
		return p, err
	}), failure)
	require.Error(t, made.Close(), "it is closed")
	require.ErrorAs(t, run(strings.Replace(sample, "DIR/flows", "DIR/none/flows", 1), fake), &wrong)
	assert.Equal(t, 2, wrong.Line)
	require.ErrorIs(t, wrong, os.ErrNotExist)
	require.ErrorIs(t, live.Run(t.Context(), live.Options{File: filepath.Join(t.TempDir(), "none")}), os.ErrNotExist)
}
