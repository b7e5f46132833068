package hugepage_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"syscall"
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
// collector's has been written to. The kernel is asked first whether it has
// huge pages to give to such memory.
func TestUsedMemoryGetsHugePages(t *testing.T) {
	mode, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if err != nil || !strings.Contains(string(mode), "[madvise]") {
		t.Skip("not a kernel that gives huge pages to those who ask only")
	}
	const madvCollapse = 25
	if err := syscall.Madvise(used(t), madvCollapse); err != nil {
		t.Skipf("this kernel is before 6.1, or has no huge page to give: %v", err)
	}
	memory := used(t)
	middle := uintptr(unsafe.Pointer(&memory[len(memory)/2]))
	require.Zero(t, huge(t, middle))
	hugepage.Advise(memory)
	require.NotZero(t, huge(t, middle))
	for i := range memory {
		if memory[i] != byte(i) {
			require.Equal(t, byte(i), memory[i])
		}
	}
}

// used returns 16 MiB of mapped memory that begins at a huge page and was
// written to. The pages around it can't be used, so that it is a mapping of its own.
func used(t *testing.T) []byte {
	t.Helper()
	const size, hugePage = 16 << 20, 2 << 20
	memory, err := syscall.Mmap(-1, 0, size+2*hugePage, syscall.PROT_READ|syscall.PROT_WRITE,
		syscall.MAP_ANON|syscall.MAP_PRIVATE)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, syscall.Munmap(memory)) })
	skip := hugePage - uintptr(unsafe.Pointer(&memory[0]))%hugePage
	require.NoError(t, syscall.Mprotect(memory[:skip], syscall.PROT_NONE))
	require.NoError(t, syscall.Mprotect(memory[skip+size:], syscall.PROT_NONE))
	inside := memory[skip:][:size]
	for i := range inside {
		inside[i] = byte(i)
	}
	return inside
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
