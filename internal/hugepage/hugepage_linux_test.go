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

// TestUsedMemoryGetsHugePages writes to memory before it asks, as the garbage
// collector's has been written to.
func TestUsedMemoryGetsHugePages(t *testing.T) {
	mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil || !strings.Contains(string(mode), "[madvise]") {
		t.Skip("not a kernel that gives huge pages to those who ask only")
	}
	memory := make([]uint64, 16<<20/8)
	for i := range memory {
		memory[i] = uint64(i)
	}
	middle := uintptr(unsafe.Pointer(&memory[len(memory)/2]))
	require.Zero(t, huge(t, middle))
	hugepage.Advise(memory)
	if huge(t, middle) == 0 {
		t.Skip("a kernel before 6.1, or with no huge page to give")
	}
	for i := range memory {
		if memory[i] != uint64(i) {
			require.EqualValues(t, i, memory[i])
		}
	}
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
	return slices.Contains(strings.Fields(mapping(t, address, "VmFlags:")), "hg")
}

// huge returns how many kilobytes of the mapping that holds an address are in
// huge pages.
func huge(t *testing.T, address uintptr) (kilobytes int) {
	t.Helper()
	_, err := fmt.Sscan(mapping(t, address, "AnonHugePages:"), &kilobytes)
	require.NoError(t, err)
	return kilobytes
}

// mapping returns what the kernel says of the mapping that holds an address.
func mapping(t *testing.T, address uintptr, key string) string {
	t.Helper()
	mappings, err := os.ReadFile("/proc/self/smaps")
	require.NoError(t, err)
	within := false
	for line := range strings.Lines(string(mappings)) {
		var from, to uintptr
		if _, err := fmt.Sscanf(line, "%x-%x ", &from, &to); err == nil {
			within = from <= address && address < to
		}
		if value, ok := strings.CutPrefix(line, key); ok && within {
			return value
		}
	}
	t.Fatal("no mapping holds the address")
	return ""
}
