package planes_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// With each plane the drops of services and members add up to all drops, and
// are of those that the packets were for, whichever path these take.
func TestDropsAreToldLive(t *testing.T) {
	for _, k := range planes.All() {
		t.Run(k.Name, func(t *testing.T) {
			f := newFlight(t, k, plane.Config{})
			web := config.Service{Name: "web", Strategy: selector.Bounded{},
				Prefixes: []netip.Prefix{netip.MustParsePrefix(testbed.Service4 + "/32")}}
			for pod := 1; pod <= 2; pod++ {
				web.Members = append(web.Members, config.Member{ID: fmt.Sprint("pod", pod), Dev: fmt.Sprint("lp", pod),
					Weight: 1, Addr: netip.AddrFrom4([4]byte{10, 9, byte(pod), 2}), MAC: testbed.MAC(pod, 2)})
			}
			empty := config.Service{Name: "empty", Strategy: selector.Bounded{},
				Prefixes: []netip.Prefix{netip.MustParsePrefix(testbed.Service6 + "/128")}}
			f.onRouter(func() error { return f.Replace([]config.Service{web, empty}, "") })
			all := uint64(0)
			play := func(dst string, n int, change func(i int, frame []byte) []byte) (s services.Stats) {
				t.Helper()
				src := "198.18.0.1"
				if dst == testbed.Service6 {
					src = "2001:db8:9:800::1"
				}
				for i := range n {
					frame := change(i, frameOf(services.Question{Proto: hash.UDP,
						Src: netip.AddrPortFrom(netip.MustParseAddr(src), uint16(2000+i)),
						Dst: netip.AddrPortFrom(netip.MustParseAddr(dst), 443)}))
					_, err := unix.Write(f.socket, frame)
					require.NoError(t, err)
				}
				all += uint64(n)
				require.Eventually(t, func() bool {
					sum := uint64(0)
					s = f.Stats()
					for _, n := range s.Dropped {
						sum += n
					}
					return sum == all
				}, time.Minute, time.Millisecond)
				return s
			}
			options := func(i int, frame []byte) []byte { // every third one takes a slow path, if there is one
				if i%3 > 0 || frame[12] != 8 {
					return frame
				}
				frame[14], frame[17] = 0x46, frame[17]+4
				return append(append(append([]byte(nil), frame[:34]...), 1, 1, 1, 1), frame[34:]...)
			}
			play(testbed.Service4, 60, func(i int, frame []byte) []byte {
				frame[14+8] = 1
				return options(i, frame)
			})
			play(testbed.Service6, 30, func(i int, frame []byte) []byte {
				frame[14+7] = byte(1 + i%2)
				return frame
			})
			f.onRouter(func() error { // behind the back of the registry
				_, err := f.plane.SetOutputs(nil)
				return err
			})
			s := play(testbed.Service4, 90, options)

			type drops = map[string]uint64
			require.Len(t, s.Services, 2)
			assert.Equal(t, drops{"TTL expired": 60}, s.Services[0].Dropped)
			assert.Equal(t, drops{"TTL expired": 15, "no member": 15}, s.Services[1].Dropped)
			lost := uint64(0)
			for _, m := range s.Services[0].Members {
				assert.Len(t, m.Dropped, 1)
				assert.Positive(t, m.Dropped["no output"], m.ID)
				lost += m.Dropped["no output"]
				assert.Zero(t, m.Frames, m.ID)
			}
			assert.EqualValues(t, 90, lost)
			assert.Equal(t, drops{"TTL expired": 75, "no member": 15, "no output": 90}, s.Dropped)
		})
	}
}
