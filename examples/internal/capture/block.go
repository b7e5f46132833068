package capture

import (
	"bufio"
	"encoding/binary"
	"fmt"
)

// A block reads the body of a block of a pcapng. After an error it returns
// zeros; err is the first error.
type block struct {
	in    *bufio.Reader
	left  int64 // bytes of the body that are not read yet
	order binary.ByteOrder
	err   error
}

// bytes returns the next n bytes, up to a few thousand. They are valid until
// the next call.
func (b *block) bytes(n int) []byte {
	if b.err == nil && int64(n) > b.left {
		b.err = fmt.Errorf("%w: a block is too short", ErrDamaged)
	}
	if b.err != nil {
		return make([]byte, n)
	}
	data, err := b.in.Peek(n)
	if err != nil {
		b.err = truncated(err)
		return make([]byte, n)
	}
	_, _ = b.in.Discard(n) // what was peeked at is there
	b.left -= int64(n)
	return data
}

func (b *block) half() uint16 { return b.order.Uint16(b.bytes(2)) }
func (b *block) word() uint32 { return b.order.Uint32(b.bytes(4)) }

// options calls each for every short option.
func (b *block) options(each func(code uint16, value []byte)) {
	for b.err == nil && b.left >= 4 {
		code, size := b.half(), int64(b.half())
		if code == 0 {
			return
		}
		padded := (size + 3) &^ 3
		if padded > b.left {
			return // damaged, but what counts is known
		}
		if size <= 8 {
			each(code, b.bytes(int(padded))[:size])
			continue
		}
		b.skip(padded)
	}
}

// skip skips n bytes.
func (b *block) skip(n int64) {
	if b.err != nil {
		return
	}
	for left := n; left > 0; {
		done, err := b.in.Discard(int(min(left, 1<<20)))
		left -= int64(done)
		if err != nil {
			b.err = truncated(err)
			return
		}
	}
	b.left -= n
}

// end skips the rest of the body and checks the size that stands behind it.
func (b *block) end(size uint32) error {
	b.skip(b.left)
	b.left = 4
	if again := b.word(); b.err == nil && again != size {
		b.err = fmt.Errorf("%w: a block of %d bytes ends as one of %d", ErrDamaged, size, again)
	}
	return b.err
}
