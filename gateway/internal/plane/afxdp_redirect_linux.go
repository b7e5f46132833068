package plane

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// A redirect is the XDP program that takes the packets of services to sockets,
// and its maps.
type redirect struct {
	sockets  *ebpf.Map // by number of the device and queue
	services *ebpf.Map // their prefixes, IPv4 as IPv4-mapped
	admitted map[netip.Prefix]bool
}

// A serviceKey is a key of services.
type serviceKey struct {
	Bits    uint32
	Address [16]byte
}

func keyOf(p netip.Prefix) serviceKey {
	k := serviceKey{Bits: uint32(p.Bits()), Address: p.Addr().As16()}
	if p.Addr().Is4() {
		k.Bits += 96
	}
	return k
}

func newRedirect(sockets int) (*redirect, error) {
	r := &redirect{admitted: make(map[netip.Prefix]bool)}
	var err error
	r.sockets, err = ebpf.NewMap(&ebpf.MapSpec{Name: "ecmp_sockets", Type: ebpf.XSKMap, KeySize: 4, ValueSize: 4,
		MaxEntries: uint32(sockets)})
	if err != nil {
		return nil, err
	}
	r.services, err = ebpf.NewMap(&ebpf.MapSpec{
		Name: "ecmp_services", Type: ebpf.LPMTrie, KeySize: 20, ValueSize: 1, MaxEntries: 1 << 16,
		Flags: unix.BPF_F_NO_PREALLOC,
	})
	if err != nil {
		return nil, errors.Join(err, r.sockets.Close())
	}
	return r, nil
}

// admit makes the prefixes those of the services. New ones come before old ones
// go; on an error the old ones stay.
func (r *redirect) admit(prefixes []netip.Prefix) error {
	wanted := make(map[netip.Prefix]bool, len(prefixes))
	var added []netip.Prefix
	for _, p := range prefixes {
		wanted[p] = true
		if r.admitted[p] {
			continue
		}
		if err := r.services.Put(keyOf(p), byte(1)); err != nil {
			for _, p := range added {
				err = errors.Join(err, r.services.Delete(keyOf(p)))
			}
			return &ConfigError{"Prefixes", p, err.Error()}
		}
		added = append(added, p)
	}
	var err error
	for p := range r.admitted {
		if !wanted[p] {
			err = errors.Join(err, r.services.Delete(keyOf(p)))
		}
	}
	r.admitted = wanted
	return err
}

func (r *redirect) close() error { return errors.Join(r.sockets.Close(), r.services.Close()) }

// attach puts the program before a device whose queues have the sockets from
// first on. It stays until the link is closed or the process ends.
func (r *redirect) attach(device *net.Interface, first int) (link.Link, error) {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "ecmp_redirect", Type: ebpf.XDP, License: "GPL", Instructions: r.program(device.HardwareAddr, first),
	})
	if err != nil {
		return nil, err
	}
	defer program.Close() //nolint:errcheck // the link holds it
	l, err := link.AttachXDP(link.XDPOptions{Program: program, Interface: device.Index})
	if errors.Is(err, unix.ERANGE) {
		err = fmt.Errorf("its MTU of %d is more than its driver takes with an XDP program, "+
			"some 3,500 where a frame is to fit into a page: lower it, or use afpacket: %w", device.MTU, err)
	}
	return l, err
}

// program redirects IPv4 and IPv6 packets to an admitted destination, sent to
// this MAC address, but for neighbour discovery, and passes all else on to the
// kernel.
func (r *redirect) program(mac net.HardwareAddr, first int) asm.Instructions {
	const (
		pass = 2 // XDP_PASS

		ip   = 14 // in the frame
		key  = -20
		addr = key + 4
	)
	native := binary.NativeEndian
	constant := func(b ...byte) int32 { // that a load of these bytes yields
		if len(b) == 2 {
			return int32(native.Uint16(b))
		}
		return int32(native.Uint32(b))
	}
	copyWord := func(from, to int16) asm.Instructions {
		return asm.Instructions{asm.LoadMem(asm.R4, asm.R2, from, asm.Word), asm.StoreMem(asm.RFP, to, asm.R4,
			asm.Word)}
	}
	reach := func(size int32) asm.Instructions { // the frame has at least so many bytes
		return asm.Instructions{asm.Mov.Reg(asm.R4, asm.R2), asm.Add.Imm(asm.R4, size),
			asm.JGT.Reg(asm.R4, asm.R3, "pass")}
	}
	var p asm.Instructions
	add := func(parts ...asm.Instructions) {
		for _, part := range parts {
			p = append(p, part...)
		}
	}
	add(asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMem(asm.R2, asm.R1, 0, asm.Word), // data
		asm.LoadMem(asm.R3, asm.R1, 4, asm.Word), // data_end
	}, reach(ip+20), asm.Instructions{
		asm.LoadMem(asm.R4, asm.R2, 0, asm.Word),
		asm.Mov.Imm32(asm.R5, constant(mac[:4]...)),
		asm.JNE.Reg(asm.R4, asm.R5, "pass"),
		asm.LoadMem(asm.R4, asm.R2, 4, asm.Half),
		asm.JNE.Imm(asm.R4, constant(mac[4:]...), "pass"),
		asm.StoreImm(asm.RFP, key, 128, asm.Word),
		asm.LoadMem(asm.R4, asm.R2, 12, asm.Half),
		asm.JEq.Imm(asm.R4, constant(0x86, 0xdd), "ipv6"),
		asm.JNE.Imm(asm.R4, constant(0x08, 0x00), "pass"),
		asm.Mov.Imm(asm.R4, 0),
		asm.StoreMem(asm.RFP, addr, asm.R4, asm.DWord),
		asm.Mov.Imm32(asm.R4, constant(0, 0, 0xff, 0xff)),
		asm.StoreMem(asm.RFP, addr+8, asm.R4, asm.Word),
	}, copyWord(ip+16, addr+12), asm.Instructions{
		asm.Ja.Label("look up"),
	})
	ipv6 := len(p)
	add(reach(ip+40+1), asm.Instructions{
		asm.LoadMem(asm.R4, asm.R2, ip+6, asm.Byte),
		asm.JNE.Imm(asm.R4, unix.IPPROTO_ICMPV6, "address"),
		asm.LoadMem(asm.R4, asm.R2, ip+40, asm.Byte),
		asm.JLT.Imm(asm.R4, firstOfND, "address"),
		asm.JLE.Imm(asm.R4, lastOfND, "pass"),
	})
	address := len(p)
	for i := range int16(4) {
		add(copyWord(ip+24+4*i, addr+4*i))
	}
	lookUp := len(p)
	add(asm.Instructions{
		asm.LoadMapPtr(asm.R1, r.services.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, key),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, "pass"),
		asm.LoadMapPtr(asm.R1, r.sockets.FD()),
		asm.LoadMem(asm.R2, asm.R6, 16, asm.Word), // rx_queue_index
		asm.Add.Imm(asm.R2, int32(first)),
		asm.Mov.Imm(asm.R3, pass), // if there is no socket
		asm.FnRedirectMap.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, pass).WithSymbol("pass"),
		asm.Return(),
	})
	p[ipv6] = p[ipv6].WithSymbol("ipv6")
	p[address] = p[address].WithSymbol("address")
	p[lookUp] = p[lookUp].WithSymbol("look up")
	return p
}
