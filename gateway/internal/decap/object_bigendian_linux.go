//go:build armbe || arm64be || mips || mips64 || mips64p32 || ppc64 || s390 || s390x || sparc || sparc64

package decap

import (
	"errors"

	"github.com/cilium/ebpf"
)

// loadDecap refuses: the object file is for little-endian machines.
func loadDecap() (*ebpf.CollectionSpec, error) {
	return nil, errors.New("the program is for little-endian machines")
}
