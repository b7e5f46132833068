package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/internal/capture"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// packetsOf reads a capture.
func packetsOf(t *testing.T, name string) (packets []capture.Packet) {
	t.Helper()
	f, err := os.Open(name)
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // only read
	r, err := capture.NewReader(f)
	require.NoError(t, err)
	for {
		p, err := r.Next(nil)
		if errors.Is(err, io.EOF) {
			return packets
		}
		require.NoError(t, err)
		packets = append(packets, p)
	}
}

// replayed runs the second form of the command with -json, and returns what it
// says and the packets of each member.
func replayed(t *testing.T, args ...string) (r replayReport, members map[string][]capture.Packet, code int,
	stderr string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "to", "be", "made")
	code, stdout, stderr := forward(t, append([]string{"-json", "-out", dir}, args...)...)
	require.NoError(t, json.Unmarshal([]byte(stdout), &r))
	members = make(map[string][]capture.Packet)
	for _, m := range r.Members {
		members[m.ID] = packetsOf(t, filepath.Join(dir, m.ID+".pcap"))
		assert.Len(t, members[m.ID], int(m.Frames))
	}
	return r, members, code, stderr
}

const threeMembers = "pod1=10.0.0.1,pod2=10.0.0.2:3,pod3=2001:db8::3"

// Every packet of the capture is at one member, at its time and as the engine's
// own tests say it must look; both directions of a conversation are at the same
// one.
func TestReplay(t *testing.T) {
	report, members, code, stderr := replayed(t, "-pcap", vipPcap, "-members", threeMembers, "-strategy", "maglev",
		"-symmetric")
	require.Zero(t, code, stderr)
	assert.Empty(t, stderr)
	in := packetsOf(t, vipPcap)
	assert.EqualValues(t, len(in), report.Frames)
	assert.Equal(t, map[string]uint64{"not IP": 4, "TTL expired": 1}, report.Dropped)

	home := make(map[hash.FlowKey]string)
	macs := map[string]engine.MAC{"pod1": {2, 0, 10, 0, 0, 1}, "pod2": {2, 0, 10, 0, 0, 2}, "pod3": {6, 0, 0, 0, 0, 3}}
	next := make(map[string]int)
	for _, p := range in {
		var h hash.Headers
		ip := 14
		if hash.Parse(p.Frame, &h) != nil || h.Outer.Is6() && p.Frame[ip+7] == 1 {
			continue
		}
		key := hash.FiveTuple.Extract(&h, nil).Canonical()
		id, known := home[key]
		for other := range members { // at most one of them has it next
			if at := next[other]; !known && at < len(members[other]) &&
				bytes.Equal(members[other][at].Frame[ip+20:], p.Frame[ip+20:]) {
				id = other
			}
		}
		home[key] = id
		require.NotEmpty(t, id)
		got := members[id][next[id]]
		next[id]++
		mac := macs[id]
		require.Equal(t, mac[:], got.Frame[:6])
		require.Equal(t, forwarderMAC[:], got.Frame[6:12])
		require.Equal(t, p.Frame[ip+12:], got.Frame[ip+12:], "addresses and payload stay")
		require.True(t, p.Time.Equal(got.Time))
		require.Equal(t, p.Length, got.Length)
	}
	flows, frames := 0, uint64(0)
	for _, m := range report.Members {
		assert.Equal(t, next[m.ID], int(m.Frames), "nothing is left over")
		flows += m.Flows
		frames += m.Frames
	}
	assert.Equal(t, len(home), flows)
	assert.Equal(t, report.Frames, frames+5)
	assert.InDelta(t, .6, float64(report.Members[1].Flows)/float64(flows), .08, "weight 3 of 5")
}

// Tcpdump reads what is written and finds nothing wrong with any checksum.
func TestTcpdumpReadsTheCaptures(t *testing.T) {
	if _, err := exec.LookPath("tcpdump"); err != nil {
		t.Skip("needs tcpdump: ", err)
	}
	dir := t.TempDir()
	code, _, stderr := forward(t, "-pcap", vipPcap, "-out", dir, "-members", threeMembers)
	require.Zero(t, code, stderr)
	packets := 0
	for _, id := range []string{"pod1", "pod2", "pod3"} {
		out, err := exec.CommandContext(t.Context(), "tcpdump", "-nn", "-vv", "-e", "-r",
			filepath.Join(dir, id+".pcap")).Output()
		require.NoError(t, err)
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "ethertype") {
				packets++
			}
			for _, bad := range []string{"bad cksum", "incorrect", "wrong", "bad udp cksum"} {
				require.NotContains(t, line, bad)
			}
		}
		assert.Contains(t, string(out), "(correct)")
	}
	assert.Equal(t, len(packetsOf(t, vipPcap))-5, packets)
}

// Of a damaged capture, what comes before the damage is routed and written, and
// the error names the packet.
func TestDamagedCapture(t *testing.T) {
	whole, err := os.ReadFile(vipPcap)
	require.NoError(t, err)
	offset := 24 // of packet 5001
	for range 5000 {
		offset += 16 + int(binary.LittleEndian.Uint32(whole[offset+8:]))
	}
	negative := bytes.Clone(whole)
	binary.LittleEndian.PutUint32(negative[offset+8:], 1<<31)
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"in a header":  {whole[:offset+5], "packet 5001: the capture ends in the middle of it"},
		"after it":     {whole[:offset+16], "packet 5001: the capture ends in the middle of it"},
		"in a packet":  {whole[:offset+40], "packet 5001: the capture ends in the middle of it"},
		"wrong length": {negative, "packet 5001: the capture is damaged here: "},
	} {
		file := filepath.Join(t.TempDir(), "damaged.pcap")
		require.NoError(t, os.WriteFile(file, c.data, 0o600))
		report, members, code, stderr := replayed(t, "-pcap", file)
		assert.Equal(t, 1, code, name)
		assert.Contains(t, stderr, "damaged.pcap: "+c.want, name)
		assert.EqualValues(t, 5000, report.Frames, name)
		written := 0
		for _, packets := range members {
			written += len(packets)
		}
		assert.Greater(t, written, 4900, name)
	}
}

// A capture of the beginnings of packets is routed like one of the whole
// packets, where the beginnings hold all headers.
func TestSnappedCapture(t *testing.T) {
	file := filepath.Join(t.TempDir(), "snapped.pcap")
	f, err := os.Create(file)
	require.NoError(t, err)
	w, err := capture.NewWriter(f)
	require.NoError(t, err)
	const snap, unusable = 14 + 40 + 20, 14 + 20
	cut := 0
	for i, p := range packetsOf(t, vipPcap) {
		p.Frame = p.Frame[:min(len(p.Frame), snap)]
		if i%1000 == 999 {
			p.Frame = p.Frame[:min(len(p.Frame), unusable)]
			cut++
		}
		require.NoError(t, w.Write(p))
	}
	require.NoError(t, w.Close())
	want, whole, _, _ := replayed(t, "-pcap", vipPcap)
	got, snapped, code, stderr := replayed(t, "-pcap", file)
	require.Zero(t, code, stderr)
	assert.EqualValues(t, cut, got.Dropped["damaged"])
	assert.Equal(t, want.Frames, got.Frames)
	for id := range whole {
		assert.Greater(t, len(snapped[id]), len(whole[id])-2*cut)
		for _, p := range snapped[id] {
			require.LessOrEqual(t, len(p.Frame), snap)
		}
	}
}

// The beginnings of tunnels are routed by the outer flow like the whole
// packets, and by the inner flow where it is there.
func TestSnappedTunnels(t *testing.T) {
	racecheck.OneGoroutine(t)
	const flows, snaps = 300, 3
	write := func(snap func(i int) int) string {
		file := filepath.Join(t.TempDir(), "tunnels.pcap")
		f, err := os.Create(file)
		require.NoError(t, err)
		w, err := capture.NewWriter(f)
		require.NoError(t, err)
		for i := range flows {
			frame := vxlanFrame(uint16(i))
			cut := frame[:min(snap(i), len(frame))]
			p := capture.Packet{Time: time.Unix(int64(i), 0), Frame: cut, Length: len(frame)}
			require.NoError(t, w.Write(p))
		}
		require.NoError(t, w.Close())
		return file
	}
	whole, cut := write(func(int) int { return 1000 }), write(func(i int) int { return []int{60, 90, 120}[i%snaps] })
	for key, damaged := range map[string]uint64{"five-tuple": 0, "client": 0, "inner": flows * 2 / snaps} {
		want, _, _, _ := replayed(t, "-pcap", whole, "-key", key)
		got, _, code, stderr := replayed(t, "-pcap", cut, "-key", key)
		require.Zero(t, code, stderr)
		assert.Equal(t, damaged, got.Dropped["damaged"], key)
		if damaged == 0 {
			assert.Equal(t, want, got, key)
		}
	}
}

// vxlanFrame returns a TCP packet with 100 bytes of payload in a VXLAN.
func vxlanFrame(i uint16) []byte {
	ip := func(proto byte, payload []byte) []byte {
		b := []byte{0x45, 0, 0, byte(20 + len(payload)), 0, 0, 0, 0, 64, proto, 0, 0,
			10, 0, byte(i >> 8), byte(i), 10, 1, 0, 9}
		return append(append(append(make([]byte, 12), 0x08, 0x00), b...), payload...)
	}
	tcp := make([]byte, 120)
	binary.BigEndian.PutUint16(tcp, i)
	tcp[3], tcp[12] = 80, 5<<4
	inner := ip(6, tcp)
	udp := binary.BigEndian.AppendUint16([]byte{byte(i), byte(i >> 8), 0x12, 0xb5}, uint16(16+len(inner)))
	udp = append(udp, 0, 0, 8, 0, 0, 0, 0, 0, 7, 0)
	return ip(17, append(udp, inner...))
}

// Without a change of the group, the flow table makes no difference; -vip,
// -seed and weight 0 do.
func TestReplayOptions(t *testing.T) {
	sticky, _, _, _ := replayed(t, "-pcap", vipPcap, "-vip", "172.16.0.20,2001:db8:ac10::14")
	plain, _, _, _ := replayed(t, "-pcap", vipPcap, "-vip", "172.16.0.20/32,2001:db8:ac10::14/128", "-sticky=false")
	assert.Equal(t, sticky, plain)
	assert.Greater(t, sticky.Dropped["no route"], uint64(5000), "the answers")
	seeded, _, _, _ := replayed(t, "-pcap", vipPcap, "-vip", "172.16.0.20,2001:db8:ac10::14", "-seed", "7")
	assert.NotEqual(t, sticky.Members, seeded.Members)
	drained, members, code, _ := replayed(t, "-pcap", vipPcap, "-members", "a=10.0.0.1:0")
	assert.Zero(t, code)
	assert.Empty(t, members["a"])
	assert.Equal(t, drained.Frames, drained.Dropped["no member"]+5)
}

func TestReplayText(t *testing.T) {
	code, stdout, stderr := forward(t, "-pcap", vipPcap, "-vip", "172.16.0.20")
	require.Zero(t, code, stderr)
	assert.Regexp(t, `(?m)^member +address +weight +frames +flows +bytes$`, stdout)
	assert.Regexp(t, `(?m)^pod2 +10\.0\.0\.2 +1 +\d+ +\d+ +\d+$`, stdout)
	assert.Regexp(t, `(?m)^dropped: no route +\d+$`, stdout)
	assert.Regexp(t, `(?m)^in all +15068$`, stdout)
}
