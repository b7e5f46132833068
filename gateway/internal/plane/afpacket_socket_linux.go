package plane

import (
	"encoding/binary"
	"errors"
	"os"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// The messages of neighbour discovery (RFC 4861).
const (
	firstOfND = 133
	lastOfND  = 137
)

const (
	virtioSize = 10 // struct virtio_net_hdr
	packetSize = virtioSize + 14 + 65535 + 1

	bufferBytes = 32 << 20 // of a socket: some 400 segments of 64 KB
)

// openReceiver returns a packet socket that receives what an interface does,
// and its ring.
func openReceiver(device int) (socket int, ring *afpacketRing, err error) {
	if socket, err = newPacketSocket(); err != nil {
		return -1, nil, err
	}
	defer func() {
		if err != nil {
			_ = unix.Close(socket)
		}
	}()
	if err := unix.SetsockoptSockFprog(socket, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, forRouter()); err != nil {
		return -1, nil, os.NewSyscallError("attach filter", err)
	}
	if ring, err = newAFPacketRing(socket); err != nil {
		return -1, nil, err
	}
	if err := bindPacket(socket, device, unix.ETH_P_ALL); err != nil {
		return -1, nil, errors.Join(err, ring.close())
	}
	return socket, ring, nil
}

// openSender returns a packet socket that sends by an interface, and receives
// nothing.
func openSender(device int) (int, error) {
	socket, err := newPacketSocket()
	if err != nil {
		return -1, err
	}
	if err := bindPacket(socket, device, 0); err != nil {
		_ = unix.Close(socket)
		return -1, err
	}
	return socket, nil
}

// newPacketSocket returns a socket without an address.
func newPacketSocket() (int, error) {
	socket, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	for _, option := range []struct{ level, name, value int }{
		{unix.SOL_PACKET, unix.PACKET_VNET_HDR, 1},
		{unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1},
		{unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, bufferBytes},
		{unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, bufferBytes},
	} {
		if err := unix.SetsockoptInt(socket, option.level, option.name, option.value); err != nil {
			_ = unix.Close(socket)
			return -1, os.NewSyscallError("setsockopt", err)
		}
	}
	return socket, nil
}

func bindPacket(socket, device int, protocol uint16) error {
	address := &unix.SockaddrLinklayer{Ifindex: device, Protocol: networkOrder(protocol)}
	return os.NewSyscallError("bind", unix.Bind(socket, address))
}

func networkOrder(v uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, v))
}

// forRouter returns a filter that lets pass what a router is to forward: IP
// packets to its own MAC address, without VLAN tag, that are not neighbour
// discovery.
func forRouter() *unix.SockFprog {
	const (
		ipv6        = 14 // of the frame
		nextHeader  = ipv6 + 6
		icmpType    = ipv6 + 40
		icmpv6      = 58
		all, ignore = 1 << 20, 0
	)
	// A skip is the number of instructions to pass over. A test assembles the
	// program, so there is no error.
	program, _ := bpf.Assemble([]bpf.Instruction{
		bpf.LoadExtension{Num: bpf.ExtType},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.PACKET_HOST, SkipTrue: 10},
		bpf.LoadExtension{Num: bpf.ExtVLANTagPresent},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: 0, SkipTrue: 8},
		bpf.LoadExtension{Num: bpf.ExtProto},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.ETH_P_IP, SkipTrue: 7},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.ETH_P_IPV6, SkipTrue: 5},
		bpf.LoadAbsolute{Off: nextHeader, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: icmpv6, SkipTrue: 4},
		bpf.LoadAbsolute{Off: icmpType, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpLessThan, Val: firstOfND, SkipTrue: 2},
		bpf.JumpIf{Cond: bpf.JumpGreaterThan, Val: lastOfND, SkipTrue: 1},
		bpf.RetConstant{Val: ignore},
		bpf.RetConstant{Val: all},
	})
	filter := make([]unix.SockFilter, len(program))
	for i, in := range program {
		filter[i] = unix.SockFilter{Code: in.Op, Jt: in.Jt, Jf: in.Jf, K: in.K}
	}
	return &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
}

// fanOut lets a socket share packets with another one, so that those of a flow,
// both directions of it, all go to one of them; the first one of a group has
// -1.
func fanOut(socket, with int) error {
	const method = unix.PACKET_FANOUT_HASH
	value := method<<16 | unix.PACKET_FANOUT_FLAG_UNIQUEID<<16
	if with >= 0 {
		group, err := unix.GetsockoptInt(with, unix.SOL_PACKET, unix.PACKET_FANOUT)
		if err != nil {
			return os.NewSyscallError("getsockopt", err)
		}
		value = method<<16 | group&0xffff
	}
	return os.NewSyscallError("setsockopt", unix.SetsockoptInt(socket, unix.SOL_PACKET, unix.PACKET_FANOUT, value))
}
