package xdp

import (
	"github.com/cilium/ebpf/asm"

	"github.com/ecmp-go/ecmp/hash"
)

// The primes of XXH64.
const (
	prime1 = 11400714785074694791
	prime2 = 14029467366897019727
	prime3 = 1609587929392839161
	prime4 = 9650029242287828579
)

// canonical makes both directions of a conversation one key, as
// hash.FlowKey.Canonical does: the smaller endpoint, by address and then by
// port, comes first.
func (p *program) canonical() {
	compare := func(src, dst int16, size asm.Size) {
		p.emit(
			asm.LoadMem(asm.R1, asm.RFP, src, size),
			asm.LoadMem(asm.R2, asm.RFP, dst, size),
			asm.HostTo(asm.BE, asm.R1, size),
			asm.HostTo(asm.BE, asm.R2, size),
			asm.JLT.Reg(asm.R1, asm.R2, "canonical"),
			asm.JGT.Reg(asm.R1, asm.R2, "swap"),
		)
	}
	swap := func(src, dst int16, size asm.Size) {
		p.emit(
			asm.LoadMem(asm.R1, asm.RFP, src, size),
			asm.LoadMem(asm.R2, asm.RFP, dst, size),
			asm.StoreMem(asm.RFP, dst, asm.R1, size),
			asm.StoreMem(asm.RFP, src, asm.R2, size),
		)
	}
	compare(keyAt, keyAt+16, asm.DWord)
	compare(keyAt+8, keyAt+24, asm.DWord)
	compare(portsAt, portsAt+2, asm.Half)
	p.emit(asm.Ja.Label("canonical"))
	p.at("swap")
	swap(keyAt, keyAt+16, asm.DWord)
	swap(keyAt+8, keyAt+24, asm.DWord)
	swap(portsAt, portsAt+2, asm.Half)
	p.at("canonical")
}

// hash is XXH64 of the key with the seed, as hash.XX{Seed} has it: one stripe,
// one word, and the avalanche.
func (p *program) hash() {
	const first, second, scratch = asm.R0, asm.R5, asm.R9
	load := func(r asm.Register, v uint64) { p.emit(asm.LoadImm(r, int64(v), asm.DWord)) }
	rotate := func(r asm.Register, n int32) {
		p.emit(
			asm.Mov.Reg(scratch, r),
			asm.RSh.Imm(scratch, 64-n),
			asm.LSh.Imm(r, n),
			asm.Or.Reg(r, scratch),
		)
	}
	round := func(r asm.Register) { // of what has been multiplied by second
		rotate(r, 31)
		p.emit(asm.Mul.Reg(r, first))
	}
	shifted := func(n int32) { // hashed ^= hashed >> n
		p.emit(asm.Mov.Reg(scratch, hashed), asm.RSh.Imm(scratch, n), asm.Xor.Reg(hashed, scratch))
	}
	plusPrime4 := func() {
		load(scratch, prime4)
		p.emit(asm.Add.Reg(hashed, scratch))
	}

	load(first, prime1)
	load(second, prime2)
	lanes := [4]asm.Register{asm.R1, asm.R2, asm.R3, asm.R4}
	for i, start := range [4]uint64{p.seed + (prime1+prime2)&(1<<64-1), p.seed + prime2, p.seed, p.seed - prime1} {
		p.emit(asm.LoadMem(lanes[i], asm.RFP, keyAt+8*int16(i), asm.DWord), asm.Mul.Reg(lanes[i], second))
		load(scratch, start)
		p.emit(asm.Add.Reg(lanes[i], scratch))
		round(lanes[i])
	}
	p.emit(asm.Mov.Imm(hashed, 0))
	for i, n := range [4]int32{1, 7, 12, 18} {
		p.emit(asm.Mov.Reg(asm.R6, lanes[i]))
		rotate(asm.R6, n)
		p.emit(asm.Add.Reg(hashed, asm.R6))
	}
	for _, lane := range lanes {
		p.emit(asm.Mul.Reg(lane, second))
		round(lane)
		p.emit(asm.Xor.Reg(hashed, lane), asm.Mul.Reg(hashed, first))
		plusPrime4()
	}
	p.emit(
		asm.Add.Imm(hashed, hash.FlowKeySize),
		asm.LoadMem(asm.R1, asm.RFP, portsAt, asm.DWord),
		asm.Mul.Reg(asm.R1, second),
	)
	round(asm.R1)
	p.emit(asm.Xor.Reg(hashed, asm.R1))
	rotate(hashed, 27)
	p.emit(asm.Mul.Reg(hashed, first))
	plusPrime4()
	shifted(33)
	p.emit(asm.Mul.Reg(hashed, second))
	shifted(29)
	load(scratch, prime3)
	p.emit(asm.Mul.Reg(hashed, scratch))
	shifted(32)
}
