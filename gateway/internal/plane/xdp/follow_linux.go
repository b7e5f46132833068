package xdp

import (
	"time"

	"github.com/cilium/ebpf/asm"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/life"
)

// follow finds the flow's pin and goes on as timeouts.follow, its model, says:
// to "forward" with hop set, or to one of the places where a member is chosen.
func (p *program) follow() {
	p.tellTime()
	p.find()
	p.age()
	p.status()
	p.lookUp(p.hops, indexAt, "moved")
	p.emit(
		asm.Mov.Reg(hop, asm.R0),
		asm.LoadMem(asm.R1, asm.RFP, statusAt, asm.DWord),
		asm.JEq.Imm(asm.R1, int32(hopAlive), "alive"),
		asm.LoadMem(asm.R4, asm.RFP, flagsAt, asm.DWord),
		asm.And.Imm(asm.R4, int32(hash.SYN|hash.ACK|hash.FIN|hash.RST)),
		// What begins anew while the member is down: see life.Next.
		asm.JEq.Imm(asm.R4, int32(hash.SYN), "opens elsewhere"),
		asm.JNE.Imm(asm.R1, int32(hopDown), "alive"),
		asm.JNE.Imm(asm.R4, int32(hash.SYN|hash.ACK), "down"),
		asm.LoadMem(asm.R2, asm.RFP, pinAt, asm.DWord),
		asm.And.Imm(asm.R2, stateMask),
		asm.JEq.Imm(asm.R2, int32(flowcache.Closing), "renewed"),
		asm.Ja.Label("down"),
	)
	p.at("alive")
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
		asm.And.Imm(asm.R1, stateMask),
	)
	p.older(p.timeouts.life, "renewed")
}

// status puts at statusAt what may be done in this group with the member whose
// slot is at indexAt, and jumps to "moved" if it has left, to "awaited" if it has
// not joined yet.
func (p *program) status() {
	p.emit(
		asm.LoadMem(asm.R1, asm.RFP, tableAt, asm.DWord),
		asm.LoadMem(asm.R2, asm.RFP, indexAt, asm.Word),
		asm.Mov.Reg(asm.R3, asm.R2),
		asm.RSh.Imm(asm.R3, memberShift),
		asm.And.Imm(asm.R3, 1<<16/memberByte-1),
		asm.Add.Reg(asm.R1, asm.R3),
		asm.LoadMem(asm.R1, asm.R1, tableMembers, asm.Byte),
		asm.And.Imm(asm.R2, memberByte-1),
		asm.Mul.Imm(asm.R2, memberBits),
		asm.RSh.Reg(asm.R1, asm.R2),
		asm.And.Imm(asm.R1, 1<<memberBits-1),
		asm.StoreMem(asm.RFP, statusAt, asm.R1, asm.DWord),
		asm.JEq.Imm(asm.R1, int32(hopGone), "moved"),
		asm.JEq.Imm(asm.R1, int32(hopAwaited), "awaited"),
	)
}

// older jumps if the age in R3 is more than that of the state in R1.
func (p *program) older(ages [states]time.Duration, label string) {
	young := p.fresh()
	for i := range states {
		s := flowcache.EstablishedTCP - flowcache.State(i) // the most frequent first
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
		asm.And.Imm(asm.R1, stateMask),
		asm.LoadMem(asm.R3, asm.RFP, ageAt, asm.DWord),
	)
}

// transition goes to "write" with the next state in R1 if the pin has to be
// written, and else to "forward", as the table of package life says.
func (p *program) transition() {
	p.loadState()
	p.emit(
		asm.LoadMem(asm.R4, asm.RFP, flagsAt, asm.DWord),
		asm.JEq.Imm(asm.R4, 0, "no flags"),
		asm.Mov.Reg(asm.R5, asm.R4),
		asm.And.Imm(asm.R5, int32(hash.FIN|hash.RST)),
		asm.JNE.Imm(asm.R5, 0, "ends"),
		asm.And.Imm(asm.R4, int32(hash.SYN|hash.ACK)),
		asm.JEq.Imm(asm.R4, int32(hash.ACK), "goes on"),
		asm.JEq.Imm(asm.R4, int32(hash.SYN), "opens"),
		asm.JEq.Imm(asm.R4, int32(hash.SYN|hash.ACK), "answers"),
	)
	p.dispatch(life.Odd)
	p.at("goes on")
	p.dispatch(life.GoesOn)
	p.at("opens")
	p.dispatch(life.Opens)
	p.at("answers")
	p.dispatch(life.Answers)
	p.at("ends")
	p.dispatch(life.Ends)
	p.at("no flags")
	p.emit(
		asm.LoadImm(asm.R2, int64(p.timeouts.promoteAfter)<<timeScale, asm.DWord),
		asm.JSGT.Reg(asm.R3, asm.R2, "late"),
	)
	p.dispatch(life.Early)
	p.at("late")
	p.dispatch(life.Late)

	p.at("refresh")
	refresh := p.timeouts.refresh
	for s := range refresh { // at that age, not after it
		refresh[s]--
	}
	p.older(refresh, "write")
	p.emit(asm.Ja.Label("forward"))

	p.at("close")
	p.emit(asm.Mov.Imm(asm.R1, int32(flowcache.Closing)), asm.Ja.Label("write"))

	p.at("establish")
	p.emit(
		asm.Mov.Imm(asm.R1, int32(flowcache.Established)),
		asm.LoadMem(asm.R2, asm.RFP, portsAt, asm.DWord),
		asm.RSh.Imm(asm.R2, keyProto),
		asm.And.Imm(asm.R2, 0xff),
		asm.JNE.Imm(asm.R2, hash.TCP, "write"),
		asm.Mov.Imm(asm.R1, int32(flowcache.EstablishedTCP)),
	)
}

// dispatch goes on with the step that follows an event in the state in R1.
func (p *program) dispatch(e life.Event) {
	labels := map[life.Step]string{life.Keep: "forward", life.Refresh: "refresh", life.Establish: "establish",
		life.Close: "close", life.Renew: "reopened"}
	for s := life.TCP; s > life.Probation; s-- { // the most frequent first
		p.emit(asm.JEq.Imm(asm.R1, int32(s), labels[life.Next(s, e, true)]))
	}
	p.emit(asm.Ja.Label(labels[life.Next(life.Probation, e, true)]))
}

// first puts the state of a new flow's pin into R1.
func (p *program) first() {
	adopted := p.fresh()
	p.emit(
		asm.LoadMem(asm.R2, asm.RFP, flagsAt, asm.DWord),
		asm.And.Imm(asm.R2, int32(hash.SYN|hash.ACK|hash.FIN|hash.RST)),
		asm.Mov.Imm(asm.R1, int32(firstState(hash.ACK))),
		asm.JEq.Imm(asm.R2, int32(hash.ACK), adopted),
		asm.Mov.Imm(asm.R1, int32(firstState(hash.SYN))),
	)
	p.at(adopted)
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
// "down" or "awaited", the flow has "moved", it is "renewed" in the place of an old one,
// or it is "new".
func (p *program) anew() {
	p.at("down")
	p.loadState()
	p.older(p.timeouts.grace, "moved")
	p.at("awaited")
	p.choose("no member")
	p.emit(asm.Ja.Label("forward"))

	p.at("opens elsewhere")
	p.emit(asm.JEq.Imm(asm.R1, int32(hopDown), "renewed"))
	p.at("reopened")
	p.repin("forward", placed) // or stays where it is, if nobody else can take the flow
	p.at("moved")
	p.repin("no member", moved)
	p.at("renewed")
	p.repin("no member", placed)

	p.at("new")
	p.choose("no member")
	p.first()
	p.makePin()
	p.update(p.probation)
	p.emit(asm.JNE.Imm(asm.R0, 0, "refused"))
	p.countEvent(placed)
}

// repin chooses a member and puts a new pin in the place of the old one. If
// there is no member, it jumps to none.
func (p *program) repin(none string, e event) {
	p.choose(none)
	p.first()
	p.makePin()
	p.emit(asm.StoreMem(found, 0, asm.R2, asm.DWord))
	p.countEvent(e)
	p.emit(asm.Ja.Label("forward"))
}
