package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"golang.org/x/sys/unix"
)

// A generator sends UDP packets to the service out of the client's interface,
// each from a random port: frames of the kernel's that a run of an XDP program
// redirects, millions a second. The program lets no more than a window of them
// be on their way to the sink, and drops the others itself.
type generator struct {
	program *ebpf.Program
	frame   frame
	state   *ebpf.Map
	memory  *ebpf.Memory // of state, which is three words
}

// The words of a generator's state.
const (
	sent   = 0  // frames
	lost   = 8  // frames of them that will not come to the sink
	window = 16 // frames
)

// How often a full window is looked at before a frame is given back, which takes
// locks that the gateway needs too.
const patience = 2000

// newGenerator returns a generator for the namespace of the calling thread.
func newGenerator(f frame, s *sink) (*generator, error) {
	device, err := net.InterfaceByName("c0")
	if err != nil {
		return nil, err
	}
	g := &generator{frame: f}
	if g.state, g.memory, err = newWords(3); err != nil {
		return nil, err
	}
	program := asm.Instructions{
		asm.Mov.Reg(asm.R6, asm.R1),
		asm.LoadMapValue(asm.R8, g.state.FD(), 0),
		asm.LoadMapValue(asm.R9, s.counter.FD(), 0),
		asm.Mov.Imm(asm.R5, 0),
		asm.LoadMem(asm.R1, asm.R8, sent, asm.DWord).WithSymbol("look"),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.LoadMem(asm.R3, asm.R8, lost, asm.DWord),
		asm.Sub.Reg(asm.R2, asm.R3),
		asm.LoadMem(asm.R3, asm.R9, 0, asm.DWord),
		asm.Sub.Reg(asm.R2, asm.R3),
		asm.LoadMem(asm.R3, asm.R8, window, asm.DWord),
		asm.JLT.Reg(asm.R2, asm.R3, "send"),
		asm.Add.Imm(asm.R5, 1),
		asm.JLT.Imm(asm.R5, patience, "look"),
		asm.Ja.Label("drop"),
		asm.Add.Imm(asm.R1, 1).WithSymbol("send"),
		asm.StoreMem(asm.R8, sent, asm.R1, asm.DWord),
		asm.FnGetPrandomU32.Call(),
		asm.LoadMem(asm.R7, asm.R6, 0, asm.Word), // data
		asm.LoadMem(asm.R3, asm.R6, 4, asm.Word), // data_end
		asm.Mov.Reg(asm.R4, asm.R7),
		asm.Add.Imm(asm.R4, int32(len(f.bytes))),
		asm.JGT.Reg(asm.R4, asm.R3, "drop"),
		asm.StoreMem(asm.R7, f.udp, asm.R0, asm.Half),
	}
	for _, at := range f.changed { // to be put right when the frame is used again
		word := binary.NativeEndian.Uint32(f.bytes[at:])
		program = append(program, asm.Mov.Imm32(asm.R1, int32(word)), asm.StoreMem(asm.R7, at, asm.R1, asm.Word))
	}
	program = append(program,
		asm.Mov.Imm(asm.R1, int32(device.Index)),
		asm.Mov.Imm(asm.R2, 0),
		asm.FnRedirect.Call(),
		asm.Return(),
		asm.Mov.Imm(asm.R0, 1).WithSymbol("drop"), // XDP_DROP
		asm.Return(),
	)
	g.program, err = ebpf.NewProgram(&ebpf.ProgramSpec{Type: ebpf.XDP, License: "GPL", Instructions: program})
	return g, err
}

// run sends until a time, in the namespace of the calling thread, so that no
// more frames than the load are on their way to the sink.
func (g *generator) run(s *sink, l load, until time.Time) error {
	write(g.memory, window, uint64(l))
	// frames of a run of the program, which makes the memory for them anew
	repeat := uint32(1 << 18)
	if l != unlimited {
		repeat = 1 << 15 // fewer, to see soon when a full window is lost, and to forget it
	}
	for time.Now().Before(until) {
		before := s.count()
		_, err := g.program.Run(&ebpf.RunOptions{
			Data: g.frame.bytes, Repeat: repeat, Flags: unix.BPF_F_TEST_XDP_LIVE_FRAMES,
		})
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("generator: %w", err)
		}
		if on := read(g.memory, sent) - read(g.memory, lost) - s.count(); s.count() == before || l == unlimited {
			write(g.memory, lost, read(g.memory, lost)+on)
		}
	}
	return nil
}
