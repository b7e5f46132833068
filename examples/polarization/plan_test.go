package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/commandline"
	"github.com/ecmp-go/ecmp/internal/racecheck"
)

// checked returns what the program says of a plan.
func checked(t *testing.T, args ...string) (code int, c check, better *proposal) {
	t.Helper()
	code, out, errs := polarization(append(args, "-json")...)
	require.NotEmpty(t, out, errs)
	var report struct {
		Check    check
		Proposal *proposal
	}
	require.NoError(t, json.Unmarshal([]byte(out), &report))
	return code, report.Check, report.Proposal
}

// Plans that polarize are told, and with what is proposed they do not, of as
// many flows.
func TestPlans(t *testing.T) {
	racecheck.OneGoroutine(t)
	for i, c := range []struct {
		tiers, hash, strategy string
		rotated               bool // since seeds do not help
	}{
		{"4x8x16", "linux", "threshold", false},
		{"4x8x16", "toeplitz", "modulo", false},
		{"4x8x16", "crc32", "threshold", true},
		{"4x8x16", "crc32", "modulo", true},
		{"2x4x8x16", "linux", "threshold", false},
		{"4x4x4x4", "crc32", "threshold", true},
		{"4x6x9x6", "xx", "modulo", false},
		{"4x8x8", "sip", "threshold", false},
		{"2x4x4x4x4", "mix", "jump", false},
	} {
		name, flows := fmt.Sprint(c), 1_000_000
		if testing.Short() || i > 3 {
			flows = 100_000
		}
		code, got, better := checked(t, "-tiers", c.tiers, "-hash", c.hash, "-strategy", c.strategy, "-flows",
			fmt.Sprint(flows))
		assert.Equal(t, commandline.Failed, code, name)
		assert.True(t, got.Polarized, name)
		last := got.Tiers[len(got.Tiers)-1]
		assert.NotEmpty(t, last.Empty, name)
		assert.Len(t, last.Empty, last.Links-last.Used, name)
		require.NotNil(t, better, name)

		// The plan that is proposed is good when it is checked by itself, with other flows too.
		file := filepath.Join(t.TempDir(), "plan.json")
		data, err := json.Marshal(better.Plan)
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(file, data, 0o600))
		rotated := false
		for _, tier := range better.Plan.Tiers {
			rotated = rotated || tier.Rotate > 0
		}
		assert.Equal(t, c.rotated, rotated, "%s: %s", name, better.How)
		for _, seed := range []string{"1", "2"} {
			code, got, better = checked(t, "-plan", file, "-flows", fmt.Sprint(flows), "-seed", seed)
			assert.Zero(t, code, name)
			assert.False(t, got.Polarized, name)
			assert.Nil(t, better, name)
			for _, tier := range got.Tiers {
				assert.Empty(t, tier.Empty, name)
				assert.Equal(t, tier.Links, tier.Used, name)
				assert.Less(t, tier.Max, 2.0, name)
			}
		}
	}
}

func TestPlanText(t *testing.T) {
	code, out, errs := polarization("-tiers", "2x4x4", "-hash", "linux", "-flows", "10000")
	assert.Equal(t, commandline.Failed, code)
	assert.Contains(t, errs, "the plan is polarized")
	assert.Contains(t, out, "10000 flows through 2 leaf, 4 spine and 4 core switches.\n")
	assert.Contains(t, out, "    empty: spine/0 to core/1\n")
	assert.Contains(t, out, "POLARIZED. Set: spine seed 2. Then:\n")
	code, out, errs = polarization("-tiers", "2x4x4", "-hash", "linux", "-flows", "10000", "-seeds", "1,2")
	assert.Zero(t, code, errs)
	assert.Contains(t, out, "No link stays empty")
	code, out, errs = polarization("-tiers", "2x64x64", "-hash", "linux", "-flows", "1000", "-seeds", "1,2")
	assert.Equal(t, commandline.Failed, code)
	assert.Contains(t, errs, "can't tell")
	assert.Contains(t, out, "Too few flows to tell: it takes -flows 122880.\n")
	// The names of the members count, which differ from tier to tier.
	code, out, errs = polarization("-tiers", "4x8x16", "-hash", "xx", "-strategy", "bounded", "-flows", "100000")
	assert.Zero(t, code, errs+out)
	_, out, _ = polarization("-tiers", "2x16x16", "-hash", "crc32", "-flows", "20000")
	assert.Contains(t, out, "    and 224 more\n")
}

// A polarized plan is told of few flows too. A good one never is polarized, and
// is good once there are flows enough.
func TestFewFlows(t *testing.T) {
	racecheck.OneGoroutine(t)
	for _, c := range []struct{ tiers, flows string }{
		{"4x8x16", "2000"}, {"4x8x16", "400"}, {"4x64x1024", "300000"}, {"2x8x8x8", "1000"},
	} {
		code, got, better := checked(t, "-tiers", c.tiers, "-seeds", "1", "-flows", c.flows)
		assert.Equal(t, commandline.Failed, code, c)
		assert.True(t, got.Polarized && got.TooFew, c)
		require.NotNil(t, better, c)
		assert.True(t, better.TooFew, c)
		_, out, errs := polarization("-tiers", c.tiers, "-seeds", "1", "-flows", c.flows)
		assert.Contains(t, errs, "the plan is polarized")
		assert.Contains(t, out, "Too few flows to tell whether that is good: it takes -flows ")
	}
	for _, tiers := range []string{"1x2", "2x2x2", "4x8x16", "2x64x64", "8x8x8x8", "16x256x256"} {
		seeds := []string{"1", "2", "3"}[:strings.Count(tiers, "x")]
		for flows := 1; flows < 200_000; flows = flows*3 + 1 {
			for seed := range 5 {
				_, got, _ := checked(t, "-tiers", tiers, "-hash", "xx", "-seeds", strings.Join(seeds, ","), "-flows",
					fmt.Sprint(flows), "-seed", fmt.Sprint(seed))
				assert.False(t, got.Polarized, "%s, %d flows, seed %d", tiers, flows, seed)
			}
		}
	}
	assert.LessOrEqual(t, fewest*mostLinks, mostFlows, "the largest plan can be answered")
}

// The seeds that are proposed are seeds of the hash.
func TestProposedSeeds(t *testing.T) {
	_, _, better := checked(t, "-tiers", "2x4x4", "-seeds", "4294967295", "-flows", "10000")
	require.NotNil(t, better)
	assert.Equal(t, []uint64{1}, better.Plan.Tiers[1].Seeds)
}

func TestPlanErrors(t *testing.T) {
	for text, want := range map[string]string{
		`{`: "unexpected EOF",
		`{"tiers": [{"switches": 2}, {"switches": 2}]} x`:                               "more follows the plan",
		`{"tiers": [{"switches": 2}, {"switches": 2}]} {}`:                              "more follows the plan",
		`{"tiers": [{"switches": 2, "seeds": [1, 0]}, {"switches": 2}]}`:                "tier1: seed 0: Linux",
		`{"tiers": [{"switches": 2, "seed": 1}]}`:                                       `unknown field "seed"`,
		`{"tiers": [{"switches": 2}]}`:                                                  "1 tiers, want 2 to 8",
		`{"tiers": [{"switches": 2, "seeds": [1, 2, 3]}, {"switches": 2}]}`:             "3 seeds, want one",
		`{"tiers": [{"switches": 2}, {"name": "top", "switches": 2, "hash": "xx"}]}`:    "top: the last tier",
		`{"tiers": [{"switches": 2, "strategy": "x"}, {"switches": 2}]}`:                "tier1: ",
		`{"tiers": [{"switches": 2, "strategy": "maglev:size=1"}, {"switches": 1024}]}`: "tier1: ",
	} {
		file := filepath.Join(t.TempDir(), "plan.json")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		code, out, errs := polarization("-plan", file, "-flows", "1000")
		assert.Equal(t, commandline.Usage, code, text)
		assert.Contains(t, errs, want, text)
		assert.Empty(t, out)
	}
	code, _, errs := polarization("-plan", "nowhere.json")
	assert.Equal(t, commandline.Usage, code)
	assert.Contains(t, errs, "nowhere.json")
}
