//go:build armbe || arm64be || mips || mips64 || mips64p32 || ppc64 || s390 || s390x || sparc || sparc64

package xdp

import "github.com/cilium/ebpf"

// loadForward refuses: the object file is for little-endian machines.
func loadForward() (*ebpf.CollectionSpec, error) { return nil, &Error{Err: ErrBigEndian} }
