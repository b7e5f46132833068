package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/hash"
)

// totals are the counts of the packets of a capture.
type totals struct {
	Packets int `json:"packets"` // all of them
	NotIP   int `json:"not_ip"`
	Bad     int `json:"bad"` // damaged, or captured too short to have its headers
	// predicted, but of a packet that the kernel may read otherwise
	Uncertain int            `json:"uncertain"`
	Skipped   map[string]int `json:"skipped,omitempty"` // by the link type, which is not served
	Nexthop   map[string]int `json:"nexthop"`           // by the next hop that they take
}

// predictCapture predicts the next hop of every packet of a capture.
func predictCapture(o options, w io.Writer) (err error) {
	file, err := capture.Open(o.pcap)
	if err != nil {
		return err
	}
	defer file.Close() //nolint:errcheck // read only
	in, err := capture.NewReader(file)
	if err != nil {
		return fmt.Errorf("%s: %w", o.pcap, err)
	}
	out := bufio.NewWriter(w)
	defer func() { err = errors.Join(err, out.Flush()) }()
	lines := newEncoder(out)
	count := totals{Nexthop: map[string]int{}}
	headers, hashes := make([]hash.Headers, 1), make([]uint64, 1)
	var buf []byte
	var broken error // a capture that is cut at its end has totals too
	for {
		if o.pcap == "-" { // so that nothing is lost if this program is stopped
			if err := out.Flush(); err != nil {
				return err
			}
		}
		packet, err := in.Next(buf)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			broken = fmt.Errorf("%s: %w", o.pcap, err)
			break
		}
		buf = packet.Frame
		count.Packets++
		if err := packet.Parse(&headers[0]); err != nil {
			if errors.Is(err, hash.ErrNotIP) {
				count.NotIP++
			} else {
				count.Bad++
			}
			if err := writeUnparsed(o, out, lines, in.Number(), err); err != nil {
				return err
			}
			continue
		}
		o.linux.HashHeaders(hashes, headers, nil)
		p := predictHash(o.linux, o.nexthops, headers[0].Outer, hashes[0], netip.Addr{})
		p.Packet, p.Uncertain = in.Number(), uncertain(o.linux, headers[0])
		if p.Uncertain != "" {
			count.Uncertain++
		}
		if headers[0].Tunnels > 0 {
			p.Inner = headers[0].Inner.String()
		}
		count.Nexthop[p.Nexthop]++
		if err := writePacket(o, out, lines, p); err != nil {
			return err
		}
	}
	for link, n := range in.Skipped() {
		if count.Skipped == nil {
			count.Skipped = map[string]int{}
		}
		count.Skipped[link.String()] = n
	}
	return errors.Join(broken, writeTotals(o, out, lines, count))
}

// uncertain returns why the kernel may see another packet than hash.Parse, or
// "": where the policy looks into a tunnel whose inside is damaged, too deep, or
// not captured. It never looks into those over UDP.
func uncertain(l hash.Linux611, h hash.Headers) string {
	looks := l.Policy == hash.LinuxInner || l.Policy == hash.LinuxCustom && l.Fields.Inner() != 0
	if err := h.InnerErr(); err != nil && looks && !behindUDP(h, err) {
		return "inside the tunnel: " + err.Error()
	}
	return ""
}

// behindUDP reports that what is wrong inside a tunnel, err, is behind a UDP
// header: the outermost, or the innermost that is sound.
func behindUDP(h hash.Headers, err error) bool {
	if h.Outer.Proto() == hash.UDP {
		return true
	}
	var at *hash.ParseError
	return h.Tunnels > 0 && h.Inner.Proto() == hash.UDP && errors.As(err, &at) && at.Offset() > int(h.InnerL4Offset)
}

func writePacket(o options, w io.Writer, lines *json.Encoder, p prediction) error {
	if o.json {
		return lines.Encode(p)
	}
	flow := p.Flow
	if p.Inner != "" {
		flow += " [" + p.Inner + "]"
	}
	if r := p.remark(); r != "" {
		flow += " (" + r + ")"
	}
	_, err := fmt.Fprintf(w, "%d\t%s\t%s\t%s\n", p.Packet, p.Hash32, p.Nexthop, flow)
	return err
}

func writeUnparsed(o options, w io.Writer, lines *json.Encoder, packet int, cause error) error {
	if o.json {
		return lines.Encode(map[string]any{"packet": packet, "error": cause.Error()})
	}
	_, err := fmt.Fprintf(w, "%d\t-\t-\t%v\n", packet, cause)
	return err
}

func writeTotals(o options, w io.Writer, lines *json.Encoder, count totals) error {
	if o.json {
		return lines.Encode(map[string]totals{"total": count})
	}
	_, err := fmt.Fprintf(w, "%d packets, %d of them not IP and %d damaged", count.Packets, count.NotIP, count.Bad)
	if err == nil && count.Uncertain > 0 {
		_, err = fmt.Fprintf(w, "; %d uncertain", count.Uncertain)
	}
	for _, link := range slices.Sorted(maps.Keys(count.Skipped)) {
		if err == nil {
			_, err = fmt.Fprintf(w, "; %d of link type %s skipped", count.Skipped[link], link)
		}
	}
	for _, hop := range o.nexthops.hops {
		if err == nil {
			_, err = fmt.Fprintf(w, "; %s %d", hop.name, count.Nexthop[hop.name])
		}
	}
	if err == nil {
		_, err = fmt.Fprintln(w)
	}
	return err
}
