package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/catalog"
	"github.com/ecmp-go/ecmp/internal/commandline"
	"github.com/ecmp-go/ecmp/internal/racecheck"
	"github.com/ecmp-go/ecmp/selector"
)

func planned(t *testing.T, args ...string) (r report) {
	t.Helper()
	var out, errs bytes.Buffer
	require.Zero(t, run(append(args, "-json"), &out, &errs), errs.String())
	require.NoError(t, json.Unmarshal(out.Bytes(), &r))
	return r
}

// The removal of pod2 moves what pod2 has, and nothing else.
func TestRemoval(t *testing.T) {
	r := planned(t, "-remove", "pod2")
	require.Len(t, r.Members, 5)
	pod2 := r.Members[1]
	assert.Equal(t, "pod2", pod2.ID)
	assert.InDelta(t, .25, pod2.Now.Due, 1e-12)
	assert.InDelta(t, .2512, pod2.Now.Share, 5e-5)
	assert.Zero(t, pod2.New)
	require.Len(t, r.AtOnce, 1)
	assert.InDelta(t, pod2.Now.Share, r.AtOnce[0].Moved, 1e-12)
	assert.InDelta(t, .25, r.AtOnce[0].Due, 1e-12)
	sum, shares := 0.0, 0.0
	for _, m := range r.Moves {
		assert.Equal(t, "pod2", m.From)
		sum += m.Share
	}
	for _, m := range r.Members {
		shares += m.New.Share
	}
	assert.InDelta(t, pod2.Now.Share, sum, 1e-12)
	assert.InDelta(t, 1, shares, 1e-12)
	assert.Empty(t, r.Cheapest, "there is one order")
}

// What moves least is found, and is told by the sum of its steps.
func TestCheapestOrder(t *testing.T) {
	racecheck.OneGoroutine(t)
	r := planned(t, "-weight", "pod1=1", "-add", "pod6=2", "-remove", "pod5", "-to", "maglev")
	require.Len(t, r.Cheapest, 4)
	assert.Equal(t, "maglev", r.Planned)
	assert.Less(t, total(r.Cheapest), total(r.AsGiven)-.01)

	// A member has a smaller share once another is there, so fewer hashes move
	// when it leaves after that.
	r = planned(t, "-add", "pod6=2", "-remove", "pod1", "-strategy", "rendezvous")
	var order []string
	for _, c := range r.Cheapest {
		order = append(order, c.Step)
	}
	assert.Equal(t, []string{"add pod6=2", "remove pod1"}, order)
	assert.InDelta(t, .4, total(r.Cheapest), .01)

	// An impossible order is left out: the weight is that of a new member.
	r = planned(t, "-add", "new=1", "-weight", "new=2")
	require.Len(t, r.Cheapest, 2)
	assert.Equal(t, "add new=1", r.Cheapest[0].Step)
}

// Another strategy moves hashes though nothing is due, and the same one none.
func TestOtherStrategy(t *testing.T) {
	for _, row := range catalog.All() {
		if row.EqualOnly {
			continue
		}
		r := planned(t, "-to", row.Name)
		assert.Zero(t, r.AtOnce[0].Due)
		assert.Equal(t, row.Name == catalog.Default, r.AtOnce[0].Moved == 0, row.Name)
	}
}

// An upgrade by a strategy that is minimal moves the share of each member away
// and back: all hashes twice. Modulo moves more.
func TestUpgrade(t *testing.T) {
	for strategy, want := range map[string]float64{"bounded": 2, "rendezvous": 2, "maglev": 2.01} {
		r := planned(t, "-upgrade", "-strategy", strategy)
		assert.Len(t, r.Upgrade, 10)
		assert.InDelta(t, want, total(r.Upgrade), .01, strategy)
		assert.Empty(t, r.AtOnce)
	}
	assert.Greater(t, total(planned(t, "-upgrade", "-strategy", "modulo").Upgrade), 6.)
}

func TestText(t *testing.T) {
	var out, errs bytes.Buffer
	require.Zero(t, run(nil, &out, &errs), errs.String())
	for _, line := range []string{
		"pod2         2  25.00  25.12            -      -      -",
		"pod2  pod3   8.44",
		"  all at once  25.12   25.12  25.00     1.006",
		"  in sum            200.00  200.00  200.00     1.008",
	} {
		assert.Contains(t, out.String(), line+"\n")
	}
}

// Errors of files name the line, and are told by errors.Is.
func TestBadFiles(t *testing.T) {
	for text, want := range map[string]fileError{
		"a\nb 1 2\n":           {Line: 2, Text: "b 1 2", Err: errFields},
		"a\n\n# b\nb -1":       {Line: 4, Text: "b -1", Err: errWeight},
		"a 4294967295":         {Line: 1, Text: "a 4294967295", Err: errWeight},
		"a\nb # first\nc\nb 3": {Line: 4, Text: "b 3", Err: selector.ErrDuplicate},
		"# nobody\n":           {Err: selector.ErrNoMembers},
		"a 0\nb 0\n":           {Err: selector.ErrNoWeight},
	} {
		_, err := readMembers("pods", strings.NewReader(text))
		want.File = "pods"
		assert.Equal(t, &want, err, text)
		require.ErrorIs(t, err, want.Err)

		file := filepath.Join(t.TempDir(), "pods")
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		var out, errs bytes.Buffer
		assert.Equal(t, commandline.Usage, run([]string{"-members", file}, &out, &errs))
		want.File = file
		assert.Equal(t, "plan: "+want.Error()+"\n", errs.String())
	}
}

func TestBadArguments(t *testing.T) {
	six := strings.Fields(strings.Repeat("-remove pod1 ", 6))
	for want, args := range map[string][]string{
		"there is no such member":    {"-remove", "pod9"},
		"it is there already":        {"-add", "pod1=1"},
		`"pod1" is not ID=WEIGHT`:    {"-weight", "pod1"},
		"a weight is a number":       {"-weight", "pod1=x"},
		`"magic" is none of`:         {"-to", "magic"},
		"-strategy: ":                {"-strategy", "magic"},
		"unequal weights":            {"-to", "anchor"},
		"bad table size":             {"-strategy", "maglev:size=4"},
		"at most 5 can be tried":     six,
		"no such file or directory":  {"-members", filepath.Join(t.TempDir(), "none")},
		`unexpected argument "pod1"`: {"pod1"},
	} {
		var out, errs bytes.Buffer
		assert.Equal(t, commandline.Usage, run(args, &out, &errs), want)
		assert.Empty(t, out.String())
		assert.Contains(t, errs.String(), want)
	}
}
