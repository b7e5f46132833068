package capture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// count reads a capture at once, in the simplest way there is, and returns how
// many packets it has of each link type, up to its end or to where it makes no
// sense.
func count(data []byte) map[uint16]int {
	all := map[uint16]int{}
	word := func(order binary.ByteOrder, at int) int {
		if at+4 > len(data) {
			return -1
		}
		return int(order.Uint32(data[at:]))
	}
	var order binary.ByteOrder = binary.LittleEndian
	if word(order, 0) == 0x0a0d0d0a {
		countNextGeneration(data, all)
		return all
	}
	head := 16
	switch uint32(word(order, 0)) {
	case 0xd4c3b2a1, 0x4d3cb2a1:
		order = binary.BigEndian
	case 0x34cdb2a1:
		order, head = binary.BigEndian, 24
	case 0xa1b2cd34:
		head = 24
	case 0xa1b2c3d4, 0xa1b23c4d:
	default:
		return all
	}
	if len(data) < 24 {
		return all
	}
	link := uint16(word(order, 20))
	for at := 24; at+head <= len(data); {
		size := word(order, at+8)
		if minor := order.Uint16(data[6:]); minor < 3 || minor == 3 && size > word(order, at+12) {
			size = word(order, at+12)
		}
		if at += head + size; at > len(data) || size > longestCaptured {
			break
		}
		all[link]++
	}
	return all
}

func countNextGeneration(data []byte, all map[uint16]int) {
	var order binary.ByteOrder = binary.LittleEndian
	var links []uint16
	for len(data) >= 16 {
		if string(data[:4]) == "\n\r\r\n" {
			links, order = nil, binary.BigEndian
			if data[8] == 0x4d {
				order = binary.LittleEndian
			}
			if order.Uint16(data[12:]) != 1 {
				return // a version that nobody knows
			}
		}
		size := int(order.Uint32(data[4:]))
		if size < 12 || size > len(data) || size%4 != 0 {
			return
		}
		on, size2 := -1, int(order.Uint32(data[size-4:]))
		switch order.Uint32(data) {
		case 1:
			links = append(links, order.Uint16(data[8:]))
		case 2:
			on = int(order.Uint16(data[8:]))
		case 3:
			on = 0
		case 6:
			on = int(order.Uint32(data[8:]))
		}
		if size2 != size || on >= len(links) {
			return
		}
		if on >= 0 {
			all[links[on]]++
		}
		data = data[size:]
	}
}

// All packets of public captures are read: those in the module of gopacket, and
// those in the folder that CAPTURE_DIR in the environment names.
func TestPublicCaptures(t *testing.T) {
	out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}",
		"github.com/gopacket/gopacket").Output()
	require.NoError(t, err)
	folders := []string{strings.TrimSpace(string(out)), os.Getenv("CAPTURE_DIR")}
	files, foreign := 0, 0
	served, skipped := map[LinkType]int{}, map[LinkType]int{}
	for _, folder := range folders {
		if folder == "" {
			continue
		}
		err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || !entry.Type().IsRegular() || !strings.Contains(filepath.Ext(path), "cap") {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			files++
			r, err := NewReader(bytes.NewReader(data))
			if err != nil {
				if !errors.Is(err, ErrLinkType) {
					foreign++
				}
				for link, n := range count(data) {
					skipped[LinkType(link)] += n
					assert.False(t, LinkType(link).served() && n > 0, "%s: %v", path, err)
				}
				return nil
			}
			for err == nil {
				_, err = r.Next(nil)
			}
			total := r.Number()
			if !errors.Is(err, io.EOF) {
				total-- // the one at fault
			}
			want := count(data)
			for link, n := range r.Skipped() {
				skipped[link] += n
				assert.Equal(t, want[uint16(link)], n, "%s: %v skipped", path, link)
				delete(want, uint16(link))
				total -= n
			}
			all := 0
			for link, n := range want {
				served[LinkType(link)] += n
				all += n
			}
			assert.Equal(t, all, total, "%s: %v", path, err)
			return nil
		})
		require.NoError(t, err)
	}
	assert.Greater(t, files, 50)
	t.Logf("%d files, %d of them no captures; packets read: %v; skipped: %v", files, foreign, served, skipped)
}
