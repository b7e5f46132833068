package xdp

import (
	"encoding/binary"
	"math/bits"

	"github.com/cilium/ebpf/asm"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/hash"
)

// Where things are in a frame.
const (
	etherTypeAt  = 12
	ipAt         = 14
	ipv4SizeAt   = ipAt + 2
	ipv4FragAt   = ipAt + 6
	ipv4TTLAt    = ipAt + 8
	ipv4ProtoAt  = ipAt + 9
	ipv4SumAt    = ipAt + 10
	ipv4SrcAt    = ipAt + 12
	ipv4DstAt    = ipAt + 16
	ipv4End      = ipAt + 20
	ipv6SizeAt   = ipAt + 4
	ipv6NextAt   = ipAt + 6
	ipv6LimitAt  = ipAt + 7
	ipv6SrcAt    = ipAt + 8
	ipv6DstAt    = ipAt + 24
	ipv6End      = ipAt + 40
	tcpFlagsAt   = 13
	tcpSize      = 20
	udpSize      = 8
	etherIPv4    = 0x0800
	etherIPv6    = 0x86dd
	notWhole     = 0x3fff     // of the fragment field: more fragments, or an offset
	mappedPrefix = 0xffff0000 // of an IPv4 address in a key, before the address
	keyIPv6      = 0x10 << 40 // in the last word of a key
	keyProto     = 32         // bits below the protocol there
)

// bigEndian is a 16-bit constant as a little-endian load finds it in a frame.
func bigEndian(v uint16) int32 { return int32(bits.ReverseBytes16(v)) }

// parse takes the frame apart if it is one that the program forwards, under the
// conditions of hash.Parse.
func (p *program) parse() {
	const end = asm.R2 // of the frame
	p.emit(
		asm.LoadMem(frame, asm.R1, 0, asm.Word),
		asm.LoadMem(end, asm.R1, 4, asm.Word),
		asm.Mov.Reg(asm.R6, end),
		asm.Sub.Reg(asm.R6, frame),
		asm.StoreMem(asm.RFP, lengthAt, asm.R6, asm.DWord),
		asm.StoreImm(asm.RFP, zeroAt, 0, asm.Word),
	)
	p.within(frame, ipv4End)
	if p.address != (engine.MAC{}) {
		p.emit(
			asm.LoadMem(asm.R4, frame, 0, asm.DWord),
			asm.LSh.Imm(asm.R4, 16), // without the first bytes of the source
			asm.LoadImm(asm.R5, int64(binary.LittleEndian.Uint64(append([]byte{0, 0}, p.address[:]...))), asm.DWord),
			asm.JNE.Reg(asm.R4, asm.R5, "pass"),
		)
	}
	p.emit(
		asm.LoadMem(asm.R4, frame, etherTypeAt, asm.Half),
		asm.JEq.Imm(asm.R4, bigEndian(etherIPv6), "IPv6"),
		asm.JNE.Imm(asm.R4, bigEndian(etherIPv4), "pass"),
	)
	p.parseIPv4()
	p.at("IPv6")
	p.parseIPv6()
	p.at("transport")
	p.parseTransport()
}

// within passes the frame if it ends before size bytes from a place in it.
func (p *program) within(from asm.Register, size int32) {
	p.emit(
		asm.Mov.Reg(asm.R3, from),
		asm.Add.Imm(asm.R3, size),
		asm.JGT.Reg(asm.R3, asm.R2, "pass"),
	)
}

// parseIPv4, like parseIPv6, leaves the protocol in R4, the size of what
// follows the header in R5, and where that is in R1; the key has yet no ports.
func (p *program) parseIPv4() {
	p.emit(
		asm.LoadMem(asm.R4, frame, ipAt, asm.Byte),
		asm.JNE.Imm(asm.R4, 0x45, "pass"),
		asm.LoadMem(asm.R4, frame, ipv4FragAt, asm.Half),
		asm.And.Imm(asm.R4, bigEndian(notWhole)),
		asm.JNE.Imm(asm.R4, 0, "pass"),
		asm.LoadMem(asm.R5, frame, ipv4SizeAt, asm.Half),
		asm.HostTo(asm.BE, asm.R5, asm.Half),
		asm.JLT.Imm(asm.R5, ipv4End-ipAt, "pass"),
		asm.Sub.Imm(asm.R6, ipAt),
		asm.JGT.Reg(asm.R5, asm.R6, "pass"), // longer than the frame
		asm.Sub.Imm(asm.R5, ipv4End-ipAt),
		asm.LoadMem(asm.R4, frame, ipv4TTLAt, asm.Byte),
		asm.StoreMem(asm.RFP, lifetimeAt, asm.R4, asm.DWord),
	)
	p.emit(
		asm.Mov.Imm(asm.R4, 0),
		asm.StoreMem(asm.RFP, keyAt, asm.R4, asm.DWord),
		asm.StoreMem(asm.RFP, keyAt+16, asm.R4, asm.DWord),
		asm.StoreMem(asm.RFP, prefixAt+16, asm.R4, asm.DWord),
		asm.StoreMem(asm.RFP, prefixAt+12, asm.R4, asm.Word),
		asm.StoreMem(asm.RFP, portsAt, asm.R4, asm.DWord),
		asm.StoreImm(asm.RFP, prefixAt, familyBits+32, asm.Word),
		asm.StoreImm(asm.RFP, prefixAt+4, familyIPv4, asm.Word),
		asm.LoadImm(asm.R6, mappedPrefix, asm.DWord),
		asm.LoadMem(asm.R4, frame, ipv4SrcAt, asm.Word),
		asm.LSh.Imm(asm.R4, 32),
		asm.Or.Reg(asm.R4, asm.R6),
		asm.StoreMem(asm.RFP, keyAt+8, asm.R4, asm.DWord),
		asm.LoadMem(asm.R4, frame, ipv4DstAt, asm.Word),
		asm.StoreMem(asm.RFP, prefixAt+8, asm.R4, asm.Word),
		asm.LSh.Imm(asm.R4, 32),
		asm.Or.Reg(asm.R4, asm.R6),
		asm.StoreMem(asm.RFP, keyAt+24, asm.R4, asm.DWord),
		asm.LoadMem(asm.R4, frame, ipv4ProtoAt, asm.Byte),
		asm.Mov.Reg(asm.R1, frame),
		asm.Add.Imm(asm.R1, ipv4End),
		asm.Ja.Label("transport"),
	)
}

func (p *program) parseIPv6() {
	p.within(frame, ipv6End)
	p.emit(
		asm.LoadMem(asm.R4, frame, ipAt, asm.Byte),
		asm.RSh.Imm(asm.R4, 4),
		asm.JNE.Imm(asm.R4, 6, "pass"),
		asm.LoadMem(asm.R5, frame, ipv6SizeAt, asm.Half),
		asm.HostTo(asm.BE, asm.R5, asm.Half),
		asm.Sub.Imm(asm.R6, ipv6End),
		asm.JGT.Reg(asm.R5, asm.R6, "pass"),
		asm.LoadMem(asm.R4, frame, ipv6LimitAt, asm.Byte),
		asm.StoreMem(asm.RFP, lifetimeAt, asm.R4, asm.DWord),
		asm.StoreImm(asm.RFP, prefixAt, familyBits+128, asm.Word),
		asm.StoreImm(asm.RFP, prefixAt+4, familyIPv6, asm.Word),
	)
	for word := range int16(2) {
		p.emit(
			asm.LoadMem(asm.R4, frame, ipv6SrcAt+8*word, asm.DWord),
			asm.StoreMem(asm.RFP, keyAt+8*word, asm.R4, asm.DWord),
			asm.LoadMem(asm.R4, frame, ipv6DstAt+8*word, asm.DWord),
			asm.StoreMem(asm.RFP, keyAt+16+8*word, asm.R4, asm.DWord),
			asm.StoreMem(asm.RFP, prefixAt+8+8*word, asm.R4, asm.DWord),
		)
	}
	p.emit(
		asm.LoadImm(asm.R4, keyIPv6, asm.DWord),
		asm.StoreMem(asm.RFP, portsAt, asm.R4, asm.DWord),
		asm.LoadMem(asm.R4, frame, ipv6NextAt, asm.Byte),
		asm.Mov.Reg(asm.R1, frame),
		asm.Add.Imm(asm.R1, ipv6End),
	)
}

// parseTransport completes the last word of the key, and the flags.
func (p *program) parseTransport() {
	p.emit(
		asm.Mov.Imm(asm.R0, 0), // ports
		asm.StoreMem(asm.RFP, flagsAt, asm.R0, asm.DWord),
		asm.JEq.Imm(asm.R4, hash.TCP, "TCP"),
		asm.JEq.Imm(asm.R4, hash.UDP, "UDP"),
		asm.JEq.Imm(asm.R4, hash.GRE, "ports"),
		asm.JEq.Imm(asm.R4, protoIPv4, "ports"),
		asm.JEq.Imm(asm.R4, protoIPv6, "ports"),
		asm.Ja.Label("pass"),
	)
	p.at("TCP")
	p.emit(asm.JLT.Imm(asm.R5, tcpSize, "pass"))
	p.within(asm.R1, tcpSize)
	p.emit(
		asm.LoadMem(asm.R0, asm.R1, tcpFlagsAt, asm.Byte),
		asm.StoreMem(asm.RFP, flagsAt, asm.R0, asm.DWord),
		asm.LoadMem(asm.R0, asm.R1, 0, asm.Word),
		asm.Ja.Label("ports"),
	)
	p.at("UDP")
	p.emit(asm.JLT.Imm(asm.R5, udpSize, "pass"))
	p.within(asm.R1, udpSize)
	p.emit(asm.LoadMem(asm.R0, asm.R1, 0, asm.Word))
	p.at("ports")
	p.emit(
		asm.LSh.Imm(asm.R4, keyProto),
		asm.Or.Reg(asm.R0, asm.R4),
		asm.LoadMem(asm.R5, asm.RFP, portsAt, asm.DWord),
		asm.Or.Reg(asm.R0, asm.R5),
		asm.StoreMem(asm.RFP, portsAt, asm.R0, asm.DWord),
	)
}

// route finds the service of the destination and its table, and drops what has
// no life left.
func (p *program) route() {
	p.lookUp(p.prefixes, prefixAt, "pass")
	p.emit(
		asm.LoadMem(asm.R1, asm.R0, 0, asm.Word),
		asm.StoreMem(asm.RFP, indexAt, asm.R1, asm.Word),
		asm.LoadMem(asm.R1, asm.RFP, lifetimeAt, asm.DWord),
		asm.JLE.Imm(asm.R1, 1, "expired"),
	)
	p.lookUp(p.tables, indexAt, "pass")
	p.emit(asm.Mov.Reg(asm.R1, asm.R0))
	p.lookUpIn(zeroAt, "pass")
	p.emit(asm.StoreMem(asm.RFP, tableAt, asm.R0, asm.DWord))
}
