package hugepage

import "syscall"

// madvCollapse is MADV_COLLAPSE of Linux 6.1, which syscall does not know. It
// takes a few milliseconds for every hundred megabytes.
const madvCollapse = 25

func advise(pages []byte) {
	if len(pages) > 0 {
		// an old or small kernel knows neither: then pages stay as they are
		_ = syscall.Madvise(pages, syscall.MADV_HUGEPAGE)
		_ = syscall.Madvise(pages, madvCollapse)
	}
}
