package main

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/ecmp-go/ecmp/internal/commandline"
)

// call runs the program.
func call(args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = run(args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestCommands(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		want string
	}{
		{nil, commandline.Usage, "gateway run -config FILE"},
		{[]string{"-h"}, 0, "gateway run -config FILE"},
		{[]string{"fly"}, commandline.Usage, `gateway: no command "fly"`},
		{[]string{"-config", "f"}, commandline.Usage, `gateway: no command "-config"`},
	} {
		code, stdout, stderr := call(c.args...)
		assert.Equal(t, c.code, code, c.args)
		assert.Empty(t, stdout, c.args)
		assert.Contains(t, stderr, c.want, c.args)
	}
}
