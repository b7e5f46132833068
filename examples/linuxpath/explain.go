package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"strings"

	"github.com/ecmp-go/ecmp/hash"
)

// A prediction says which next hop a flow or packet takes, and why.
type prediction struct {
	Packet int      `json:"packet,omitempty"` // number in the capture, from 1
	Router string   `json:"router,omitempty"` // of -walk
	Flow   string   `json:"flow"`
	Inner  string   `json:"inner,omitempty"`  // innermost flow of a tunnel
	Socket socket   `json:"socket,omitempty"` // of a packet that the host sends itself
	Policy int      `json:"policy"`
	Fields []string `json:"fields"`
	Seed   uint32   `json:"seed"`
	Hash32 string   `json:"hash32,omitempty"`
	Hash31 uint32   `json:"hash31"`
	// of Hash31, first and last, in a hash-threshold group
	Range  *[2]uint32 `json:"range,omitempty"`
	Bucket *int       `json:"bucket,omitempty"` // in a resilient group

	// Nexthop is empty where it can't be predicted. Why says then why not, and
	// otherwise what decides other than the hash.
	Nexthop string `json:"nexthop"`
	Why     string `json:"why,omitempty"`

	Uncertain string `json:"uncertain,omitempty"` // why the kernel may see another packet

	Kernel string `json:"kernel,omitempty"` // next hop that the kernel chose
	Query  string `json:"query,omitempty"`  // next hop that the kernel should name, if another
	random bool   // each packet or connection has another hash
	group  *group // that the next hop is of
}

const randomPort = "the kernel hashes a random source port for a TCP socket that is not bound to one"

const hiddenSPI = "the kernel hashes the SPI of ESP and AH in place of ports, which only a packet tells: see -pcap"

const cardHash = "policy 1 takes the hash of the network card instead, where that computes one"

// predict returns the prediction for a flow that is forwarded or that a socket
// of this host sends.
func predict(l hash.Linux611, g group, k hash.FlowKey, s socket) prediction {
	l.Local = s.local()
	if s.drawsPort(l, k) && !g.decides(s.preferred(k)) {
		return prediction{
			Flow: k.String(), Socket: s, Policy: int(l.Policy), Fields: fieldNames(l, k.Is6()), Seed: l.Seed,
			Why: randomPort, random: true,
		}
	}
	if hashesSPI(l, k) && !g.decides(s.preferred(k)) {
		return prediction{
			Flow: k.String(), Socket: s, Policy: int(l.Policy), Fields: fieldNames(l, k.Is6()), Seed: l.Seed,
			Why: hiddenSPI,
		}
	}
	p := predictHash(l, g, k, l.Hash(s.routed(k)), s.preferred(k))
	p.Socket = s
	if l.Policy == hash.LinuxL4 && !s.local() && len(g.living) > 1 {
		p.Uncertain = cardHash
	}
	return p
}

// predictHash returns the prediction for a flow with this hash. The source is
// that of group.choose.
func predictHash(l hash.Linux611, g group, k hash.FlowKey, h uint64, source netip.Addr) prediction {
	c := g.choose(h, source)
	p := prediction{
		group: &g,
		Flow:  k.String(), Policy: int(l.Policy), Fields: fieldNames(l, k.Is6()), Seed: l.Seed,
		Hash32: fmt.Sprintf("%08x", uint32(h>>32)), Hash31: uint32(h >> 33), Nexthop: c.name, Why: c.why,
	}
	if c.bucket >= 0 {
		p.Bucket = &c.bucket
	} else {
		p.Range = &[2]uint32{c.low, c.high}
	}
	return p
}

// fieldNames returns the names of the fields that the policy hashes.
func fieldNames(l hash.Linux611, v6 bool) []string {
	names := [...]string{"source", "destination", "protocol", "label", "source port", "destination port"}
	mask := hash.NewLinuxFields(hash.Addresses, 0)
	switch l.Policy {
	case hash.LinuxL4:
		mask = hash.NewLinuxFields(hash.FiveTuple, 0)
	case hash.LinuxCustom:
		mask = l.Fields
	default:
		if v6 {
			mask = hash.NewLinuxFields(hash.ThreeTuple|hash.Label, 0)
		}
	}
	if !v6 {
		mask &^= hash.NewLinuxFields(hash.Label, 0)
	}
	if l.Local { // the kernel does not look into tunnels of its own
		mask &= 1<<len(names) - 1
	}
	var all []string
	for i := range 12 {
		if mask>>i&1 == 0 {
			continue
		}
		name := names[i%6]
		if i >= 6 || l.Policy == hash.LinuxInner && !l.Local {
			name = "inner " + name
		}
		all = append(all, name)
	}
	return all
}

var policyNames = [...]string{ //nolint:gochecknoglobals // read-only
	"addresses", "five-tuple", "inner addresses", "custom",
}

// explain predicts the next hop of the flow of the command line.
func explain(o options, w io.Writer) error {
	p := predict(o.linux, o.nexthops, o.flow, o.socket)
	if o.json {
		return newEncoder(w).Encode(p)
	}
	_, err := io.WriteString(w, p.text())
	return err
}

// remark returns the reason other than the hash and what is uncertain, or "".
func (p prediction) remark() string {
	switch {
	case p.Uncertain == "":
		return p.Why
	case p.Why == "":
		return "uncertain: " + p.Uncertain
	}
	return p.Why + "; uncertain: " + p.Uncertain
}

// newEncoder returns an encoder of lines of JSON. It leaves the ">" in the
// arrow of a flow as it is.
func newEncoder(w io.Writer) *json.Encoder {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e
}

// text returns the prediction as lines for people.
func (p prediction) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "flow      %s\n", p.Flow)
	if p.Inner != "" {
		fmt.Fprintf(&b, "inner     %s\n", p.Inner)
	}
	if p.Socket.local() {
		fmt.Fprintf(&b, "sent by   a socket of this host, %s\n", p.Socket)
	}
	fmt.Fprintf(&b, "policy    %d, %s, seed %d\n", p.Policy, policyNames[p.Policy], p.Seed)
	fmt.Fprintf(&b, "hashed    %s\n", strings.Join(p.Fields, ", "))
	switch {
	case p.Nexthop == "":
	case p.Bucket != nil:
		fmt.Fprintf(&b, "hash      %s, of which the upper 31 bits are %d\n", p.Hash32, p.Hash31)
		fmt.Fprintf(&b, "bucket    %d\n", *p.Bucket)
	default:
		fmt.Fprintf(&b, "hash      %s, of which the upper 31 bits are %d\n", p.Hash32, p.Hash31)
		fmt.Fprintf(&b, "range     %d to %d\n", p.Range[0], p.Range[1])
	}
	if p.Nexthop == "" {
		b.WriteString("next hop  not predicted\n")
	} else {
		fmt.Fprintf(&b, "next hop  %s\n", p.Nexthop)
	}
	if p.Why != "" {
		fmt.Fprintf(&b, "since     %s\n", p.Why)
	}
	if p.Uncertain != "" {
		fmt.Fprintf(&b, "uncertain %s\n", p.Uncertain)
	}
	return b.String()
}
