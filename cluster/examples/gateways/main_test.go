package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestGateways(t *testing.T) {
	var out, errs bytes.Buffer
	code := run([]string{"-capture", "../../../examples/forwarder/testdata/vip.pcap", "-flows", "3000"}, &out, &errs)
	require.Zero(t, code, errs.String())
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	table := lines[len(lines)-len(events):]
	for i, e := range events {
		require.Contains(t, table[i], e.name)
		require.Contains(t, table[i], "true", "the gateways agree")
	}
	require.Equal(t, 1, run([]string{"-capture", "none"}, &out, &errs))
	require.Contains(t, errs.String(), "-capture")
	require.Equal(t, 2, run([]string{"-nonsense"}, &out, &errs))
}
