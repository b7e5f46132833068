package hash_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// checkSnapped parses the first n bytes of a frame and compares with the model,
// and with what the whole frame gives.
func checkSnapped(t *testing.T, frame []byte, n int) (err error) {
	start := frame[:n:n]
	h, whole := stale(), hash.Headers{}
	err = hash.ParseSnapped(start, len(frame), &h)
	want, wantErr := packet.Ports(nil).Snapped(start, len(frame), true)
	check(t, start, h, err, want, wantErr)
	wholeErr := hash.Parse(frame, &whole)
	switch {
	case err != nil:
		if wholeErr != err { //nolint:errorlint // these errors are shared
			require.ErrorIs(t, err, hash.ErrTruncated, "%d bytes of %x", n, frame)
		}
	case h.InnerErr() != nil && h.InnerErr() != whole.InnerErr(): //nolint:errorlint // these errors are shared
		require.NoError(t, wholeErr)
		require.ErrorIs(t, h.InnerErr(), hash.ErrTruncated, "%d bytes of %x", n, frame)
		require.Equal(t, outermost(whole), outermost(h), "%d bytes of %x", n, frame)
	default:
		require.NoError(t, wholeErr)
		if exported(h) != exported(whole) {
			require.Equal(t, whole, h, "%d bytes of %x", n, frame)
		}
		var a, b [1]uint64
		for policy := range hash.LinuxPolicy(4) {
			linux := hash.Linux611{Policy: policy, Fields: 0xfff}
			linux.HashHeaders(a[:], []hash.Headers{h}, nil)
			linux.HashHeaders(b[:], []hash.Headers{whole}, nil)
			require.Equal(t, b, a, "policy %d, %d bytes of %x", policy, n, frame)
		}
	}
	return err
}

// outermost returns what is not about the inside of a tunnel.
func outermost(h hash.Headers) hash.Headers {
	o := hash.Headers{
		Outer: h.Outer, FragID: h.FragID, SPI: h.SPI, EchoID: h.EchoID, L3Offset: h.L3Offset, L4Offset: h.L4Offset,
		Proto: h.Proto, NextHeader: h.NextHeader, TCPFlags: h.TCPFlags, Encapsulated: h.Encapsulated,
		EntropyLabel: h.EntropyLabel, ICMPError: h.ICMPError, FragFirst: h.FragFirst, FragLater: h.FragLater,
	}
	if h.ICMPError {
		o.Cited = h.Cited
	}
	return o
}

// The start of every frame, of any length, gives what the frame gives, or an
// error.
func TestSnapped(t *testing.T) {
	for _, f := range frames() {
		sound := 0
		for n := range len(f.bytes) + 1 {
			if checkSnapped(t, f.bytes, n) == nil {
				sound++
			}
		}
		if f.err == nil {
			assert.Positive(t, sound, f.name)
		}
	}
}

func TestSnappedMutations(t *testing.T) {
	racecheck.OneGoroutine(t)
	corpus := frames()
	r := rand.New(rand.NewPCG(61, 62))
	for range mutations(t, 100_000) {
		b := mutate(r, corpus)
		_ = checkSnapped(t, b, r.IntN(len(b)+1))
	}
}

// A header is all that counts: 54 bytes of TCP over IPv4 are enough.
func TestSnappedLengths(t *testing.T) {
	frame := ether4(ip4(6, tcp(hash.ACK)))
	for n := range len(frame) + 1 {
		assert.Equal(t, n >= 54, checkSnapped(t, frame, n) == nil, "%d bytes", n)
	}
	// A length that is too small cuts, as a frame on the wire is cut.
	var h hash.Headers
	require.ErrorIs(t, hash.ParseSnapped(frame, len(frame)-1, &h), hash.ErrTruncated)
	require.ErrorIs(t, hash.ParseSnapped(frame, -1, &h), hash.ErrTruncated)
	require.NoError(t, hash.Parser{}.ParseIPSnapped(frame[14:54], len(frame)-14, &h))
	assert.Equal(t, tcp4, h.Outer.String())
}

func TestReadSnapped(t *testing.T) {
	r := rand.New(rand.NewPCG(63, 64))
	var starts [][]byte
	var lengths []int
	for _, f := range append(plainFrames(), mixed(500)...) {
		starts = append(starts, f[:r.IntN(len(f)+1)])
		lengths = append(lengths, len(f))
	}
	for _, c := range readerChecks() {
		flows := make([]hash.Flow, len(starts))
		c.reader.ReadSnapped(flows, starts, lengths)
		for i, b := range starts {
			var h hash.Headers
			err := hash.ParseSnapped(b, lengths[i], &h)
			require.Equal(t, err, c.reader.Err(i))
			want := packet.Ports(nil).ReadSnapped(b, lengths[i], true, c.inner)
			want.Kind.Special = want.Kind.Special || c.noneIs && err == nil
			require.Equal(t, want, reading(flows[i]), "%x", b)
			if err == nil {
				var hashes [1]uint64
				c.policy.HashHeaders(hashes[:], []hash.Headers{h}, [][]byte{b})
				require.Equal(t, hashes[0], flows[i].Hash)
			}
		}
		assert.Panics(t, func() { c.reader.ReadSnapped(flows, starts, lengths[:9]) })
		assert.Zero(t, testing.AllocsPerRun(10, func() { c.reader.ReadSnapped(flows, starts, lengths) }))
	}
}

func FuzzSnapped(f *testing.F) {
	for i, seed := range frames() {
		f.Add(seed.bytes, uint16(i))
	}
	f.Fuzz(func(t *testing.T, b []byte, n uint16) { _ = checkSnapped(t, b, int(n)%(len(b)+1)) })
}
