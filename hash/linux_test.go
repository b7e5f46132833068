package hash_test

import (
	"encoding/csv"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
)

// records returns the records of a file of vectors, by the names in its first
// line.
func records(t *testing.T, name string) []map[string]string {
	file, err := os.Open(name)
	require.NoError(t, err)
	defer file.Close() //nolint:errcheck // read only
	rows, err := csv.NewReader(file).ReadAll()
	require.NoError(t, err)
	var all []map[string]string
	for _, row := range rows[1:] {
		record := map[string]string{}
		for i, value := range row {
			record[rows[0][i]] = value
		}
		all = append(all, record)
	}
	return all
}

func number(t *testing.T, s string, base, size int) uint64 {
	n, err := strconv.ParseUint(s, base, size)
	require.NoError(t, err)
	return n
}

func endpoint(t *testing.T, addr, port string) netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr(addr), uint16(number(t, port, 10, 16)))
}

// modelFlow returns the flow of a key for the model.
func modelFlow(k hash.FlowKey) packet.Flow {
	return packet.Flow{
		Src: k.Src().Addr(), Dst: k.Dst().Addr(), SrcPort: k.Src().Port(), DstPort: k.Dst().Port(),
		Proto: k.Proto(), Label: k.Label(), IPv6: k.Is6(),
	}
}

// The hashes that kernel 6.18 has for forwarded packets.
func TestLinuxVectors(t *testing.T) {
	rows := records(t, "testdata/linux-multipath.csv")
	require.Len(t, rows, 336)
	for _, r := range rows {
		k := hash.NewFlowKey(uint8(number(t, r["proto"], 10, 8)), endpoint(t, r["src"], r["sport"]),
			endpoint(t, r["dst"], r["dport"]))
		k = k.WithLabel(uint32(number(t, r["label"], 0, 20)))
		linux := hash.Linux611{
			Seed:   uint32(number(t, r["seed"], 0, 32)),
			Policy: hash.LinuxPolicy(number(t, r["policy"], 10, 2)),
			Fields: hash.LinuxFields(number(t, r["fields"], 0, 12)),
		}
		want := uint32(number(t, r["hash32"], 16, 32))
		require.Equal(t, want, linux.Hash32(k), "%v", r)
		require.Equal(t, want, linux.Hash32(k.Reverse().WithLabel(k.Label())), "%v, reversed", r)
		require.Equal(t, uint64(want)<<32, linux.Hash(k), "%v", r)
		model := packet.Kernel{Seed: linux.Seed, Policy: int(linux.Policy), Fields: int(linux.Fields)}
		require.Equal(t, want, model.Hash(packet.Whole(modelFlow(k))), "the model, %v", r)
	}
}

// The checks of jhash that the kernel's own source gives nowhere, from a run of
// it.
func TestModelJhash(t *testing.T) {
	assert.Equal(t, uint32(0x8b4c7979), packet.Jhash2Words(1, 2, 0))
	assert.Equal(t, uint32(0xcbf70fc7), packet.Jhash2Words(0xdeadbeef, 0, 0))
	assert.Equal(t, uint64(0xa129ca6149be45e5), packet.SipHash24(0x0706050403020100, 0x0f0e0d0c0b0a0908, counting(15)))
}

// checkLinux compares a key under a policy with the model.
func checkLinux(t *testing.T, k hash.FlowKey, l hash.Linux611) {
	model := packet.Kernel{Seed: l.Seed, Policy: int(l.Policy), Fields: int(l.Fields), Local: l.Local}
	require.Equal(t, model.Hash(packet.Whole(modelFlow(k))), l.Hash32(k), "%s, %+v", k, l)
}

func TestLinuxAgreesWithModel(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for _, k := range randomKeys(r, 2000) {
		for policy := range hash.LinuxPolicy(5) { // there is no policy 4
			checkLinux(t, k, hash.Linux611{Seed: r.Uint32(), Policy: policy, Fields: hash.LinuxFields(r.Uint32()),
				Local: r.IntN(2) == 0})
		}
		checkLinux(t, k, hash.Linux611{Policy: hash.LinuxCustom, Fields: hash.LinuxFields(1) << r.IntN(12)})
		checkLinux(t, k, hash.Linux611{Policy: hash.LinuxCustom}) // the default
	}
}

func FuzzLinux(f *testing.F) {
	f.Add(uint64(0), uint64(0), uint64(0), uint64(0), uint64(0), uint32(0), uint8(0), uint16(0), false)
	f.Add(uint64(1), uint64(2), uint64(3), uint64(4), uint64(5|0x10<<40), uint32(6), uint8(3), uint16(0xfff), true)
	f.Fuzz(func(t *testing.T, w0, w1, w2, w3, w4 uint64, seed uint32, policy uint8, fields uint16, local bool) {
		if w4&(0x10<<40) == 0 { // IPv4 keys are as NewFlowKey makes them
			w0, w2 = 0, 0
			w1, w3 = w1&^(1<<32-1)|0xffff0000, w3&^(1<<32-1)|0xffff0000
		}
		checkLinux(t, hash.FlowKeyFromWords(w0, w1, w2, w3, w4),
			hash.Linux611{Seed: seed, Policy: hash.LinuxPolicy(policy), Fields: hash.LinuxFields(fields), Local: local})
	})
}

func TestLinuxBatch(t *testing.T) {
	keys := randomKeys(rand.New(rand.NewPCG(15, 16)), 100)
	for policy := range hash.LinuxPolicy(4) {
		linux := hash.Linux611{Seed: 1, Policy: policy, Fields: 0x3f}
		headers := make([]hash.Headers, len(keys))
		for i, k := range keys {
			headers[i] = hash.Headers{Outer: k, Inner: k, Proto: k.Proto(), NextHeader: k.Proto()}
		}
		for _, n := range []int{0, 1, 100} {
			batch, headed := make([]uint64, n+1), make([]uint64, n+1)
			batch[n], headed[n] = 42, 42
			linux.HashBatch(batch, keys[:n])
			linux.HashHeaders(headed, headers[:n], nil)
			for i, k := range keys[:n] {
				assert.Equal(t, linux.Hash(k), batch[i])
				assert.Equal(t, linux.Hash(k), headed[i])
			}
			assert.Equal(t, uint64(42), batch[n])
			assert.Equal(t, uint64(42), headed[n])
		}
		dst := make([]uint64, 100)
		assert.Panics(t, func() { linux.HashBatch(dst[:99], keys) })
		assert.Panics(t, func() { linux.HashHeaders(dst[:99], headers, nil) })
		assert.Zero(t, testing.AllocsPerRun(10, func() { linux.HashBatch(dst, keys) }))
		assert.Zero(t, testing.AllocsPerRun(10, func() { linux.HashHeaders(dst, headers, nil) }))
		assert.Zero(t, testing.AllocsPerRun(10, func() { dst[0] = hash.Hasher(linux).Hash(keys[0]) }))
	}
}

// Addresses and ports are sorted separately: the kernel merges these two
// conversations.
func TestLinuxMergesConversations(t *testing.T) {
	linux := hash.Linux611{Seed: 1, Policy: hash.LinuxL4}
	flow := func(src, dst string) hash.FlowKey {
		return hash.NewFlowKey(hash.TCP, netip.MustParseAddrPort(src), netip.MustParseAddrPort(dst))
	}
	assert.Equal(t, linux.Hash(flow("10.0.0.1:1", "10.0.0.2:2")), linux.Hash(flow("10.0.0.1:2", "10.0.0.2:1")))
	assert.NotEqual(t, linux.Hash(flow("10.0.0.1:1", "10.0.0.2:2")), linux.Hash(flow("10.0.0.1:1", "10.0.0.2:3")))
}

var (
	_ hash.HeaderHasher = hash.Linux611{}
	_ hash.BatchHasher  = hash.Linux611{}
)

func TestLinuxFields(t *testing.T) {
	f := hash.NewLinuxFields(hash.FiveTuple|hash.Symmetric, hash.DstAddr|hash.SPI)
	assert.Equal(t, hash.LinuxFields(0x37|2<<6), f)
	assert.Equal(t, hash.FiveTuple, f.Outer())
	assert.Equal(t, hash.DstAddr, f.Inner())
	assert.Equal(t, hash.FiveTuple, hash.LinuxFields(0xf037).Outer())
	assert.Zero(t, hash.LinuxFields(0xf037).Inner())
}
