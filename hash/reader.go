package hash

import (
	"encoding/binary"
	"math/bits"
)

// burst is the number of packets that a Reader takes through its loops at a
// time: one bit each in a word.
const burst = 64

// A Reader reads bursts of packets by a [Policy]: it parses, chooses the
// fields, and hashes, in one pass for the plain packets that a router mostly
// sees. They take about half the time of [Parse] and [Policy.HashHeaders],
// which give the same hashes for every packet there is.
//
// A Reader belongs to one worker: it is not safe for concurrent use. It
// allocates nothing but when a burst is longer than all before, and more than
// 64 packets.
type Reader struct {
	policy       Policy       // nothing nil but Digest
	headerHasher HeaderHasher // the Hasher, if it needs Headers
	batch        BatchHasher
	ports        *portTable
	digest       BatchHasher // nil if Hasher has 64 bits

	fields   Fields
	hasPlain bool // the fields say all, so that plain packets can do without Headers
	plain    plainHash
	loops    int // for which hasher: hashMix, hashXX or hashKeys

	tagged bool // so were most frames of the last burst

	// Of the last burst, however long. The others are set where rest has a bit.
	rest    []uint64 // a bit a packet: it is not plain
	headers []Headers
	errs    []error

	// Of the 64 packets at hand.
	keys   [burst]FlowKey
	hashes [burst]uint64
}

// Reader returns a new Reader of p.
func (p Policy) Reader() *Reader {
	r := &Reader{policy: p.withDefaults(), ports: p.Ports.orDefault()}
	p = r.policy
	r.headerHasher, _ = p.Hasher.(HeaderHasher)
	r.batch = inBatches(p.Hasher)
	if p.Digest != nil {
		r.digest = inBatches(p.Digest)
	}
	if f, ok := p.Extractor.(Fields); ok {
		r.fields, r.hasPlain = f, r.headerHasher == nil
		if f&Symmetric != 0 {
			r.plain, r.loops = newPlainHash(f, nil)
		} else {
			r.plain, r.loops = newPlainHash(f, p.Hasher)
		}
	}
	r.grow(burst)
	return r
}

func (r *Reader) grow(n int) {
	if n > len(r.headers) {
		r.headers = make([]Headers, n)
		r.errs = make([]error, n)
		r.rest = make([]uint64, (n+burst-1)/burst)
	}
}

// Read reads Ethernet frames, as [Parse] does: dst[i] is what is to be known of
// frames[i]. It panics if dst is shorter than frames. Frames are read only.
func (r *Reader) Read(dst []Flow, frames [][]byte) { r.read(dst, frames, nil, true) }

// ReadIP reads IPv4 and IPv6 packets, as [ParseIP] does.
func (r *Reader) ReadIP(dst []Flow, packets [][]byte) { r.read(dst, packets, nil, false) }

// ReadSnapped reads frames of which only the start is here, as [ParseSnapped]
// does: lengths[i] is what frames[i] had on the wire. Frames that are not whole
// are Special. It panics if dst or lengths is shorter than frames.
func (r *Reader) ReadSnapped(dst []Flow, frames [][]byte, lengths []int) {
	r.read(dst, frames, lengths[:len(frames):len(lengths)], true)
}

// Headers returns what Parse finds in packet i of the last burst, if its Kind
// has Special, and else nil. It is good until the next burst.
func (r *Reader) Headers(i int) *Headers {
	if r.rest[i/burst]>>(i%burst)&1 == 0 || r.errs[i] != nil {
		return nil
	}
	return &r.headers[i]
}

// Err returns what Parse says of packet i of the last burst, if its Kind has
// NotIP or Damaged, and else nil.
func (r *Reader) Err(i int) error {
	if r.rest[i/burst]>>(i%burst)&1 == 0 {
		return nil
	}
	return r.errs[i]
}

// read reads packets of any number. Lengths is nil if they are whole.
func (r *Reader) read(dst []Flow, packets [][]byte, lengths []int, ethernet bool) {
	dst = dst[:len(packets):len(dst)]
	r.grow(len(packets))
	for from := 0; from < len(packets); from += burst {
		to := min(from+burst, len(packets))
		r.readBurst(dst[from:to], packets[from:to], lengths, from, ethernet)
	}
}

// readBurst reads at most 64 packets, of which the first one is number from of
// the caller's and of lengths.
func (r *Reader) readBurst(dst []Flow, packets [][]byte, lengths []int, from int, ethernet bool) {
	all := ^uint64(0) >> (burst - len(packets))
	rest := all
	if r.hasPlain {
		rest = r.readPlain(dst, packets, all, ethernet)
		if r.fields&innermost != 0 {
			rest |= r.tunnels(dst, packets, all&^rest)
		}
		if rest != all && r.loops == hashKeys {
			r.hash(dst)
		}
	}
	r.rest[from/burst] = rest
	for ; rest != 0; rest &= rest - 1 {
		i := bits.TrailingZeros64(rest)
		packet, missing := packets[i], 0
		if lengths != nil {
			packet, missing = snapped(packet, lengths[from+i])
		}
		r.readSpecial(&dst[i], packet, missing, from+i, ethernet)
	}
}

// readPlain reads the plain ones of some packets, and returns the others. It
// tries first with a tag or without, by what most packets of the last burst
// had.
func (r *Reader) readPlain(dst []Flow, packets [][]byte, some uint64, ethernet bool) (rest uint64) {
	var tagged uint64
	switch {
	case !ethernet:
		rest, _ = r.plainIP(dst, packets, some)
	case r.tagged:
		if rest = r.plainTagged(dst, packets, some); rest != 0 {
			r.tagged = 2*bits.OnesCount64(rest) < len(packets)
			rest, _ = r.plainEthernet(dst, packets, rest)
		}
	default:
		if rest, tagged = r.plainEthernet(dst, packets, some); tagged != 0 {
			r.tagged = 2*bits.OnesCount64(tagged) > len(packets)
			rest = rest&^tagged | r.plainTagged(dst, packets, tagged)
		}
	}
	return rest
}

// Each of these is a loop of plain packets behind one link layer.

func (r *Reader) plainIP(dst []Flow, packets [][]byte, some uint64) (rest, tagged uint64) {
	switch r.loops {
	case hashMix:
		return plain[[0]byte, [hashMix]byte](r, dst, packets, some)
	case hashXX:
		return plain[[0]byte, [hashXX]byte](r, dst, packets, some)
	}
	return plain[[0]byte, [hashKeys]byte](r, dst, packets, some)
}

func (r *Reader) plainEthernet(dst []Flow, packets [][]byte, some uint64) (rest, tagged uint64) {
	switch r.loops {
	case hashMix:
		return plain[[ethernetSize]byte, [hashMix]byte](r, dst, packets, some)
	case hashXX:
		return plain[[ethernetSize]byte, [hashXX]byte](r, dst, packets, some)
	}
	return plain[[ethernetSize]byte, [hashKeys]byte](r, dst, packets, some)
}

func (r *Reader) plainTagged(dst []Flow, packets [][]byte, some uint64) (rest uint64) {
	switch r.loops {
	case hashMix:
		rest, _ = plain[[taggedSize]byte, [hashMix]byte](r, dst, packets, some)
	case hashXX:
		rest, _ = plain[[taggedSize]byte, [hashXX]byte](r, dst, packets, some)
	default:
		rest, _ = plain[[taggedSize]byte, [hashKeys]byte](r, dst, packets, some)
	}
	return rest
}

// tunnels returns those of some plain packets that go to the port of a tunnel.
func (r *Reader) tunnels(dst []Flow, packets [][]byte, some uint64) (found uint64) {
	for ; some != 0; some &= some - 1 {
		i := bits.TrailingZeros64(some)
		f := &dst[i]
		port := binary.BigEndian.Uint16(packets[i][f.L4+2:])
		if f.Proto == UDP && r.ports.layer(port) != 0 {
			found |= 1 << i
		}
	}
	return found
}

// hash hashes the keys of a burst.
func (r *Reader) hash(dst []Flow) {
	keys, hashes := r.keys[:len(dst)], r.hashes[:len(dst)]
	if r.fields&Symmetric != 0 {
		for i := range keys {
			k := &keys[i]
			k.src0, k.src1, k.dst0, k.dst1, k.rest = k.canonical(wholeKey)
		}
	}
	r.batch.HashBatch(hashes, keys)
	for i, h := range hashes {
		dst[i].Hash = h
	}
	if r.digest != nil {
		r.digest.HashBatch(hashes, keys)
		for i, h := range hashes {
			dst[i].Hash = withDigest(dst[i].Hash, h)
		}
	}
}

// readSpecial reads a packet by way of Headers.
func (r *Reader) readSpecial(f *Flow, packet []byte, missing, i int, ethernet bool) {
	h := &r.headers[i]
	var err error
	if ethernet {
		err = r.ports.parse(packet, missing, h)
	} else {
		err = r.ports.parseIP(packet, missing, h)
	}
	r.errs[i] = err
	if err != nil {
		*f = Flow{Kind: Damaged}
		if err == ErrNotIP { //nolint:errorlint // it is returned as it is
			f.Kind = NotIP
		}
		return
	}
	f.describe(h, packet, r.fields&innermost != 0)
	f.Hash = r.hashOf(i, packet)
}

// hashOf returns the hash of packet i, whose headers are read.
func (r *Reader) hashOf(i int, packet []byte) (hash uint64) {
	if r.headerHasher != nil {
		r.headerHasher.HashHeaders(r.hashes[:1], r.headers[i:i+1], nil)
		hash = r.hashes[0]
		if r.digest == nil {
			return hash
		}
	}
	k := r.policy.Extractor.Extract(&r.headers[i], packet)
	if r.headerHasher == nil {
		hash = r.policy.Hasher.Hash(k)
	}
	if r.digest != nil {
		hash = withDigest(hash, r.policy.Digest.Hash(k))
	}
	return hash
}

// describe sets f but for the hash.
func (f *Flow) describe(h *Headers, packet []byte, inner bool) {
	f.Kind, f.L3, f.TTL = Special, h.L3Offset, packet[h.L3Offset+8]
	if h.Outer.Is6() {
		f.Kind, f.TTL = Special|IPv6, packet[h.L3Offset+7]
	}
	lookupOnly := h.ICMPError || h.FragFirst || h.FragLater
	f.L4, f.Proto, f.Flags = h.L4Offset, h.Proto, h.TCPFlags
	if inner {
		lookupOnly = h.InnerICMPError || h.InnerFragment
		f.L4, f.Proto, f.Flags = h.InnerL4Offset, h.InnerProto, h.InnerFlags
	}
	if lookupOnly {
		f.Kind |= LookupOnly
	}
	if h.Encapsulated {
		f.Kind |= Encapsulated
	}
}

// inBatches returns a hasher that has HashBatch.
func inBatches(h Hasher) BatchHasher {
	if h, ok := h.(BatchHasher); ok {
		return h
	}
	return oneByOne{h}
}

// oneByOne makes a BatchHasher of a Hasher.
type oneByOne struct{ Hasher }

func (o oneByOne) HashBatch(dst []uint64, keys []FlowKey) {
	for i := range keys {
		dst[i] = o.Hash(keys[i])
	}
}
