package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/ecmp-go/ecmp/hash"
)

// A fabric is the routers of a file. A flow goes from router to router as long
// as the name of its next hop is that of a router.
type fabric struct {
	routers []router
	byName  map[string]*router
}

// A router is one router of a fabric.
type router struct {
	Name   string        `json:"name"`
	Policy uint          `json:"policy"`
	Fields *uint         `json:"fields"` // 7 if absent, as in the kernel
	Seed   uint          `json:"seed"`
	Groups []routerGroup `json:"groups"`

	linux hash.Linux611
}

// A routerGroup is a route of a router: to a prefix, or to all.
type routerGroup struct {
	To       string `json:"to"`       // prefix, or "" for all
	Nexthops string `json:"nexthops"` // as of -nexthops
	Buckets  int    `json:"buckets"`  // of a resilient group

	prefix netip.Prefix
	group  group
}

// readFabric reads a file of routers.
func readFabric(name string) (*fabric, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	f, err := parseFabric(data)
	if err != nil {
		return nil, usageError{fmt.Errorf("%s: %w", name, err)}
	}
	return f, nil
}

func parseFabric(data []byte) (*fabric, error) {
	var file struct {
		Routers []router `json:"routers"`
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&file); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("there is something behind the JSON")
	}
	if len(file.Routers) == 0 {
		return nil, errors.New("there are no routers")
	}
	f := &fabric{file.Routers, map[string]*router{}}
	for i := range f.routers {
		r := &f.routers[i]
		if err := r.check(); err != nil {
			return nil, fmt.Errorf("router %d, %q: %w", i+1, r.Name, err)
		}
		if f.byName[r.Name] != nil {
			return nil, fmt.Errorf("router %d, %q: another one has this name", i+1, r.Name)
		}
		f.byName[r.Name] = r
	}
	return f, nil
}

func (r *router) check() (err error) {
	fields := uint(hash.ThreeTuple)
	if r.Fields != nil {
		fields = *r.Fields
	}
	switch {
	case r.Name == "":
		return errors.New("it has no name")
	case len(r.Groups) == 0:
		return errors.New("it has no groups")
	case r.Seed == 0:
		return errors.New("seed 0 is random, so nothing can be predicted")
	}
	if r.linux, err = kernel(r.Seed, r.Policy, fields); err != nil {
		return err
	}
	seen := map[netip.Prefix]bool{}
	for i := range r.Groups {
		g := &r.Groups[i]
		if g.To != "" {
			if g.prefix, err = netip.ParsePrefix(g.To); err != nil {
				return err
			}
			g.prefix = g.prefix.Masked()
		}
		if seen[g.prefix] {
			return fmt.Errorf("group %d: another one has its prefix", i+1)
		}
		seen[g.prefix] = true
		if g.group, err = parseGroup(g.Nexthops); err == nil && g.Buckets != 0 {
			g.group, err = g.group.resilient(g.Buckets)
		}
		if err != nil {
			return fmt.Errorf("group %d: %w", i+1, err)
		}
	}
	return nil
}

// route returns the group of the longest prefix that has an address, or nil.
func (r *router) route(to netip.Addr) *group {
	var best *routerGroup
	for i := range r.Groups {
		g := &r.Groups[i]
		if (g.To == "" || g.prefix.Contains(to)) && (best == nil || g.length() > best.length()) {
			best = g
		}
	}
	if best == nil {
		return nil
	}
	return &best.group
}

func (g *routerGroup) length() int {
	if g.To == "" {
		return -1
	}
	return g.prefix.Bits()
}

// path returns the choices of the routers on the path of a flow, which it enters
// at the router of this name.
func (f *fabric) path(from string, k hash.FlowKey) (path []prediction, err error) {
	visited := map[string]bool{}
	for r := f.byName[from]; r != nil; {
		if visited[r.Name] {
			return path, fmt.Errorf("the flow comes to %s again: the routes make a loop", r.Name)
		}
		visited[r.Name] = true
		g := r.route(k.Dst().Addr())
		if g == nil {
			return path, fmt.Errorf("%s has no route to %s", r.Name, k.Dst().Addr())
		}
		p := predict(r.linux, *g, k, forwarded)
		p.Router = r.Name
		path = append(path, p)
		r = f.byName[p.Nexthop]
	}
	return path, nil
}

// kernels returns the hashes of all routers.
func (f *fabric) kernels() (all []hash.Linux611) {
	for _, r := range f.routers {
		all = append(all, r.linux)
	}
	return all
}

// A walk is the output of -walk.
type walk struct {
	Flow string       `json:"flow"`
	Path []prediction `json:"path"`
}

// predictWalk predicts the path of a flow through the routers of a file, or
// flows that take every link.
func predictWalk(o options, w io.Writer) error {
	f, err := readFabric(o.walk)
	if err != nil {
		return err
	}
	from := o.from
	if from == "" {
		from = f.routers[0].Name
	}
	if f.byName[from] == nil {
		return usageError{fmt.Errorf("-from: there is no router %q", from)}
	}
	find := func(k hash.FlowKey) ([]prediction, error) { return f.path(from, k) }
	if o.cover {
		v, err := vary(o.flow, f.kernels()...)
		if err != nil {
			return err
		}
		c, err := cover(o.flow, v, find)
		if err != nil {
			return err
		}
		return c.write(o, w)
	}
	path, err := find(o.flow)
	if err != nil {
		return err
	}
	if o.json {
		return newEncoder(w).Encode(walk{o.flow.String(), path})
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", o.flow)
	for _, p := range path {
		hash, nexthop, remark := p.Hash32, p.Nexthop, p.remark()
		if nexthop == "" {
			hash, nexthop = "-", "-"
		}
		fmt.Fprintf(&b, "%s  policy %d  %s  %s", p.Router, p.Policy, hash, nexthop)
		if remark != "" {
			fmt.Fprintf(&b, "  (%s)", remark)
		}
		b.WriteByte('\n')
	}
	_, err = io.WriteString(w, b.String())
	return err
}
