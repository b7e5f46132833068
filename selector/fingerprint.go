package selector

import (
	"encoding/binary"
	"reflect"
	"strconv"

	"github.com/cespare/xxhash/v2"
)

// Every strategy of this package has an identity: its algorithm and parameters,
// defaults filled in, in a form that no release changes.
type identified interface{ identity() string }

// identityOf joins the name of an algorithm and its parameters.
func identityOf(name string, parameters ...uint64) string {
	for _, p := range parameters {
		name += "/" + strconv.FormatUint(p, 10)
	}
	return name
}

const fingerprintProbes = 4096

// fingerprint digests all that placement depends on. The placement of a
// strategy from elsewhere, whose parameters are unknown, is probed. For a
// Rebuilder, whose placement depends on history, prev is the fingerprint
// before.
func fingerprint(strategy Strategy, s Selector, members []Member, prev uint64) uint64 {
	f := hashMembers(prev, members)
	if id, ok := strategy.(identified); ok && ours(strategy) {
		return f ^ xxhash.Sum64String(id.identity())
	}
	if s == nil {
		return f
	}
	d := xxhash.NewWithSeed(f)
	var b [4]byte
	for i := range uint64(fingerprintProbes) {
		_, _ = d.Write(binary.LittleEndian.AppendUint32(b[:0], uint32(s.Select(mix64(i)))))
	}
	return d.Sum64()
}

// ours reports whether the type of x, or what it points to, is of this package.
// A type that merely embeds one of ours is not.
func ours(x any) bool {
	t := reflect.TypeOf(x)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.PkgPath() == reflect.TypeFor[Member]().PkgPath()
}

func hashMembers(seed uint64, members []Member) uint64 {
	d := xxhash.NewWithSeed(seed)
	var b [8]byte
	for _, m := range members {
		binary.LittleEndian.PutUint32(b[:4], uint32(len(m.ID)))
		binary.LittleEndian.PutUint32(b[4:], m.Weight)
		_, _ = d.Write(b[:])
		_, _ = d.WriteString(m.ID)
	}
	return d.Sum64()
}
