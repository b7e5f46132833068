package lab

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ecmp-go/ecmp/examples/netns"
)

type traffic struct {
	Frames uint64 `json:"frames"`
}

// stats is what of the gateway's the lab looks at.
type stats struct {
	In       traffic           `json:"in"`
	Left     traffic           `json:"left"`
	Replies  traffic           `json:"replies"`
	Dropped  map[string]uint64 `json:"dropped"`
	Services []struct {
		Members []traffic `json:"members"`
	} `json:"services"`
}

// accounts counts the frames at both ends of the router, and in the gateway.
type accounts struct {
	sent, received uint64
	in, out        uint64
	dropped        map[string]uint64
}

// rest returns the counters as soon as they stand still. A client whose member
// was removed sends its FIN again and again, less and less often, and a frame
// that is counted at one end must not be on its way to the other.
func (s *soaker) rest() (accounts, error) {
	before, err := s.accounts()
	for tries := 0; err == nil && tries < mostTries; tries++ {
		time.Sleep(still)
		var now accounts
		if now, err = s.accounts(); err == nil && now.equal(before) {
			return now, nil
		}
		before = now
	}
	if err == nil {
		err = errors.New("the counters do not come to rest")
	}
	return before, err
}

func (a accounts) equal(b accounts) bool {
	return a.sent == b.sent && a.received == b.received && a.in == b.in && a.out == b.out &&
		maps.Equal(a.dropped, b.dropped)
}

func (s *soaker) accounts() (a accounts, err error) {
	if _, a.sent, err = interfaceFrames(s.clientNS, "c0"); err != nil {
		return a, err
	}
	for _, p := range s.pods {
		received, _, err := interfaceFrames(p.ns, "eth0")
		if err != nil {
			return a, err
		}
		a.received += received
	}
	var now stats
	if err := s.gateway.call(http.MethodGet, "/stats", nil, &now); err != nil {
		return a, err
	}
	a.in, a.out, a.dropped = now.In.Frames, now.Left.Frames+now.Replies.Frames, now.Dropped
	for _, service := range now.Services {
		for _, m := range service.Members {
			a.out += m.Frames
		}
	}
	return a, nil
}

// account says what was counted between the two.
func (s *soaker) account(before, after accounts) {
	s.Sent, s.Received = after.sent-before.sent, after.received-before.received
	s.In, s.Out = after.in-before.in, after.out-before.out
	s.Dropped = after.dropped
	for reason, n := range before.dropped {
		s.Dropped[reason] -= n
	}
}

// interfaceFrames returns how many frames an interface has received and sent.
func interfaceFrames(ns *netns.Namespace, dev string) (received, sent uint64, err error) {
	var table []byte
	err = ns.Do(func() (err error) {
		table, err = os.ReadFile("/proc/thread-self/net/dev")
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(table)) {
		name, numbers, _ := strings.Cut(strings.TrimSpace(line), ":")
		columns := strings.Fields(numbers)
		if name != dev || len(columns) < 10 {
			continue
		}
		if received, err = strconv.ParseUint(columns[1], 10, 64); err != nil {
			return 0, 0, err
		}
		sent, err = strconv.ParseUint(columns[9], 10, 64)
		return received, sent, err
	}
	return 0, 0, fmt.Errorf("no interface %s in /proc/net/dev", dev)
}

// sample adds what the gateway's process holds, by its metrics.
func (s *soaker) sample() error {
	text, err := s.gateway.request(http.MethodGet, "/metrics", nil)
	if err != nil {
		return err
	}
	found := map[string]float64{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		name, number, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(number, 64); err == nil {
			found[name] = v
		}
	}
	now := Sample{
		At: s.Duration, Resident: uint64(found["process_resident_memory_bytes"]),
		Heap: uint64(found["go_memstats_heap_inuse_bytes"]),
		Goal: uint64(found["go_memstats_next_gc_bytes"]), Goroutines: int(found["go_goroutines"]),
	}
	s.Samples = append(s.Samples, now)
	s.log(fmt.Sprintf("%s: %.0f s, %d changes, %d of %d flows lost their member, %d others disturbed; "+
		"%d MB resident, heap goal %d MB, %d goroutines",
		s.Plane, s.Duration.Seconds(), s.Changes, s.Own, s.Opened, s.Collateral, now.Resident>>20, now.Goal>>20,
		now.Goroutines))
	return nil
}
