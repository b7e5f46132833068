package plane

import (
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
)

// udpFragments returns a UDP datagram to the service, from a port, in three
// fragments. Its payload is the port.
func udpFragments(v6 bool, from uint16) (frames [3][]byte) {
	const size = 512 // of a fragment
	payload := make([]byte, len(frames)*size)
	binary.BigEndian.PutUint16(payload, from)
	binary.BigEndian.PutUint16(payload[2:], servicePort)
	binary.BigEndian.PutUint16(payload[4:], uint16(len(payload)))
	binary.BigEndian.PutUint16(payload[8:], from)
	if v6 { // which has no datagrams without checksum
		pseudo := append([]byte(nil), datagram6(unix.IPPROTO_UDP, 0)[14+8:14+40]...)
		pseudo = binary.BigEndian.AppendUint32(pseudo, uint32(len(payload)))
		pseudo = append(pseudo, 0, 0, 0, unix.IPPROTO_UDP)
		sum := uint32(0)
		for _, b := range [][]byte{pseudo, payload} {
			for i := 0; i < len(b); i += 2 {
				sum += uint32(binary.BigEndian.Uint16(b[i:]))
			}
		}
		for sum > 0xffff {
			sum = sum&0xffff + sum>>16
		}
		binary.BigEndian.PutUint16(payload[6:], ^uint16(sum))
	}
	for n := range frames {
		more := uint16(1 - n/2)
		part := payload[n*size:][:size]
		if v6 {
			f := datagram6(unix.IPPROTO_FRAGMENT, unix.IPPROTO_UDP)
			binary.BigEndian.PutUint16(f[14+4:], 8+size)
			binary.BigEndian.PutUint16(f[14+42:], uint16(n*size)|more)
			binary.BigEndian.PutUint32(f[14+44:], uint32(from))
			frames[n] = append(f, part...)
			continue
		}
		f := datagram(0)[:14+20]
		ip := f[14:]
		binary.BigEndian.PutUint16(ip[2:], 20+size)
		binary.BigEndian.PutUint16(ip[4:], from)
		binary.BigEndian.PutUint16(ip[6:], more<<13|uint16(n*size/8))
		sum := uint32(0)
		for i := 0; i < len(ip); i += 2 {
			sum += uint32(binary.BigEndian.Uint16(ip[i:]))
		}
		binary.BigEndian.PutUint16(ip[10:], ^uint16(sum&0xffff+sum>>16))
		frames[n] = append(f, part...)
	}
	return frames
}

// Datagrams of three fragments in every order are put together by the pods:
// none is split. One whose first fragment does not come is sent on, and
// counted.
func TestFragments(t *testing.T) {
	const datagrams, inFlight = 120, 12
	forEach(t, func(t *testing.T, open func(*testing.T, Config, int) *bench) {
		// The sender may be kept from its work for long.
		b := open(t, Config{Fragments: flowcache.FragmentsConfig{Hold: time.Second}}, 3)
		var mu sync.Mutex
		arrived, pods := map[string]bool{}, map[int]bool{}
		for i, p := range b.Pods {
			require.NoError(t, p.Do(func() error {
				for _, address := range []string{testbed.Service4, testbed.Service6} {
					c, err := net.ListenPacket("udp", net.JoinHostPort(address, fmt.Sprint(servicePort)))
					if err != nil {
						return err
					}
					t.Cleanup(func() { _ = c.Close() })
					go func() {
						buffer := make([]byte, 1<<16)
						for {
							n, _, err := c.ReadFrom(buffer)
							if err != nil {
								return
							}
							mu.Lock()
							arrived[fmt.Sprint(address, n, binary.BigEndian.Uint16(buffer))] = true
							pods[i] = true
							mu.Unlock()
						}
					}()
				}
				return nil
			}))
		}
		send := b.raw(t)
		orders := [][3]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}}
		for from := 0; from < datagrams; from += inFlight {
			for k := range 3 {
				for i := from; i < from+inFlight; i++ {
					for _, v6 := range []bool{false, true} {
						send(udpFragments(v6, uint16(1000+i))[orders[i%6][k]])
					}
				}
			}
		}
		eventually := func(condition func() bool) {
			t.Helper()
			assert.Eventually(t, condition, time.Minute, 5*time.Millisecond)
		}
		eventually(func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(arrived) == 2*datagrams
		})
		mu.Lock()
		assert.Len(t, arrived, 2*datagrams, "datagrams that were put together")
		assert.Len(t, pods, 3)
		mu.Unlock()
		c := b.plane.Counters().Fragments
		assert.EqualValues(t, 2*datagrams, c.Held, "one of each on average")
		assert.Zero(t, c.Strays)

		before := b.plane.Counters()
		send(udpFragments(false, 1)[1], udpFragments(true, 1)[2])
		eventually(func() bool { return b.plane.Counters().Fragments.Strays == 2 })
		after := b.plane.Counters()
		assert.Equal(t, Fragments{Held: c.Held + 2, Strays: 2}, after.Fragments)
		assert.Equal(t, before.In.Frames+2, after.In.Frames)
	})
}
