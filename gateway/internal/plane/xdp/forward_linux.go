package xdp

import "github.com/cilium/ebpf/asm"

// choose takes the member that the table has for the hash: hop, with its slot
// at indexAt. If there is none, it jumps to the label none and leaves hop.
func (p *program) choose(none string) {
	p.emit(
		asm.LoadMem(asm.R1, asm.RFP, tableAt, asm.DWord),
		asm.LoadMem(asm.R2, asm.R1, tableSlots, asm.Word),
		asm.JEq.Imm(asm.R2, 0, none),

		// The high word of hashed * slots, in two products of 64 bits, since
		// slots has less than 32.
		asm.Mov.Reg(asm.R3, hashed),
		asm.RSh.Imm(asm.R3, 32),
		asm.Mul.Reg(asm.R3, asm.R2),
		asm.Mov.Reg(asm.R4, hashed),
		asm.LSh.Imm(asm.R4, 32),
		asm.RSh.Imm(asm.R4, 32),
		asm.Mul.Reg(asm.R4, asm.R2),
		asm.RSh.Imm(asm.R4, 32),
		asm.Add.Reg(asm.R3, asm.R4),
		asm.RSh.Imm(asm.R3, 32),

		asm.JGE.Imm(asm.R3, MaxSlots, none), // never: the verifier can't know
		asm.LSh.Imm(asm.R3, 1),
		asm.Add.Reg(asm.R1, asm.R3),
		asm.Add.Imm(asm.R1, tableHeader), // more than an offset can be
		asm.LoadMem(asm.R3, asm.R1, 0, asm.Half),
		asm.JEq.Imm(asm.R3, 0, none),
		asm.StoreMem(asm.RFP, indexAt, asm.R3, asm.Word),
	)
	p.lookUp(p.hops, indexAt, none)
	p.emit(asm.Mov.Reg(hop, asm.R0))
}

// forward sends the frame to hop.
func (p *program) forward() {
	p.at("forward")
	p.emit(
		asm.LoadMem(asm.R2, hop, hopOutput, asm.Half),
		asm.StoreMem(asm.RFP, indexAt, asm.R2, asm.Word),
		asm.LoadMapPtr(asm.R1, p.outputs.FD()),
		asm.Mov.Imm(asm.R3, xdpDrop), // the result if there is no such output
		asm.FnRedirectMap.Call(),
		asm.JNE.Imm(asm.R0, xdpRedirect, "no output"),
	)
	p.rewrite()
	p.count(p.members)
	p.emit(asm.Mov.Imm(asm.R0, xdpRedirect), asm.Return())
}

// rewrite makes the frame the one that the router sends: see the function of
// that name in package engine.
func (p *program) rewrite() {
	p.emit(
		asm.LoadMem(asm.R1, hop, hopMACs, asm.DWord),
		asm.StoreMem(frame, 0, asm.R1, asm.DWord),
		asm.LoadMem(asm.R1, hop, hopMACs+8, asm.Word),
		asm.StoreMem(frame, 8, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, lifetimeAt, asm.DWord),
		asm.Sub.Imm(asm.R1, 1),
		asm.LoadMem(asm.R2, frame, etherTypeAt, asm.Half),
		asm.JEq.Imm(asm.R2, bigEndian(etherIPv6), "rewrite IPv6"),

		// RFC 1624, equation 3. The sum does not mind the order of bytes.
		asm.LoadMem(asm.R3, frame, ipv4TTLAt, asm.Half), // and the protocol
		asm.LoadMem(asm.R4, frame, ipv4SumAt, asm.Half),
		asm.Xor.Imm(asm.R4, 0xffff),
		asm.Add.Reg(asm.R4, asm.R3),
		asm.Sub.Imm(asm.R4, 1),
		asm.Xor.Imm(asm.R3, 0xffff),
		asm.Add.Reg(asm.R4, asm.R3),
	)
	for range 2 {
		p.emit(
			asm.Mov.Reg(asm.R3, asm.R4),
			asm.RSh.Imm(asm.R3, 16),
			asm.And.Imm(asm.R4, 0xffff),
			asm.Add.Reg(asm.R4, asm.R3),
		)
	}
	p.emit(
		asm.Xor.Imm(asm.R4, 0xffff),
		asm.StoreMem(frame, ipv4SumAt, asm.R4, asm.Half),
		asm.StoreMem(frame, ipv4TTLAt, asm.R1, asm.Byte),
		asm.Ja.Label("rewritten"),
	)
	p.at("rewrite IPv6")
	p.emit(asm.StoreMem(frame, ipv6LimitAt, asm.R1, asm.Byte))
	p.at("rewritten")
}
