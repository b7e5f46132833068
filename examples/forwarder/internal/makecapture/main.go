//go:build linux

// Makecapture makes the capture that the forwarder example plays:
// examples/forwarder/testdata/vip.pcap.
//
// It joins two network namespaces by a veth pair. One holds the service, an
// echo on TCP 80 and 443 and UDP 53 and 443 of 172.16.0.20 and
// 2001:db8:ac10::14. In the other, clients of 40 source addresses, half of them
// IPv6, open flows to it and talk for a while: some stay for the whole capture,
// the others come and go. What passes the client's end of the pair, in both
// directions, is what the capture holds: real TCP and UDP of the Linux stack,
// the neighbour discovery that comes with it, and nothing edited. The offloads
// of both ends are off, so that checksums and segment sizes are those of a
// wire.
//
// It needs Linux, root, and the commands ip and ethtool, and removes the
// namespaces when it ends:
//
//	go run ./examples/forwarder/internal/makecapture -out examples/forwarder/testdata/vip.pcap
package main

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

func main() {
	out := flag.String("out", "vip.pcap", "capture to write")
	flows := flag.Int("flows", 720, "number of flows")
	last := flag.Duration("time", 75*time.Second, "how long to capture")
	seed := flag.Uint64("seed", 1, "seed of the flows' addresses, ports and times")
	flag.Parse()
	packets, err := record(plan(*flows, *last, *seed))
	if err == nil {
		err = write(*out, packets)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "makecapture:", err)
		os.Exit(1)
	}
}

// record runs the flows in namespaces of its own and returns what passed.
func record(flows []flow) (packets []packet, err error) {
	n, err := newNetwork()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, n.remove()) }()
	if err := in(n.service, serve); err != nil {
		return nil, err
	}
	var handle *pcapgo.EthernetHandle
	err = in(n.clients, func() (err error) {
		handle, err = pcapgo.NewEthernetHandle(clientLink)
		return err
	})
	if err != nil {
		return nil, err
	}
	done := make(chan []packet)
	go func() { done <- capture(handle) }()
	err = in(n.clients, func() error { return run(flows) })
	time.Sleep(500 * time.Millisecond) // the last FINs and their answers
	return <-closing(handle, done), err
}

// closing closes the handle, which ends capture, and returns done.
func closing(handle *pcapgo.EthernetHandle, done chan []packet) chan []packet {
	if err := handle.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "makecapture:", err)
	}
	return done
}

type packet struct {
	info gopacket.CaptureInfo
	data []byte
}

// capture reads packets until the handle is closed.
func capture(handle *pcapgo.EthernetHandle) (packets []packet) {
	for {
		data, info, err := handle.ReadPacketData()
		if err != nil {
			return packets
		}
		packets = append(packets, packet{info, data})
	}
}

// write writes the packets in order of time: the two directions reach the
// packet socket from two processors.
func write(name string, packets []packet) error {
	slices.SortStableFunc(packets, func(a, b packet) int {
		return cmp.Compare(a.info.Timestamp.UnixNano(), b.info.Timestamp.UnixNano())
	})
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := pcapgo.NewWriterNanos(f)
	err = w.WriteFileHeader(65535, layers.LinkTypeEthernet)
	for _, p := range packets {
		if err != nil {
			break
		}
		err = w.WritePacket(p.info, p.data)
	}
	return errors.Join(err, f.Close())
}
