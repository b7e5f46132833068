package decap

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
)

// The object file is made of what is in folder program, by clang 14.0.6:
// BPF2GO_CC=clang-14 go generate.
//
//go:generate -command bpf2go env GOWORK=off go tool -modfile=../../../tools/go.mod bpf2go -target bpfel -tags linux
//go:generate bpf2go -no-global-types decap program/decap.c -- -mcpu=v3 -Wall -W -I/usr/include/x86_64-linux-gnu

// Attach has an interface, in the namespace of the calling thread, take the
// outer header off what comes in for an address, until the result is closed.
func Attach(device string, address netip.Addr) (_ io.Closer, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("decap: %s: %w", device, err)
		}
	}()
	d, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	spec, err := loadDecap()
	if err != nil {
		return nil, err
	}
	var words [16]byte
	copy(words[:], address.AsSlice())
	err = errors.Join(spec.Variables["v6"].Set(address.Is6()), spec.Variables["address"].Set([2]uint64{
		binary.NativeEndian.Uint64(words[:]), binary.NativeEndian.Uint64(words[8:]),
	}))
	if err != nil {
		return nil, err
	}
	loaded, err := ebpf.NewCollection(spec)
	if err != nil {
		return nil, err
	}
	defer loaded.Close()
	options := link.XDPOptions{Program: loaded.Programs["ecmp_decap"], Interface: d.Index, Flags: link.XDPDriverMode}
	l, err := link.AttachXDP(options)
	if err != nil {
		options.Flags = link.XDPGenericMode
		l, err = link.AttachXDP(options)
	}
	if err != nil {
		return nil, err
	}
	return l, nil
}
