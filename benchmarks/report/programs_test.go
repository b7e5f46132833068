package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// read returns a file of the repository: of a text by its name alone, what another program printed when it was last measured.
func read(t *testing.T, path string) string {
	t.Helper()
	if strings.HasSuffix(path, ".txt") {
		path = committed + "/programs/" + path
	}
	text, err := os.ReadFile(filepath.Join(root, path))
	require.NoError(t, err)
	return string(text)
}

// find returns the groups of all matches of a pattern. There is one at least.
func find(t *testing.T, text, pattern string) [][]string {
	t.Helper()
	found := regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1)
	require.NotEmpty(t, found, pattern)
	return found
}

func parse(t *testing.T, s string) float64 {
	t.Helper()
	f, err := strconv.ParseFloat(s, 64)
	require.NoError(t, err)
	return f
}

// TestBoundedPaper holds the tables of selector/bounded.md to what go run ./benchmarks/curve and ./benchmarks/ratios printed.
func TestBoundedPaper(t *testing.T) {
	paper, curve, ratios := read(t, "selector/bounded.md"), strings.ReplaceAll(read(t, "curve.txt"), " 0.0", " .0"), read(t, "ratios.txt")
	for _, row := range find(t, paper, `(?m)^\| \d+ \| (?:Maglev|none|\.02|\.05|unlimited) \|.*$`) {
		assert.Contains(t, curve, "\n"+strings.ReplaceAll(row[0], " 0.0", " .0")+"\n")
	}
	crossings := find(t, paper, `(?s)\| n \|([^\n]*)\|\n[^\n]*\n\| (Maglev) \|([^\n]*)\|\n\| (none) \|([^\n]*)\|\n`)[0]
	sizes := strings.Split(crossings[1], "|")
	for i := 2; i < len(crossings); i += 2 {
		cells := strings.Split(crossings[i+1], "|")
		require.Len(t, cells, len(sizes))
		for k, cell := range cells {
			assert.Contains(t, curve, fmt.Sprintf("\n|%s| %s |%s|\n", sizes[k], crossings[i], cell))
		}
	}
	for _, row := range find(t, paper, `(?m)^\| \d+ \|(?: \d\.\d\d % \(\d\.\d\d\) \|)+$`) {
		assert.Contains(t, curve+"\n", "\n"+strings.ReplaceAll(row[0], " 0.0", " .0")+"\n")
	}
	least := 1.
	for _, row := range find(t, curve, `(?m)^\| \d+ \|(?: \d\.\d+ \|){4} (\d\.\d+) \|$`) {
		least = min(least, parse(t, row[1]))
	}
	assert.Contains(t, paper, fmt.Sprintf("none has less than %.3f of its due", least))

	for _, row := range find(t, paper, `(?m)^\| (\d+) \| (\d\.\d\d) \| (\d\.\d\d) \| (\d\.\d\d) \|$`) {
		equal := find(t, ratios, `Bounded : our Maglev, N=`+row[1]+`, build +(\S+) ms +\S+ ms +(\S+) ms`)[0]
		weighted := find(t, ratios, `Bounded with weights 1:2:3:10 : without, N=`+row[1]+`, build +(\S+) ms`)[0]
		for i, measured := range []string{equal[2], equal[1], weighted[1]} {
			assert.Equal(t, fmt.Sprintf("%.2f", parse(t, measured)), row[2+i], "%s members", row[1])
		}
	}
}

// TestBoundedBuildDoc holds what Bounded's doc comment says of building to go run ./benchmarks/ratios.
func TestBoundedBuildDoc(t *testing.T) {
	ratios := read(t, "ratios.txt")
	said := find(t, read(t, "selector/bounded.go"), `(?s)(\d\.\d) times as long as that\n// of Maglev with 10 members, (\d\.\d) times with 100, and twice with 1000`)[0]
	for i, n := range []string{"10", "100", "1000"} {
		measured := find(t, ratios, `Bounded : our Maglev, N=`+n+`, build +(\S+) ms +\S+ ms +(\S+) ms`)[0]
		times := fmt.Sprintf("%.1f", parse(t, measured[1])/parse(t, measured[2]))
		assert.Equal(t, append(said[1:], "2.0")[i], times, "%s members", n)
	}
}

// TestBoundedDoc holds the table of Bounded's doc comment to the same.
func TestBoundedDoc(t *testing.T) {
	doc, curve := read(t, "selector/bounded.go"), read(t, "curve.txt")
	rows := map[string]string{"Maglev": "Maglev", "NoSlack": "none", "20": "0.02", "50, default": "0.05", "unlimited": "unlimited"}
	for name, slack := range rows {
		row := find(t, doc, `(?m)^//\t`+name+` +(.*)$`)[0]
		cells := strings.Fields(row[1])
		require.Len(t, cells, 8, name)
		for i, n := range []int{10, 100, 500, 1000} {
			measured := find(t, curve, fmt.Sprintf(`\| %d \| %s \| (\S+) \| \S+ \| (\S+) `, n, slack))[0]
			assert.Equal(t, measured[1], cells[2*i], "peak of %s with %d", name, n)
			decimals := len(cells[2*i+1]) - len("1.")
			assert.Equal(t, fmt.Sprintf("%.*f", max(0, decimals), parse(t, measured[2])), cells[2*i+1], "removal of %s with %d", name, n)
		}
	}
}

// TestBoundedComparesWithMaglev holds what both say of Maglev to the curve.
func TestBoundedComparesWithMaglev(t *testing.T) {
	curve := read(t, "curve.txt")
	for _, path := range []string{"selector/bounded.go", "selector/bounded.md"} {
		doc := regexp.MustCompile(`\s+(// )?`).ReplaceAllString(read(t, path), " ")
		for i, said := range find(t, doc, `moves (\S+) times the (?:forced )?slots (?:that it must|with 100 members), (?:and )?(\S+) times with 1000`)[0][1:] {
			measured := find(t, curve, fmt.Sprintf(`\| %s \| Maglev \| \S+ \| \S+ \| (\S+) `, []string{"100", "1000"}[i]))[0]
			assert.Equal(t, fmt.Sprintf("%.1f", parse(t, measured[1])), said, path)
		}
	}
}

// TestFlowTableNotes holds the notes on missed bars to what go run ./benchmarks/flowtable printed.
func TestFlowTableNotes(t *testing.T) {
	printed := read(t, "flowtable.txt")
	said := find(t, read(t, "benchmarks/README.md"), `(?s)batches\s+were (\S+) times as fast as xsync \(of 12\) and (\S+) times as fast as phuslu/lru \(of 16\), `+
		`and hits one by one (\S+) times as fast as xsync \(of\s+2\.5\)\. A hit in a batch took (\S+) ns`)[0]
	for i, row := range []string{"batch : xsync", "batch : phuslu", "one by one, hash included : xsync"} {
		assert.Equal(t, find(t, printed, `10000000 flows, `+row+` .* (\S+)x +at least`)[0][1], said[1+i], row)
	}
	assert.Equal(t, find(t, printed, `10000000 flows, batch : 32 pointer chases +(\S+) ns`)[0][1], said[4])
}

// TestPlaneSpeeds holds the table of package plane to what its throughput program printed.
func TestPlaneSpeeds(t *testing.T) {
	better := func(file string) string {
		_, text, found := strings.Cut(read(t, file), "under the better load of each")
		require.True(t, found)
		return text
	}
	xdp, stack := better("throughput.txt"), better("throughput-stack.txt")
	doc := read(t, "examples/forwarder/plane/plane.go")
	for i, said := range find(t, doc, `any number on their way the kernel forwards less, (\d+) and (\d+)\.`)[0][1:] {
		printed := find(t, read(t, []string{"throughput.txt", "throughput-stack.txt"}[i]), `any number on their way .*\n +kernel +(\S+)`)[0]
		assert.Equal(t, fmt.Sprintf("%.0f", parse(t, printed[1])), said)
	}
	for _, row := range find(t, doc, `(?m)^//\t(kernel|afpacket|afxdp|xdp) +(\d+) +(\S+x) +(\d+) +(\S+x)$`) {
		for i, printed := range []string{xdp, stack} {
			measured := find(t, printed, `  `+row[1]+` +(\S+) +\S+ +\S+ +(\S+x)`)[0]
			assert.Equal(t, fmt.Sprintf("%.0f", parse(t, measured[1])), row[2+2*i], row[1])
			assert.Equal(t, measured[2], row[3+2*i], row[1])
		}
	}
}

// TestLabTable holds the table of README to what forwarder lab printed.
func TestLabTable(t *testing.T) {
	printed := read(t, "lab.txt")
	for _, row := range find(t, read(t, "README.md"), `(?m)^  (?:connections|new connections|UDP flows) .*\d$`) {
		assert.Contains(t, printed, row[0]+"\n")
	}
}
