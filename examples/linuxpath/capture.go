package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"

	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/hash"
)

// totals are the counts of the packets of a capture.
type totals struct {
	Packets int            `json:"packets"` // all of them
	NotIP   int            `json:"not_ip"`
	Bad     int            `json:"bad"`     // damaged, or not captured whole
	Nexthop map[string]int `json:"nexthop"` // by the next hop that they take
}

// predictCapture predicts the next hop of every packet of a capture.
func predictCapture(o options, w io.Writer) (err error) {
	file, err := os.Open(o.pcap)
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
	for {
		packet, err := in.Next(nil)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("%s: %w", o.pcap, err)
		}
		count.Packets++
		if err := hash.Parse(packet.Frame, &headers[0]); err != nil {
			if errors.Is(err, hash.ErrNotIP) {
				count.NotIP++
			} else {
				count.Bad++
			}
			if err := writeUnparsed(o, out, lines, count.Packets, err); err != nil {
				return err
			}
			continue
		}
		o.linux.HashHeaders(hashes, headers, nil)
		p := predictHash(o.linux, o.nexthops, headers[0].Outer, hashes[0], netip.Addr{})
		p.Packet = count.Packets
		if headers[0].Tunnels > 0 {
			p.Inner = headers[0].Inner.String()
		}
		count.Nexthop[p.Nexthop]++
		if err := writePacket(o, out, lines, p); err != nil {
			return err
		}
	}
	return writeTotals(o, out, lines, count)
}

func writePacket(o options, w io.Writer, lines *json.Encoder, p prediction) error {
	if o.json {
		return lines.Encode(p)
	}
	flow := p.Flow
	if p.Inner != "" {
		flow += " [" + p.Inner + "]"
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
