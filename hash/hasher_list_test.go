package hash_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"math/rand/v2"
	"net/netip"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/golden/packet"
)

// A hasherRow is a hasher at one setting. Every test that is about all hashers
// ranges over these rows; TestHashersAreComplete says what a row lacks.
type hasherRow struct {
	name   string
	hasher hash.Hasher
	bits   int                                         // what Bits says of it
	model  func(k packet.Flow, encoding []byte) uint64 // the same, slow and plain
	known  uint64                                      // the hash of knownKey: it must never change
}

// knownKey is the key whose hash each row pins.
func knownKey() hash.FlowKey {
	client, server := netip.MustParseAddrPort("[2001:db8::1]:49152"), netip.MustParseAddrPort("[2001:db8::2]:443")
	return hash.NewFlowKey(hash.TCP, client, server).WithLabel(0x12345)
}

var hashers = []hasherRow{
	{
		"xx", hash.XX{Seed: 1}, 64,
		func(_ packet.Flow, b []byte) uint64 { return packet.XXH64(1, b) }, 0xf5e09ffc20b73d2e,
	},
	{
		"sip", hash.Sip{K0: 1, K1: 2}, 64,
		func(_ packet.Flow, b []byte) uint64 { return packet.SipHash24(1, 2, b) }, 0x2c3489ac3d8495bd,
	},
	{
		"mix", hash.NewMix(1), 64,
		func(_ packet.Flow, b []byte) uint64 { return packet.Mix(1, b) }, 0x18e13b309bd90fe5,
	},
	{
		"crc32c", hash.CRC32C{}, 32,
		func(_ packet.Flow, b []byte) uint64 { return uint64(packet.CRC32C(b)) << 32 }, 0x39a5178600000000,
	},
	{
		"crc32", mustCRC(hash.CRC32IEEE()), 32,
		func(_ packet.Flow, b []byte) uint64 {
			return uint64(packet.CRC(32, 0x04c11db7, 1<<32-1, true, 1<<32-1, b)) << 32
		}, 0xa8634b3c00000000,
	},
	{
		"crc32 forward", mustCRC(hash.CRCConfig{Bits: 32, Polynomial: 0x04c11db7, Init: 0x12345678}), 32,
		func(_ packet.Flow, b []byte) uint64 {
			return uint64(packet.CRC(32, 0x04c11db7, 0x12345678, false, 0, b)) << 32
		}, 0xc22f66500000000,
	},
	{
		"crc16", mustCRC(hash.CRC16CCITT()), 16,
		func(_ packet.Flow, b []byte) uint64 {
			return uint64(packet.CRC(16, 0x1021, 0xffff, false, 0, b)) << 48
		}, 0x5d60000000000000,
	},
	{
		"crc16 reflected",
		mustCRC(hash.CRCConfig{Bits: 16, Polynomial: 0x8005, Init: 0x1234, Reflected: true, XorOut: 9}), 16,
		func(_ packet.Flow, b []byte) uint64 {
			return uint64(packet.CRC(16, 0x8005, 0x1234, true, 9, b)) << 48
		}, 0x9c6000000000000,
	},
	{
		"toeplitz", mustToeplitz(), 32,
		func(f packet.Flow, _ []byte) uint64 {
			return uint64(packet.Toeplitz(microsoft(), f.ToeplitzInput())) << 32
		}, 0x22225eec00000000,
	},
	{
		"toeplitz symmetric-xor", mustToeplitz().SymmetricXOR(), 32,
		func(f packet.Flow, _ []byte) uint64 {
			return uint64(packet.Toeplitz(microsoft(), f.ToeplitzXORInput())) << 32
		}, 0xabbd871000000000,
	},
	{
		"toeplitz symmetric-or-xor", mustToeplitz().SymmetricOrXOR(), 32,
		func(f packet.Flow, _ []byte) uint64 {
			return uint64(packet.Toeplitz(microsoft(), f.ToeplitzOrXORInput())) << 32
		}, 0x2f82c22c00000000,
	},
	{
		"mixed", hash.Mixed(hash.CRC32C{}, 2), 32,
		func(_ packet.Flow, b []byte) uint64 {
			return packet.MixFinalize(2, uint64(packet.CRC32C(b))<<32)
		}, 0x6362d38f15569d8c,
	},
	{
		"linux", hash.Linux611{Seed: 1, Policy: hash.LinuxCustom, Fields: 0x3f}, 32,
		func(f packet.Flow, _ []byte) uint64 {
			return uint64(packet.Kernel{Seed: 1, Policy: 3, Fields: 0x3f}.Hash(packet.Whole(f))) << 32
		}, 0x189c8fec00000000,
	},
}

// A batched hasher is what most of the tests and benchmarks range over.
type batched struct {
	name   string
	hasher interface {
		hash.BatchHasher
		hash.FieldsHasher
	}
}

// builtIn are the rows but for those that need Headers.
var builtIn = func() (all []batched) {
	for _, row := range hashers {
		b := batched{name: row.name}
		var ok bool
		if b.hasher, ok = row.hasher.(interface {
			hash.BatchHasher
			hash.FieldsHasher
		}); ok {
			all = append(all, b)
		}
	}
	return all
}()

func mustToeplitz() *hash.Toeplitz {
	t, err := hash.NewToeplitz(microsoft())
	if err != nil {
		panic(err)
	}
	return t
}

func mustCRC(c hash.CRCConfig) *hash.CRC {
	x, err := hash.NewCRC(c)
	if err != nil {
		panic(err)
	}
	return x
}

// Every hasher of the package has a row, and the row what the others have.
func TestHashersAreComplete(t *testing.T) {
	rows := map[string]bool{}
	for _, row := range hashers {
		name := strings.TrimPrefix(reflect.TypeOf(row.hasher).String(), "*hash.")
		rows[strings.TrimPrefix(name, "hash.")] = true
		_, inBatches := row.hasher.(hash.BatchHasher)
		_, ofFields := row.hasher.(hash.FieldsHasher)
		_, ofHeaders := row.hasher.(hash.HeaderHasher)
		assert.True(t, inBatches, "%s has no HashBatch: hashBatch in loops.go makes it one line", row.name)
		assert.True(t, ofFields || ofHeaders, "%s has no HashFields: hashFields in loops.go makes it one line",
			row.name)
		assert.NotNil(t, row.model, "%s has no model: write one in internal/golden/packet", row.name)
		assert.NotZero(t, row.known, "%s has no known hash: TestHashersKnown prints it", row.name)
		assert.Equal(t, row.bits, hash.Bits(row.hasher), "%s: how many bits are good?", row.name)
	}
	doc, err := os.ReadFile("doc.go")
	require.NoError(t, err)
	for name := range exportedHashers(t) {
		assert.True(t, rows[name], "%s is in no row of hashers in hasher_list_test.go", name)
		if !strings.Contains(string(doc), "["+name+"]") { // assert.Contains would print it all
			t.Errorf("doc.go does not say when to choose %s", name)
		}
	}
}

// exportedHashers returns the types of this package that have the method Hash
// of a hasher. A Policy is none: it has Reader too.
func exportedHashers(t *testing.T) map[string]bool {
	files, err := os.ReadDir(".")
	require.NoError(t, err)
	methods := map[string]map[string]bool{}
	for _, file := range files {
		if !strings.HasSuffix(file.Name(), ".go") || strings.HasSuffix(file.Name(), "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file.Name(), nil, 0)
		require.NoError(t, err)
		for _, d := range parsed.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok || f.Recv == nil {
				continue
			}
			receiver := f.Recv.List[0].Type
			if star, ok := receiver.(*ast.StarExpr); ok {
				receiver = star.X
			}
			if id, ok := receiver.(*ast.Ident); ok && id.IsExported() {
				if methods[id.Name] == nil {
					methods[id.Name] = map[string]bool{}
				}
				methods[id.Name][f.Name.Name] = true
			}
		}
	}
	found := map[string]bool{}
	for name, has := range methods {
		if has["Hash"] && !has["Reader"] {
			found[name] = true
		}
	}
	require.Greater(t, len(found), 5)
	return found
}

func TestHashersEqualModels(t *testing.T) {
	r := rand.New(rand.NewPCG(17, 18))
	any4 := netip.MustParseAddrPort("0.0.0.0:0")
	keys := append(randomKeys(r, 1000), hash.NewFlowKey(0, any4, any4), knownKey())
	for _, row := range hashers {
		if row.model == nil {
			continue // TestHashersAreComplete says so
		}
		for _, k := range keys {
			flow := modelFlow(k)
			require.Equal(t, row.model(flow, encoding40(t, k)), row.hasher.Hash(k), "%s of %s", row.name, k)
		}
	}
}

// Hashes are a contract: one of each row is written down.
func TestHashersKnown(t *testing.T) {
	for _, row := range hashers {
		assert.Equal(t, row.known, row.hasher.Hash(knownKey()), "%s: want %#x", row.name, row.hasher.Hash(knownKey()))
	}
}
