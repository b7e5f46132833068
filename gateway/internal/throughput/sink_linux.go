package main

import (
	"encoding/binary"
	"errors"
	"net"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// A sink counts and drops what comes to the pods.
type sink struct {
	counter *ebpf.Map
	memory  *ebpf.Memory // of counter
	links   []link.Link
}

// newSink drops packets in XDP, the cheapest way to receive, though not for a
// packet that its sender gave a buffer without room before it: it is copied.
// With stack it drops them where the kernel's stack takes them.
func newSink(pods []*netns.Namespace, stack bool) (s *sink, err error) {
	s = new(sink)
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.counter, s.memory, err = newWords(1); err != nil {
		return nil, err
	}
	kind, drop := ebpf.XDP, int32(1) // XDP_DROP
	if stack {
		kind, drop = ebpf.SchedCLS, 2 // TCX_DROP
	}
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{Type: kind, License: "GPL", Instructions: asm.Instructions{
		asm.LoadMapValue(asm.R1, s.counter.FD(), 0),
		asm.Mov.Imm(asm.R2, 1),
		asm.AddAtomic.Mem(asm.R1, asm.R2, asm.DWord, 0),
		asm.Mov.Imm(asm.R0, drop),
		asm.Return(),
	}})
	if err != nil {
		return nil, err
	}
	defer program.Close() //nolint:errcheck // the links hold it
	for _, pod := range pods {
		if err := pod.Do(func() error {
			device, err := net.InterfaceByName("eth0")
			if err != nil {
				return err
			}
			var l link.Link
			if stack {
				l, err = link.AttachTCX(link.TCXOptions{Program: program, Interface: device.Index,
					Attach: ebpf.AttachTCXIngress})
			} else {
				l, err = link.AttachXDP(link.XDPOptions{Program: program, Interface: device.Index})
			}
			s.links = append(s.links, l)
			return err
		}); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// count returns how many frames came so far.
func (s *sink) count() uint64 { return read(s.memory, 0) }

func (s *sink) close() error {
	var errs []error
	for _, l := range s.links {
		if l != nil {
			errs = append(errs, l.Close())
		}
	}
	if s.counter != nil {
		errs = append(errs, s.counter.Close())
	}
	return errors.Join(errs...)
}

// newWords makes a map of some words of memory that programs and this process
// share.
func newWords(n uint32) (*ebpf.Map, *ebpf.Memory, error) {
	m, err := ebpf.NewMap(&ebpf.MapSpec{Type: ebpf.Array, KeySize: 4, ValueSize: 8 * n, MaxEntries: 1,
		Flags: unix.BPF_F_MMAPABLE})
	if err != nil {
		return nil, nil, err
	}
	memory, err := m.Memory()
	return m, memory, err
}

func read(m *ebpf.Memory, at int64) uint64 {
	var b [8]byte
	_, _ = m.ReadAt(b[:], at) // it is there
	return binary.NativeEndian.Uint64(b[:])
}

func write(m *ebpf.Memory, at int64, v uint64) {
	var b [8]byte
	binary.NativeEndian.PutUint64(b[:], v)
	_, _ = m.WriteAt(b[:], at) // it is there
}
