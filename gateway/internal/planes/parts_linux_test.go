package planes_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/ecmp-go/ecmp/examples/forwarder/placement"
	"github.com/ecmp-go/ecmp/flowcache"
	"github.com/ecmp-go/ecmp/gateway/internal/config"
	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/services"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/selector"
)

// Clients meet the member that they have in all services of a scope, through
// changes of the members: with each plane.
func TestClientsOfAScopeLive(t *testing.T) {
	const never = 100 * time.Hour
	for _, k := range planes.All() {
		t.Run(k.Name, func(t *testing.T) {
			f := newFlight(t, k, plane.Config{Sticky: &flowcache.Config{
				Flows: 1 << 12, EstablishedTCP: never, Established: never, Probation: never, DownGrace: never,
				Classes: []flowcache.ClassConfig{{Name: "affinity", Idle: never}},
			}})
			of := func(name string, protocol uint8, pods ...int) config.Service {
				s := config.Service{Name: name, Protocol: protocol, Strategy: selector.Bounded{}, Key: placement.Client,
					Scope: "clients", Prefixes: []netip.Prefix{netip.MustParsePrefix(testbed.Service4 + "/32"),
						netip.MustParsePrefix(testbed.Service6 + "/128")}}
				for _, pod := range pods {
					s.Members = append(s.Members, config.Member{ID: fmt.Sprint("pod", pod), Dev: fmt.Sprint("lp", pod),
						Weight: 1, Addr: netip.AddrFrom4([4]byte{10, 9, byte(pod), 2}), MAC: testbed.MAC(pod, 2)})
				}
				return s
			}
			flows := func(proto uint8, port uint16) (list []services.Question) {
				for i := range 300 {
					src, dst := netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)}), testbed.Service4
					if i%3 == 0 {
						src = netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 9, 8, 14: byte(i >> 8), 15: byte(i)})
						dst = testbed.Service6
					}
					list = append(list, services.Question{Proto: proto, Src: netip.AddrPortFrom(src, 2000+port),
						Dst: netip.AddrPortFrom(netip.MustParseAddr(dst), port)})
				}
				return list
			}
			f.onRouter(func() error {
				return f.Replace([]config.Service{of("control", hash.TCP, 1, 2, 3), of("data", hash.UDP, 1, 2, 3)}, "")
			})
			first := f.ask("control", flows(hash.TCP, 80))
			f.onRouter(func() error {
				return f.Replace([]config.Service{of("control", hash.TCP, 1, 2, 3, 4), of("data", hash.UDP, 1, 2, 3,
					4)}, "")
			})
			moved := 0
			for _, later := range [][]services.Answer{f.ask("data", flows(hash.UDP, 5000)),
				f.ask("control again", flows(hash.TCP, 81))} {
				for i := range later {
					require.Equal(t, "pinned", later[i].Verdict)
					require.Equal(t, first[i].Member.ID, later[i].Member.ID)
					if later[i].Placed != later[i].Member.ID {
						moved++
					}
				}
			}
			assert.Positive(t, moved, "clients that would have moved")
		})
	}
}

// Drains end, for flows without a connection and for all: with each plane, and
// as Flow says.
func TestDrainEndsLive(t *testing.T) {
	const never = 100 * time.Hour
	for _, k := range planes.All() {
		t.Run(k.Name, func(t *testing.T) {
			f := newFlight(t, k, plane.Config{Sticky: &flowcache.Config{
				Flows: 1 << 12, EstablishedTCP: never, Established: never, Probation: never, DownGrace: never,
			}})
			s := config.Service{Name: "s", Strategy: selector.Bounded{},
				Prefixes: []netip.Prefix{netip.MustParsePrefix(testbed.Service4 + "/32")}}
			for pod := 1; pod <= 3; pod++ {
				s.Members = append(s.Members, config.Member{ID: fmt.Sprint("pod", pod), Dev: fmt.Sprint("lp", pod),
					Weight: 1, Addr: netip.AddrFrom4([4]byte{10, 9, byte(pod), 2}), MAC: testbed.MAC(pod, 2)})
			}
			f.onRouter(func() error { return f.Replace([]config.Service{s}, "") })
			var flows []services.Question
			for i := range 200 {
				flows = append(flows, services.Question{Proto: []uint8{hash.TCP, hash.UDP}[i%2],
					Src: netip.AddrPortFrom(netip.AddrFrom4([4]byte{198, 18, 0, byte(i)}), 4000),
					Dst: netip.MustParseAddrPort(testbed.Service4 + ":443")})
			}
			before := f.ask("before", flows)
			on := func(proto string, answers []services.Answer) (at, moved int) {
				for i, a := range answers {
					if before[i].Member.ID != "pod1" {
						require.Equal(t, before[i].Member.ID, a.Member.ID)
						require.Equal(t, "pinned", a.Verdict)
					} else if a.Protocol == proto {
						if at++; a.Verdict == "moved" {
							moved++
						}
					}
				}
				require.Positive(t, at)
				return at, moved
			}
			f.onRouter(func() error { return f.DrainUntil("s", "pod1", services.Until{UDP: time.Unix(1, 0)}) })
			answers := f.ask("the end for UDP", flows)
			at, moved := on("udp", answers)
			assert.Equal(t, at, moved)
			_, moved = on("tcp", answers)
			assert.Zero(t, moved)
			f.onRouter(func() error { return f.DrainUntil("s", "pod1", services.Until{Deadline: time.Unix(1, 0)}) })
			answers = f.ask("the end for all", flows)
			at, moved = on("tcp", answers)
			assert.Equal(t, at, moved)
			require.Eventually(t, func() bool {
				m, err := f.MemberFlows("s", "pod1")
				return err == nil && m.Flows == 0
			}, time.Minute, 10*time.Millisecond)
		})
	}
}

// Live packets to one address go to the service with their port, or else with
// their protocol, or else with the address: on every plane, and as Flow says.
func TestServicesOfOneAddressLive(t *testing.T) {
	for _, k := range planes.All() {
		t.Run(k.Name, func(t *testing.T) {
			f := newFlight(t, k, plane.Config{Sticky: &flowcache.Config{Flows: 1 << 12}})
			of := func(pod int, name string, protocol uint8, ports ...plane.PortRange) config.Service {
				return config.Service{
					Name: name, Protocol: protocol, Ports: ports, Strategy: selector.Bounded{},
					Prefixes: []netip.Prefix{netip.MustParsePrefix(testbed.Service4 + "/32"),
						netip.MustParsePrefix(testbed.Service6 + "/128")},
					Members: []config.Member{{ID: fmt.Sprint("pod", pod), Dev: fmt.Sprint("lp", pod), Weight: 1,
						Addr: netip.AddrFrom4([4]byte{10, 9, byte(pod), 2}), MAC: testbed.MAC(pod, 2)}},
				}
			}
			web := of(1, "web", hash.TCP, plane.PortRange{First: 80, Last: 80}, plane.PortRange{First: 443, Last: 450})
			dns := of(2, "dns", hash.UDP, plane.PortRange{First: 53, Last: 53})
			tcp := of(3, "tcp", hash.TCP)
			rest := of(4, "rest", 0)
			f.onRouter(func() error { return f.Replace([]config.Service{tcp, web, rest, dns}, "") })
			var flows []services.Question
			add := func(proto uint8, port uint16) {
				from := uint16(4000 + len(flows))
				if port == 0 {
					from = 0
				}
				for _, v := range [][2]string{{"198.18.0.1", testbed.Service4},
					{"2001:db8:9:800::1", testbed.Service6}} {
					if proto == unix.IPPROTO_ICMP && v[1] == testbed.Service6 {
						continue
					}
					flows = append(flows, services.Question{Proto: proto,
						Src: netip.AddrPortFrom(netip.MustParseAddr(v[0]), from),
						Dst: netip.AddrPortFrom(netip.MustParseAddr(v[1]), port)})
				}
			}
			for _, port := range []uint16{52, 53, 54, 79, 80, 81, 442, 443, 447, 450, 451, 65535} {
				add(hash.TCP, port)
				add(hash.UDP, port)
			}
			add(unix.IPPROTO_ICMP, 0)
			for i, a := range f.ask("by port", flows) {
				q, want := flows[i], "rest"
				switch port := q.Dst.Port(); {
				case q.Proto == hash.TCP && (port == 80 || port >= 443 && port <= 450):
					want = "web"
				case q.Proto == hash.TCP:
					want = "tcp"
				case q.Proto == hash.UDP && port == 53:
					want = "dns"
				}
				require.Equal(t, want, a.Service, "%v", q)
			}

			// what no service has any more: afxdp took it from the kernel
			unserved := services.NotForService
			if k.Name == "afxdp" {
				unserved = services.Dropped
			}
			f.onRouter(func() error { return f.Replace([]config.Service{web, dns}, "") })
			var served []services.Question
			for _, q := range flows {
				a, err := f.Flow(q)
				require.NoError(t, err)
				if a.Service != "" {
					served = append(served, q)
					continue
				}
				assert.Equal(t, unserved, a.Verdict)
			}
			assert.Len(t, served, 10)
			f.ask("and nobody has the others", served)
		})
	}
}
