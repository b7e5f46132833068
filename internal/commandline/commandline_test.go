package commandline

import (
	"bytes"
	"errors"
	"flag"
	"log"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParse(t *testing.T) {
	for _, c := range []struct {
		args      []string
		err, said string
	}{
		{args: []string{"-n", "3"}},
		{args: []string{"-n", "x"}, err: `invalid value "x" for flag -n: parse error`},
		{args: []string{"-n", "3", "more"}, err: `unexpected argument "more"`},
		{args: []string{"-h"}, err: flag.ErrHelp.Error(),
			said: "Usage of program:\n  -n number\n    \tnumber of things\n"},
	} {
		flags := flag.NewFlagSet("program", flag.ContinueOnError)
		flags.Int("n", 0, "`number` of things")
		var stderr bytes.Buffer
		err := Parse(flags, c.args, &stderr)
		if c.err == "" {
			require.NoError(t, err)
		} else {
			require.EqualError(t, err, c.err)
		}
		assert.Equal(t, c.said, stderr.String())
	}
}

func TestRefuse(t *testing.T) {
	var stderr bytes.Buffer
	complain := log.New(&stderr, "program: ", 0)
	assert.Zero(t, Refuse(complain, flag.ErrHelp))
	assert.Empty(t, stderr.String(), "the usage has been printed")
	assert.Equal(t, Usage, Refuse(complain, errors.New("no such place")))
	assert.Equal(t, "program: no such place\n", stderr.String())
}
