package hugepage

import "syscall"

func advise(pages []byte) {
	if len(pages) > 0 {
		_ = syscall.Madvise(pages, syscall.MADV_HUGEPAGE) // an old or small kernel knows none: then pages stay as they are
	}
}
