package xdp

import (
	"time"

	"github.com/cilium/ebpf/asm"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// follow finds the flow's pin and goes on as timeouts.follow, its model, says:
// to "forward" with hop set, or to one of the places where a member is chosen.
func (p *program) follow() {
	p.tellTime()
	p.find()
	p.age()
	p.lookUp(p.hops, indexAt, "moved")
	p.emit(
		asm.Mov.Reg(hop, asm.R0),
		asm.LoadMem(asm.R1, hop, hopStatus, asm.Byte),
		asm.JEq.Imm(asm.R1, int32(hopGone), "moved"),
		asm.JEq.Imm(asm.R1, int32(hopDown), "down"),
	)
	p.transition()
	p.write()
	p.anew()
}

// tellTime puts the time at nowAt, as a pin has it.
func (p *program) tellTime() {
	if p.clock != nil {
		p.emit(asm.LoadMapValue(asm.R1, p.clock.FD(), 0), asm.LoadMem(asm.R0, asm.R1, 0, asm.DWord))
	} else {
		p.emit(asm.FnKtimeGetCoarseNs.Call())
	}
	p.emit(
		asm.LSh.Imm(asm.R0, timeScale),
		asm.RSh.Imm(asm.R0, timeShift),
		asm.LSh.Imm(asm.R0, timeShift),
		asm.StoreMem(asm.RFP, nowAt, asm.R0, asm.DWord),
	)
}

// find looks for the pin, first among the established.
func (p *program) find() {
	p.emit(
		asm.LoadMem(asm.R1, asm.RFP, tableAt, asm.DWord),
		asm.LoadMem(asm.R1, asm.R1, tableSalt, asm.DWord),
		asm.Xor.Reg(asm.R1, hashed),
		asm.StoreMem(asm.RFP, digestAt, asm.R1, asm.DWord),
		asm.StoreImm(asm.RFP, homeAt, 0, asm.Word),
	)
	p.lookUp(p.established, digestAt, "not established")
	p.emit(asm.Ja.Label("found"))
	p.at("not established")
	p.emit(asm.StoreImm(asm.RFP, homeAt, 1, asm.Word))
	p.lookUp(p.probation, digestAt, "new")
	p.at("found")
	p.emit(
		asm.Mov.Reg(found, asm.R0),
		asm.LoadMem(asm.R1, found, 0, asm.DWord),
		asm.StoreMem(asm.RFP, pinAt, asm.R1, asm.DWord),
	)
}

// age puts the age of the pin in R1 at ageAt, and its slot at indexAt. An
// expired flow goes to "renewed".
func (p *program) age() {
	p.emit(
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.RSh.Imm(asm.R2, slotShift),
		asm.And.Imm(asm.R2, 0xffff),
		asm.StoreMem(asm.RFP, indexAt, asm.R2, asm.Word),
		asm.LoadMem(asm.R3, asm.RFP, nowAt, asm.DWord),
		asm.Mov.Reg(asm.R2, asm.R1),
		asm.RSh.Imm(asm.R2, timeShift),
		asm.LSh.Imm(asm.R2, timeShift),
		asm.Sub.Reg(asm.R3, asm.R2),
		// below 0 if another processor's clock is ahead
		asm.StoreMem(asm.RFP, ageAt, asm.R3, asm.DWord),
		asm.And.Imm(asm.R1, 3),
	)
	p.older(p.timeouts.life, "renewed")
}

// older jumps if the age in R3 is more than that of the state in R1.
func (p *program) older(ages [4]time.Duration, label string) {
	young := p.fresh()
	for _, s := range []flowcache.State{flowcache.EstablishedTCP, flowcache.Established, flowcache.Closing,
		flowcache.Probation} {
		next := p.fresh()
		p.emit(asm.JNE.Imm(asm.R1, int32(s), next))
		p.emit(
			asm.LoadImm(asm.R2, int64(ages[s])<<timeScale, asm.DWord),
			asm.JSGT.Reg(asm.R3, asm.R2, label),
			asm.Ja.Label(young),
		)
		p.at(next)
	}
	p.at(young)
}

// loadState loads the state of the pin into R1 and its age into R3.
func (p *program) loadState() {
	p.emit(
		asm.LoadMem(asm.R1, asm.RFP, pinAt, asm.DWord),
		asm.And.Imm(asm.R1, 3),
		asm.LoadMem(asm.R3, asm.RFP, ageAt, asm.DWord),
	)
}

// transition goes to "write" with the next state in R1 if the pin has to be
// written, and else to "forward".
func (p *program) transition() {
	p.loadState()
	p.emit(
		asm.LoadMem(asm.R4, asm.RFP, flagsAt, asm.DWord),
		asm.Mov.Reg(asm.R5, asm.R4),
		asm.And.Imm(asm.R5, int32(hash.FIN|hash.RST)),
		asm.JNE.Imm(asm.R5, 0, "ends"),
		asm.JEq.Imm(asm.R1, int32(flowcache.Probation), "on probation"),
		asm.JNE.Imm(asm.R1, int32(flowcache.Closing), "same state"),
		asm.Mov.Reg(asm.R5, asm.R4),
		asm.And.Imm(asm.R5, int32(hash.SYN)),
		asm.JNE.Imm(asm.R5, 0, "renewed"),
	)
	p.at("same state")
	refresh := p.timeouts.refresh
	for s := range refresh { // at that age, not after it
		refresh[s]--
	}
	p.older(refresh, "write")
	p.emit(asm.Ja.Label("forward"))

	p.at("ends")
	p.emit(
		asm.JEq.Imm(asm.R1, int32(flowcache.Closing), "same state"),
		asm.Mov.Imm(asm.R1, int32(flowcache.Closing)),
		asm.Ja.Label("write"),
	)

	p.at("on probation")
	p.emit(
		asm.JNE.Imm(asm.R4, 0, "TCP on probation"),
		asm.LoadImm(asm.R2, int64(p.timeouts.promoteAfter)<<timeScale, asm.DWord),
		asm.JSLE.Reg(asm.R3, asm.R2, "forward"),
		asm.Mov.Imm(asm.R1, int32(flowcache.Established)),
		asm.LoadMem(asm.R2, asm.RFP, portsAt, asm.DWord),
		asm.RSh.Imm(asm.R2, keyProto),
		asm.And.Imm(asm.R2, 0xff),
		asm.JNE.Imm(asm.R2, hash.TCP, "write"),
		asm.Mov.Imm(asm.R1, int32(flowcache.EstablishedTCP)),
		asm.Ja.Label("write"),
	)
	p.at("TCP on probation")
	p.emit(
		asm.And.Imm(asm.R4, int32(hash.SYN|hash.ACK)),
		asm.JNE.Imm(asm.R4, int32(hash.ACK), "forward"),
		asm.Mov.Imm(asm.R1, int32(flowcache.EstablishedTCP)),
	)
}

// makePin puts a pin of the time, of the slot at indexAt and of the state in R1
// into R2 and at pinAt.
func (p *program) makePin() {
	p.emit(
		asm.LoadMem(asm.R2, asm.RFP, indexAt, asm.Word),
		asm.LSh.Imm(asm.R2, slotShift),
		asm.Or.Reg(asm.R2, asm.R1),
		asm.LoadMem(asm.R3, asm.RFP, nowAt, asm.DWord),
		asm.Or.Reg(asm.R2, asm.R3),
		asm.StoreMem(asm.RFP, pinAt, asm.R2, asm.DWord),
	)
}

// write writes the pin with the state in R1. A flow that was promoted leaves
// the map of those on probation.
func (p *program) write() {
	p.at("write")
	p.makePin()
	p.emit(
		asm.StoreMem(found, 0, asm.R2, asm.DWord),
		asm.LoadMem(asm.R3, asm.RFP, homeAt, asm.Word),
		asm.JEq.Imm(asm.R3, 0, "forward"),
		asm.JEq.Imm(asm.R1, int32(flowcache.Closing), "forward"),
	)
	p.update(p.established)
	p.emit(
		asm.JNE.Imm(asm.R0, 0, "refused"),
		asm.LoadMapPtr(asm.R1, p.probation.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, digestAt),
		asm.FnMapDeleteElem.Call(),
		asm.Ja.Label("forward"),
	)
	p.at("refused")
	p.countEvent(refused)
	p.emit(asm.Ja.Label("forward"))
}

// anew chooses a member, at one label for each reason: the flow's member is
// "down", the flow has "moved", it is "renewed" in the place of an old one,
// or it is "new".
func (p *program) anew() {
	p.at("down")
	p.loadState()
	p.older(p.timeouts.grace, "moved")
	p.choose()
	p.emit(asm.Ja.Label("forward"))

	for _, way := range []struct {
		label string
		event event
	}{{"moved", moved}, {"renewed", placed}} {
		p.at(way.label)
		p.choose()
		p.emit(asm.Mov.Imm(asm.R1, int32(flowcache.Probation)))
		p.makePin()
		p.emit(asm.StoreMem(found, 0, asm.R2, asm.DWord))
		p.countEvent(way.event)
		p.emit(asm.Ja.Label("forward"))
	}

	p.at("new")
	p.choose()
	p.emit(asm.Mov.Imm(asm.R1, int32(flowcache.Probation)))
	p.makePin()
	p.update(p.probation)
	p.emit(asm.JNE.Imm(asm.R0, 0, "refused"))
	p.countEvent(placed)
}
