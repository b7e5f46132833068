package flowcache_test

import (
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/hash"
)

// ethernet, ipv4, udp and tcp put a header before a payload.
func ethernet(payload []byte) []byte {
	return append([]byte{2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0}, payload...)
}

func ipv4(proto uint8, payload []byte) []byte {
	header := []byte{0x45, 0, 0, 0, 0, 0, 0x40, 0, 64, proto, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2}
	binary.BigEndian.PutUint16(header[2:], uint16(len(header)+len(payload)))
	return append(header, payload...)
}

func udp(port uint16, payload []byte) []byte {
	header := []byte{0xc0, 0, 0, 0, 0, 0, 0, 0}
	binary.BigEndian.PutUint16(header[2:], port)
	binary.BigEndian.PutUint16(header[4:], uint16(len(header)+len(payload)))
	return append(header, payload...)
}

func tcp(flags hash.TCPFlags) []byte {
	return []byte{0xc0, 1, 0, 80, 0, 0, 0, 1, 0, 0, 0, 1, 0x50, byte(flags), 1, 0, 0, 0, 0, 0}
}

// TestConnectionInATunnel reads TCP in VXLAN by its inner flow: the timeouts of
// TCP count, and the ends of the inner connection. By the outer flow it is UDP.
func TestConnectionInATunnel(t *testing.T) {
	const syn, ack, fin, rst = hash.SYN, hash.ACK, hash.FIN, hash.RST
	inner := hash.Inner(hash.FiveTuple)
	type step struct {
		wait  time.Duration
		flags hash.TCPFlags
	}
	for name, tt := range map[string]struct {
		extractor hash.Extractor
		steps     []step
		want      flowcache.Verdict // of the last packet
	}{
		"established": {inner, []step{{0, syn}, {0, ack}, {350 * second, ack}},
			flowcache.Pinned},
		"only a SYN": {inner, []step{{0, syn}, {9 * second, ack}}, flowcache.Placed},
		"FIN":        {inner, []step{{0, syn}, {0, ack}, {0, fin | ack}, {70 * second, ack}}, flowcache.Placed},
		"RST":        {inner, []step{{0, syn}, {0, ack}, {0, rst}, {70 * second, ack}}, flowcache.Placed},
		"its outer flow": {hash.FiveTuple, []step{{0, syn}, {2 * second, ack}, {36 * second, ack}},
			flowcache.Placed},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRouter(t, flowcache.Config{}, "a", "b", "c")
			reader := hash.Policy{Extractor: tt.extractor, Hasher: hash.XX{}}.Reader()
			var verdict flowcache.Verdict
			for _, s := range tt.steps {
				r.wait(s.wait)
				vxlan := append([]byte{8, 0, 0, 0, 0, 0, 1, 0}, ethernet(ipv4(hash.TCP, tcp(s.flags)))...)
				var flow [1]hash.Flow
				reader.Read(flow[:], [][]byte{ethernet(ipv4(hash.UDP, udp(4789, vxlan)))})
				require.Zero(t, flow[0].Kind&(hash.NotIP|hash.Damaged))
				_, verdict = r.send(sent{flowcache.NewPacket(&flow[0], r.view().Salt(), 0), r.view()})
			}
			require.Equal(t, tt.want, verdict)
		})
	}
}
