package differential

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// A Reader gives for every frame of the captures what Parse and its Policy
// give, whole and cut to a snap length.
func TestReaderAgreesOnCaptures(t *testing.T) {
	racecheck.OneGoroutine(t)
	policies := []hash.Policy{
		{},
		{Hasher: hash.NewMix(1)},
		{Extractor: hash.FiveTuple | hash.Symmetric, Hasher: hash.NewMix(1)},
		{Extractor: hash.Inner(hash.FiveTuple | hash.EchoID), Hasher: hash.NewMix(2)},
		{Extractor: hash.Addresses | hash.Label | hash.SPI, Hasher: hash.CRC32C{}},
		{Hasher: hash.Linux611{Seed: 1, Policy: hash.LinuxCustom, Fields: 0xfff}},
	}
	total, special := 0, 0
	for _, all := range append(captures(t, gopacketDir(t)), captures(t, "../../forwarder/testdata")...) {
		for n, policy := range policies {
			snapped, lengths := make([][]byte, len(all)), make([]int, len(all))
			for i, frame := range all {
				snapped[i], lengths[i] = frame[:min(len(frame), 40+20*n)], len(frame)
			}
			reader, flows := policy.Reader(), make([]hash.Flow, len(all))
			reader.Read(flows, all)
			for i, frame := range all {
				var h hash.Headers
				err := hash.Parse(frame, &h)
				checkFlow(t, policy, reader, i, flows[i], frame, &h, err)
				total++
				if flows[i].Kind&hash.Special != 0 {
					special++
				}
			}
			reader.ReadSnapped(flows, snapped, lengths)
			for i, frame := range snapped {
				var h hash.Headers
				err := hash.ParseSnapped(frame, lengths[i], &h)
				checkFlow(t, policy, reader, i, flows[i], frame, &h, err)
			}
		}
	}
	assert.Greater(t, total, 6*26068)
	assert.Greater(t, special, 1000)
	assert.Less(t, special, total*9/10)
	t.Logf("%d reads, %d special", total, special)
}

func checkFlow(
	t *testing.T, p hash.Policy, r *hash.Reader, i int, f hash.Flow, frame []byte, h *hash.Headers, err error,
) {
	t.Helper()
	if err != nil {
		require.Equal(t, err, r.Err(i), "%x", frame)
		require.Zero(t, f.Hash)
		return
	}
	hashes := make([]uint64, 1)
	p.HashHeaders(hashes, []hash.Headers{*h}, [][]byte{frame})
	if f.Hash != hashes[0] || f.L3 != h.L3Offset || r.Err(i) != nil {
		require.Failf(t, "they differ", "%+v, %x: %+v, not %x", p, frame, f, hashes[0])
	}
	if inner := p.Extractor == hash.Inner(hash.FiveTuple|hash.EchoID); !inner {
		require.Equal(t, h.Proto, f.Proto)
		require.Equal(t, h.TCPFlags, f.Flags)
		require.Equal(t, h.L4Offset, f.L4)
	}
	if headers := r.Headers(i); headers != nil {
		require.Equal(t, h, headers)
	}
}
