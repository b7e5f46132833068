// Package hugepage asks the operating system for huge pages under large tables:
// a look-up at random that misses the cache then seldom misses the translation
// of addresses as well. Go's heap does not ask for them, and most Linux systems
// give them to those who ask only.
package hugepage

import "unsafe"

// Advise asks for huge pages under those 2 MiB pages that lie within memory
// wholly, as they are first written to. What was written to before, as memory
// that the garbage collector hands out again, gets them at once from Linux 6.1
// on. It is a hint: on systems other than Linux it does nothing, and no system
// says what became of it.
//
// It needs the address of the memory, and so package unsafe. The memory stays
// where it is, the garbage collector's.
func Advise[T any](memory []T) {
	first := unsafe.Pointer(unsafe.SliceData(memory))
	bytes := unsafe.Slice((*byte)(first), uintptr(len(memory))*unsafe.Sizeof(*new(T)))
	const size = 2 << 20
	if skip := -uintptr(first) % size; skip < uintptr(len(bytes)) {
		bytes = bytes[skip:]
		advise(bytes[:len(bytes)/size*size])
	}
}
