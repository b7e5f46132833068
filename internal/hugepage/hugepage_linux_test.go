package hugepage_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ecmp-go/ecmp/internal/hugepage"
)

// TestKernelTakesTheAdvice asks the kernel which mappings it was advised about.
func TestKernelTakesTheAdvice(t *testing.T) {
	if _, err := os.Stat("/sys/kernel/mm/transparent_hugepage"); err != nil {
		t.Skip("this kernel has no transparent huge pages")
	}
	memory := make([]uint64, 8<<20/8)
	middle := uintptr(unsafe.Pointer(&memory[len(memory)/2]))
	hugepage.Advise(memory)
	assert.True(t, advised(t, middle))
	assert.Zero(t, memory[len(memory)/2])
}

func TestLittleMemoryIsLeftAlone(t *testing.T) {
	hugepage.Advise([]uint64(nil))
	hugepage.Advise(make([]uint64, 0))
	hugepage.Advise(make([]uint64, 1))
	hugepage.Advise(make([]byte, 4<<20-4097))
}

// advised reports whether the mapping that holds an address has the flag "hg".
func advised(t *testing.T, address uintptr) bool {
	t.Helper()
	mappings, err := os.ReadFile("/proc/self/smaps")
	require.NoError(t, err)
	within := false
	for line := range strings.Lines(string(mappings)) {
		var from, to uintptr
		if _, err := fmt.Sscanf(line, "%x-%x ", &from, &to); err == nil {
			within = from <= address && address < to
		}
		if flags, ok := strings.CutPrefix(line, "VmFlags:"); ok && within {
			return slices.Contains(strings.Fields(flags), "hg")
		}
	}
	t.Fatal("no mapping holds the address")
	return false
}
