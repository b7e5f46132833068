package main

import (
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/forwarder/engine"
	"github.com/ecmp-go/ecmp/examples/netns"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
	"github.com/ecmp-go/ecmp/gateway/internal/testbed"
)

// TestChecksThroughVIP is about members that answer at their own address, and not
// at that of the service, to which they are asked here. Each has a server.
func TestChecksThroughVIP(t *testing.T) {
	for i, kind := range planes.All() {
		t.Run(kind.Name, func(t *testing.T) {
			t.Parallel()
			needNamespaces(t)
			bed, err := testbed.NewBare(fmt.Sprint("through", i), 3, 1)
			require.NoError(t, err)
			t.Cleanup(func() { require.NoError(t, bed.Close()) })
			require.NoError(t, bed.PrepareXDP())
			f := &faulty{T: t, router: bed.Router, client: bed.Client}
			vips := func(pod int, what string) {
				require.NoError(t, bed.Pods[pod-1].IP(fmt.Sprintf(
					"addr %[1]s %[2]s/32 dev lo\naddr %[1]s %[3]s/128 dev lo nodad\n",
					what, testbed.Service4, testbed.Service6)))
			}
			var servers []*http.Server
			for pod, n := range bed.Pods {
				require.NoError(t, n.IP("link set lo up\n"))
				servers = append(servers, listen(t, n))
				if pod < 2 {
					vips(pod+1, "add")
				}
			}
			before := f.rules()
			const members = `"members": [{"id": "%[1]s1", "dev": "lp1", "addr": "%[2]s:1::2"},
				{"id": "%[1]s2", "dev": "lp2", "addr": "%[2]s:2::2"},
				{"id": "%[1]s3", "dev": "lp3", "addr": "%[2]s:3::2"}]`
			f.serve(kind.Name, `"kernel": true,
				"check": {"by": "http", "to": "vip", "port": 80, "interval": "300ms", "timeout": "300ms"},
				"services": [{"name": "six", "vip": "`+testbed.Service6+`",
				"check": {"by": "tcp", "to": "vip", "port": 80, "interval": "300ms", "timeout": "300ms"},
				`+fmt.Sprintf(members, "six", "2001:db8:9")+`}],
				`+strings.NewReplacer(":1::", ".1.", ":2::", ".2.", ":3::", ".3.").Replace(
				fmt.Sprintf(members, "pod", "10.9")))
			both := func(states ...string) {
				t.Helper()
				for service, name := range []string{"pod", "six"} {
					var want []string
					for i, state := range states {
						want = append(want, fmt.Sprint(name, i+1, " ", state))
					}
					f.becomesIn(service, want...)
				}
			}
			both("up", "up", "down")
			vips(3, "add")
			both("up", "up", "up")
			vips(1, "del")
			both("down", "up", "up")
			require.NoError(t, servers[1].Close())
			both("down", "down", "up")
			assert.Equal(t, "pod3", f.forwards())

			// While the address is the router's own nobody is asked, and what was
			// found stays.
			const local = "addr %s 172.16.0.20/32 dev lo\n"
			require.NoError(t, f.router.IP(fmt.Sprintf(local, "add")))
			const about = "checks through 172.16.0.20"
			require.Eventually(t, func() bool { return f.host()[about] != nil }, time.Minute, 20*time.Millisecond)
			assert.Equal(t, "what they find of 10.9.1.2 on lp1, 10.9.2.2 on lp2, 10.9.3.2 on lp3 is not known: "+
				"it is an address of this host. Remove it, \"ip addr del\"", f.host()[about][0].Says)
			vips(1, "add")
			f.becomesIn(1, "six1 up", "six2 down", "six3 up")
			f.becomesIn(0, "pod1 down", "pod2 down", "pod3 up")
			require.NoError(t, f.router.IP(fmt.Sprintf(local, "del")))
			both("up", "down", "up")
			require.Eventually(t, func() bool { return f.host()[about] == nil }, time.Minute, 20*time.Millisecond)

			// With the link the kernel's routes go.
			require.NoError(t, f.router.IP("link set lp3 down\n"))
			both("up", "down", "down lp3 has no carrier")
			require.NoError(t, f.router.IP("link set lp3 up\naddr replace 2001:db8:9:3::1/64 dev lp3 nodad\n"))
			both("up", "down", "up")

			// A check goes to the MAC address that packets go to, if it was given.
			put := func(mac engine.MAC, service, id, addr string) {
				code, answer := f.do("PUT", service+"/members/"+id, fmt.Sprintf(
					`{"addr": %q, "mac": %q}`, addr, net.HardwareAddr(mac[:])))
				require.Equal(t, http.StatusOK, code, answer)
			}
			nobody, itself := engine.MAC{2, 0, 0, 0, 0, 9}, testbed.MAC(3, 2)
			put(nobody, "", "pod3", "10.9.3.2")
			put(nobody, "/services/six", "six3", "2001:db8:9:3::2")
			both("up", "down", "down")
			put(itself, "", "pod3", "10.9.3.3") // which answers no ARP
			put(itself, "/services/six", "six3", "2001:db8:9:3::3")
			both("up", "down", "up")

			code, answer := f.do("PUT", "/members/far", `{"dev": "lp1", "addr": "2001:db8:9:1::7"}`)
			assert.Equal(t, http.StatusUnprocessableEntity, code)
			assert.Contains(t, answer, `no "vip" of that version of IP`)
			f.end()
			assert.Equal(t, before, f.rules())
		})
	}
}

// listen has a server at every address of a host.
func listen(t *testing.T, n *netns.Namespace) *http.Server {
	t.Helper()
	var l net.Listener
	require.NoError(t, n.Do(func() (err error) { l, err = net.Listen("tcp", ":80"); return err }))
	s := &http.Server{ReadHeaderTimeout: time.Minute}
	s.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func (f *faulty) rules() (out string) {
	f.Helper()
	require.NoError(f, f.router.Do(func() error {
		for _, family := range []string{"-4", "-6"} {
			text, err := exec.CommandContext(f.Context(), "ip", family, "rule").Output()
			if err != nil {
				return err
			}
			out += string(text)
		}
		return nil
	}))
	return out
}
