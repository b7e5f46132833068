package hugepage

import "syscall"

func advise(pages []byte) {
	if len(pages) > 0 {
		// an old or small kernel knows none: then pages stay as they are
		_ = syscall.Madvise(pages, syscall.MADV_HUGEPAGE)
	}
}
