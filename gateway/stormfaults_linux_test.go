package main

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/netns"
)

// A fault begins, lasts, and ends. Faults with a place in common never happen at
// once.
type fault struct {
	name, places string
	risks        []int // the pods whose connections may break
	begin, end   func()
}

// faults returns all that can happen to a pod, the interface that packets come
// in by, the process, its disk and its file.
func (s *storm) faults() (list []fault) {
	pod := 1 + s.draw.IntN(stormPods)
	dev, ns := fmt.Sprint("lp", pod), s.pods[pod-1]
	mac := 2 + s.draw.IntN(2)
	router := func(commands string) func() { return func() { require.NoError(s, s.router.IP(commands)) } }
	inPod := func(commands string) func() { return func() { require.NoError(s, ns.IP(commands)) } }
	nothing := func() {}
	newMAC := fmt.Sprintf("02:00:00:00:00:%02x", 1+s.draw.IntN(200))
	weight := 1 + s.draw.IntN(3)
	drain := func() { s.post(fmt.Sprintf("/members/pod%d/drain", pod), http.MethodPost) }
	undrain := func() { s.undrain = fmt.Sprintf("/members/pod%d", pod) }
	return []fault{
		{fmt.Sprint(dev, " vanishes, and returns with MAC ", mac), dev, []int{pod}, router("link del " + dev + "\n"),
			func() { s.plug(pod, mac) }},
		{dev + " is down", dev, []int{pod}, router("link set " + dev + " down\n"), router("link set " + dev + " up\n")},
		{dev + " has no carrier", dev, []int{pod}, inPod("link set eth0 down\n"),
			inPod(fmt.Sprintf("link set eth0 up\nroute replace default via 10.9.%d.1\n", pod))},
		{dev + " has a small MTU", dev, nil, router("link set " + dev + " mtu 1400\n"),
			router("link set " + dev + " mtu 1500\n")},
		{"the neighbours of " + dev + " are flushed", dev, nil, func() {
			_ = s.router.IP("neigh flush dev " + dev + "\n") // it may find new ones again and again
		}, nothing},
		{"the neighbour of " + dev + " is deleted", dev, nil,
			router(fmt.Sprintf("neigh del 10.9.%d.2 dev %s\n", pod, dev)), nothing},
		{"lc vanishes, and returns as " + newMAC, "lc", nil, router("link del lc\n"), func() { s.connect(newMAC) }},
		{"lc is down", "lc", nil, router("link set lc down\n"), router("link set lc up\n")},
		{"lc has another MAC", "lc", nil, router("link set lc address " + newMAC + "\n"), func() {
			require.NoError(s, s.client.IP("neigh flush dev c0\n"))
		}},
		{"lc has a small MTU", "lc", nil, router("link set lc mtu 1400\n"), router("link set lc mtu 1500\n")},
		{"kill -9", "process", nil, s.kill, s.start},
		{"kill -9, and a clock that is ahead", "process", nil, s.kill, func() {
			// That of a program in the kernel has no namespaces.
			if !s.kind.InKernel {
				s.shift = 1 + s.draw.IntN(100000)
			}
			s.start()
		}},
		{"a restart", "process", nil, func() {
			s.signal(syscall.SIGTERM)
			if err := s.child.Wait(); !s.full { // else it says that flows since then are lost
				require.NoError(s, err)
			}
		}, s.start},
		{"lost netlink messages", "process", nil, s.overflow, func() { s.signal(syscall.SIGCONT) }},
		{"a full disk", "disk", nil, s.fill, func() {
			s.full = false
			require.NoError(s, os.Remove(filepath.Join(s.disk(), "ballast")))
		}},
		{"another weight", "file", nil, func() { s.weight = weight; s.writeFile() }, nothing},
		{"a bad file", "file process", nil, func() {
			require.NoError(s, os.WriteFile(filepath.Join(s.dir, "f.json"), []byte("{"), 0o600))
		}, func() { s.writeFile() }},
		{fmt.Sprintf("pod%d is removed, and added", pod), "file", []int{pod}, func() { s.writeFile(pod) },
			func() { s.writeFile() }},
		{"the rules and routes of the kernel are gone", "kernel", nil, func() {
			require.NoError(s, s.router.Do(func() error {
				_ = netns.IP("route del 10.8.0.20/32 dev lo\n") // it is gone with lc, perhaps
				return netns.SetSysctl("ipv4/conf/all/forwarding", 0)
			}))
		}, nothing},
		{"a drain", "process", nil, drain, undrain},
		{"a drain, and kill -9", "process", nil, func() { drain(); s.kill() }, func() { s.start(); undrain() }},
	}
}

func (s *storm) kill() {
	s.signal(syscall.SIGKILL)
	_ = s.child.Wait()
}

// overflow has the kernel drop the messages that say what changes now.
func (s *storm) overflow() {
	s.signal(syscall.SIGSTOP)
	const links = 60 // each says more than one thing
	var commands strings.Builder
	for i := range links {
		_, _ = fmt.Fprintf(&commands,
			"link add x%[1]d type veth peer name y%[1]d\nlink set x%[1]d up\nlink del x%[1]d\n", i)
	}
	require.NoError(s, s.router.IP(commands.String()))
}

// fill fills the disk.
func (s *storm) fill() {
	s.full = true
	f, err := os.Create(filepath.Join(s.disk(), "ballast"))
	require.NoError(s, err)
	block := make([]byte, 4096)
	for err == nil {
		_, err = f.Write(block)
	}
	require.NoError(s, f.Close())
}

// post makes a request; the gateway may not be there.
func (s *storm) post(path, method string) bool {
	r, err := http.NewRequestWithContext(s.ctx, method, "http://gateway"+path, nil)
	require.NoError(s, err)
	resp, err := s.http.Do(r)
	if err != nil {
		return false
	}
	return resp.Body.Close() == nil && resp.StatusCode < http.StatusBadRequest
}

// drawFaults draws one to four faults, at most one for each place.
func (s *storm) drawFaults() (drawn []fault) {
	const most = 4
	taken := make(map[string]bool)
	for range 1 + s.draw.IntN(most) {
		list := s.faults()
		f := list[s.draw.IntN(len(list))]
		places := strings.Fields(f.places)
		if slices.ContainsFunc(places, func(p string) bool { return taken[p] }) {
			continue
		}
		for _, p := range places {
			taken[p] = true
		}
		drawn = append(drawn, f)
	}
	return drawn
}

// act has the faults begin one after the other, and end in another order, with
// drawn times between.
func (s *storm) act(faults []fault) {
	const longest = 1500 // milliseconds
	pause := func() { time.Sleep(time.Duration(s.draw.IntN(longest)) * time.Millisecond) }
	for _, f := range faults {
		_, _ = fmt.Fprintf(s.log, "--- %s begins: %s\n", time.Now().Format(time.StampMilli), f.name)
		f.begin()
		pause()
	}
	for n, i := range s.draw.Perm(len(faults)) {
		if n > 0 {
			pause()
		}
		_, _ = fmt.Fprintf(s.log, "--- %s ends: %s\n", time.Now().Format(time.StampMilli), faults[i].name)
		faults[i].end()
	}
	if s.undrain != "" {
		require.Eventually(s, func() bool { return s.post(s.undrain, http.MethodPut) }, time.Minute,
			20*time.Millisecond)
		s.undrain = ""
	}
}
