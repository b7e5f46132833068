package xdp

import (
	"fmt"
	"strconv"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
)

// A program is the data path while it is being written. What follows are its
// pieces, in the order in which a frame meets them; a piece ends by going on to
// the next or by a jump to a label of another.
//
//	parse    the frame, or pass it: leaves key, LPM key, length, flags and
//	         lifetime on the stack
//	route    by the destination's service, or pass the frame: leaves its table
//	         on the stack
//	hash     the canonical key: leaves hashed
//	follow   the pin, if there is one: leaves found and hop
//	choose   a member by the table, where there is no pin: leaves hop
//	forward  to the member's device, rewritten
type program struct {
	maps
	seed     uint64
	timeouts timeouts
	clock    *ebpf.Map  // what holds the time in nanoseconds; nil: the kernel's
	address  engine.MAC // of the interface, which frames must be for; zero: any

	code   asm.Instructions
	label  string // of the next instruction
	labels int    // numbered ones
}

// What stays in registers. The others belong to each piece, and are lost in a
// call.
const (
	found  = asm.R6 // the flow's pin in its map; 0 for none
	frame  = asm.R7
	hashed = asm.R8
	hop    = asm.R9
)

// What stands on the stack, below asm.RFP.
const (
	keyAt      = -40 // five words: see hash.FlowKey
	portsAt    = keyAt + 32
	digestAt   = -48
	prefixAt   = -72 // an lpmKey
	pinAt      = -80 // the pin as it was found, and then as it is to be
	nowAt      = -88 // as a pin has it
	tableAt    = -96 // where the table is
	lengthAt   = -104
	ageAt      = -112 // of the pin
	indexAt    = -116 // 32 bits, to look something up by; in the end the slot of the member
	zeroAt     = -120 // 32 bits
	flagsAt    = -128 // of TCP, or 0
	lifetimeAt = -136 // TTL or hop limit
	homeAt     = -144 // 1 if the pin is in the map of flows on probation
	statusAt   = -152 // what may be done with the member of the pin
)

// Results of the program, as the kernel numbers them.
const (
	xdpDrop     = 1
	xdpPass     = 2
	xdpRedirect = 4
)

// load writes the program and has the kernel verify it.
func (p *program) load() (*ebpf.Program, error) {
	p.parse()
	p.route()
	p.canonical()
	p.hash()
	if p.established != nil {
		p.follow()
	} else {
		p.choose("no member")
	}
	p.forward()
	p.drop("expired", expired)
	p.drop("no member", noMember)
	p.drop("no output", noOutput)
	p.at("pass")
	p.emit(asm.Mov.Imm(asm.R0, xdpPass), asm.Return())
	loaded, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "ecmp_forward", Type: ebpf.XDP, License: "Dual MIT/GPL", Instructions: p.code,
	})
	if err != nil {
		return nil, fmt.Errorf("xdp: program: %w", err)
	}
	return loaded, nil
}

func (p *program) emit(code ...asm.Instruction) {
	if p.label != "" {
		code[0] = code[0].WithSymbol(p.label)
		p.label = ""
	}
	p.code = append(p.code, code...)
}

// at gives the next instruction a label.
func (p *program) at(label string) {
	if p.label != "" { // of a piece that ended in nothing
		p.emit(asm.Mov.Reg(asm.R0, asm.R0))
	}
	p.label = label
}

// fresh returns a label that nobody else has.
func (p *program) fresh() string {
	p.labels++
	return "label " + strconv.Itoa(p.labels)
}

// lookUp finds the value of the key at a place of the stack: R0, or a jump to
// missing.
func (p *program) lookUp(m *ebpf.Map, key int16, missing string) {
	p.emit(asm.LoadMapPtr(asm.R1, m.FD()))
	p.lookUpIn(key, missing)
}

// lookUpIn is lookUp in the map that R1 points to.
func (p *program) lookUpIn(key int16, missing string) {
	p.emit(
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, int32(key)),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, missing),
	)
}

// update sets the value of the digest in m to the pin at pinAt; R0 is 0 if that
// went well.
func (p *program) update(m *ebpf.Map) {
	p.emit(
		asm.LoadMapPtr(asm.R1, m.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, digestAt),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, pinAt),
		asm.Mov.Imm(asm.R4, 0),
		asm.FnMapUpdateElem.Call(),
	)
}

// count adds the frame to the entry of m whose index is at indexAt.
func (p *program) count(m *ebpf.Map) {
	counted := p.fresh()
	p.lookUp(m, indexAt, counted)
	p.emit(
		asm.LoadMem(asm.R1, asm.R0, 0, asm.DWord),
		asm.Add.Imm(asm.R1, 1),
		asm.StoreMem(asm.R0, 0, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, asm.R0, 8, asm.DWord),
		asm.LoadMem(asm.R2, asm.RFP, lengthAt, asm.DWord),
		asm.Add.Reg(asm.R1, asm.R2),
		asm.StoreMem(asm.R0, 8, asm.R1, asm.DWord),
	)
	p.at(counted)
}

func (p *program) countEvent(e event) {
	p.emit(asm.StoreImm(asm.RFP, indexAt, int64(e), asm.Word))
	p.count(p.events)
}

func (p *program) drop(label string, reason event) {
	p.at(label)
	p.countEvent(reason)
	p.emit(asm.Mov.Imm(asm.R0, xdpDrop), asm.Return())
}
