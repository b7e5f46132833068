package xdp

import (
	"errors"
	"log/slog"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
)

// A gate is the program at one interface. It is attached closed, with a program
// that passes everything, since only New is called in the interface's
// namespace; Run then puts the program that forwards in its place.
type gate struct {
	link.Link
	closed, forward *ebpf.Program

	mode string // native or generic
}

// openGate attaches a gate to an interface. Where the driver has no place for a
// program, the kernel runs it on packets that it has already made, which is
// slower; the log says so.
func openGate(name string, code program) (_ gate, err error) {
	var g gate
	defer func() {
		if err != nil {
			err = errors.Join(&plane.DeviceError{Device: name, Err: err}, g.Close())
		}
	}()
	device, err := plane.Interface(name)
	if err != nil {
		return g, err
	}
	copy(code.address[:], device.HardwareAddr)
	if g.forward, g.closed, err = code.load(); err != nil {
		return g, err
	}
	g.mode = "native"
	mode := g.mode
	options := link.XDPOptions{Program: g.closed, Interface: device.Index, Flags: link.XDPDriverMode}
	if g.Link, err = link.AttachXDP(options); err != nil {
		g.mode = "generic"
		mode = "generic, since native was refused: " + err.Error()
		options.Flags = link.XDPGenericMode
		g.Link, err = link.AttachXDP(options)
	}
	if err == nil {
		slog.Info("XDP program attached", "interface", name, "mode", mode)
	}
	return g, err
}

// Close detaches the gate.
func (g gate) Close() error {
	var err error
	if g.Link != nil {
		err = g.Link.Close()
	}
	return errors.Join(err, g.closed.Close(), g.forward.Close())
}
