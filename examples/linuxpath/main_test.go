package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/hash"
	"github.com/ecmp-go/ecmp/internal/commandline"
)

func linuxpath(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

const vectors = "../../hash/testdata/linux-multipath.csv"

func TestExplain(t *testing.T) {
	code, out, errs := linuxpath(t, "-policy", "3", "-fields", "0x37", "-seed", "1", "-nexthops", "a=1,b=2,c=3",
		"-src", "10.0.0.1:12345", "-dst", "198.18.0.1:80", "-proto", "tcp")
	assert.Zero(t, code, errs)
	assert.Equal(t, `flow      TCP 10.0.0.1:12345 -> 198.18.0.1:80
policy    3, custom, seed 1
hashed    source, destination, protocol, source port, destination port
hash      1bc4e461, of which the upper 31 bits are 232944176
range     0 to 357913940
next hop  a
`, out)

	code, out, errs = linuxpath(t, "-json", "-seed", "0xbe2d4fb1", "-policy", "2", "-nexthops", "a,b",
		"-src", "[2001:db8::ff5d:8170:d849:6932]:46949", "-dst", "[2001:db8:1:0:8d12:3126:87e1:e380]:15316",
		"-label", "0xce256")
	assert.Zero(t, code, errs)
	var p prediction
	require.NoError(t, json.Unmarshal([]byte(out), &p))
	assert.Equal(t, "1094e501", p.Hash32)
	assert.Equal(t, "a", p.Nexthop)
	assert.Equal(t, []string{"inner source", "inner destination", "inner protocol", "inner label"}, p.Fields)
}

// The kernel does not look into tunnels of packets that the host sends itself.
func TestFieldNames(t *testing.T) {
	five := []string{"source", "destination", "protocol", "source port", "destination port"}
	inner := []string{"inner source", "inner destination"}
	assert.Equal(t, slices.Concat(five, inner),
		fieldNames(hash.Linux611{Policy: hash.LinuxCustom, Fields: 0xc0 | 0x3f}, false))
	assert.Equal(t, five, fieldNames(hash.Linux611{Policy: hash.LinuxCustom, Fields: 0xc0 | 0x3f, Local: true}, false))
	assert.Equal(t, inner, fieldNames(hash.Linux611{Policy: hash.LinuxInner}, false))
	assert.Equal(t, five[:2], fieldNames(hash.Linux611{Policy: hash.LinuxInner, Local: true}, false))
}

// Columns may stand in any order, with others among them, and behind a byte
// order mark.
func TestColumnOrder(t *testing.T) {
	name := filepath.Join(t.TempDir(), "flows.csv")
	text := "\ufefffields,note,policy,seed,label,proto,dport,dst,sport,src\n" +
		"0x37,\"a, b\",3,1,0,tcp,80,198.18.0.1,12345,10.0.0.1\n"
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	code, out, errs := linuxpath(t, "-nexthops", "a=1,b=2,c=3", "-csv", name)
	assert.Zero(t, code, errs)
	assert.Equal(t, "fields,note,policy,seed,label,proto,dport,dst,sport,src,hash32,nexthop,remark\n"+
		"0x37,\"a, b\",3,1,0,tcp,80,198.18.0.1,12345,10.0.0.1,1bc4e461,a,\n", out)
}

func TestCSV(t *testing.T) {
	code, out, errs := linuxpath(t, "-nexthops", "a=1,b=1,c=2", "-csv", vectors)
	require.Zero(t, code, errs)
	rows, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 337)
	assert.Equal(t, []string{"hash32", "hash32", "nexthop", "remark"}, rows[0][9:])
	seen := map[string]int{}
	for _, row := range rows[1:] {
		require.Len(t, row, 13)
		assert.Equal(t, row[7] == "1", row[12] == "uncertain: "+cardHash)
		assert.Equal(t, row[9], row[10])
		seen[row[11]]++
	}
	assert.Len(t, seen, 3)

	code, out, errs = linuxpath(t, "-json", "-nexthops", "a=1,b=1,c=2", "-csv", vectors)
	require.Zero(t, code, errs)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 336)
	for i, line := range lines {
		var p prediction
		require.NoError(t, json.Unmarshal([]byte(line), &p))
		assert.Equal(t, rows[i+1][10], p.Hash32)
		assert.Equal(t, rows[i+1][11], p.Nexthop)
	}
}

func TestCapture(t *testing.T) {
	args := []string{"-policy", "3", "-fields", "0x37", "-seed", "9", "-nexthops", "a,b", "-pcap",
		"../forwarder/testdata/vip.pcap"}
	code, out, errs := linuxpath(t, args...)
	require.Zero(t, code, errs)
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 15069)
	assert.Regexp(t, `^15068 packets, 4 of them not IP and 0 damaged; a \d+; b \d+$`, lines[15068])

	code, out, errs = linuxpath(t, append(args, "-json")...)
	require.Zero(t, code, errs)
	objects := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, objects, 15069)
	for i, object := range objects[:15068] {
		var p prediction
		require.NoError(t, json.Unmarshal([]byte(object), &p))
		assert.Equal(t, i+1, p.Packet)
		if p.Flow != "" {
			assert.True(t, strings.HasSuffix(lines[i], "\t"+p.Hash32+"\t"+p.Nexthop+"\t"+p.Flow), lines[i])
		}
	}
}

func TestUsageErrors(t *testing.T) {
	flow := []string{"-src", "10.0.0.1", "-dst", "10.0.0.2"}
	for _, c := range []struct {
		args string
		flow bool
		want string
	}{
		{"", false, "say which flow"},
		{"-bogus", false, "flag provided but not defined: -bogus"},
		{"more", false, `unexpected argument "more"`},
		{"-seed 1", true, "-nexthops is missing"},
		{"-nexthops a,b", true, "the kernel takes 0 for a random seed"},
		{"-nexthops a=0 -seed 1", true, "a weight is a number from 1 to 65535"},
		{"-nexthops a,,b -seed 1", true, "a next hop has a name"},
		{"-nexthops a,a -seed 1", true, "duplicate"},
		{"-nexthops a -seed 1 -policy 4", true, "policy 4 is none of 0 to 3"},
		{"-nexthops a -seed 1 -fields 0x1000", true, "has bits above 0xfff"},
		{"-nexthops a -seed 1 -policy 3 -fields 0", true, "fields 0 is refused"},
		{"-nexthops a -seed 4294967296", true, "has more than 32 bits"},
		{"-nexthops a -seed 1 -src 10.0.0.1 -dst 2001::1", false, "one address is IPv4, the other IPv6"},
		{"-nexthops a -seed 1 -src 10.0.0.1:99999 -dst 10.0.0.2", false, "-src: "},
		{"-nexthops a -seed 1 -src 10.0.0.1", false, "-dst: "},
		{"-nexthops a -seed 1 -proto wat", true, `-proto: protocol "wat"`},
		{"-nexthops a -seed 1 -label 1", true, "IPv4 has no flow label"},
		{"-nexthops a -seed 1 -src ::1 -dst ::2 -label 0x100000", false, "has more than 20 bits"},
		{"-nexthops a -seed 1 -proto icmp -src 1.1.1.1:4660 -dst 2.2.2.2", false, "protocol 1 has no ports"},
		{"-nexthops a -seed 1 -proto gre -src 1.1.1.1 -dst 2.2.2.2:1", false, "protocol 47 has no ports"},
		{"-nexthops a -csv x -pcap y", false, "exclude one another"},
		{"-nexthops a -csv x", true, "are for a single flow"},
		{"-nexthops a -seed 1 -flows 3", true, "-flows is for -live"},
		{"-nexthops a -seed 1 -local -pcap x", false, "-local and -socket are not for -pcap"},
		{"-nexthops a -seed 1 -buckets 65536", true, "-buckets: "},
		{"-live 10.0.0.0/8 -buckets 4", false, "-buckets needs -nexthops"},
		{"-live 10.0.0.0/33", false, "-live: "},
		{"-live 10.0.0.0/8 -flows 0", false, "-flows: 0 is not from 1 to 1000000"},
		{"-live 10.0.0.0/8 -flows 1000001", false, "-flows: 1000001 is not from 1 to 1000000"},
		{"-live 10.0.0.0/8 -seed 1", false, "-seed: -live takes this from the host"},
		{"-live 10.0.0.0/8 -flows 2", true, "-flows: with -src and -dst there is one"},
		{"-live 10.0.0.0/8 -proto udp", false, "-proto and -label go with -src and -dst"},
		{"-nexthops a -seed 1 -socket raw", true, `-socket: "raw" is none of bound, connected and sendto`},
		{"-nexthops a -seed 1 -socket sendto", true, "sendto is not for TCP"},
		{"-nexthops a -seed 1 -socket bound -local", true, "give one of them"},
		{"-nexthops a -seed 1 -iif eth0", true, "-iif and -mark are for -live"},
		{"-live 10.0.0.0/8 -iif eth0 -local", false, "-iif is for forwarded flows"},
		{"-nexthops a:dead -seed 1", true, "all next hops are dead"},
		{"-nexthops a=x:dead -seed 1", true, "a weight is a number"},
		{"-nexthops a=1:down -seed 1", true, `the state "down" is neither dead nor failed`},
		{"-nexthops a:down,b -seed 1", true, `the state "down" is neither dead nor failed`},
		{"-nexthops a: -seed 1", true, `the state "" is neither dead nor failed`},
		{"-nexthops a=1: -seed 1", true, `the state "" is neither dead nor failed`},
		{"-nexthops a:dead:failed,b -seed 1", true, "a colon in the name"},
		{"-nexthops a:dead=2,b -seed 1", true, "a colon in the name"},
		{"-nexthops a:failed,b -seed 1 -buckets 4", true, "a resilient group does not look at neighbours"},
		{"-nexthops a -seed 1 -cover", false, "say which flow"},
		{"-nexthops a -csv x -cover", false, "-cover: say which flow"},
		{"-live 10.0.0.0/8 -cover", false, "-cover: say which flow"},
		{"-walk x", false, "say which flow"},
		{"-walk x -nexthops a", true, "-nexthops: -walk takes this from the file"},
		{"-walk x -local", true, "its routers forward"},
		{"-nexthops a -seed 1 -from x", true, "-from is for -walk"},
		{"-nexthops a -csv x -policy 1", false, "-policy: -csv takes this from the columns"},
		{"-nexthops a -csv x -seed 1", false, "-seed: -csv takes this from the columns"},
		{"-nexthops a -seed 1 -pcap x -proto udp", false, "-proto: -pcap takes this from the packets"},
	} {
		args := strings.Fields(c.args)
		if c.flow {
			args = append(args, flow...)
		}
		code, out, errs := linuxpath(t, args...)
		assert.Equal(t, commandline.Usage, code, c.args)
		assert.Contains(t, errs, c.want, c.args)
		assert.Empty(t, out, c.args)
	}
	code, _, errs := linuxpath(t, "-h")
	assert.Zero(t, code)
	assert.Contains(t, errs, "-nexthops")
}

func TestFailures(t *testing.T) {
	header := "src,sport,dst,dport,proto,label,seed,policy,fields\n"
	for content, want := range map[string]string{
		"":                      "line 1, with the names of the columns, is missing",
		"src,dst\n":             `line 1: no column "sport"`,
		"src,\"x\n":             "line 1, column",
		"dst,src," + header[4:]: `line 1: two columns "dst"`,
		header + "10.0.0.1,1,10.0.0.2,2,6,0,1,0\n":  "wrong number of fields",
		header + "10.0.0,1,10.0.0.2,2,6,0,1,0,0\n":  "line 2: column src: ",
		header + "::1,1,10.0.0.2,2,6,0,1,0,0\n":     "line 2: one address is IPv4, the other IPv6",
		header + "::1,1,::2,65536,6,0,1,0,0\n":      "line 2: column dport: ",
		header + "::1,1,::2,2,256,0,1,0,0\n":        "line 2: column proto: ",
		header + "::1,1,::2,2,6,0x100000,1,0,0\n":   "line 2: label 0x100000",
		header + "::1,1,::2,2,tcp,0,0,0,0\n":        "line 2: seed 0 is random",
		header + "::1,1,::2,2,tcp,0,1,9,0\n":        "line 2: policy 9",
		header + "::1,1,::2,2,tcp,0,1,3,0\n":        "line 2: fields 0 is refused by the kernel",
		header + "::1,1,::2,0,esp,0,1,0,0\n":        "line 2: protocol 50 has no ports",
		header + "\n\n::1,1,::2,2,tcp,0,1,0,9999\n": "line 4: fields 0x270f",
	} {
		name := filepath.Join(t.TempDir(), "flows.csv")
		require.NoError(t, os.WriteFile(name, []byte(content), 0o600))
		code, _, errs := linuxpath(t, "-nexthops", "a", "-csv", name)
		assert.Equal(t, commandline.Failed, code, content)
		assert.Contains(t, errs, want, content)
		assert.Contains(t, errs, name)
	}
	for _, mode := range []string{"-csv missing", "-seed 1 -pcap missing"} {
		code, _, errs := linuxpath(t, append(strings.Fields(mode), "-nexthops", "a")...)
		assert.Equal(t, commandline.Failed, code)
		assert.Contains(t, errs, "missing")
	}
}

// The kernel hashes the SPI of ESP and AH like ports, which a flow does not
// tell. Where it hashes no ports, or there is one next hop, it does not matter.
func TestHiddenSPI(t *testing.T) {
	for _, c := range []struct {
		args      string
		predicted bool
	}{
		{"-policy 0 -nexthops a,b", true},
		{"-policy 1 -nexthops a,b", false},
		{"-policy 1 -nexthops a", true},
		{"-policy 2 -nexthops a,b", true},
		{"-policy 3 -nexthops a,b -fields 0x7", true},
		{"-policy 3 -nexthops a,b -fields 0x20", false},
	} {
		for _, proto := range []string{"esp", "ah"} {
			args := append(strings.Fields(c.args), "-seed", "1", "-src", "1.1.1.1", "-dst", "2.2.2.2", "-proto", proto)
			code, out, errs := linuxpath(t, args...)
			assert.Zero(t, code, errs)
			assert.Equal(t, !c.predicted, strings.Contains(out, hiddenSPI), c.args)
			assert.Equal(t, !c.predicted, strings.Contains(out, "next hop  not predicted"), c.args)
		}
	}
}

// What else than the hash decides, and what is uncertain, is said in each form.
func TestRemarks(t *testing.T) {
	name := filepath.Join(t.TempDir(), "routers.json")
	const text = `{"routers": [{"name": "r", "policy": 1, "seed": 1, "groups": [{"nexthops": "a,b=65535:failed"}]}]}`
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	flow := []string{"-src", "10.0.0.1:1", "-dst", "10.0.0.2:3"}
	one := append(strings.Fields("-policy 1 -seed 1 -nexthops a,b=65535:failed -cover"), flow...)
	for _, args := range [][]string{
		append(flow, "-walk", name), append(flow, "-walk", name, "-json"), append(flow, "-walk", name, "-cover"),
		append(flow, "-walk", name, "-cover", "-json"), one, append(one, "-json"),
	} {
		code, out, errs := linuxpath(t, args...)
		assert.Zero(t, code, errs)
		assert.Contains(t, out, "is not valid, so its range falls to this one", args)
		assert.Contains(t, out, cardHash, args)
	}
	spi := []string{"-walk", name, "-src", "1.1.1.1", "-dst", "2.2.2.2", "-proto", "esp"}
	code, out, errs := linuxpath(t, spi...)
	assert.Zero(t, code, errs)
	assert.Contains(t, out, "\nr  policy 1  -  -  ("+hiddenSPI+")\n")
}
