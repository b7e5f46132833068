package flowcache_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

const check = 0x5eed

func (r *router) save() []byte {
	r.t.Helper()
	var b bytes.Buffer
	require.NoError(r.t, r.table.Save(&b, check, r.now))
	return b.Bytes()
}

func (r *router) restore(saved []byte) error {
	_, err := r.table.Restore(bytes.NewReader(saved), check, r.now)
	return err
}

func TestSavedPinsHoldAcrossARestart(t *testing.T) {
	before := newRouter(t, flowcache.Config{}, "a", "b", "c")
	member := make(map[uint64]string)
	for f := range uint64(flows) {
		member[f] = before.connect(f)
	}
	_, _ = before.tcp(flows, hash.SYN)
	before.wait(100 * time.Second)
	saved := before.save()

	after := newRouter(t, flowcache.Config{}, "x", "y", "z", "b") // other slots
	after.set(selector.Equal("a", "b", "d")...)
	after.now = 77 // another clock
	require.NotEqual(t, before.view().Slot(0), after.view().Slot(0))
	require.NoError(t, after.restore(saved))
	after.wait(250 * time.Second) // ages go on
	for f, m := range member {
		if m != "c" {
			after.expect(f, hash.ACK, m, flowcache.Pinned)
			continue
		}
		m, v := after.tcp(f, hash.ACK)
		require.Equal(t, flowcache.Moved, v)
		require.NotEqual(t, "c", m)
	}
	_, v := after.tcp(flows, hash.ACK)
	assert.Equal(t, flowcache.Placed, v, "had expired before Save")
}

func TestRestoredAgesGoOn(t *testing.T) {
	before := newRouter(t, flowcache.Config{}, "a")
	before.connect(1)
	before.wait(200 * time.Second)
	saved := before.save()
	for _, tick := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		after := newRouter(t, flowcache.Config{Tick: tick}, "a", "b")
		after.set(selector.Member{ID: "a"}, selector.Member{ID: "b", Weight: 1})
		require.NoError(t, after.restore(saved))
		after.wait(gone - 200*time.Second + 3*tick)
		after.expect(1, hash.ACK, "b", flowcache.Placed)
	}
}

// TestExpiredPinsAreNotSaved restores where timeouts are longer.
func TestExpiredPinsAreNotSaved(t *testing.T) {
	before := newRouter(t, flowcache.Config{}, "a")
	before.connect(1)
	before.wait(gone)
	after := newRouter(t, flowcache.Config{EstablishedTCP: time.Hour}, "a")
	restored, err := after.table.Restore(bytes.NewReader(before.save()), check, after.now)
	require.NoError(t, err)
	assert.Equal(t, flowcache.Restored{}, restored)
}

// TestPinsInTheirLastTickAreRestored saves a pin on probation as late as it can
// be used.
func TestPinsInTheirLastTickAreRestored(t *testing.T) {
	for wait, want := range map[time.Duration]flowcache.Restored{8 * time.Second: {Pins: 1}, 9 * time.Second: {}} {
		before := newRouter(t, flowcache.Config{}, "a")
		_, _ = before.tcp(1, hash.SYN)
		before.wait(wait)
		after := newRouter(t, flowcache.Config{}, "a")
		restored, err := after.table.Restore(bytes.NewReader(before.save()), check, after.now)
		require.NoError(t, err)
		assert.Equal(t, want, restored)
	}
}

func TestPinsOlderThanTheTimeoutsNowAreNotRestored(t *testing.T) {
	before := newRouter(t, flowcache.Config{}, "a")
	before.connect(1)
	before.wait(200 * time.Second)
	after := newRouter(t, flowcache.Config{EstablishedTCP: 170 * time.Second}, "a")
	require.NoError(t, after.restore(before.save()))
	assert.Zero(t, after.table.Stats().Inserted)
}

// TestRestoreBeforeTheMembersAreKnown restores while half of the members are
// missing, as a router does that learns its routes one after another.
func TestRestoreBeforeTheMembersAreKnown(t *testing.T) {
	before := newRouter(t, flowcache.Config{}, "a", "b", "c", "d")
	member, late := make(map[uint64]string), 0
	for f := range uint64(flows) {
		if member[f] = before.connect(f); member[f] > "b" {
			late++
		}
	}
	after := newRouter(t, flowcache.Config{}, "a", "b")
	restored, err := after.table.Restore(bytes.NewReader(before.save()), check, after.now)
	require.NoError(t, err)
	assert.Equal(t, flowcache.Restored{Pins: flows, Waiting: late, Members: []string{"c", "d"}}, restored)
	for f, m := range member {
		if _, v := after.tcp(f, hash.ACK); m > "b" {
			require.Equal(t, flowcache.Detoured, v)
		} else {
			require.Equal(t, flowcache.Pinned, v)
		}
	}
	after.wait(20 * time.Second)
	after.set(selector.Equal("a", "b", "c")...)
	after.wait(11 * time.Second)
	for f, m := range member {
		switch m {
		case "d":
			_, v := after.tcp(f, hash.ACK)
			require.Equal(t, flowcache.Moved, v, "the grace is over")
		default:
			after.expect(f, hash.ACK, m, flowcache.Pinned)
		}
	}
}

func TestClassesAreRestoredByName(t *testing.T) {
	config := func(names ...string) (c flowcache.Config) {
		for i, name := range names {
			idle := time.Duration(i+1) * time.Hour
			c.Classes = append(c.Classes, flowcache.ClassConfig{Name: name, Idle: idle, Sure: true})
		}
		return c
	}
	before := newRouter(t, config("dns", "quic"), "a")
	for i := range 2 {
		p := packet(before.view(), uint64(i), hash.UDP, 0)
		p.Class = flowcache.FirstClass + flowcache.Class(i)
		_, _ = before.send(p)
	}
	before.wait(20 * time.Second)
	after := newRouter(t, config("affinity", "quic"), "a")
	require.NoError(t, after.restore(before.save()))
	var pins []flowcache.Pin
	for p := range after.table.All(after.now) {
		p.Key, p.Slot = flowcache.Key{}, 0
		pins = append(pins, p)
	}
	assert.ElementsMatch(t, []flowcache.Pin{{State: flowcache.Established, Age: 16 * time.Second},
		{State: flowcache.EstablishedTCP + 2, Age: 16 * time.Second}}, pins)
}

func TestExpiredPinDoesNotKeepARestoredOneOut(t *testing.T) {
	before := newRouter(t, flowcache.Config{}, "a", "b")
	member := before.connect(1)
	saved := before.save()
	after := newRouter(t, flowcache.Config{}, "a", "b", "c", "d", "e", "f", "g", "h")
	_, _ = after.tcp(1, hash.SYN)
	after.wait(10 * time.Second)
	require.NoError(t, after.restore(saved))
	after.expect(1, hash.ACK, member, flowcache.Pinned)
}

// endless is a stream without an end.
type endless struct{ prefix []byte }

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, e.prefix)
	e.prefix = e.prefix[n:]
	if n == 0 {
		n = len(b)
	}
	return n, nil
}

func TestEndlessStreamsAreGivenUp(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := newRouter(t, flowcache.Config{Flows: 100}, "a")
	for want, prefix := range map[error][]byte{flowcache.ErrForeign: []byte("hello"),
		flowcache.ErrSize: r.save()[:32]} {
		_, err := r.table.Restore(&endless{prefix}, check, r.now)
		require.ErrorIs(t, err, want)
	}
}

func TestRestoreKeepsPinsOfLiveTraffic(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	r.connect(1)
	saved := r.save()
	r.set(selector.Member{ID: "b", Weight: 1})
	r.expect(1, hash.ACK, "b", flowcache.Moved)
	require.NoError(t, r.restore(saved))
	r.expect(1, hash.ACK, "b", flowcache.Pinned)
}

func TestDamagedSnapshotsAreRefusedAndChangeNothing(t *testing.T) {
	before := newRouter(t, flowcache.Config{Flows: 100}, "a", "b")
	for f := range uint64(20) {
		before.connect(f)
	}
	saved := before.save()
	after := newRouter(t, flowcache.Config{Flows: 100}, "a", "b")
	refused := func(data []byte, what string, i int) {
		t.Helper()
		var e *flowcache.RestoreError
		require.ErrorAs(t, after.restore(data), &e, "%s %d", what, i)
		require.NotEmpty(t, e.Error())
	}
	for n := range saved {
		refused(saved[:n], "cut to", n)
	}
	for bit := range 8 * len(saved) {
		flipped := bytes.Clone(saved)
		flipped[bit/8] ^= 1 << (bit % 8)
		refused(flipped, "flipped bit", bit)
	}
	refused(append(bytes.Clone(saved), 0), "one byte more", 0)
	assert.Zero(t, after.table.Stats().Inserted)
	assert.Zero(t, after.table.Pins(after.view().Slot(0)))

	require.NoError(t, after.restore(saved))
	assert.EqualValues(t, 20, after.table.Stats().Inserted)
}

func TestForeignSnapshots(t *testing.T) {
	r := newRouter(t, flowcache.Config{Flows: 100}, "a")
	saved := r.save()
	require.ErrorIs(t, r.restore([]byte("GIF89a, a picture of some length, longer than a header is")),
		flowcache.ErrForeign)

	version := bytes.Clone(saved)
	version[8] = 99
	require.ErrorIs(t, r.restore(version), flowcache.ErrForeign)

	var e *flowcache.RestoreError
	_, err := r.table.Restore(bytes.NewReader(saved), check+1, r.now)
	require.ErrorIs(t, err, flowcache.ErrCheck)
	require.ErrorAs(t, err, &e)
	assert.Equal(t, [2]uint64{check, check + 1}, [2]uint64{e.Got, e.Want})

	other := newRouter(t, flowcache.Config{Flows: 200}, "a")
	require.ErrorIs(t, other.restore(saved), flowcache.ErrSize)
	require.ErrorContains(t, other.restore(saved), fmt.Sprintf("got %d, want %d", r.table.Buckets(),
		other.table.Buckets()))
	require.ErrorIs(t, r.restore(saved[:len(saved)-1]), flowcache.ErrDamaged)
}

func TestErrorsOfReaderAndWriter(t *testing.T) {
	r := newRouter(t, flowcache.Config{}, "a")
	broken := errors.New("broken")
	_, err := r.table.Restore(iotest.ErrReader(broken), check, r.now)
	require.ErrorIs(t, err, broken)
	reader, writer := io.Pipe()
	require.NoError(t, reader.CloseWithError(broken))
	require.ErrorIs(t, r.table.Save(writer, check, r.now), broken)
}

func FuzzRestore(f *testing.F) {
	f.Add([]byte("ecmpflow"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := newRouter(t, flowcache.Config{Flows: 1}, "a")
		var e *flowcache.RestoreError
		if err := r.restore(data); err != nil {
			require.ErrorAs(t, err, &e)
			require.Zero(t, r.table.Stats().Inserted)
		}
	})
}

// TestImpossibleSnapshots breaks streams and gives them a right CRC: whoever
// made them, nothing may be half applied.
func TestImpossibleSnapshots(t *testing.T) {
	before := newRouter(t, flowcache.Config{Flows: 20}, "a", "b")
	for f := range uint64(10) {
		before.connect(f)
	}
	saved := before.save()
	errs := 0
	for i := range len(saved) - 4 {
		for _, b := range []byte{0x00, 0x01, 0x09, 0x7f, 0x80, 0xff} {
			data := bytes.Clone(saved[:len(saved)-4])
			data[i] = b
			data = binary.LittleEndian.AppendUint32(data, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
			after := newRouter(t, flowcache.Config{Flows: 20}, "a", "b")
			if err := after.restore(data); err != nil {
				var e *flowcache.RestoreError
				require.ErrorAs(t, err, &e)
				require.Zero(t, after.table.Stats().Inserted)
				errs++
			}
		}
	}
	assert.Greater(t, errs, 100)
}
