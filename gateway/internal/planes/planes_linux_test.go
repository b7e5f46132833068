package planes_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/gateway/internal/plane"
	"github.com/ecmp-go/ecmp/gateway/internal/planes"
)

// A new plane is done when this test, and TestLab of the gateway, pass.

// What a plane is made of is refused alike by all.
func TestEveryPlane(t *testing.T) {
	seen := make(map[string]bool)
	for _, k := range planes.All() {
		t.Run(k.Name, func(t *testing.T) {
			assert.Regexp(t, `^[a-z][a-z0-9]*$`, k.Name)
			assert.False(t, seen[k.Name], "given twice")
			seen[k.Name] = true
			var wrong *plane.ConfigError
			for _, c := range []plane.Config{{}, {In: []string{"lo", "lo"}}, {In: []string{"lo"}, Workers: -1}} {
				_, err := k.New(c)
				assert.ErrorAs(t, err, &wrong, "%+v", c)
			}
		})
	}
}

// The documentation of the configuration names every plane.
func TestDocumented(t *testing.T) {
	doc, err := os.ReadFile("../config/doc.go")
	require.NoError(t, err)
	line := regexp.MustCompile(`(?s)\tio .*?workers`).Find(doc)
	require.NotEmpty(t, line)
	for _, name := range plane.Names(planes.All()) {
		assert.Regexp(t, `\b`+name+`\b`, string(line), "what gateway/internal/config/doc.go says of io")
	}
}
