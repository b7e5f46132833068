package main

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/examples/linuxpath/internal/fib"
	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// oracleFlows returns the number of flows to ask the kernel about in each case.
// LINUXPATH_FLOWS in the environment sets it.
func oracleFlows(t *testing.T) int {
	n := 5000
	if testing.Short() {
		n = 500
	}
	if s := os.Getenv("LINUXPATH_FLOWS"); s != "" {
		var err error
		n, err = strconv.Atoi(s)
		require.NoError(t, err, "LINUXPATH_FLOWS")
	}
	return n
}

// The kernel chooses the predicted next hops for drawn flows, with each family,
// policy, mask of fields and seed, in groups of both kinds.
func TestOracle(t *testing.T) {
	racecheck.OneGoroutine(t)
	inNamespace(t, testOracle)
}

func testOracle(t *testing.T) {
	bed := newTestbed(t)
	conn, err := fib.Dial()
	require.NoError(t, err)
	defer conn.Close() //nolint:errcheck // nothing was written
	n, total := oracleFlows(t), 0
	r := rand.New(rand.NewPCG(1, 2))
	in := interfaceIndex(t, "vin")

	for _, v6 := range []bool{false, true} {
		family, prefixes := "ipv4", []string{"172.16.0.0/12", "172.32.0.0/12"}
		if v6 {
			family, prefixes = "ipv6", []string{"2002::/16", "2003::/16"}
		}
		for kind, prefix := range prefixes {
			to := netip.MustParsePrefix(prefix)
			route, err := conn.Route(to)
			require.NoError(t, err)
			require.Len(t, route.Hops, len(bed.weights))
			for i, hop := range route.Hops {
				assert.Equal(t, bed.weights[i], hop.Weight)
			}
			require.Equal(t, kind == 1, route.Buckets != nil, "a resilient group has buckets")
			g := bed.group(t)
			if kind == 1 {
				g, err = g.resilient(len(route.Buckets))
				require.NoError(t, err)
				require.Equal(t, route.Buckets, g.buckets, "LinuxResilient makes the kernel's table")
			}
			for _, l := range settings() {
				// The kernel answers a query for IPv6 as for a packet that
				// the host sends itself.
				l.Local = v6
				configure(t, family, l)
				agreed := 0
				queries := drawQueries(r, to, n)
				for i := range queries {
					switch {
					case !v6:
						queries[i].In = in
					// The source is this host, or is behind vin, where the
					// kernel takes no label.
					case i%2 == 0:
						queries[i].Src = netip.MustParseAddr("fd01::1")
					default:
						queries[i].In, queries[i].Label = in, 0
					}
				}
				for i, q := range queries {
					answer, err := conn.Ask(q)
					require.NoError(t, err, "%+v", q)
					k := flowOf(q)
					want := g.choose(l.Hash(k), netip.Addr{}).index
					gateway := answer.Gateway.As16()
					got := int(gateway[15]) - firstHop
					if got == want {
						agreed++
					} else if agreed == i {
						t.Errorf("%s under %+v: predicted %d, the kernel takes %d", k, l, want, got)
					}
				}
				assert.Equal(t, n, agreed, "%s, %+v", prefix, l)
				total += agreed
			}
		}
	}
	t.Logf("asked the kernel about %d flows, %d for each case; all as predicted", total, n)
}

// The command agrees with the kernel of its host.
func TestOracleLive(t *testing.T) { inNamespace(t, testOracleLive) }

func testOracleLive(t *testing.T) {
	newTestbed(t)
	for _, prefix := range []string{"172.16.0.0/12", "172.32.0.0/12", "2002::/16", "2003::/16"} {
		family := "ipv4"
		if netip.MustParsePrefix(prefix).Addr().Is6() {
			family = "ipv6"
		}
		for _, l := range settings() {
			configure(t, family, l)
			var out, errs bytes.Buffer
			code := run([]string{"-live", prefix, "-flows", "50"}, &out, &errs)
			assert.Zero(t, code, "%s, %+v: %s%s", prefix, l, errs.String(), out.String())
			assert.Contains(t, out.String(), "50 of 50 as predicted")
		}
	}
	var out, errs bytes.Buffer
	assert.Zero(t, run([]string{"-live", "192.0.2.0/24", "-flows", "1"}, &out, &errs))
	assert.Contains(t, out.String(), "(not predicted; there is no route)\n0 of 1 as predicted, 1 not predicted\n")
	setSysctl(t, "ipv4/fib_multipath_hash_seed", 0)
	out.Reset()
	assert.Zero(t, run([]string{"-live", "172.16.0.0/12"}, &out, &errs))
	assert.Contains(t, out.String(), "the seed is random")
	assert.Regexp(t, `not predicted; the kernel takes 10\.0\.0\.\d@vout;`, out.String())
}

// settings returns the settings of the kernel under test.
func settings() []hash.Linux611 {
	var all []hash.Linux611
	for _, seed := range []uint32{12345, 0xdeadbeef} {
		for policy := range hash.LinuxPolicy(3) {
			all = append(all, hash.Linux611{Seed: seed, Policy: policy})
		}
		for _, fields := range []hash.LinuxFields{7, 0x37, 0x3f, 0x30, 0x11, 0xfff, 0xdc0, 0x80} {
			all = append(all, hash.Linux611{Seed: seed, Policy: hash.LinuxCustom, Fields: fields})
		}
	}
	return all
}

// configure gives the kernel of this namespace the settings.
func configure(t *testing.T, family string, l hash.Linux611) {
	t.Helper()
	setSysctl(t, "ipv4/fib_multipath_hash_seed", uint64(l.Seed))
	setSysctl(t, family+"/fib_multipath_hash_policy", uint64(l.Policy))
	if l.Policy == hash.LinuxCustom {
		setSysctl(t, family+"/fib_multipath_hash_fields", uint64(l.Fields))
	}
}

// flowOf returns the flow that a query is about.
func flowOf(q fib.Query) hash.FlowKey {
	return hash.NewFlowKey(q.Proto, netip.AddrPortFrom(q.Src, q.SrcPort),
		netip.AddrPortFrom(q.Dst, q.DstPort)).WithLabel(q.Label)
}

// drawQueries draws flows of TCP and UDP to a prefix.
func drawQueries(r *rand.Rand, to netip.Prefix, n int) []fib.Query {
	from := netip.MustParsePrefix("11.0.0.0/8")
	if to.Addr().Is6() {
		from = netip.MustParsePrefix("2001::/16")
	}
	all := make([]fib.Query, n)
	for i := range all {
		all[i] = fib.Query{
			Src: addressIn(from, r), Dst: addressIn(to, r),
			SrcPort: uint16(1 + r.IntN(65535)), DstPort: uint16(1 + r.IntN(65535)),
			Proto: []uint8{6, 17}[r.IntN(2)],
		}
		if to.Addr().Is6() {
			all[i].Label = r.Uint32() & 0xfffff
		}
	}
	return all
}
