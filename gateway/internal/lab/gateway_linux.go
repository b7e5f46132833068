package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
)

// A gateway is a process of its own on a router, which is told what to do over
// HTTP.
type gateway struct {
	process
	program string
	dir     string // of its files
	http    http.Client
	pause   time.Duration // that the last restart took
}

const loopback = "127.0.0.1:7001"

var errEnded = errors.New("the gateway ended")

// member is a pod as the gateway knows it.
type member struct {
	ID     string `json:"id"`
	Dev    string `json:"dev"`
	Addr   string `json:"addr"`
	MAC    string `json:"mac"`
	Weight int    `json:"weight"`

	Tunnel *tunnel `json:"tunnel,omitempty"`
}

func members(pods []*pod) []member {
	list := make([]member, len(pods))
	for i, p := range pods {
		list[i] = member{ID: p.id, Dev: p.dev, Addr: p.addr.String(), MAC: p.mac, Weight: 1, Tunnel: p.tunnel}
	}
	return list
}

// newGateway starts the gateway with the first three pods.
func newGateway(ctx context.Context, n *network, c Config) (g *gateway, err error) {
	g = &gateway{process: process{ns: n.router}, program: c.Program}
	if kind, _ := plane.Find(planes.All(), c.Plane); kind.Needs.WholeFrames {
		if err := n.plainFrames(); err != nil {
			return nil, err
		}
	}
	if g.dir, err = os.MkdirTemp("", n.router.Name()+"-"); err != nil {
		return nil, err
	}
	control := "unix:" + g.socket()
	if c.Loopback {
		control = loopback
	}
	g.http = http.Client{Timeout: time.Minute, Transport: &http.Transport{DialContext: g.dialer(control)}}
	config := map[string]any{
		"in": "lc", "vip": n.vip(), "members": members(n.pods[:3]), "control": control,
		"io": c.Plane, "strategy": c.Strategy, "seed": c.Seed, "sticky": c.Sticky,
	}
	if c.Sticky {
		config["idle"], config["snapshot"] = "30s", g.snapshot()
	}
	data, err := json.Marshal(config)
	if err == nil {
		err = os.WriteFile(g.file(), data, 0o600)
	}
	if err == nil {
		err = g.run(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, g.close())
	}
	return g, nil
}

// removeStaleDirs removes the files of runs that crashed.
func removeStaleDirs() error {
	dirs, err := filepath.Glob(filepath.Join(os.TempDir(), "*-router-*"))
	for _, dir := range dirs {
		if netns.Stale(filepath.Base(dir)) {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}
	return err
}

// dialer returns what connects to the gateway's control, be it a socket or a
// port of the router's loopback.
func (g *gateway) dialer(control string) func(ctx context.Context, network, address string) (net.Conn, error) {
	network, address := "tcp", control
	if path, ok := strings.CutPrefix(control, "unix:"); ok {
		network, address = "unix", path
	}
	return func(ctx context.Context, _, _ string) (conn net.Conn, err error) {
		err = g.ns.Do(func() (err error) {
			conn, err = (&net.Dialer{}).DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}
}

func (g *gateway) socket() string   { return filepath.Join(g.dir, "control") }
func (g *gateway) snapshot() string { return filepath.Join(g.dir, "flows") }
func (g *gateway) file() string     { return filepath.Join(g.dir, "config.json") }

// run starts the child and waits until packets flow.
func (g *gateway) run(ctx context.Context) error {
	if err := g.launch(g.program, "run", "-config", g.file()); err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-g.ended:
			return fmt.Errorf("%w: %s", errEnded, g.said())
		case <-time.After(5 * time.Millisecond):
		}
		if g.call(http.MethodGet, "/healthz", nil, nil) == nil {
			return nil
		}
	}
}

// end ends the child by a signal, and waits for that.
func (g *gateway) end(signal os.Signal) {
	g.signal(signal)
	g.http.CloseIdleConnections()
}

// call asks the gateway, with a body unless that is nil, and decodes what it
// answers into answer, unless that is nil.
func (g *gateway) call(method, path string, body, answer any) error {
	var data []byte
	if body != nil {
		var err error
		if data, err = json.Marshal(body); err != nil {
			return err
		}
	}
	text, err := g.request(method, path, data)
	if err != nil || answer == nil {
		return err
	}
	return json.Unmarshal(text, answer)
}

// request returns the answer, or an error unless that is a 2xx.
func (g *gateway) request(method, path string, body []byte) ([]byte, error) {
	request, err := http.NewRequestWithContext(context.Background(), method, "http://localhost"+path,
		bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	response, err := g.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() //nolint:errcheck // it was read
	text, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode/100 != 2 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, response.Status, bytes.TrimSpace(text))
	}
	return text, err
}

func (g *gateway) start(pods []*pod) error { return g.replace(pods) }

func (g *gateway) replace(pods []*pod) error {
	return g.call(http.MethodPut, "/members", members(pods), nil)
}

func (g *gateway) add(p *pod) error {
	return g.call(http.MethodPut, "/members/"+p.id, members([]*pod{p})[0], nil)
}

func (g *gateway) remove(p *pod) error { return g.call(http.MethodDelete, "/members/"+p.id, nil, nil) }

func (g *gateway) drains() bool { return true }

func (g *gateway) drain(p *pod) error {
	return g.call(http.MethodPost, "/members/"+p.id+"/drain", nil, nil)
}

func (g *gateway) close() error {
	g.end(syscall.SIGTERM)
	return os.RemoveAll(g.dir)
}
