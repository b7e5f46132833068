package cluster

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/ecmp-go/ecmp/flowcache"
)

// A message about pins is, in little-endian order:
//
//	magic "ePIN", version (1 byte), kind (1)
//	when its sender started (8) and when this was sent (8): Unix time in ns
//	sequence (8): of what this sender sent to this receiver, or to all, about
//	the group
//	check (8): of the policy of hashing; classes (8): of all timeouts and
//	classes; tick (8): in ns; buckets (4), form (4): the layout of the table
//	version (8): of the group
//	scan (8), from (4), to (4): it holds all that this scan found in these
//	buckets
//	plan (8), plan's scan (8): the last plan that was scanned for, and by which
//	placed (8): how many messages about flows just placed there were
//	sender, receiver, scope, group: length (1) and bytes
//	by kind, see below
//	the first 16 bytes of HMAC-SHA256 of all that, by a key made of the seed
//
// Pins and placed flows have the number of members (2), and for each length (1)
// and bytes of its ID and incarnation (8); then the number of records (4). A
// record is a word (8): tag 34 bits, index of the member 16, age 10, state 4;
// and a uvarint: by how much its bucket is greater than that of the one before.
// The age is in the unit of the state, and rounded up by one.
//
// An ask has the number of spans (2), and for each scan (8), from (4) and to
// (4); then the number of messages about placed flows (2), and each (8).
const (
	pinsMagic   = "ePIN"
	pinsVersion = 1
	macSize     = 16

	recordSize = 9 // at least
	spanSize   = 16
)

type messageKind byte

const (
	kindPins   messageKind = iota + 1
	kindPlaced             // flows that were placed while gateways have different views
	kindBeat               // how far the scans are
	kindAsk                // for what got lost

	lastKind = kindAsk
)

// A pinsHeader is what all messages begin with.
type pinsHeader struct {
	kind     messageKind
	started  int64
	sent     int64
	sequence uint64
	agreed   agreement
	version  uint64
	scan     uint64
	from, to uint32
	plan     uint64
	planScan uint64
	placed   uint64

	sender, receiver, scope, group string // receiver is empty if it is for all
}

// An agreement is what gateways that share pins have in common.
type agreement struct {
	check   uint64
	classes uint64
	tick    uint64
	layout  flowcache.Layout
}

// A pinsMember is the member that a record names.
type pinsMember struct {
	id          string
	incarnation uint64
}

// A span is a range of buckets that a scan covers.
type span struct {
	scan     uint64
	from, to uint32
}

// A pinsMessage is a message as it was received. Its pins have the index of the
// member in place of the slot.
type pinsMessage struct {
	pinsHeader
	members []pinsMember
	pins    []flowcache.Pin
	spans   []span
	lost    []uint64 // messages about placed flows
}

// A signer makes the codes that show that a message is of the cluster.
type signer struct {
	mac hash.Hash
	sum [sha256.Size]byte
}

func newSigner(seed []byte, cluster string) *signer {
	h := hmac.New(sha256.New, seed)
	h.Write([]byte("ecmp pins of " + cluster))
	return &signer{mac: hmac.New(sha256.New, h.Sum(nil))}
}

// check returns what shows that gateways have the same seed and policy, and
// tells neither.
func (s *signer) check(policy uint64) uint64 {
	return binary.LittleEndian.Uint64(s.code(binary.LittleEndian.AppendUint64([]byte("policy"), policy)))
}

// code returns the code of data, to be used until the next call.
func (s *signer) code(data []byte) []byte {
	s.mac.Reset()
	s.mac.Write(data)
	return s.mac.Sum(s.sum[:0])[:macSize]
}

// appendHeader appends all of a message before what depends on its kind.
func appendHeader(b []byte, h *pinsHeader) []byte {
	b = append(b, pinsMagic...)
	b = append(b, pinsVersion, byte(h.kind))
	for _, x := range [...]uint64{
		uint64(h.started), uint64(h.sent), h.sequence, h.agreed.check, h.agreed.classes, h.agreed.tick,
	} {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(h.agreed.layout.Buckets))
	b = binary.LittleEndian.AppendUint32(b, uint32(h.agreed.layout.Form))
	b = binary.LittleEndian.AppendUint64(b, h.version)
	b = appendSpan(b, span{h.scan, h.from, h.to})
	for _, x := range [...]uint64{h.plan, h.planScan, h.placed} {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	for _, s := range [...]string{h.sender, h.receiver, h.scope, h.group} {
		b = appendName(b, s)
	}
	return b
}

func appendSpan(b []byte, s span) []byte {
	b = binary.LittleEndian.AppendUint64(b, s.scan)
	b = binary.LittleEndian.AppendUint32(b, s.from)
	return binary.LittleEndian.AppendUint32(b, s.to)
}

// appendName appends a name of at most 255 bytes.
func appendName(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

// appendAsk appends what is asked for.
func appendAsk(b []byte, spans []span, lost []uint64) []byte {
	b = binary.LittleEndian.AppendUint16(b, uint16(len(spans)))
	for _, s := range spans {
		b = appendSpan(b, s)
	}
	b = binary.LittleEndian.AppendUint16(b, uint16(len(lost)))
	for _, n := range lost {
		b = binary.LittleEndian.AppendUint64(b, n)
	}
	return b
}
