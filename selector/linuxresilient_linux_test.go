package selector_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/selector"
)

// family is how a script for the kernel spells addresses.
type family struct {
	ip, local, gateway, prefix, host string
	v6                               bool
}

// TestLinuxResilientEqualsKernel drives a group of this machine's kernel, in a
// network namespace of its own, and compares bucket for bucket. The kernel says
// which buckets were used by look-ups before a change: those whose time of
// being idle grew less than that of others, however long the machine took.
func TestLinuxResilientEqualsKernel(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: the kernel's clock can't be advanced")
	}
	for _, f := range []family{
		{"ip", "10.9.0.1/24", "10.9.0.%d", "10.%d.0.0/16", "10.%d.%d.%d", false},
		{"ip -6", "fd00:9::1/64 nodad", "fd00:9::%d", "fd00:%d::/32", "fd00:%d:%d::%d", true},
	} {
		t.Run(f.ip, func(t *testing.T) { testKernel(t, f) })
	}
}

func testKernel(t *testing.T, f family) {
	r := rand.New(rand.NewPCG(9, 2))
	type round struct {
		buckets int
		groups  [][]selector.Member
	}
	var rounds []round
	script := []string{
		"set -e", "ip link set lo up", "ip link add v0 type veth peer name v1",
		"ip link set v0 up", "ip link set v1 up", fmt.Sprintf("%s address add %s dev v0", f.ip, f.local),
	}
	for i := range 8 {
		script = append(script, fmt.Sprintf("%s nexthop add id %d via "+f.gateway+" dev v0", f.ip, 10+i, 10+i))
	}
	for range 12 {
		rounds = append(rounds, round{buckets: 8 + r.IntN(120)})
	}
	const (
		steps = 4
		rest  = 100 * time.Millisecond // between a change and the look-ups
	)
	for step := range steps {
		for k := range rounds {
			c := &rounds[k]
			var group []selector.Member
			var words []string
			n := 1 + r.IntN(7)
			if k < 4 && step%2 == k%2 { // from one to many, and back
				n = 1
			}
			for _, i := range r.Perm(8)[:n] {
				m := selector.Member{ID: fmt.Sprint(10 + i), Weight: 1 + r.Uint32N(9)}
				group, words = append(group, m), append(words, fmt.Sprintf("%s,%d", m.ID, m.Weight))
			}
			c.groups = append(c.groups, group)
			verb := []string{"add", "replace"}[min(step, 1)]
			script = append(script, fmt.Sprintf(
				"ip nexthop %s id %d group %s type resilient buckets %d idle_timer 1000",
				verb, 100+k, strings.Join(words, "/"), c.buckets))
			if step == 0 {
				script = append(script, fmt.Sprintf("%s route add "+f.prefix+" nhid %d", f.ip, 100+k, 100+k))
			}
		}
		dump := func() {
			for k := range rounds {
				script = append(script, fmt.Sprintf("ip -j nexthop bucket show id %d", 100+k))
			}
		}
		script = append(script, fmt.Sprintf("sleep %.1f", rest.Seconds()))
		dump()
		script = append(script, "{")
		for k, c := range rounds {
			for range c.buckets / 3 {
				script = append(script, fmt.Sprintf("echo route get "+f.host, 100+k, r.IntN(256), r.IntN(256)))
			}
		}
		script = append(script, "} | "+f.ip+" -batch - >/dev/null")
		dump()
	}

	dumps := kernelDumps(t, strings.Join(script, "\n"))
	require.Len(t, dumps, 2*steps*len(rounds))
	marked, alone := 0, 0
	for k, c := range rounds {
		group := newLinux(t, selector.LinuxResilientConfig{
			Buckets: c.buckets, Idle: 1000 * time.Second, IPv6: f.v6,
		})
		for step, members := range c.groups {
			now := time.Duration(2 * step)
			replace(t, group, members, now)
			before := parseBuckets(t, dumps[2*step*len(rounds)+k])
			after := parseBuckets(t, dumps[(2*step+1)*len(rounds)+k])
			require.Len(t, before, c.buckets)
			elapsed := 0.0 // of buckets that were not used; two of three at least
			for i, b := range before {
				elapsed = max(elapsed, after[i].Bucket.Idle-b.Bucket.Idle)
			}
			for i, b := range before {
				require.Equal(t, i, b.Bucket.Index)
				require.Equal(t, fmt.Sprint(b.Bucket.Hop), group.Bucket(i).ID, "bucket %d in step %d of %v", i,
					step, c.groups)
				used := after[i].Bucket.Idle-b.Bucket.Idle < elapsed-rest.Seconds()/2
				if used {
					marked++
				}
				if used && len(members) == 1 {
					alone++
				}
				// Of one that is alone, IPv4 shows no use where there was one.
				if used || len(members) == 1 && !f.v6 {
					group.Select(bucketHash(i), now+1)
				}
			}
		}
	}
	require.Greater(t, marked, 100, "the kernel marked too few for a test")
	require.Equal(t, f.v6, alone > 10, "buckets of a lone member that the kernel marked: %d", alone)
}

func parseBuckets(t *testing.T, dump string) []kernelBucket {
	t.Helper()
	var buckets []kernelBucket
	require.NoError(t, json.Unmarshal([]byte(dump), &buckets))
	return buckets
}

type kernelBucket struct {
	Bucket struct {
		Index int     `json:"index"`
		Idle  float64 `json:"idle_time"`
		Hop   int     `json:"nhid"`
	} `json:"bucket"`
}

// kernelDumps runs a script in a namespace of its own and returns the lines it
// prints.
func kernelDumps(t *testing.T, script string) []string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sh")
	command.Stdin = strings.NewReader(script)
	command.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	command.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	if os.Getuid() != 0 {
		command.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		command.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
	}
	var errs strings.Builder
	command.Stderr = &errs
	out, err := command.Output()
	var exit *exec.ExitError
	switch {
	case errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EINVAL) || errors.Is(err, exec.ErrNotFound):
		t.Skipf("no network namespace can be made here: %v", err)
	case errors.As(err, &exit) && (strings.Contains(errs.String(), "not found") || strings.Contains(errs.String(),
		"not supported") ||
		strings.Contains(errs.String(), "Operation not permitted") || strings.Contains(errs.String(),
		"Unknown device type")):
		t.Skipf("this machine has no resilient groups, or no ip: %s", errs.String())
	}
	require.NoError(t, err, errs.String())
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' })
}
